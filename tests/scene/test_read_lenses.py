"""Lenses that USD has no schema for, by their well-known attributes, without any plug-in."""

import math
from typing import Any

import pytest

from twinstage.base.errors import UserError
from twinstage.render.camera import camera_from_scene
from twinstage.render.lens import Fisheye, OpenCV
from twinstage.scene.read import read_snapshot
from twinstage.scene.snapshot import SceneLens, Snapshot

OMNI = "omni:lensdistortion:"


@pytest.fixture
def read(open_text: Any) -> Any:
    def make(lines: str, **stage: Any) -> Snapshot:
        return read_snapshot(open_text(f'def Camera "C" {{ {lines}\n}}\n', **stage))

    return make


def omniverse(model: str, prefix: str = "", **values: float) -> str:
    prefix = f"{OMNI}{model}:"
    lines = [f'token {OMNI}model = "{model}"', f"int2 {prefix}imageSize = (640, 480)"]
    k = {"fx": 500, "fy": 510, "cx": 322, "cy": 239}
    return "\n ".join(lines + [f"float {prefix}{name} = {value}" for name, value in (k | values).items()])


def test_our_own_lens(read: Any) -> None:
    s = read(
        'token twin:lens:model = "opencv"\n double[] twin:lens:coefficients = [-0.3, 0.1, 0.001, 0.002, 0.05]\n'
        " double4 twin:lens:K = (600, 610, 320.5, 241)\n int2 twin:lens:imageSize = (640, 480)\n"
        " double twin:shutter:readout = 0.02"
    )
    (camera,) = s.cameras
    coefficients = (-0.3, 0.1, 0.001, 0.002, 0.05)
    assert camera.lens == SceneLens("opencv", coefficients, (600.0, 610.0, 320.5, 241.0), (640.0, 480.0))
    assert camera.readout == 0.02
    built = camera_from_scene(s, camera, 640, 480)
    assert built.lens == OpenCV(coefficients) and built.K[0, 2] == 320.5 and built.shutter.readout == 0.02
    assert s.findings == ()


def test_a_lens_without_calibration_keeps_the_focal_length(read: Any) -> None:
    s = read('token twin:lens:model = "fisheye"\n double twin:lens:maxAngle = 95')
    assert s.cameras[0].lens == SceneLens("fisheye", max_angle=math.radians(95))
    assert camera_from_scene(s, s.cameras[0], 100, 100).lens == Fisheye(max_angle=math.radians(95))


def test_omniverses_pinhole_has_opencvs_order(read: Any) -> None:
    names = ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6", "s1", "s2", "s3", "s4")
    values = {name: (i + 1) / 128 for i, name in enumerate(names)}
    s = read(omniverse("opencvPinhole", **values))
    lens = s.cameras[0].lens
    assert lens == SceneLens("opencv", tuple(values.values()), (500.0, 510.0, 322.0, 239.0), (640.0, 480.0))
    assert camera_from_scene(s, s.cameras[0], 640, 480).K[1, 1] == 510
    assert s.findings == ()


def test_omniverses_fisheye(read: Any) -> None:
    s = read(omniverse("opencvFisheye", k1=0.25, k4=-0.125))
    assert s.cameras[0].lens.coefficients == (0.25, 0.0, 0.0, -0.125)
    assert camera_from_scene(s, s.cameras[0], 640, 480).lens == Fisheye((0.25, 0.0, 0.0, -0.125))


def test_the_schemas_values_count_and_are_told(read: Any) -> None:
    s = read(f'token {OMNI}model = "opencvPinhole"')
    assert s.cameras[0].lens.intrinsics == (900.0, 800.0, 1024.0, 512.0)
    assert s.cameras[0].lens.image_size == (2048.0, 1024.0)
    assert [f.code for f in s.findings] == ["camera.lens"]


def test_ours_comes_first(read: Any) -> None:
    s = read(omniverse("opencvFisheye") + '\n token twin:lens:model = "equirectangular"')
    assert s.cameras[0].lens == SceneLens("equirectangular")


@pytest.mark.parametrize(
    "lines",
    [
        'token twin:lens:model = "fishy"',
        'token twin:lens:model = "opencv"\n double[] twin:lens:coefficients = [1, 2, 3]',
        'token twin:lens:model = "opencv"\n double[] twin:lens:coefficients = [1, 2, 3, nan]',
        'token twin:lens:model = "opencv"\n string twin:lens:coefficients = "many"',
        'token twin:lens:model = "fisheye"\n double twin:lens:maxAngle = 200',
        'token twin:lens:model = "fisheye"\n double twin:lens:maxAngle = nan',
        'token twin:lens:model = "opencv"\n double4 twin:lens:K = (600, 610, 320, 241)',
        'token twin:lens:model = "opencv"\n double4 twin:lens:K = (0, 610, 320, 241)\n'
        " int2 twin:lens:imageSize = (640, 480)",
        'token twin:lens:model = "opencv"\n double4 twin:lens:K = (600, 610, 320, 241)\n'
        " int2 twin:lens:imageSize = (640, 0)",
        'token twin:lens:model = "opencv"\n double[] twin:lens:coefficients = [1e300, 0, 0, 0]',
        'token twin:lens:model = "opencv"\n double4 twin:lens:K = (1e-200, 610, 320, 241)\n'
        " int2 twin:lens:imageSize = (640, 480)",
        f'token {OMNI}model = "ftheta"',
        omniverse("opencvPinhole", k1=math.nan),
        'token projection = "orthographic"\n token twin:lens:model = "opencv"',
    ],
)
def test_what_cannot_be_meant_is_told_and_left_out(read: Any, lines: str) -> None:
    s = read(lines)
    assert s.cameras[0].lens is None
    assert [(f.code, f.path) for f in s.findings] == [("camera.lens", "/C")]
    camera_from_scene(s, s.cameras[0], 64, 48)


def test_a_readout_that_is_no_number(read: Any) -> None:
    s = read("double twin:shutter:readout = nan")
    assert s.cameras[0].readout == 0.0 and [f.code for f in s.findings] == ["camera.value"]


def test_focus_that_nobody_can_have_meant_is_told(read: Any) -> None:
    assert [f.code for f in read("float fStop = 5.6").findings] == ["camera.focus"]
    focused = "float fStop = 2.8\n float focusDistance = 3"
    assert [f.code for f in read(focused).findings] == ["camera.focus"], "5 m of focal length"
    assert read(focused, units=0.01).findings == ()


@pytest.mark.parametrize(
    "lines",
    [
        'double3 xformOp:translate = (nan, 0, 0)\n uniform token[] xformOpOrder = ["xformOp:translate"]',
        "matrix4d xformOp:transform = ((1,0,0,0),(0,inf,0,0),(0,0,1,0),(0,0,0,1))\n"
        ' uniform token[] xformOpOrder = ["xformOp:transform"]',
    ],
)
def test_a_camera_that_stands_nowhere_cannot_see(read: Any, lines: str) -> None:
    s = read(lines)
    with pytest.raises(UserError, match=r"camera /C has a transform that holds numbers that are not finite"):
        camera_from_scene(s, s.cameras[0], 64, 48)


def test_a_camera_below_a_squashed_prim_cannot_see(open_text: Any) -> None:
    s = read_snapshot(
        open_text(
            'def Xform "Flat" { float3 xformOp:scale = (1, 1, 0)\n uniform token[] xformOpOrder = ["xformOp:scale"]\n'
            ' def Camera "C" {}\n}\n'
        )
    )
    with pytest.raises(UserError, match="camera /Flat/C has a transform that squashes space flat"):
        camera_from_scene(s, s.cameras[0], 64, 48)
