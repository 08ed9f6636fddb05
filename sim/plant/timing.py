"""When samples are taken and when their lines arrive: jitter, delivery delay, duplicates, spoiled lines.

Networks and gateways do this to telemetry; the twin has to put it right.
"""

from dataclasses import dataclass

from twinstage.sim.plant.noise import uniform

NS = 1_000_000_000
LONGEST_DELIVERY_NS = NS // 2
"""No line, nor its duplicate, arrives later after its sample than this."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How a source behaves.

    Attributes:
        period: between samples [s]. jitter: of a sample's time, as a share of the period, to either side (below 0.5).
        delay: shortest and longest usual delivery [s]; slow: chance and extra seconds of a delivery that is overtaken.
        duplicate, spoiled: chance that a line comes twice, or damaged.
        bad, uncertain: chance that a reading is marked so.
    """

    period: float
    jitter: float = 0.12
    delay: tuple[float, float] = (0.005, 0.04)
    slow: tuple[float, float] = (0.01, 0.11)
    duplicate: float = 0.002
    spoiled: float = 1 / 15000
    bad: float = 0.0
    uncertain: float = 0.0


def sample_ns(habits: Habits, seed: int, stream: str, index: int) -> int:
    """Time of sample `index` after the start [ns], a whole number of milliseconds; rising with the index."""
    shift = habits.jitter * (2 * uniform(seed, f"{stream}.jitter", index) - 1)
    return max(round((index + 0.5 + shift) * habits.period * 1000), 0) * (NS // 1000)


def deliveries(habits: Habits, seed: int, stream: str, line: int, raw: bytes) -> list[tuple[int, bytes]]:
    """When that line arrives after its sample [ns], and what arrives: once, twice, or damaged."""
    low, high = habits.delay
    delay = low + (high - low) * uniform(seed, f"{stream}.delay", line)
    if uniform(seed, f"{stream}.slow", line) < habits.slow[0]:
        delay += habits.slow[1] * (0.6 + 0.4 * uniform(seed, f"{stream}.slower", line))
    if uniform(seed, f"{stream}.spoiled", line) < habits.spoiled:
        cut = 1 + int(uniform(seed, f"{stream}.cut", line) * (len(raw) - 3))
        raw = raw[:cut] + b"\n"
    out = [(round(delay * NS), raw)]
    if uniform(seed, f"{stream}.duplicate", line) < habits.duplicate:
        out.append((round((delay + 0.01 + 0.05 * uniform(seed, f"{stream}.again", line)) * NS), raw))
    return out


def quality(habits: Habits, seed: int, stream: str, line: int) -> int:
    """OPC UA StatusCode of a reading."""
    draw = uniform(seed, f"{stream}.quality", line)
    if draw < habits.bad:
        return 0x80050000  # Bad_CommunicationError
    if draw < habits.bad + habits.uncertain:
        return 0x40900000  # Uncertain_LastUsableValue
    return 0
