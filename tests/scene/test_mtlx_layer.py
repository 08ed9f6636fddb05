"""`.mtlx` documents as USD layers: MaterialX's own document API is the oracle; hostile files end in findings."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twinstage.base.finding import Finding
from twinstage.scene.asset_paths import AllowedFolders
from twinstage.scene.mtlx.layer import mtlx_layer_text
from twinstage.scene.read import read_snapshot
from twinstage.scene.snapshot import Material, Snapshot
from twinstage.scene.stage import open_stage

HEAD = '<?xml version="1.0"?>\n<materialx version="1.39" xmlns:xi="http://www.w3.org/2001/XInclude"{0}>\n'
RED = (
    '<standard_surface name="SR" type="surfaceshader"><input name="base_color" type="color3" value="1, 0, 0"/>'
    '<input name="base" type="float" value="0.5"/></standard_surface>\n'
    '<surfacematerial name="Red" type="material"><input name="surfaceshader" type="surfaceshader" nodename="SR"/>'
    "</surfacematerial>\n"
)


def layer(path: Path, text: str = RED, attributes: str = "") -> tuple[Any, list[Finding]]:
    """The layer of a document written to that path."""
    from pxr import Sdf

    path.write_text(HEAD.format(attributes) + text + "</materialx>\n")
    return imported(path, AllowedFolders(path, [])) if Sdf else (None, [])


def imported(path: Path, allowed: AllowedFolders) -> tuple[Any, list[Finding]]:
    from pxr import Sdf

    text, findings = mtlx_layer_text(str(path), allowed)
    out = Sdf.Layer.CreateAnonymous(".usda")
    assert out.ImportFromString(text)
    return out, findings


def compose(source: Path, target: Path) -> Snapshot:
    """The snapshot of a stage whose `.mtlx` arcs point at layers of ours: in memory, then flattened to a file."""
    from pxr import Sdf, Usd

    allowed, kept = AllowedFolders(source, []), []

    def rewrite(path: str) -> Any:
        found = Sdf.Layer.OpenAsAnonymous(path)
        kept.append(found)
        for name in found.GetCompositionAssetDependencies():
            absolute = os.path.normpath(os.path.join(os.path.dirname(path), name))
            if name.endswith(".mtlx"):
                made, findings = imported(Path(absolute), allowed)
                assert findings == []
                kept.append(made)
                found.UpdateCompositionAssetDependency(name, made.identifier)
            elif os.path.exists(absolute):
                found.UpdateCompositionAssetDependency(name, rewrite(absolute).identifier)
        return found

    stage = Usd.Stage.Open(rewrite(str(source)))
    assert stage
    flat = stage.Flatten()
    for (
        prim
    ) in stage.TraverseAll():  # what an anonymous layer held relative is lost; the tests need no other images
        for attribute in prim.GetAttributes():
            if (
                str(attribute.GetTypeName()) == "asset"
                and attribute.Get()
                and not os.path.isabs(attribute.Get().path)
            ):
                flat.GetAttributeAtPath(attribute.GetPath()).ClearDefaultValue()
    flat.Export(str(target))
    return read_snapshot(open_stage(target, asset_roots=[source.parent], probe=False))


def test_layout_is_that_of_usd_mtlx(tmp_path: Path) -> None:
    from pxr import Usd, UsdShade

    made, findings = layer(tmp_path / "a.mtlx")
    assert findings == []
    stage = Usd.Stage.Open(made)
    shader_path = "/MaterialX/Materials/Red/ND_standard_surface_surfaceshader"
    material = UsdShade.Material(stage.GetPrimAtPath("/MaterialX/Materials/Red"))
    assert material.GetPrim().GetTypeName() == "Material"
    shader, _, _ = material.ComputeSurfaceSource("mtlx")
    assert str(shader.GetPath()) == shader_path
    assert shader.GetShaderId() == "ND_standard_surface_surfaceshader"
    assert material.GetInput("base_color").Get() == (1, 0, 0)
    source = shader.GetInput("base_color").GetConnectedSources()[0][0]
    assert source.source.GetPath() == material.GetPath() and source.sourceName == "base_color"
    assert [str(p.GetName()) for p in stage.GetPrimAtPath("/MaterialX").GetChildren()] == [
        "Materials",
        "NodeGraphs",
        "Shaders",
    ]
    assert not stage.GetCompositionErrors()


MTLX_FILES = [
    "features/pixar/geomsubsets/looks.mtlx",
    "features/pixar/mtlx/mtlxFiles/colorspaces.mtlx",
    "features/pixar/mtlx/mtlxFiles/glass.mtlx",
    "features/pixar/mtlx/mtlxFiles/standard_surface_default.mtlx",
    "features/pixar/mtlx/mtlxFiles/standard_surface_marble_nodes.mtlx",
    "features/pixar/mtlx/mtlxFiles/standard_surface_nodes.mtlx",
    "features/pixar/mtlx/mtlxFiles/usd_preview_surface_nodes.mtlx",
    "features/usdwg/TextureCoordinateTest/TextureCoordinateTest.mtlx",
    *(f"full/StandardShaderBall/example_materials/{name}{kind}.mtlx"
      for name in ("bubblegum", "glass", "gold", "plastic") for kind in ("", "_openpbr")),
]  # fmt: skip


@pytest.mark.parametrize("name", MTLX_FILES)
def test_real_documents_hold_what_materialx_reads(shared: Path, name: str) -> None:
    """Each material, its shader's id, each authored value and each connection of the shader, by MaterialX's API."""
    import MaterialX as mx
    from pxr import Usd, UsdShade

    path = shared / "assets" / name
    made, findings = imported(path, AllowedFolders(path, []))
    assert findings == []
    stage = Usd.Stage.Open(made)
    document, library = mx.createDocument(), mx.createDocument()
    mx.loadLibraries(mx.getDefaultDataLibraryFolders(), mx.getDefaultDataSearchPath(), library)
    mx.readFromXmlFile(document, str(path))
    document.setDataLibrary(library)
    names = [node.getName() for node in document.getMaterialNodes()]
    assert [p.GetName() for p in stage.GetPrimAtPath("/MaterialX/Materials").GetChildren()] == names
    for node in document.getMaterialNodes():
        material = UsdShade.Material(stage.GetPrimAtPath(f"/MaterialX/Materials/{node.getName()}"))
        shader, _, _ = material.ComputeSurfaceSource("mtlx")
        (want,) = mx.getShaderNodes(node)
        assert shader.GetShaderId() == want.getNodeDef().getName()
        for port in want.getInputs():
            got = UsdShade.Utils.GetValueProducingAttributes(shader.GetInput(port.getName()))
            if port.getConnectedOutput() is not None:
                producer = port.getConnectedOutput().getConnectedNode()
                assert UsdShade.Output.IsOutput(got[0])
                assert UsdShade.Shader(got[0].GetPrim()).GetShaderId() == producer.getNodeDef().getName()
            elif port.getType() in ("float", "color3"):
                value = got[0].Get()
                flat = [value] if port.getType() == "float" else list(value)
                want_value = port.getValue()
                assert flat == pytest.approx(
                    [want_value] if isinstance(want_value, float) else list(want_value), abs=1e-6
                )
    assert not stage.GetCompositionErrors()


def by_name(s: Snapshot) -> dict[str, Material]:
    return {m.path.rsplit("/", 1)[-1]: m for m in s.materials}


def test_references_of_real_stages_compose(shared: Path, tmp_path: Path) -> None:
    s = compose(shared / "assets/features/pixar/mtlx/standardSurface.usda", tmp_path / "flat.usda")
    looks = by_name(s)
    gold, paint = looks["Gold"], looks["Car_Paint"]
    assert gold.diffuse_color == pytest.approx((0.944, 0.776, 0.373))
    assert (gold.metallic, gold.roughness) == pytest.approx((1.0, 0.2))
    assert paint.diffuse_color == pytest.approx((0.1037792 / 2, 0.59212029 / 2, 0.85064936 / 2))
    assert (paint.clearcoat, paint.clearcoat_roughness, paint.roughness) == pytest.approx((1.0, 0.0, 0.4))


def test_colour_spaces_of_a_document(shared: Path, tmp_path: Path) -> None:
    looks = by_name(compose(shared / "assets/features/pixar/mtlx/mxColorspaces.usda", tmp_path / "flat.usda"))
    encoded = (0.96467984, 0.37626296, 0.25818297)
    linear = [((c + 0.055) / 1.055) ** 2.4 for c in encoded]
    assert looks["Copper_linRec709"].diffuse_color == pytest.approx([0.25 * c for c in encoded], abs=1e-5)
    assert looks["Copper_srgb2"].diffuse_color == pytest.approx([0.25 * c for c in linear], abs=1e-4)
    assert looks["Copper_srgb1"].diffuse_color == pytest.approx(looks["Copper_srgb2"].diffuse_color)


def test_primvars_of_subsets_and_materials(shared: Path, tmp_path: Path) -> None:
    """Pixar's own file says: when all is right, the whole ball is 50 % grey."""
    s = compose(shared / "assets/features/pixar/geomsubsets/primvars.usda", tmp_path / "flat.usda")
    looks = by_name(s)
    assert looks["USD_Test"].diffuse_color == looks["Gray"].diffuse_color == (0.5, 0.5, 0.5)


