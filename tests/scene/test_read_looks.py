"""Materials, textures, lights, cameras, labels."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.scene.read import read_snapshot
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import open_stage

CUBE = 'def Cube "C" (prepend apiSchemas = ["MaterialBindingAPI"]) { rel material:binding = </M>\n}\n'


@pytest.fixture
def read(open_text: Any) -> Any:
    def make(body: str, **stage: Any) -> Snapshot:
        return read_snapshot(open_text(body, **stage))

    return make


def png(path: Path, color: tuple[int, int, int] = (10, 20, 30)) -> None:
    from PIL import Image

    Image.new("RGB", (2, 2), color).save(path)


def test_preview_surface_with_a_transformed_texture(read: Any, tmp_path: Path) -> None:
    png(tmp_path / "t.png")
    body = """def Material "M" {
        token outputs:surface.connect = </M/S.outputs:surface>
        float inputs:shine = 0.125
        def Shader "S" { uniform token info:id = "UsdPreviewSurface"
            color3f inputs:diffuseColor.connect = </M/T.outputs:rgb>
            float inputs:roughness.connect = </M.inputs:shine>
            float inputs:metallic.connect = </M/T.outputs:g>
            float inputs:opacity = 0.5
            int inputs:useSpecularWorkflow = 1
            token outputs:surface
        }
        def Shader "T" { uniform token info:id = "UsdUVTexture"
            asset inputs:file = @./t.png@
            token inputs:wrapS = "clamp"
            token inputs:sourceColorSpace = "raw"
            float4 inputs:scale = (2, 2, 2, 1)
            float4 inputs:bias = (-1, -1, -1, 0)
            float2 inputs:st.connect = </M/X.outputs:result>
            float3 outputs:rgb
            float outputs:g
        }
        def Shader "X" { uniform token info:id = "UsdTransform2d"
            float2 inputs:in.connect = </M/R.outputs:result>
            float2 inputs:scale = (3, 4)
            float inputs:rotation = 90
            float2 inputs:translation = (0.5, 0.25)
            float2 outputs:result
        }
        def Shader "R" { uniform token info:id = "UsdPrimvarReader_float2"
            string inputs:varname = "uv1"
            float2 outputs:result
        }
    }
    def Mesh "C" (prepend apiSchemas = ["MaterialBindingAPI"]) { rel material:binding = </M>
        int[] faceVertexCounts = [3]
        int[] faceVertexIndices = [0, 1, 2]
        point3f[] points = [(0, 0, 0), (1, 0, 0), (0, 1, 0)]
        texCoord2f[] primvars:st = [(9, 9), (9, 9), (9, 9)] (interpolation = "vertex")
        texCoord2f[] primvars:uv1 = [(0, 0), (1, 0), (0, 1)] (interpolation = "vertex")
    }
