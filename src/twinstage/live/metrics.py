"""What Prometheus scrapes at `/metrics`: read from the running twin at the moment of asking, nothing is counted twice.

No label holds a signal, a prim or a person: the number of series depends on the contract's sources only.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from twinstage.live.stream_metrics import stream_families
from twinstage.telemetry.accounts import OUTCOMES

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from twinstage.live.twin import LiveTwin
    from twinstage.sync.access.access import Access

LEVELS = ("good", "uncertain", "bad")


def metrics_page(live: "LiveTwin", access: "Access | None" = None) -> tuple[bytes, str]:
    """The page and its media type (OpenMetrics text)."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(live, access))
    page: bytes = generate_latest(registry)  # type: ignore[no-untyped-call]
    return page, CONTENT_TYPE_LATEST


class _Collector:
    """Everything, made anew for each scrape."""

    def __init__(self, live: "LiveTwin", access: "Access | None") -> None:
        self._live = live
        self._access = access

    def collect(self) -> "Iterator[Metric]":
        """All families."""
        yield from self._ingest()
        yield from self._state()
        yield from stream_families(self._live.hub)
        if self._access is not None:
            from twinstage.live.access_metrics import access_families

            yield from access_families(self._access.counts)

    def _ingest(self) -> "Iterator[Metric]":
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        if self._live.ingest is None:
            return
        readings = CounterMetricFamily(
            "twin_ingest_readings",
            "Readings by source and by what became of them.",
            labels=["source", "outcome"],
        )
        contradicting = CounterMetricFamily(
            "twin_ingest_contradicting_readings",
            "Of the duplicates, those that say something else than the first reading of that moment.",
            labels=["source"],
        )
        pending = GaugeMetricFamily(
            "twin_ingest_pending_readings", "Readings that wait for the watermark.", labels=["source"]
        )
        behind = GaugeMetricFamily(
            "twin_ingest_watermark_age_seconds",
            "How far the watermark of a source lies behind the clock.",
            labels=["source"],
        )
        silent = GaugeMetricFamily(
            "twin_ingest_silence_seconds", "Since a source was heard from last.", labels=["source"]
        )
        now = self._live.clock.now_ns()
        for name, told in self._live.ingest.sources().items():
            for outcome in OUTCOMES:
                readings.add_metric([name, outcome], told.counts[outcome])
            contradicting.add_metric([name], told.counts["contradicting"])
            pending.add_metric([name], told.counts["pending"])
            families = {"behind": behind, "silent": silent}
            for age, seconds in told.ages(now).items():
                families[age].add_metric([name], seconds)
        drift = CounterMetricFamily(
            "twin_drift_findings",
            "Fields of a source that changed: new, missing, retyped, another cadence or unit.",
            labels=["source", "kind"],
        )
        for name, kinds in list(self._live.drift.items()):
            for kind, count in list(kinds.items()):
                drift.add_metric([name, kind], count)
        yield from (readings, contradicting, pending, behind, silent, drift)

    def _state(self) -> "Iterator[Metric]":
        from prometheus_client.core import GaugeMetricFamily

        if self._live.ingest is None:
            return
        signals = GaugeMetricFamily(
            "twin_state_signals", "Signals by their quality now, age counted in.", labels=["quality"]
        )
        for level, count in quality_counts(self._live).items():
            signals.add_metric([level], count)
        yield signals
        if self._live.alarms is None:
            return
        told = self._live.alarms.counts()
        alarms = GaugeMetricFamily("twin_alarms_active", "Active alarms.", labels=["priority"])
        for priority, count in told["active"].items():
            alarms.add_metric([priority], count)
        yield alarms
        unseen = "Active alarms that nobody has acknowledged."
        yield GaugeMetricFamily("twin_alarms_unacknowledged", unseen, value=told["unacknowledged"])
        yield GaugeMetricFamily(
            "twin_alarms_flooded", "1 during a flood of alarms.", value=float(told["flooded"])
        )


def quality_counts(live: "LiveTwin") -> dict[str, int]:
    """How many signals are good, uncertain and bad now, age counted in; {} without telemetry."""
    if live.ingest is None:
        return {}
    quality = live.ingest.state.effective_quality(live.ingest.time_ns(live.clock.now_ns()))
    severity = np.minimum(quality >> np.uint32(30), 2)
    counts = np.bincount(severity.astype(np.intp), minlength=3)
    return dict(zip(LEVELS, counts.tolist(), strict=True))
