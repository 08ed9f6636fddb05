"""Who is who at one running server: tokens, cookies, limits, counts and the audit log, put together.

The doors (`gate`, `signin`, the websocket) hand in what they were shown and the peer's address, and get an `Identity` or
a `Refusal`. `now_ns` is the time of a clock that does not jump.
"""

import base64
import binascii
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from twinstage.base.clock import Clock, SystemClock
from twinstage.sync.access.audit import Audit, Write
from twinstage.sync.access.buckets import AddressBuckets, Bucket, is_loopback
from twinstage.sync.access.choices import AccessChoices
from twinstage.sync.access.cookies import CookieJar
from twinstage.sync.access.embedding import Embedders
from twinstage.sync.access.limits import Limits
from twinstage.sync.access.origins import Origins
from twinstage.sync.access.roles import LOCAL, Identity, Refusal, Role
from twinstage.sync.access.store import WatchedTokens, cookie_key
from twinstage.sync.access.tokens import Token, judge, standing

SUBPROTOCOL = "twin.token."
"""A second subprotocol of that form carries a token, as base64url without padding."""
_AGAIN_NS = 3600 * 1_000_000_000
_REMEMBERED = 10_000


@dataclass
class Counts:
    """Totals since the start, for metrics."""

    sign_ins: Counter[str] = field(default_factory=Counter)
    """By role."""
    refusals: Counter[str] = field(default_factory=Counter)
    """By reason: missing, wrong, expired, revoked, role, origin, ..."""
    limited: Counter[str] = field(default_factory=Counter)
    """By limit: clients, connections, messages, body, header, ..."""
    changes: int = 0


