"""What a hub counts about its stream, as plain numbers; `live` shows them to Prometheus."""

from bisect import bisect_left
from dataclasses import dataclass, field

LATENCY_BOUNDS_S = (0.002, 0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.12, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
BYTE_BOUNDS = (256, 1024, 4096, 16384, 32768, 65536, 131072, 262144, 1048576, 4194304)


class Histogram:
    """Counts by upper bound (inclusive, as Prometheus has it); the last count is of what lies above all bounds."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """One more value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    @property
    def count(self) -> int:
        return sum(self.counts)

    def quantile(self, q: float) -> float:
        """The bound below which at least the fraction q of all values lies; 0 where there are none."""
        wanted, seen = q * self.count, 0
        for bound, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            seen += count
            if count and seen >= wanted:
                return bound
        return 0.0


def _latency() -> Histogram:
    return Histogram(LATENCY_BOUNDS_S)


@dataclass
class Counters:
    """Totals since the start."""

    ticks: int = 0
    refused_rows: int = 0
    """Poses that were not finite numbers, or whose quaternion was zero: the node kept its last pose."""
    encodings: int = 0
    bytes_encoded: int = 0
    ignored_messages: int = 0
    """Messages of clients whose type is not known here."""
    steps_down: int = 0
    steps_up: int = 0
    closed_slow: int = 0
    """Clients that were closed because they did not keep up."""


@dataclass
class StreamFigures:
    """Distributions since the start.

    `frame_bytes`: bytes of each encoded tick, by kind (delta, absolute, keyframe). `ack_seconds`: from the sending of a tick
    to its acknowledgement. `apply_seconds`: from the arrival of the oldest reading in a tick to its acknowledgement by
    a client that has applied it, where the publisher says when that was. `client_seconds`: what clients themselves
    say that applying took them.
    """

    frame_bytes: dict[str, Histogram] = field(
        default_factory=lambda: {kind: Histogram(BYTE_BOUNDS) for kind in ("delta", "absolute", "keyframe")}
    )
    ack_seconds: Histogram = field(default_factory=_latency)
    apply_seconds: Histogram = field(default_factory=_latency)
    client_seconds: Histogram = field(default_factory=_latency)
