"""Suggested bindings against those that ship, and what `bind check` says against the recording itself."""

import csv
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.base.errors import UserError
from twinstage.live.bind_check import check_bindings
from twinstage.live.checks.telemetry import Budget
from twinstage.live.suggest.model import Suggestion, as_file, merge_series
from twinstage.live.suggest.names import likeness, words
from twinstage.live.suggest.propose import propose_file
from twinstage.live.twin import TwinFiles
from twinstage.scene.bindings import Bindings, load_bindings, parse_bindings
from twinstage.scene.patterns import expand
from twinstage.scene.read import read_snapshot
from twinstage.scene.stage import open_stage
from twinstage.telemetry.contract import load_contract


def _suggested(folder: Path, stage: str, roots: tuple[Path, ...] = ()) -> tuple[str, Any]:
    opened = open_stage(folder / stage, asset_roots=roots, probe=False)
    snapshot = read_snapshot(opened)
    return propose_file(opened, snapshot, load_contract(folder / "contract.yaml"), "contract.yaml"), snapshot


def _keys(bindings: Bindings, snapshot: Any) -> dict[tuple[Any, ...], Any]:
    """One key a prim: kind, prim, point or attribute, and which signals (for those with one)."""
    out = {}
    for _, b in expand(bindings, snapshot):
        extra = getattr(b, "id", None) if b.kind == "instance" else getattr(b, "attribute", None)
        out[b.kind, b.prim or b.frame, extra, getattr(b, "signal", None)] = b
    return out


def test_the_work_cell_is_recovered(root: Path) -> None:
    folder = root / "assets" / "library" / "workcell"
    text, snapshot = _suggested(folder, "workcell.usda")
    got, want = (
        _keys(parse_bindings(text), snapshot),
        _keys(load_bindings(folder / "bindings.yaml"), snapshot),
    )
    missing = [key for key in want if key not in got]
    assert len(missing) <= 0.1 * len(want), missing
    poses = [b for b in got.values() if b.kind == "pose" and b.prim.startswith("/WorkCell/AGVs")]
    assert {(b.prim[-1], b.position.x, b.rotation.yaw) for b in poses} == {
        (n, f"agv{n}.x", f"agv{n}.heading") for n in "123"
    }
    assert "/WorkCell/Robot/Joints/joint_{n}" in text, "a series becomes one line"
    assert "#- {kind: attribute, prim: /WorkCell/Robot, attribute: 'twin:jaw'" in text, (
        "a guess is commented out"
    )


def test_the_palletizer_is_recovered(root: Path, shared: Path) -> None:
    folder = root / "examples" / "palletizer"
    text, snapshot = _suggested(folder, "palletizer.usda", (shared,))
    got, want = (
        _keys(parse_bindings(text), snapshot),
        _keys(load_bindings(folder / "bindings.yaml"), snapshot),
    )
    missing = [key for key in want if key not in got]
    assert len(missing) <= 1, missing
    third = next(b for b in got.values() if b.kind == "joint" and b.prim.endswith("joint_3"))
    assert third.coupling == {"robot.j2": 1.0}, "the field's own name says so"


def test_every_active_line_has_a_reason_and_holds(root: Path) -> None:
    folder = root / "assets" / "library" / "workcell"
    text, _ = _suggested(folder, "workcell.usda")
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line.startswith(("  - ", "  #- ")):
            assert lines[number - 1].startswith("  # 0."), line
            confidence = float(lines[number - 1].split()[1].rstrip(":"))
            assert (confidence >= 0.5) == line.startswith("  - ")


def test_a_pattern_only_where_it_matches_nothing_else() -> None:
    made = [
        Suggestion({"kind": "pose", "prim": f"/A/B_{n}", "position": {"x": f"b{n}.x"}}, 0.9, "so")
        for n in (1, 2)
    ]
    assert [
        s.data["prim" if "prim" in s.data else "pattern"]
        for s in merge_series(made, ["/A", "/A/B_1", "/A/B_2"])
    ] == ["/A/B_{n}"]
    more = merge_series(made, ["/A", "/A/B_1", "/A/B_2", "/A/B_3"])
    assert [s.data["prim"] for s in more] == ["/A/B_1", "/A/B_2"]
    assert parse_bindings(as_file([], "c.yaml", [], ["x"])).bindings == ()


@pytest.mark.parametrize(
    ("signal", "better", "worse"),
    [
        ("robot.j1", "/R/Joints/joint_1", "/R/Joints/joint_2"),
        ("agv2.x", "/W/AGVs/AGV_2", "/W/AGVs/AGV_1"),
        ("tank.temperature", "/W/Tank", "/W/Table"),
        ("Line1.Motor3.temp", "/Plant/Line_1/Motor_3", "/Plant/Line_3/Motor_1/Bolt_9"),
    ],
)
def test_names(signal: str, better: str, worse: str) -> None:
    assert likeness(signal, better) > likeness(signal, worse)


