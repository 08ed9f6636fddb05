"""Recipes that build upon others, overrides that reach into shorthands, the schema for editors, and the way back to YAML."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from twinstage.base.errors import UserError
from twinstage.cli.synth import app
from twinstage.synth.randomizers import RANDOMIZERS
from twinstage.synth.recipe import Recipe, load_recipe, parse_recipe, recipe_schema

BASE = """\
stage: cell.usda
frames: 10
cameras: [Front]
labels: {box: null, pallet: null}
engine: {kind: direct, spp: 8}
randomize:
  - {kind: pose, name: goods, prims: [/A], scale: [0.9, 1.1]}
  - {kind: visibility, name: gone, prims: [/B], probability: 0.5}
"""


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "recipe.yaml"


# --- include ------------------------------------------------------------------------------------------------------


def test_mappings_merge_deep_named_items_by_name_and_the_rest_is_replaced(tmp_path: Path) -> None:
    recipe = load_recipe(
        write(
            tmp_path,
            base=BASE,
            recipe="include: base.yaml\nframes: 20\nengine: {spp: 2}\nlabels: {tote: null}\ncameras: [Top]\n"
            "randomize:\n  - {name: gone, probability: 0.25}\n  - {name: goods, remove: true}\n"
            "  - {kind: pose, name: more, prims: [/C], scale: 2}\n",
        )
    )
    assert recipe.frames == 20 and recipe.stage == "cell.usda"
    assert (recipe.engine.kind, recipe.engine.spp) == ("direct", 2)
    assert [cls.name for cls in recipe.labels] == ["box", "pallet", "tote"]
    assert [camera.name for camera in recipe.cameras] == ["Top"]
    assert [(r.name, r.kind) for r in recipe.randomize] == [("gone", "visibility"), ("more", "pose")]
    assert recipe.randomize[0].model_dump()["probability"] == 0.25


def test_later_includes_win_and_includes_may_include(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "fast.yaml").write_text("include: deeper.yaml\nengine: {spp: 1}\n")
    (tmp_path / "parts" / "deeper.yaml").write_text("seed: 5\nengine: {spp: 3, exposure: 1}\n")
    recipe = load_recipe(write(tmp_path, base=BASE, recipe="include: [base.yaml, parts/fast.yaml]\n"))
    assert (recipe.seed, recipe.engine.spp, recipe.engine.exposure, recipe.engine.kind) == (5, 1, 1, "direct")


@pytest.mark.parametrize(
    ("base", "recipe", "sentence"),
    [
        (
            BASE.replace("0.5", "1.5"),
            "include: base.yaml\n",
            "base.yaml:8: randomize.1.probability: is 1.5; expected at most 1",
        ),
        (
            BASE,
            "include: base.yaml\nframes: 5\nrandomize:\n  - {name: gone, probability: 7}\n",
            "recipe.yaml:4: randomize.1.probability: is 7; expected at most 1",
        ),
        (
            BASE,
            "include: base.yaml\nrandomize:\n  - {name: good, remove: true}\n",
            "recipe.yaml:3: there is no 'good' to remove; did you mean 'goods'?",
        ),
        (
            BASE,
            "frames: 3\ninclude: bose.yaml\n",
            "recipe.yaml:2: include: there is no file 'bose.yaml'; did you mean 'base.yaml'?",
        ),
        (
            BASE + "include: recipe.yaml\n",
            "include: base.yaml\n",
            "base.yaml:9: include: 'recipe.yaml' includes itself, by way of base.yaml",
        ),
        (
            BASE,
            "include: /etc/passwd\n",
            "recipe.yaml:1: include: '/etc/passwd' is an absolute path; expected one relative to recipe.yaml",
        ),
        (
            BASE.replace("[Front]", "[{name: a, prim: /A}, {name: a, prim: /B}]"),
            "include: base.yaml\ncameras:\n  - {name: b}\n",
            "base.yaml:3: two items are both named 'a'; the first is at base.yaml:3",
        ),
        (BASE, "include: 3\n", "recipe.yaml:1: include: expected a file's name, or a list of them"),
        (
            "seed: [1\n",
            "include: base.yaml\n",
            "base.yaml:2: not valid YAML: expected ',' or ']', but got '<stream end>', in what begins in line 1",
        ),
        (
            BASE,
            "include: base.yaml\nframes: 1\nlables: [x]\n",
            "recipe.yaml:3: unknown field 'lables'; did you mean 'labels'?",
        ),
    ],
)
def test_mistakes_name_the_file_that_they_are_in(
    tmp_path: Path, base: str, recipe: str, sentence: str
) -> None:
    with pytest.raises(UserError) as caught:
        load_recipe(write(tmp_path, base=base, recipe=recipe))
    assert str(caught.value) == sentence


def test_a_bomb_of_aliases_is_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    with pytest.raises(UserError, match="its aliases stand for more than 200000 values"):
        load_recipe(write(tmp_path, recipe="\n".join(lines)))
    with pytest.raises(UserError, match="its aliases stand for more than 200000 values"):
        load_recipe(write(tmp_path, recipe="a: &a [*a]\n"))


# --- overrides ----------------------------------------------------------------------------------------------------

FULL = """\
stage: cell.usda
cameras: [Front, {name: side, prim: Side}]
labels: [box]
engine: {kind: direct}
randomize:
  - {kind: camera, name: walk, cameras: [side], target: [0, 0, 1], distance: [2, 6], elevation: 30}
  - {kind: light, name: lamps, lights: [/L], intensity: {loguniform: [0.5, 2]}, temperature: {normal: [5000, 300]}}
