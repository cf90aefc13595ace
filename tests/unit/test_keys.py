import datetime as dt

from stores import keys


def test_every_key_of_a_partition_carries_its_number_as_a_hash_tag() -> None:
    day = dt.date(2026, 11, 20)
    assert [
        keys.log_key(17),
        keys.committed_key(17),
        keys.decisions_key(17),
        keys.decisions_committed_key(17),
        keys.plan_key(17, "ada", day),
        keys.person_key(17, "ada"),
        keys.commands_key(17, "ada"),
        keys.feed_key(17, "ada"),
        keys.live_key(17),
        keys.due_key(17),
    ] == [
        "daybeat:{17}:log",
        "daybeat:{17}:committed",
        "daybeat:{17}:decisions",
        "daybeat:{17}:decisions:committed",
        "daybeat:{17}:plan:ada:2026-11-20",
        "daybeat:{17}:person:ada",
        "daybeat:{17}:commands:ada",
        "daybeat:{17}:feed:ada",
        "daybeat:{17}:live",
        "daybeat:{17}:due",
    ]


def test_the_rules_that_are_shown_belong_to_no_partition() -> None:
    assert keys.RULES == "daybeat:rules"
