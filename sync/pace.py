"""Whether a client keeps up with its tier: when it has to step down, and when it may step up again. Pure."""

from typing import Literal

_NS = 1_000_000_000
PATIENCE_NS = 19 * _NS // 10
"""How long a client may miss ticks, or owe an acknowledgement, before it steps down: two judgements."""
FIRST_HOLD_NS = 9 * _NS // 10
LONGEST_HOLD_NS = 30 * _NS
_RELAPSE_NS = 10 * _NS
_BAD, _GOOD = 0.25, 0.05
"""Fraction of ticks missed from which a second counts as bad, and up to which as good."""

Step = Literal["down", "up", ""]


class Pace:
    """Judged about once a second."""

    def __init__(self, now_ns: int) -> None:
        self._told = self._missed = 0
        self._bad_since: int | None = None
        self._good_since: int | None = None
        self._last_ns = now_ns
        self._stepped_up_ns = -LONGEST_HOLD_NS
        self._hold_ns = FIRST_HOLD_NS

    def note(self, missed: bool) -> None:
        """The tier has told a tick; `missed`: the client could not take it or has skipped the one before."""
        self._told += 1
        self._missed += missed

    def judge(self, now_ns: int, owes_ns: int) -> Step:
        """`owes_ns`: how long it has owed its oldest acknowledgement, 0 = none."""
        told, missed, begin = self._told, self._missed, self._last_ns
        self._told = self._missed = 0
        self._last_ns = now_ns
        if owes_ns > PATIENCE_NS or (told >= 2 and missed > _BAD * told):
            self._good_since = None
            self._bad_since = begin if self._bad_since is None else self._bad_since
            if max(now_ns - self._bad_since, owes_ns) >= PATIENCE_NS:
                self._bad_since = None
                return "down"
        elif missed <= _GOOD * told:
            self._bad_since = None
            self._good_since = begin if self._good_since is None else self._good_since
            if now_ns - self._good_since >= self._hold_ns:
                self._good_since = None
                return "up"
        else:
            self._bad_since = self._good_since = None
        return ""

    def stepped(self, step: Step, now_ns: int) -> None:
        """The client has really stepped. Who falls back soon has to wait longer for the next try."""
        if step == "up":
            self._stepped_up_ns = now_ns
        elif now_ns - self._stepped_up_ns < _RELAPSE_NS:
            self._hold_ns = min(2 * self._hold_ns, LONGEST_HOLD_NS)

    def forgive(self, now_ns: int) -> None:
        """The client slept: what it missed does not count."""
        self._told = self._missed = 0
        self._bad_since = None
        self._last_ns = now_ns

    def steady(self) -> None:
        """It is as fast as it asked to be, and has been for a while."""
        self._hold_ns = max(FIRST_HOLD_NS, self._hold_ns // 2)
