"""`twinstage open`: a recording behind one port, as the twin was when it was made."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twinstage.base.clock import Clock, SystemClock
from twinstage.live.recording.desk import PlaybackDesk, RecordedAssets, RecordedPackage
from twinstage.sync.hub import new_epoch
from twinstage.sync.recording.archive import Archive
from twinstage.sync.recording.past import RecordedPast
from twinstage.sync.recording.playback import Playback, hub_of

if TYPE_CHECKING:
    from fastapi import FastAPI

    from twinstage.sync.access.access import Access
    from twinstage.sync.access.choices import AccessChoices

_LONGEST_S = 0.25


@dataclass(frozen=True, slots=True)
class PlayChoices:
    """How a recording is played. `at`: where it begins, a date and time with its zone, or seconds from the beginning."""

    speed: float = 1.0
    loop: bool = False
    paused: bool = False
    at: str | None = None


class OpenedRecording:
    """A recording with its hub and its app."""

    def __init__(self, path: Path, choices: PlayChoices, *, clock: Clock | None = None) -> None:
        """Raises UserError where the file is no recording, is damaged, or does not hold that moment."""
        self.clock: Clock = clock or SystemClock()
        self.archive = Archive(path)
        self.hub = hub_of(self.archive, new_epoch(self.clock.now_ns()))
        self.playback = Playback(self.archive, self.hub, speed=choices.speed, loop=choices.loop)
        self.changed = asyncio.Event()
        self.playback.seek(self._begin(choices.at), self.clock.now_ns())
        self.playback.paused = choices.paused

    def _begin(self, at: str | None) -> int:
        if at is None:
            return self.archive.start_ns
        from twinstage.base.errors import UserError
        from twinstage.telemetry.history.moments import moment_ns

        wanted = moment_ns(at, self.archive.start_ns, where="--at")
        if not self.archive.start_ns <= wanted <= self.archive.end_ns:
            raise UserError(
                f"--at {at} lies outside {self.archive.path}, which is {self.archive.seconds:.3f} s long"
            )
        return wanted

    def app(self, *, hosts: Collection[str] = (), access: "Access | None" = None) -> "FastAPI":
        """Its ASGI app."""
        from twinstage.live.server import viewer_dir
        from twinstage.sync.api.calls import Sources
        from twinstage.sync.server import create_app

        desk = PlaybackDesk(self.playback, self.clock, self.changed.set)
        return create_app(
            self.hub,
            viewer_dir=viewer_dir(),
            status=self._status,
            clock=self.clock,
            allowed_hosts=hosts,
            access=access,
            files=RecordedAssets(self.playback),
            api=Sources(
                prims=None,
                health=desk,
                playback=desk,
                past=RecordedPast(self.playback),
                package=RecordedPackage(self.archive, self.hub.epoch),
            ),
        )

    def _status(self) -> dict[str, Any]:
        at = self.playback.at
        return {"sources": {}, "playback": {"status": at.status, "currentNs": str(at.position_ns)}}

    async def run(self) -> None:
        """Plays until cancelled. Raises UserError where the file turns out to be damaged."""
        while True:
            self.changed.clear()
            wait = self.playback.advance(self.clock.now_ns())
            if wait == 0.0:
                await asyncio.sleep(0)
                continue
            try:
                async with asyncio.timeout(None if wait is None else min(wait, _LONGEST_S)):
                    await self.changed.wait()
            except TimeoutError:
                pass


def serve_recording(
    path: Path,
    choices: PlayChoices,
    *,
    host: str,
    port: int,
    duration: float | None = None,
    hosts: Collection[str] = (),
    access: "AccessChoices | None" = None,
    on_ready: Callable[[str, OpenedRecording], None],
) -> None:
    """Serves it until Ctrl-C or the end of `duration` [s]."""
    from twinstage.observe import configure_logging
    from twinstage.sync.access.access import open_access
    from twinstage.sync.access.choices import AccessChoices
    from twinstage.sync.serve import serve

    doors = access or AccessChoices()
    doors.check(host)
    configure_logging()
    opened = OpenedRecording(path, choices)
    app = opened.app(hosts={host, *hosts}, access=open_access(doors, clock=opened.clock))
    try:
        serve(
            app,
            host=host,
            port=port,
            background=[opened.run],
            on_ready=lambda url: on_ready(url, opened),
            duration=duration,
            tls=doors.tls(),
        )
    finally:
        opened.archive.close()
