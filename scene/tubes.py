"""Polylines -> tubes: rings carried along by parallel transport, mitred at bends, capped at ends. numpy only."""

import numpy as np

from twinstage.scene.columns import F8, I8
from twinstage.scene.tessellate import Shape


def tubes(lines: F8, radius: F8, sides: int, *, closed: bool) -> tuple[Shape, I8]:
    """Tubes of `sides` sides around k polylines f8[k, m, 3] of radius f8[k, m].

    Returns the shape and the sample (row of lines.reshape(-1, 3)) that each of its vertices belongs to, so that colours can
    follow. The chord error is that of the cross-section alone.
    """
    k, m = lines.shape[:2]
    before, after = _directions(lines, closed=closed)
    tangent = _unit(before + after, after)
    normal = _transported(lines, tangent, closed=closed)
    binormal = np.cross(tangent, normal)
    turn = np.arange(sides) * (2 * np.pi / sides)
    outward = normal[:, :, None] * np.cos(turn)[:, None] + binormal[:, :, None] * np.sin(turn)[:, None]
    points = lines[:, :, None] + _mitred(outward, before, after) * radius[:, :, None, None]
    ring = np.arange(k * m * sides).reshape(k, m, sides)
    triangles = [_walls(ring, closed=closed)]
    all_points, all_normals = [points.reshape(-1, 3)], [outward.reshape(-1, 3)]
    samples = [np.repeat(np.arange(k * m), sides)]
    if not closed:
        first = k * m * sides
        for end, sign in ((0, -1.0), (m - 1, 1.0)):
            cap = first + np.arange(k * sides).reshape(k, sides)
            first += k * sides
            all_points.append(points[:, end].reshape(-1, 3))
            all_normals.append(np.repeat(sign * tangent[:, end], sides, 0))
            samples.append(np.repeat(np.arange(k) * m + end, sides))
            triangles.append(_fan(cap, forward=sign > 0))
    chord = float(radius.max(initial=0.0)) * (1 - float(np.cos(np.pi / sides)))
    shape = Shape(np.concatenate(all_points), np.concatenate(all_normals), np.concatenate(triangles), chord)
    return shape, np.concatenate(samples)


def _walls(ring: I8, *, closed: bool) -> I8:
    here = ring if closed else ring[:, :-1]
    there = np.roll(ring, -1, 1) if closed else ring[:, 1:]
    a, b = here, np.roll(here, -1, 2)
    c, d = np.roll(there, -1, 2), there
    return np.stack([a, b, c, a, c, d], -1).reshape(-1, 3)


def _fan(cap: I8, *, forward: bool) -> I8:
    first = np.broadcast_to(cap[:, :1], (len(cap), cap.shape[1] - 2))
    rest = (cap[:, 1:-1], cap[:, 2:]) if forward else (cap[:, 2:], cap[:, 1:-1])
    return np.stack([first, *rest], -1).reshape(-1, 3)


def _directions(lines: F8, *, closed: bool) -> tuple[F8, F8]:
    """Unit directions into and out of each sample, f8[k, m, 3]; across repeated points the last one goes on."""
    step = np.roll(lines, -1, 1) - lines
    if not closed:
        step = step[:, :-1]
    length = np.linalg.norm(step, axis=2)
    good = length > 1e-12 * max(1.0, float(np.abs(lines).max(initial=0.0)))
    at = np.where(good, np.arange(step.shape[1])[None], -1)
    latest = np.maximum.accumulate(at, 1)
    first = np.argmax(good, 1)[:, None]
    use = np.where(latest >= 0, latest, first)
    step = np.take_along_axis(step, use[:, :, None], 1)
    unit = _unit(step, np.broadcast_to([0.0, 0.0, 1.0], step.shape))
    if closed:
        return np.roll(unit, 1, 1), unit
    return np.concatenate([unit[:, :1], unit], 1), np.concatenate([unit, unit[:, -1:]], 1)


def _transported(lines: F8, tangent: F8, *, closed: bool) -> F8:
    """A unit vector across each sample that turns as little as possible (double reflection, Wang et al. 2008)."""
    helper = np.eye(3)[np.argmin(np.abs(tangent[:, 0]), 1)]
    normal = np.empty_like(tangent)
    normal[:, 0] = _unit(np.cross(tangent[:, 0], helper), helper)
    for i in range(lines.shape[1] - 1):
        normal[:, i + 1] = _reflected(
            normal[:, i], tangent[:, i], tangent[:, i + 1], lines[:, i + 1] - lines[:, i]
        )
    if not closed:
        return normal
    back = _reflected(normal[:, -1], tangent[:, -1], tangent[:, 0], lines[:, 0] - lines[:, -1])
    sine = np.einsum("kc,kc->k", np.cross(back, normal[:, 0]), tangent[:, 0])
    angle = np.arctan2(sine, np.einsum("kc,kc->k", back, normal[:, 0]))
    spread = (np.arange(lines.shape[1]) / lines.shape[1])[None] * angle[
        :, None
    ]  # so that the last ring meets the first
    across = np.cross(tangent, normal)
    return np.asarray(normal * np.cos(spread)[:, :, None] + across * np.sin(spread)[:, :, None])


def _reflected(normal: F8, tangent: F8, tangent_next: F8, step: F8) -> F8:
    moved, turned = _mirror(normal, step), _mirror(tangent, step)
    out = _mirror(moved, tangent_next - turned)
    out -= np.einsum("kc,kc->k", out, tangent_next)[:, None] * tangent_next
    return _unit(out, normal)


def _mirror(vector: F8, along: F8) -> F8:
    square = np.einsum("kc,kc->k", along, along)[:, None]
    share = np.divide(
        np.einsum("kc,kc->k", vector, along)[:, None], square, out=np.zeros_like(square), where=square > 1e-24
    )
    return np.asarray(vector - 2 * share * along)


def _mitred(outward: F8, before: F8, after: F8) -> F8:
    """Rings stretched in the plane of a bend, so that the tube keeps its width on both sides (at most threefold)."""
    bend = after - before
    size = np.linalg.norm(bend, axis=2, keepdims=True)
    bend = np.divide(bend, size, out=np.zeros_like(bend), where=size > 1e-9)
    half = np.sqrt(np.clip((1 + np.einsum("kmc,kmc->km", before, after)) / 2, 1 / 9, 1.0))
    part = np.einsum("kmsc,kmc->kms", outward, bend)
    return np.asarray(outward + (part * (1 / half - 1)[:, :, None])[..., None] * bend[:, :, None])


def _unit(vectors: F8, fallback: np.ndarray) -> F8:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.where(length > 1e-12, vectors / np.where(length > 1e-12, length, 1.0), fallback)
