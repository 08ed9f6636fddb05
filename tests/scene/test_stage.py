"""Opening stages: what is refused and in which words, the layer stack, what a stage may reach."""

import hashlib
import re
from pathlib import Path

import pytest

from twinstage.base.errors import UserError
from twinstage.scene.probe import ProbeLimits, count_prims, probe_stage
from twinstage.scene.read import read_snapshot
from twinstage.scene.safe import examiner
from twinstage.scene.safe.examiner import Examination, Outcome
from twinstage.scene.stage import OpenedStage, file_digest, open_stage

GOOD = '#usda 1.0\n(\n upAxis = "Z"\n metersPerUnit = 1\n)\ndef Xform "A" {}\n'


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.replace(" }", "\n}"))  # usda wants a line's end before a closing brace
    return path


def test_missing_stage_names_the_nearest(tmp_path: Path) -> None:
    write(tmp_path, "cell.usda", GOOD)
    with pytest.raises(UserError, match=r"there is no stage .*cel\.usda; did you mean 'cell\.usda'\?"):
        open_stage(tmp_path / "cel.usda")


def test_wrong_extension(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is not a USD file: its name ends in none of"):
        open_stage(write(tmp_path, "cell.txt", GOOD))


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder"):
        open_stage(tmp_path)


def test_broken_text_names_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot be read: .*bad\.usda:2.*Expected \} at '\{' in </A>$"):
        open_stage(write(tmp_path, "bad.usda", '#usda 1.0\ndef Xform "A" {{\n'))


def test_truncated_crate(tmp_path: Path) -> None:
    from pxr import Usd

    whole = tmp_path / "whole.usdc"
    stage = Usd.Stage.CreateNew(str(whole))
    for i in range(50):
        stage.DefinePrim(f"/A{i}", "Xform")
    stage.Save()
    del stage
    cut = tmp_path / "cut.usdc"
    cut.write_bytes(whole.read_bytes()[:200])
    with pytest.raises(UserError, match=r"cut\.usdc cannot be read: .*possibly truncated"):
        open_stage(cut)


@pytest.mark.parametrize("name", ["none.usda", "none.usdc", "none.usdz"])
def test_a_file_without_bytes(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(UserError, match=rf"{name} is empty: it holds no bytes"):
        open_stage(tmp_path / name)


def test_empty_stage(tmp_path: Path) -> None:
    found = {f.code: f.message for f in open_stage(write(tmp_path, "empty.usda", "#usda 1.0\n")).findings}
    assert found["stage.empty"].endswith("empty.usda holds no active, defined prims")


def test_a_library_of_materials_in_overs_opens_empty(tmp_path: Path) -> None:
    opened = open_stage(write(tmp_path, "library.usda", '#usda 1.0\nclass "Looks" {\n}\nover "Robot" {\n}\n'))
    assert len(read_snapshot(opened).prims) == 0
    assert "stage.empty" in {f.code for f in opened.findings}


def test_time_rate_zero_does_not_hang(tmp_path: Path) -> None:
    write(tmp_path, "sub.usda", '#usda 1.0\n(\n timeCodesPerSecond = 0\n)\ndef Xform "A" {}\n')
    top = write(tmp_path, "top.usda", "#usda 1.0\n(\n subLayers = [@./sub.usda@]\n)\n")
    found = {f.code: f for f in open_stage(top).findings}
    assert "timeCodesPerSecond of" in str(found["stage.time-rate"])
    assert "sub.usda is 0" in str(found["stage.time-rate"])


@pytest.mark.parametrize(
    ("line", "words"), [("metersPerUnit = 0", "metersPerUnit 0"), ('upAxis = "X"', "upAxis 'X'")]
)
def test_impossible_metrics(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        open_stage(write(tmp_path, "s.usda", f'#usda 1.0\n(\n {line}\n)\ndef Xform "A" {{}}\n'), probe=False)


def test_time_limit_is_one_sentence(tmp_path: Path) -> None:
    path = write(tmp_path, "s.usda", GOOD)
    with pytest.raises(UserError, match=r"still not composed and read after 0\.001 s"):
        probe_stage(path, ProbeLimits(time_s=0.001))


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("crash", r"makes the USD library crash \(signal 11\)"),
        ("memory", r"needs more memory than 1,024 MiB"),
        ("time", r"still not composed and read after 5 s"),
        ("refused", r"^signal 11$"),
    ],
)
def test_what_becomes_of_the_child_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outcome: Outcome, words: str
) -> None:
    class Child:
        def examine(self, *_: object) -> Examination:
            return Examination(outcome, "signal 11")

    monkeypatch.setattr(examiner, "shared_examiner", Child)
    with pytest.raises(UserError, match=words):
        open_stage(write(tmp_path, "s.usda", GOOD), limits=ProbeLimits(time_s=5, memory=1 << 30))