export: [{kind: coco}]
"""


def field(recipe: Recipe, number: int, name: str) -> dict[str, Any]:
    return dict(recipe.randomize[number].model_dump()[name])


@pytest.mark.parametrize(
    ("override", "number", "name", "wanted"),
    [
        ("camera.distance.max=4", 0, "distance", {"kind": "uniform", "low": 2, "high": 4}),
        ("walk.distance.high=4", 0, "distance", {"kind": "uniform", "low": 2, "high": 4}),
        ("randomize.walk.distance.min=1", 0, "distance", {"kind": "uniform", "low": 1, "high": 6}),
        ("randomize.0.distance=[3, 4]", 0, "distance", {"kind": "uniform", "low": 3, "high": 4}),
        ("walk.distance.1=5", 0, "distance", {"kind": "uniform", "low": 2, "high": 5}),
        ("walk.elevation.max=40", 0, "elevation", {"kind": "uniform", "low": 30, "high": 40}),
        ("lamps.intensity.max=3", 1, "intensity", {"kind": "loguniform", "low": 0.5, "high": 3}),
        (
            "light.temperature.std=50",
            1,
            "temperature",
            {"kind": "normal", "mean": 5000, "std": 50, "low": None, "high": None},
        ),
        (
            "lamps.temperature.max=5500",
            1,
            "temperature",
            {"kind": "normal", "mean": 5000, "std": 300, "low": None, "high": 5500},
        ),
    ],
)
def test_overrides_reach_into_shorthands(
    tmp_path: Path, override: str, number: int, name: str, wanted: dict[str, Any]
) -> None:
    assert field(load_recipe(write(tmp_path, recipe=FULL), [override]), number, name) == wanted


def test_a_kind_is_a_word_also_where_yaml_reads_something_else(tmp_path: Path) -> None:
    path = write(tmp_path, recipe=FULL)
    assert load_recipe(path, ["engine.kind=null"]).engine.kind == "null"
    assert load_recipe(path, ["engine={kind: null}"]).engine.kind == "null"
    assert load_recipe(path, ["engine=raycast"]).engine.kind == "raycast"
    both = load_recipe(path, ["engine=direct", "engine.spp=1"]).engine
    assert (both.kind, both.spp) == ("direct", 1)
    assert load_recipe(path, ["cameras.Front.resolution=[64, 48]"]).cameras[0].resolution == (64, 48)


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        (
            "camra.distance.max=4",
            "--set 'camra.distance.max=4': there is no field or item 'camra'; did you mean 'camera'?",
        ),
        ("walk.distance.max=1", "--set 'walk.distance.max=1': randomize.0.distance: high 1 is below low 2"),
        (
            "walk.distnce.max=1",
            "--set 'walk.distnce.max=1': randomize.0: unknown field 'distnce'; did you mean 'distance'?",
        ),
        ("frames=none", "--set 'frames=none': frames: 'none' is given; expected a whole number"),
        (
            "engine.kind=cycles",
            "--set 'engine.kind=cycles': engine: no engine named 'cycles'; known: bpy, direct, null, path, raycast",
        ),
        ("stage.x=1", "--set 'stage.x=1': 'x' would lie inside a plain value"),
    ],
)
def test_wrong_overrides_name_themselves(tmp_path: Path, override: str, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        load_recipe(write(tmp_path, recipe=FULL), [override])
    assert str(caught.value) == sentence


# --- schema -------------------------------------------------------------------------------------------------------


class Words(yaml.SafeLoader):
    """YAML as editors read it: `on` and dates are words."""


Words.yaml_implicit_resolvers = {
    first: [(tag, regex) for tag, regex in pairs if tag.rsplit(":", 1)[1] not in ("timestamp", "bool")]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Words.add_implicit_resolver("tag:yaml.org,2002:bool", __import__("re").compile("^(true|false)$"), list("tf"))


def recipes(root: Path) -> list[Path]:
    found = [*root.glob("examples/**/*.yaml"), *root.glob("assets/library/*/recipe.yaml")]
    return sorted(path for path in found if "\nstage:" in path.read_text())


def test_every_example_fits_the_schema_and_mistakes_do_not(root: Path, recipe_judge: Any) -> None:
    judge = recipe_judge
    found = recipes(root)
    assert len(found) >= 2
    for path in found:
        errors = [e.message for e in judge.iter_errors(yaml.load(path.read_text(), Words))]
        assert errors == [], path
    good = yaml.safe_load(FULL)
    for spoil in (
        {"frames": 0},
        {"frams": 3},
        {"annotate": ["dept"]},
        {"accept": {"min_object": 1}},
        {"labels": 3},
        {"randomize": [{"kind": "pose", "name": "p", "prims": ["/A"], "scale": "big"}]},
        {"randomize": [{"kind": "pose", "name": "p", "prims": ["/A"], "scale": [1, 2, 3]}]},
        {"randomize": [{"kind": "pose", "name": "p", "prims": ["/A"], "scal": 2}]},
    ):
        assert judge.is_valid(good) and not judge.is_valid({**good, **spoil}), spoil
    assert not judge.is_valid({"frames": 3}) and judge.is_valid({"frames": 3, "include": "base.yaml"})


def test_an_editor_gets_a_small_schema_that_is_valid_and_completes(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["schema"])
    assert done.exit_code == 0 and len(done.output) < 200_000
    schema = json.loads(done.output)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["title"] == "Twinstage recipe"
    names = list(_refs(schema))
    assert names.count("#/$defs/Distribution") > 80 and "#/$defs/Uniform" in names
    assert {name.removeprefix("#/$defs/") for name in names} <= set(schema["$defs"])
    # What an editor offers for an item of `randomize`: the kinds, and of a kind its fields with what they may hold.
    offered = [
        schema["$defs"][o["$ref"].rpartition("/")[2]]
        for o in schema["properties"]["randomize"]["items"]["oneOf"]
    ]
    kinds = {item["properties"]["kind"]["const"]: item for item in offered}
    assert set(kinds) == set(RANDOMIZERS.kinds())
    count = kinds["count"]
    assert set(count["properties"]) == {"kind", "name", "when", "prims", "count", "at_most"}
    assert count["properties"]["count"]["$ref"] == "#/$defs/Distribution"
    assert "description" in count


def _refs(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        schema = list(schema.values())
    if isinstance(schema, list):
        for item in schema:
            yield from _refs(item)


# --- there and back -----------------------------------------------------------------------------------------------

NUMBER = st.floats(-100, 100).map(lambda x: round(x, 3))
PAIR = st.tuples(NUMBER, NUMBER).map(lambda p: sorted(p))
DRAWN = st.one_of(
    NUMBER,
    PAIR,
    PAIR.map(lambda p: {"min": p[0], "max": p[1]}),
    PAIR.map(lambda p: {"sobol": p, "dimension": 2}),
    st.lists(NUMBER, min_size=1, max_size=4).map(lambda v: {"choice": v}),
    st.tuples(NUMBER, NUMBER).map(lambda p: {"if": "frame > 3", "then": p[0], "else": p[1]}),
)
FACTOR = st.one_of(
    st.floats(0.1, 100).map(lambda x: round(x, 3)),
    st.lists(st.floats(0.1, 9), min_size=1, max_size=4).map(lambda v: {"choice": v}),
)
WHEN = st.fixed_dictionaries(
    {},
    optional={
        "every": st.integers(1, 9),
        "from": st.integers(0, 9),
        "chance": st.floats(0, 1),
        "if": st.just("frame < 9"),
    },
)
POSE = st.fixed_dictionaries(
    {"kind": st.just("pose"), "prims": st.just(["/A/*"]), "scale": FACTOR},
    optional={"translate": st.fixed_dictionaries({"x": DRAWN}, optional={"z": DRAWN}), "when": WHEN},
)
WHOLE = st.fixed_dictionaries(
    {
        "stage": st.sampled_from(["a.usda", ["a.usda", "b/c.usda"]]),
        "cameras": st.just(["Front", {"name": "side", "look_at": {"eye": [1, 2, 3], "target": [0, 0, 0]}}]),
        "labels": st.sampled_from(
            [["box"], {"box": ["crate", "box"]}, [{"name": "box", "supercategory": "goods"}]]
        ),
        "randomize": st.lists(POSE, max_size=3).map(
            lambda items: [{**p, "name": f"p{i}"} for i, p in enumerate(items)]
        ),
    },
    optional={
        "seed": st.integers(0, 2**63 - 1),
        "frames": st.integers(1, 999_999),
        "engine": st.sampled_from([{"kind": "null"}, {"kind": "path", "spp": 3}]),
        "accept": st.sampled_from([{}, {"classes": {"box": {"min": 1, "max": 3}}, "occlusion": [0.1, 0.5]}]),
        "splits": st.sampled_from([{}, {"train": 0.8, "val": 0.2}]),
    },
)


@given(WHOLE)
@settings(deadline=None, max_examples=60)
def test_a_recipe_comes_back_from_yaml_as_it_was(data: dict[str, Any]) -> None:
    recipe = parse_recipe(data)
    text = recipe.to_yaml()
    again = parse_recipe(yaml.safe_load(text))
    assert again == recipe and again.hash == recipe.hash and again.to_yaml() == text
    assert jsonschema.Draft202012Validator(SCHEMA).is_valid(yaml.safe_load(text))


SCHEMA = json.loads(recipe_schema())


# --- in Python ----------------------------------------------------------------------------------------------------


def test_the_example_in_python_runs(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import runpy
    import sys

    monkeypatch.setattr(sys, "argv", ["dataset.py", str(tmp_path / "d")])
    runpy.run_path(str(root / "examples/python/dataset.py"), run_name="__main__")
    said = capsys.readouterr().out
    assert said.startswith("3 images, ") and said.strip().endswith(" 0 findings")
    assert len((root / "examples/python/dataset.py").read_text().splitlines()) < 22


def test_names_are_found_when_they_are_needed(yard_recipe: Callable[..., Any]) -> None:
    import subprocess
    import sys

    code = (
        "import sys, twinstage.synth as s; heavy = {'pxr', 'open3d', 'mitsuba', 'pydantic', 'numpy'} & set(sys.modules);"
        "assert not heavy, heavy; import twinstage.synth.generation;"
        "from twinstage.synth import Recipe, generate, load_recipe, make_frame, write_report, LookAt, CameraSpec, Generated;"
        "assert callable(generate)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
