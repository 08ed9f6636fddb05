"""Any moment of an open recording for one viewer, while the playing goes on for all others. Reads the recording's file."""

import asyncio
from collections.abc import Iterator

import numpy as np

from twinstage.base.errors import UserError
from twinstage.scene.columns import TickColumns
from twinstage.sync.api.alarms import Alarms
from twinstage.sync.api.calls import AGAIN_S
from twinstage.sync.api.operation import Refused
from twinstage.sync.api.past import MOST_BYTES, PastAlarmsAsk, PastAsk, PastTicks, step_of
from twinstage.sync.backwards import told
from twinstage.sync.codec import FrameError
from twinstage.sync.recording.archive import Step
from twinstage.sync.recording.playback import Playback
from twinstage.sync.recording.replica import Replica
from twinstage.sync.relay.join import Place, placed
from twinstage.sync.state import State
from twinstage.telemetry.history.moments import iso_ns, moment_ns

MOST_WAITING = 16
_OTHER = "the recording shows another scene at that moment; play it there for all (POST /api/v1/playback) to see it"


class RecordedPast:
    """Implements `sync.api.past.PastSource`. Belongs to the server's event loop."""

    def __init__(self, playback: Playback) -> None:
        self._playback = playback
        self._one = asyncio.Lock()
        self._waiting = 0

    async def ticks(self, asked: PastAsk) -> PastTicks:
        """The scene as it was. Refused (404) where another scene was shown then than now."""
        if self._waiting >= MOST_WAITING:
            raise Refused(503, "too many ask for the past at the same time; ask again", retry_after=AGAIN_S)
        self._waiting += 1
        try:
            async with self._one:
                hub, scene = self._playback.hub, self._playback.scene
                snapshot = hub.scene.snapshot
                sizes = snapshot.node_count, len(hub.scene.signals)
                data, until = await asyncio.to_thread(self._told, asked, scene, sizes, hub.epoch_crc)
                return PastTicks(data, hub.revision, until)
        finally:
            self._waiting -= 1

    async def alarms(self, asked: PastAlarmsAsk) -> Alarms:
        """There are none to ask for."""
        raise Refused(404, "a recording knows of no alarms but those that were raised while it was made")

    def _told(self, asked: PastAsk, scene: int, sizes: tuple[int, int], epoch_crc: int) -> tuple[bytes, int]:
        first = self._moment(asked.at, "at")
        last = first if asked.to is None else self._moment(asked.to, "to")
        step = step_of(asked, last - first)
        low, high = min(first, last), max(first, last)
        moments = (*range(low, high, step), high)
        ticks = self._ticks(moments, scene, sizes)
        return told(State(*sizes), ticks, epoch_crc, backwards=last < first, most_bytes=MOST_BYTES)

    def _ticks(
        self, moments: tuple[int, ...], scene: int, sizes: tuple[int, int]
    ) -> Iterator[tuple[int, TickColumns]]:
        """What changed by each moment; ends where another scene is shown."""
        replica, here = Replica(*sizes), Place(np.arange(sizes[0]), 0)
        shown, seq = -1, 0
        steps = self._playback.archive.steps(moments[0])
        step = next(steps, None)
        for count, moment in enumerate(moments):
            while step is not None and step.at_ns <= moment:
                if step.keyframe:
                    assert step.mark is not None
                    shown = step.mark.scene
                    if count and shown != scene:
                        return
                if step.frames and shown == scene:
                    self._apply(replica, step)
                step = next(steps, None)
            if shown != scene:
                raise Refused(404, _OTHER)
            yield moment, placed(replica.state, seq, here)
            seq = replica.state.seq

    def _apply(self, replica: Replica, step: Step) -> None:
        try:
            replica.apply(step.frames)
        except FrameError as error:
            raise UserError(f"{self._playback.archive.path.name} is damaged: {error}") from None

    def _moment(self, text: str, where: str) -> int:
        archive = self._playback.archive
        found = moment_ns(text.replace(" ", "+"), archive.start_ns, where=where)  # a + in a query is a blank
        if found < archive.start_ns:
            raise UserError(
                f"{where} {text!r} lies before the recording, which begins at {iso_ns(archive.start_ns)}"
            )
        return min(found, archive.end_ns)
