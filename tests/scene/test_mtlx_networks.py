"""ND_* networks to materials: values by hand, MaterialX's defaults and formulas by its own libraries."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twinstage.scene.mtlx.evaluators import EVALUATORS, find
from twinstage.scene.mtlx.ids import parse
from twinstage.scene.mtlx.surfaces import effective_ior
from twinstage.scene.snapshot import Material, Snapshot, TextureInput


def only(snapshot: Snapshot) -> Material:
    (material,) = snapshot.materials
    return material


def wire(name: str, source: str) -> str:
    """An input that node `source` feeds."""
    kinds = {"base_color": "color3f", "specular_roughness": "float", "metalness": "float", "mix": "float"}
    return f"{kinds.get(name, 'float3')} inputs:{name}.connect = </M/{source}.outputs:out>"


def codes(snapshot: Snapshot) -> list[str]:
    return [f.code for f in snapshot.findings if f.code.startswith(("material", "texture", "primvar"))]


def picture(path: Path, color: tuple[int, int, int] = (51, 102, 153)) -> None:
    from PIL import Image

    Image.new("RGB", (4, 4), color).save(path)


def base_color(read_text: Any, usda: Any, *shaders: str, **kwargs: Any) -> Snapshot:
    """A standard_surface whose base_color is node N."""
    return read_text(usda.standard(wire("base_color", "N"), rest="".join(shaders), **kwargs))


def diffuse(snapshot: Snapshot) -> TextureInput:
    source = only(snapshot).texture("diffuseColor")
    assert source is not None
    return source


A, B = "color3f inputs:in1 = (0.5, 0.25, 0.75)", "color3f inputs:in2 = (0.25, 0.5, 2)"
IN = "color3f inputs:in = (0.5, 0.25, 0.75)"


@pytest.mark.parametrize(
    ("identifier", "lines", "expected"),
    [
        ("ND_constant_color3", ["color3f inputs:value = (0.125, 0.25, 0.5)"], (0.125, 0.25, 0.5)),
        ("ND_add_color3", [A, B], (0.75, 0.75, 2.75)),
        ("ND_subtract_color3", [A, B], (0.25, -0.25, -1.25)),
        ("ND_multiply_color3", [A, B], (0.125, 0.125, 1.5)),
        ("ND_multiply_color3FA", [A, "float inputs:in2 = 0.5"], (0.25, 0.125, 0.375)),
        ("ND_divide_color3", [A, B], (2.0, 0.5, 0.375)),
        ("ND_divide_color3", [A, "color3f inputs:in2 = (0, 1, 1)"], (0.0, 0.25, 0.75)),
        ("ND_power_color3FA", [A, "float inputs:in2 = 2"], (0.25, 0.0625, 0.5625)),
        ("ND_modulo_color3FA", [A, "float inputs:in2 = 0.5"], (0.0, 0.25, 0.25)),
        ("ND_min_color3", [A, B], (0.25, 0.25, 0.75)),
        ("ND_max_color3", [A, B], (0.5, 0.5, 2.0)),
        ("ND_invert_color3", [IN], (0.5, 0.75, 0.25)),
        ("ND_clamp_color3FA", [IN, "float inputs:low = 0.3", "float inputs:high = 0.6"], (0.5, 0.3, 0.6)),
        ("ND_remap_color3FA", [IN, "float inputs:inhigh = 0.5", "float inputs:outlow = 1", "float inputs:outhigh = 3"],
         (3.0, 2.0, 4.0)),
        ("ND_mix_color3", ["color3f inputs:bg = (0, 0.5, 1)", "color3f inputs:fg = (1, 1, 0)", "float inputs:mix = 0.25"],
         (0.25, 0.625, 0.75)),
        ("ND_luminance_color3", [IN], (0.5 * 0.2722287 + 0.25 * 0.6740818 + 0.75 * 0.0536895,) * 3),
        ("ND_saturate_color3", [IN, "float inputs:amount = 0"], (0.5 * 0.2722287 + 0.25 * 0.6740818 + 0.75 * 0.0536895,) * 3),
        ("ND_contrast_color3FA", [IN, "float inputs:amount = 2", "float inputs:pivot = 0.5"], (0.5, 0.0, 1.0)),
        ("ND_hsvadjust_color3", [IN, "float3 inputs:amount = (0, 0, 1)"], (0.75, 0.75, 0.75)),
        ("ND_swizzle_color3_color3", [IN, 'string inputs:channels = "bgr"'], (0.75, 0.25, 0.5)),
        ("ND_swizzle_float_color3", ["float inputs:in = 0.5", 'string inputs:channels = "r01"'], (0.5, 0.0, 1.0)),
        ("ND_convert_float_color3", ["float inputs:in = 0.25"], (0.25,) * 3),
        ("ND_convert_vector3_color3", ["float3 inputs:in = (0.25, 0.5, 1)"], (0.25, 0.5, 1.0)),
        ("ND_combine3_color3", ["float inputs:in1 = 0.25", "float inputs:in2 = 0.5", "float inputs:in3 = 1"], (0.25, 0.5, 1.0)),
        ("ND_smoothstep_color3", [IN], (0.5, 0.15625, 0.84375)),
        ("ND_sqrt_vector3", ["float3 inputs:in = (0.25, 1, 4)"], (0.5, 1.0, 2.0)),
        ("ND_normalize_vector3", ["float3 inputs:in = (3, 0, 4)"], (0.6, 0.0, 0.8)),
        ("ND_crossproduct_vector3", ["float3 inputs:in1 = (1, 0, 0)", "float3 inputs:in2 = (0, 1, 0)"], (0.0, 0.0, 1.0)),
        ("ND_ifgreater_color3", ["float inputs:value1 = 2", "float inputs:value2 = 1", A, B], (0.5, 0.25, 0.75)),
        ("ND_ifequal_color3", ["float inputs:value1 = 2", "float inputs:value2 = 1", A, B], (0.25, 0.5, 2.0)),
        ("ND_switch_color3", ["float inputs:which = 1", A, B], (0.25, 0.5, 2.0)),
        ("ND_screen_color3", ["color3f inputs:fg = (0.5, 0.5, 0.5)", "color3f inputs:bg = (0.5, 0, 1)"], (0.75, 0.5, 1.0)),
        ("ND_plus_color3", ["color3f inputs:fg = (0.5, 0.5, 0.5)", "color3f inputs:bg = (0.25, 0, 1)",
                            "float inputs:mix = 0.5"], (0.5, 0.25, 1.25)),
        ("ND_srgb_texture_to_lin_rec709_color3", [IN],
         tuple(((c + 0.055) / 1.055) ** 2.4 for c in (0.5, 0.25, 0.75))),
    ],
)  # fmt: skip
def test_constants_are_folded(
    read_text: Any, usda: Any, identifier: str, lines: list[str], expected: Any
) -> None:
    s = base_color(read_text, usda, usda.shader("N", identifier, *lines))
    assert only(s).diffuse_color == pytest.approx(expected, abs=2e-5)
    assert codes(s) == []


@pytest.mark.parametrize(
    ("identifier", "lines", "expected"),
    [
        (
            "ND_dotproduct_vector3",
            ["float3 inputs:in1 = (1, 2, 3)", "float3 inputs:in2 = (0.1, 0.1, 0.1)"],
            0.6,
        ),
        ("ND_magnitude_vector2", ["float2 inputs:in = (0.3, 0.4)"], 0.5),
        ("ND_extract_color3", ["color3f inputs:in = (0.1, 0.2, 0.3)", "int inputs:index = 2"], 0.3),
        ("ND_sin_float", ["float inputs:in = 0.5"], math.sin(0.5)),
        ("ND_exp_float", ["float inputs:in = -1"], math.exp(-1)),
        ("ND_exp_float", ["float inputs:in = 100000"], 0.0),
        ("ND_ln_float", ["float inputs:in = 0"], 0.0),
        ("ND_convert_boolean_float", ["bool inputs:in = 1"], 1.0),
        ("ND_convert_integer_float", ["int inputs:in = 1"], 1.0),
    ],
)
def test_numbers_are_folded(
    read_text: Any, usda: Any, identifier: str, lines: list[str], expected: float
) -> None:
    body = usda.standard(
        wire("specular_roughness", "N"),
        rest=usda.shader("N", identifier, *lines),
    )
    assert only(read_text(body)).roughness == pytest.approx(expected, abs=1e-6)


def test_every_evaluator_is_a_node_of_the_library() -> None:
    """Categories are spelled as MaterialX spells them (older versions' nodes and USD's aside)."""
    from twinstage.scene.mtlx.document import standard_library

    known = {definition.getNodeString() for definition in standard_library().getNodeDefs()}
    assert set(EVALUATORS) - known == {"swizzle"}


def test_ids_are_taken_apart() -> None:
    from twinstage.scene.mtlx.document import standard_library

    assert parse("ND_multiply_color3FA", EVALUATORS) == ("multiply", "color3")
    assert parse("ND_convert_vector3_color3", EVALUATORS) == ("convert", "color3")
    assert parse("ND_gltf_image_color3_color3_1_0", EVALUATORS) == ("gltf_image", "color3")
    assert parse("multiply", EVALUATORS) is None and parse("ND_", EVALUATORS) is None
    for definition in standard_library().getNodeDefs():  # an id finds the category that the library gives it
        found = parse(definition.getName(), EVALUATORS)
        if definition.getNodeString() in EVALUATORS:
            assert found is not None and found[0] == definition.getNodeString()


def image(usda: Any, name: str = "N", *lines: str, kind: str = "ND_image_color3") -> str:
    return str(usda.shader(name, kind, "asset inputs:file = @./t.png@", *lines))


def test_an_image_and_its_transform(read_text: Any, usda: Any, tmp_path: Path) -> None:
    picture(tmp_path / "t.png")
    s = base_color(
        read_text, usda,
        image(usda, "N", wire("texcoord", "P"), 'string inputs:uaddressmode = "clamp"',
              'string inputs:vaddressmode = "constant"'),
        usda.shader("P", "ND_place2d_vector2", "float2 inputs:scale = (0.5, 0.25)", "float inputs:rotate = 90",
                    "float2 inputs:offset = (0.5, 0.125)", "float2 inputs:pivot = (0.5, 0.5)"),
    )  # fmt: skip
    t = diffuse(s)
    assert (t.wrap_s, t.wrap_t, t.color_space) == ("clamp", "black", "raw")
    for u, v in [(0.0, 0.0), (1.0, 0.5), (0.3, 0.9)]:
        x, y = (
            (u - 0.5) / 0.5,
            (v - 0.5) / 0.25,
        )  # MaterialX: about the pivot, divide, rotate clockwise, subtract
        x, y = y, -x
        expected = (x - 0.5 + 0.5, y - 0.125 + 0.5)
        assert at(t, u, v) == pytest.approx(expected, abs=1e-6)


def at(t: TextureInput, u: float, v: float) -> tuple[float, float]:
    """Where a TextureInput reads: UsdTransform2d's order."""
    cos, sin = math.cos(t.uv_rotation), math.sin(t.uv_rotation)
    x, y = u * t.uv_scale[0], v * t.uv_scale[1]
    return cos * x - sin * y + t.uv_translation[0], sin * x + cos * y + t.uv_translation[1]


