"""The past of several twins that are shown as one: one moment for all, asked of each, and told as ticks of the whole.

A twin without a history, and one that is away, stays as it is now; the answer says which. Before its history begins a twin is
shown as it began.
"""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import Response

from twinstage.base.errors import UserError
from twinstage.scene.columns import TickColumns
from twinstage.scene.merge import merge_ticks
from twinstage.sync import codec
from twinstage.sync.access.roles import Identity, caller
from twinstage.sync.api.calls import Gate
from twinstage.sync.api.http import asked_of
from twinstage.sync.api.operation import Refused
from twinstage.sync.api.past import LIVE, MEDIA, MOST_BYTES, REVISION, UNTIL, PastAsk, step_of
from twinstage.sync.hub import usable
from twinstage.sync.messages import CHANNELS
from twinstage.sync.relay.asking import Refusal
from twinstage.sync.relay.bus import NoAnswer
from twinstage.sync.relay.forward import AWAY, Forward, sorry
from twinstage.sync.relay.join import Place, placed
from twinstage.sync.state import State
from twinstage.sync.view import View
from twinstage.telemetry.history.moments import iso_ns, moment_ns

if TYPE_CHECKING:
    from twinstage.sync.hub import Hub

_EVERYTHING = View(frozenset(CHANNELS))
_PATH = "/api/v1/past"


@dataclass(frozen=True, slots=True)
class Twin:
    """One of those that are shown as one: where its rows are in the whole, its hub here, and who passes calls on."""

    prefix: str
    place: Place
    hub: "Hub"
    forward: Forward

    @property
    def has_past(self) -> bool:
        """Whether it can be asked for one."""
        serves = self.hub.serves
        return self.hub.away is None and (serves is None or {"past", "history"} <= set(serves))


@dataclass(frozen=True, slots=True)
class _Span:
    """From one moment to another, which may be earlier [ns]; `way`: 1 or -1."""

    at_ns: int
    to_ns: int

    @property
    def way(self) -> int:
        return -1 if self.to_ns < self.at_ns else 1

    def within(self, first_ns: int) -> "_Span":
        """The same of a twin whose history begins there."""
        return _Span(max(self.at_ns, first_ns), max(self.to_ns, first_ns))


@dataclass(frozen=True, slots=True)
class _Told:
    """What a twin answered: its ticks as they came, and the moment up to which it told some."""

    twin: Twin
    nodes: int
    signals: int
    data: bytes
    until_ns: int
    cut: bool


class JoinedPast:
    """`whole`: the hub of the whole; `twins`: those that have a scene in it now."""

    def __init__(self, whole: "Hub", twins: Callable[[], Sequence[Twin]]) -> None:
        self._whole, self._twins = whole, twins
        self._joining = Gate(at_once=1, most_waiting=15, subject="the past")
        self._begun: dict[tuple[str, str], int] = {}
        """Where histories begin, by twin and run."""

    async def ticks(self, request: Request) -> Response:
        """`GET /api/v1/past` of the whole."""
        try:
            asked = asked_of(PastAsk, {}, request.query_params.multi_items())
            return await self._answer(asked, caller())
        except UserError as error:
            return sorry(422, str(error))
        except (Refused, Refusal) as error:
            return sorry(int(error.status), str(error), getattr(error, "retry_after", 0))
        except (TimeoutError, NoAnswer):
            return sorry(503, AWAY)
        except (codec.FrameError, KeyError, ValueError):
            return sorry(502, "a twin answered something that this relay does not understand")

    async def begun(self, who: Identity) -> dict[str, int]:
        """Where the histories of the twins begin [ns]; of those that have one."""
        able = [twin for twin in self._twins() if twin.has_past]
        found = await asyncio.gather(*(self._begin(twin, who) for twin in able))
        return {twin.prefix: first for twin, first in zip(able, found, strict=True) if first is not None}

    async def _begin(self, twin: Twin, who: Identity) -> int | None:
        key = twin.prefix, twin.hub.epoch
        if key not in self._begun:
            try:
                status, _, data = await twin.forward.asked("GET", "/api/v1/history", "", who)
            except (Refusal, NoAnswer, TimeoutError):
                return None
            first = json.loads(data).get("firstNs") if status == 200 else None
            if first is None:
                return None
            self._begun[key] = int(first)
        return self._begun[key]

    async def _answer(self, asked: PastAsk, who: Identity) -> Response:
        begun = await self.begun(who)
        if not begun:
            raise Refused(404, "none of the twins of this relay has a history; `twinstage serve --history`")
        first = min(begun.values())
        span = _Span(_moment(asked.at, "at", first), _moment(asked.to or asked.at, "to", first))
        step_of(asked, span.to_ns - span.at_ns)
        twins = self._twins()
        told = await self._asked([twin for twin in twins if twin.prefix in begun], begun, span, asked, who)
        live = [twin for twin in twins if twin.prefix not in told]
        still = [placed(twin.hub.tiers[0].state, -1, twin.place) for twin in live]
        whole = self._whole
        state = State(whole.scene.snapshot.node_count, len(whole.scene.signals))
        revision = whole.revision
        data, until = await self._joining.run(
            _joined, state, still, list(told.values()), span, whole.epoch_crc
        )
        headers = {
            "cache-control": "no-store",
            REVISION: str(revision),
            UNTIL: str(until),
            LIVE: json.dumps([twin.prefix for twin in live]),
        }
        return Response(data, media_type=MEDIA, headers=headers)

    async def _asked(
        self, twins: Sequence[Twin], begun: Mapping[str, int], span: _Span, asked: PastAsk, who: Identity
    ) -> dict[str, _Told]:
        """The answers of those that have one; where none has, the first one's refusal."""
        answers = await asyncio.gather(
            *(self._one(twin, span.within(begun[twin.prefix]), asked, who) for twin in twins),
            return_exceptions=True,
        )
        found = {one.twin.prefix: one for one in answers if isinstance(one, _Told)}
        for one in answers:
            if isinstance(one, BaseException) and (not found or not _is_away(one)):
                raise one
        return found

    async def _one(self, twin: Twin, span: _Span, asked: PastAsk, who: Identity) -> _Told:
        query = {"at": iso_ns(span.at_ns), "hz": repr(asked.hz)}
        if span.to_ns != span.at_ns:
            query["to"] = iso_ns(span.to_ns)
        if asked.viewer is not None:
            query["viewer"] = asked.viewer
        sizes = twin.hub.scene.snapshot.node_count, len(twin.hub.scene.signals)
        revision = twin.hub.revision
        status, headers, data = await twin.forward.asked("GET", _PATH, urlencode(query), who)
        if status != 200:
            raise Refusal(status, f"{twin.prefix}: {json.loads(data).get('error', 'it was refused')}")
        if headers.get(REVISION) != str(revision):
            raise Refusal(503, f"{twin.prefix}: its scene is another one by now; ask again")
        until = int(headers[UNTIL])
        return _Told(twin, *sizes, data, until, cut=until != span.to_ns)


