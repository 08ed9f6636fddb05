"""Nothing outside is opened, by whatever arc; what is inside stays; files are never changed."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from twinstage.base.finding import Finding
from twinstage.scene.asset_paths import AllowedFolders
from twinstage.scene.read import read_snapshot
from twinstage.scene.safe.screen import screen
from twinstage.scene.stage import OpenedStage, open_stage

Opens = Callable[..., OpenedStage]
OK = 'def Cube "Ok" {\n}\n'
CLIP = (
    'def Xform "A" (clips = {{ dictionary d = {{ {} double2[] active = [(0, 0)]\n double2[] times = [(0, 0), (9, 9)]\n'
    ' string primPath = "/P" }} }}) {{\n double3 xformOp:translate\n uniform token[] xformOpOrder = ["xformOp:translate"]\n}}\n'
)
TEMPLATE = (
    'string templateAssetPath = "{}"\n double templateStartTime = 1\n double templateEndTime = 2\n'
    " double templateStride = 1\n"
)

ARCS = {
    "sublayer": "(\n subLayers = [@../outside/part.usda@]\n)\n" + OK,
    "reference": OK + 'def "A" (references = @../outside/part.usda@) {\n}\n',
    "payload": OK + 'def "A" (append payload = @../outside/part.usda@</P>) {\n}\n',
    "absolute": OK + 'def "A" (references = @{outside}/part.usda@) {\n}\n',
    "twice up": OK + 'def "A" (references = @./x/../../outside/part.usda@) {\n}\n',
    "link to file": OK + 'def "A" (references = @./link.usda@) {\n}\n',
    "link to folder": OK + 'def "A" (references = @./links/part.usda@) {\n}\n',
    "working folder": OK + 'def "A" (references = @part.usda@) {\n}\n',
    "format arguments": OK + 'def "A" (references = @../outside/part.usda:SDF_FORMAT_ARGS:a=b@) {\n}\n',
    "proc": OK + 'def "A" (references = @/proc/self/root{outside}/part.usda@) {\n}\n',
    "other variant": OK
    + 'def "A" (variants = { string v = "b" }\n prepend variantSets = "v") {\n variantSet "v" = {\n'
    '  "a" (references = @../outside/part.usda@) {\n  }\n  "b" {\n  }\n }\n}\n',
    "second layer": OK + 'def "A" (references = @./inner.usda@) {\n}\n',
    "expression": '(\n expressionVariables = {\n string D = "../outside"\n }\n)\n'
    + OK
    + 'def "A" (references = @`"${D}/part.usda"`@) {\n}\n',
    "expression through values": '(\n expressionVariables = {\n string D = \'`"../${E}"`\'\n string E = "outside"\n }\n)\n'
    + OK
    + 'def "A" (references = @`"${D}/part.usda"`@) {\n}\n',
    "expression in another layer": '(\n expressionVariables = {\n string D = "../outside"\n }\n)\n'
    + OK
    + 'def "A" (references = @./asks.usda@</A>) {\n}\n',
    "expression in a sublayer": "(\n expressionVariables = {\n bool D = true\n }\n"
    ' subLayers = [@`if(${D}, "../outside/part.usda", "x.usda")`@]\n)\n' + OK,
    "root layer's folder by a plain name": OK + 'def "A" (references = @./x/plain.usda@) {\n}\n',
    "clip": OK + CLIP.format("asset[] assetPaths = [@../outside/part.usda@]\n"),
    "clip manifest": OK
    + CLIP.format(
        "asset manifestAssetPath = @../outside/part.usda@\n asset[] assetPaths = [@./none.usda@]\n"
    ),
    "clip template": OK + CLIP.format(TEMPLATE.format("../outside/part.#.usda")),
    "clip template by link": OK + CLIP.format(TEMPLATE.format("./links/part.#.usda")),
    "clip template beside the root layer": OK + 'def "A" (references = @./x/clipped.usda@</A>) {\n}\n',
    "clip template in the working folder": OK + CLIP.format(TEMPLATE.format("part.#.usda")),
}


@pytest.fixture
def secrets(yard: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Files outside, links to them, layers in between; the working folder is the one outside."""
    for name in ("part.usda", "part.1.usda", "part.2.usda"):
        yard.secret(name)
    (yard.scene / "link.usda").symlink_to(yard.outside / "part.usda")
    (yard.scene / "links").symlink_to(yard.outside)
    (yard.scene / "x").mkdir()
    yard.write('(\n defaultPrim = "I"\n)\ndef "I" (payload = @../outside/part.usda@) {\n}\n', "inner.usda")
    yard.write('def "A" (references = @`"${D}/part.usda"`@) {\n}\n', "asks.usda")
    yard.write(CLIP.format(TEMPLATE.format("links/part.#.usda")), "x/clipped.usda")
    yard.write('(\n defaultPrim = "I"\n)\ndef "I" (references = @link.usda@) {\n}\n', "x/plain.usda")
    monkeypatch.chdir(yard.outside)
    return yard