def test_hash_tells_what_was_left_out(tmp_path: Path) -> None:
    write(tmp_path, "lib/part.usda", '#usda 1.0\n(\n defaultPrim = "P"\n)\ndef Xform "P" {}\n')
    top = write(tmp_path, "scene/s.usda", '#usda 1.0\ndef "A" (prepend references = @../lib/part.usda@) {}\n')
    closed, wider = open_stage(top, probe=False), open_stage(top, [tmp_path / "lib"], probe=False)
    assert closed.hash != wider.hash


def test_instance_bomb_is_counted_not_expanded(tmp_path: Path) -> None:
    levels = []
    for k in range(8):
        inner = "".join(
            f' def "C{i}" (instanceable = true\n prepend inherits = </_L{k + 1}>) {{}}\n' for i in range(12)
        )
        levels.append(f'class "_L{k}" {{\n{inner}}}\n')
    text = (
        "#usda 1.0\n"
        + "".join(levels)
        + 'class "_L8" { def Cube "X" {} }\ndef "Top" (prepend inherits = </_L0>) {}\n'
    )
    text += 'def Cube "Rest" {}\n'
    opened = open_stage(write(tmp_path, "bomb.usda", text))
    told = [f for f in opened.findings if f.code == "stage.expansion"]
    assert all("prims through its instances" in str(f) for f in told)
    assert {f.path.rpartition("/")[0] for f in told} == {"/Top"}
    assert opened.stage.GetPrimAtPath("/Rest").IsActive()
    assert count_prims(opened.stage) <= 2_000_000


def test_prims_are_counted_like_a_traversal(tmp_path: Path) -> None:
    from pxr import Usd

    text = (
        '#usda 1.0\nclass "_C" { def Xform "X" { def Cube "Y" {} } }\n'
        'def "A" (instanceable = true\n prepend inherits = </_C>) {}\n'
        'def Xform "W" { def "B" (instanceable = true\n prepend inherits = </_C>) {} }\n'
    )
    stage = Usd.Stage.Open(str(write(tmp_path, "s.usda", text)))
    walked = sum(1 for _ in Usd.PrimRange(stage.GetPseudoRoot(), Usd.TraverseInstanceProxies())) - 1
    assert count_prims(stage) == walked


def test_float_metres_per_unit_of_old_exporters(shared: Path) -> None:
    opened = open_stage(shared / "assets/features/tinyusdz/suzanne.usdc", probe=False)
    assert opened.meters_per_unit == 1.0


def test_layers_are_there_in_order_and_anonymous(tmp_path: Path) -> None:
    opened = open_stage(write(tmp_path, "s.usda", GOOD), probe=False)
    names = ("ui", "randomization", "live", "simulation", "bindings")
    expected = [getattr(opened.layers, name) for name in names]
    assert all(layer.anonymous for layer in expected)
    assert opened.stage.GetLayerStack()[1 : 1 + len(names)] == expected


