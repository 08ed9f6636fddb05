"""Curves -> samples: linear, cubic bases and Hermite of UsdGeom, and rational B-splines. numpy only.

Curves of equal length are evaluated together: values are f8[k, n, c], k curves of n vertices and c numbers each.
"""

from dataclasses import dataclass

import numpy as np

from twinstage.scene.columns import F8, I8

BASES = {
    "bezier": np.array([[1.0, 0, 0, 0], [-3, 3, 0, 0], [3, -6, 3, 0], [-1, 3, -3, 1]]),
    "bspline": np.array([[1.0, 4, 1, 0], [-3, 0, 3, 0], [3, -6, 3, 0], [-1, 3, -3, 1]]) / 6,
    "catmullRom": np.array([[0.0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2,
}
"""Rows: coefficients of 1, t, t^2, t^3; columns: the four vertices of a segment."""

MAX_ORDER = 32
"""Of a B-spline: above it, a curve is taken for damaged."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Which vertices each segment of a curve uses, i8[segments, 2 or 4]. `pinned`: a vertex is put before and behind first."""

    index: I8
    basis: str
    closed: bool
    pinned: bool

    @property
    def segments(self) -> int:
        return len(self.index)

    @property
    def varying(self) -> int:
        """How many values a varying primvar has for each curve."""
        return self.segments if self.closed else self.segments + 1

    def samples(self, values: F8, steps: int) -> F8:
        """Values at vertices f8[k, n, c] -> at `steps` places a segment, and at the end of open curves, f8[k, m, c]."""
        if self.pinned:
            first, last = 2 * values[:, :1] - values[:, 1:2], 2 * values[:, -1:] - values[:, -2:-1]
            values = np.concatenate([first, values, last], 1)
        weights = self._weights(np.arange(steps) / steps)
        out = np.einsum("tv,ksvc->kstc", weights, values[:, self.index])
        out = out.reshape(len(values), -1, values.shape[2])
        if self.closed:
            return np.asarray(out)
        end = np.einsum("tv,kvc->ktc", self._weights(np.ones(1)), values[:, self.index[-1]])
        return np.concatenate([out, end], 1)

    def varying_samples(self, values: F8, steps: int) -> F8:
        """Varying values f8[k, varying, c], linear along each segment, at the places of `samples`."""
        at = np.arange(self.segments * steps + (0 if self.closed else 1)) / steps
        low = np.floor(at).astype(int)
        high = (low + 1) % values.shape[1] if self.closed else np.minimum(low + 1, values.shape[1] - 1)
        part = (at - low)[None, :, None]
        return np.asarray(values[:, low] * (1 - part) + values[:, high] * part)

    def _weights(self, t: np.ndarray) -> F8:
        if self.basis == "linear":
            return np.stack([1 - t, t], -1)
        return np.asarray(np.stack([np.ones_like(t), t, t**2, t**3], -1) @ BASES[self.basis])


def layout(count: int, basis: str, wrap: str) -> Layout | None:
    """The segments of a curve of `count` vertices; None where that number does not fit. `basis`: linear or one of BASES."""
    closed = wrap == "periodic"
    pinned = wrap == "pinned" and basis in ("bspline", "catmullRom")
    size, step = (2, 1) if basis == "linear" else (4, 3 if basis == "bezier" else 1)
    if pinned:
        segments = count - 1
    elif closed:
        segments = count // step if count % step == 0 and count >= 3 else 0
    else:
        segments = (count - size) // step + 1 if count >= size and (count - size) % step == 0 else 0
    if segments < 1:
        return None
    index = np.arange(segments)[:, None] * step + np.arange(size)
    return Layout(index % count if closed else index, basis, closed, pinned)


def hermite(points: F8, tangents: F8, steps: int) -> F8:
    """Cubic Hermite curves f8[k, n, 3] with tangents at the vertices, `steps` places a segment, f8[k, m, 3]."""
    t = np.arange(steps) / steps
    weights = np.stack([2 * t**3 - 3 * t**2 + 1, t**3 - 2 * t**2 + t, -2 * t**3 + 3 * t**2, t**3 - t**2], -1)
    parts = np.stack([points[:, :-1], tangents[:, :-1], points[:, 1:], tangents[:, 1:]], 2)
    out = np.einsum("tv,ksvc->kstc", weights, parts).reshape(len(points), -1, 3)
    return np.concatenate([out, points[:, -1:]], 1)


def spline_basis(knots: np.ndarray, order: int, count: int, at: np.ndarray) -> tuple[I8, F8]:
    """The `order` vertices that count at each parameter, i8[m, order], and their weights f8[m, order].

    `knots` f8[count + order]. Piegl and Tiller 1997, algorithm A2.2, for all parameters at once.
    """
    span = np.clip(np.searchsorted(knots, at, "right") - 1, order - 1, count - 1)
    weights = np.zeros((len(at), order))
    weights[:, 0] = 1.0
    for j in range(1, order):
        saved = np.zeros(len(at))
        for r in range(j):
            right, left = knots[span + r + 1] - at, at - knots[span + 1 - (j - r)]
            total = right + left
            share = np.divide(weights[:, r], total, out=np.zeros(len(at)), where=total > 0)
            weights[:, r] = saved + right * share
            saved = left * share
        weights[:, j] = saved
    return span[:, None] - (order - 1) + np.arange(order), weights


def full_knots(knots: np.ndarray, order: int, count: int) -> "F8 | None":
    """The knot vector of `count` vertices, with its ends repeated where a writer left them out; None where it does not fit."""
    if len(knots) == count + order - 2:
        knots = np.concatenate([knots[:1], knots, knots[-1:]])
    fits = (
        2 <= order <= MAX_ORDER
        and count >= order
        and len(knots) == count + order
        and bool(np.isfinite(knots).all())
        and bool((np.diff(knots) >= 0).all())
        and knots[count] > knots[order - 1]
    )
    return np.asarray(knots, np.float64) if fits else None


def parameters(
    knots: np.ndarray, order: int, count: int, limits: "tuple[float, float] | None", steps: int
) -> F8:
    """Parameters to sample at: `steps` to each span between knots that differ, within `limits`."""
    low, high = float(knots[order - 1]), float(knots[count])
    if limits is not None and low <= limits[0] < limits[1] <= high:
        low, high = limits
    inner = np.unique(knots[(knots > low) & (knots < high)])
    edges = np.concatenate([[low], inner, [high]])
    pieces = edges[:-1, None] + np.diff(edges)[:, None] * (np.arange(steps) / steps)
    return np.concatenate([pieces.reshape(-1), [high]])