def text_of(arc: str, yard: Any) -> str:
    return ARCS[arc].replace("{outside}", str(yard.outside))


@pytest.mark.parametrize("arc", sorted(ARCS))
def test_no_arc_leads_out(secrets: Any, opens: Opens, arc: str) -> None:
    opened = opens(text_of(arc, secrets))
    for time in (None, 1.0):
        read_snapshot(opened, time)
    for variant in ("a", "b"):  # variants that were not selected, too
        prim = opened.stage.GetPrimAtPath("/A")
        if prim and prim.GetVariantSets().HasVariantSet("v"):
            prim.GetVariantSet("v").SetVariantSelection(variant)
    assert secrets.opened() == set()
    assert opened.stage.GetPrimAtPath("/Ok")
    told = [f for f in opened.findings if f.code == "asset.outside-root"]
    assert told
    assert "--asset-root" in told[0].message


@pytest.mark.parametrize("arc", sorted(ARCS))
def test_each_arc_would_lead_out(secrets: Any, arc: str) -> None:
    """The control: without the screen the USD library opens a file outside, or knows of it at least."""
    from pxr import Usd

    stage = Usd.Stage.Open(str(secrets.write(text_of(arc, secrets))))
    prim = stage.GetPrimAtPath("/A")
    if prim and prim.GetVariantSets().HasVariantSet("v"):
        prim.GetVariantSet("v").SetVariantSelection("a")
    if prim and prim.GetAttribute("xformOp:translate"):
        prim.GetAttribute("xformOp:translate").Get(1.0)
    assert secrets.opened()


def test_what_is_inside_is_kept_beside_what_is_not(secrets: Any, opens: Opens) -> None:
    secrets.write('(\n defaultPrim = "P"\n)\ndef Xform "P" {\n def Sphere "Mine" {\n }\n}\n', "mine.usda")
    opened = opens('def "A" (prepend references = [@../outside/part.usda@, @./mine.usda@]) {\n}\n')
    assert opened.stage.GetPrimAtPath("/A/Mine")
    assert not opened.stage.GetPrimAtPath("/A/C")


def test_expression_inside_is_followed(yard: Any, opens: Opens) -> None:
    yard.write('(\n defaultPrim = "P"\n)\ndef Xform "P" {\n def Sphere "Mine" {\n }\n}\n', "parts/b.usda")
    text = '(\n expressionVariables = {\n string W = "b"\n }\n)\ndef "A" (references = @`"./parts/${W}.usda"`@) {\n}\n'
    opened = opens(text)
    assert opened.stage.GetPrimAtPath("/A/Mine")
    assert not [f for f in opened.findings if f.severity == "error"]


def test_too_many_values_are_refused(yard: Any, opens: Opens) -> None:
    names = [f"V{i}" for i in range(14)]
    variables = "\n".join(f'string {name} = "a"' for name in names)
    path = "".join(f"${{{name}}}" for name in names)
    opened = opens(
        f'(\n expressionVariables = {{\n{variables}\n }}\n)\n{OK}def "A" (references = @`"{path}.usda"`@) {{\n}}\n'
    )
    assert [f.code for f in opened.findings if f.severity == "error"] == ["asset.expression"]


def test_attribute_values_and_metadata_lose_what_is_outside(yard: Any, opens: Opens) -> None:
    yard.secret("secret.png", "x")
    opened = opens(
        'def Shader "S" (assetInfo = { asset identifier = @../outside/secret.png@ }) {\n'
        " asset a = @../outside/secret.png@\n asset[] b = [@../outside/secret.png@, @./mine.png@]\n"
        " asset c.timeSamples = { 1: @../outside/secret.png@, 2: @./mine.png@ }\n}\n"
    )
    prim = opened.stage.GetPrimAtPath("/S")
    assert prim.GetAttribute("a").Get().path == ""
    assert [p.path for p in prim.GetAttribute("b").Get()] == ["", "./mine.png"]
    assert prim.GetAttribute("c").Get(1).path == ""
    assert prim.GetAttribute("c").Get(2).path == "./mine.png"
    assert not prim.GetAssetInfo()
    assert {f.path for f in opened.findings if f.code == "asset.outside-root"} == {
        "/S",
        "/S.a",
        "/S.b",
        "/S.c",
    }
    assert yard.opened() == set()