"""
    s = read(body)
    (m,) = s.materials
    assert (m.roughness, m.opacity, m.use_specular_workflow) == (0.125, 0.5, True)
    diffuse, metallic = m.texture("diffuseColor"), m.texture("metallic")
    assert diffuse is not None
    assert metallic is not None
    assert (diffuse.channel, metallic.channel) == ("rgb", "g")
    assert (diffuse.wrap_s, diffuse.wrap_t, diffuse.color_space) == ("clamp", "black", "raw")
    assert (diffuse.scale, diffuse.bias) == ((2, 2, 2, 1), (-1, -1, -1, 0))
    assert (diffuse.uv_scale, diffuse.uv_translation) == ((3, 4), (0.5, 0.25))
    assert diffuse.uv_rotation == pytest.approx(math.pi / 2)
    assert s.textures[diffuse.texture].data == (tmp_path / "t.png").read_bytes()
    assert s.prototypes[0].uv is not None
    assert s.prototypes[0].uv.max() == 1  # uv1, which the material reads, not st


def test_binding_strength_and_inheritance(read: Any) -> None:
    material = (
        'def Material "{n}" {{ token outputs:surface.connect = </{n}/S.outputs:surface>\n'
        ' def Shader "S" {{ uniform token info:id = "UsdPreviewSurface"\n token outputs:surface\n'
        "}}\n}}\n"
    )
    body = (
        material.format(n="Weak") + material.format(n="Strong") + material.format(n="Own")
        + 'def Xform "A" (prepend apiSchemas = ["MaterialBindingAPI"]) { rel material:binding = </Weak>\n'
        '  def Cube "Plain" {}\n'
        '  def Cube "Mine" (prepend apiSchemas = ["MaterialBindingAPI"]) { rel material:binding = </Own>\n'
        '}\n}\n'
        'def Xform "B" (prepend apiSchemas = ["MaterialBindingAPI"]) {\n'
        '  rel material:binding = </Strong> (bindMaterialAs = "strongerThanDescendants")\n'
        '  def Cube "Mine" (prepend apiSchemas = ["MaterialBindingAPI"]) { rel material:binding = </Own>\n}\n}\n'
    )  # fmt: skip
    s = read(body)
    bound = {
        s.prims.path[p]: s.materials[s.material_sets[k][0]].path
        for p, k in zip(s.instances.prim, s.instances.material_set, strict=True)
    }
    assert bound == {"/A/Plain": "/Weak", "/A/Mine": "/Own", "/B/Mine": "/Strong"}


def test_missing_texture_uses_the_fallback_and_is_told(read: Any) -> None:
    s = read(
        'def Material "M" { token outputs:surface.connect = </M/S.outputs:surface>\n'
        ' def Shader "S" { uniform token info:id = "UsdPreviewSurface"\n'
        "  color3f inputs:diffuseColor.connect = </M/T.outputs:rgb>\n token outputs:surface\n}\n"
        ' def Shader "T" { uniform token info:id = "UsdUVTexture"\n asset inputs:file = @./none.png@\n'
        "  float4 inputs:fallback = (0.25, 0.5, 0.75, 1)\n float3 outputs:rgb\n}\n}\n" + CUBE
    )
    assert s.materials[0].diffuse_color == (0.25, 0.5, 0.75)
    assert any("texture './none.png' is not found" in str(f) for f in s.findings)


def test_backslashes_in_texture_paths_are_understood(read: Any, tmp_path: Path) -> None:
    (tmp_path / "tex").mkdir()
    png(tmp_path / "tex/t.png")
    s = read(
        'def Material "M" { token outputs:surface.connect = </M/S.outputs:surface>\n'
        ' def Shader "S" { uniform token info:id = "UsdPreviewSurface"\n'
        "  color3f inputs:diffuseColor.connect = </M/T.outputs:rgb>\n token outputs:surface\n}\n"
        ' def Shader "T" { uniform token info:id = "UsdUVTexture"\n asset inputs:file = @.\\tex\\t.png@\n'
        "  float3 outputs:rgb\n}\n}\n" + CUBE
    )
    assert len(s.textures) == 1


def test_textures_inside_a_package_are_read(shared: Path) -> None:
    path = shared / "assets/features/usdz/CesiumMan/CesiumMan.usdz"
    s = read_snapshot(open_stage(path, probe=False))
    assert [t.data[:3] for t in s.textures] == [b"\xff\xd8\xff"]


def test_light_radiance_sizes_and_temperature(read: Any) -> None:
    from pxr import UsdLux

    s = read(
        'def RectLight "A" { float inputs:intensity = 3\n float inputs:exposure = 2\n color3f inputs:color = (1, 0.5, 0.25)\n'
        " float inputs:width = 200\n float inputs:height = 50\n bool inputs:normalize = 1\n}\n"
        'def SphereLight "B" { bool inputs:enableColorTemperature = 1\n'
        " float inputs:colorTemperature = 3000\n float inputs:radius = 10\n}\n"
        'def DistantLight "C" { float inputs:angle = 2\n}\n'
        'def CylinderLight "D" { float inputs:length = 100\n float inputs:radius = 5\n}\n'
        'def DiskLight "E" {}\n',
        units=0.01,
    )
    a, b, c, d, e = s.lights
    assert [light.kind for light in s.lights] == ["rect", "sphere", "distant", "cylinder", "disk"]
    assert a.radiance == (12, 6, 3)
    assert a.normalize
    assert (a.width, a.height) == pytest.approx((2.0, 0.5))
    tint = UsdLux.BlackbodyTemperatureAsRgb(3000)
    assert b.radiance == pytest.approx(tuple(tint))
    assert c.angle == pytest.approx(math.radians(2))
    assert (d.length, d.radius) == pytest.approx((1.0, 0.05))
    assert e.radius == pytest.approx(0.005)


@pytest.mark.parametrize(
    ("kind", "up", "axis", "pole"),
    [
        ("DomeLight", "Z", "", "Y"),
        ("DomeLight_1", "Z", "scene", "Z"),
        ("DomeLight_1", "Y", "scene", "Y"),
        ("DomeLight_1", "Y", "Z", "Z"),
    ],
)
def test_dome_pole(read: Any, kind: str, up: str, axis: str, pole: str) -> None:
    line = f'uniform token poleAxis = "{axis}"\n' if axis else ""
    (light,) = read(f'def {kind} "D" {{ {line}\n}}\n', up=up).lights
    assert (np.array(light.node_from_map) @ [0, 1, 0]).tolist() == {"Y": [0, 1, 0], "Z": [0, 0, 1]}[pole]


def test_camera_in_millimetres_and_metres(read: Any) -> None:
    s = read(
        'def Xform "A" { def Camera "Eye" { float focalLength = 35\n'
        " float2 clippingRange = (10, 5000)\n float focusDistance = 300\n}\n}\n"
        'def Xform "B" { def Camera "Eye" {}\n}\ndef Camera "Other" {}\n',
        units=0.01,
    )
    assert [c.name for c in s.cameras] == ["A.Eye", "B.Eye", "Other"]
    eye = s.cameras[0]
    assert eye.focal_length == pytest.approx(35.0)
    assert eye.focal_length / eye.horizontal_aperture == pytest.approx(35 / 20.955)
    assert (eye.near, eye.far, eye.focus_distance) == pytest.approx((0.1, 50.0, 3.0))


def test_labels_new_and_old_and_the_object_rule(read: Any) -> None:
    s = read(
        'def Xform "Line" (kind = "group"\n prepend apiSchemas = ["SemanticsLabelsAPI:class"]) {\n'
        ' token[] semantics:labels:class = ["line"]\n'
        ' def Xform "Motor" (kind = "component"\n'
        ' prepend apiSchemas = ["SemanticsLabelsAPI:part", "SemanticsLabelsAPI:class"]) {\n'
        '  token[] semantics:labels:part = ["drive"]\n  token[] semantics:labels:class = ["motor"]\n'
        '  def Cube "Body" {}\n  def Xform "Fan" { def Cube "Blade" {}\n}\n}\n'
        ' def Xform "Crate" (kind = "component") { def Cube "Side" {}\n}\n'
        ' def Xform "Old" { custom string semantic:S1:params:semanticType = "class"\n'
        '  custom string semantic:S1:params:semanticData = "pump"\n  def Cube "Case" {}\n}\n'
        ' def Cube "Loose" {}\n}\ndef Cube "Alone" {}\n'
    )
    found = {o.prim_path: (o.name, o.labels) for o in s.objects}
    assert found == {
        "/Alone": ("", ()),
        "/Line": ("line", ("line",)),
        "/Line/Crate": ("line", ("line",)),
        "/Line/Motor": ("motor", ("motor", "drive", "line")),
        "/Line/Old": ("pump", ("pump", "line")),
    }
    assert [o.prim_path for o in s.objects] == sorted(found)
    of = {
        s.prims.path[p]: s.objects[o].prim_path
        for p, o in zip(s.instances.prim, s.instances.object, strict=True)
    }
    assert of["/Line/Motor/Fan/Blade"] == "/Line/Motor"
    assert of["/Line/Loose"] == "/Line"


def test_colour_that_a_material_asks_the_gprim_for(read: Any) -> None:
    s = read(
        'def Material "M" { token outputs:surface.connect = </M/S.outputs:surface>\n'
        ' def Shader "S" { uniform token info:id = "UsdPreviewSurface"\n float inputs:roughness = 0.125\n'
        "  color3f inputs:diffuseColor.connect = </M/R.outputs:result>\n token outputs:surface\n}\n"
        ' def Shader "R" { uniform token info:id = "UsdPrimvarReader_float3"\n string inputs:varname = "displayColor"\n'
        "  float3 inputs:fallback = (0.5, 0.5, 0.5)\n float3 outputs:result\n}\n}\n"
        + CUBE.replace("rel material", "color3f[] primvars:displayColor = [(1, 0, 0)]\n rel material")
        + CUBE.replace('"C"', '"D"')
    )
    looks = [s.materials[s.material_sets[k][0]] for k in s.instances.material_set]
    assert [m.path for m in looks] == ["/M", "/M"]
    assert [m.roughness for m in looks] == [0.125, 0.125]
    assert [m.diffuse_color for m in looks] == [(1, 0, 0), (0.5, 0.5, 0.5)]
