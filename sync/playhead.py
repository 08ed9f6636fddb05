"""The shared playhead: one client leads through time, others follow. One room a server, without any I/O.

A leader says which moment it looks at, whether it plays, and how fast; everybody who asked for the capability hears of it. Who
follows does so by itself: the room only tells names. An operator may lead, also instead of somebody who leads; a viewer may
follow.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from twinstage.sync import messages as m
from twinstage.sync.access.roles import Identity, Role

FASTEST: Final = 1e4
"""Speeds are within +- that many times [1]."""
LATEST_NS: Final = (1 << 63) - 1
MOST_NAMES: Final = 20
"""Followers that are told by name."""
TELLS_PER_SECOND: Final = 20
"""What a leader may say; more is left out, for it says it again each second."""
_NS: Final = 1_000_000_000


class Member(Protocol):
    """A client, as the room sees it."""

    who: Identity
    caps: frozenset[str]

    def playhead(self, told: m.Playhead) -> None:
        """Say that to the client."""
        ...

    def notice(self, level: str, text: str) -> None:
        """Say a sentence to the client."""
        ...


@dataclass(slots=True)
class Room:
    """Who leads, where to, and who follows. `members`: all clients of the server."""

    members: Iterable[Member]
    leader: Member | None = None
    followers: dict[Member, None] = field(default_factory=dict)
    _at: m.UsePlayhead = field(default_factory=m.UsePlayhead)
    _said_ns: int = 0
    _second: int = -1
    _told: int = 0

    def use(self, asked: m.UsePlayhead, one: Member, now_ns: int, wall_ns: int) -> None:
        """What a client said of the playhead."""
        if asked.do == "lead":
            self._lead(asked, one, wall_ns)
        elif asked.do == "tell":
            if one is self.leader and _fits(asked) and self._in_time(now_ns):
                self._at, self._said_ns = asked, wall_ns
                self._tell()
        elif asked.do == "follow":
            if self.leader is None:
                one.notice("info", "Nobody leads any more.")
            elif one is not self.leader:
                self.followers[one] = None
            self._tell()
        else:
            self.left(one)

    def left(self, one: Member) -> None:
        """A client does not lead or follow any more, or is gone. Where it led, nobody does, and nobody follows."""
        was = one in self.followers or one is self.leader
        self.followers.pop(one, None)
        if one is self.leader:
            self.leader = None
            self.followers.clear()
        if was:
            self._tell()

    def welcome(self, one: Member) -> None:
        """What a client that comes has to know."""
        if self.leader is not None and m.CAP_PLAYHEAD in one.caps:
            one.playhead(self._as_told(one))

    def _lead(self, asked: m.UsePlayhead, one: Member, wall_ns: int) -> None:
        if not one.who.may(Role.OPERATOR):
            one.notice(
                "warning", f"To lead through time needs the role operator; you have {one.who.role.word}."
            )
            return
        if not _fits(asked):
            one.notice("warning", "That is no moment to lead to.")
            return
        before = self.leader
        if before is not None and before is not one:
            self.followers[before] = None
            before.notice("info", f"{one.who.name} leads through time now; you follow.")
        self.followers.pop(one, None)
        self.leader, self._at, self._said_ns = one, asked, wall_ns
        self._tell()

    def _in_time(self, now_ns: int) -> bool:
        """Whether the leader may say something now."""
        if now_ns // _NS != self._second:
            self._second, self._told = now_ns // _NS, 0
        self._told += 1
        return self._told <= TELLS_PER_SECOND

    def _tell(self) -> None:
        for one in self.members:
            if m.CAP_PLAYHEAD in one.caps:
                one.playhead(self._as_told(one))

    def _as_told(self, one: Member) -> m.Playhead:
        if self.leader is None:
            return m.Playhead(None, "none")
        part: Literal["leads", "follows", "none"] = (
            "leads" if one is self.leader else "follows" if one in self.followers else "none"
        )
        names = [follower.who.name[:40] for follower in list(self.followers)[:MOST_NAMES]]
        return m.Playhead(
            self.leader.who.name,
            part,
            self._at.at_ns,
            self._at.playing,
            self._at.speed,
            str(self._said_ns),
            names,
            len(self.followers),
        )


def _fits(asked: m.UsePlayhead) -> bool:
    """Whether the moment and the speed are such."""
    if not math.isfinite(asked.speed) or not 0 < abs(asked.speed) <= FASTEST:
        return False
    at = asked.at_ns
    return at is None or (at.isascii() and at.isdigit() and len(at) < 20 and int(at) <= LATEST_NS)