def test_tiled_image(read_text: Any, usda: Any, tmp_path: Path) -> None:
    picture(tmp_path / "t.png")
    lines = ["float2 inputs:uvtiling = (4, 2)", "float2 inputs:uvoffset = (0.25, 0.5)"]
    t = diffuse(base_color(read_text, usda, image(usda, "N", *lines, kind="ND_tiledimage_color3")))
    assert at(t, 0.5, 0.5) == pytest.approx((0.5 * 4 - 0.25, 0.5 * 2 - 0.5))
    assert t.wrap_s == "repeat"


def test_gltf_image_turns_as_gltf_does(read_text: Any, usda: Any, tmp_path: Path) -> None:
    """KHR_texture_transform: uv' = T R S uv with v down and R = (cos, sin; -sin, cos)."""
    picture(tmp_path / "t.png")
    t = diffuse(base_color(read_text, usda, image(
        usda, "N", "float2 inputs:scale = (2, 3)", "float inputs:rotate = 30", "float2 inputs:offset = (0.25, 0.5)",
        "int inputs:operationorder = 0", kind="ND_gltf_image_color3_color3_1_0")))  # fmt: skip
    angle = math.radians(30)
    for u, v in [(0.2, 0.7), (0.0, 1.0), (1.0, 0.0)]:
        x, y = 2 * u, 3 * (1 - v)
        a = math.cos(angle) * x + math.sin(angle) * y + 0.25
        b = -math.sin(angle) * x + math.cos(angle) * y + 0.5
        assert at(t, u, v) == pytest.approx((a, 1 - b), abs=1e-6)


