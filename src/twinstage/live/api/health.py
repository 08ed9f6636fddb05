"""Whether a running twin is ready. Belongs to the server's event loop."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from twinstage.live.api.reading import without_folders, without_places
from twinstage.sync.api.health import Check, Readiness

if TYPE_CHECKING:
    from twinstage.live.twin import LiveTwin


class HealthDesk:
    """Implements `sync.api.health.HealthSource`."""

    def __init__(self, live: "LiveTwin") -> None:
        self._live = live

    def readiness(self) -> Readiness:
        """How it is now."""
        checks = tuple(self._checks())
        return Readiness(ready=all(check.ok for check in checks), checks=checks)

    def _checks(self) -> Iterator[Check]:
        live = self._live
        name, count = Path(live.snapshot.stage.path).name, len(live.snapshot.prims)
        yield Check(name="stage", ok=live.ordinal > 0, text=f"{name}, {count} prims")
        if live.ingest is not None:
            yield from self._sources()
        if live.recorder is not None:
            failure = without_places(live.recorder.failure, live.recorder.folder)
            text = f"cannot be written: {failure}" if failure else "is written"
            yield Check(name="history", ok=not failure, text=text)

    def _sources(self) -> Iterator[Check]:
        assert self._live.ingest is not None
        now = self._live.clock.now_ns()
        for name, report in self._live.ingest.sources().items():
            status = self._live.sources.get(name)
            silent = report.ages(now).get("silent")
            heard = "nothing heard yet" if silent is None else f"heard {silent:.1f} s ago"
            word = "idle" if report.idle else "connected"
            if status is None:
                word, ok = (
                    "fed by the history" if not self._live.ingest.fed_by_sources else "not opened",
                    True,
                )
            elif status.state == "waiting":
                word, ok = f"failed and is opened again: {without_folders(str(status.error))}", False
            else:
                word, ok = {"opening": "listening", "ended": "ended"}.get(status.state, word), True
            yield Check(name=f"source {name}", ok=ok, text=f"{word}, {heard}")
