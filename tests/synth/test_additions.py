"""Cameras and lights that a recipe adds are prims like any other."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.synth.frame import FrameMaker


@pytest.mark.parametrize(("up", "mpu"), [("Z", 1.0), ("Y", 0.01)])
def test_added_prims_stand_where_the_recipe_says_by_pxr(
    yard_recipe: Callable[..., Any], yard_writer: Callable[..., Path], tmp_path: Path, up: str, mpu: float
) -> None:
    from pxr import Gf, Usd, UsdGeom, UsdLux

    stage_path = yard_writer(tmp_path, up=up, mpu=mpu)
    maker = FrameMaker(yard_recipe(randomize=[]), tmp_path)
    made = maker.randomized(0)
    stage = Usd.Stage.Open(str(stage_path))
    stage.GetSessionLayer().ImportFromString(maker.layer(made))

    def z_up(point: Any) -> np.ndarray:
        x, y, z = (v * mpu for v in point)
        return np.array([x, -z, y] if up == "Y" else [x, y, z])

    camera = UsdGeom.Camera(stage.GetPrimAtPath("/TwinstageCameras/side"))
    frustum = camera.GetCamera(Usd.TimeCode.Default()).frustum
    np.testing.assert_allclose(z_up(frustum.GetPosition()), [5, 0, 2], atol=1e-6)
    ahead = z_up(frustum.ComputeViewDirection()) / mpu
    np.testing.assert_allclose(ahead, np.array([-5, 0, -1.8]) / np.hypot(5, 1.8), atol=1e-6)
    assert camera.GetCamera(Usd.TimeCode.Default()).GetFieldOfView(Gf.Camera.FOVHorizontal) == pytest.approx(
        60, abs=1e-4
    )
    light = UsdLux.RectLight(stage.GetPrimAtPath("/TwinstageLights/fill"))
    assert light.GetWidthAttr().Get() * mpu == pytest.approx(2)
    world = UsdGeom.Xformable(light).ComputeLocalToWorldTransform(Usd.TimeCode.Default())
    np.testing.assert_allclose(z_up(world.Transform(Gf.Vec3d(0, 0, 0))), [0, 0, 4], atol=1e-9)
    down = z_up(world.TransformDir(Gf.Vec3d(0, 0, -1))) / mpu
    np.testing.assert_allclose(down, [0, 0, -1], atol=1e-9)


def test_the_snapshot_has_them(yard: Path, yard_recipe: Callable[..., Any]) -> None:
    snapshot = FrameMaker(yard_recipe(), yard.parent).snapshot
    rect = next(light for light in snapshot.lights if light.kind == "rect")
    assert snapshot.prims.path[rect.prim] == "/TwinstageLights/fill" and (rect.width, rect.height) == (2, 1)
    assert "side" in [camera.name for camera in snapshot.cameras]