def test_arithmetic_on_an_image_is_scale_and_bias(read_text: Any, usda: Any, tmp_path: Path) -> None:
    picture(tmp_path / "t.png")
    s = base_color(
        read_text, usda, image(usda, "I"),
        usda.shader("N", "ND_add_color3", wire("in1", "K"), "color3f inputs:in2 = (0.25, 0, 0.5)"),
        usda.shader("K", "ND_multiply_color3FA", wire("in1", "V"), "float inputs:in2 = 0.5"),
        usda.shader("V", "ND_invert_color3", wire("in", "I")),
    )  # fmt: skip
    t = diffuse(s)
    assert t.scale[:3] == pytest.approx((-0.5,) * 3)
    assert t.bias[:3] == pytest.approx((0.75, 0.5, 1.0))
    assert codes(s) == []


def test_an_image_as_the_share_of_a_mix(read_text: Any, usda: Any, tmp_path: Path) -> None:
    picture(tmp_path / "t.png")
    body = usda.standard(
        wire("specular_roughness", "N"),
        rest=usda.shader("N", "ND_mix_float", "float inputs:bg = 0.2", "float inputs:fg = 0.7",
                         wire("mix", "I")) + image(usda, "I", kind="ND_image_float"),
    )  # fmt: skip
    s = read_text(body)
    t = only(s).texture("roughness")
    assert t is not None and (t.channel, t.scale[0], t.bias[0]) == (
        "r",
        pytest.approx(0.5),
        pytest.approx(0.2),
    )
    assert codes(s) == []


