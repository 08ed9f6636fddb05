"""Bindings in the stage: what is written comes back equal, and nothing in a stage is trusted."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pxr import Sdf, Usd

from twinstage.base.errors import UserError
from twinstage.scene.bindings import Bindings, load_bindings, parse_bindings
from twinstage.scene.stage import OpenedStage, open_stage
from twinstage.scene.stored import LONGEST, as_yaml, has_stored, read_stored, store_bindings

CONTRACT = """contract: 1
sources:
  a: {uri: "memory:a", reader: {format: jsonl, layout: long, time: {field: t, unit: s, epoch: unix}, name: n, value: v}}
signals:
  - {id: a, source: a, field: a, unit: m}
"""

names = st.text("abcXYZ_0123", min_size=1, max_size=6).map(lambda s: "p" + s)
paths = st.lists(names, min_size=1, max_size=4).map(lambda parts: "/World/" + "/".join(parts))
signals = st.text("abc.j_1{}n", min_size=1, max_size=12)
numbers = st.floats(-1e6, 1e6, allow_nan=False)
colors = st.sampled_from(["#000000", "#ff8000", "#ABCDEF"])
target = st.one_of(
    st.fixed_dictionaries({"prim": paths}),
    st.fixed_dictionaries({"pattern": paths.map(lambda p: p + "_{n}")}),
)
one = st.one_of(st.fixed_dictionaries({"signal": signals}), st.fixed_dictionaries({"expr": signals}))
stops = st.lists(numbers, min_size=1, max_size=4, unique=True).map(sorted)
vector = st.fixed_dictionaries({}, optional={axis: st.one_of(signals, numbers) for axis in "xyz"})


def kind(name: str, *parts: Any, **optional: Any) -> Any:
    return st.tuples(st.just({"kind": name}), *parts, st.fixed_dictionaries({}, optional=optional)).map(
        lambda found: {k: v for part in found for k, v in part.items()}
    )


bindings = st.one_of(
    kind(
        "joint",
        target,
        one,
        sign=st.sampled_from([1, -1]),
        offset=numbers,
        coupling=st.dictionaries(signals, numbers, max_size=2),
        axis=st.one_of(st.sampled_from("XYZ"), st.tuples(numbers, numbers, numbers).map(list)),
        motion=st.sampled_from(["rotate", "slide"]),
    ),
    kind(
        "pose",
        target,
        st.fixed_dictionaries({"position": st.one_of(vector, signals)}),
        frame=st.one_of(st.just("world"), paths),
        scale=st.one_of(numbers, vector),
    ),
    kind(
        "instance",
        target,
        st.fixed_dictionaries(
            {
                "position": vector,
                "id": st.one_of(st.just("all"), st.integers(0, 9), st.lists(st.integers(0, 9))),
            }
        ),
    ),
    kind(
        "attribute",
        target,
        one,
        st.fixed_dictionaries({"attribute": st.just("twin:x")}),
        unit=st.sampled_from(["m", "Cel", "%"]),
    ),
    kind(
        "visibility", target, one, invert=st.booleans(), threshold=numbers, description=st.text(max_size=20)
    ),
    kind(
        "style",
        target,
        one,
        st.fixed_dictionaries({"colormap": stops.map(lambda v: [[x, "#102030"] for x in v])}),
        bad_color=colors,
    ),
    kind(
        "attach",
        one,
        st.fixed_dictionaries({"frame": paths, "candidates": st.lists(paths, min_size=1, max_size=3)}),
        snap=st.booleans(),
    ),
    kind(
        "label",
        target,
        one,
        st.fixed_dictionaries(
            {"labels": st.one_of(stops.map(lambda v: [[x, "y"] for x in v]), st.just({"true": "x"}))}
        ),
    ),
    kind(
        "entity",
        st.fixed_dictionaries(
            {
                "prim": paths,
                "pool": st.integers(1, 5),
                "channels": st.integers(1, 3),
                "id": st.just("t{n}"),
                "position": vector,
            }
        ),
        parent=paths,
    ),
)


def wired(folder: Path, text: str) -> OpenedStage:
    (folder / "contract.yaml").write_text(CONTRACT)
    # USD keeps layers by path while anybody holds them, so every text gets a file of its own.
    path = folder / f"wired_{len(list(folder.iterdir()))}.usda"
    path.write_text(text)
    return open_stage(path, probe=False)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(bindings, max_size=6))
def test_round_trip(open_text: Any, tmp_path: Path, items: list[dict[str, Any]]) -> None:
    from hypothesis import assume

    opened = open_text('def Xform "World" { def Xform "pa" {}\n}\n')
    try:
        found = Bindings(contract="contract.yaml", bindings=items)
    except ValueError:
        assume(False)
    stage = wired(tmp_path, store_bindings(found, opened, "contract.yaml", over="./stage.usda"))
    back, contract, findings = read_stored(stage)
    assert findings == []
    assert back.bindings == found.bindings
    assert contract == tmp_path / "contract.yaml"
    again = parse_bindings(as_yaml(found))
    assert again.bindings == found.bindings


def test_the_bundled_cell(root: Path, tmp_path: Path) -> None:
    folder = root / "assets" / "library" / "workcell"
    found = load_bindings(folder / "bindings.yaml")
    opened = open_stage(folder / "workcell.usda", probe=False)
    text = store_bindings(
        found, opened, (folder / "contract.yaml").as_posix(), over=(folder / "workcell.usda").as_posix()
    )
    path = tmp_path / "wired.usda"
    path.write_text(text)
    wired_stage = open_stage(path, asset_roots=[folder], probe=False)
    assert has_stored(wired_stage)
    back, contract, findings = read_stored(wired_stage)
    assert (back.bindings, contract.resolve(), findings) == (
        found.bindings,
        (folder / "contract.yaml").resolve(),
        [],
    )
    # It is plain USD: the relationship of a joint's binding leads to the joint.
    joint = wired_stage.stage.GetPrimAtPath("/WorkCell/Robot/Joints/joint_1")
    assert [str(t) for t in joint.GetRelationship("twin:binding:b0000:prim").GetTargets()] == [
        str(joint.GetPath())
    ]


def test_relationships_follow_a_reference(open_text: Any, tmp_path: Path) -> None:
    opened = open_text('def Xform "World" { def Xform "Door" {}\n}\n')
    found = Bindings(
        contract="contract.yaml", bindings=[{"kind": "pose", "prim": "/World/Door", "position": {"x": "a"}}]
    )  # type: ignore[arg-type]
    (tmp_path / "part.usda").write_text(store_bindings(found, opened, "contract.yaml", over="./stage.usda"))
    (tmp_path / "contract.yaml").write_text(CONTRACT)
    (tmp_path / "hall.usda").write_text(
        '#usda 1.0\n(\n defaultPrim = "Hall"\n)\ndef Xform "Hall" (\n references = @./part.usda@\n)\n{\n}\n'
    )
    back, contract, _ = read_stored(open_stage(tmp_path / "hall.usda", probe=False))
    assert back.bindings[0].prim == "/Hall/Door"
    assert contract == tmp_path / "contract.yaml"


def _stage_with(tmp_path: Path, body: str, head: str = "") -> OpenedStage:
    text = (
        '#usda 1.0\n(\n    defaultPrim = "World"\n)\ndef Xform "World"\n{\n    custom int twin:bindings = 1\n'
        f"    custom asset twin:contract = @contract.yaml@\n{body}\n}}\n{head}"
    )
    return wired(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("'not json'", "is not JSON"),
        ("'[1]'", "no binding is of kind None"),
        ('\'{"kind": "jont"}\'', "no binding is of kind 'jont'"),
        ('\'{"kind": "joint", "signal": "a", "prim": "/World", "colour": 1}\'', "colour: "),
        ('\'{"kind": "joint", "signal": "a"}\'', "exactly one of prim and pattern"),
        ('\'{"kind": "style", "signal": "a", "prim": "/World", "colormap": []}\'', "colormap"),
        (f'\'{{"kind": "joint", "description": "{"x" * LONGEST}"}}\'', "characters; at most"),
        ("'" + "[" * 50_000 + "'", "is not JSON"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, text: str, words: str) -> None:
    opened = _stage_with(tmp_path, f"    custom string twin:binding:b0 = {text}")
    found, _, findings = read_stored(opened)
    assert found.bindings == ()
    assert [f.code for f in findings] == ["binding.stored"]
    assert findings[0].path == "/World"
    assert words in findings[0].message
    assert len(findings[0].message) < 400


def test_two_targets_and_a_wrong_type(tmp_path: Path) -> None:
    body = (
        '    custom string twin:binding:a = \'{"kind": "joint", "signal": "a"}\'\n'
        "    custom rel twin:binding:a:prim = [</World>, </World/B>]\n    custom double twin:binding:b = 3\n"
    )
    _, _, findings = read_stored(_stage_with(tmp_path, body))
    assert sorted(f.message.partition(": ")[2] for f in findings) == [
        "a text with the fields of the binding was expected",
        "its relationship prim has 2 targets, and one is needed",
    ]


def test_the_contract_lies_inside_the_roots(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "secret.yaml").write_text(CONTRACT)
    opened = _stage_with(home, "")
    attribute = opened.stage.GetPrimAtPath("/World").GetAttribute("twin:contract")
    with Usd.EditContext(opened.stage, opened.layers.bindings):
        attribute.Set(Sdf.AssetPath("../secret.yaml", str(tmp_path / "secret.yaml")))
    with pytest.raises(UserError, match=r"outside the stage's folder|is not found"):
        read_stored(opened)


def test_a_stage_without_bindings(open_text: Any) -> None:
    opened = open_text('def Xform "World" {}\n')
    assert not has_stored(opened)
    with pytest.raises(UserError, match="holds no bindings"):
        read_stored(opened)
