"""USD transforms that go fast, far or on and on -> GLB, against UsdGeom.XformCache."""

import sys
from pathlib import Path

import numpy as np
import pytest
from pxr import Gf, Ts, Usd, UsdGeom

from twinstage.base.errors import UserError
from twinstage.scene.motion import Curve, thinned

sys.path.insert(0, str(Path(__file__).parent))
from usd_stages import check_nodes, cube, exported, keys, stage_at

MOMENTS = (0.0, 0.0137, 0.511, 7.77, 13.31, 29.9, 45.123, 60.0)


def spinner(path: Path, angles: dict[float, float], place: tuple[float, ...] = (0, 0, 0)) -> Usd.Stage:
    stage = stage_at(path)
    part = UsdGeom.Xformable(cube(stage, "/World/spinner"))
    part.AddTranslateOp().Set(place)
    spin = part.AddRotateZOp(UsdGeom.XformOp.PrecisionDouble)
    for code, angle in angles.items():
        spin.Set(angle, code)
    stage.Save()
    return stage


@pytest.mark.parametrize("turns", [100, 200, 301, -1000.25])
def test_many_turns_between_two_keys_are_all_there(tmp_path: Path, turns: float) -> None:
    path = tmp_path / "stage.usda"
    spinner(path, {0: 0, 60 * 24: 360 * turns})
    found, done = exported(path, tmp_path)
    assert not done.findings
    for seconds in MOMENTS:  # keys in single precision: 4e-6 s off at most, which turns far
        assert check_nodes(found, path, seconds, 4e-6 * abs(turns) / 60 * 7 + 1e-5) == 1
    assert keys(found, "spinner", "rotation") < 4 * abs(turns) + 2


def test_turns_beyond_all_measure_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "stage.usda"
    spinner(path, {0: 0, 24: 1e12})
    with pytest.raises(UserError, match=r"/World/spinner needs 8333333334 keys .* --still"):
        exported(path, tmp_path)


def test_many_turns_along_a_spline_are_all_there(tmp_path: Path) -> None:
    path = tmp_path / "stage.usda"
    stage = stage_at(path)
    spin = UsdGeom.Xformable(cube(stage, "/World/spinner")).AddRotateZOp(UsdGeom.XformOp.PrecisionDouble)
    curve = Ts.Spline()
    for code, value in ((0, 0.0), (1440, 36000.0)):
        knot = Ts.Knot(time=code, value=value, nextInterp=Ts.InterpCurve, preTanSlope=0, postTanSlope=0)
        knot.SetPreTanWidth(480), knot.SetPostTanWidth(480)
        curve.SetKnot(knot)
    spin.GetAttr().SetSpline(curve)
    stage.Save()
    found, _ = exported(path, tmp_path)
    for seconds in MOMENTS:
        assert check_nodes(found, path, seconds, 2e-4) == 1


def slider(path: Path, knots: list[Ts.Knot]) -> tuple[Usd.Stage, Ts.Spline]:
    stage = stage_at(path)
    slide = UsdGeom.Xformable(cube(stage, "/World/slide")).AddTranslateXOp()
    curve = Ts.Spline()
    for knot in knots:
        curve.SetKnot(knot)
    slide.GetAttr().SetSpline(curve)
    return stage, curve


def test_a_spline_that_holds_its_values_steps(tmp_path: Path) -> None:
    path = tmp_path / "stage.usda"
    values = ((0, 0.0), (24, 5.0), (48, 1.0))
    slider(path, [Ts.Knot(time=t, value=v, nextInterp=Ts.InterpHeld) for t, v in values])[0].Save()
    found, done = exported(path, tmp_path)
    assert not done.findings
    assert [s["interpolation"] for s in found.doc["animations"][0]["samplers"]] == ["STEP"]
    for seconds in (0.0, 0.999, 1.0, 1.999, 2.0):
        assert check_nodes(found, path, seconds, 1e-6) == 1


def test_what_straight_lines_cannot_say_is_told(tmp_path: Path) -> None:
    """A spline that stands upright between its knots."""
    path = tmp_path / "stage.usda"
    knots = [Ts.Knot(time=t, value=v, nextInterp=Ts.InterpCurve) for t, v in ((0, 0.0), (48, 9.0))]
    knots[0].SetPostTanWidth(48), knots[1].SetPreTanWidth(48)
    slider(path, knots)[0].Save()
    found, done = exported(path, tmp_path)
    assert [(f.code, f.path) for f in done.findings] == [("gltf.steep-motion", "/World/slide")]
    for seconds in (0.0, 0.5, 0.9, 1.1, 1.9, 2.0):
        assert check_nodes(found, path, seconds, 1e-4) == 1


def test_a_part_that_spins_far_from_the_origin_needs_no_more_keys(tmp_path: Path) -> None:
    path = tmp_path / "stage.usda"
    spinner(path, {code: 30.0 * code for code in range(11)}, (123.456, 88.77, 0.3))
    found, done = exported(path, tmp_path)
    assert not done.findings
    assert keys(found, "spinner", "rotation") == 11
    assert keys(found, "spinner", "translation") == 0
    for seconds in (0.0, 0.11, 0.37):
        assert check_nodes(found, path, seconds, 1e-6) == 1


