"""Animation channels evaluated and resampled, so that straight lines between samples say what the file says. Pure.

Linear channels keep their keys: between them USD interpolates alike (rotations along the arc). Steps get a second sample just
before each change. Cubic ones are split until straight lines stay within `TOLERANCE`.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from twinstage.assets.importing.document import Animation, Channel

TOLERANCE = 1e-4
"""Error of resampled cubic splines: of a channel's own range; for rotations in a unit quaternion (0.02 degrees)."""
MAX_SPLITS = 128
JUMP = 1e-4
"""How long before a step its old value is said once more [s]."""
RATES = (24.0, 25.0, 30.0, 48.0, 50.0, 60.0, 90.0, 100.0, 120.0)


def rate_of(animations: Iterable[Animation]) -> float:
    """Time codes per second: the first of the usual frame rates that has all keys on whole frames; else 60."""
    times = [channel.times for animation in animations for channel in animation.channels]
    if not times:
        return RATES[0]
    all_times = np.unique(np.concatenate(times))
    for rate in RATES:
        codes = all_times * rate
        if np.abs(codes - np.round(codes)).max() < 2e-3:
            return rate
    return 60.0


def by_property(animation: Animation) -> dict[tuple[int, str], Channel]:
    """The channels by (node, path)."""
    return {(channel.node, channel.path): channel for channel in animation.channels}


def together(animations: Sequence[Animation]) -> tuple[Animation, ...]:
    """Animations of which no two move the same thing play together: programs export one for each object of a scene."""
    properties = [key for animation in animations for key in by_property(animation)]
    if len(animations) < 2 or len(properties) > len(set(properties)):
        return tuple(animations)
    channels = tuple(channel for animation in animations for channel in animation.channels)
    return (Animation(", ".join(a.name for a in animations)[:120], channels),)


def codes_of(times: np.ndarray, rate: float) -> list[float]:
    """Time codes; those that lie a rounding error off a whole frame are whole."""
    codes = np.asarray(times, np.float64) * rate
    whole = np.round(codes)
    return [float(c) for c in np.where(np.abs(codes - whole) < 1e-4, whole, codes)]


def evaluate(channel: Channel, times: np.ndarray) -> np.ndarray:
    """Values [n, w] at times; before the first key its value, after the last that."""
    keys = channel.times
    at = np.clip(np.searchsorted(keys, times, side="right") - 1, 0, max(len(keys) - 2, 0))
    values = channel.values[:, 1] if channel.interpolation == "cubic" else channel.values
    values = _unit(values) if channel.path == "rotation" else values
    if len(keys) == 1:
        return np.repeat(values, len(times), axis=0)
    span = (keys[at + 1] - keys[at])[:, None]
    part = np.clip((np.asarray(times)[:, None] - keys[at][:, None]) / span, 0.0, 1.0)
    first, second = values[at], values[at + 1]
    if channel.interpolation == "step":
        return np.asarray(np.where(part >= 1.0, second, first))
    if channel.interpolation == "cubic":
        out = _hermite(channel, at, part, span)
        return _unit(out) if channel.path == "rotation" else out
    if channel.path == "rotation":
        return _slerp(first, second, part)
    return np.asarray(first * (1.0 - part) + second * part)


def _hermite(channel: Channel, at: np.ndarray, part: np.ndarray, span: np.ndarray) -> np.ndarray:
    t, t2, t3 = part, part**2, part**3
    leaving, arriving = channel.values[at, 2] * span, channel.values[at + 1, 0] * span
    return np.asarray(
        (2 * t3 - 3 * t2 + 1) * channel.values[at, 1]
        + (t3 - 2 * t2 + t) * leaving
        + (3 * t2 - 2 * t3) * channel.values[at + 1, 1]
        + (t3 - t2) * arriving
    )


def _unit(quats: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(quats, axis=-1, keepdims=True)
    return np.where(length > 0, quats / np.where(length > 0, length, 1.0), [1.0, 0.0, 0.0, 0.0])


def _slerp(a: np.ndarray, b: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Along the shorter arc, [n, 4]."""
    dot = (a * b).sum(-1, keepdims=True)
    b, dot = np.where(dot < 0, -b, b), np.abs(dot)
    angle = np.arccos(np.clip(dot, -1.0, 1.0))
    sine = np.sin(angle)
    near = sine < 1e-6
    safe = np.where(near, 1.0, sine)
    wa = np.where(near, 1.0 - part, np.sin((1.0 - part) * angle) / safe)
    wb = np.where(near, part, np.sin(part * angle) / safe)
    return _unit(wa * a + wb * b)


def sample_times(channel: Channel) -> np.ndarray:
    """Times at which samples say the whole channel, rising."""
    keys = channel.times
    if channel.interpolation == "step":
        before = keys[1:] - np.minimum(JUMP, np.diff(keys) / 2)
        return np.unique(np.concatenate([keys, before]))
    if channel.interpolation == "cubic" and len(keys) > 1:
        return _split(channel)
    return np.asarray(keys, np.float64)


def _split(channel: Channel) -> np.ndarray:
    """Keys and, within each span, as many even parts as straight lines need."""
    keys = channel.times
    values = channel.values[:, 1]
    reach = 1.0 if channel.path == "rotation" else float(np.ptp(values, axis=0).max()) or 1.0
    parts = [keys[-1:]]
    for k in range(len(keys) - 1):
        count = 1
        while count < MAX_SPLITS:
            times = np.linspace(keys[k], keys[k + 1], count + 1)
            tests = np.concatenate([times[:-1] + (times[1] - times[0]) * f for f in (0.25, 0.5, 0.75)])
            straight = Channel(channel.node, channel.path, times, evaluate(channel, times), "linear")
            wrong = evaluate(straight, tests) - evaluate(channel, tests)
            if channel.path == "rotation":
                wrong = np.minimum(np.abs(wrong), np.abs(wrong + 2 * evaluate(channel, tests)))
            if np.abs(wrong).max() <= TOLERANCE * reach:
                break
            count *= 2
        parts.append(np.linspace(keys[k], keys[k + 1], count + 1)[:-1])
    return np.unique(np.concatenate(parts))


def all_times(channels: Sequence[Channel]) -> np.ndarray:
    """Times at which samples say several channels together."""
    return np.unique(np.concatenate([sample_times(channel) for channel in channels]))
