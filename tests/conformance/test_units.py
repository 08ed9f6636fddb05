"""The same object authored in centimetres and Y-up, or in metres and Z-up: pixel-identical labels, the same poses in SI."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pxr import Gf, Sdf, Usd, UsdGeom, UsdSemantics, Vt

from twinstage.render.camera import camera_from_scene
from twinstage.render.capture import Capture
from twinstage.render.labels import label_pass
from twinstage.scene.read import read_snapshot
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import open_stage

Z_FROM_Y = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
WEDGE = np.array([[0, 0, 0], [0.75, 0, 0], [0.75, 0.5, 0], [0, 0.5, 0], [0, 0, 0.625], [0, 0.5, 0.625]])
WEDGE_COUNTS, WEDGE_INDICES = [4, 4, 4, 3, 3], [3, 2, 1, 0, 4, 1, 2, 5, 0, 4, 5, 3, 0, 1, 4, 3, 5, 2]
POINTS = np.array([[-1.5, 1, 0.125], [-1, 1.25, 0.125], [-0.5, 1.5, 0.25], [2.25, 1.5, 0.125]])


def turned(yaw: float, x: float, y: float, z: float) -> np.ndarray:
    """world_from_object: a turn about the vertical [deg], then a shift [m]."""
    a = np.radians(yaw)
    out = np.eye(4)
    out[:2, :2] = [[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]
    out[:3, 3] = x, y, z
    return out


POSES = {
    "Wedge": turned(30, -1, -0.25, 0.125),
    "Box": turned(-20, 0.75, -0.5, 0.25),
    "Ball": turned(0, 0.25, 0.75, 0.5),
    "Drum": turned(0, 1.5, 0.75, 0.375),
}


class Author:
    """Writes one scene, thought of in metres and Z-up, into a stage of other metrics as its designers would."""

    def __init__(self, path: Path, unit: float, up: str) -> None:
        self.stage = Usd.Stage.CreateNew(str(path))
        UsdGeom.SetStageMetersPerUnit(self.stage, unit)
        UsdGeom.SetStageUpAxis(self.stage, up)
        self.unit, self.up = unit, up
        self.turn = Z_FROM_Y if up == "Y" else np.eye(3)
        self.stage.SetDefaultPrim(UsdGeom.Xform.Define(self.stage, "/World").GetPrim())

    def points(self, metres: np.ndarray) -> Any:
        """Points [m], Z-up, in the stage's axes and unit."""
        return Vt.Vec3fArray.FromNumpy((metres @ self.turn / self.unit).astype(np.float32))

    def place(self, prim: Any, pose: np.ndarray) -> None:
        """Author world_from_object [m], Z-up, of an object whose own frame has the stage's up axis."""
        out = np.eye(4)
        out[:3, :3] = self.turn.T @ pose[:3, :3] @ self.turn
        out[:3, 3] = self.turn.T @ pose[:3, 3] / self.unit
        UsdGeom.Xformable(prim).AddTransformOp().Set(Gf.Matrix4d(*out.T.reshape(-1).tolist()))

    def label(self, prim: Any, name: str) -> None:
        UsdSemantics.LabelsAPI.Apply(prim, "class").CreateLabelsAttr().Set([name])

    def objects(self) -> None:
        """A mesh, a cube, a sphere, a cylinder and four points, all labelled."""
        wedge = UsdGeom.Mesh.Define(self.stage, "/World/Wedge")
        wedge.CreateSubdivisionSchemeAttr("none")
        wedge.CreatePointsAttr(self.points(WEDGE))
        wedge.CreateFaceVertexCountsAttr(WEDGE_COUNTS)
        wedge.CreateFaceVertexIndicesAttr(WEDGE_INDICES)
        UsdGeom.Cube.Define(self.stage, "/World/Box").CreateSizeAttr(0.5 / self.unit)
        UsdGeom.Sphere.Define(self.stage, "/World/Ball").CreateRadiusAttr(0.375 / self.unit)
        drum = UsdGeom.Cylinder.Define(self.stage, "/World/Drum")
        drum.CreateAxisAttr(self.up)
        drum.CreateHeightAttr(0.75 / self.unit)
        drum.CreateRadiusAttr(0.25 / self.unit)
        for name, pose in POSES.items():
            prim = self.stage.GetPrimAtPath(f"/World/{name}")
            self.place(prim, pose)
            self.label(prim, name.lower())
        parcels = UsdGeom.PointInstancer.Define(self.stage, "/World/Parcels")
        UsdGeom.Cube.Define(self.stage, "/World/Parcels/Parcel").CreateSizeAttr(0.25 / self.unit)
        self.label(self.stage.GetPrimAtPath("/World/Parcels/Parcel"), "parcel")
        parcels.CreatePrototypesRel().AddTarget(Sdf.Path("/World/Parcels/Parcel"))
        parcels.CreateProtoIndicesAttr([0] * len(POINTS))
        parcels.CreatePositionsAttr(self.points(POINTS))
        parcels.CreateIdsAttr([40, 30, 20, 10])

    def camera(self) -> None:
        """From the front, a little above."""
        camera = UsdGeom.Camera.Define(self.stage, "/World/Camera")
        camera.CreateFocalLengthAttr(0.25 / self.unit)  # lens values are tenths of a unit
        camera.CreateHorizontalApertureAttr(0.375 / self.unit)
        camera.CreateVerticalApertureAttr(0.28125 / self.unit)
        camera.CreateClippingRangeAttr(Gf.Vec2f(0.1 / self.unit, 100 / self.unit))
        tilt = np.radians(70)
        pose = np.eye(4)
        pose[1:3, 1:3] = [[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]]
        pose[:3, 3] = 0.125, -3, 1.75
        out = np.eye(4)  # a camera looks along its -Z whatever the stage's up axis
        out[:3, :3] = self.turn.T @ pose[:3, :3]
        out[:3, 3] = self.turn.T @ pose[:3, 3] / self.unit
        camera.AddTransformOp().Set(Gf.Matrix4d(*out.T.reshape(-1).tolist()))


