"""Rules for whole frames: each refuses what it says, by name and in one sentence, and nothing else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from twinstage.base.errors import UserError
from twinstage.synth.accept import Accept
from twinstage.synth.acceptance import Sight, brightness, exposure_refusal, refusal
from twinstage.synth.dataset import Dataset
from twinstage.synth.generation import generate


def sight(
    name: str = "box", path: str = "/W/Box", occlusion: float = 0.0, truncation: float = 0.0, **more: Any
) -> Sight:
    return Sight(name, path, occlusion, truncation, more.get("box", (0.0, 0.0, 10.0, 10.0)))


TWO = [sight(), sight("pallet", "/W/Pallet", 0.4, 0.2, box=(5.0, 0.0, 15.0, 10.0))]


@pytest.mark.parametrize(
    ("accept", "rule", "sentence"),
    [
        ({"min_objects": 3}, "accept.min_objects", "2 annotated objects, at least 3 wanted"),
        ({"max_objects": 1}, "accept.max_objects", "2 annotated objects, at most 1 wanted"),
        ({"classes": {"box": 2}}, "accept.classes.box", "1 annotated objects of box, at least 2 wanted"),
        (
            {"classes": {"pallet": {"max": 0}}},
            "accept.classes.pallet",
            "1 annotated objects of pallet, at most 0 wanted",
        ),
        ({"in_view": ["/W/Cart*"]}, "accept.in_view", "/W/Cart* is in no picture"),
        ({"in_view": ["box", "cart"]}, "accept.in_view", "cart is in no picture"),
        (
            {"occlusion": [0.3, 0.9]},
            "accept.occlusion",
            "the mean occlusion is 0.20, 0.3 to 0.9 wanted",
        ),
        ({"max_occlusion": 0.3}, "accept.max_occlusion", "an occlusion of 0.40, at most 0.3 wanted"),
        ({"max_truncation": 0.1}, "accept.max_truncation", "a truncation of 0.20, at most 0.1 wanted"),
        ({"max_overlap": 0.3}, "accept.max_overlap", "two boxes overlap by 0.33, at most 0.3 wanted"),
    ],
)
def test_each_rule_refuses_what_it_says(accept: dict[str, Any], rule: str, sentence: str) -> None:
    found = refusal(Accept.model_validate(accept), [TWO])
    assert found is not None and (found.rule, found.reason) == (rule, sentence)


@pytest.mark.parametrize(
    "accept",
    [
        {},
        {"min_objects": 2, "max_objects": 2, "classes": {"box": {"min": 1, "max": 1}}},
        {"in_view": ["box", "/W/*"], "occlusion": [0.1, 0.3], "max_occlusion": 0.4},
        {"max_truncation": 0.2, "max_overlap": 0.34},
    ],
)
def test_and_lets_pass_what_it_allows(accept: dict[str, Any]) -> None:
    assert refusal(Accept.model_validate(accept), [TWO]) is None


def test_boxes_of_two_pictures_do_not_overlap() -> None:
    assert refusal(Accept(max_overlap=0.0), [TWO[:1], TWO[:1]]) is None


def test_brightness_is_that_of_the_colours() -> None:
    picture = np.zeros((2, 2, 3), np.uint8)
    assert brightness(picture) == 0
    picture[:, 0] = 255
    assert brightness(picture) == pytest.approx(0.5)
    picture[:] = (0, 255, 0)
    assert brightness(picture) == pytest.approx(0.7152)
    refused = exposure_refusal(Accept(exposure=(0.1, 0.6)), [picture])
    assert refused is not None and refused.reason == "the mean brightness is 0.72, 0.1 to 0.6 wanted"
    assert exposure_refusal(Accept(exposure=(0.1, 0.8)), [picture]) is None


@pytest.mark.parametrize(
    ("accept", "sentence"),
    [
        ({"min_objects": 3, "max_objects": 2}, "max_objects 2 is below min_objects 3"),
        ({"occlusion": [0.5, 0.1]}, "occlusion: high 0.1 is below low 0.5"),
        ({"classes": {"box": {"min": 2, "max": 1}}}, "max 1 is below min 2"),
        ({"min_object": 1}, "did you mean 'min_objects'"),
    ],
)
def test_rules_that_nothing_can_keep_are_refused(accept: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        Accept.model_validate(accept)


def test_classes_that_are_none_are_told(yard_recipe: Callable[..., Any]) -> None:
    with pytest.raises(
        UserError, match=r"accept.classes.boxes: 'boxes' is no class in labels; did you mean 'box'"
    ):
        yard_recipe(accept={"classes": {"boxes": 1}})
    with pytest.raises(
        UserError, match=r"accept.exposure: exposure is about pictures, so annotate needs rgb"
    ):
        yard_recipe(accept={"exposure": [0, 1]}, annotate=["depth"])


def test_refusals_are_counted_by_rule_in_record_manifest_and_result(
    yard: Path, yard_recipe: Callable[..., Any], tmp_path: Path
) -> None:
    import json

    recipe = yard_recipe(
        accept={"classes": {"box": {"max": 2}}, "max_truncation": 0.5, "attempts": 3}, frames=4, annotate=[]
    )
    result = generate(recipe, tmp_path / "d", base_dir=yard.parent)
    records = list(Dataset(tmp_path / "d").records())
    rules = [attempt["rule"] for record in records for attempt in record["rejected_attempts"]]
    assert rules and set(rules) <= {"accept.classes.box", "accept.max_truncation", "randomize.boxes"}
    assert result.refusals == {rule: rules.count(rule) for rule in sorted(set(rules))}
    assert json.loads((tmp_path / "d/manifest.json").read_bytes())["refusals"] == result.refusals
    for record in records:
        if not record["rejected"]:
            boxes = [o for camera in record["cameras"] for o in camera["objects"] if o["class"] == "box"]
            assert len([o for o in boxes if o["visible_px"] >= 1]) <= 2


def test_exposure_looks_at_the_finished_picture(
    yard: Path, yard_recipe: Callable[..., Any], tmp_path: Path
) -> None:
    recipe = yard_recipe(accept={"exposure": [0.99, 1], "attempts": 2}, frames=1, cameras=["Front"])
    result = generate(recipe, tmp_path / "d", base_dir=yard.parent)
    assert result.refusals["accept.exposure"] >= 1 and list(result.rejected) == [0]
