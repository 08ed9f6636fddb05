"""Mistakes in recipes: each is told in one sentence, with the line it is in and what was expected.

The sentences stand here in full, so that one can read them aloud. Where a list of what is known follows, it may grow.
"""

from pathlib import Path

import pytest

from twinstage.base.errors import UserError
from twinstage.synth.recipe import load_recipe

GOOD = """\
recipe: 1
stage: cell.usda
seed: 7
frames: 20
resolution: [640, 480]
cameras:
  - Front
  - {name: side, look_at: {eye: [5, 0, 2], target: [0, 0, 0.2], fov: 60}}
labels: {box: [box, crate], pallet: null}
targets: [box]
randomize:
  - kind: pose
    name: goods
    prims: [/World/Goods/*]
    translate: {x: [-0.2, 0.2]}
    when: {every: 5}
  - kind: light
    name: lamps
    lights: [/World/Lights/*]
    intensity: {loguniform: [0.5, 2]}
  - kind: camera
    name: walk
    cameras: [side]
    target: [0, 0, 0.5]
    distance: [2, 6]
annotate: [rgb, depth, instance]
engine: {kind: direct, spp: 4}
accept: {min_visible_px: 20, min_objects: 1}
splits: {train: 0.8, val: 0.2}
export:
  - {kind: coco}
"""

