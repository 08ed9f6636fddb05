"""Values that no field means: refused in one sentence with the field, never a traceback, never in silence."""

import copy
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from twinstage.base.errors import UserError
from twinstage.synth.randomizers import RANDOMIZERS
from twinstage.synth.recipe import load_recipe, parse_recipe

RECIPES = Path(__file__).parents[2] / "examples/randomizers"
ODD: list[Any] = [-2, 0, 1e9, 1.5, math.nan, -1e300, "abc", "", [], [3, 1], {}, True, None]

NEVER: dict[str, dict[str, list[Any]]] = {
    "animation": {"step": [-1, True]},
    "articulation": {"tries": [0, 10**9]},
    "background": {"brightness": [-1, [-0.5, 1]]},
    "camera": {
        "distance": [-2, 0, [-1, 3], {"normal": [-1, 0.1]}],
        "fov": [0, [0, 40], 400],
        "elevation": [91, [-100, 10]],
        "off_centre": [{}, {"x": -2}, {"y": [0, 3]}],
        "offset": [{}],
        "tries": [0, 10**9],
        "target": [[], ""],
    },
    "camera_path": {"jitter": [{}], "frames": [1, True]},
    "color": {
        "roughness": [-0.1, [0, 2]],
        "metallic": [1.5],
        "diffuse": [{"hue": 0, "saturation": 2, "value": 1}],
    },
    "context": {"distance": [-0.1], "wall": [-1]},
    "count": {"count": [-2, [-3, -1], {"integers": [-1, 4]}, {"choice": [1, -1]}, {"sequence": [3, -2]}]},
    "distractors": {
        "count": [-2, 5000],
        "scale": [0, -1, [0, 1]],
        "most": [0, -3],
        "stretch": [{}, {"x": 0}],
    },
    "environment": {"illuminance": [-1], "temperature": [0, -5], "dome": [""]},
    "fog": {"visibility": [0, -10], "height": [0], "brightness": [-1]},
    "lens": {"near": [0, -1], "far": [-1], "focal_length": [0, -5], "f_stop": [-1], "principal_point": [{}]},
    "light": {"intensity": [-1, {"normal": [-2, 1]}], "temperature": [0, 10]},
    "lights": {
        "count": [-2, 50],
        "size": [0, -1],
        "angle": [-1, 200],
        "illuminance": [-0.1],
        "distance": [0],
    },
    "material": {
        "roughness": [2],
        "ior": [0.5],
        "opacity": [-1],
        "placement": [{}, {"scale": 0}, {"scale": -1}],
    },
    "pose": {"scale": [0, -1, [-1, 1]], "translate": [{}], "clearance": [-1]},
    "scatter": {"scale": [0, [0, 2]], "spacing": [-1], "stretch": [{}]},
    "sensor": {"jpeg": [0, 101, [-5, 50]], "gamma": [0], "blur": [-1], "bits": [-1, 17, True]},
    "settle": {"height": [-1], "friction": [-0.1], "gravity": [0], "duration": [0]},
    "shutter": {"exposure": [-0.1], "readout": [[-1, 0]], "velocity": [{}]},
    "sun": {"turbidity": [0, 100], "angle": [-1], "intensity": [-1], "light": [""]},
    "variants": {"variants": [{"a": -1}]},
    "visibility": {"probability": [-0.1, 1.1, True]},
}
"""What a field of a kind must never take."""


def data_of(kind: str) -> dict[str, Any]:
    """The example recipe of that kind, its own randomizer first."""
    recipe = load_recipe(RECIPES / f"{kind}.yaml")
    data: dict[str, Any] = json.loads(json.dumps(recipe.model_dump(mode="json", exclude_none=True)))
    mine = [item for item in data["randomize"] if item["kind"] == kind]
    return {**data, "randomize": [mine[0]]}


