"""The recipe file: both ways, its schema, and one sentence for each mistake."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from twinstage.base.errors import UserError
from twinstage.scene.snapshot import SceneObject
from twinstage.synth.complaints import shown
from twinstage.synth.labels import LabelClass, class_of, is_target
from twinstage.synth.recipe import Recipe, load_recipe, parse_recipe

SMALL = """recipe: 1
stage: cell.usda
cameras: [Front]
labels: [box, pallet]
randomize:
  - {kind: visibility, name: gone, prims: [/A], probability: 0.5}
export:
  - kind: coco
"""


def load(tmp_path: Path, text: str, *overrides: str) -> Recipe:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    return load_recipe(path, overrides)


def test_a_recipe_survives_yaml(yard_recipe: Callable[..., Any], tmp_path: Path) -> None:
    recipe = yard_recipe()
    again = load(tmp_path, recipe.to_yaml())
    assert again == recipe and again.hash == recipe.hash


def test_the_hash_is_about_content_not_place(yard_recipe: Callable[..., Any]) -> None:
    recipe = yard_recipe()
    assert yard_recipe(stage="elsewhere/yard.usda", asset_roots=["/x"]).hash == recipe.hash
    assert yard_recipe(seed=4).hash != recipe.hash
    assert yard_recipe(randomize=[]).hash != recipe.hash


def test_the_schema_accepts_a_recipe_and_knows_the_plugins(
    yard_recipe: Callable[..., Any], recipe_judge: Any
) -> None:
    recipe_judge.check_schema(recipe_judge.schema)
    document = yaml.safe_load(yard_recipe().to_yaml())
    assert recipe_judge.is_valid(document)
    document["randomize"][0]["kind"] = "shear"
    assert not recipe_judge.is_valid(document)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (SMALL.replace("labels", "lables"), r"recipe.yaml.*unknown field 'lables'; did you mean 'labels'"),
        (
            SMALL.replace("kind: visibility", "kind: visibilty"),
            r"recipe.yaml:6: randomize.0: no randomizer named 'visibilty'; did you mean 'visibility'",
        ),
        (
            SMALL.replace("probability: 0.5", "probability: 2"),
            r"recipe.yaml:6: randomize.0.probability: is 2; expected at most 1",
        ),
        (
            SMALL.replace("probability", "probabilty"),
            r"recipe.yaml:6: randomize.0: unknown field 'probabilty'; did you mean 'probability'",
        ),
        (SMALL.replace("stage: cell.usda\n", ""), r"recipe.yaml:1: stage: is missing"),
        (
            SMALL.replace("- kind: coco", "- kind: cocoo"),
            r"recipe.yaml:8: export.0: no writer named 'cocoo'; did you mean 'coco'",
        ),
        (SMALL.replace("- kind: coco", "- coco"), "export.0: a writer needs a kind, one of: .*coco"),
        (SMALL + "targets: [boxes]\n", "target 'boxes' is no class in labels; did you mean 'box'"),
        (SMALL + "engine: {kind: blender}\n", "engine: no engine named 'blender'; known: .*direct"),
        (SMALL + "engine: {sppp: 3}\n", "engine: unknown field 'sppp'; did you mean 'spp'"),
        (
            SMALL + "annotate: [rgb, dept]\n",
            "recipe.yaml:9: annotate.1: 'dept' is not known here; did you mean 'depth'",
        ),
        (SMALL + "frames: 0\n", "recipe.yaml:9: frames: is 0; expected at least 1"),
        (
            SMALL.replace("[box, pallet]", "{box: [a], pallet: [a]}"),
            r"label 'a' would mean both 'box' and 'pallet'",
        ),
        (SMALL.replace("[Front]", "[Front, /X/Front]"), "two cameras are both named 'Front'"),
        (
            SMALL.replace("[Front]", "[{name: a, prim: b, look_at: {eye: [0, 0, 1], target: [1, 0, 0]}}]"),
            "prim and look_at exclude each other",
        ),
        ("a: [1\n", "recipe.yaml:2: not valid YAML"),
        (SMALL + "when: 2026-13-45\n", "recipe.yaml: a value cannot be read as YAML"),
        (SMALL + 'targets: ["/W/A[z-a]"]\n', r"'/W/A\[z-a\]' is no path pattern: bad character range z-a"),
        (
            SMALL.replace("prims: [/A]", "prims: ['/A[z-a]']"),
            r"recipe.yaml:6: randomize.0.prims.0: '/A\[z-a\]' is no path pattern",
        ),
        (
            SMALL + "frames: 3\nseed: 1\nframes: 4\n",
            r"recipe.yaml:11: frames is given twice, here and in line 9",
        ),
        (
            SMALL.replace("kind: coco", "{kind: coco, folder: a, folder: b}"),
            r"recipe.yaml:8: export.0.folder is given twice, here and in line 8",
        ),
        (SMALL.replace("[box, pallet]", "{box: a, box: b}"), r"recipe.yaml:4: labels.box is given twice"),
        ("- 1\n", "expected a mapping"),
    ],
)
def test_mistakes_are_told_in_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence) as caught:
        load(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing.yaml: there is no such file"):
        load_recipe(tmp_path / "nothing.yaml")


def test_overrides_reach_into_mappings_and_lists(tmp_path: Path) -> None:
    recipe = load(
        tmp_path, SMALL, "engine.spp=4", "randomize.gone.probability=0.25", "cameras.0=Top", "seed=9"
    )
    assert recipe.engine.spp == 4 and recipe.seed == 9
    assert recipe.randomize[0].model_dump()["probability"] == 0.25
    assert recipe.cameras[0].name == "Top"


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("seed", "expected a.b=value"),
        ("randomize.gon.probability=1", "no item 'gon'; did you mean 'gone'"),
        ("stage.x=1", "'x' would lie inside a plain value"),
        ("seed=[", "not a YAML value"),
        ("sed=1", "unknown field 'sed'; did you mean 'seed'"),
    ],
)
def test_wrong_overrides_are_told(tmp_path: Path, override: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        load(tmp_path, SMALL, override)


_BOMB = (
    "[&a [1,1,1,1,1,1,1,1,1],"
    + ",".join(f"&{chr(98 + k)} [{','.join([f'*{chr(97 + k)}'] * 9)}]" for k in range(24))
    + "]"
)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("value", [_BOMB, "&a [*a]", "{a: &a {b: *a}}", "[" * 30_000, "0x" + "f" * 9000])
@pytest.mark.parametrize("field", ["frames", "seed", "splits", "randomize.gone.probability"])
def test_a_value_without_end_is_told(tmp_path: Path, field: str, value: str) -> None:
    with pytest.raises(UserError) as caught:
        load(tmp_path, SMALL, f"{field}={value}")
    assert "\n" not in str(caught.value)


@pytest.mark.timeout(20)
def test_long_values_are_quoted_short() -> None:
    deep: list[Any] = [1]
    for _ in range(200):
        deep = [deep] * 9
    assert len(shown(deep)) <= 40 and shown(deep).startswith("[[")
    assert shown([1, 2.5, None, "x"]) == "[1, 2.5, nothing, 'x']"
    assert len(shown(list(range(10**6)))) == 40
    assert shown(1 << 40_000) == "a number of more than 1000 digits"


def test_category_ids_follow_the_recipe(yard_recipe: Callable[..., Any]) -> None:
    from twinstage.synth.generation import labels_document

    classes = labels_document(yard_recipe(labels=["parcel", "box"]))["classes"]
    assert [(c["id"], c["name"]) for c in classes] == [(1, "parcel"), (2, "box")]


CLASSES = [LabelClass(name="box", labels=("box", "crate")), LabelClass(name="pallet")]


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        (("crate",), "box"),
        (("red", "pallet"), "pallet"),
        (("floor",), None),
        ((), None),
        (("box", "crate"), "box"),
    ],
)
def test_classes_come_from_the_label_map(labels: tuple[str, ...], name: str | None) -> None:
    assert class_of(SceneObject(0, "/A", -1, labels[0] if labels else "", labels), CLASSES) == name


def test_two_classes_for_one_object_are_an_error() -> None:
    with pytest.raises(
        UserError, match=r"/A is labelled 'crate' and 'pallet', .* two classes: box and pallet"
    ):
        class_of(SceneObject(0, "/A", -1, "crate", ("crate", "pallet")), CLASSES)


@pytest.mark.parametrize(
    ("targets", "wanted"),
    [((), True), (("box",), True), (("pallet",), False), (("/A/*",), True), (("/B/*", "pallet"), False)],
)
def test_targets_are_classes_or_paths(targets: tuple[str, ...], wanted: bool) -> None:
    assert is_target(SceneObject(0, "/A/Crate", -1, "box", ("box",)), "box", targets) is wanted


def test_minimal_data_is_enough() -> None:
    recipe = parse_recipe({"stage": "a.usda", "cameras": ["C"], "labels": ["x"]})
    assert recipe.annotate == ("rgb", "depth", "instance") and recipe.resolution == (640, 480)


def test_an_object_s_own_label_wins_over_its_ancestors() -> None:
    nested = SceneObject(0, "/Cart/Crate", -1, "crate", ("crate", "pallet"), own=1)
    assert class_of(nested, CLASSES) == "box"
    unmapped = SceneObject(0, "/Cart/Crate", -1, "thing", ("thing", "pallet"), own=1)
    assert class_of(unmapped, CLASSES) == "pallet"
