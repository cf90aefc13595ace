"""One run of a demo on a stack that is up: plans, apps, publishing, and the account at the end."""

import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Self

from daybeat.clock import Clock
from daybeat.demo_cast import DemoCast
from daybeat.demo_feeds import DemoFeeds
from daybeat.demo_planner import DemoPlanner
from daybeat.demo_summary import (
    Connection,
    DemoSummary,
    Percentiles,
    broken_conditions,
    profiles_since,
    stored_figures,
)
from daybeat.settings import Settings, required
from daybeat.stack import Stack
from ingest.broker import BrokerAddress
from ingest.device_messages import DeviceMessage
from ingest.paced_publishing import publish_by_clock
from ingest.pacing import Schedule
from ingest.publish import PublishCounts, Publisher
from push.tokens import make_token
from schemas.errors import UnavailableError
from stores.connections import connect_database, connect_redis
from stores.log import RedisLog

SETTLE_PATIENCE: Final = timedelta(seconds=60)
"""How long plans may take to be put, and everything to be stored at the end."""
STOP_PATIENCE_S: Final = 1.0
_TOKEN_TTL: Final = timedelta(days=30)
_LIVE_SEQ_AHEAD: Final = 10_000_000
"""Live readings are numbered from so far above the history's, to tell them apart in SQL."""
_POLL_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Account:
    """How a run ended."""

    summary: DemoSummary
    broken: list[str]
    """A sentence for everything that should hold and does not."""