def slots(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where there is something to replace."""
    if path and path[-1] not in ("kind", "name"):
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from slots(item, (*path, key))


def replaced(data: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    out = copy.deepcopy(data)
    inner: Any = out
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    return out


def test_there_are_enough_and_of_every_kind() -> None:
    shipped = {kind for kind in RANDOMIZERS.kinds() if (RECIPES / f"{kind}.yaml").is_file()}
    assert shipped - set(NEVER) == {"binding"}  # which has no number
    assert sum(len(values) for fields in NEVER.values() for values in fields.values()) >= 60


@pytest.mark.parametrize("kind", sorted(NEVER))
def test_what_would_do_nothing_or_nonsense_is_refused_by_field(kind: str) -> None:
    data = data_of(kind)
    rest = {"fog", "lens", "material"}  # fields that go together are left out beside others
    for field, values in NEVER[kind].items():
        for value in values:
            with pytest.raises(UserError) as told:
                parse_recipe(replaced(data, ("randomize", 0, field), value))
            text = str(told.value)
            assert text.startswith(f"recipe: randomize.0.{field}") or kind in rest, text
            assert "\n" not in text and "Input should" not in text and len(text) < 300, text


@pytest.mark.parametrize("kind", sorted([*NEVER, "binding"]))
def test_no_odd_value_is_a_traceback(kind: str) -> None:
    data = data_of(kind)
    for path in slots(data["randomize"][0], ("randomize", 0)):
        for value in ODD:
            try:
                parse_recipe(replaced(data, path, value))
            except UserError as error:
                assert "\n" not in str(error) and "Input should" not in str(error), (path, value, str(error))


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("frames", True, "frames: true is given, which is no value of this field"),
        ("splits", {"train": True}, "splits.train: true is given, which is no value of this field"),
        ("engine", {"spp": True}, "engine.spp: true is given, which is no value of this field"),
        ("engine", None, "engine: nothing is given; the engine of the name null is {kind: null}"),
        ("engine", {"spp": 0}, "engine.spp: is 0; expected at least 1"),
        ("accept", {"attempts": 10**9}, "accept.attempts: is 1000000000; expected at most 10000"),
        ("labels", [{"name": "a", "labels": [""]}], "labels.0.labels.0: is empty; expected a text"),
        (
            "cameras",
            [{"name": "a", "look_at": {"eye": [0, 0, 1], "target": [0, 0, 1]}}],
            "cameras.0.look_at: target is the eye itself, [0.0, 0.0, 1.0]; expected a point elsewhere",
        ),
        (
            "cameras",
            [{"name": "a", "look_at": {"eye": [0, 0, 1], "target": [0, 0, 0], "near": 5, "far": 2}}],
            "cameras.0.look_at: near 5 is not below far 2: nothing is seen between them",
        ),
        (
            "cameras",
            [{"name": "a", "look_at": {"eye": [1e300, 0, 1], "target": [0, 0, 0]}}],
            "cameras.0.look_at.eye.0: is 1e+300; expected a number within +-1e+15",
        ),
        (
            "lights",
            [{"name": "a", "eye": [0, 0, 1], "target": [0, 0, 1]}],
            "lights.0: target is the eye itself, [0.0, 0.0, 1.0]; expected a point elsewhere",
        ),
        (
            "lights",
            [{"name": "a", "eye": [0, 0, 1], "target": [0, 0, 0], "size": [0, 1]}],
            "lights.0.size.0: is 0",
        ),
    ],
)
def test_odd_fields_of_the_recipe_itself(field: str, value: Any, sentence: str) -> None:
    data = {"stage": "a.usda", "cameras": ["Front"], "labels": ["box"], field: value}
    with pytest.raises(UserError) as told:
        parse_recipe(data)
    assert str(told.value).startswith(f"recipe: {sentence}")


@pytest.mark.parametrize("kind", sorted([*NEVER, "binding"]))
def test_every_kind_comes_back_from_the_recipe_that_a_dataset_holds(kind: str, tmp_path: Path) -> None:
    recipe = load_recipe(RECIPES / f"{kind}.yaml")
    (tmp_path / "recipe.yaml").write_text(recipe.to_yaml())
    assert load_recipe(tmp_path / "recipe.yaml").hash == recipe.hash


def test_tails_of_a_gaussian_are_no_mistake() -> None:
    data = data_of("light")
    assert parse_recipe(replaced(data, ("randomize", 0, "intensity"), {"normal": [1, 0.5]}))
    assert parse_recipe(replaced(data, ("randomize", 0, "intensity"), {"truncated": [1, 0.5, 0, 3]}))
    with pytest.raises(UserError, match=r"-0\.5 can be drawn; expected at least 0"):
        parse_recipe(replaced(data, ("randomize", 0, "intensity"), {"truncated": [1, 0.5, -0.5, 3]}))
