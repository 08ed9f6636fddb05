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
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from twinstage.base.errors import TwinstageError, UserError
from twinstage.live.watch.adopt import Generation, bound, differences, reopen, text_of
from twinstage.live.watch.link import PRIME_S, READ_S, ChildLink, Gone
from twinstage.live.watch.messages import Again, Begin, Overlay, Source, Told, Wait
from twinstage.live.watch.pack import hashes, unpack
from twinstage.scene.generation import Links, edits_overlay

if TYPE_CHECKING:
    from twinstage.live.twin import LiveTwin, TwinFiles
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


class StageWatch:
    """Watches the stage of one twin. `store`: where prepared files for viewers go, if there is one."""

    def __init__(self, live: "LiveTwin", files: "TwinFiles", poll: float | None = None) -> None:
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
        self._watched: tuple[str, ...] = ()
        self._placed: Files = ()
        self._problems: tuple[str, ...] = ()
        self._rest = tuple(f for f in live.findings if f not in set(live.snapshot.findings))
        self._saves = 0
        self._state, self._text = "starting", ""
        self._last: dict[str, Any] = {}
        self.child = 0
        """Process id of the child; 0 for none."""

    @property
    def generations(self) -> int:
        """Names of generations that are in use."""
        return len(self._links)

    def status(self) -> dict[str, Any]:
        """What `/api/status` says of it: state (starting, watching, broken), the sentence of what is broken, files, saves."""
        return {
            "state": self._state,
            "text": self._text,
            "files": len(self._watched),
            "saves": self._saves,
            **({"last": self._last} if self._last else {}),
        }

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
        tell = False
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
                self._broken(gone.text, ())
            self._rest_until_saved(bool(gone.text))
            tell = True

    def _rest_until_saved(self, harmful: bool) -> None:
        """Do not hand the same harmful files to the next process."""
        from twinstage.live.watch.files import stamps_of

        files = self._watched or (str(self._files.stage.absolute()),)
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
                told = link.receive(limit, self._more_to_watch)
                if not isinstance(told, Told):
                    return told
                limit = READ_S
                self._watched = told.files or self._watched
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
                    self._broken(told.text, told.changed)
                elif self._state == "starting":
                    self._state = "watching"
                link.send(self._wait())
        finally:
            link.kill()
            self._drop_early()

    def _wait(self) -> Wait:
        self._placed = self._placed_files()
        return Wait(self._on_loop(self._overlay), self._placed)

    def _more_to_watch(self) -> Wait | None:
        """Where an asset was placed since: its files, too."""
        return None if self._placed_files() == self._placed else self._wait()

    def _placed_files(self) -> Files:
        assets = [*self._live.opened.shelf.assets.values()]
        rows = {row for asset in assets for row in zip(asset.files, asset.stamps, strict=True)}
        return tuple(sorted(rows, key=repr))

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
            opened_at = time.monotonic()
            for _ in range(MOST_ROUNDS):
                assert told.scene is not None
                before, base = self._told, unpack(told.scene, self._told)
                self._told = base
                self._prepare(told, before)
                next_one = self._generation(opened, base)
                if next_one.overlay == told.overlay:
                    ready = time.monotonic()
                    done = self._on_loop(lambda g=next_one: self._take_over(g))  # type: ignore[misc]
                    if done is not None:
                        times = (*told.times, began, opened_at, ready, time.monotonic())
                        self._saved(told, done, next_one, times)
                        old, self._link = self._link, name
                        self._links.drop(old)
                        return None
                link.send(Again(next_one.overlay))
                answer = link.receive()
                while isinstance(answer, Told) and answer.kind in ("ready", "composed"):
                    answer = link.receive()
                if not isinstance(answer, Told):
                    return answer or Gone()
                if answer.kind != "scene":
                    self._broken(answer.text, answer.changed)
                    break
                told = answer
        except UserError as error:
            self._broken(str(error), told.changed)
        self._links.drop(name)
        return None

    def _open_early(self, told: Told) -> "tuple[str, concurrent.futures.Future[OpenedStage]]":
        """Open the next generation while the child still reads it."""
        self._drop_early()
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
        file = None if desk is None else desk.bindings_file
        if self._files.bindings is None and file is not None:
            from twinstage.scene.stored import has_stored, read_stored

            if has_stored(opened):
                return read_stored(opened)[0]
        return file

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

    def _take_over(self, generation: Generation) -> dict[str, int] | None:
        """Everybody works with the new generation from here on; None where somebody edited something meanwhile."""
        live = self._live
        if generation.version != self._version() or live.desk is None:
            return None
        old = live.desk.base
        left_out = live.desk.adopt(generation)
        live.findings = (*live.snapshot.findings, *generation.problems, *left_out, *self._rest)
        self._tell_problems(generation, [finding.message for finding in left_out])
        return differences(old, generation.base)

    def _tell_problems(self, generation: Generation, edits: list[str]) -> None:
        """Bindings and edits that do not hold any more, or do again."""
        now = (*dict.fromkeys([*(finding.message for finding in generation.problems), *edits]),)
        for text in now:
            if text not in self._problems:
                log.warning("%s", text)
                self._live.hub.notice("warning", f"it does not hold any more: {text}")
        again = sum(text not in now for text in self._problems)
        if again:
            self._live.hub.notice("info", f"{again} that did not hold hold again")
        self._problems = now

    def _saved(
        self, told: Told, changed: dict[str, int], generation: Generation, times: tuple[float, ...]
    ) -> None:
        self._saves += 1
        was, self._state, self._text = self._state, "watching", ""
        self._last = {
            "files": [Path(path).name for path in told.changed[:20]],
            "changed": changed,
            "seenMs": round(1000 * (time.time() - time.monotonic() + times[0])),
            "ms": round(1000 * (times[-1] - times[0])),
            "steps": _steps(times),
            "problems": len(self._problems),
        }
        del generation
        log.info("saved %s: %s, %d ms", _names(told.changed), _counted(changed), self._last["ms"])
        mended = was == "broken"
        self._on_loop(
            lambda: self._live.hub.event(
                "watch", {"state": "watching", "saves": self._saves, "mended": mended, **self._last}
            )
        )

    def _broken(self, text: str, changed: tuple[str, ...]) -> None:
        self._state, self._text = "broken", text
        log.warning("the last good scene stays: %s", text)
        names = [Path(path).name for path in changed[:20]]
        self._on_loop(
            lambda: self._live.hub.event("watch", {"state": "broken", "text": text, "files": names})
        )


def _steps(times: tuple[float, ...]) -> dict[str, int]:
    """What the time went into [ms]."""
    names = ("settle", "read", "pack", "send", "open", "bind", "switch")
    if len(times) != len(names) + 1:
        return {}
    return {name: round(1000 * (b - a)) for name, a, b in zip(names, times, times[1:], strict=False)}


def _names(paths: tuple[str, ...]) -> str:
    names = [Path(path).name for path in paths]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "") or "the stage"


def _counted(changed: dict[str, int]) -> str:
    words = [f"{number} {name}" for name, number in changed.items() if number]
    return ", ".join(words) or "nothing that is drawn"
