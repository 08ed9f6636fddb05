"""The scene as it was at a moment, or over a span of time, in the frames of the stream: the same bindings on the state of then.

What must be of one moment is taken on the server's event loop; the rest runs on a thread of its own, one question at a time, so
that the stream keeps its rhythm and nothing else waits for a thread. Reads the history's files.
"""

import asyncio
import copy
import logging
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from twinstage.base.errors import TwinstageError, UserError
from twinstage.live.api.past_plan import PastPlan
from twinstage.live.api.reading import reading
from twinstage.scene.columns import EntityColumns, TextColumns, TickColumns
from twinstage.sync import codec
from twinstage.sync.api.alarms import Alarms
from twinstage.sync.api.calls import Gate
from twinstage.sync.api.operation import Refused
from twinstage.sync.api.past import MOST_BYTES, PastAlarmsAsk, PastAsk, PastTicks, step_of
from twinstage.sync.backwards import told
from twinstage.sync.hub import usable
from twinstage.sync.state import State
from twinstage.telemetry.history.moments import iso_ns, moment_ns
from twinstage.telemetry.history.taken import FIRST

if TYPE_CHECKING:
    from twinstage.live.twin import LiveTwin
    from twinstage.scene.plan import BindingPlan
    from twinstage.telemetry.contract import Contract
    from twinstage.telemetry.history.kept import KeptHistory
    from twinstage.telemetry.history.query import History

T = TypeVar("T")
log = logging.getLogger("twinstage.history")
KEEP_UP_S = 1.0
SLICE_S = 0.05
LOOKED_AT_S = 600.0
"""So long after a question somebody counts as looking, who may be behind a relay."""
MOST_WAITING = 16
"""Questions at the same time; further ones are refused."""
MOST_VIEWERS = 1000
MOST_ALARM_RECORDS = 200_000


@dataclass(frozen=True, slots=True)
class _Now:
    """What a question takes from the running twin: the sizes of its scene, and how stands what no binding drives."""

    plan: PastPlan
    contract: "Contract"
    still: TickColumns
    nodes: int
    signals: int
    epoch_crc: int
    revision: int


