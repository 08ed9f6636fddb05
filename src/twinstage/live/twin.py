"""One live twin: a stage, its telemetry, its bindings, and the two consumers of each tick.

Sixty times a second `tick` asks the ingest what has become due, evaluates the bindings once, and hands the same columns
to the hub (at once) and to the USD writer (each prim at most five times a second, and all of them whenever `flush` is
called: before a save, an export or a render). So the stream and the stage hold one truth, and USD never slows the stream.
"""

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from twinstage.base.clock import Clock
from twinstage.base.errors import UserError
from twinstage.base.finding import Finding
from twinstage.live.edits import ProducerEdits
from twinstage.live.library import AssetLibrary, open_library
from twinstage.live.past import ValueClock, go_to, open_past
from twinstage.live.ui.ui import Ui
from twinstage.live.unwritten import Unwritten
from twinstage.live.wiring import load_wiring, with_recordings
from twinstage.scene.columns import TickColumns
from twinstage.scene.merge import merge_ticks
from twinstage.settings import Settings
from twinstage.sync.codec import snap_pose

if TYPE_CHECKING:
    from twinstage.live.alarms import AlarmDesk
    from twinstage.live.api.past import PastDesk
    from twinstage.live.commands.desk import EditDesk
    from twinstage.live.watch.desk import StageWatch
    from twinstage.scene.bindings import Bindings
    from twinstage.scene.plan import BindingPlan
    from twinstage.scene.snapshot import Snapshot
    from twinstage.scene.stage import OpenedStage
    from twinstage.scene.writer import ColumnWriter
    from twinstage.sync.hub import Hub
    from twinstage.telemetry.columns import U4
    from twinstage.telemetry.contract import Contract
    from twinstage.telemetry.history.recorder import Recorder
    from twinstage.telemetry.ingest import Ingest
    from twinstage.telemetry.pump import SourceStatus

log = logging.getLogger("twinstage.live")


@dataclass(frozen=True, slots=True)
class TwinFiles:
    """What a user names on the command line. `recordings`: files in place of the contract's, by source ("": its only one).
    `history`: the folder in which everything that happens is kept; `past`: one from which it is told again, instead of by
    the contract's sources, from the moment `past_from` on (text as a user gives it, or ns).
    `notify`: the file that says whom to tell of alarms. `clear_edits`: take away what people edited in earlier runs. `only`:
    prims that are composed with all below them, and whose bindings count; () for all. `libraries`: folders of assets that may
    be placed, beside the bundled set."""

    stage: Path
    bindings: Path | None = None
    contract: Path | None = None
    asset_roots: tuple[Path, ...] = ()
    quarantine: Path | None = None
    variants: tuple[tuple[str, str], ...] = ()
    recordings: tuple[tuple[str, Path], ...] = ()
    history: Path | None = None
    past: Path | None = None
    past_from: str | int | None = None
    notify: Path | None = None
    clear_edits: bool = False
    only: tuple[str, ...] = ()
    libraries: tuple[Path, ...] = ()

    @property
    def roots(self) -> tuple[Path, ...]:
        """Folders that the stage may reach besides its own: the asset roots, and the libraries, for what is placed."""
        return (*self.asset_roots, *open_library(self.libraries).folders)