def test_procedural_nodes_are_named(shared: Path, tmp_path: Path) -> None:
    s = compose(shared / "assets/features/pixar/mtlx/standardSurfaceMarble.usda", tmp_path / "flat.usda")
    told = [f for f in s.findings if f.code == "material.procedural"]
    assert any("noise (fractal3d_float) differs from place to place" in f.message for f in told)
    # With noise and position at their means: mix(0.8, (0.1, 0.1, 0.3), 0.5 ** 3), then 40 % of it below the surface.
    assert by_name(s)["Blue_Marble"].diffuse_color == pytest.approx((0.7125, 0.7125, 0.7375))


def test_a_node_that_the_document_defines_itself(
    tmp_path: Path, read_text: Callable[..., Snapshot], usda: Any
) -> None:
    own = (
        '<nodedef name="ND_twice" node="twice"><input name="in" type="float" value="0.1"/>'
        '<output name="out" type="float"/></nodedef>\n'
        '<nodegraph name="NG_twice" nodedef="ND_twice"><multiply name="m" type="float">'
        '<input name="in1" type="float" interfacename="in"/><input name="in2" type="float" value="2"/></multiply>'
        '<output name="out" type="float" nodename="m"/></nodegraph>\n'
        '<nodegraph name="NG"><twice name="t" type="float"><input name="in" type="float" value="0.375"/></twice>'
        '<output name="o" type="float" nodename="t"/></nodegraph>\n'
        '<standard_surface name="SR" type="surfaceshader"><input name="specular_roughness" type="float" nodegraph="NG" '
        'output="o"/></standard_surface>\n'
        '<surfacematerial name="Own" type="material"><input name="surfaceshader" type="surfaceshader" nodename="SR"/>'
        "</surfacematerial>\n"
    )
    made, findings = layer(tmp_path / "own.mtlx", own)
    assert findings == []
    made.Export(str(tmp_path / "own.usda"))
    s = read_text(
        'def "X" (references = @./own.usda@</MaterialX>) {}\n' + usda.mesh(material="/X/Materials/Own")
    )
    assert s.materials[0].roughness == pytest.approx(0.75)


