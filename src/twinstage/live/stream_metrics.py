"""The stream's share of `/metrics`: what the hub has counted, under its Prometheus names. No label names a client or a prim."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client.core import HistogramMetricFamily, Metric

    from twinstage.sync.figures import Histogram
    from twinstage.sync.hub import Hub

_LATENCIES = {
    "twin_sync_apply_latency_seconds": (
        "apply_seconds",
        "From the arrival of the oldest reading in a tick to its acknowledgement by a client that has applied it.",
    ),
    "twin_sync_ack_seconds": ("ack_seconds", "From the sending of a tick to its acknowledgement."),
    "twin_sync_client_apply_seconds": ("client_seconds", "What applying a tick took, as the clients say."),
}


def stream_families(hub: "Hub") -> "Iterator[Metric]":
    """All families, read at this moment."""
    from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily

    yield GaugeMetricFamily("twin_sync_clients", "Clients that follow the stream.", value=len(hub.sessions))
    yield from _counts(hub)
    sizes = HistogramMetricFamily(
        "twin_sync_frame_bytes",
        "Bytes of an encoded tick, encoded once for all clients in step.",
        labels=["kind"],
    )
    for kind, histogram in hub.figures.frame_bytes.items():
        _add(sizes, [kind], histogram)
    yield sizes
    for name, (field, text) in _LATENCIES.items():
        family = HistogramMetricFamily(name, text)
        _add(family, [], getattr(hub.figures, field))
        yield family
    yield from _clients(hub)


def _counts(hub: "Hub") -> "Iterator[Metric]":
    from prometheus_client.core import CounterMetricFamily

    counters = hub.counters
    yield CounterMetricFamily("twin_sync_ticks", "Ticks with something new.", value=counters.ticks)
    yield CounterMetricFamily("twin_sync_encodings", "Encodings of ticks.", value=counters.encodings)
    yield CounterMetricFamily(
        "twin_sync_encoded_bytes", "Bytes encoded for all clients.", value=counters.bytes_encoded
    )
    refused = "Poses that were no finite numbers; the prim kept its last one."
    yield CounterMetricFamily("twin_sync_refused_poses", refused, value=counters.refused_rows)
    ignored = "Messages of clients whose type is not known."
    yield CounterMetricFamily("twin_sync_ignored_messages", ignored, value=counters.ignored_messages)
    slow = "Clients that were closed because they did not keep up."
    yield CounterMetricFamily("twin_sync_closed_slow", slow, value=counters.closed_slow)
    steps = CounterMetricFamily("twin_sync_tier_steps", "Steps between rate tiers.", labels=["direction"])
    steps.add_metric(["down"], counters.steps_down)
    steps.add_metric(["up"], counters.steps_up)
    yield steps


def _clients(hub: "Hub") -> "Iterator[Metric]":
    from prometheus_client.core import GaugeMetricFamily

    sessions = list(hub.sessions)
    tiers = GaugeMetricFamily("twin_client_tier", "Clients by rate tier; 0: single catch-ups.", labels=["hz"])
    at = Counter(session.rate for session in sessions)
    for hz in (*(tier.hz for tier in hub.tiers), 0.0):
        tiers.add_metric([f"{hz:g}"], at[hz])
    yield tiers
    unacked = GaugeMetricFamily(
        "twin_client_unacked_frames",
        "Clients by ticks that they have not acknowledged yet.",
        labels=["ticks"],
    )
    owed = Counter(session.unacked for session in sessions)
    for ticks in range(max(owed, default=0) + 1):
        unacked.add_metric([str(ticks)], owed[ticks])
    yield unacked


def _add(family: "HistogramMetricFamily", labels: list[str], histogram: "Histogram") -> None:
    total, buckets = 0, []
    for bound, count in zip((*histogram.bounds, float("inf")), histogram.counts, strict=True):
        total += count
        buckets.append(("+Inf" if bound == float("inf") else f"{float(bound)}", total))
    family.add_metric(labels, buckets=buckets, sum_value=histogram.sum)