class Access:
    """The access of one server. Without `tokens`, everybody is the local engineer."""

    def __init__(
        self,
        tokens: WatchedTokens | None = None,
        *,
        key: bytes = b"",
        limits: Limits | None = None,
        origins: Origins | None = None,
        embed: Embedders | None = None,
        clock: Clock | None = None,
        audit: Write | None = None,
    ) -> None:
        self._tokens = tokens
        self.jar = CookieJar(key)
        self.limits = limits or Limits()
        self.origins = origins or Origins()
        self.embed = Embedders() if embed is None else embed
        self.counts = Counts()
        self._clock = clock or SystemClock()
        self.audit = Audit(self.now, audit)
        self._wrong = AddressBuckets(self.limits.wrong_tokens_per_second, self.limits.wrong_tokens)
        self._told = AddressBuckets(1.0, 20.0)
        self._seen: OrderedDict[tuple[str, str, str], int] = OrderedDict()
        self._seats: Counter[str] = Counter()
        self._problem = ""

    def now(self) -> datetime:
        """Time of day."""
        return datetime.fromtimestamp(self._clock.now_ns() / 1e9, UTC)

    @property
    def asks(self) -> bool:
        """Whether a token is needed."""
        return self._tokens is not None

    # ------------------------------------------------------------------ who

    def local(self, address: str) -> Identity:
        """Whoever comes to a server that asks for no token."""
        return Identity(LOCAL, Role.ENGINEER, "", address)

    def by_token(self, text: str, address: str, *, via: str, now_ns: int) -> Identity | Refusal:
        """Who shows that token."""
        found = self._judge(text)
        if isinstance(found, Refusal):
            return self._slow_down(found, address, now_ns)
        who = Identity(found.name, found.rank, found.id, address)
        self._note(who, via, now_ns)
        return who

    def by_cookie(self, text: str, address: str) -> Identity | Refusal | None:
        """Whose cookie that is; None for something that is none of ours."""
        if self._tokens is None:
            return None
        token_id = self.jar.token_id(text)
        token = None if token_id is None else self._current().get(token_id)
        if token is None or not self.jar.holds(text, token, self._seconds()):
            return self._unreadable()
        return standing(token, self.now()) or Identity(token.name, token.rank, token.id, address)

    def bake(self, who: Identity) -> tuple[str, int] | None:
        """A cookie for somebody who has just shown a token, and its lifetime [s]."""
        token = self._current().get(who.token_id)
        return None if token is None else self.jar.bake(token, self._seconds())

    def still(self, who: Identity) -> Refusal | None:
        """Why somebody who was let in has to go: the token was revoked, has expired, or its file is gone."""
        if self._tokens is None or not who.token_id:
            return None
        token = self._current().get(who.token_id)
        if token is None:
            return self._unreadable() or Refusal("revoked", f"the token {who.name!r} is no longer known here")
        if token.rank != who.role:
            return Refusal("revoked", f"the token {who.name!r} has another role now", code=1012)
        return standing(token, self.now())

    def missing(self) -> Refusal:
        """The refusal of somebody who shows nothing."""
        return Refusal(
            "missing", "this server asks for a token: Authorization: Bearer, or `token` in the hello"
        )

    def _judge(self, text: str) -> Token | Refusal:
        known = self._current()
        return self._unreadable() or judge(known, text, self.now())

    def _current(self) -> Mapping[str, Token]:
        if self._tokens is None:
            return {}
        known = self._tokens.current()
        if self._tokens.problem != self._problem:
            self._problem = self._tokens.problem
            self.audit.tokens_read(self._problem)
        return known

    def _unreadable(self) -> Refusal | None:
        if self._tokens is None or not self._tokens.problem:
            return None
        return Refusal("unreadable", "the token file of this server cannot be read now", 503, 1013, 5)

    def _slow_down(self, refusal: Refusal, address: str, now_ns: int) -> Refusal:
        """Wrong tokens are answered more shortly after some; a right one is let in whoever else shares its address."""
        if refusal.reason != "wrong" or self._wrong.take(address, now_ns):
            return refusal
        wait = round(self._wrong.wait_s(address, now_ns)) + 1
        sentence = f"too many wrong tokens came from {address}; try again in {wait} s"
        return Refusal("too_many", sentence, 429, 4429, wait)

    def _note(self, who: Identity, via: str, now_ns: int) -> None:
        """Counts a sign-in and tells of it, but not of each request of a program that sends its token every second."""
        key = (who.token_id, who.address, via)
        last = self._seen.get(key)
        if via == "bearer" and last is not None and now_ns - last < _AGAIN_NS:
            return
        self._seen[key] = now_ns
        self._seen.move_to_end(key)
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        self.counts.sign_ins[who.role.word] += 1
        self.audit.signed_in(who, via)

    # ------------------------------------------------------------------ the websocket

    def admission(
        self, who: Identity | Refusal | None, offered: str, address: str, now: Callable[[], int]
    ) -> Callable[[str | None], Identity | Refusal]:
        """What a websocket's session asks when the hello comes, with the token in it.

        `who`: from a header or cookie; `offered`: a token that came as a subprotocol.
        """

        def admit(token: str | None) -> Identity | Refusal:
            if not self.asks:
                return self.local(address)
            answer: Identity | Refusal
            if token or offered:
                via = "hello" if token else "subprotocol"
                answer = self.by_token(token or offered, address, via=via, now_ns=now())
            else:
                answer = who or self.missing()
            if isinstance(answer, Refusal):
                self.refuse(answer, address=address, what="WEBSOCKET /ws", now_ns=now())
            return answer

        return admit

    def talk(self, now_ns: int) -> Bucket:
        """The bucket of control messages of one websocket."""
        return Bucket(self.limits.messages_per_second, self.limits.message_burst, now_ns)

    @contextmanager
    def seat(self, address: str) -> Iterator[Refusal | None]:
        """A websocket's place while it lasts, or why there is none."""
        refusal = self._no_seat(address)
        if refusal is not None:
            yield refusal
            return
        self._seats[address] += 1
        try:
            yield None
        finally:
            self._seats[address] -= 1
            if not self._seats[address]:
                del self._seats[address]

    def _no_seat(self, address: str) -> Refusal | None:
        most, here = self.limits.clients, self.limits.clients_by_address
        if self._seats.total() >= most:
            self.counts.limited["clients"] += 1
            return Refusal("clients", f"this server has its {most} clients already", 503, 4429)
        if self._seats[address] >= here and not is_loopback(address):
            self.counts.limited["clients_by_address"] += 1
            return Refusal("clients", f"{address} has its {here} clients already", 503, 4429)
        return None

    # ------------------------------------------------------------------ counting and telling

    def refuse(
        self, refusal: Refusal, *, address: str, what: str, now_ns: int, who: Identity | None = None
    ) -> None:
        """Counts a refusal and tells the audit log, unless that address floods it."""
        self.counts.refusals[refusal.reason] += 1
        if self._told.take(address, now_ns):
            self.audit.refused(refusal, address=address, what=what, who=who)

    def changed(self, who: Identity, what: str, outcome: str = "done") -> None:
        """Somebody changed something, or was not allowed to by the twin itself."""
        self.counts.changes += outcome == "done"
        self.audit.changed(who, what, outcome)

    def _seconds(self) -> int:
        return self._clock.now_ns() // 1_000_000_000


def open_access(
    choices: AccessChoices,
    *,
    clock: Clock | None = None,
    limits: Limits | None = None,
    audit: Write | None = None,
) -> Access:
    """The access that a user chose; UserError where the token file cannot be used."""
    origins, embed = Origins(choices.origins), Embedders(choices.embed)
    limits = limits or choices.limits
    if choices.tokens is None:
        return Access(limits=limits, origins=origins, embed=embed, clock=clock, audit=audit)
    return Access(
        WatchedTokens(choices.tokens),
        key=cookie_key(choices.tokens),
        limits=limits,
        origins=origins,
        embed=embed,
        clock=clock,
        audit=audit,
    )


def offered_token(subprotocols: list[str]) -> str:
    """The token that came as a subprotocol; empty where none did, `?` where it is not base64url."""
    for text in subprotocols:
        if text.startswith(SUBPROTOCOL):
            code = text.removeprefix(SUBPROTOCOL)[:400]
            try:
                return (
                    base64.b64decode(code + "=" * (-len(code) % 4), altchars=b"-_", validate=True).decode()
                    or "?"
                )
            except (binascii.Error, ValueError):
                return "?"
    return ""
