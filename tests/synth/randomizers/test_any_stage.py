"""Placing works in any units and axes, keeps identities, and refuses what USD would ignore."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twinstage.base.errors import UserError
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.frame import FrameMaker

Run = Callable[..., Any]
BOX = {"kind": "box", "min": [0, 0, 0], "max": [1, 1, 1]}
RELATED = [
    {"kind": "context", "name": "on", "prims": "/Yard/Box_A", "relation": "on", "to": "/Yard/Pallet_1", "yaw": [0, 90]},
    {"kind": "context", "name": "beside", "prims": "/Yard/Box_B", "relation": "next_to", "to": "/Yard/Pallet_2"},
    {"kind": "context", "name": "row", "prims": "/Yard/Box_C", "relation": "aligned", "to": "/Yard/Box_B", "side": "-x"},
    {
        "kind": "scatter", "name": "loads", "prims": ["/Yard/Pallet_*"], "over": BOX,
        "apart": "no", "turn": "any", "stretch": {"x": [1, 2]},
    },
]  # fmt: skip


def test_relations_are_the_same_world_in_any_units_and_axes(
    yard_recipe: Callable[..., Any], yard_writer: Callable[..., Path], tmp_path: Path
) -> None:
    worlds = []
    for up, mpu in (("Z", 1.0), ("Y", 0.01), ("Z", 0.001)):
        folder = tmp_path / f"{up}{mpu}"
        folder.mkdir()
        yard_writer(folder, up=up, mpu=mpu)
        made = FrameMaker(yard_recipe(randomize=RELATED), folder).randomized(3).snapshot
        # World poses of the shapes: their prims' own frames differ by the unit.
        rows = [i for i, p in enumerate(made.instances.prim) if "Floor" not in made.prims.path[p]]
        worlds.append(np.array([made.instance_world[i] for i in rows]))
        points = [made.prototypes[made.instances.prototype[i]].points for i in rows]
        worlds[-1] = np.concatenate(
            [p @ m[:3, :3].T + m[:3, 3] for p, m in zip(points, worlds[-1], strict=True)]
        )
    np.testing.assert_allclose(worlds[0], worlds[1], atol=1e-5)
    np.testing.assert_allclose(worlds[0], worlds[2], atol=1e-5)


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "pose", "scale": 2},
        {"kind": "scatter", "over": BOX},
        {"kind": "context", "relation": "on", "to": "/Yard/Floor"},
        {"kind": "visibility"},
        {"kind": "count", "count": 1},
    ],
    ids=lambda fields: fields["kind"],
)
def test_the_inside_of_a_native_instance_is_refused(
    snapshot: Snapshot, run: Run, fields: dict[str, Any]
) -> None:
    inside = "lies inside the native instance /Yard/Pallet_1 and cannot be changed alone; name /Yard/Pallet_1"
    with pytest.raises(UserError, match=f"randomizer 'r': /Yard/Pallet_1/Deck {inside}"):
        run(snapshot, **fields, prims=["/Yard/Pallet_1/Deck"])


def test_an_instance_id_means_the_same_thing_in_every_frame(
    small_recipe: Callable[..., Any], recipes: Path, tmp_path: Path
) -> None:
    recipe = small_recipe("count", ["annotate=[instance]"])
    maker = FrameMaker(recipe, recipes)
    for frame in range(3):
        maker.make(tmp_path, frame, None)
    objects = maker.snapshot.objects
    records = [json.loads(path.read_text()) for path in (tmp_path / "records").glob("*.json")]
    seen = [o for r in records for c in r["cameras"] for o in c["objects"]]
    assert len({o["instance_id"] for o in seen}) > 5 and any(o["point_id"] >= 0 for o in seen)
    for item in seen:
        meant = objects[item["instance_id"] - 1]
        assert (meant.prim_path, meant.point_id) == (item["prim_path"], item["point_id"])