def test_channels_are_taken_out_and_put_together(read_text: Any, usda: Any, tmp_path: Path) -> None:
    picture(tmp_path / "t.png")
    parts = "".join(
        usda.shader(
            n,
            "ND_extract_color3",
            wire("in", "I"),
            f"int inputs:index = {i}",
        )
        for i, n in enumerate("XYZ")
    )
    joined = [f"float inputs:in{i + 1}.connect = </M/{n}.outputs:out>" for i, n in enumerate("XYZ")]
    s = base_color(read_text, usda, image(usda, "I"), parts, usda.shader("N", "ND_combine3_color3", *joined))
    assert diffuse(s).channel == "rgb" and codes(s) == []
    body = usda.standard(wire("metalness", "Z"), rest=image(usda, "I") + parts)
    t = only(read_text(body)).texture("metallic")
    assert t is not None and t.channel == "b"


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ("ND_power_color3FA", "is no scale and offset of an image"),
        ("ND_luminance_color3", "takes the luminance of an image"),
        ("ND_hsvadjust_color3", "turns hue or saturation"),
    ],
)
def test_other_arithmetic_on_an_image_is_told(
    read_text: Any, usda: Any, tmp_path: Path, node: str, words: str
) -> None:
    picture(tmp_path / "t.png")
    lines = [f"color3f inputs:{n}.connect = </M/I.outputs:out>" for n in ("in1", "in")]
    s = base_color(
        read_text, usda, image(usda, "I"),
        usda.shader("N", node, *lines, "float inputs:in2 = 2.2", "float3 inputs:amount = (0.5, 1, 1)"),
    )  # fmt: skip
    assert diffuse(s).texture == 0 and codes(s) == ["material.nearest"]
    assert any(words in f.message and "/M/N" in f.message for f in s.findings)