def test_half_a_millimetre_at_two_kilometres_is_a_motion(tmp_path: Path) -> None:
    path = tmp_path / "stage.usda"
    stage = stage_at(path)
    part = UsdGeom.Xformable(cube(stage, "/World/part"))
    slide, spin = part.AddTranslateOp(), part.AddRotateZOp()
    slide.Set((2000.0, 0, 0), 0), slide.Set((2000.0005, 0, 0), 48)
    spin.Set(0.0, 0), spin.Set(90.0, 48)
    stage.Save()
    found, _ = exported(path, tmp_path)
    assert keys(found, "part", "translation") == 2


def test_keys_that_were_put_in_are_no_steps(tmp_path: Path) -> None:
    """A door about a hinge that opens at once: its way round has keys closer together than a step lasts."""
    path = tmp_path / "stage.usda"
    stage = stage_at(path)
    door = UsdGeom.Xformable(cube(stage, "/World/door"))
    door.AddTranslateOp(UsdGeom.XformOp.PrecisionFloat, "pivot").Set((3, 1, 0))
    swing = door.AddRotateYOp()
    for code, angle in ((0, 0.0), (24, 0.0), (24.012, 90.0), (48, 90.0)):  # half a millisecond
        swing.Set(angle, code)
    door.AddTranslateOp(UsdGeom.XformOp.PrecisionFloat, "pivot", True)
    stage.Save()
    found, _ = exported(path, tmp_path)
    assert {s["interpolation"] for s in found.doc["animations"][0]["samplers"]} == {"LINEAR"}
    for seconds in (0.0, 1.0002, 1.0003, 1.5):
        assert check_nodes(found, path, seconds, 2e-3) == 1


def test_a_rest_at_the_end_is_as_long_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "stage.usda"
    stage = stage_at(path)
    lamp = UsdGeom.Xformable(cube(stage, "/World/lamp")).AddTranslateOp()
    for code, height in ((0, 0), (24, 0), (24.002, 3), (48, 3), (240, 3)):
        lamp.Set((0, 0, height), code)
    stage.Save()
    found, _ = exported(path, tmp_path)
    (sampler,) = found.doc["animations"][0]["samplers"]
    assert sampler["interpolation"] == "STEP"
    assert found.rows(sampler["input"])[-1, 0] == 10.0
    assert keys(found, "lamp", "translation") == 3


def test_held_values_keep_their_last_key_too() -> None:
    times, heights = np.array([0.0, 1, 2, 10]), np.array([[0.0], [3], [3], [3]])
    assert thinned(Curve(times, heights, held=True)).times.tolist() == [0, 1, 10]


def test_a_turn_beside_a_moving_matrix_is_there(tmp_path: Path) -> None:
    path = tmp_path / "stage.usda"
    stage = stage_at(path)
    part = UsdGeom.Xformable(cube(stage, "/World/part"))
    push, spin = part.AddTransformOp(), part.AddRotateZOp()
    push.Set(Gf.Matrix4d(1), 0), push.Set(Gf.Matrix4d().SetTranslate(Gf.Vec3d(5, 1, 0)), 48)
    spin.Set(0.0, 0), spin.Set(360.0, 48)
    stage.Save()
    found, done = exported(path, tmp_path)
    assert not done.findings
    for seconds in (0.0, 0.3, 1.0, 1.7, 2.0):
        assert check_nodes(found, path, seconds, 1e-5) == 1


def test_a_key_that_is_not_finite_spoils_its_own_spans_alone(tmp_path: Path) -> None:
    path = tmp_path / "stage.usda"
    stage = stage_at(path)
    door = UsdGeom.Xformable(cube(stage, "/World/door"))
    door.AddTranslateOp(UsdGeom.XformOp.PrecisionFloat, "pivot").Set((3, 1, 0))
    swing = door.AddRotateYOp()
    for code, angle in ((0, 0.0), (24, 90.0), (36, float("nan")), (48, 180.0)):
        swing.Set(angle, code)
    door.AddTranslateOp(UsdGeom.XformOp.PrecisionFloat, "pivot", True)
    stage.Save()
    found, _ = exported(path, tmp_path)
    for seconds in (0.0, 0.3, 0.6, 1.0, 2.0):
        assert check_nodes(found, path, seconds, 1e-4) == 1


@pytest.mark.parametrize("mode", ["Linear", "LoopRepeat", "LoopReset", "LoopOscillate"])
def test_splines_go_on_after_their_last_knot(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "stage.usda"
    values = ((6, 0.0), (9, 2.0), (18, 1.0))
    stage, curve = slider(path, [Ts.Knot(time=t, value=v, nextInterp=Ts.InterpLinear) for t, v in values])
    beyond = Ts.Extrapolation()
    beyond.mode = getattr(Ts, f"Extrap{mode}")
    curve.SetPreExtrapolation(beyond), curve.SetPostExtrapolation(beyond)
    stage.GetPrimAtPath("/World/slide").GetAttribute("xformOp:translateX").SetSpline(curve)
    stage.Save()
    found, done = exported(path, tmp_path)
    assert not done.findings
    for seconds in (0.0, 0.11, 0.249, 0.3, 0.6, 0.76, 1.2, 1.51, 1.99, 2.0):
        assert check_nodes(found, path, seconds, 1e-6) == 1
