"""All sources of a running twin, watched for drift.

Looking at raw rows costs about as much as reading them. So a source is watched only while it comes at a rate that leaves
the twin its time; one that is faster is left alone from then on, and told so once: `twinstage telemetry check` looks at
recordings at any rate.

A source that changes to and fro would fill a log. What changed together is one finding; the same one is told once a minute
at most, and a source tells ten a minute at most. What is not told is counted in `counts`, and the next line says how many.
"""

import logging
from collections import Counter, deque
from collections.abc import Sequence

from twinstage.base.clock import NS
from twinstage.telemetry.contract import Contract
from twinstage.telemetry.drift.monitor import Drift, DriftMonitor, merged
from twinstage.telemetry.drift.rows import Row, RowReader
from twinstage.telemetry.lines import LineBuffer

log = logging.getLogger("twinstage.telemetry.drift")

FASTEST = 10_000
"""Values a second up to which a source is watched: about a tenth of a core."""
_KEPT = 1000
_PAUSE_NS = 60 * NS
_LINES = 10


class DriftWatch:
    """Fed with the bytes of all sources; what drifted is logged, kept in `drifts`, the newest thousand, and counted in
    `counts`, by source and kind, a field at a time."""

    def __init__(self, contract: Contract, *, learn: int = 400) -> None:
        self.drifts: deque[Drift] = deque(maxlen=_KEPT)
        self.counts: dict[str, Counter[str]] = {}
        self._contract = contract
        self._learn = learn
        self._sources = {name: _Source(contract, name, learn) for name in contract.sources}

    def offer(self, source: str, chunk: bytes, now_ns: int) -> list[Drift]:
        """Bytes of a source, as they came. What that shows to have changed, as far as it is told."""
        watched = self._sources.get(source)
        if watched is None:
            return []
        rows = watched.rows(chunk)
        if watched.too_fast(sum(len(row.fields) for row in rows), now_ns):
            log.warning(
                "source %r sends more than %d values a second: it is no longer watched for drift",
                source,
                FASTEST,
            )
            del self._sources[source]
            return []
        return self._told(source, watched, watched.look(rows), now_ns)

    def _told(self, source: str, watched: "_Source", found: Sequence[Drift], now_ns: int) -> list[Drift]:
        """Those that are logged now."""
        out = []
        for drift in found:
            self.counts.setdefault(source, Counter())[drift.what] += len(drift.fields)
            before = watched.untold
            if watched.may_tell(drift, now_ns):
                more = f" ({before} more like it or of other fields since the last one)" if before else ""
                log.warning("source %r, line %d: %s%s", source, drift.line, drift, more)
                out.append(drift)
        self.drifts.extend(found)
        return out

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
        self._lines = LineBuffer(spec.max_line)
        self._reader = RowReader(spec)
        self._monitor = DriftMonitor(contract, name, learn=learn, size=min(50, max(16, learn // 8)))
        self._wide = spec.reader.layout == "wide"
        self._began_ns = 0
        self._count = 0
        self._again = False
        self._again_found: list[Drift] = []
        self._told: deque[tuple[int, object]] = deque()
        self.untold = 0
        """Findings since the last one that was told."""

    def may_tell(self, drift: Drift, now_ns: int) -> bool:
        """Whether a finding is told now; else it counts as untold."""
        while self._told and now_ns - self._told[0][0] > _PAUSE_NS:
            self._told.popleft()
        what = drift.what, drift.fields
        if len(self._told) >= _LINES or any(what == told for _, told in self._told):
            self.untold += 1
            return False
        self._told.append((now_ns, what))
        self.untold = 0
        return True

    def too_fast(self, count: int, now_ns: int) -> bool:
        """Whether more came within the last ten seconds than can be looked at."""
        if now_ns - self._began_ns > 10 * NS:
            self._began_ns, self._count = now_ns, 0
        self._count += count
        return self._count > 10 * FASTEST

    def rows(self, chunk: bytes) -> list[Row]:
        """The rows that this chunk completes."""
        lines = self._lines.feed(chunk)
        return list(self._reader.read(lines, self._lines.line - len(lines)))

    def look(self, rows: list[Row]) -> list[Drift]:
        found = []
        if self._again and rows:
            self._again = False
            if self._wide and self._reader.columns is not None:
                found = self._monitor.columns(self._reader.columns, rows[0].line, rows[0].time)
        found += self._again_found
        self._again_found = []
        return merged(found + self._monitor.feed(rows), self._monitor.reach)

    def restart(self) -> None:
        self._again_found += self._monitor.begin_again()
        self._lines.restart()
        self._reader.restart()
        self._again = True