class PastDesk:
    """Implements `sync.api.past.PastSource`."""

    def __init__(self, live: "LiveTwin", folder: Path) -> None:
        self._live = live
        self.folder = folder
        self._plan: tuple[BindingPlan, PastPlan] | None = None
        self._history: tuple[Contract, KeptHistory] | None = None
        self._lock = threading.Lock()
        """Held by the thread that works: a plan remembers what it told last."""
        self._gate = Gate(at_once=1, most_waiting=MOST_WAITING - 1, subject="the past")
        self._asked_s = -LOOKED_AT_S
        self._turns = _Turns()
        self._failure = ""

    async def ticks(self, asked: PastAsk) -> PastTicks:
        """The scene as it was."""
        self._asked_s = monotonic()
        return await self._gate.run(self._ticks, asked, self._now(), self._turns.next(asked.viewer))

    async def alarms(self, asked: PastAlarmsAsk) -> Alarms:
        """The alarms as they stood, with the values of then."""
        desk = self._live.alarms
        if desk is None:
            raise Refused(404, "the contract of this twin has no alarms")
        return await self._gate.run(self._alarms, asked, self._now())

    async def keep_up(self, stop: asyncio.Event) -> None:
        """While somebody looks at the twin, go through the history before they ask, so that no seek has to."""
        while not stop.is_set():
            await asyncio.sleep(KEEP_UP_S)
            looked_at = self._live.hub.sessions or monotonic() - self._asked_s < LOOKED_AT_S
            more = bool(looked_at) and self._live.plan is not None
            while more and not stop.is_set():
                more = await self._ahead()
                await asyncio.sleep(4 * SLICE_S)  # a fifth of a core at most

    async def _ahead(self) -> bool:
        """Some of it; whether there is more now. What goes wrong is logged once and tried again later: nobody asked for it."""
        try:
            more = await self._gate.run(self.go_on, self._now())
        except Refused:  # so many ask that nothing can be done ahead
            return False
        except Exception as error:
            if str(error) != self._failure:
                self._failure = str(error)
                log.error(
                    "the history %r is not read ahead: %s", str(self.folder), error, exc_info=_defect(error)
                )
            return False
        self._failure = ""
        return more

    def go_on(self, now: "_Now | None" = None) -> bool:
        """Some of it; whether there is more. `now`: of the event loop, where another thread asks."""
        now = now or self._now()
        with self._lock:
            return now.plan.go_on(self._looked(now), SLICE_S)

    @property
    def gone_ns(self) -> int | None:
        """Up to where that was done; None before it began."""
        gone = FIRST if self._plan is None else self._plan[1].gone_ns
        return None if gone == FIRST else gone

    def _now(self) -> _Now:
        """On the event loop: between two ticks."""
        live, hub = self._live, self._live.hub
        plan = live.plan
        if plan is None or live.contract is None:
            raise Refused(404, "this twin has no bindings; `twinstage serve --bindings` names some")
        if self._plan is None or self._plan[0] is not plan:
            shared = {id(plan.signals_by_prim): plan.signals_by_prim}
            self._plan = plan, PastPlan(copy.deepcopy(plan, shared), live.contract)
        return _Now(
            self._plan[1],
            live.contract,
            undriven(hub.latest(), plan),
            hub.scene.snapshot.node_count,
            len(hub.scene.signals),
            hub.epoch_crc,
            hub.revision,
        )

    def _ticks(self, asked: PastAsk, now: _Now, turn: "_Turn") -> PastTicks:
        with self._lock, reading(self.folder):
            turn.check()
            history = self._looked(now)
            first = self._moment(history, asked.at, "at")
            last = first if asked.to is None else self._moment(history, asked.to, "to")
            step = step_of(asked, last - first)
            low, high = min(first, last), max(first, last)
            state = State(now.nodes, now.signals)
            state.take(1, now.still, usable(now.still), low, moved=False)
            snapped = (
                (moment, replace(tick, pose=codec.snap_pose(tick.pose)))  # as the running twin tells them
                for moment, tick in turn.while_newest(now.plan.ticks(history, low, high, step))
            )
            data, until = told(state, snapped, now.epoch_crc, backwards=last < first, most_bytes=MOST_BYTES)
        return PastTicks(data, now.revision, until)

    def _looked(self, now: _Now) -> "KeptHistory":
        """The history as it is now; whoever asks holds the lock."""
        from twinstage.telemetry.history.kept import KeptHistory

        if self._history is None or self._history[0] is not now.contract:
            self._close()
            self._history = now.contract, KeptHistory(self.folder, now.contract)
        history = self._history[1]
        now.plan.forget(history.look())
        return history

    def close(self) -> None:
        """Let go of the history's files."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._history is not None:
            self._history[1].close()
            self._history = None

    def _alarms(self, asked: PastAlarmsAsk, now: _Now) -> Alarms:
        from twinstage.telemetry.alarms.engine import AlarmEngine
        from twinstage.telemetry.alarms.mode import mode_reader
        from twinstage.telemetry.alarms.told import Teller

        contract, desk = now.contract, self._live.alarms
        assert desk is not None
        with self._lock, reading(self.folder):
            history = self._looked(now)
            at = self._moment(history, asked.at, "at")
            state = history.state_at(contract, at)
        engine, teller = AlarmEngine(contract), Teller(contract)
        kept = desk.journal.page(limit=MOST_ALARM_RECORDS)
        engine.restore(one.record for one in reversed(kept) if one.record.at_ns <= at)
        items = engine.listed() if asked.all else engine.active()
        told, mode = [], mode_reader(contract, state)()
        for item in items:
            signal = item.spec.signal
            value = float("nan") if signal is None else float(state.numeric[state.index(signal)])
            told.append(teller.listed(item, value if np.isfinite(value) else None, mode))
        return Alarms.model_validate(
            {"mode": mode, "flooded": engine.flooded, "count": len(engine), "alarms": told}
        )

    def _moment(self, history: "History", text: str, where: str) -> int:
        """A moment from the beginning of the history on; the future is as the last reading left it."""
        span = history.span()
        if span is None:
            raise Refused(404, "the history has no readings yet")
        found = moment_ns(text.replace(" ", "+"), span[0], where=where)  # a + in a query is a blank
        if found < span[0]:
            raise UserError(f"{where} {text!r} lies before the history, which begins at {iso_ns(span[0])}")
        return found


class _Turns:
    """The newest question of each viewer."""

    def __init__(self) -> None:
        self._newest: OrderedDict[str, _Turn] = OrderedDict()

    def next(self, viewer: str | None) -> "_Turn":
        """A question; one before it of the same viewer is no longer worth an answer."""
        turn = _Turn()
        if viewer is not None:
            before = self._newest.pop(viewer, None)
            if before is not None:
                before.over = True
            self._newest[viewer] = turn
            if len(self._newest) > MOST_VIEWERS:
                self._newest.popitem(last=False)
        return turn


@dataclass(slots=True)
class _Turn:
    """A question. `over`: its viewer has asked another one since."""

    over: bool = False

    def check(self) -> None:
        """Raises Refused where nobody waits for the answer any more."""
        if self.over:
            raise Refused(409, "the viewer has asked for another moment since")

    def while_newest(self, ticks: Iterator[T]) -> Iterator[T]:
        """The same, looking at each."""
        for tick in ticks:
            self.check()
            yield tick


def _defect(error: Exception) -> bool:
    """Whether it is more than files that cannot be read, so that the log needs all of it."""
    return not isinstance(error, (TwinstageError, OSError, sqlite3.Error))


def undriven(told: TickColumns, plan: "BindingPlan") -> TickColumns:
    """Of what was told so far the rows that no binding drives: poses, colours and switches that people and programs gave."""
    pose, style, shown = told.pose, told.style, told.visibility
    free = ~np.isin(pose.index, plan.bound_nodes)
    painted = ~np.isin(style.index, plan.styles.node)
    switched = ~np.isin(shown.index, plan.switched_nodes)
    nothing = np.empty(0, np.intp)
    return replace(
        told,
        pose=replace(
            pose,
            index=pose.index[free],
            translation=pose.translation[free],
            rotation=pose.rotation[free],
            scale=None if pose.scale is None else pose.scale[free],
        ),
        style=replace(style, index=style.index[painted], rgba=style.rgba[painted]),
        visibility=replace(shown, index=shown.index[switched], visible=shown.visible[switched]),
        signals=replace(
            told.signals,
            signal=told.signals.signal[nothing],
            value=told.signals.value[nothing],
            event_ns=told.signals.event_ns[nothing],
            quality=told.signals.quality[nothing],
        ),
        texts=TextColumns(
            told.texts.signal[nothing], (), told.texts.event_ns[nothing], told.texts.quality[nothing]
        ),
        entities=EntityColumns(told.entities.index[nothing], told.entities.entity[nothing]),
    )