def _is_away(error: BaseException) -> bool:
    """Whether a twin did not answer because it cannot just now."""
    return isinstance(error, NoAnswer | TimeoutError) or (isinstance(error, Refusal) and error.status == 503)


def _moment(text: str, where: str, first_ns: int) -> int:
    """From where the earliest history begins."""
    found = moment_ns(text.replace(" ", "+"), first_ns, where=where)  # a + in a query is a blank
    if found < first_ns:
        raise UserError(f"{where} {text!r} lies before the histories, which begin at {iso_ns(first_ns)}")
    return found


def _joined(
    state: State, still: Sequence[TickColumns], told: Sequence[_Told], span: _Span, epoch_crc: int
) -> tuple[bytes, int]:
    """All answers as one: a keyframe and the ticks after it, or before it; and the moment of the last one. Pure."""
    if still:
        columns = merge_ticks(still)
        state.take(1, columns, usable(columns), span.at_ns, moved=False)
    ends = [one.until_ns for one in told if one.cut]
    end = span.to_ns if not ends else min(ends) if span.way > 0 else max(ends)
    parts: list[bytes] = []
    size, seq, begin, last = 0, state.seq, state.seq, span.at_ns
    for moment, columns in _merged(told, span):
        if span.way * (moment - end) > 0 or size > MOST_BYTES:
            break
        base, seq, last = None if seq == begin else seq, seq + 1, moment
        moved = state.take(seq, columns, usable(columns), moment, moved=base is not None)
        messages = state.encode(epoch_crc, base, _EVERYTHING, moved=moved, zstd=True)
        parts += messages
        size += sum(map(len, messages))
    return b"".join(parts), last


def _merged(told: Sequence[_Told], span: _Span) -> Iterator[tuple[int, TickColumns]]:
    """Ticks of the whole in the order in which they are shown; the first of each twin is in the first one."""
    ticks: dict[int, list[tuple[_Told, State, list[codec.Frame]]]] = {}
    for one in told:
        held = State(one.nodes, one.signals)
        for k, frames in enumerate(_cut(one.data)):
            moment = span.at_ns if k == 0 else frames[-1].header.tick_ns
            ticks.setdefault(moment, []).append((one, held, frames))
    for moment in sorted(ticks, key=lambda moment: span.way * moment):
        columns = []
        for one, held, frames in ticks[moment]:
            before = held.seq
            held.take_frames(frames, moved=False)
            columns.append(placed(held, before, one.twin.place))
        yield moment, merge_ticks(columns)


def _cut(data: bytes) -> Iterator[list[codec.Frame]]:
    frames: list[codec.Frame] = []
    for frame in codec.decode(data):
        frames.append(frame)
        if frame.header.op == codec.OP_TICK_END:
            yield frames
            frames = []