def test_srgb_by_a_node_or_by_metadata(read_text: Any, usda: Any, tmp_path: Path) -> None:
    picture(tmp_path / "t.png")
    node = usda.shader("N", "ND_srgb_texture_to_lin_rec709_color3", wire("in", "I"))
    assert diffuse(base_color(read_text, usda, image(usda, "I"), node)).color_space == "sRGB"
    meta = usda.shader("N", "ND_image_color3", 'asset inputs:file = @./t.png@ (colorSpace = "srgb_texture")')
    assert diffuse(base_color(read_text, usda, meta)).color_space == "sRGB"
    assert diffuse(base_color(read_text, usda, image(usda))).color_space == "raw"


def test_a_normal_map(read_text: Any, usda: Any, tmp_path: Path) -> None:
    picture(tmp_path / "t.png")
    body = usda.standard(
        wire("normal", "N"),
        rest=usda.shader(
            "N",
            "ND_normalmap_float",
            wire("in", "I"),
            "float inputs:scale = 0.5",
        )
        + image(usda, "I", kind="ND_image_vector3"),
    )
    t = only(read_text(body)).texture("normal")
    assert t is not None
    assert t.scale[:3] == (1.0, 1.0, 2.0) and t.bias[:3] == (-0.5, -0.5, -1.0) and t.color_space == "raw"


@pytest.mark.parametrize(
    ("identifier", "lines", "expected"),
    [
        (
            "ND_checkerboard_color3",
            ["color3f inputs:color1 = (1, 0, 0)", "color3f inputs:color2 = (0, 0, 1)"],
            (0.5, 0, 0.5),
        ),
        (
            "ND_ramplr_color3",
            ["color3f inputs:valuel = (1, 0, 0)", "color3f inputs:valuer = (0, 0, 1)"],
            (0.5, 0, 0.5),
        ),
        ("ND_ramp4_color3", ["color3f inputs:valuetl = (1, 0, 0)"], (0.25, 0, 0)),
        ("ND_noise2d_color3FA", ["float inputs:pivot = 0.25"], (0.25,) * 3),
        ("ND_cellnoise2d_float", [], (0.5,) * 3),
        ("ND_unifiednoise2d_float", ["float inputs:outmin = 0.5"], (0.75,) * 3),
    ],
)
def test_procedural_nodes_give_their_mean(
    read_text: Any, usda: Any, identifier: str, lines: list[str], expected: Any
) -> None:
    s = base_color(read_text, usda, usda.shader("N", identifier, *lines))
    assert only(s).diffuse_color == pytest.approx(expected)
    assert codes(s) == ["material.procedural"]
    assert any("/M/N" in f.message and identifier[3:] in f.message for f in s.findings)


def test_open_pbr_and_glass(read_text: Any, usda: Any) -> None:
    s = read_text(usda.standard(
        "color3f inputs:base_color = (0.5, 0.25, 0.125)", "float inputs:base_weight = 0.5", "float inputs:base_metalness = 1",
        "float inputs:specular_roughness = 0.125", "float inputs:coat_weight = 0.25", "float inputs:emission_luminance = 3",
        "float inputs:geometry_opacity = 0.5", kind="ND_open_pbr_surface_surfaceshader"))  # fmt: skip
    m = only(s)
    assert m.diffuse_color == (0.25, 0.125, 0.0625) and m.emissive_color == (3, 3, 3)
    assert (m.metallic, m.roughness, m.clearcoat, m.opacity) == (1.0, 0.125, 0.25, 0.5)
    s = read_text(
        usda.standard("float inputs:transmission = 1", "color3f inputs:transmission_color = (0.5, 1, 0.5)")
    )
    assert only(s).diffuse_color == (0.5, 1, 0.5) and only(s).opacity == pytest.approx(0.2)
    assert codes(s) == ["material.nearest"]