def test_hash_follows_content_not_place(tmp_path: Path) -> None:
    a = open_stage(write(tmp_path, "a/s.usda", GOOD), probe=False)
    b = open_stage(write(tmp_path, "b/s.usda", GOOD), probe=False)
    c = open_stage(write(tmp_path, "c/s.usda", GOOD + "# more\n"), probe=False)
    assert a.hash == b.hash != c.hash


def outside(opened: OpenedStage) -> list[str]:
    return [str(f) for f in opened.findings if f.code == "asset.outside-root"]


def test_layer_outside_is_left_out_and_a_root_admits_it(tmp_path: Path) -> None:
    write(
        tmp_path, "lib/part.usda", '#usda 1.0\n(\n defaultPrim = "P"\n)\ndef Xform "P" { def Cube "C" {} }\n'
    )
    top = write(tmp_path, "scene/s.usda", '#usda 1.0\ndef "A" (prepend references = @../lib/part.usda@) {}\n')
    closed = open_stage(top, probe=False)
    assert re.search(r"outside the stage's folder .*--asset-root .*lib", outside(closed)[0])
    assert closed.stage.GetPrimAtPath("/A")
    assert not closed.stage.GetPrimAtPath("/A/C")
    again = open_stage(top, probe=False)
    assert outside(again) == outside(closed)
    wider = open_stage(top, [tmp_path / "lib"], probe=False)
    assert wider.stage.GetPrimAtPath("/A/C")
    assert outside(wider) == []


def test_texture_outside_is_left_out_and_names_layer_and_path(tmp_path: Path) -> None:
    write(tmp_path, "secret.png", "x")
    top = write(
        tmp_path, "scene/s.usda", '#usda 1.0\ndef Shader "S" { asset inputs:file = @../secret.png@ }\n'
    )
    opened = open_stage(top, probe=False)
    assert re.search(r"layer .*s\.usda reaches '\.\./secret\.png' outside", outside(opened)[0])
    assert opened.stage.GetPrimAtPath("/S").GetAttribute("inputs:file").Get().path == ""


def test_link_is_no_way_out(tmp_path: Path) -> None:
    write(
        tmp_path, "lib/part.usda", '#usda 1.0\n(\n defaultPrim = "P"\n)\ndef Xform "P" { def Cube "C" {} }\n'
    )
    top = write(tmp_path, "scene/s.usda", '#usda 1.0\ndef "A" (prepend references = @./part.usda@) {}\n')
    (tmp_path / "scene/part.usda").symlink_to(tmp_path / "lib/part.usda")
    opened = open_stage(top, probe=False)
    assert len(outside(opened)) == 1
    assert not opened.stage.GetPrimAtPath("/A/C")


def test_unresolved_reference_is_a_finding(tmp_path: Path) -> None:
    top = write(tmp_path, "s.usda", GOOD + 'def "B" (prepend references = @./none.usda@) {}\n')
    assert any("none.usda" in str(finding) for finding in open_stage(top, probe=False).findings)


def test_complaints_of_the_usd_library_come_in_one_order_whatever_the_threads_did() -> None:
    from types import SimpleNamespace

    from twinstage.scene.stage import diagnostics

    def told(*lines: str) -> list[str]:
        items = [SimpleNamespace(commentary=line) for line in lines]
        return [f.message for f in diagnostics(SimpleNamespace(TakeUncoalescedDiagnostics=lambda: items))]

    assert told("b\nmore", "a <0x1f>", "b") == told("b", "a <0x2e>") == ["a", "b"]


@pytest.mark.parametrize("size", [0, 1, (8 << 20) - 1, (8 << 20) + 5])
def test_a_file_is_hashed_whole_whatever_its_size(tmp_path: Path, size: int) -> None:
    data = (bytes(range(251)) * (size // 251 + 1))[:size]
    (tmp_path / "crate").write_bytes(data)
    assert file_digest(str(tmp_path / "crate")) == hashlib.sha256(data).digest()
