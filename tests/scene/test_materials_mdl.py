"""MDL materials of Omniverse: mapped by name, by values worked out by hand, with one finding a material."""

import math
from pathlib import Path
from typing import Any

import pytest

from twinstage.scene.read import read_snapshot
from twinstage.scene.snapshot import Material, Snapshot
from twinstage.scene.stage import open_stage


def mdl(usda: Any, name: str, *lines: str, asset: str = "") -> str:
    """`/M` with an MDL shader of those inputs, bound to a mesh."""
    body = "\n".join(lines)
    shader = (
        'def Shader "S" { uniform token info:implementationSource = "sourceAsset"\n'
        f" uniform asset info:mdl:sourceAsset = @{asset or name + '.mdl'}@\n"
        f' uniform token info:mdl:sourceAsset:subIdentifier = "{name}"\n{body}\n token outputs:out\n}}\n'
    )
    return str(usda.material(shader, surface="S.outputs:out", context="mdl:") + usda.mesh())


def only(snapshot: Snapshot) -> Material:
    (material,) = snapshot.materials
    return material


def told(snapshot: Snapshot) -> list[str]:
    return [f.message for f in snapshot.findings if f.code.startswith(("material", "texture"))]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    from PIL import Image

    for name, color in {
        "d": (51, 102, 153),
        "orm": (255, 51, 204),
        "n": (128, 128, 255),
        "o": (0, 0, 0),
    }.items():
        Image.new("RGB", (4, 4), color).save(tmp_path / f"{name}.png")
    return tmp_path


def test_omni_pbr_constants(read_text: Any, usda: Any) -> None:
    s = read_text(
        mdl(
            usda,
            "OmniPBR",
            "color3f inputs:diffuse_color_constant = (0.5, 0.25, 1)",
            "color3f inputs:diffuse_tint = (1, 0.5, 0.5)",
            "float inputs:reflection_roughness_constant = 0.125",
            "float inputs:metallic_constant = 1",
            "float inputs:specular_level = 0.5",
            "bool inputs:enable_emission = 1",
            "color3f inputs:emissive_color = (1, 0.5, 0)",
            "float inputs:emissive_intensity = 8",
            "float inputs:albedo_brightness = 9",
            "float inputs:rounded_edges = 1",
        )
    )
    m = only(s)
    assert m.diffuse_color == (0.5, 0.125, 0.5)  # brightness acts on textures only
    assert (m.roughness, m.metallic, m.emissive_color) == (0.125, 1.0, (8, 4, 0))
    assert ((m.ior - 1) / (m.ior + 1)) ** 2 == pytest.approx(0.04)
    assert told(s) == [
        "material /M: /M/S is MDL 'OmniPBR', shown as the nearest UsdPreviewSurface; left out: rounded_edges"
    ]


def test_omni_pbr_textures(read_text: Any, usda: Any, pictures: Path) -> None:
    s = read_text(
        mdl(
            usda,
            "OmniPBR",
            "asset inputs:diffuse_texture = @./d.png@",
            "float inputs:albedo_brightness = 0.5",
            "float inputs:albedo_add = 0.25",
            "color3f inputs:diffuse_tint = (1, 0.5, 1)",
            "bool inputs:enable_ORM_texture = 1",
            "asset inputs:ORM_texture = @./orm.png@",
            "float inputs:reflection_roughness_constant = 0.5",
            "float inputs:reflection_roughness_texture_influence = 1",
            "float inputs:metallic_texture_influence = 0.5",
            "float inputs:metallic_constant = 0.2",
            "float inputs:ao_to_diffuse = 1",
            "asset inputs:normalmap_texture = @./n.png@",
            "float inputs:bump_factor = 0.5",
            "float2 inputs:texture_scale = (2, 3)",
            "float2 inputs:texture_translate = (0.5, 0.25)",
        )
    )
    textures = dict(only(s).textures)
    assert textures["diffuseColor"].color_space == "sRGB"
    assert textures["diffuseColor"].scale[:3] == (0.5, 0.25, 0.5) and textures["diffuseColor"].bias[:3] == (
        0.25,
        0.125,
        0.25,
    )
    assert {n: textures[n].channel for n in ("occlusion", "roughness", "metallic")} == {
        "occlusion": "r",
        "roughness": "g",
        "metallic": "b",
    }
    assert all(textures[n].color_space == "raw" for n in ("occlusion", "roughness", "metallic", "normal"))
    assert textures["metallic"].scale[2] == 0.5 and textures["metallic"].bias[2] == pytest.approx(0.1)
    assert textures["normal"].scale[:3] == (1, 1, 2) and textures["normal"].bias[:3] == (-0.5, -0.5, -1)
    for t in textures.values():
        assert (t.uv_scale, t.uv_translation, t.wrap_s) == ((2, 3), (0.5, 0.25), "repeat")
    assert len(told(s)) == 1


