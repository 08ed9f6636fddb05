"""UsdPreviewSurface: every input, textures, primvar readers, colour spaces; malformed networks end in findings."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.scene.read.materials_signal import compose, decompose, transform
from twinstage.scene.snapshot import Material, Snapshot


def picture(path: Path, color: tuple[int, ...] = (255, 128, 0), mode: str = "RGB", size: int = 4) -> None:
    from PIL import Image

    Image.new(mode, (size, size), color if len(color) > 1 else color[0]).save(path)


def only(snapshot: Snapshot) -> Material:
    (material,) = snapshot.materials
    return material


def codes(snapshot: Snapshot) -> list[str]:
    return [f.code for f in snapshot.findings if f.code.startswith(("material", "texture", "primvar"))]


FILE = "asset inputs:file = @./t.png@"


def test_every_input_and_its_default(read_text: Any, usda: Any) -> None:
    m = only(read_text(usda.preview()))
    assert m == Material("/M")  # the specification's defaults are those of our class
    assert (m.diffuse_color, m.metallic, m.roughness, m.ior, m.occlusion) == ((0.18,) * 3, 0.0, 0.5, 1.5, 1.0)
    s = read_text(
        usda.preview(
            "color3f inputs:diffuseColor = (0.25, 0.5, 0.75)", "color3f inputs:emissiveColor = (2, 3, 4)",
            "int inputs:useSpecularWorkflow = 1", "color3f inputs:specularColor = (0.5, 0.25, 0.125)",
            "float inputs:metallic = 0.25", "float inputs:roughness = 0.75", "float inputs:clearcoat = 0.5",
            "float inputs:clearcoatRoughness = 0.125", "float inputs:opacity = 0.5", "float inputs:ior = 1.25",
            "float inputs:opacityThreshold = 0.375", "float inputs:displacement = 0.5", "float inputs:occlusion = 0.625",
            'token inputs:opacityMode = "presence"',
        ),
        units=0.01,
    )  # fmt: skip
    assert only(s) == Material(
        "/M", diffuse_color=(0.25, 0.5, 0.75), emissive_color=(2, 3, 4), use_specular_workflow=True,
        specular_color=(0.5, 0.25, 0.125), metallic=0.25, roughness=0.75, clearcoat=0.5, clearcoat_roughness=0.125,
        opacity=0.5, ior=1.25, opacity_threshold=0.375, displacement=0.005, occlusion=0.625, opacity_mode="presence",
    )  # fmt: skip
    assert codes(s) == ["material.displacement"]


def test_a_displacement_shader_is_told(read_text: Any, usda: Any) -> None:
    body = usda.preview(rest=usda.shader("D", "ND_displacement_float"),
                        lines_of_material="token outputs:mtlx:displacement.connect = </M/D.outputs:out>")  # fmt: skip
    assert codes(read_text(body)) == ["material.displacement"]


def test_a_channel_feeds_any_number(read_text: Any, usda: Any, tmp_path: Path) -> None:
    picture(tmp_path / "t.png", (255, 51, 0, 102), "RGBA")
    names = {
        "metallic": "r",
        "roughness": "g",
        "clearcoat": "b",
        "opacity": "a",
        "occlusion": "g",
        "displacement": "r",
    }
    body = usda.preview(
        *(f"float inputs:{name}.connect = </M/T.outputs:{c}>" for name, c in names.items()),
        rest=usda.shader("T", "UsdUVTexture", FILE, 'token inputs:sourceColorSpace = "raw"'),
    )
    m = only(read_text(body))
    assert {name: t.channel for name, t in m.textures} == names
    assert (m.clearcoat, m.occlusion) == pytest.approx(
        (0.0, 0.2)
    )  # what is not drawn has the mean of its channel
    assert (m.metallic, m.roughness, m.opacity) == (0.0, 0.5, 1.0)


@pytest.mark.parametrize(
    ("mode", "color", "lines", "space"),
    [
        ("RGB", (9, 9, 9), "", "sRGB"),
        ("RGBA", (9, 9, 9, 9), "", "sRGB"),
        ("L", (9,), "", "raw"),
        ("LA", (9, 9), "", "raw"),
        ("P", (3,), "", "sRGB"),
        ("I;16", (999,), "", "raw"),
        ("RGB", (9, 9, 9), 'token inputs:sourceColorSpace = "raw"', "raw"),
        ("L", (9,), 'token inputs:sourceColorSpace = "sRGB"', "sRGB"),
        ("RGB", (9, 9, 9), 'token inputs:sourceColorSpace = "auto"', "sRGB"),
        ("RGB", (9, 9, 9), 'FILE (colorSpace = "raw")', "raw"),
        ("L", (9,), 'FILE (colorSpace = "srgb_texture")', "sRGB"),
        ("RGB", (9, 9, 9), 'FILE (colorSpace = "lin_rec709_scene")', "raw"),
        ("L", (9,), 'token inputs:sourceColorSpace = "raw"\n FILE (colorSpace = "srgb_texture")', "raw"),
    ],
)
def test_colour_space(
    read_text: Any, usda: Any, tmp_path: Path, mode: str, color: Any, lines: str, space: str
) -> None:
    picture(tmp_path / "t.png", color, mode)
    lines = lines.replace("FILE", FILE) if "FILE" in lines else f"{FILE}\n{lines}"
    body = usda.preview(
        "color3f inputs:diffuseColor.connect = </M/T.outputs:rgb>",
        rest=usda.shader("T", "UsdUVTexture", lines),
    )
    source = only(read_text(body)).texture("diffuseColor")
    assert source is not None and source.color_space == space


def test_an_unknown_colour_space_is_told(read_text: Any, usda: Any, tmp_path: Path) -> None:
    picture(tmp_path / "t.png")
    body = usda.preview(
        "color3f inputs:diffuseColor.connect = </M/T.outputs:rgb>",
        rest=usda.shader("T", "UsdUVTexture", f'{FILE} (colorSpace = "lin_ap1_scene")'),
    )
    s = read_text(body)
    assert only(s).textures[0][1].color_space == "raw"
    assert codes(s) == ["texture.color-space"]


def test_a_colour_in_another_space_is_linear_afterwards(read_text: Any, usda: Any) -> None:
    m = only(
        read_text(usda.preview('color3f inputs:diffuseColor = (0.5, 0.5, 0.5) (colorSpace = "srgb_texture")'))
    )
    assert m.diffuse_color == pytest.approx((((0.5 + 0.055) / 1.055) ** 2.4,) * 3, abs=1e-5)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("", ("black", "black")),
        ('token inputs:wrapS = "useMetadata"\ntoken inputs:wrapT = "mirror"', ("black", "mirror")),
        ('token inputs:wrapS = "clamp"\ntoken inputs:wrapT = "repeat"', ("clamp", "repeat")),
        ('token inputs:wrapS = "nonsense"', ("black", "black")),
    ],
)
def test_wrap(read_text: Any, usda: Any, tmp_path: Path, lines: str, expected: tuple[str, str]) -> None:
    picture(tmp_path / "t.png")
    body = usda.preview(
        "color3f inputs:diffuseColor.connect = </M/T.outputs:rgb>",
        rest=usda.shader("T", "UsdUVTexture", FILE, lines),
    )
    source = only(read_text(body)).texture("diffuseColor")
    assert source is not None and (source.wrap_s, source.wrap_t) == expected


@pytest.mark.parametrize(
    ("lines", "far", "told"),
    [("", "2", ["texture.wrap"]), ("", "1", []), ('token inputs:wrapS = "repeat"', "2", ["texture.wrap"]),
     ('token inputs:wrapS = "repeat"\ntoken inputs:wrapT = "black"', "2", [])],
)  # fmt: skip
def test_coordinates_outside_an_image_that_says_nothing(
    read_text: Any, usda: Any, tmp_path: Path, lines: str, far: str, told: list[str]
) -> None:
    picture(tmp_path / "t.png")
    body = usda.preview(
        "color3f inputs:diffuseColor.connect = </M/T.outputs:rgb>",
        rest=usda.shader("T", "UsdUVTexture", FILE, lines),
    )
    s = read_text(
        body.replace("[(0, 0), (1, 0), (1, 1), (0, 1)]", f"[(0, 0), ({far}, 0), ({far}, 1), (0, 1)]")
    )
    assert codes(s) == told


def test_a_file_that_is_no_image_is_told(read_text: Any, usda: Any, tmp_path: Path) -> None:
    for content in (b"", b"no image", b"\x89PNG\r\n\x1a\n"):
        (tmp_path / "t.png").write_bytes(content)
        body = usda.preview(
            "color3f inputs:diffuseColor.connect = </M/T.outputs:rgb>",
            rest=usda.shader("T", "UsdUVTexture", FILE, "float4 inputs:fallback = (1, 0, 0, 1)"),
        )
        s = read_text(body)
        assert only(s).diffuse_color == (1, 0, 0) and only(s).textures == ()
        assert codes(s) == ["texture.unreadable"]


def test_a_normal_map_without_colour_space_is_raw_and_told(read_text: Any, usda: Any, tmp_path: Path) -> None:
    picture(tmp_path / "t.png")
    body = usda.preview(
        "normal3f inputs:normal.connect = </M/T.outputs:rgb>",
        rest=usda.shader(
            "T",
            "UsdUVTexture",
            FILE,
            "float4 inputs:scale = (2, 2, 2, 1)",
            "float4 inputs:bias = (-1, -1, -1, 0)",
        ),
    )
    s = read_text(body)
    source = only(s).texture("normal")
    assert source is not None
    assert (source.color_space, source.scale, source.bias) == ("raw", (2, 2, 2, 1), (-1, -1, -1, 0))
    assert codes(s) == ["texture.color-space"]


def test_chained_transforms_compose(read_text: Any, usda: Any, tmp_path: Path) -> None:
    """Two UsdTransform2d of which the first turns and the second scales evenly are one: checked at points."""
    picture(tmp_path / "t.png")
    body = usda.preview(
        "color3f inputs:diffuseColor.connect = </M/T.outputs:rgb>",
        rest=usda.shader("T", "UsdUVTexture", FILE, "float2 inputs:st.connect = </M/B.outputs:result>")
        + usda.shader("B", "UsdTransform2d", "float2 inputs:in.connect = </M/A.outputs:result>", "float2 inputs:scale = (2, 2)",
                      "float2 inputs:translation = (0.5, 0)")
        + usda.shader("A", "UsdTransform2d", "float inputs:rotation = 30", "float2 inputs:scale = (1, 3)",
                      "float2 inputs:translation = (0, 0.25)"),
    )  # fmt: skip
    t = only(read_text(body)).textures[0][1]
    for u, v in [(0.0, 0.0), (1.0, 0.0), (0.25, 0.5)]:
        cos, sin = np.cos(np.radians(30)), np.sin(np.radians(30))
        x, y = cos * u - sin * 3 * v, sin * u + cos * 3 * v + 0.25
        expected = (2 * x + 0.5, 2 * y)
        c, s_ = np.cos(t.uv_rotation), np.sin(t.uv_rotation)
        a, b = u * t.uv_scale[0], v * t.uv_scale[1]
        assert (c * a - s_ * b + t.uv_translation[0], s_ * a + c * b + t.uv_translation[1]) == pytest.approx(
            expected
        )


def test_decomposition_gives_the_map_back() -> None:
    rng = np.random.default_rng(4)
    for _ in range(200):
        scale, turn, shift = rng.uniform(-3, 3, 2), rng.uniform(-3, 3), rng.uniform(-2, 2, 2)
        affine = transform(tuple(scale), turn, tuple(shift))
        got_scale, got_turn, got_shift, exact = decompose(affine)
        assert exact
        assert np.allclose(transform(got_scale, got_turn, got_shift), affine)
    sheared = compose(((1, 0, 0), (0, 3, 0)), transform((1.0, 1.0), 0.5, (0.0, 0.0)))
    assert not decompose(sheared)[3]


@pytest.mark.parametrize(
    ("kind", "value_type", "value", "name", "type_", "field", "expected"),
    [
        ("float", "float", "0.25", "roughness", "float", "roughness", 0.25),
        ("int", "int", "1", "metallic", "float", "metallic", 1.0),
        ("float3", "float3", "(0.25, 0.5, 1)", "diffuseColor", "color3f", "diffuse_color", (0.25, 0.5, 1.0)),
        ("float4", "float4", "(0.25, 0.5, 1, 0.5)", "diffuseColor", "color3f", "diffuse_color", (0.25, 0.5, 1.0)),
        ("normal", "normal3f", "(0.5, 0.5, 1)", "emissiveColor", "color3f", "emissive_color", (0.5, 0.5, 1.0)),
        ("point", "point3f", "(2, 3, 4)", "emissiveColor", "color3f", "emissive_color", (2.0, 3.0, 4.0)),
        ("vector", "vector3f", "(1, 0, 1)", "specularColor", "color3f", "specular_color", (1.0, 0.0, 1.0)),
        ("matrix", "matrix4d", "((0.5, 0.25, 0.125, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1))", "diffuseColor",
         "color3f", "diffuse_color", (0.5, 0.25, 0.125)),
    ],
)  # fmt: skip
def test_primvar_readers_give_each_gprim_its_value(
    read_text: Any,
    usda: Any,
    kind: str,
    value_type: str,
    value: str,
    name: str,
    type_: str,
    field: str,
    expected: Any,
) -> None:
    body = usda.material(
        usda.shader("S", "UsdPreviewSurface", f"{type_} inputs:{name}.connect = </M/R.outputs:result>"),
        usda.shader("R", f"UsdPrimvarReader_{kind}", 'string inputs:varname = "mine"'),
    )
    body += usda.mesh("C", extra=f"{value_type} primvars:mine = {value}") + usda.mesh("D")
    s = read_text(body)
    worn = {s.prims.path[p]: s.materials[s.material_sets[k][0]] for p, k in
            zip(s.instances.prim, s.instances.material_set, strict=True)}  # fmt: skip
    assert getattr(worn["/C"], field) == pytest.approx(expected)
    assert worn["/D"] == Material("/M")  # no primvar and no fallback: the input's default
    assert codes(s) == []


def test_a_string_primvar_names_the_texture(read_text: Any, usda: Any, tmp_path: Path) -> None:
    picture(tmp_path / "a.png", (1, 2, 3))
    picture(tmp_path / "b.png", (4, 5, 6))
    body = usda.material(
        usda.shader("S", "UsdPreviewSurface", "color3f inputs:diffuseColor.connect = </M/T.outputs:rgb>"),
        usda.shader("T", "UsdUVTexture", "asset inputs:file.connect = </M/R.outputs:result>"),
        usda.shader("R", "UsdPrimvarReader_string", 'string inputs:varname = "picture"'),
    )
    body += usda.mesh("C", extra='string primvars:picture = "./a.png"')
    body += usda.mesh("D", extra='string primvars:picture = "./b.png"')
    s = read_text(body)
    used = [
        s.textures[s.materials[s.material_sets[k][0]].textures[0][1].texture].path[-5:]
        for k in s.instances.material_set
    ]
    assert used == ["a.png", "b.png"]


COLOR_READER = 'string inputs:varname = "displayColor"'


def test_varying_display_colour_reaches_the_vertices(read_text: Any, usda: Any) -> None:
    body = usda.material(
        usda.shader("S", "UsdPreviewSurface", "color3f inputs:diffuseColor.connect = </M/R.outputs:result>"),
        usda.shader("R", "UsdPrimvarReader_float3", COLOR_READER),
    )
    colors = 'color3f[] primvars:displayColor = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)] (interpolation = "vertex")'
    s = read_text(body + usda.mesh(extra=colors))
    assert only(s).vertex_color and s.prototypes[0].color is not None
    assert only(s).diffuse_color == pytest.approx((0.5, 0.5, 0.5))
    assert codes(s) == []


def test_other_varying_primvars_give_their_mean_and_are_told(read_text: Any, usda: Any) -> None:
    body = usda.material(
        usda.shader("S", "UsdPreviewSurface", "float inputs:roughness.connect = </M/R.outputs:result>"),
        usda.shader("R", "UsdPrimvarReader_float", 'string inputs:varname = "wear"'),
    )
    s = read_text(
        body + usda.mesh(extra='float[] primvars:wear = [0, 0.25, 0.5, 1] (interpolation = "vertex")')
    )
    assert only(s).roughness == pytest.approx(0.4375)
    assert codes(s) == ["material.varying"]


def test_display_opacity_per_vertex_is_its_mean(read_text: Any) -> None:
    s = read_text(
        'def Sphere "S" { color3f[] primvars:displayColor = [(1, 0, 0)]\n'
        ' float[] primvars:displayOpacity = [0, 1, 0.5, 0.5] (interpolation = "vertex")\n}\n'
    )
    assert only(s) == Material("", diffuse_color=(1, 0, 0), opacity=0.5)
    assert codes(s) == ["primvar.varying"]


def test_a_second_uv_set_becomes_a_mean_and_is_told(read_text: Any, usda: Any, tmp_path: Path) -> None:
    picture(tmp_path / "t.png", (51, 51, 51))
    body = usda.preview(
        "color3f inputs:diffuseColor.connect = </M/T.outputs:rgb>", "float inputs:roughness.connect = </M/U.outputs:r>",
        rest=usda.shader("T", "UsdUVTexture", FILE)
        + usda.shader("U", "UsdUVTexture", FILE, 'token inputs:sourceColorSpace = "raw"',
                      "float2 inputs:st.connect = </M/R.outputs:result>")
        + usda.shader("R", "UsdPrimvarReader_float2", 'string inputs:varname = "st2"'),
    )  # fmt: skip
    s = read_text(body)
    assert [name for name, _ in only(s).textures] == ["diffuseColor"]
    assert only(s).roughness == pytest.approx(0.2)
    assert codes(s) == ["primvar.several-uv"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (lambda u: u.preview("float inputs:roughness.connect = </M/A.outputs:out>",
            rest=u.shader("A", "ND_add_float", "float inputs:in1.connect = </M/B.outputs:out>")
            + u.shader("B", "ND_add_float", "float inputs:in1.connect = </M/A.outputs:out>")), "material.network"),
        (lambda u: u.preview("float inputs:roughness.connect = </M/A.outputs:out>", rest=u.shader("A", "Nobody")),
         "material.node"),
        (lambda u: u.preview("float inputs:roughness.connect = </M/A.outputs:out>",
            rest='def Shader "A" { float outputs:out\n}\n'), "material.node"),
        (lambda u: u.preview('string inputs:roughness = "rough"'), "material.type"),
        (lambda u: u.preview("color3f inputs:diffuseColor.connect = </M/T.outputs:rgb>",
            rest=u.shader("T", "UsdUVTexture", "float inputs:file = 3")), "material.type"),
        (lambda u: u.material(u.shader("S", "Nobody")) + u.mesh(), "material.shader"),
        (lambda u: 'def Material "M" {}\n' + u.mesh(), "material.no-surface"),
        (lambda u: u.material(u.shader("S", "PxrDisney"), context="ri:") + u.mesh(), "material.no-surface"),
        (lambda u: u.preview("float inputs:roughness.connect = </M/R.outputs:result>",
            rest=u.shader("R", "UsdPrimvarReader_float2")), "material.type"),
    ],
)  # fmt: skip
def test_malformed_networks_are_told_and_keep_the_default(
    read_text: Any, usda: Any, body: Any, code: str
) -> None:
    s = read_text(body(usda))
    assert only(s).roughness in (0.5, 0.0)
    assert codes(s) == [code]


def test_a_loop_through_interface_inputs_ends(read_text: Any, usda: Any) -> None:
    body = usda.preview(
        "float inputs:roughness.connect = </M.inputs:a>",
        lines_of_material="float inputs:a.connect = </M.inputs:b>\nfloat inputs:b.connect = </M.inputs:a>",
    )
    s = read_text(body)
    assert only(s).roughness == 0.5 and codes(s) == ["material.network"]


def test_a_chain_beyond_the_limit_is_cut(read_text: Any, usda: Any) -> None:
    nodes = "".join(
        usda.shader(
            f"N{i}",
            "ND_add_float",
            f"float inputs:in1.connect = </M/N{i + 1}.outputs:out>",
            "float inputs:in2 = 0.001",
        )
        for i in range(500)
    )
    s = read_text(usda.preview("float inputs:roughness.connect = </M/N0.outputs:out>", rest=nodes))
    assert only(s).roughness == pytest.approx(0.06)
    assert codes(s) == ["material.network"]


def test_node_graphs_and_interface_inputs(read_text: Any, usda: Any) -> None:
    graph = (
        'def NodeGraph "G" { float inputs:x = 0.125\n float outputs:y.connect = </M/G/A.outputs:out>\n'
        + usda.shader(
            "A", "ND_multiply_float", "float inputs:in1.connect = </M/G.inputs:x>", "float inputs:in2 = 4"
        )
        + "}\n"
    )
    m = only(read_text(usda.preview("float inputs:roughness.connect = </M/G.outputs:y>", rest=graph)))
    assert m.roughness == 0.5 and m.metallic == 0.0
    graph = graph.replace("inputs:x = 0.125", "inputs:x.connect = </M.inputs:gain>")
    body = usda.preview(
        "float inputs:metallic.connect = </M/G.outputs:y>",
        rest=graph,
        lines_of_material="float inputs:gain = 0.25",
    )
    assert only(read_text(body)).metallic == 1.0


def test_numbers_that_are_none_do_no_harm(read_text: Any, usda: Any) -> None:
    m = only(
        read_text(
            usda.preview("float inputs:roughness = nan", "color3f inputs:emissiveColor = (inf, -inf, 1)")
        )
    )
    assert m.roughness == 0.0 and m.emissive_color == (1e6, -1e6, 1.0)
