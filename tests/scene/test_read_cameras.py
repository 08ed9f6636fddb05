"""Cameras against Gf.Camera's own frustum and UsdGeom's own exposure, on stages of any unit and axis."""

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.render.camera import camera_from_scene
from twinstage.scene.read import read_snapshot, time_at
from twinstage.scene.snapshot import SceneCamera, Snapshot
from twinstage.scene.stage import OpenedStage, open_stage

USD_FROM_TWIN = {"Z": np.eye(3), "Y": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])}


@pytest.fixture
def read(open_text: Any) -> Any:
    def make(body: str, **stage: Any) -> Snapshot:
        return read_snapshot(open_text(body, **stage))

    return make


def only(snapshot: Snapshot) -> SceneCamera:
    (camera,) = snapshot.cameras
    return camera


def assert_same_pixels(opened: OpenedStage, snapshot: Snapshot, scene_camera: SceneCamera) -> None:
    """Points in front of the camera land where the frustum of UsdGeom.Camera.GetCamera puts them."""
    from pxr import UsdGeom

    width, height = 640, 360
    camera = camera_from_scene(snapshot, scene_camera, width, height)
    local = np.array([[0.1, -0.2, 1.0], [-0.3, 0.1, 1.0], [0.0, 0.0, 1.0], [0.4, 0.4, 1.0]])
    local *= np.array([[3.0], [7.0], [5.0], [2.0]])  # OpenCV axes, metres
    world = local @ camera.world_from_camera[:3, :3].T + camera.world_from_camera[:3, 3]
    ours, _ = camera.project(world)

    prim = opened.stage.GetPrimAtPath(snapshot.prims.path[scene_camera.prim])
    frustum = UsdGeom.Camera(prim).GetCamera(time_at(opened.stage, None)).frustum
    usd = world @ USD_FROM_TWIN[opened.up_axis].T / opened.meters_per_unit
    matrix = np.array(frustum.ComputeViewMatrix() * frustum.ComputeProjectionMatrix())  # row vectors
    clip = np.concatenate([usd, np.ones((4, 1))], 1) @ matrix
    ndc = clip[:, :2] / clip[:, 3:]
    theirs = np.stack([(ndc[:, 0] + 1) / 2 * width, (1 - ndc[:, 1]) / 2 * height], 1)
    assert np.allclose(ours, theirs, rtol=1e-4, atol=0.02), snapshot.prims.path[scene_camera.prim]


@pytest.mark.parametrize("up", ["Y", "Z"])
@pytest.mark.parametrize("units", [0.01, 1.0, 0.0254])
def test_offsets_and_pixels_that_are_not_square(open_text: Any, up: str, units: float) -> None:
    opened = open_text(
        'def Xform "Rig" { float3 xformOp:rotateXYZ = (20, -30, 5)\n double3 xformOp:translate = (3, -2, 4)\n'
        ' uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateXYZ"]\n'
        ' def Camera "C" { float focalLength = 24\n float horizontalAperture = 36\n float verticalAperture = 10\n'
        " float horizontalApertureOffset = 3\n float verticalApertureOffset = -2\n}\n}\n",
        up=up,
        units=units,
    )
    snapshot = read_snapshot(opened)
    assert_same_pixels(opened, snapshot, only(snapshot))
    assert [f.code for f in snapshot.findings] == []


@pytest.mark.parametrize("up", ["Y", "Z"])
@pytest.mark.parametrize("units", [0.01, 1.0])
def test_orthographic_cameras_of_any_unit(open_text: Any, up: str, units: float) -> None:
    opened = open_text(
        'def Camera "C" { token projection = "orthographic"\n float horizontalAperture = 240\n'
        " float verticalAperture = 150\n float horizontalApertureOffset = 30\n float verticalApertureOffset = -20\n"
        " double3 xformOp:translate = (3, -2, 4)\n float3 xformOp:rotateXYZ = (20, -30, 5)\n"
        ' uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateXYZ"]\n}\n',
        up=up,
        units=units,
    )
    snapshot = read_snapshot(opened)
    assert_same_pixels(opened, snapshot, only(snapshot))


@pytest.mark.parametrize("scale", ["(0.01, 0.01, 0.01)", "(2, 3, 0.5)", "(-1, 1, 1)"])
def test_a_scaled_camera_sees_what_gf_camera_sees(open_text: Any, scale: str) -> None:
    opened = open_text(
        f'def Xform "Rig" {{ float3 xformOp:scale = {scale}\n uniform token[] xformOpOrder = ["xformOp:scale"]\n'
        ' def Camera "C" { double3 xformOp:translate = (1, 2, 3)\n float3 xformOp:rotateXYZ = (0, 90, 0)\n'
        ' uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateXYZ"]\n}\n}\n'
    )
    snapshot = read_snapshot(opened)
    assert_same_pixels(opened, snapshot, only(snapshot))
    expected = [] if scale == "(-1, 1, 1)" else ["camera.scale"]
    assert [f.code for f in snapshot.findings] == expected


def test_real_cameras(shared: Path) -> None:
    rows = list(csv.DictReader((shared / "assets/MANIFEST.csv").read_text().splitlines()))
    seen = 0
    for row in [row for row in rows if "Camera" in row["features"].split()][::4]:
        opened = open_stage(shared / "assets" / row["file"], [shared / "assets"], probe=False)
        snapshot = read_snapshot(opened)
        for camera in snapshot.cameras:
            assert_same_pixels(opened, snapshot, camera)
            seen += 1
    assert seen > 15