def test_gltf_pbr_and_unlit(read_text: Any, usda: Any) -> None:
    m = only(read_text(usda.standard(
        "color3f inputs:base_color = (0.5, 0.25, 0.125)", "float inputs:alpha = 0.5", "int inputs:alpha_mode = 1",
        "float inputs:alpha_cutoff = 0.25", "color3f inputs:emissive = (1, 0, 0)", "float inputs:emissive_strength = 2",
        kind="ND_gltf_pbr_surfaceshader")))  # fmt: skip
    assert (m.metallic, m.roughness, m.opacity, m.opacity_threshold, m.opacity_mode) == (
        1,
        1,
        0.5,
        0.25,
        "presence",
    )
    assert m.emissive_color == (2, 0, 0)
    m = only(read_text(usda.standard("color3f inputs:emission_color = (0.5, 1, 0)", "float inputs:emission = 2",
                                     kind="ND_surface_unlit")))  # fmt: skip
    assert m.emissive_color == (1, 2, 0) and m.diffuse_color == (0, 0, 0)


def test_surfaces_are_mixed_and_built_of_lobes(read_text: Any, usda: Any) -> None:
    red = usda.shader("R", "ND_standard_surface_surfaceshader", "color3f inputs:base_color = (1, 0, 0)")
    blue = usda.shader("B", "ND_open_pbr_surface_surfaceshader", "color3f inputs:base_color = (0, 0, 1)")
    m = only(read_text(usda.standard(wire("bg", "R"), wire("fg", "B"),
                                     "float inputs:mix = 0.25", rest=red + blue, kind="ND_mix_surfaceshader")))  # fmt: skip
    assert m.diffuse_color == (0.75, 0, 0.25) and m.roughness == pytest.approx(0.225)
    lobes = (
        usda.shader("L", "ND_layer_bsdf", wire("top", "T"), wire("base", "D"))
        + usda.shader("T", "ND_dielectric_bsdf", "float2 inputs:roughness = (0.25, 0.25)", "float inputs:ior = 1.25")
        + usda.shader("D", "ND_oren_nayar_diffuse_bsdf", "color3f inputs:color = (0.25, 0.5, 0.75)")
        + usda.shader("E", "ND_uniform_edf", "color3f inputs:color = (0, 2, 0)")
    )  # fmt: skip
    m = only(read_text(usda.standard(wire("bsdf", "L"), wire("edf", "E"),
                                     rest=lobes, kind="ND_surface")))  # fmt: skip
    assert m.diffuse_color == (0.25, 0.5, 0.75) and m.emissive_color == (0, 2, 0)
    assert (m.roughness, m.ior) == (0.5, 1.25)


def test_a_surface_that_many_share_is_evaluated_once(read_text: Any, usda: Any) -> None:
    """Fifty mixes, each of twice the next: 2^50 ways down."""
    mixes = "".join(
        usda.shader(
            f"X{i}",
            "ND_mix_surfaceshader",
            wire("bg", f"X{i + 1}"),
            wire("fg", f"X{i + 1}"),
            "float inputs:mix = 0.5",
        )
        for i in range(50)
    ) + usda.shader("X50", "ND_standard_surface_surfaceshader", "color3f inputs:base_color = (1, 0.5, 0.25)")
    body = usda.standard(wire("bg", "X0"), wire("fg", "X0"), rest=mixes, kind="ND_mix_surfaceshader")
    assert only(read_text(body)).diffuse_color == (1, 0.5, 0.25)


def test_a_loop_of_surfaces_ends(read_text: Any, usda: Any) -> None:
    body = usda.standard(wire("bg", "S"), kind="ND_mix_surfaceshader")
    assert only(read_text(body)).path == "/M"