def test_nodes_outside_any_graph(tmp_path: Path, read_text: Callable[..., Snapshot], usda: Any) -> None:
    loose = (
        '<constant name="c" type="color3"><input name="value" type="color3" value="0.25, 0.5, 0.75"/></constant>\n'
        '<standard_surface name="SR" type="surfaceshader"><input name="base_color" type="color3" nodename="c"/>'
        "</standard_surface>\n"
        '<surfacematerial name="L" type="material"><input name="surfaceshader" type="surfaceshader" nodename="SR"/>'
        "</surfacematerial>\n"
    )
    made, findings = layer(tmp_path / "l.mtlx", loose)
    assert findings == []
    made.Export(str(tmp_path / "l.usda"))
    s = read_text('def "X" (references = @./l.usda@</MaterialX>) {}\n' + usda.mesh(material="/X/Materials/L"))
    assert s.materials[0].diffuse_color == pytest.approx((0.25, 0.5, 0.75))


def test_file_names_become_absolute_and_stay_below_the_roots(tmp_path: Path) -> None:
    text = (
        '<nodegraph name="NG" fileprefix="tex/"><image name="i" type="color3" colorspace="srgb_texture">'
        '<input name="file" type="filename" value="a.png"/></image>'
        '<image name="j" type="color3"><input name="file" type="filename" value="../../../b.png"/></image>'
        '<image name="k" type="color3"><input name="file" type="filename" value="https://x.y/z.png"/></image></nodegraph>\n'
    )
    made, findings = layer(tmp_path / "a.mtlx", text)
    attribute = made.GetAttributeAtPath("/MaterialX/NodeGraphs/NG/i.inputs:file")
    assert attribute.default.path == str(tmp_path / "tex/a.png")
    assert attribute.colorSpace == "srgb_texture"
    for name in ("j", "k"):
        assert made.GetAttributeAtPath(f"/MaterialX/NodeGraphs/NG/{name}.inputs:file").default.path == ""
    assert [f.code for f in findings] == ["material.mtlx"] * 2


