"""Watching from the twin's side: a thread that follows the watching process and readies each generation, and the change of
generations between two ticks.
"""

import asyncio
import concurrent.futures
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from twinstage.base.errors import TwinstageError, UserError
from twinstage.live.watch.adopt import Generation, bound, differences, rebound, reopen, text_of
from twinstage.live.watch.files import stamps_of
from twinstage.live.watch.link import PRIME_S, READ_S, ChildLink, Gone, Idle
from twinstage.live.watch.messages import Again, Begin, Overlay, Source, Told, Wait
from twinstage.live.watch.pack import hashes, unpack
from twinstage.live.watch.report import STAGE, WIRING, Report, Saved
from twinstage.live.watch.sentences import together
from twinstage.live.watch.wires import NEXT_START, WiringFiles
from twinstage.scene.generation import Links, edits_overlay

if TYPE_CHECKING:
    from twinstage.live.twin import LiveTwin, TwinFiles
    from twinstage.scene.bindings import Bindings
    from twinstage.scene.snapshot import Snapshot
    from twinstage.scene.stage import OpenedStage
    from twinstage.sync.assets import AssetStore

log = logging.getLogger("twinstage.watch")
T = TypeVar("T")
Files = tuple[tuple[str, tuple[int, int, int] | None], ...]
"""Files of assets that were placed, and their states when these were read."""

POLL_S = 0.025
"""Between two looks at the files [s]."""
MEMORY = 16 << 30
AGAIN_S = 1.0
"""Between two looks at the files of a stage that ended the watching process [s]."""
MOST_ROUNDS = 4
KEPT_S = 1.0
STEPS = ("settle", "read", "pack", "send", "open", "bind", "switch")
REBIND_STEPS = ("settle", "open", "bind", "switch")


