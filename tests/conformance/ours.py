"""A snapshot in the oracle's terms: the only module of this folder that knows the snapshot's tables."""

from typing import Any

import numpy as np

from twinstage.scene.snapshot import Snapshot


def inherited_labels(snapshot: Snapshot) -> list[set[str]]:
    """The labels of each prim and its ancestors, from the prim table alone."""
    out: list[set[str]] = []
    for labels, parent in zip(snapshot.prims.labels, snapshot.prims.parent.tolist(), strict=True):
        out.append(set(labels) | (out[parent] if parent >= 0 else set()))
    return out


def objects(snapshot: Snapshot) -> list[tuple[str, int, set[str]]]:
    """(prim path, point id or -1, labels with the ancestors') of each object."""
    return [(o.prim_path, o.point_id, set(o.labels)) for o in snapshot.objects]


def drawings(snapshot: Snapshot) -> dict[tuple[str, int], list[int]]:
    """The rows of the instance table by (carrier path, point id)."""
    table: Any = snapshot.instances
    out: dict[tuple[str, int], list[int]] = {}
    for k, (prim, point) in enumerate(zip(table.prim.tolist(), table.point_id.tolist(), strict=True)):
        out.setdefault((snapshot.prims.path[prim], point), []).append(k)
    return out


def box(snapshot: Snapshot, row: int, *, in_world: bool) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of the triangles of one drawing, in the gprim's frame or the world's [m]."""
    prototype = snapshot.prototypes[snapshot.instances.prototype[row]]
    points = np.asarray(prototype.points, np.float64)[np.unique(prototype.triangles)]
    if in_world:
        world = snapshot.instance_world[row]
        points = points @ world[:3, :3].T + world[:3, 3]
    return points.min(0), points.max(0)


def used_points(snapshot: Snapshot, row: int) -> np.ndarray:
    """The distinct points of the triangles of one drawing, in the gprim's frame [m], sorted."""
    prototype = snapshot.prototypes[snapshot.instances.prototype[row]]
    return np.unique(prototype.points[np.unique(prototype.triangles)], axis=0)


def told(snapshot: Snapshot) -> list[str]:
    """All findings as text: path and message."""
    return [f"{finding.path} {finding.message}" for finding in snapshot.findings]