def test_unauthored_values_are_the_schemas(read: Any) -> None:
    from pxr import Gf

    camera, gf = only(read('def Camera "C" {}\n')), Gf.Camera()
    tenth = 100.0  # tenths of a metre in millimetres
    assert camera.focal_length == pytest.approx(gf.focalLength * tenth)
    assert camera.horizontal_aperture == pytest.approx(gf.horizontalAperture * tenth)
    assert camera.vertical_aperture == pytest.approx(gf.verticalAperture * tenth)
    assert (camera.near, camera.far) == (gf.clippingRange.min, gf.clippingRange.max)
    assert (camera.f_stop, camera.focus_distance, camera.exposure_scale) == (0.0, 0.0, 1.0)
    assert (camera.stereo_role, camera.projection, camera.clipping_planes) == ("mono", "perspective", ())


def test_lens_shutter_planes_and_roles(read: Any) -> None:
    s = read(
        'def Camera "C" { float fStop = 2.8\n float focusDistance = 300\n double shutter:open = -0.25\n'
        ' double shutter:close = 0.5\n uniform token stereoRole = "left"\n token projection = "orthographic"\n'
        " float horizontalAperture = 2000\n float4[] clippingPlanes = [(0, 0, -1, -50)]\n}\n",
        units=0.01,
    )
    camera = only(s)
    assert camera.f_stop == pytest.approx(2.8)
    assert camera.focus_distance == pytest.approx(3.0)
    assert (camera.shutter_open, camera.shutter_close) == pytest.approx((-0.25 / 24, 0.5 / 24))
    assert (camera.stereo_role, camera.projection) == ("left", "orthographic")
    assert camera.horizontal_aperture / 1000 == pytest.approx(2.0), "200 units of a centimetre are seen"
    assert camera.clipping_planes == ((0.0, 0.0, -1.0, -0.5),)
    assert [f.code for f in s.findings] == ["camera.clipping-planes"]


@pytest.mark.parametrize(
    "line",
    [
        "float exposure = 2.5",
        "float exposure:iso = 800\n float exposure:time = 0.02\n float exposure:fStop = 5.6\n"
        " float exposure:responsivity = 1.3",
        "float exposure = -3\n float exposure:time = 0.5\n float exposure:iso = 50",
    ],
)
def test_exposure_is_usdgeoms(open_text: Any, line: str) -> None:
    from pxr import UsdGeom

    opened = open_text(f'def Camera "C" {{ {line}\n}}\n')
    expected = UsdGeom.Camera(opened.stage.GetPrimAtPath("/C")).ComputeLinearExposureScale()
    snapshot = read_snapshot(opened)
    assert only(snapshot).exposure_scale == pytest.approx(expected, rel=1e-6)
    camera = camera_from_scene(snapshot, only(snapshot), 4, 4)
    assert 2.0**camera.exposure == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("float focalLength = 0", "camera.value"),
        ("float focalLength = -5", "camera.value"),
        ("float horizontalAperture = nan", "camera.value"),
        ("float verticalApertureOffset = inf", "camera.value"),
        ("float exposure:fStop = 0", "camera.value"),
        ('token projection = "fisheye"', "camera.value"),
        ("float4[] clippingPlanes = [(nan, 0, 0, 1)]", "camera.value"),
        ("float2 clippingRange = (5, 1)", "camera.clipping"),
        ("float2 clippingRange = (nan, 1)", "camera.clipping"),
        ("float2 clippingRange = (-1, 1)", "camera.clipping"),
    ],
)
def test_what_no_camera_can_have_becomes_the_schemas_value(read: Any, line: str, code: str) -> None:
    s, plain = read(f'def Camera "C" {{ {line}\n}}\n'), read('def Camera "C" {}\n', name="plain.usda")
    assert only(s) == only(plain)
    assert [(f.code, f.path) for f in s.findings] == [(code, "/C")]


def test_animated_lens_at_the_moment_asked_for(open_text: Any) -> None:
    opened = open_text('def Camera "C" { float focalLength.timeSamples = { 0: 20, 10: 40,\n }\n}\n')
    assert only(read_snapshot(opened, 5.0)).focal_length == pytest.approx(3000.0)
    assert math.isclose(only(read_snapshot(opened, 10.0)).focal_length, 4000.0)


def test_render_products_and_what_they_take_from_their_settings(read: Any) -> None:
    s = read(
        'def Scope "Render" { def RenderSettings "S" { rel products = [</Render/A>, </Render/B>]\n rel camera = </C>\n'
        " uniform int2 resolution = (800, 600)\n uniform float pixelAspectRatio = 2\n}\n"
        ' def RenderProduct "A" {}\n def RenderProduct "B" { uniform int2 resolution = (64, 48)\n rel camera = </D>\n'
        ' token productName = "b.exr"\n uniform token aspectRatioConformPolicy = "cropAperture"\n}\n'
        ' def RenderProduct "Lone" {}\n}\ndef Camera "C" {}\ndef Camera "D" {}\n'
    )
    a, b, lone = s.render_products
    assert (a.path, a.camera, a.resolution, a.pixel_aspect_ratio) == ("/Render/A", "/C", (800, 600), 2.0)
    assert (b.camera, b.resolution, b.pixel_aspect_ratio, b.name) == ("/D", (64, 48), 2.0, "b.exr")
    assert (a.aspect_policy, b.aspect_policy) == ("expandAperture", "cropAperture")
    assert (lone.camera, lone.resolution) == ("", (2048, 1080)), "the schema's"


def test_render_products_that_say_nonsense(read: Any) -> None:
    s = read(
        'def RenderProduct "A" { uniform string resolution = "big"\n rel camera = </X>\n'
        ' uniform float pixelAspectRatio = nan\n}\ndef Cube "X" {}\n'
    )
    (product,) = s.render_products
    assert (product.camera, product.resolution, product.pixel_aspect_ratio) == ("", (2048, 1080), 1.0)
    assert sorted(f.code for f in s.findings) == ["render.camera", "render.value", "render.value"]
