"""Lights by hand from the text of UsdLux, and against the schemas' own fall-backs."""

import math
from pathlib import Path
from typing import Any

import pytest

from twinstage.scene.read import read_snapshot
from twinstage.scene.snapshot import Light, Shaping, Snapshot
from twinstage.scene.stage import open_stage

SHAPED = 'prepend apiSchemas = ["ShapingAPI"]'


@pytest.fixture
def read(open_text: Any) -> Any:
    def make(body: str, **stage: Any) -> Snapshot:
        return read_snapshot(open_text(body, **stage))

    return make


def codes(snapshot: Snapshot) -> list[str]:
    return [f.code for f in snapshot.findings]


def only(snapshot: Snapshot) -> Light:
    (light,) = snapshot.lights
    return light


@pytest.mark.parametrize(
    "kind",
    ["DomeLight", "DomeLight_1", "DistantLight", "RectLight", "DiskLight", "SphereLight", "CylinderLight"],
)
def test_unauthored_inputs_have_the_schemas_values(read: Any, kind: str) -> None:
    from pxr import Usd

    light = only(read(f'def {kind} "L" {{}}\n'))
    schema = Usd.SchemaRegistry().FindConcretePrimDefinition(kind)
    intensity = schema.GetAttributeFallbackValue("inputs:intensity")
    assert light.radiance == (intensity,) * 3
    for ours, name in [("width", "width"), ("height", "height"), ("radius", "radius"), ("length", "length")]:
        value = schema.GetAttributeFallbackValue(f"inputs:{name}")
        assert getattr(light, ours) == (value or 0.0)
    if kind == "DistantLight":
        assert intensity == 50000
        assert math.degrees(light.angle) == pytest.approx(0.53)
    assert (light.normalize, light.diffuse, light.specular, light.shaping) == (False, 1.0, 1.0, None)
    assert (light.treat_as_point, light.shadow) == (False, True)


def test_everything_a_light_can_say(read: Any) -> None:
    s = read(
        'def SphereLight "L" (prepend apiSchemas = ["ShapingAPI", "ShadowAPI"]) { float inputs:intensity = 4\n'
        " float inputs:exposure = -1\n color3f inputs:color = (1, 0.5, 0.25)\n float inputs:radius = 20\n"
        " bool treatAsPoint = 1\n float inputs:diffuse = 0.5\n float inputs:specular = 0.5\n"
        " float inputs:shaping:cone:angle = 30\n float inputs:shaping:cone:softness = 0.25\n"
        " float inputs:shaping:focus = 8\n color3f inputs:shaping:focusTint = (0.1, 0, 0)\n"
        " bool inputs:shadow:enable = 0\n}\n",
        units=0.01,
    )
    light = only(s)
    assert light.radiance == (2.0, 1.0, 0.5)
    assert light.radius == pytest.approx(0.2)
    assert light.treat_as_point
    assert (light.diffuse, light.specular, light.shadow) == (0.5, 0.5, False)
    assert light.shaping is not None
    assert light.shaping.cone_angle == pytest.approx(math.pi / 6)
    assert (light.shaping.cone_softness, light.shaping.focus) == (0.25, 8.0)
    assert light.shaping.focus_tint == pytest.approx((0.1, 0.0, 0.0))
    assert codes(s) == []


def test_shaping_by_the_schema_and_without_it(read: Any) -> None:
    """Applied without values: USD's fall-back of 90 degrees; attributes without the schema cut nothing by themselves."""
    assert only(read(f'def SphereLight "L" ({SHAPED}) {{}}\n')).shaping == Shaping()
    focus = "float inputs:shaping:focus = 2"
    assert only(read(f'def SphereLight "L" {{ {focus}\n}}\n')).shaping == Shaping(
        cone_angle=math.pi, focus=2.0
    )


def test_names_from_before_the_inputs_prefix(read: Any) -> None:
    s = read(
        'def RectLight "L" { float intensity = 3\n float width = 2\n float height = 4\n color3f color = (0, 1, 0)\n}\n'
    )
    assert only(s).radiance == (0, 3, 0)
    assert (only(s).width, only(s).height) == (2, 4)
    assert codes(s) == ["light.old-names"]
    both = read('def RectLight "L" { float intensity = 3\n float inputs:intensity = 5\n}\n')
    assert only(both).radiance == (5, 5, 5), "the new name is USD's"
    assert codes(both) == []


def test_a_temperature_tints_and_negative_light_is_none(read: Any) -> None:
    from pxr import UsdLux

    warm = "bool inputs:enableColorTemperature = 1\n float inputs:colorTemperature = 2500\n color3f inputs:color = (1, 0.5, 1)"
    tint = UsdLux.BlackbodyTemperatureAsRgb(2500)
    expected = (tint[0], tint[1] / 2, tint[2])
    assert only(read(f'def DiskLight "L" {{ {warm}\n}}\n')).radiance == pytest.approx(expected)
    s = read('def DiskLight "L" { float inputs:intensity = -2\n}\n')
    assert (only(s).radiance, codes(s)) == ((0, 0, 0), ["light.value"])


def test_values_of_the_wrong_type(read: Any) -> None:
    s = read(
        'def DomeLight "L" { string inputs:texture:file = "x.png"\n string inputs:intensity = "bright"\n'
        " float[] inputs:color = [1, 2]\n}\n"
    )
    assert (only(s).radiance, only(s).texture) == ((1, 1, 1), -1)
    assert codes(s) == ["light.value"] * 2


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_values_that_are_not_finite(read: Any, value: str) -> None:
    s = read(f'def SphereLight "L" {{ float inputs:intensity = {value}\n float inputs:radius = {value}\n}}\n')
    assert only(s).radiance == (1, 1, 1)
    assert all(math.isfinite(v) for v in (only(s).radius, *only(s).radiance))
    assert "light.value" in codes(s)
    wild = read('def SphereLight "L" { float inputs:exposure = 1e30\n}\n')
    assert all(math.isfinite(c) for c in only(wild).radiance)


