"""AOVs as pictures to look at: ids in colours, depths on a ramp. Data for programs are the files of `picture`."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from twinstage.render.color import tone_map
from twinstage.scene.columns import F8, U1

TURBO = np.array(
    [
        [0.13572138, 4.61539260, -42.66032258, 132.13108234, -152.94239396, 59.28637943],
        [0.09140261, 2.19418839, 4.84296658, -14.18503333, 4.27729857, 2.82956604],
        [0.10667330, 12.64194608, -60.58204836, 110.36276771, -89.90310912, 27.34824973],
    ]
)
"""Polynomials of the Turbo colour map (A. Mikhailov, 2019): red, green and blue in rising powers of the value."""

DARKEST = 0.08
"""Where ramps end on the map, so that what is far is not as black as nothing."""

BACKGROUND = 0


@dataclass(slots=True)
class Preview:
    """Turns AOVs into u1[h, w, 3]. Ramps keep the span of the first picture, so that a film does not flicker."""

    _spans: dict[str, tuple[float, float]] = field(default_factory=dict)

    def __call__(self, name: str, values: np.ndarray, exposure: float = 0.0) -> U1:
        """The picture of an AOV of `capture.AOVS`; `exposure` [EV] is for `linear`."""
        if name == "rgb":
            return np.asarray(values, np.uint8)
        if name == "linear":
            return tone_map(values, exposure)
        if name in ("depth", "range"):
            return self._ramp(name, values)
        if name in ("position", "motion"):
            return self._stretched(name, values)
        return _PLAIN.get(name, id_colors)(values)

    def _span(self, name: str, values: np.ndarray) -> tuple[float, float]:
        if name not in self._spans:
            finite = values[np.isfinite(values)]
            if finite.size == 0:
                return 0.0, 1.0
            low, high = np.quantile(finite, [0.01, 0.99]).tolist()
            self._spans[name] = low, max(high, low + 1e-6)
        return self._spans[name]

    def _ramp(self, name: str, values: np.ndarray) -> U1:
        """Near is red, far is blue, nothing is black."""
        low, high = self._span(name, values)
        seen = np.isfinite(values)
        share = np.clip((np.where(seen, values, high) - low) / (high - low), 0.0, 1.0)
        place = 1.0 - (1.0 - DARKEST) * share
        return _bytes(turbo(place), seen)

    def _stretched(self, name: str, values: np.ndarray) -> U1:
        """x, y and z as red, green and blue, each over a span of its own."""
        seen = np.isfinite(values).all(-1)
        shares = []
        for k in range(3):
            low, high = self._span(f"{name}.{k}", values[..., k])
            shares.append((np.where(seen, values[..., k], low) - low) / (high - low))
        return _bytes(np.stack(shares, -1), seen)


def turbo(share: np.ndarray) -> F8:
    """Colours f8[..., 3] of numbers from 0 (dark blue) to 1 (dark red)."""
    powers = np.asarray(share, np.float64)[..., None] ** np.arange(6)
    out: F8 = np.einsum("...k,ck->...c", powers, TURBO)
    return out


def id_colors(ids: np.ndarray) -> U1:
    """Ids i4[h, w] as colours u1[h, w, 3]: the same id always has the same colour, 0 and less are black.

    Neighbouring ids are a golden angle of hue apart, and every few of them differ in lightness, too.
    """
    number = np.maximum(np.asarray(ids, np.int64), 0)
    hue = (number * 0.6180339887498949) % 1.0
    value = 1.0 - 0.18 * ((number // 5) % 3)
    wheel = (hue[..., None] * 6 + np.array([5.0, 3.0, 1.0])) % 6
    red_green_blue = value[..., None] * (1 - 0.72 * np.clip(np.minimum(wheel, 4 - wheel), 0, 1))
    return _bytes(red_green_blue, number > 0)


def _normals(values: np.ndarray) -> U1:
    return _bytes(np.asarray(values) * 0.5 + 0.5, np.abs(values).max(-1) > 0)


def _unit(values: np.ndarray) -> U1:
    """Two or three numbers from 0 to 1 as red, green and blue; texture coordinates beyond are wrapped."""
    seen = np.isfinite(values).all(-1)
    known = np.where(seen[..., None], values, 0.0)
    wrapped = known if known.shape[-1] == 3 else known - np.floor(known)
    missing = 3 - wrapped.shape[-1]
    return _bytes(np.concatenate([wrapped, np.zeros((*wrapped.shape[:-1], missing))], -1), seen)


def _flow(values: np.ndarray) -> U1:
    """Direction as hue, speed as strength of the colour (white: at rest), as optical flow is usually drawn."""
    seen = np.isfinite(values).all(-1)
    x, y = np.moveaxis(np.where(seen[..., None], values, 0.0), -1, 0)
    speed = np.hypot(x, y)
    strength = np.clip(speed / max(float(np.quantile(speed[seen], 0.99)) if seen.any() else 1.0, 1e-6), 0, 1)
    hue = np.arctan2(y, x) / (2 * np.pi) % 1.0
    wheel = (hue[..., None] * 6 + np.array([5.0, 3.0, 1.0])) % 6
    return _bytes(1 - strength[..., None] * np.clip(np.minimum(wheel, 4 - wheel), 0, 1), seen)


def _mask(values: np.ndarray) -> U1:
    return np.repeat(np.where(values, 255, 0).astype(np.uint8)[..., None], 3, -1)


def _bytes(red_green_blue: np.ndarray, seen: np.ndarray) -> U1:
    out: U1 = np.rint(np.clip(red_green_blue, 0.0, 1.0) * 255).astype(np.uint8)
    out[~seen] = BACKGROUND
    return out


_PLAIN: dict[str, Callable[[np.ndarray], U1]] = {
    "normal": _normals,
    "normal_camera": _normals,
    "uv": _unit,
    "nocs": _unit,
    "flow": _flow,
    "flow_back": _flow,
    "flow_occluded": _mask,
    "flow_back_occluded": _mask,
}