def test_the_defaults_are_the_library_s(read_text: Any, usda: Any) -> None:
    """A surface without inputs: base * base_color, roughness, coat roughness by MaterialX's own definitions."""
    from twinstage.scene.mtlx.document import standard_library

    for kind, names in {
        "ND_standard_surface_surfaceshader": (
            "base_color",
            "specular_roughness",
            "coat_roughness",
            "metalness",
        ),
        "ND_open_pbr_surface_surfaceshader": (
            "base_color",
            "specular_roughness",
            "coat_roughness",
            "base_metalness",
        ),
        "ND_gltf_pbr_surfaceshader": ("base_color", "roughness", "clearcoat_roughness", "metallic"),
        "ND_disney_principled": ("baseColor", "roughness", "", "metallic"),
        "ND_UsdPreviewSurface_surfaceshader": ("diffuseColor", "roughness", "clearcoatRoughness", "metallic"),
    }.items():
        m = only(read_text(usda.standard(kind=kind)))
        inputs = {i.getName(): i for i in standard_library().getNodeDef(kind).getActiveInputs()}
        want = [list(inputs[names[0]].getValue()), *(inputs[n].getValue() if n else None for n in names[1:])]
        assert m.diffuse_color == pytest.approx(want[0]), kind
        assert [m.roughness, m.clearcoat_roughness if names[2] else None, m.metallic] == pytest.approx(
            want[1:]
        ), kind


def test_the_reflectance_of_a_weighted_dielectric() -> None:
    for ior in (1.1, 1.5, 2.4):
        for weight in (0.0, 0.25, 1.0, 2.0):
            got = effective_ior(ior, weight)
            assert ((got - 1) / (got + 1)) ** 2 == pytest.approx(
                weight * ((ior - 1) / (ior + 1)) ** 2, abs=1e-9
            )


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(data=st.data())
def test_random_networks_never_raise(read_text: Any, usda: Any, tmp_path: Path, data: st.DataObject) -> None:
    """Nodes of all kinds wired at random, loops and wrong types included: a finite material, whatever is told."""
    picture(tmp_path / "t.png")
    kinds = sorted(EVALUATORS)
    types = ["float", "color3", "vector2", "vector3", "color4"]
    inputs = [
        "in",
        "in1",
        "in2",
        "in3",
        "bg",
        "fg",
        "mix",
        "value",
        "texcoord",
        "amount",
        "scale",
        "low",
        "index",
        "which",
    ]
    count = data.draw(st.integers(1, 6))
    nodes = []
    for i in range(count):
        lines = []
        for name in data.draw(st.lists(st.sampled_from(inputs), max_size=4, unique=True)):
            other = data.draw(st.integers(-2, count))
            value = data.draw(st.sampled_from(["0", "1", "-3", "1e30", "nan", "0.5"]))
            lines.append(
                f"float inputs:{name}.connect = </M/N{other}.outputs:out>" if other >= 0
                else f"float3 inputs:{name} = ({value}, {value}, 0)" if other == -1 else f"float inputs:{name} = {value}"
            )  # fmt: skip
        if data.draw(st.booleans()):
            lines.append("asset inputs:file = @./t.png@")
        nodes.append(
            usda.shader(
                f"N{i}", f"ND_{data.draw(st.sampled_from(kinds))}_{data.draw(st.sampled_from(types))}", *lines
            )
        )
    surface = [
        wire("base_color", "N0"),
        wire("metalness", "N0"),
    ]
    s = read_text(usda.standard(*surface, rest="".join(nodes)))
    assert not [f for f in s.findings if "cannot be evaluated" in f.message]
    m = only(s)
    assert np.isfinite([*m.diffuse_color, *m.emissive_color, m.metallic, m.roughness, m.opacity, m.ior]).all()
    for _, t in m.textures:
        assert np.isfinite([*t.scale, *t.bias, *t.uv_scale, *t.uv_translation, t.uv_rotation]).all()


def test_find() -> None:
    assert find("ND_nobody") is None and find("UsdUVTexture") is None
