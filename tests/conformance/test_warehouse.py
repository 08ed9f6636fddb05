"""Facts of real scenes that no comparison with pxr would tell: classes, sharing, determinism."""

from collections import Counter

import numpy as np

from conformance.reading import Library
from twinstage.scene.read import read_snapshot
from twinstage.scene.stage import open_stage

WAREHOUSE = "industrial/aws_small_warehouse/small_warehouse.usda"


def test_warehouse_classes_and_sharing(real: Library) -> None:
    snapshot = real.read(WAREHOUSE).snapshot()
    names = Counter(o.name for o in snapshot.objects)
    assert names == {
        "pallet_load": 9,
        "shelf": 4,
        "bucket": 3,
        "floor": 1,
        "lamp": 1,
        "wall": 1,
        "pallet_jack": 1,
    }
    keys = [(o.prim_path, o.point_id) for o in snapshot.objects]
    assert keys == sorted(keys)
    assert len(snapshot.prototypes) < len(snapshot.instances)


def test_reading_twice_gives_the_same(real: Library) -> None:
    first = real.read(WAREHOUSE).snapshot()
    again = read_snapshot(open_stage(real.folder / WAREHOUSE, [real.folder], probe=False))
    assert [p.hash for p in again.prototypes] == [p.hash for p in first.prototypes]
    assert again.objects == first.objects
    assert again.materials == first.materials
    assert again.instances.prototype.tobytes() == first.instances.prototype.tobytes()


def test_normals_are_unit_and_triangles_name_points(real: Library) -> None:
    for name in (
        WAREHOUSE,
        "industrial/fanuc_m710ic/usd/fanuc_m710ic50.usda",
        "industrial/newton_cell/crazyflie.usd",
        "full/Teapot/Teapot.usd",
        "features/pixar/lefthanded/lefthandedMesh.usda",
    ):
        for prototype in real.read(name).snapshot().prototypes:
            assert prototype.triangles.max() < len(prototype.points)
            assert np.allclose(np.linalg.norm(prototype.normals, axis=1), 1, atol=1e-4)
