"""What pxr computes for a whole stage, and that the snapshot says the same."""

from typing import Any

import numpy as np

from twinstage.scene.read import read_snapshot, time_at
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import OpenedStage

Z_FROM_Y = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])


def ours_of(opened: OpenedStage, matrix: Any) -> np.ndarray:
    """A row-vector matrix of the stage in metres, Z-up, column-vector."""
    out = np.array(matrix).T.copy()
    out[:3, 3] *= opened.meters_per_unit
    return Z_FROM_Y @ out if opened.up_axis == "Y" else out


def assert_like_pxr(opened: OpenedStage, time_code: float | None = None) -> Snapshot:
    """Paths, worlds, visibility, purpose and kind of all prims and proxies; bounds of all that is drawn."""
    from pxr import Usd, UsdGeom

    snapshot = read_snapshot(opened, time_code)
    stage, time = opened.stage, time_at(opened.stage, time_code)
    prims = list(Usd.PrimRange(stage.GetPseudoRoot(), Usd.TraverseInstanceProxies()))[1:]
    prims.sort(key=lambda prim: str(prim.GetPath()))
    assert list(snapshot.prims.path) == [str(prim.GetPath()) for prim in prims]
    cache = UsdGeom.XformCache(time)
    for i, prim in enumerate(prims):
        path = str(prim.GetPath())
        expected = ours_of(opened, cache.GetLocalToWorldTransform(prim))
        size = max(1.0, np.abs(expected).max())
        assert np.abs(snapshot.node_world[i] - expected).max() <= 1e-9 * size, path
        assert snapshot.prims.kind[i] == prim.GetKind()
        assert snapshot.prims.proxy[i] == prim.IsInstanceProxy()
        assert snapshot.prims.index_of[path] == i
        if prim.IsA(UsdGeom.Imageable):
            imageable = UsdGeom.Imageable(prim)
            assert snapshot.prims.purpose[i] == imageable.ComputePurpose(), path
            assert snapshot.prims.visible[i] == (imageable.ComputeVisibility(time) != "invisible"), path
    assert_bounds(opened, snapshot, time)
    return snapshot


def assert_bounds(opened: OpenedStage, snapshot: Snapshot, time: Any) -> None:
    """The box of each drawn cube is that of pxr; and so is the box of each point."""
    from pxr import UsdGeom

    rows = snapshot.instances
    cache = UsdGeom.BBoxCache(time, ["default", "render"], useExtentsHint=False, ignoreVisibility=True)
    for prim, point in sorted({(int(p), int(k)) for p, k in zip(rows.prim, rows.point_id, strict=True)}):
        usd = opened.stage.GetPrimAtPath(snapshot.prims.path[prim])
        if point < 0:
            box = cache.ComputeWorldBound(usd)
        else:
            api = UsdGeom.PointInstancer(usd)
            ids = api.GetIdsAttr().Get(time)
            at = list(ids).index(point) if ids else point
            (box,) = cache.ComputePointInstanceWorldBounds(api, [at])
        corners = np.array([box.GetBox().GetCorner(k) for k in range(8)]) @ np.array(box.GetMatrix())[:3, :3]
        corners = (corners + np.array(box.GetMatrix())[3, :3]) * opened.meters_per_unit
        if opened.up_axis == "Y":
            corners = corners @ Z_FROM_Y[:3, :3].T
        points = []
        for k in np.flatnonzero((rows.prim == prim) & (rows.point_id == point)).tolist():
            world = snapshot.instance_world[k]
            points.append(snapshot.prototypes[rows.prototype[k]].points @ world[:3, :3].T + world[:3, 3])
        found = np.concatenate(points)
        size = max(1.0, np.abs(corners).max())
        assert np.allclose(found.min(0), corners.min(0), atol=1e-6 * size), usd.GetPath()
        assert np.allclose(found.max(0), corners.max(0), atol=1e-6 * size), usd.GetPath()
