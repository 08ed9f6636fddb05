"""A recording over HTTP: its playback (`sync.api.playback`), its scene and files, its package, its health."""

import asyncio
import shutil
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path

from twinstage.base.clock import Clock
from twinstage.base.errors import UserError
from twinstage.sync.api.calls import PackageFile
from twinstage.sync.api.health import Check, Readiness
from twinstage.sync.api.operation import Refused
from twinstage.sync.api.playback import Playback as PlaybackState
from twinstage.sync.api.playback import PlaybackOrder
from twinstage.sync.assets import Asset, make_asset
from twinstage.sync.recording.archive import Archive
from twinstage.sync.recording.playback import MAX_SPEED, MIN_SPEED, Jump, Playback, scene_of
from twinstage.sync.scene_json import image_type
from twinstage.telemetry.history.moments import iso_ns

_NS = 1_000_000_000


class PlaybackDesk:
    """Implements `PlaybackSource` and `HealthSource`. `on_order`: called when something was changed."""

    def __init__(self, playback: Playback, clock: Clock, on_order: Callable[[], None]) -> None:
        self._playback = playback
        self._clock = clock
        self._on_order = on_order
        self._jumps = 0
        self._jumping = asyncio.Lock()

    def readiness(self) -> Readiness:
        archive = self._playback.archive
        how = "whole" if archive.whole else "cut off at its end"
        text = f"{archive.path.name}, {archive.seconds:.1f} s, {how}"
        return Readiness(ready=True, checks=(Check(name="recording", ok=True, text=text),))

    def get_playback(self) -> PlaybackState:
        return self._told("", did_seek=False)

    async def control_playback(self, order: PlaybackOrder) -> PlaybackState:
        playback = self._playback
        if order.speed is not None and not MIN_SPEED <= order.speed <= MAX_SPEED:
            raise UserError(f"speed: {MIN_SPEED:g} to {MAX_SPEED:g} are possible")
        at_ns = self._wanted(order)
        jump = None if at_ns is None else await self._ready(at_ns)
        now = self._clock.now_ns()
        if order.command == "pause":
            playback.pause(now)
        if jump is not None:
            playback.land(jump, now)
        if order.speed is not None:
            playback.set_speed(order.speed, now)
        if order.loop is not None:
            playback.loop = order.loop
        if order.command == "play":
            playback.play(now)
        self._on_order()
        return self._told(order.request_id, did_seek=jump is not None)

    async def _ready(self, at_ns: int) -> Jump | None:
        """A jump, made ready on another thread while what is shown goes on; None where a later order has come meanwhile."""
        self._jumps += 1
        mine = self._jumps
        async with self._jumping:
            return await asyncio.to_thread(self._playback.prepare, at_ns) if mine == self._jumps else None

    def _wanted(self, order: PlaybackOrder) -> int | None:
        """The moment to jump to [ns]. Raises UserError where two are given, or it lies outside."""
        archive = self._playback.archive
        if order.seek_ns is not None and order.seek_seconds is not None:
            raise UserError("seekNs and seekSeconds: give one of them")
        if order.seek_ns is not None:
            at_ns = int(order.seek_ns)
        elif order.seek_seconds is not None:
            if abs(order.seek_seconds) > 1e9:
                raise UserError(f"seekSeconds: the recording is {archive.seconds:.3f} s long")
            at_ns = archive.start_ns + round(order.seek_seconds * _NS)
        else:
            return None
        if not archive.start_ns <= at_ns <= archive.end_ns + _NS:
            seconds = (at_ns - archive.start_ns) / _NS
            raise UserError(
                f"{seconds:.3f} s lies outside the recording, which is {archive.seconds:.3f} s long"
            )
        return at_ns

    def _told(self, request_id: str, *, did_seek: bool) -> PlaybackState:
        at, archive, shown = self._playback.at, self._playback.archive, self._playback.shown
        return PlaybackState(
            status=at.status,
            current_time=iso_ns(at.position_ns),
            current_ns=str(at.position_ns),
            start_time=iso_ns(archive.start_ns),
            start_ns=str(archive.start_ns),
            end_time=iso_ns(archive.end_ns),
            end_ns=str(archive.end_ns),
            seconds=(at.position_ns - archive.start_ns) / _NS,
            duration_seconds=archive.seconds,
            speed=at.speed,
            loop=at.loop,
            shown_ns=None if shown is None else str(shown[0]),
            shown_seq=None if shown is None else shown[1],
            did_seek=did_seek,
            request_id=request_id,
        )


class RecordedAssets:
    """Implements `sync.server.FileSource`: the scene and its files as they were recorded."""

    def __init__(self, playback: Playback) -> None:
        self._playback = playback
        self._scene: tuple[int, Asset] | None = None

    async def scene(self) -> Asset:
        revision = self._playback.hub.revision
        if self._scene is None or self._scene[0] != revision:
            self._scene = revision, make_asset(scene_of(self._playback), "application/json", compress=True)
        return self._scene[1]

    async def geometry(self, digest: str) -> Asset | None:
        data = self._playback.archive.file(f"glb/{digest}.glb")
        return None if data is None else make_asset(data, "model/gltf-binary", compress=True)

    async def texture(self, digest: str) -> Asset | None:
        data = self._playback.archive.file(f"texture/{digest}")
        return None if data is None else Asset(data, None, image_type(data), f'"{digest}"')


class RecordedPackage:
    """Implements `PackageSource`: the stage's package out of the recording."""

    def __init__(self, archive: Archive, epoch: str) -> None:
        self._archive, self._epoch = archive, epoch
        self._made: PackageFile | None = None

    async def package(self) -> PackageFile:
        if self._made is None:
            data = self._archive.file("stage.usdz")
            if data is None:
                raise Refused(404, "this recording holds no package of its stage")
            folder = Path(tempfile.mkdtemp(prefix="twinstage-package-"))
            (folder / "stage.usdz").write_bytes(data)
            self._made = PackageFile(folder / "stage.usdz", self._epoch)
            weakref.finalize(self._made, shutil.rmtree, folder, True)
        return self._made
