"""The client that a stranger wrote from docs/protocol.md: it imports nothing of twinstage and passes every vector."""

import ast
import json
import math
import sys
from pathlib import Path

import pytest
from tests.strangers import client as stranger

CLIENT = Path(stranger.__file__)
VECTORS = sorted((CLIENT.parents[1] / "sync" / "vectors").glob("*.json"))
NAMES = {"event_ns": "eventNsColumn"}


def imported(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "no relative imports"
            names.add((node.module or "").split(".")[0])
    return names


def test_the_client_knows_the_page_and_nothing_else():
    text = CLIENT.read_text()
    tree = ast.parse(text)
    assert imported(tree) <= set(sys.stdlib_module_names) | {"websockets", "zstandard"}
    called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    assert not called & {"__import__", "exec", "eval", "compile", "open"}
    assert "importlib" not in text
    assert sum(bool(line.strip()) for line in text.splitlines()) <= 500


def test_the_check_above_can_fail():
    tree = ast.parse("def f():\n    import twinstage.sync.codec\n    from twinstage.sync import hub\n")
    assert imported(tree) == {"twinstage"}


def test_an_empty_copy_has_the_digest_of_the_page():
    assert empty_copy("e1", 1, 1).digest() == stranger.NOTHING
    assert stranger.NOTHING in (CLIENT.parents[2] / "docs" / "protocol.md").read_text()


def empty_copy(epoch, nodes, signals):
    scene = {"epoch": epoch, "revision": 0, "nodes": {"count": nodes}, "points": {"count": 0}}
    return stranger.Copy(scene | {"signals": [None] * signals})


def as_json(column, values):
    if column == "rotation":
        return values
    if column in ("event_ns", "entity"):
        return [str(v) for v in values]
    if column == "value":
        return [None if math.isnan(v) else v for v in values]
    if values is None or not isinstance(values, list):
        return values
    return [list(v) if isinstance(v, tuple) else v for v in values]


def check_frame(frame, told):
    told = dict(told)
    head = {"op", "flags", "n", "seq", "size", "crc"} | {
        "baseSeq",
        "epochCrc",
        "eventNs",
        "watermarkNs",
        "tickNs",
    }
    mine = {"baseSeq": frame.base_seq, "epochCrc": frame.epoch_crc, "eventNs": str(frame.event_ns)}
    mine |= {"watermarkNs": str(frame.watermark_ns), "tickNs": str(frame.tick_ns)}
    mine |= {name: getattr(frame, name) for name in ("op", "flags", "n", "seq", "size", "crc")}
    assert {name: told.pop(name) for name in head} == mine
    if "rotation" in told:
        turned = [stranger.quaternion(words) for words in frame.columns["words"]]
        for ours, theirs in zip(turned, told.pop("rotation"), strict=True):
            assert ours == pytest.approx(theirs, abs=1e-6)
    columns = {NAMES.get(name, name): as_json(name, values) for name, values in frame.columns.items()}
    assert columns == told


def state_of(copy):
    def number(value):
        return None if math.isnan(value) else value

    return {
        "poses": [[i, list(t), list(w), list(s)] for i, (t, w, s) in sorted(copy.poses.items())],
        "styles": [[i, list(c)] for i, c in sorted(copy.styles.items())],
        "visibility": [[i, shown] for i, shown in sorted(copy.visibility.items())],
        "signals": [[i, number(v), str(e), q] for i, (v, e, q) in sorted(copy.signals.items())],
        "texts": [[i, t, q] for i, (t, _, q) in sorted(copy.texts.items())],
        "entities": [[i, str(e)] for i, e in sorted(copy.entities.items())],
    }


@pytest.mark.parametrize("path", VECTORS, ids=lambda p: p.stem)
def test_vector(path):
    vector = json.loads(path.read_text())
    if "chain" in vector:
        copy = empty_copy(vector["epoch"], vector["nodes"], vector["signals"])
        for step in vector["chain"]:
            message = bytes.fromhex(step["hex"])
            if step.get("error"):
                with pytest.raises(stranger.Refused):
                    copy.apply(stranger.decode(message)[0])
                break
            copy.apply(stranger.decode(message)[0])
            assert (copy.seq, state_of(copy), copy.digest()) == (step["seq"], step["state"], step["digest"])
        return
    message = bytes.fromhex(vector["hex"])
    if vector.get("error"):
        with pytest.raises(stranger.Refused):
            stranger.decode(message)
        return
    frames, skipped = stranger.decode(message)
    assert skipped == vector["skipped"]
    for frame, told in zip(frames, vector["frames"], strict=True):
        check_frame(frame, told)