MISTAKES: list[tuple[str, str, str, int, str]] = [
    ("a mistyped field", "frames: 20", "frame: 20", 4, "unknown field 'frame'; did you mean 'frames'?"),
    (
        "a field of an item",
        "    prims: [/World/Goods/*]",
        "    prim: [/World/Goods/*]",
        14,
        "randomize.0: unknown field 'prim'; did you mean 'prims'?",
    ),
    ("no stage", "stage: cell.usda", "# stage: cell.usda", 1, "stage: is missing"),
    (
        "a word for a number",
        "frames: 20",
        "frames: many",
        4,
        "frames: 'many' is given; expected a whole number",
    ),
    ("half a frame", "frames: 20", "frames: 20.5", 4, "frames: 20.5 is given; expected a whole number"),
    ("no frames", "frames: 20", "frames: 0", 4, "frames: is 0; expected at least 1"),
    ("a negative seed", "seed: 7", "seed: -7", 3, "seed: is -7; expected at least 0"),
    (
        "one number for a resolution",
        "resolution: [640, 480]",
        "resolution: 640",
        5,
        "resolution: 640 is given; expected a list, such as [a, b]",
    ),
    (
        "three numbers",
        "resolution: [640, 480]",
        "resolution: [640, 480, 3]",
        5,
        "resolution: has 3 items; expected at most 2",
    ),
    (
        "no camera",
        "cameras:\n  - Front\n  - {name: side, look_at: {eye: [5, 0, 2], target: [0, 0, 0.2], fov: 60}}",
        "cameras: []",
        6,
        "cameras: is empty; expected at least one",
    ),
    ("a camera twice", "  - Front", "  - side", 8, "cameras.1: two cameras are both named 'side'"),
    (
        "an impossible angle",
        "fov: 60",
        "fov: 190",
        8,
        "cameras.1.look_at.fov: is 190; expected less than 180",
    ),
    (
        "a point of two numbers",
        "eye: [5, 0, 2]",
        "eye: [5, 0]",
        8,
        "cameras.1.look_at.eye: has 2 items; expected 3",
    ),
    (
        "a name with a space",
        "name: side",
        "name: the side",
        8,
        "cameras.1.name: is 'the side'; expected a name of letters, digits and _",
    ),
    (
        "a label of two classes",
        "pallet: null",
        "pallet: [crate]",
        9,
        "labels.pallet: label 'crate' would mean both 'box' and 'pallet'",
    ),
    (
        "a target that is no class",
        "targets: [box]",
        "targets: [boxes]",
        10,
        "targets.0: target 'boxes' is no class in labels; did you mean 'box'?",
    ),
    (
        "a kind that is none",
        "kind: pose",
        "kind: poze",
        12,
        "randomize.0: no randomizer named 'poze'; did you mean 'pose'?",
    ),
    (
        "no kind",
        "  - kind: pose\n    name: goods",
        "  - name: goods",
        12,
        "randomize.0: a randomizer needs a kind, one of:",
    ),
    ("no name", "    name: goods\n", "", 12, "randomize.0.name: is missing"),
    (
        "two of a name",
        "name: lamps",
        "name: goods",
        17,
        "randomize.1: two randomizers are both named 'goods'",
    ),
    (
        "nothing to do",
        "    translate: {x: [-0.2, 0.2]}\n",
        "",
        12,
        "randomize.0: nothing to do: give translate, rotate, scale or scatter",
    ),
    (
        "an axis that is none",
        "{x: [-0.2, 0.2]}",
        "{w: [-0.2, 0.2]}",
        15,
        "randomize.0.translate: unknown field 'w'; known: x, y, z",
    ),
    (
        "high below low",
        "[-0.2, 0.2]",
        "[0.2, -0.2]",
        15,
        "randomize.0.translate.x: high -0.2 is below low 0.2",
    ),
    (
        "three numbers to draw from",
        "[-0.2, 0.2]",
        "[-0.2, 0, 0.2]",
        15,
        "randomize.0.translate.x: [-0.2, 0, 0.2] is no number to draw; expected 3, [low, high], "
        "{normal: [mean, std]} or the like",
    ),
    (
        "a distribution that is none",
        "{loguniform: [0.5, 2]}",
        "{loguniforn: [0.5, 2]}",
        20,
        "randomize.1.intensity.loguniforn: there is no distribution 'loguniforn'; did you mean 'loguniform'?",
    ),
    (
        "a logarithm of zero",
        "{loguniform: [0.5, 2]}",
        "{loguniform: [0, 2]}",
        20,
        "randomize.1.intensity.loguniform: is 0; expected more than 0",
    ),
    (
        "two ways to place a camera",
        "    distance: [2, 6]",
        "    distance: [2, 6]\n    fill: 0.5",
        21,
        "randomize.2: give exactly one of distance, fill and eye, not distance and fill",
    ),
    ("a row of no frames", "every: 5", "every: 0", 16, "randomize.0.when.every: is 0; expected at least 1"),
    (
        "a condition that runs code",
        "when: {every: 5}",
        "when: {if: \"open('x')\"}",
        16,
        "randomize.0.when.if: the expression \"open('x')\" calls 'open', which is no function here; known:",
    ),
    (
        "a trigger field",
        "when: {every: 5}",
        "when: {evry: 5}",
        16,
        "randomize.0.when: unknown field 'evry'; did you mean 'every'?",
    ),
    (
        "a picture that is none",
        "depth, instance",
        "dept, instance",
        26,
        "annotate.1: 'dept' is not known here; did you mean 'depth'?",
    ),
    (
        "an engine that is none",
        "kind: direct",
        "kind: cycles",
        27,
        "engine: no engine named 'cycles'; known:",
    ),
    (
        "a setting of no engine",
        "spp: 4",
        "samples: 4",
        27,
        "engine: unknown field 'samples'; did you mean 'spp'?",
    ),
    (
        "a share above one",
        "min_visible_px: 20",
        "min_visibility: 20",
        28,
        "accept.min_visibility: is 20; expected at most 1",
    ),
    (
        "a split without a share",
        "val: 0.2",
        "val: none",
        29,
        "splits.val: 'none' is given; expected a number",
    ),
    (
        "a format that is none",
        "kind: coco",
        "kind: coc",
        31,
        "export.0: no writer named 'coc'; did you mean 'coco'?",
    ),
    ("a format in short", "  - {kind: coco}", "  - coco", 31, "export.0: a writer needs a kind, one of:"),
    (
        "a list where fields are",
        "accept: {min_visible_px: 20, min_objects: 1}",
        "accept: [20, 1]",
        28,
        "accept: [20, 1] is given; expected a mapping of fields, such as {a: 1}",
    ),
    ("a field twice", "seed: 7", "seed: 7\nseed: 8", 4, "seed is given twice, here and in line 3"),
    (
        "a bracket that is not closed",
        "targets: [box]",
        "targets: [box",
        11,
        "not valid YAML: expected ',' or ']', but got ':', in what begins in line 10",
    ),
    ("a tab", "  - kind: light", "\t- kind: light", 17, "not valid YAML: a tab; YAML indents by spaces"),
    (
        "a pattern that is none",
        "/World/Lights/*",
        "'/World/Lights/[z-a]'",
        19,
        "randomize.1.lights.0: '/World/Lights/[z-a]' is no path pattern: bad character range z-a",
    ),
    (
        "split by without splits",
        "splits: {train: 0.8, val: 0.2}",
        "split_by: [asset]",
        29,
        "split_by.0: asset cannot be dealt out; splits needs at least two for it",
    ),
    (
        "an export among the dataset's own files",
        "kind: coco",
        "kind: coco, folder: images",
        31,
        "export.0.folder: 'images' is the dataset's own folder; name another for the export",
    ),
    ("another version", "recipe: 1", "recipe: 2", 1, "recipe: 2 is not known here; known: 1"),
]
"""What is wrong, the good text, the bad one, the line, the sentence."""


def test_the_good_one_is_good(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(GOOD)
    assert load_recipe(tmp_path / "recipe.yaml").frames == 20


def test_there_are_enough() -> None:
    assert len({mistake[0] for mistake in MISTAKES}) >= 40


@pytest.mark.parametrize(
    ("old", "new", "line", "sentence"),
    [m[1:] for m in MISTAKES],
    ids=[m[0].replace(" ", "-") for m in MISTAKES],
)
def test_one_sentence_with_the_line(tmp_path: Path, old: str, new: str, line: int, sentence: str) -> None:
    assert GOOD.count(old) >= 1
    (tmp_path / "recipe.yaml").write_text(GOOD.replace(old, new, 1))
    with pytest.raises(UserError) as caught:
        load_recipe(tmp_path / "recipe.yaml")
    told = str(caught.value)
    if sentence.endswith(":"):
        assert told.startswith(f"recipe.yaml:{line}: {sentence} ")
    else:
        assert told == f"recipe.yaml:{line}: {sentence}"
    assert "\n" not in told and len(told) < 400 and "Input should" not in told
