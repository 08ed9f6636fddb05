"""count, visibility, variants and animation: what is there, of which form, at what time."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.base.errors import UserError
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.dataset import Dataset
from twinstage.synth.draws import Draws
from twinstage.synth.frame import FrameMaker
from twinstage.synth.generation import generate
from twinstage.synth.randomizers import RANDOMIZERS

Run = Callable[..., Any]
ALL = ["/World/Things/*", "/World/Marbles"]


def shown(snapshot: Snapshot) -> set[tuple[str, int]]:
    """Objects of which something is visible."""
    visible = snapshot.instances.object[snapshot.instances.visible]
    objects = [snapshot.objects[int(i)] for i in np.unique(visible)]
    return {
        (o.prim_path, o.point_id) for o in objects if o.labels and o.prim_path != "/World/Turntable/Cone_A"
    }


def test_count_shows_exactly_so_many_and_all_alike(table: Snapshot, run: Run) -> None:
    assert len(shown(table)) == 16
    seen: Counter[tuple[str, int]] = Counter()
    for frame in range(150):
        out, draws = run(table, frame, kind="count", prims=ALL, count=4)
        there = shown(out)
        assert len(there) == 4
        assert draws.log["shown"] == sorted(p if i < 0 else f"{p}[{i}]" for p, i in there)
        seen.update(there)
    assert (
        len(seen) == 16
    )  # each of the 16 is shown in a quarter of the frames: 37.5 of 150, standard deviation 5.3
    assert min(seen.values()) > 37.5 - 4 * 5.3 and max(seen.values()) < 37.5 + 4 * 5.3


def test_a_drawn_count_and_its_bounds(table: Snapshot, run: Run) -> None:
    numbers = {len(shown(run(table, frame, kind="count", prims=ALL, count=[2, 6])[0])) for frame in range(30)}
    assert numbers == {2, 3, 4, 5, 6}
    assert len(shown(run(table, kind="count", prims=ALL, count=0)[0])) == 0
    with pytest.raises(UserError, match=r"randomizer 'r': 17 of .* are to be shown, but only 16 are there"):
        run(table, kind="count", prims=ALL, count=17)
    assert len(shown(run(table, kind="count", prims=ALL, count=17, at_most=True)[0])) == 16


def test_what_is_hidden_already_is_not_counted(table: Snapshot, run: Run) -> None:
    less, _ = run(table, kind="visibility", prims=["/World/Things/*"], probability=0)
    out, _ = run(less, kind="count", prims=ALL, count=3)
    assert {path for path, _ in shown(out)} == {"/World/Marbles"} and len(shown(out)) == 3


def test_a_thing_more_in_the_set_changes_the_choice_by_one_at_most(table: Snapshot, run: Run) -> None:
    fewer = [f"/World/Things/{n}" for n in ("Box_A", "Box_B", "Box_C", "Mug_A", "Mug_B", "Tin_A")]
    for frame in range(10):
        before = set(run(table, frame, kind="count", prims=fewer, count=3)[1].log["shown"])
        after = set(
            run(table, frame, kind="count", prims=[*fewer, "/World/Things/Tin_B"], count=3)[1].log["shown"]
        )
        assert len(before - after) <= 1 and after - before <= {"/World/Things/Tin_B"}


def test_visibility_together_is_all_or_nothing(table: Snapshot, run: Run) -> None:
    counts = Counter(
        len(shown(run(table, f, kind="visibility", prims=ALL, probability=0.5, together=True)[0]))
        for f in range(40)
    )
    assert set(counts) == {0, 16} and 8 < counts[0] < 32


@pytest.fixture(scope="module")
def offered(small_recipe: Callable[..., Any], recipes: Path) -> Snapshot:
    """The scene with what variants there are."""
    return FrameMaker(small_recipe("variants"), recipes).snapshot


def variants(snapshot: Snapshot, frame: int, **fields: Any) -> dict[str, Any]:
    randomizer = RANDOMIZERS.get("variants").model_validate({"kind": "variants", "name": "v", **fields})
    return {e.prim_path: e.value for e in randomizer.structure_edits(snapshot, Draws(1, frame, "v"))}


def test_variants_follow_their_weights(offered: Snapshot) -> None:
    drawn = Counter(
        variants(offered, f, prims=["/World/Things/Box_A"], set="size", variants={"small": 1, "large": 3})[
            "/World/Things/Box_A"
        ]
        for f in range(400)
    )
    assert set(drawn) == {"small", "large"} and drawn["large"] / 400 == pytest.approx(0.75, abs=0.07)
    every = {
        variants(offered, f, prims=["/World/Things/*"], set="size")["/World/Things/Box_A"] for f in range(40)
    }
    assert every == {"small", "medium", "large"}
    mugs = [variants(offered, f, prims=["/World/Things/Mug_*"], set="glaze") for f in range(30)]
    assert {len(set(m.values())) for m in mugs} == {1, 2}
    both = [
        variants(offered, f, prims=["/World/Things/Mug_*"], set="glaze", together=True) for f in range(30)
    ]
    assert {len(set(m.values())) for m in both} == {1} and len({*map(str, both)}) == 3


def test_the_variant_that_was_chosen_is_what_is_seen(small_recipe: Callable[..., Any], recipes: Path) -> None:
    maker = FrameMaker(small_recipe("variants"), recipes)
    widths = {"small": 0.12, "medium": 0.18, "large": 0.26}
    found = set()
    for frame in range(6):
        made = maker.randomized(frame)
        size = next(e.value for e in made.scene.structure.edits if e.property == "variants:size")
        rows = [
            made.snapshot.prototypes[made.snapshot.instances.prototype[row]].points
            for row, prim in enumerate(made.snapshot.instances.prim)
            if made.snapshot.prims.path[prim].startswith("/World/Things/Box_A/")
        ]
        assert np.ptp(np.concatenate(rows)[:, 0]) == pytest.approx(widths[size])
        found.add(size)
    assert len(found) > 1


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"prims": ["/World/Things/Box_A"], "set": "sise"}, "has a variant set 'sise'; did you mean 'size'"),
        (
            {"prims": ["/World/Things/Tin_A"], "set": "size"},
            "no prim that matches /World/Things/Tin_A has a variant set",
        ),
        (
            {"prims": ["/World/Things/Box_A"], "set": "size", "variants": ["smal"]},
            "no variant 'smal'; did you mean 'small'",
        ),
    ],
)
def test_variants_that_are_not_there_are_told(
    offered: Snapshot, fields: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(UserError, match=f"randomizer 'v'.*{sentence}"):
        variants(offered, 0, **fields)


def test_animation_moves_what_is_animated_and_the_record_says_when(
    small_recipe: Callable[..., Any], recipes: Path, tmp_path: Path
) -> None:
    recipe = small_recipe("animation", ["cameras=[Front]"])
    generate(recipe, tmp_path / "d", base_dir=recipes)
    angles = set()
    for record in Dataset(tmp_path / "d").records():
        cone = next(o for o in record["cameras"][0]["objects"] if o["class"] == "cone")
        angle = np.radians(record["time"] / 48 * 360)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        place = np.array([0.18, 0.16]) + turn @ [0.06, 0.03]
        np.testing.assert_allclose(np.array(cone["world_from_object"])[:2, 3], place, atol=1e-6)
        assert record["time"] == round(record["time"]) and 0 <= record["time"] <= 48
        angles.add(record["time"])
    assert len(angles) > 1


def test_times_are_drawn_by_code_by_second_or_from_a_list(table: Snapshot) -> None:
    def time(frame: int, **fields: Any) -> float | None:
        made = RANDOMIZERS.get("animation").model_validate({"kind": "animation", "name": "a", **fields})
        return made.time_code(table, Draws(3, frame, "a"))

    assert time(0, seconds=1.5) == 36  # 24 time codes a second
    assert time(0, time_codes=10.3, step=0) == 10.3 and time(0, time_codes=10.3, step=4) == 12
    assert [time(f, listed=[3, 7, 40], in_order=True) for f in range(5)] == [3, 7, 40, 3, 7]
    assert {time(f, listed=[3, 7.25]) for f in range(20)} == {3, 7.25}
    slower = replace(table, stage=replace(table.stage, time_codes_per_second=60.0))
    made = RANDOMIZERS.get("animation").model_validate({"kind": "animation", "name": "a", "seconds": 1.5})
    assert made.time_code(slower, Draws(3, 0, "a")) == 90


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "not none"),
        ({"seconds": 1, "time_codes": 2}, "not time_codes and seconds"),
        ({"seconds": 1, "in_order": True}, "needs listed"),
    ],
)
def test_times_that_make_no_sense_are_refused(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        RANDOMIZERS.get("animation").model_validate({"kind": "animation", "name": "a", **fields})
