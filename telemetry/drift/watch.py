"""All sources of a running twin, watched for drift.

Looking at raw rows costs about as much as reading them. So a source is watched only while it comes at a rate that leaves
the twin its time; one that is faster is left alone from then on, and told so once: `twinstage telemetry check` looks at
recordings at any rate.
"""

import logging
from collections import deque

from twinstage.base.clock import NS
from twinstage.telemetry.contract import Contract
from twinstage.telemetry.drift.monitor import Drift, DriftMonitor
from twinstage.telemetry.drift.rows import Row, RowReader
from twinstage.telemetry.lines import LineBuffer

log = logging.getLogger("twinstage.telemetry.drift")

FASTEST = 2000
"""Lines a second up to which a source is watched."""
_KEPT = 1000


class DriftWatch:
    """Fed with the bytes of all sources; what drifted is logged and kept in `drifts`, the newest thousand."""

    def __init__(self, contract: Contract, *, learn: int = 400) -> None:
        self.drifts: deque[Drift] = deque(maxlen=_KEPT)
        self._contract = contract
        self._learn = learn
        self._sources = {name: _Source(contract, name, learn) for name in contract.sources}

    def offer(self, source: str, chunk: bytes, now_ns: int) -> list[Drift]:
        """Bytes of a source, as they came. What that shows to have changed."""
        watched = self._sources.get(source)
        if watched is None:
            return []
        lines = watched.lines.feed(chunk)
        if watched.too_fast(len(lines), now_ns):
            log.warning(
                "source %r sends more than %d lines a second: it is no longer watched for drift",
                source,
                FASTEST,
            )
            del self._sources[source]
            return []
        found = watched.look(lines)
        for drift in found:
            log.warning("source %r, line %d: %s", source, drift.line, drift)
        self.drifts.extend(found)
        return found

    def restart(self, source: str) -> None:
        """The source begins again: a header is expected, and lines count from 1."""
        watched = self._sources.get(source)
        if watched is not None:
            watched.restart()

    @property
    def watched(self) -> list[str]:
        """Names of the sources that are watched."""
        return list(self._sources)


class _Source:
    def __init__(self, contract: Contract, name: str, learn: int) -> None:
        spec = contract.sources[name]
        self.lines = LineBuffer(spec.max_line)
        self._reader = RowReader(spec)
        self._monitor = DriftMonitor(contract, name, learn=learn, size=min(50, max(16, learn // 8)))
        self._wide = spec.reader.layout == "wide"
        self._began_ns = 0
        self._count = 0
        self._again = False

    def too_fast(self, count: int, now_ns: int) -> bool:
        """Whether more came within the last ten seconds than can be looked at."""
        if now_ns - self._began_ns > 10 * NS:
            self._began_ns, self._count = now_ns, 0
        self._count += count
        return self._count > 10 * FASTEST

    def look(self, lines: list[bytes]) -> list[Drift]:
        rows: list[Row] = list(self._reader.read(lines, self.lines.line - len(lines)))
        found = []
        if self._again and rows:
            self._again = False
            if self._wide and self._reader.columns is not None:
                found = self._monitor.columns(self._reader.columns, rows[0].line, rows[0].time)
        return found + self._monitor.feed(rows)

    def restart(self) -> None:
        self.lines.restart()
        self._reader.restart()
        self._again = True
