"""Where everything of a stage is at a moment, by OpenUSD's own skinning and transforms; nothing of what is tested is used."""

from pathlib import Path

import numpy as np
from pxr import Usd, UsdGeom, UsdSkel

Z_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
"""glTF from a Z-up stage."""


class UsdOracle:
    """A stage with its skinning baked into points (UsdSkelBakeSkinning); all answers in metres and Y-up, as in glTF.

    `moments`: seconds at which points will be asked for: baking looks at keys only, so animations get keys there.
    """

    def __init__(self, path: Path, moments: tuple[float, ...] = ()) -> None:
        self.stage = Usd.Stage.Open(str(path))
        self.rate = self.stage.GetTimeCodesPerSecond()
        self.metres = UsdGeom.GetStageMetersPerUnit(self.stage)
        self.turn = Z_UP if UsdGeom.GetStageUpAxis(self.stage) == "Z" else np.eye(3)
        self.baked = Usd.Stage.Open(self.stage.Flatten())
        for prim in self.baked.Traverse():
            if prim.IsA(UsdSkel.Animation):
                self._keys(prim, [seconds * self.rate for seconds in moments])
        for prim in list(self.baked.Traverse()):
            if prim.IsA(UsdSkel.Root):
                assert UsdSkel.BakeSkinning(UsdSkel.Root(prim))

    def _keys(self, prim: Usd.Prim, codes: list[float]) -> None:
        for attribute in prim.GetAttributes():
            if attribute.GetNumTimeSamples() > 1:
                values = {code: attribute.Get(code) for code in codes}
                for code, value in values.items():
                    attribute.Set(value, code)

    def meshes(self, seconds: float) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """(points f8[n, 3], corners of the faces [f, k]) of each visible mesh by path; all faces have as many corners."""
        time, out = Usd.TimeCode(seconds * self.rate), {}
        cache = UsdGeom.XformCache(time)
        for prim in self.baked.Traverse():
            mesh = UsdGeom.Mesh(prim)
            if not mesh or mesh.ComputeVisibility(time) == "invisible":
                continue
            world = np.asarray(cache.GetLocalToWorldTransform(prim))
            points = np.asarray(mesh.GetPointsAttr().Get(time), np.float64)
            points = (points @ world[:3, :3] + world[3, :3]) * self.metres @ self.turn.T
            (width,) = set(mesh.GetFaceVertexCountsAttr().Get())
            out[str(prim.GetPath())] = (
                points,
                np.asarray(mesh.GetFaceVertexIndicesAttr().Get()).reshape(-1, width),
            )
        return out

    def triangles(self, seconds: float) -> np.ndarray:
        """All triangles, f8[n, 3, 3], for stages whose meshes have no other faces."""
        return np.concatenate([points[corners] for points, corners in self.meshes(seconds).values()])

    def world(self, path: str, seconds: float) -> np.ndarray:
        """World matrix of a prim, f8[4, 4], for column vectors in the prim's own axes and metres."""
        cache = UsdGeom.XformCache(Usd.TimeCode(seconds * self.rate))
        out = np.asarray(cache.GetLocalToWorldTransform(self.stage.GetPrimAtPath(path))).T.copy()
        out[:3, 3] *= self.metres
        out[:3] = self.turn @ out[:3]
        return out