class StageWatch:
    """Watches the stage of one twin. `store`: where prepared files for viewers go, if there is one.

    `anew`: take over another generation at once, whatever was saved.
    """

    def __init__(
        self, live: "LiveTwin", files: "TwinFiles", poll: float | None = None, *, anew: bool = False
    ) -> None:
        self.store: AssetStore | None = None
        self._live = live
        self._files = files
        self._poll = POLL_S if poll is None else poll
        self._links = Links()
        self._link = ""
        self._early: tuple[str, concurrent.futures.Future[OpenedStage]] | None = None
        self._opener = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="twinstage-open")
        self._stop = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told: Snapshot = live.snapshot
        self._rest = tuple(f for f in live.findings if f not in set(live.snapshot.findings))
        self._placed: Files = ()
        self._placed_now: tuple[Any, Files] = None, ()
        self._anew = anew
        self._as_read: dict[str, Any] = {}
        """Stamps of the stage's files in the state in which they are shown."""
        self._wiring = WiringFiles(files.bindings, files.contract)
        self._bindings: Bindings | None = None
        """The newest that were saved; None: those that the twin was started with."""
        self._rebind = False
        self._past: tuple[OpenedStage, float] | None = None
        """The generation before, and until when it is kept [s]: to let go of it takes as long as followers wait for a file."""
        self.report = Report(live, self._on_loop)
        self.child = 0
        """Process id of the child; 0 for none."""

    @property
    def generations(self) -> int:
        """Names of generations that are in use."""
        return len(self._links)

    @property
    def keeps_past(self) -> bool:
        """Whether the generation before the present one is still kept: for about a second after a change."""
        return self._past is not None

    def status(self) -> dict[str, Any]:
        """What `/api/status` says of it: state (starting, watching, broken), the sentence of what is broken, files, saves."""
        return self.report.status()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set."""
        self._loop = asyncio.get_running_loop()
        thread = threading.Thread(target=self._main, name="twinstage-watch", daemon=True)
        thread.start()
        try:
            await stop.wait()
        finally:
            self._stop.set()
            await asyncio.to_thread(thread.join, 10)
            self._opener.shutdown(wait=False)
            self._links.close()

    # ------------------------------------------------------------------ the thread

    def _main(self) -> None:
        tell = self._anew
        while not self._stop.is_set():
            try:
                gone = self._follow(tell)
            except Exception:
                log.exception("watching failed")
                gone = Gone("the stage cannot be watched: the server's log says why")
            self.child = 0
            if gone is None:
                return
            if gone.text:
                self.report.broken(STAGE, gone.text, ())
            self._rest_until_saved(bool(gone.text))
            tell = True

    def _rest_until_saved(self, harmful: bool) -> None:
        """Do not hand the same harmful files to the next process."""
        files = self.report.watched or (str(self._files.stage.absolute()),)
        before = stamps_of(files)
        while not self._stop.wait(AGAIN_S):
            if not harmful or stamps_of(files) != before:
                return

    def _follow(self, tell: bool) -> Gone | None:
        """One watching process until it ends; None where the twin ends."""
        files = self._files
        source = Source(files.stage, files.roots, files.variants, files.only)
        overlay = self._on_loop(self._overlay)
        begin = Begin(source, overlay, frozenset(hashes(self._told)), self._poll, MEMORY, tell)
        link = ChildLink(begin, self._stop.is_set)
        self.child = link.pid
        try:
            limit = PRIME_S
            while True:
                told = link.receive(limit, self._due)
                if isinstance(told, Idle):
                    if self._placed_files() != self._placed:
                        link.send(self._wait())
                    gone = self._rewire(link) if self._rewiring() else None
                    if gone is not None:
                        return gone
                    continue
                if not isinstance(told, Told):
                    return told
                limit = READ_S
                self.report.watched = told.files or self.report.watched
                if told.kind == "composed":
                    self._open_early(told)
                    continue
                if told.kind == "scene":
                    gone = self._scene(link, told)
                    if gone is not None:
                        return gone
                    continue  # it says what it watches now, and then waits
                elif told.kind == "broken":
                    self._drop_early()
                    self.report.broken(STAGE, told.text, told.changed)
                else:
                    self._as_read = stamps_of(told.files)
                    self.report.started()
                link.send(self._wait())
        finally:
            link.kill()
            self._drop_early()

    def _wait(self) -> Wait:
        self._placed = self._placed_files()
        return Wait(self._on_loop(self._overlay), self._placed)

    def _placed_files(self) -> Files:
        """Files of the assets that stand placed, and their states as read: watched, too. Asked many times a second."""
        shelf, desk = self._live.opened.shelf, self._live.desk
        key = shelf, shelf.version, 0 if desk is None else desk.placed_version
        before, files = self._placed_now
        if before is None or before[0] is not shelf or before[1:] != key[1:]:
            found = [shelf.get(name) for name in (() if desk is None else desk.placed_assets())]
            assets = [asset for asset in found if asset is not None]
            rows = {row for asset in assets for row in zip(asset.files, asset.stamps, strict=True)}
            files = tuple(sorted(rows, key=repr))
            self._placed_now = key, files
        return files

    def _overlay(self) -> Overlay:
        live = self._live
        return Overlay(edits_overlay(live.opened, self._values()), text_of(live.opened.layers.bindings))

    def _values(self) -> dict[tuple[str, str], Any]:
        desk = self._live.desk
        return {} if desk is None else dict(desk.ledger.values())

    def _version(self) -> int:
        return 0 if self._live.desk is None else self._live.desk.version

    def _scene(self, link: ChildLink, told: Told) -> Gone | None:
        """Change over to what was read."""
        name, early = self._early or self._open_early(told)
        self._early = None
        try:
            began = time.monotonic()
            assert told.scene is not None
            opened = replace(early.result(), hash=told.scene.rest.stage.hash)
            at = time.monotonic()
            return self._change_over(link, told, name, opened, (began, at))
        except UserError as error:
            self.report.broken(STAGE, str(error), told.changed)
        self._links.drop(name)
        return None

    def _change_over(
        self, link: ChildLink, told: Told, name: str, opened: "OpenedStage", moments: tuple[float, ...]
    ) -> Gone | None:
        """Bind the opened stage, and go on with it.

        `told`: what was read of it, without a scene where that is known; `moments`: when the work on this side began and when
        the stage was open [s].
        """
        what = WIRING if told.scene is None else STAGE
        for _ in range(MOST_ROUNDS):
            before, base = self._told, self._told if told.scene is None else unpack(told.scene, self._told)
            self._told = base
            self._prepare(told, before)
            next_one = self._generation(opened, base)
            if what == WIRING:
                new = [f.message for f in next_one.problems if f.message not in self.report.problems]
                if new:
                    raise UserError(together(new))
            if next_one.overlay == told.overlay:
                ready, shown = time.monotonic(), self._live.desk.base if self._live.desk else before
                unlike = shown, differences(shown, next_one.base)  # here, so that no tick waits for it
                counts = self._on_loop(partial(self._take_over, next_one, unlike))
                if counts is not None:
                    times = (*told.times, *moments, ready, time.monotonic())
                    self._saved(what, Saved(told.changed, counts, times, _names_of(times)))
                    old, self._link = self._link, name
                    self._links.drop(old)
                    return None
            link.send(Again(next_one.overlay))
            answer = link.receive()
            while isinstance(answer, Told) and answer.kind in ("ready", "composed"):
                answer = link.receive()
            if not isinstance(answer, Told):
                return answer if isinstance(answer, Gone) else Gone()
            if answer.kind != "scene":
                raise UserError(answer.text)
            told = replace(answer, changed=told.changed or answer.changed)
        self._links.drop(name)
        return None

    def _saved(self, what: str, saved: Saved) -> None:
        if self._anew and not saved.changed:  # it was only opened in another way
            self._anew = False
            self.report.started()
            return
        self.report.saved(what, saved)

    # ------------------------------------------------------------------ bindings

    def _due(self) -> bool:
        """Whether there is something to do while nothing is read."""
        return self._rewiring() or self._placed_files() != self._placed

    def _rewiring(self) -> bool:
        """Whether bindings were saved, and the stage stands as it is shown."""
        if self._wiring.due():
            self._rebind = True
        if self._past is not None and time.monotonic() > self._past[1]:
            self._past = None
        return self._rebind and self.report.state != "starting" and not self.report.is_broken(STAGE)

    def _rewire(self, link: ChildLink) -> Gone | None:
        """Change over to the bindings that were saved; those before stay where these do not hold."""
        self._rebind = False
        wiring, before = self._wiring, self._bindings
        name = ""
        try:
            self._bindings, contract = wiring.read()
            if contract.hash != wiring.hash:
                wiring.hash = contract.hash
                self._tell(f"{wiring.contract_name} was saved: {NEXT_START}")
            if stamps_of(self._as_read) != self._as_read:  # the child is about to tell another scene
                self._bindings, self._rebind = before, True
                return None
            overlay, base, (clean, digest) = self._on_loop(self._present)
            self._told = base
            name = self._links.next()
            began = time.monotonic()
            opened = reopen(self._live, self._files, name, clean, digest)
            told = Told("scene", overlay=overlay, changed=wiring.changed, times=(wiring.seen,))
            return self._change_over(link, told, name, opened, (began, time.monotonic()))
        except UserError as error:
            self._bindings = before
            self.report.broken(WIRING, str(error), wiring.changed)
        self._links.drop(name)
        return None

    def _present(self) -> "tuple[Overlay, Snapshot, tuple[Any, str]]":
        live = self._live
        base = live.snapshot if live.desk is None else live.desk.base
        return self._overlay(), base, (live.opened.clean, live.opened.hash)

    def _tell(self, text: str) -> None:
        log.warning("%s", text)
        self._on_loop(lambda: self._live.hub.notice("warning", text))

    # ------------------------------------------------------------------ generations

    def _open_early(self, told: Told) -> "tuple[str, concurrent.futures.Future[OpenedStage]]":
        """Open the next generation while the child still reads it."""
        self._drop_early()
        self._past = None
        name = self._links.next()
        opening = self._opener.submit(reopen, self._live, self._files, name, told.clean, "")
        self._early = name, opening
        return self._early

    def _drop_early(self) -> None:
        """What was opened is not wanted: a save that was broken after all, or another one came."""
        if self._early is not None:
            name, opening = self._early
            self._early = None
            concurrent.futures.wait([opening])
            self._links.drop(name)

    def _generation(self, opened: Any, base: "Snapshot") -> Generation:
        live = self._live
        values, version = self._on_loop(lambda: (self._values(), self._version()))
        return bound(live, opened, base, self._bindings_file(opened), values, version)

    def _bindings_file(self, opened: Any) -> Any:
        """The bindings of the file, or, where the stage itself holds them, as it has them now."""
        desk = self._live.desk
        if self._bindings is not None:
            return self._within(self._bindings, opened)
        file = None if desk is None else desk.bindings_file
        if self._files.bindings is None and file is not None:
            from twinstage.scene.stored import has_stored, read_stored

            if has_stored(opened):
                return read_stored(opened)[0]
        return file

    def _within(self, found: "Bindings", opened: Any) -> "Bindings":
        """Bindings of the prims that this twin is for."""
        from twinstage.scene.shard import bindings_within

        return bindings_within(found, self._files.only, opened)[0] if self._files.only else found

    def _prepare(self, told: Told, before: "Snapshot") -> None:
        """Models that viewers will ask for; who is late may still ask for those of the scene before."""
        if self.store is not None and told.scene is not None:
            self.store.keep_geometry(hashes(before))
            for digest, (data, zipped) in told.scene.models.items():
                self.store.put_geometry(digest, data, zipped)

    # ------------------------------------------------------------------ the loop

    def _on_loop(self, work: Callable[[], T]) -> T:
        """Do something between two ticks, and wait for it."""
        done: concurrent.futures.Future[T] = concurrent.futures.Future()

        def do() -> None:
            try:
                done.set_result(work())
            except BaseException as error:  # for the thread that asked
                done.set_exception(error)

        assert self._loop is not None
        self._loop.call_soon_threadsafe(do)
        while True:
            try:
                return done.result(0.5)
            except concurrent.futures.TimeoutError:
                if done.done():
                    raise
                if self._stop.is_set():
                    raise TwinstageError("the twin has ended") from None

    def _take_over(
        self, generation: Generation, unlike: "tuple[Snapshot, dict[str, int]]"
    ) -> dict[str, int] | None:
        """Everybody works with the new generation from here on; None where somebody edited something meanwhile.

        `unlike`: a scene, and how much of the new one is not as it was there.
        """
        live = self._live
        if generation.version != self._version() or live.desk is None:
            return None
        old, wired = live.desk.base, live.bindings
        self._past = live.opened, time.monotonic() + KEPT_S
        left_out = live.desk.adopt(generation)
        live.findings = (*live.snapshot.findings, *generation.problems, *left_out, *self._rest)
        edits = [finding.message for finding in left_out]
        self.report.tell_problems([finding.message for finding in generation.problems], edits)
        counts = unlike[1] if unlike[0] is old else differences(old, generation.base)
        return counts | rebound(wired, generation.bindings)


def _names_of(times: tuple[float, ...]) -> tuple[str, ...]:
    """What lies between those moments."""
    return STEPS if len(times) == len(STEPS) + 1 else REBIND_STEPS
