"""Which objects the judge draws again from their models: spread over all frames, within bounds, the same each time."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from twinstage.cli.synth import app
from twinstage.synth.generation import generate
from twinstage.synth.verify import sample, verify


def record(frame: int, objects: int = 5, **more: Any) -> dict[str, Any]:
    items = [{"instance_id": n, "model": "m", **more} for n in range(1, objects + 1)]
    return {"frame": frame, "cameras": [{"name": name, "objects": items} for name in ("a", "b")]}


def test_few_objects_are_all_drawn() -> None:
    keys, listed = sample.chosen([record(frame) for frame in range(20)], {"m": 12})
    assert listed == 200 and len(keys) == 200


def test_many_are_sampled_alike_over_frames_cameras_and_objects() -> None:
    records = [record(frame) for frame in range(2000)]
    keys, listed = sample.chosen(records, {"m": 12})
    assert listed == 20_000 and sample.DRAWN <= len(keys) < 2 * sample.DRAWN
    assert (keys, listed) == sample.chosen(reversed(records), {"m": 12})
    quarters = Counter(frame // 500 for frame, _, _ in keys)
    assert all(quarters[q] == pytest.approx(250, abs=60) for q in range(4))
    for place, names in ((1, "ab"), (2, range(1, 6))):
        counts = Counter(key[place] for key in keys)
        assert set(counts) == set(names) and max(counts.values()) < 1.3 * min(counts.values())


def test_the_budget_of_triangles_does_not_favour_early_frames() -> None:
    most = sample.MOST_TRIANGLES
    keys, _ = sample.chosen([record(frame, 1) for frame in range(500)], {"m": most})
    assert len(keys) == sample.TRIANGLES_DRAWN // most == 250
    assert sum(frame < 250 for frame, _, _ in keys) == pytest.approx(125, abs=35)
    assert sample.chosen([record(0)], {"m": most + 1})[0] == frozenset()
    assert sample.chosen([record(0, moves=True)], {"m": 12}) == (frozenset(), 10)


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"frame": 0, "cameras": 3},
        {"cameras": [3, {"objects": 4}, {"objects": [5, {}]}]},
        record(0) | {"frame": "x"},
    ],
)
def test_malformed_records_are_left_to_other_rules(broken: dict[str, Any]) -> None:
    assert sample.chosen([broken], {"m": 12})[0] == frozenset()


def test_the_report_says_how_many(yard: Path, yard_recipe: Any, yard_dataset: Path, tmp_path: Path) -> None:
    recipe = yard_recipe(frames=2, annotate=["depth", "models"], export=[])
    done = generate(recipe, tmp_path / "d", base_dir=yard.parent)
    report = verify(tmp_path / "d")
    assert report.redrawn is not None and report.redrawn[0] == report.redrawn[1] > 5 and report.redrawn.models
    line = f"{report.redrawn[0]} of {report.redrawn[1]} objects redrawn from their models"
    assert done.redrawn == line and line in (tmp_path / "d/report.html").read_text()
    told = CliRunner().invoke(app, ["verify", str(tmp_path / "d")])
    assert line in told.output
    told = CliRunner().invoke(app, ["verify", str(tmp_path / "d"), "--json"])
    assert json.loads(told.output)["redrawn"] == {
        "objects": report.redrawn[0],
        "of": report.redrawn[1],
        "models": True,
    }
    told = CliRunner().invoke(app, ["verify", str(yard_dataset)])
    assert (
        "\n0 of " in told.output
        and "objects redrawn from their models: `annotate` names no `models`" in told.output
    )