@pytest.mark.parametrize(
    "path", ["https://example.invalid/a.usda", "file:///etc/x.usda", "anon:0x1:live.usda"]
)
def test_addresses_and_layers_in_memory_are_named(opens: Opens, path: str) -> None:
    opened = opens(f'{OK}def "A" (references = @{path}@) {{\n}}\n')
    (found,) = [f for f in opened.findings if f.severity == "error"]
    assert found.code == ("asset.anonymous" if path.startswith("anon") else "asset.uri")
    assert path in found.message


def test_a_pipe_is_not_waited_for(yard: Any, opens: Opens) -> None:
    os.mkfifo(yard.scene / "pipe.usda")
    opened = opens(f'{OK}def "A" (references = @./pipe.usda@) {{\n}}\n')
    assert [f.code for f in opened.findings if f.severity == "error"] == ["asset.no-file"]


def test_layers_that_hang_the_library_are_put_right(yard: Any, opens: Opens) -> None:
    moving = (
        'def Xform "M" {\n double3 xformOp:translate.timeSamples = { 0: (0, 0, 0), 10: (5, 0, 0) }\n'
        ' uniform token[] xformOpOrder = ["xformOp:translate"]\n}\n'
    )
    for name, line in {"zero": "0", "nan": "nan", "inf": "inf"}.items():
        yard.write(f"(\n timeCodesPerSecond = {line}\n)\n{moving}", f"{name}.usda")
    opened = opens(
        "(\n startTimeCode = nan\n subLayers = [@./zero.usda@, @./nan.usda@, @./inf.usda@ (scale = 1e308)]\n)\n"
        + OK
    )
    codes = [f.code for f in opened.findings if f.severity == "error"]
    assert sorted(codes) == ["stage.time-offset", "stage.time-range", *["stage.time-rate"] * 3]
    assert read_snapshot(opened).prims.path == ("/M", "/Ok")


def test_files_stay_as_they_are_and_a_changed_layer_cannot_be_saved(yard: Any, opens: Opens) -> None:
    yard.secret("part.usda")
    text = f'{OK}def "A" (references = @../outside/part.usda@) {{\n}}\n'
    opened = opens(text)
    root = opened.stage.GetRootLayer()
    assert root.dirty
    assert not root.permissionToSave
    assert Path(root.realPath).read_text() == "#usda 1.0\n" + text


def test_materialx_documents_are_led_to_a_layer_that_is_made(yard: Any) -> None:
    (yard.scene / "looks.mtlx").write_text("<materialx/>")

    def convert(path: Path, allowed: AllowedFolders) -> tuple[str, list[Finding]]:
        assert allowed.allows(str(path))
        text = 'def "MaterialX" {\n def "Materials" {\n  def Material "Foo" {\n  }\n }\n}\n'
        return "#usda 1.0\n" + text, [Finding("mtlx.test", "info", "", path.name)]

    path = yard.write(f'{OK}def "Look" (references = @./looks.mtlx@</MaterialX/Materials/Foo>) {{\n}}\n')
    first = open_stage(path, probe=False, mtlx_text=convert)
    assert first.stage.GetPrimAtPath("/Look").GetTypeName() == "Material"
    again = open_stage(path, probe=False, mtlx_text=convert)  # the layer is still the changed one
    assert again.stage.GetPrimAtPath("/Look").GetTypeName() == "Material"
    assert [f.code for f in again.findings].count("mtlx.test") == 1
    assert first.hash == again.hash


def test_a_stage_without_anything_odd_is_clean(yard: Any) -> None:
    yard.write('(\n defaultPrim = "P"\n)\ndef Xform "P" {\n}\n', "mine.usda")
    path = yard.write('def "A" (references = @./mine.usda@) {\n}\n')
    screened = screen(path, AllowedFolders(path, []))
    assert screened.clean is not None
    assert [Path(name).name for name, _, _ in screened.clean] == ["mine.usda", "stage.usda"]


def test_each_layer_of_a_binary_file_is_screened_too(yard: Any) -> None:
    from pxr import Sdf

    yard.secret("part.usda")
    text = yard.write(OK + 'def "A" (references = @../outside/part.usda@) {\n}\n', "t.usda")
    crate = yard.scene / "stage.usdc"
    Sdf.Layer.FindOrOpen(str(text)).Export(str(crate))
    opened = open_stage(crate, probe=False)
    assert yard.opened() == set()
    assert [f.code for f in opened.findings if f.severity == "error"] == ["asset.outside-root"]