def test_words() -> None:
    assert words("J03_deg") == ("joint", "3")
    assert words("BeltSpeed.actValue") == ("conveyor", "speed")


def test_the_check_agrees_with_the_recording(root: Path, shared: Path) -> None:
    folder = root / "examples" / "palletizer"
    files = TwinFiles(folder / "palletizer.usda", folder / "bindings.yaml", asset_roots=(shared,))
    proof = check_bindings(files, isolated=False)
    rows = [
        r
        for r in (shared / "telemetry/fanuc_palletizer/palletizer_trajectory.csv").read_text().splitlines()
        if not r.startswith("#")
    ]
    table = list(csv.DictReader(rows))
    by_prim = {e.prim.rpartition("/")[2]: e for e in proof.effects}
    j2 = np.array([float(r["J2_deg"]) for r in table])
    j3 = np.array([float(r["J3_deg_rel_J2"]) for r in table])
    for name, values in (("joint_2", j2), ("joint_3", j3 + j2)):
        effect = by_prim[name]
        assert effect.low == pytest.approx(values.min(), abs=1e-6)
        assert effect.high == pytest.approx(values.max(), abs=1e-6)
        assert effect.turned_deg == pytest.approx(np.abs(values - values[0]).max(), abs=0.01)
    closings = sum(int(b["gripper_close"]) > int(a["gripper_close"]) for a, b in pairwise(table))
    grip = next(e for e in proof.effects if e.kind == "attach" and e.prim.endswith("Grip"))
    assert grip.changes == closings == 7
    assert proof.holds
    assert proof.moments == len(table)


def test_what_does_nothing_and_what_never_comes(root: Path, tmp_path: Path) -> None:
    (tmp_path / "s.usda").write_text(
        '#usda 1.0\n(\n defaultPrim = "W"\n metersPerUnit = 1\n upAxis = "Z"\n)\n'
        'def Xform "W" {\n def Cube "A" {\n}\n def Cube "B" {\n}\n}\n'
    )
    (tmp_path / "contract.yaml").write_text(
        "contract: 1\nsources:\n  a:\n    uri: 'file:a.jsonl'\n"
        "    reader: {format: jsonl, layout: wide, time: {field: t, unit: s, epoch: unix}}\n"
        "signals:\n  - {id: x, source: a, field: x, unit: m}\n  - {id: y, source: a, field: y, unit: m}\n"
    )
    (tmp_path / "a.jsonl").write_text(
        "".join(json.dumps({"t": 1000 + k, "x": k / 10}) + "\n" for k in range(11))
    )
    (tmp_path / "b.yaml").write_text(
        "bindings: 1\nbindings:\n  - {kind: pose, prim: /W/A, position: {x: x}}\n"
        "  - {kind: pose, prim: /W/B, position: {x: y}}\n"
    )
    files = TwinFiles(tmp_path / "s.usda", tmp_path / "b.yaml")
    proof = check_bindings(files, isolated=False)
    a, b = proof.effects
    assert (a.moved_m, a.idle) == (pytest.approx(1.0), False)
    assert (b.idle, b.unseen, proof.unseen, proof.holds) == (True, ("y",), ("y",), False)
    (tmp_path / "other.jsonl").write_text(
        "".join(json.dumps({"t": k, "x": k, "y": -k}) + "\n" for k in range(3))
    )
    proof = check_bindings(files, {"a": tmp_path / "other.jsonl"}, isolated=False)
    assert [e.moved_m for e in proof.effects] == [pytest.approx(2.0), pytest.approx(2.0)]
    assert proof.unseen == ()
    assert not [f for f in proof.findings if f.code == "signal.silent"]
    with pytest.raises(UserError, match="no source 'b'"):
        check_bindings(files, {"b": tmp_path / "other.jsonl"}, isolated=False)


def test_the_demo_plant_is_proved_without_a_recording(root: Path) -> None:
    folder = root / "assets" / "library" / "workcell"
    files = TwinFiles(folder / "workcell.usda", folder / "bindings.yaml")
    proof = check_bindings(files, isolated=False, budget=Budget(plant_s=20.0))
    assert not [e.prim for e in proof.effects if e.idle and e.kind != "attach" and e.kind != "visibility"]
    assert not any(e.beyond for e in proof.effects)
    (liquid,) = (e for e in proof.effects if e.kind == "pose" and e.prim == "/WorkCell/Tank/Liquid")
    assert liquid.scaled and liquid.scaled[1] - liquid.scaled[0] > 0.05, (
        "it fills along Z, while X and Y stay at 1"
    )