def scene(folder: Path, unit: float, up: str) -> Snapshot:
    path = folder / f"{up}{unit}.usda"
    author = Author(path, unit, up)
    author.objects()
    author.camera()
    author.stage.Save()
    return read_snapshot(open_stage(path, probe=False))


def labels(snapshot: Snapshot) -> Capture:
    return label_pass(snapshot, camera_from_scene(snapshot, snapshot.cameras[0], 320, 240))


def assert_same_labels(a: Snapshot, b: Snapshot) -> None:
    assert [(o.prim_path, o.point_id, o.name) for o in a.objects] == [
        (o.prim_path, o.point_id, o.name) for o in b.objects
    ]
    first, second = labels(a), labels(b)
    assert len(a.objects) == 8
    assert np.unique(first.aovs["object"]).tolist() == list(range(9))
    differing = int((first.aovs["object"] != second.aovs["object"]).sum())
    assert differing == 0
    assert np.allclose(first.aovs["depth"], second.aovs["depth"], rtol=1e-4)
    for one, other in zip(first.objects, second.objects, strict=True):
        assert (one.object, one.visible_px, one.amodal_px_total) == (
            other.object,
            other.visible_px,
            other.amodal_px_total,
        )
        assert np.array_equal(one.visible, other.visible)
        assert np.array_equal(one.amodal, other.amodal)


@pytest.fixture(scope="module")
def metric(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return scene(tmp_path_factory.mktemp("metric"), 1.0, "Z")


@pytest.mark.parametrize(("unit", "up"), [(0.01, "Y"), (0.01, "Z"), (1.0, "Y"), (0.0254, "Y"), (10.0, "Y")])
def test_labels_are_pixel_identical_and_poses_are_si(
    unit: float, up: str, metric: Snapshot, tmp_path: Path
) -> None:
    other = scene(tmp_path, unit, up)
    assert_same_labels(metric, other)
    turn = Z_FROM_Y if up == "Y" else np.eye(3)
    for name, pose in POSES.items():
        for snapshot, axes in ((metric, np.eye(3)), (other, turn)):
            world = snapshot.node_world[snapshot.prims.index_of[f"/World/{name}"]]
            assert np.allclose(world[:3, 3], pose[:3, 3], atol=1e-9), name
            assert np.allclose(world[:3, :3], pose[:3, :3] @ axes, atol=1e-9), name
    points = [s.node_world[len(s.prims) :, :3, 3] for s in (metric, other)]
    assert np.allclose(points[0], POINTS[::-1], atol=1e-6)
    assert np.allclose(points[1], POINTS[::-1], atol=1e-6)
    assert np.allclose(metric.cameras[0].near, other.cameras[0].near)


def test_a_corrected_reference_is_the_same_scene(metric: Snapshot, tmp_path: Path) -> None:
    part = Author(tmp_path / "part.usda", 0.01, "Y")
    part.objects()
    part.stage.Save()
    whole = Author(tmp_path / "whole.usda", 1.0, "Z")
    whole.camera()
    world = whole.stage.GetPrimAtPath("/World")
    world.GetReferences().AddReference("part.usda")
    xform = UsdGeom.Xformable(world)
    xform.AddRotateXOp().Set(90.0)
    xform.AddScaleOp().Set(Gf.Vec3f(0.01))
    camera = UsdGeom.Xformable(whole.stage.GetPrimAtPath("/World/Camera"))
    camera.SetResetXformStack(True)
    whole.stage.Save()
    assert_same_labels(metric, read_snapshot(open_stage(tmp_path / "whole.usda", probe=False)))