class TestIncludes:
    def test_included_below_the_root(self, tmp_path: Path) -> None:
        (tmp_path / "lib").mkdir()
        (tmp_path / "lib/b.mtlx").write_text(HEAD.format("") + RED + "</materialx>")
        made, findings = layer(tmp_path / "a.mtlx", '<xi:include href="lib/b.mtlx"/>\n')
        assert findings == [] and made.GetPrimAtPath("/MaterialX/Materials/Red")

    def test_names_of_included_files_are_beside_the_included_file(self, tmp_path: Path) -> None:
        (tmp_path / "lib").mkdir()
        image = '<image name="i" type="color3"><input name="file" type="filename" value="a.png"/></image>'
        (tmp_path / "lib/b.mtlx").write_text(
            HEAD.format("") + f'<nodegraph name="NG">{image}</nodegraph></materialx>'
        )
        made, _ = layer(tmp_path / "a.mtlx", '<xi:include href="lib/b.mtlx"/>\n')
        assert made.GetAttributeAtPath("/MaterialX/NodeGraphs/NG/i.inputs:file").default.path == str(
            tmp_path / "lib/a.png"
        )

    @pytest.mark.parametrize(
        "href", ["../out.mtlx", "{absolute}", "link.mtlx", "none.mtlx", "https://x.y/z.mtlx", "a.mtlx"]
    )
    def test_not_included(self, tmp_path: Path, href: str) -> None:
        home = tmp_path / "home"
        home.mkdir()
        (tmp_path / "out.mtlx").write_text(HEAD.format("") + RED + "</materialx>")
        (home / "link.mtlx").symlink_to(tmp_path / "out.mtlx")
        href = href.format(absolute=tmp_path / "out.mtlx")
        made, findings = layer(home / "a.mtlx", f'<xi:include href="{href}"/>\n')
        assert made.GetPrimAtPath("/MaterialX/Materials/Red") is None
        assert [f.code for f in findings] == ["material.mtlx"]

    def test_a_circle_ends(self, tmp_path: Path) -> None:
        (tmp_path / "b.mtlx").write_text(
            HEAD.format("") + '<xi:include href="a.mtlx"/>' + RED + "</materialx>"
        )
        made, findings = layer(tmp_path / "a.mtlx", '<xi:include href="b.mtlx"/>\n')
        assert made.GetPrimAtPath("/MaterialX/Materials/Red")
        assert [f.message for f in findings if "includes itself" in f.message]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no well-formed XML"),
        ("<materialx", "no well-formed XML"),
        ("<html></html>", ""),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><materialx version='1.39'>&a;</materialx>", "XML entities"),
        ("<materialx version='1.39'>" + "<a>" * 60_000 + "</a>" * 60_000 + "</materialx>", "nests elements"),
        ("<materialx version='1.39'>" + "<a/>" * 300_000 + "</materialx>", "elements"),
        ("<?xml version='1.0' encoding='nonsense'?><materialx version='1.39'/>", ""),
    ],
)
def test_bad_documents_give_an_empty_layer_and_a_finding(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bad.mtlx"
    path.write_text(text)
    made, findings = imported(path, AllowedFolders(path, []))
    assert made.GetPrimAtPath("/MaterialX") and not made.GetPrimAtPath("/MaterialX/Materials/Red")
    if words:
        assert len(findings) == 1 and words in findings[0].message


def test_a_file_that_is_not_there_or_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, findings = imported(tmp_path / "none.mtlx", AllowedFolders(tmp_path / "s.usda", []))
    assert "is not found" in findings[0].message
    monkeypatch.setattr("twinstage.scene.mtlx.document.MAX_BYTES", 10)
    _, findings = layer(tmp_path / "a.mtlx")
    assert "is larger than" in findings[0].message


def test_graphs_that_contain_each_other_end(tmp_path: Path) -> None:
    text = "".join(
        f'<nodedef name="ND_{a}" node="{a}"><output name="out" type="float"/></nodedef>'
        f'<nodegraph name="NG_{a}" nodedef="ND_{a}"><{b} name="n" type="float"/>'
        f'<output name="out" type="float" nodename="n"/></nodegraph>'
        for a, b in (("one", "two"), ("two", "one"))
    )
    made, findings = layer(tmp_path / "a.mtlx", text)
    assert any("contains itself" in f.message for f in findings)
    from pxr import Usd

    assert not Usd.Stage.Open(made).GetCompositionErrors()


def test_few_lines_that_mean_billions_of_nodes_are_cut(tmp_path: Path) -> None:
    """Forty definitions, each of two nodes of the next: 2^40 nodes."""
    from pxr import Usd

    text = "".join(
        f'<nodedef name="ND_n{i}" node="n{i}"><output name="out" type="float"/></nodedef>'
        f'<nodegraph name="NG_n{i}" nodedef="ND_n{i}"><n{i + 1} name="a" type="float"/><n{i + 1} name="b" type="float"/>'
        f'<output name="out" type="float" nodename="a"/></nodegraph>'
        for i in range(40)
    )
    made, findings = layer(tmp_path / "a.mtlx", text)
    assert any("stand for more than" in f.message for f in findings)
    assert len(list(Usd.Stage.Open(made).Traverse())) < 400_000


def test_inside_a_package(tmp_path: Path) -> None:
    from pxr import Sdf

    (tmp_path / "m").mkdir()
    (tmp_path / "m/a.mtlx").write_text(HEAD.format("") + RED + "</materialx>")
    package = tmp_path / "p.usdz"
    with Sdf.ZipFileWriter.CreateNew(str(package)) as writer:
        writer.AddFile(str(tmp_path / "m/a.mtlx"), "m/a.mtlx")
    made, findings = imported(Path(f"{package}[m/a.mtlx]"), AllowedFolders(package, []))
    assert findings == [] and made.GetPrimAtPath("/MaterialX/Materials/Red")


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(st.data())
def test_damaged_documents_never_raise(shared: Path, tmp_path: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(MTLX_FILES))
    content = bytearray((shared / "assets" / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 12))):
        at = data.draw(st.integers(0, len(content) - 1))
        piece = data.draw(
            st.sampled_from([b"", b"\0", b"<", b'"', b"nodename", b"NG", b"../", b"\xff", b"1e999", b"type"])
        )
        content[at : at + data.draw(st.integers(0, 6))] = piece
    path = tmp_path / "m.mtlx"
    path.write_bytes(bytes(content))
    imported(path, AllowedFolders(path, []))


def test_the_same_bytes_each_time(tmp_path: Path) -> None:
    path = tmp_path / "a.mtlx"
    path.write_text(HEAD.format("") + RED + "</materialx>")
    allowed = AllowedFolders(path, [])
    assert mtlx_layer_text(str(path), allowed) == mtlx_layer_text(str(path), allowed)