def test_omni_pbr_opacity(read_text: Any, usda: Any, pictures: Path) -> None:
    on = [
        "bool inputs:enable_opacity = 1",
        "float inputs:opacity_constant = 0.5",
        "float inputs:opacity_threshold = 0.25",
    ]
    m = only(read_text(mdl(usda, "OmniPBR_Opacity", *on)))
    assert (m.opacity, m.opacity_threshold, m.opacity_mode) == (0.5, 0.25, "presence")
    assert only(read_text(mdl(usda, "OmniPBR_Opacity", *on[1:]))).opacity == 1.0
    m = only(
        read_text(
            mdl(
                usda,
                "OmniPBR",
                *on,
                "bool inputs:enable_opacity_texture = 1",
                "asset inputs:opacity_texture = @./o.png@",
                "int inputs:opacity_mode = 0",
            )
        )
    )
    t = m.texture("opacity")
    assert t is not None and (t.channel, t.scale[3]) == ("a", 0.5)


def test_clear_coat(read_text: Any, usda: Any) -> None:
    lines = ["float inputs:clearcoat_weight = 0.5", "float inputs:clearcoat_reflection_roughness = 0.25"]
    m = only(read_text(mdl(usda, "OmniPBR_ClearCoat", "bool inputs:enable_clearcoat = 1", *lines)))
    assert (m.clearcoat, m.clearcoat_roughness) == (0.5, 0.25)
    assert only(read_text(mdl(usda, "OmniPBR_ClearCoat", *lines))).clearcoat == 0.0


def test_glass_and_surfaces(read_text: Any, usda: Any) -> None:
    m = only(
        read_text(
            mdl(
                usda,
                "OmniGlass",
                "color3f inputs:glass_color = (0.5, 1, 0.5)",
                "float inputs:glass_ior = 1.25",
            )
        )
    )
    assert (m.diffuse_color, m.ior, m.opacity) == ((0.5, 1, 0.5), 1.25, pytest.approx(0.2))
    m = only(
        read_text(
            mdl(
                usda,
                "OmniSurfaceLite",
                "color3f inputs:diffuse_reflection_color = (1, 0.5, 0)",
                "float inputs:diffuse_reflection_weight = 0.5",
                "float inputs:metalness = 0.25",
                "float inputs:specular_reflection_roughness = 0.125",
                "float inputs:coat_weight = 0.75",
            )
        )
    )
    assert (m.diffuse_color, m.metallic, m.roughness, m.clearcoat) == ((0.5, 0.25, 0), 0.25, 0.125, 0.75)
    m = only(
        read_text(
            mdl(
                usda,
                "gltf_material",
                "color3f inputs:base_color_factor = (0.5, 1, 0)",
                "float inputs:metallic_factor = 0.25",
                "float inputs:roughness_factor = 0.5",
                asset="gltf/pbr.mdl",
            )
        )
    )
    assert (m.diffuse_color, m.metallic, m.roughness) == ((0.5, 1, 0), 0.25, 0.5)
    m = only(
        read_text(
            mdl(
                usda,
                "UsdPreviewSurface",
                "color3f inputs:diffuseColor = (0.5, 1, 0)",
                "float inputs:roughness = 0.25",
            )
        )
    )
    assert (m.diffuse_color, m.roughness) == ((0.5, 1, 0), 0.25)


def test_turned_textures(read_text: Any, usda: Any, pictures: Path) -> None:
    s = read_text(
        mdl(usda, "OmniPBR", "asset inputs:diffuse_texture = @./d.png@", "float inputs:texture_rotate = 90")
    )
    t = only(s).textures[0][1]
    assert t.uv_rotation == pytest.approx(math.pi / 2)


def test_unknown_mdl_is_told_once(read_text: Any, usda: Any) -> None:
    s = read_text(mdl(usda, "MyPaint"))
    assert told(s) == ["material /M cannot be read, shader 'MyPaint' is unknown: it is drawn grey"]


@pytest.mark.parametrize(
    ("name", "count"),
    [("features/ovrtx/simple_scene_animated.usda", 3), ("industrial/f1tenth_ackermann/F1Tenth.usd", None)],
)
def test_real_files_have_one_finding_a_material(shared: Path, name: str, count: int | None) -> None:
    s = read_snapshot(open_stage(shared / "assets" / name, probe=False))
    paths = [m.path for m in s.materials if m.path]
    found = [f for f in s.findings if f.code == "material.mdl"]
    assert len(found) == len(set(paths)) == (count or len(found))
    for m in s.materials:  # the values are what the shader holds
        prim = (
            open_stage(shared / "assets" / name, probe=False).stage.GetPrimAtPath(f"{m.path}/Shader")
            if count
            else None
        )
        if prim:
            assert m.diffuse_color == pytest.approx(
                tuple(prim.GetAttribute("inputs:diffuse_color_constant").Get())
            )