class DemoRun:
    """Publishes a cast's messages through a stack and follows what comes of them. A context manager."""

    def __init__(self, stack: Stack, cast: DemoCast, *, clock: Clock) -> None:
        self._cast = cast
        self._clock = clock
        self._settings: Settings = stack.settings
        self._resources = ExitStack()
        self._stop = threading.Event()
        self._is_over = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._publish, name="demo-publisher", daemon=True)
        self._history_seq = time.time_ns() // 1_000_000
        self._live_seq = self._history_seq + _LIVE_SEQ_AHEAD
        self._schedule = Schedule(cast.begins_us)
        self._before_live = PublishCounts(0, 0, 0, 0, 0)
        self._live_began_s: float | None = None
        self._events_before = 0
        address = BrokerAddress.parse(required(self._settings.mqtt_url, "mqtt_url"))
        users = [person.user_id for person in cast.people]
        self.publisher = Publisher(address, users=users, first_seq=self._history_seq)
        tokens = {user_id: self._token(user_id) for user_id in users}
        self.feeds = DemoFeeds(stack.urls.websocket, tokens, sent_ns=self._live_sent_ns)

    def __enter__(self) -> Self:
        """Connect, put today's and tomorrow's plans, and begin to publish.

        Raises:
            UnavailableError: a server does not answer, or the plans were not put in time.
        """
        patience = timedelta(seconds=self._settings.patience_s)
        try:
            client = connect_redis(required(self._settings.redis_url, "redis_url"), patience=patience)
            self._resources.callback(client.close)
            log = RedisLog.open(
                client, partitions=self._settings.partitions, bytes_max=self._settings.log_bytes_max
            )
            self._planner = DemoPlanner(log, self._cast.people, now_us=self._clock.now_us)
            self._resources.enter_context(self.publisher)
            self.publisher.open(patience=patience)
            self._resources.enter_context(self.feeds)
            self._put_first_plans()
            self._resources.callback(self._end_publishing)
            self._thread.start()
        except BaseException:
            self._resources.close()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self._resources.close()

    @property
    def is_live(self) -> bool:
        """Whether the history is published and the day has begun."""
        return self._live_began_s is not None

    @property
    def is_over(self) -> bool:
        """Whether all messages are published."""
        return self._is_over.is_set()

    def keep_going(self) -> None:
        """Do what must be done now and then: put the plans of the next day, raise what went wrong."""
        if self._failure is not None:
            raise self._failure
        self.feeds.check()
        self._planner.put_plans()

    def live_counts(self) -> PublishCounts:
        """Return how far publishing has come, history left out."""
        now, before = self.publisher.counts(), self._before_live
        if not self.is_live:
            return before
        return PublishCounts(
            messages=now.messages - before.messages,
            readings=now.readings - before.readings,
            refused=now.refused - before.refused,
            unacked=now.unacked,
            sent_again=now.sent_again - before.sent_again,
        )

    def settle(self) -> Account:
        """Return the account of a run that is over, once all is stored and pushed, or time is up."""
        deadline_s = time.monotonic() + SETTLE_PATIENCE.total_seconds()
        self.publisher.wait_for_backlog(0, timeout=SETTLE_PATIENCE)
        # Whatever was decided before these commands has been pushed once they are done.
        marked_us = self._clock.now_us()
        self.feeds.wait_for_commands(self._planner.put_profiles("end"), SETTLE_PATIENCE)
        url = required(self._settings.database_url, "database_url")
        with connect_database(url, patience=SETTLE_PATIENCE) as connection:
            while True:
                decisions_are_stored = profiles_since(connection, marked_us) >= len(self._cast.people)
                account = self._account(connection)
                if (decisions_are_stored and not account.broken) or time.monotonic() > deadline_s:
                    return account
                time.sleep(_POLL_S)

    def _account(self, connection: Connection) -> Account:
        stored = stored_figures(connection, history_seq=self._history_seq, live_seq=self._live_seq)
        latency = self.feeds.latency()
        summary = DemoSummary(
            readings_published=self.live_counts().readings,
            readings_stored=stored.readings,
            readings_dead_lettered=stored.dead_lettered,
            duplicates_stored=stored.duplicates,
            rules_fired=stored.rules_fired,
            plans_rewritten=len(stored.plans_rewritten),
            events_pushed=self.feeds.events - self._events_before,
            publish_to_push_ms=Percentiles(
                p50=latency.p50_ms if latency else None, p99=latency.p99_ms if latency else None
            ),
            seconds=round(time.monotonic() - (self._live_began_s or time.monotonic()), 1),
        )
        broken = broken_conditions(
            summary,
            rewritten=stored.plans_rewritten,
            pushed=frozenset(self.feeds.plans_changed()),
            shown_rules=self._cast.shown_rules,
        )
        return Account(summary, broken)

    def _live_sent_ns(self, user_id: str, device_id: str, seq: int) -> int | None:
        """Return when a live reading was published; what history sets off waits behind all of it."""
        return self.publisher.sent_ns(user_id, device_id, seq) if seq >= self._live_seq else None

    def _put_first_plans(self) -> None:
        if not self.feeds.wait_until_welcomed(SETTLE_PATIENCE):
            raise UnavailableError(
                "not everybody was welcomed", where="push server", mend="look at the push server's log"
            )
        put = self._planner.put_profiles("begin") + self._planner.put_plans()
        if not self.feeds.wait_for_commands(put, SETTLE_PATIENCE):
            raise UnavailableError(
                f"the plans were not put within {SETTLE_PATIENCE.total_seconds():g} s",
                where="live flow",
                mend="look at the live flow's log",
            )

    def _publish(self) -> None:
        try:
            publish_by_clock(
                self.publisher,
                self._cast.messages(),
                self._schedule,
                clock=self._clock,
                stop=self._stop,
                published=self._notice_live,
            )
        except Exception as error:  # noqa: BLE001  # raised again by keep_going, in the main thread
            self._failure = error
        finally:
            self._is_over.set()

    def _notice_live(self, message: DeviceMessage) -> None:
        if self._live_began_s is None and self._schedule.is_live(message):
            self._before_live = self.publisher.counts()
            self._events_before = self.feeds.events
            self.publisher.number_from(self._live_seq)
            self._live_began_s = time.monotonic()

    def _end_publishing(self) -> None:
        self._stop.set()
        self._thread.join(STOP_PATIENCE_S)

    def _token(self, user_id: str) -> str:
        secret = self._settings.token_secret
        return make_token(
            user_id,
            secret=required(secret.get_secret_value() if secret else None, "token_secret"),
            audience=self._settings.token_audience,
            expires_at=datetime.now(UTC) + _TOKEN_TTL,
        )