def test_lights_without_extent(read: Any) -> None:
    s = read('def SphereLight "L" { float inputs:radius = 0\n}\n')
    assert codes(s) == ["light.size"]
    s = read('def SphereLight "L" { float inputs:radius = 0\n bool inputs:normalize = 1\n}\n')
    assert codes(s) == []
    assert 0 < only(s).radius <= 1e-3


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ('def PortalLight "L" {}\n', "light.kind"),
        ('def PluginLight "L" {}\n', "light.kind"),
        ('def GeometryLight "L" {}\n', "light.mesh"),
        ('def SphereLight "L" { rel light:filters = </F>\n}\ndef LightFilter "F" {}\n', "light.filter"),
        ('def SphereLight "L" { rel collection:lightLink:excludes = </F>\n}\ndef Cube "F" {}\n', "light.link"),
        ('def SphereLight "L" { uniform bool collection:shadowLink:includeRoot = 0\n}\n', "light.link"),
        ('def DomeLight "L" (prepend apiSchemas = ["ShadowAPI"]) { bool inputs:shadow:enable = 0\n}\n', "light.shadow"),
        ('def SphereLight "L" { float inputs:intensity.connect = </M.outputs:a>\n}\ndef Material "M" {}\n', "light.connection"),
        (
            f'def DiskLight "L" ({SHAPED}) {{ asset inputs:shaping:ies:file = @./none.ies@\n}}\n',
            "light.file-missing",
        ),
    ],
)  # fmt: skip
def test_what_is_left_out_is_told_once(read: Any, body: str, code: str) -> None:
    s = read(body)
    (finding,) = [f for f in s.findings if f.code.startswith("light.")]
    assert (finding.code, finding.path) == (code, "/L")


def test_gprims_that_are_lights(read: Any) -> None:
    mesh = (
        'def Mesh "M" (prepend apiSchemas = ["MeshLightAPI"]) { float inputs:intensity = 7\n'
        " int[] faceVertexCounts = [3]\n int[] faceVertexIndices = [0, 1, 2]\n"
        " point3f[] points = [(0, 0, 0), (1, 0, 0), (0, 1, 0)]\n}\n"
    )
    s = read(mesh + 'def Cube "C" (prepend apiSchemas = ["LightAPI"]) {}\ndef Cube "D" {}\n')
    assert [(s.prims.path[light.prim], light.kind, light.radiance[0]) for light in s.lights] == [
        ("/C", "mesh", 1.0),
        ("/M", "mesh", 7.0),
    ]
    assert [c for c in codes(s) if c.startswith("light")] == []


@pytest.mark.parametrize(("layout", "used"), [("automatic", True), ("latlong", True), ("angular", False)])
def test_map_formats(read: Any, tmp_path: Path, layout: str, used: bool) -> None:
    from PIL import Image

    Image.new("RGB", (4, 2), (9, 9, 9)).save(tmp_path / "sky.png")
    s = read(
        f'def DomeLight "L" {{ asset inputs:texture:file = @./sky.png@\n token inputs:texture:format = "{layout}"\n}}\n'
    )
    assert (only(s).texture >= 0) is used
    assert codes(s) == ([] if used else ["light.texture-format"])


def test_an_ies_profile_is_kept_as_data_and_only_from_inside(read: Any, tmp_path: Path) -> None:
    (tmp_path / "lamp.ies").write_bytes(b"IESNA:LM-63-2002\n")
    line = f'def DiskLight "L" ({SHAPED}) {{ asset inputs:shaping:ies:file = @./lamp.ies@\n}}\n'
    s = read(line)
    assert only(s).shaping is not None
    assert only(s).shaping.ies == b"IESNA:LM-63-2002\n"  # type: ignore[union-attr]
    assert [(f.code, f.message.partition("profile that ")[2]) for f in s.findings] == [
        ("light.ies", "has no line TILT=, so it is no IES profile; it shapes nothing")
    ]
    (tmp_path / "in").mkdir()
    outside = read(line.replace("./lamp.ies", "../lamp.ies"), name="in/s.usda")
    assert only(outside).shaping is not None
    assert only(outside).shaping.ies == b""  # type: ignore[union-attr]
    assert any(code.startswith("asset.") or code == "light.file-missing" for code in codes(outside))


def test_real_files_give_every_light_that_usdlux_lists(shared: Path) -> None:
    """Each third file with lights: the prims that have UsdLux's LightAPI, and no other."""
    import csv

    from pxr import Usd, UsdLux

    rows = list(csv.DictReader((shared / "assets/MANIFEST.csv").read_text().splitlines()))
    files = [row["file"] for row in rows if "lights" in row["features"]][::3]
    seen = 0
    for name in files:
        opened = open_stage(shared / "assets" / name, [shared / "assets"], probe=False)
        snapshot = read_snapshot(opened)
        walk = Usd.PrimRange.Stage(opened.stage, Usd.TraverseInstanceProxies())
        expected = {str(p.GetPath()) for p in walk if p.HasAPI(UsdLux.LightAPI)}
        told = {f.path for f in snapshot.findings if f.code == "light.kind"}
        assert {snapshot.prims.path[light.prim] for light in snapshot.lights} == expected - told
        seen += len(expected)
    assert seen > 20