class LiveTwin:
    """State and consumers of one twin; `tick` is plain and synchronous, `run` paces it."""

    def __init__(
        self,
        opened: "OpenedStage",
        snapshot: "Snapshot",
        *,
        hub: "Hub",
        writer: "ColumnWriter",
        plan: "BindingPlan | None" = None,
        ingest: "Ingest | None" = None,
        contract: "Contract | None" = None,
        base_dir: Path = Path(),
        clock: Clock,
        settings: Settings | None = None,
        seed: int = 0,
        findings: tuple[Finding, ...] = (),
        alarms: "AlarmDesk | None" = None,
        recorder: "Recorder | None" = None,
        bindings: "Bindings | None" = None,
        library: AssetLibrary | None = None,
    ) -> None:
        self.opened = opened
        self.bindings = bindings
        self.library = library or open_library()
        """What may be placed."""
        self.desk: EditDesk | None = None
        """Keeps the edits of people, where they may make some."""
        self.past: PastDesk | None = None
        """Answers what was, where there is a history and a server that is asked."""
        self.watch: StageWatch | None = None
        """Follows what designers save, where that is wanted."""
        self.sources: dict[str, SourceStatus] = {}
        self.drift: dict[str, Counter[str]] = {}
        """How many fields changed in which way, by source (`telemetry.drift`)."""
        self.writing = threading.Lock()
        """Held by who writes the live layer, and by who reads it on another thread."""
        self.recorder = recorder
        self.findings = findings
        self.snapshot = snapshot
        self.hub = hub
        self.plan = plan
        self.ingest = ingest
        self.contract = contract
        self.alarms = alarms
        self.base_dir = base_dir
        self.clock = clock
        self.settings = settings or Settings()
        self.seed = seed
        self.ordinal = 0
        self.ui = Ui(lambda: self.snapshot.prims.index_of)
        """What a program draws over the scene, and its controls."""
        self.edits = ProducerEdits(snapshot, movable=opened_movable(opened))
        self._write_every = max(1, round(self.settings.tick_hz / self.settings.usd_hz))
        self._writer, self._unwritten = writer, Unwritten(writer, self._write_every)
        self._restarts = 0
        self._last_failure = ""

    def tick(self, now_ns: int) -> TickColumns | None:
        """Apply what is due, evaluate the bindings once, publish. Returns the columns, or None if nothing changed."""
        self.ordinal += 1
        parts: list[TickColumns] = []
        if self.ingest is not None and self.plan is not None:
            applied = self.ingest.advance(now_ns)
            if self.recorder is not None:
                self.recorder.after_advance(applied)
            time_ns = self.ingest.time_ns(now_ns)
            aged = self.ingest.state.quality_changes(time_ns)
            if self.alarms is not None and self.ingest.fed_by_sources:
                self.alarms.tick(time_ns, self.ingest.state.reported)
            elif self.alarms is not None:
                self.alarms.pass_time(time_ns)  # a past that is told again judges them at its own moments
            if self.ingest.restarts != self._restarts:
                self._restarts = self.ingest.restarts
                self.plan.reset()
            parts.append(self._evaluate(self.plan, self.ingest, now_ns, aged))
        pushed = self.edits.take(self.ordinal, now_ns)
        if pushed is not None:
            parts.append(pushed)
        columns = merge_ticks(parts) if parts else None
        if columns is not None:
            columns = replace(columns, pose=snap_pose(columns.pose))  # USD gets what the clients get
            if _says_anything(columns):
                self._unwritten.add(columns)
        self.ui.tell(self.hub, now_ns)
        shown = columns if self.desk is None else self.desk.shown(columns, self.ordinal, now_ns)
        if shown is None:
            return None
        received_ns = None if self.ingest is None else self.ingest.received_ns
        self.hub.publish(
            shown, now_ns=now_ns, received_ns=received_ns
        )  # a tick that says nothing new is not counted there
        return shown if _says_anything(shown) else None

    @property
    def written(self) -> tuple[frozenset[int], frozenset[int], frozenset[int]]:
        """Nodes whose poses, visibility and colours are in the live layer."""
        return self._writer.written

    def settle(self, node: int) -> None:
        """Bring the live layer up to date, if it may hold something of that node."""
        if self._writer.writes(node) or self._unwritten.holds(node):
            self.flush()

    def use(
        self,
        snapshot: "Snapshot",
        plan: "BindingPlan | None",
        bindings: "Bindings | None",
        writer: "ColumnWriter",
    ) -> None:
        """Another scene and other bindings from now on; the live layer is empty. Whoever calls holds `writing`."""
        self.snapshot, self.plan, self.bindings = snapshot, plan, bindings
        self._writer, self._unwritten = writer, Unwritten(writer, self._write_every)
        self.edits.use(snapshot)

    def _evaluate(self, plan: "BindingPlan", ingest: "Ingest", now_ns: int, aged: "U4") -> TickColumns:
        """The tick of the bindings; a value that outlived its `max_age` (`aged`) is told with the quality that it has by
        now."""
        state = ingest.state
        return plan.evaluate(
            state,
            self.ordinal,
            watermark_ns=ingest.watermark_ns,
            quality=state.reported,
            also=aged,
            now_ns=now_ns,
        )

    def flush(self) -> None:
        """Write everything published so far into the USD live layer; waits while somebody copies it (`writing`)."""
        with self.writing:
            self._unwritten.write_all()

    def _write_safely(self, *, due: bool) -> None:
        """The next portion. What USD refuses must not end the stream: it is logged and shown, and the stream goes on."""
        if self.writing.locked():
            return  # the next write has it all
        try:
            with self.writing:
                self._unwritten.write_some(due=due)
        except Exception as error:
            self._not_taken(error)

    def _flush_safely(self) -> None:
        """Everything, unless somebody copies the layer just now."""
        if self.writing.locked():
            return
        try:
            self.flush()
        except Exception as error:
            self._not_taken(error)

    def _not_taken(self, error: Exception) -> None:
        text = f"the stage did not take the last values: {error}"
        if text != self._last_failure:
            self._last_failure = text
            log.error(text)
            self.hub.notice("error", text)

    async def run(self, stop: asyncio.Event, *, speed: float = 1.0) -> None:
        """Run sources, ticks and USD writes until `stop` is set."""
        tasks = [asyncio.create_task(self._tick_forever(stop))]
        if self.alarms is not None:
            tasks.append(asyncio.create_task(self.alarms.keep()))
        if self.ingest is not None and self.contract is not None and self.ingest.fed_by_sources:
            from twinstage.live.drift import drift_listener
            from twinstage.telemetry.pump import pump

            tasks.append(
                asyncio.create_task(
                    pump(
                        self.contract,
                        self.ingest,
                        base_dir=self.base_dir,
                        clock=self.clock,
                        seed=self.seed,
                        speed=speed,
                        stop=stop,
                        status=self.sources,
                        on_chunk=drift_listener(
                            self.contract,
                            self.clock,
                            lambda text: self.hub.notice("warning", text),
                            self.drift,
                        ),
                    )
                )
            )
        if self.watch is not None:
            tasks.append(asyncio.create_task(self.watch.run(stop)))
        if self.recorder is not None:
            tasks.append(asyncio.create_task(self._keep_history(self.recorder, stop)))
        if self.past is not None:
            tasks.append(asyncio.create_task(self.past.keep_up(stop)))
        try:
            await asyncio.gather(*tasks)
        finally:
            stop.set()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._flush_safely()
            self.let_go()

    async def _keep_history(self, recorder: "Recorder", stop: asyncio.Event) -> None:
        from twinstage.live.api.reading import without_places

        def tell(text: str) -> None:  # the log has told where
            self.hub.notice("error", without_places(text, recorder.folder))

        await recorder.run(stop, on_failure=tell)

    def let_go(self) -> None:
        """Close journals and history; what was told is safe then."""
        self.ui.callbacks.close()
        if self.past is not None:
            self.past.close()
        if self.alarms is not None:
            self.alarms.close()
        if self.desk is not None:
            self.desk.close()
        if self.ingest is not None:
            self.ingest.close()
        if self.recorder is not None:
            self._close_history(self.recorder)

    def _close_history(self, recorder: "Recorder") -> None:
        try:
            recorder.close()
        except OSError as error:
            log.error("the end of this run is not in the history: %s", error.strerror or error)

    async def _tick_forever(self, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        period = 1.0 / self.settings.tick_hz
        due = loop.time()
        count = 0
        while not stop.is_set():
            self.tick(self.clock.now_ns())
            count += 1
            self._write_safely(due=count % self._write_every == 0)
            due += period
            delay = due - loop.time()
            if delay < -1.0:  # the machine was asleep or overloaded: do not race to catch up
                due = loop.time()
            await asyncio.sleep(max(0.0, delay))


def _says_anything(columns: TickColumns) -> bool:
    parts: Sequence[object] = (
        columns.pose,
        columns.visibility,
        columns.style,
        columns.attributes,
        columns.signals,
        columns.labels,
    )
    return any(len(part) for part in parts)  # type: ignore[arg-type]


def open_files(files: TwinFiles, *, probe: bool = True) -> "OpenedStage":
    """The stage that a user named, with the variants that were chosen."""
    from twinstage.scene.choices import choose_variants
    from twinstage.scene.shard import check_paths, check_roots
    from twinstage.scene.stage import open_stage

    if files.only:
        check_paths(files.only)
    opened = open_stage(files.stage, asset_roots=files.roots, population=files.only or None, probe=probe)
    check_roots(files.only, opened)
    return choose_variants(opened, dict(files.variants))


def open_twin(
    files: TwinFiles,
    *,
    clock: Clock,
    settings: Settings | None = None,
    seed: int = 0,
    past_speed: float = 1.0,
) -> LiveTwin:
    """Open and check everything a user named; every mistake in it is a UserError before anything runs."""
    from twinstage.scene.bones import make_bones
    from twinstage.scene.read import read_snapshot
    from twinstage.scene.writer import ColumnWriter
    from twinstage.sync.hub import new_epoch

    opened = open_files(files)
    wiring = load_wiring(opened, files.bindings, files.contract, only=files.only)
    contract, plan, ingest, base_dir, recorder, past = None, None, None, files.stage.parent, None, None
    findings: tuple[Finding, ...] = ()
    if wiring is None:
        if files.past is not None:
            raise UserError("a history is of telemetry, and there is none: add --bindings")
        make_bones(opened)
        snapshot = read_snapshot(opened)
    else:
        from twinstage.scene.plan import compile_bindings
        from twinstage.scene.slots import make_slots
        from twinstage.telemetry.ingest import Ingest
        from twinstage.telemetry.preflight import check_sources
        from twinstage.telemetry.quarantine import QuarantineFile, QuarantineMemory

        contract, base_dir = with_recordings(wiring.contract, files.recordings), wiring.base_dir
        for problem in make_slots(wiring.bindings, opened):
            raise problem
        make_bones(opened)
        snapshot = read_snapshot(opened)
        if files.past is None:
            doubts = check_sources(contract, base_dir)
            findings = tuple(Finding("source.doubt", "warning", "", line) for line in doubts)
            sink = QuarantineFile(files.quarantine) if files.quarantine else QuarantineMemory()
            ingest = Ingest(contract, quarantine=sink)
        else:
            past = open_past(files, contract)
            ingest = past[0]
        plan = compile_bindings(wiring.bindings, contract, opened, snapshot)
        opened_up = tuple(Finding("binding.instance", "info", "", line) for line in plan.findings)
        findings = (*wiring.findings, *opened_up, *findings)
        recorder = _recorder(files, ingest)
        if recorder is not None and recorder.recovered.last:
            findings = (*findings, Finding("history.goes_on", "info", "", recorder.welcome))
        if plan.findings:  # instances were opened up, so the stage is another one now
            snapshot = read_snapshot(opened)
    hub = make_hub(snapshot, contract, ingest, plan, epoch=new_epoch(clock.now_ns()), clock=clock)
    alarms = None
    if contract is not None and ingest is not None:
        from twinstage.live.alarms import open_desk

        alarms = open_desk(
            contract,
            ingest.state,
            clock=ValueClock(clock, ingest),
            history=files.history,
            notify_file=files.notify,
            hub=hub,
        )
    live = LiveTwin(
        opened,
        snapshot,
        hub=hub,
        writer=ColumnWriter(opened, snapshot, plan),
        plan=plan,
        ingest=ingest,
        contract=contract,
        base_dir=base_dir,
        clock=clock,
        settings=settings,
        seed=seed,
        findings=(*snapshot.findings, *findings),
        alarms=alarms,
        recorder=recorder,
        bindings=None if wiring is None else wiring.bindings,
        library=open_library(files.libraries),
    )
    from twinstage.live.commands.restoring import open_edits

    try:
        live.desk = open_edits(live, files.history, clear=files.clear_edits)
    except UserError:
        live.let_go()
        raise
    if past is not None:
        go_to(live, *past, past_speed)
    return live


def _recorder(files: TwinFiles, ingest: "Ingest") -> "Recorder | None":
    if files.history is None:
        return None
    from twinstage.telemetry.history.recorder import open_recorder

    return open_recorder(files.history, ingest)


def opened_movable(opened: "OpenedStage") -> Callable[[str], bool]:
    """Whether the prim of a path has a transform of its own."""

    def movable(path: str) -> bool:
        from pxr import UsdGeom

        return bool(opened.stage.GetPrimAtPath(path).IsA(UsdGeom.Xformable))

    return movable


def make_hub(
    snapshot: "Snapshot",
    contract: "Contract | None",
    ingest: "Ingest | None",
    plan: "BindingPlan | None",
    *,
    epoch: str,
    clock: Clock,
) -> "Hub":
    """The hub of a scene, told what its signals are called and which prims they move."""
    from twinstage.sync.hub import Hub, SignalMeta

    if contract is None or ingest is None or plan is None:
        return Hub(snapshot, epoch=epoch, clock=clock)
    state = ingest.state
    signals = [
        SignalMeta(name, unit, kind, {code: label for label, code in signal.enum_codes.items()})
        for name, unit, kind, signal in zip(
            state.signal_ids, state.units, state.types, contract.quantities, strict=True
        )
    ]
    return Hub(snapshot, signals, plan.signals_by_prim, epoch=epoch, clock=clock)
