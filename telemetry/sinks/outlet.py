"""Sends what is to be told, on a thread of its own: a sink that is slow or away holds up nobody.

At most `MOST_WAITING` messages wait; the oldest are given up first, and how many is told as soon as the sink is back. An
attempt that failed is repeated after 1, 2, 4, ... up to 60 s, for as long as it makes sense; meanwhile new messages join,
and the next attempt carries up to `MOST_AT_ONCE` of all that wait.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from twinstage.telemetry.alarms.records import AlarmRecord
from twinstage.telemetry.alarms.told import Teller
from twinstage.telemetry.contract import utc
from twinstage.telemetry.sinks.base import Message, SendError, Sink
from twinstage.telemetry.sinks.compose import Composer

log = logging.getLogger("twinstage.alarms")

MOST_WAITING = 1000
MOST_AT_ONCE = 50
FIRST_RETRY_S, LAST_RETRY_S = 1.0, 60.0
CLOSE_S = 3.0
"""How long `close` waits for what is under way [s]."""


class Outlet:
    """One sink with its queue and thread.

    Attributes:
        sent, failed, dropped: messages that the sink took, that it will never take, and that were given up for room.
    """

    def __init__(
        self, sink: Sink, teller: Teller, *, first_retry_s: float = FIRST_RETRY_S, most: int = MOST_WAITING
    ) -> None:
        self.sink = sink
        self.sent = self.failed = self.dropped = 0
        self._composer = Composer(sink, teller)
        self._first_retry_s = first_retry_s
        self._most = most
        self._waiting: deque[Message] = deque()
        self._untold = 0
        self._at_ns = 0
        self._wake = threading.Condition()
        self._closing = False
        self._closing_until = 0.0
        self._thread = threading.Thread(target=self._run, name=f"alarms-{sink.called}", daemon=True)
        self._thread.start()

    def take(self, records: Sequence[AlarmRecord], at_ns: int) -> None:
        """Queue what the sink is to be told of those records; never waits for the sink."""
        messages = self._composer.messages(records, at_ns)
        if not messages:
            return
        with self._wake:
            self._at_ns = at_ns
            self._waiting.extend(messages)
            while len(self._waiting) > self._most:
                self._waiting.popleft()
                self._give_up(1)
            self._wake.notify()

    def stop(self) -> None:
        """Try once more to send what waits, and end; returns at once."""
        with self._wake:
            self._closing = True
            self._closing_until = self._closing_until or time.monotonic() + CLOSE_S
            self._wake.notify()

    def close(self) -> None:
        """`stop`, and wait for it, until `CLOSE_S` after it; what is left is logged."""
        self.stop()
        self._thread.join(max(0.0, self._closing_until - time.monotonic()))
        if self._waiting:
            log.warning("alarm sink %s: %d messages were not sent", self.sink.called, len(self._waiting))

    def counts(self) -> dict[str, Any]:
        """The sink's name, counters, and how many wait."""
        return {
            "name": self.sink.called,
            "sent": self.sent,
            "failed": self.failed,
            "dropped": self.dropped,
            "waiting": len(self._waiting),
        }

    def _give_up(self, count: int) -> None:
        self.dropped += count
        self._untold += count

    def _run(self) -> None:
        delay = 0.0
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._waiting or self._closing)
                if self._closing and not self._waiting:
                    return
                batch, untold = self._batch()
            delay = self._attempt(batch, untold, delay)
            if delay:
                if self._closing:
                    return
                self._pause(delay)

    def _batch(self) -> tuple[list[Message], int]:
        batch = [self._waiting[k] for k in range(min(len(self._waiting), MOST_AT_ONCE))]
        return batch, self._untold

    def _attempt(self, batch: list[Message], untold: int, delay: float) -> float:
        """Try to send; returns how long to wait before the next attempt [s], 0 after a success."""
        lost = [_lost(untold, self._at_ns)] if untold else []
        try:
            self.sink.send([*lost, *batch])
        except SendError as error:
            if error.again:
                if not delay:
                    log.warning("alarm sink %s: %s; it will be tried again", self.sink.called, error)
                return min(delay * 2, LAST_RETRY_S) if delay else self._first_retry_s
            log.error("alarm sink %s: %s; %d messages are given up", self.sink.called, error, len(batch))
            self._remove(batch)
            self.failed += len(batch)
            return 0.0
        except Exception as error:  # a plug-in's defect must not end the thread silently
            log.exception("alarm sink %s: %r; %d messages are given up", self.sink.called, error, len(batch))
            self._remove(batch)
            self.failed += len(batch)
            return 0.0
        if delay:
            log.info("alarm sink %s: it works again", self.sink.called)
        with self._wake:
            self._untold -= untold
        self._remove(batch)
        self.sent += len(batch)
        return 0.0

    def _remove(self, batch: list[Message]) -> None:
        """Take those out of the queue; some may have been given up meanwhile (they were sent after all)."""
        gone = {message.id for message in batch}
        with self._wake:
            while self._waiting and self._waiting[0].id in gone:
                self._waiting.popleft()

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        with self._wake:
            self._wake.wait_for(lambda: self._closing, max(0.0, end - time.monotonic()))


def _lost(count: int, at_ns: int) -> Message:
    text = f"{count} older message{'s' if count != 1 else ''} could not be sent; the journal has them"
    return Message(f"{at_ns}-lost-{count}", utc(at_ns), "lost", "", "", text, {"count": count})
