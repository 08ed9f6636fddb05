"""Symmetries that a recipe declares: which turns follow, what models and BOP say, and a wrong one is found."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.base.errors import UserError
from twinstage.synth.generation import generate
from twinstage.synth.recipe import parse_recipe
from twinstage.synth.symmetries import Symmetry, listed
from twinstage.synth.verify import verify
from twinstage.synth.verify.formats import verify_format

LOW, SIZE = [-0.5, 0.0, 0.0], [1.0, 0.5, 0.25]
CORNERS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (0.0, 0.5) for z in (0.0, 0.25)])


def turns(*symmetries: dict[str, Any]) -> list[np.ndarray]:
    found = listed([Symmetry.model_validate(s) for s in symmetries], LOW, SIZE)
    return [np.array(t).reshape(4, 4) for t in found.get("symmetries_discrete", [])]


def test_half_turns_of_a_carton_make_a_third_and_map_its_corners_onto_themselves() -> None:
    found = turns({"axis": "x", "fold": 2}, {"axis": "z", "fold": 2})
    assert len(found) == 3
    for turn in found:
        moved = CORNERS @ turn[:3, :3].T + turn[:3, 3]
        assert {tuple(np.round(p, 9) + 0.0) for p in moved} == {tuple(p) for p in CORNERS}


@pytest.mark.parametrize(
    ("declared", "count"),
    [
        ([{"axis": "z", "fold": 4}], 3),
        ([{"axis": [0, 0, -2], "fold": 5}], 4),
        ([{"axis": "z", "fold": 4}, {"axis": "x", "fold": 4}], 23),  # the rotations of a cube
        ([{"axis": "z", "fold": 6}, {"axis": "x", "fold": 2}], 11),  # of a hexagonal nut
        ([{"axis": "z", "fold": "any"}], 0),
    ],
)
def test_the_groups_are_whole(declared: list[dict[str, Any]], count: int) -> None:
    assert len(turns(*declared)) == count


def test_an_endless_one_names_its_axis_and_a_point_on_it() -> None:
    found = listed([Symmetry(axis="z", fold="any"), Symmetry(axis="x", fold=2)], LOW, SIZE)
    assert found["symmetries_continuous"] == [{"axis": [0, 0, 1], "offset": [0, 0.25, 0.125]}]
    assert len(found["symmetries_discrete"]) == 1
    assert listed([Symmetry(axis="z", fold="any", about="origin")], LOW, SIZE)["symmetries_continuous"][0][
        "offset"
    ] == [0, 0, 0]


@pytest.mark.parametrize(
    ("declared", "sentence"),
    [
        ([{"axis": "z", "fold": 1}], "labels.0.symmetries.0.fold"),
        ([{"axis": [0, 0, 0], "fold": 2}], "labels.0.symmetries.0: the axis has no length"),
        (
            [{"axis": "z", "fold": 2}, {"axis": "x", "fold": 2, "about": "origin"}],
            "give all of them the same `about`",
        ),
        ([{"axis": "z", "fold": 7}, {"axis": "x", "fold": 5}], "more than 120 different turns together"),
    ],
)
def test_mistakes_are_one_sentence(declared: list[dict[str, Any]], sentence: str) -> None:
    with pytest.raises(UserError) as told:
        parse_recipe(
            {"stage": "a.usda", "cameras": ["c"], "labels": [{"name": "box", "symmetries": declared}]}
        )
    assert sentence in str(told.value) and "\n" not in str(told.value)


def test_models_and_bop_have_them_and_a_wrong_one_is_named(
    yard: Path, yard_recipe: Any, tmp_path: Path
) -> None:
    cube = [{"axis": "z", "fold": 4}, {"axis": "x", "fold": 4}]
    labels = [
        {"name": "box", "symmetries": cube},
        {"name": "pallet", "symmetries": [{"axis": "z", "fold": 2}]},
        {"name": "parcel"},
    ]
    common = {"frames": 1, "randomize": [], "splits": {}, "annotate": ["rgb", "depth", "models"]}
    recipe = yard_recipe(**common, labels=labels, export=[{"kind": "bop"}])
    assert generate(recipe, tmp_path / "d", base_dir=yard.parent).findings == ()
    counted = {
        entry["class"]: len(entry.get("symmetries_discrete", []))
        for entry in json.loads((tmp_path / "d/models/models.json").read_text()).values()
    }
    assert counted == {"box": 23, "pallet": 1, "parcel": 0}
    infos = json.loads((tmp_path / "d/bop/models/models_info.json").read_text())
    assert {i["class"]: len(i.get("symmetries_discrete", [])) for i in infos.values()} == counted
    assert not verify_format(tmp_path / "d/bop", "bop").findings
    labels[1]["symmetries"] = [{"axis": "z", "fold": 4}]  # 1.2 m by 0.8 m
    wrong = yard_recipe(**common, labels=labels, export=[{"kind": "bop"}])
    generate(wrong, tmp_path / "w", base_dir=yard.parent)
    (found,) = {f.code for f in verify(tmp_path / "w").findings} - {"bop.models-symmetry"}
    assert found == "model.symmetry"
    (found,) = {f.code for f in verify_format(tmp_path / "w/bop", "bop").findings}
    assert found == "bop.models-symmetry"
