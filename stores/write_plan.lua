#!lua
-- Stores what one firing, command or timer of one person came to: all of it, or nothing.
--
-- KEYS  1 person  2 feed  3 live  4 decisions  5 commands  6… plans
-- ARGV  1 position  2 expected applied position ('' if none)  3 person state  4 last feed id ('' if no new event)
--       5 records for the history ('' if none)  6 user id
--       7 command id ('' if none)  8 its outcome  9 how long that is kept, ms
--       10 feed entries at most  11 how long a feed is kept, s  12 live entries at most
--       then, for each plan: its text, how long it is kept in s; then, for each event: its id, its text
-- Returns 'written', 'replayed' (this position or a later one is stored already) or 'conflict'
-- (something else was stored since the plans were read).

local person, feed, live, decisions, commands = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local first_plan, first_argument = 6, 13

local function parse(position)
  local ms, seq, index = string.match(position, '^(%d+)-(%d+)-(%d+)$')
  return { tonumber(ms), tonumber(seq), tonumber(index) }
end

local function is_after(one, other)
  for part = 1, 3 do
    if one[part] ~= other[part] then
      return one[part] > other[part]
    end
  end
  return false
end

local applied = redis.call('HGET', person, 'applied') or ''
if applied ~= '' and not is_after(parse(ARGV[1]), parse(applied)) then
  return 'replayed'
end
if applied ~= ARGV[2] then
  return 'conflict'
end

-- A script that fails is not rolled back. So all that can fail stands before the first write: a key of a wrong
-- type fails in these reads; memory, disk and role were checked before the script began ('#!lua' asks for that);
-- and feed ids that do not increase fail in the first XADD, which is the first write.
redis.call('XLEN', feed)
redis.call('XLEN', live)
redis.call('XLEN', decisions)
redis.call('HLEN', commands)

local plan_count = #KEYS - first_plan + 1
local first_event = first_argument + 2 * plan_count
for at = first_event, #ARGV, 2 do
  redis.call('XADD', feed, 'MAXLEN', '=', ARGV[10], ARGV[at], 'e', ARGV[at + 1])
end
if first_event <= #ARGV then
  redis.call('EXPIRE', feed, ARGV[11])
end
for at = first_event, #ARGV, 2 do
  redis.call('XADD', live, 'MAXLEN', '~', ARGV[12], '*', 'u', ARGV[6], 'i', ARGV[at], 'e', ARGV[at + 1])
end
for number = 0, plan_count - 1 do
  local at = first_argument + 2 * number
  redis.call('SET', KEYS[first_plan + number], ARGV[at], 'EX', ARGV[at + 1])
end
if ARGV[5] ~= '' then
  redis.call('XADD', decisions, '*', 'd', ARGV[5])
end
if ARGV[7] ~= '' and redis.call('HSETNX', commands, ARGV[7], ARGV[8]) == 1 then
  redis.call('HPEXPIRE', commands, ARGV[9], 'FIELDS', 1, ARGV[7])
end
redis.call('HSET', person, 'applied', ARGV[1], 'state', ARGV[3])
if ARGV[4] ~= '' then
  redis.call('HSET', person, 'feed_last', ARGV[4])
end
return 'written'
