"""A recording made by the process that serves: a client of its own hub that needs no socket."""

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from twinstage.base.clock import Clock
from twinstage.live.recording.files import LIBRARY, attach, check_new, failed, new_recording
from twinstage.sync import messages as m
from twinstage.sync.api.calls import PackageSource
from twinstage.sync.api.operation import Refused
from twinstage.sync.assets import AssetStore
from twinstage.sync.codec import OP_TICK_END, Frame, decode
from twinstage.sync.hub import Hub
from twinstage.sync.recording.tape import KEYFRAME_S, Tape
from twinstage.sync.session import Session

if TYPE_CHECKING:
    from twinstage.live.twin import LiveTwin

log = logging.getLogger("twinstage.live")
_HELLO = m.Hello(caps=["delta", "zstd"])


class Beside:
    """Records a hub while `run` runs; what is slow (files, compression) is done on another thread, between two ticks.

    It is a client like others: if it cannot keep up it skips ticks, and the twin does not wait for it.
    """

    def __init__(
        self,
        hub: Hub,
        out: Path,
        *,
        clock: Clock,
        package: PackageSource | None = None,
        history: Path | None = None,
        commit: Callable[[], object] = lambda: None,
        keyframe_seconds: float = KEYFRAME_S,
        force: bool = False,
    ) -> None:
        """Raises UserError where the file must not be made. `history`: the folder whose readings of that time are kept, too,
        after `commit`."""
        self.path = out
        check_new(out, force=force)
        self._hub = hub
        self._clock = clock
        self._package = package
        self._history, self._commit = history, commit
        self._force = force
        self._keyframe_seconds = keyframe_seconds
        self.closed = threading.Event()
        """The file is whole."""
        self.started = threading.Event()
        """The first keyframe is in it, or nothing will be."""
        self._assets = AssetStore(hub)
        self._work: asyncio.Future[None] | None = None
        self._raw: list[bytes] = []
        self._frames: list[Frame] = []
        self._ready: list[tuple[str, str, bytes]] = []
        """Files that wait for the time between two ticks."""

    async def run(self) -> None:
        """Until cancelled or the hub says goodbye. A disk that fails ends the recording, not the twin.

        Raises UserError where the file cannot be made.
        """
        self._file = new_recording(self.path, force=self._force)
        self.tape = Tape(self._file, library=LIBRARY, keyframe_seconds=self._keyframe_seconds)
        wake = asyncio.Event()
        session = self._hub.connect(wake.set, now_ns=_now_ns())
        self._tell(session, _HELLO)
        package = asyncio.create_task(self._make_package())
        try:
            while session.closed is None and not self.tape.full:
                wake.clear()
                while (message := session.next_message(_now_ns())) is not None:
                    await self._hear(session, message)
                await wake.wait()
        except OSError as error:
            log.error(str(failed(self.path, error)))
            self._hub.notice("error", f"the recording ended: {error.strerror or error}")
        finally:
            self._hub.disconnect(session)
            if not package.done():
                log.warning("the recording is without the stage's package: it ended before that was made")
            package.cancel()
            await asyncio.gather(package, return_exceptions=True)  # its child process ends, too
            if self._work is not None:
                with suppress(Exception):
                    await self._work
            self._close()
            self.started.set()
            self.closed.set()

    async def _hear(self, session: Session, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self._raw.append(message)
            self._frames += decode(message)
            if self._frames[-1].header.op == OP_TICK_END:
                seq = self._frames[-1].header.seq
                raw, frames, self._raw, self._frames = self._raw, self._frames, [], []
                self._work = asyncio.ensure_future(asyncio.to_thread(self._keep, raw, frames))
                await asyncio.shield(self._work)
                self.started.set()
                self._tell(session, m.Ack(seq))
            return
        told = m.from_server(message)
        if isinstance(told, m.Welcome) or (isinstance(told, m.Event) and told.event == "scene"):
            self._raw, self._frames = [], []
            self.tape.at_least(self._clock.now_ns())
            document = await self._scene()
            self._tell(session, m.Ready(int(document["revision"])))
        elif isinstance(told, m.Event) and told.event not in ("notice", "overlay"):  # their data is not kept
            self.tape.event(told.event, told.data or {}, self._clock.now_ns())

    def _keep(self, raw: list[bytes], frames: list[Frame]) -> None:
        self.tape.tick(raw, frames)
        while self._ready:
            self.tape.file(*self._ready.pop(0))

    async def _scene(self) -> dict[str, Any]:
        asset = await asyncio.to_thread(self._assets.scene)
        document = self.tape.scene(asset.data)
        for missing in await attach(self.tape, document, self._fetch):
            log.warning("the recording is without %s", missing)
        return document

    async def _fetch(self, url: str) -> bytes:
        name = url.rpartition("/")[2]
        if url.startswith("/texture/"):
            asset = self._assets.texture(name)
        else:
            asset = await asyncio.to_thread(self._assets.geometry, name.removesuffix(".glb"))
        if asset is None:
            raise OSError("it is not there")
        return asset.data

    async def _make_package(self) -> None:
        if self._package is None:
            return
        try:
            made = await self._package.package()
            data = await asyncio.to_thread(made.path.read_bytes)
        except (Refused, OSError) as error:
            log.warning("the recording is without the stage's package: %s", error)
            return
        self._ready.append(("stage.usdz", "model/vnd.usdz+zip", data))

    def _close(self) -> None:
        try:
            self._keep_rest()
            self.tape.close(self._clock.now_ns())
        except OSError as error:
            log.error(str(failed(self.path, error)))
        finally:
            with suppress(OSError):
                self._file.close()

    def _keep_rest(self) -> None:
        from twinstage.live.recording.history import keep_history

        for file in self._ready:
            self.tape.file(*file)
        if self._history is not None:
            self._commit()
            missing = keep_history(self.tape, self._history)
            if missing:
                log.warning("the recording is %s", missing)

    def _tell(self, session: Session, message: msgspec.Struct) -> None:
        session.receive(m.to_text(message), now_ns=_now_ns(), wall_ns=self._clock.now_ns())


def record_live(live: "LiveTwin", out: Path, *, force: bool = False) -> Beside:
    """A recording of a twin of this process; to be run on its server's loop. Raises UserError where the file cannot be made."""
    from twinstage.live.api.package import Packager

    made = partial(Beside, live.hub, out, clock=live.clock, package=Packager(live), force=force)
    recorder = live.recorder
    return made() if recorder is None else made(history=recorder.folder, commit=recorder.commit)


def _now_ns() -> int:
    return int(asyncio.get_running_loop().time() * 1e9)
