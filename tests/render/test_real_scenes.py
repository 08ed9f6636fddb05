"""Whole stages from files: the bundled work cell and a warehouse made by others."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from twinstage.render.camera import camera_from_scene, find_camera
from twinstage.render.engines import open_engine
from twinstage.render.labels import label_pass


def _snapshot(path: Path, *roots: Path):
    from twinstage.scene.read import read_snapshot
    from twinstage.scene.stage import open_stage

    if not path.exists():
        pytest.skip(f"{path.name} is absent")
    return read_snapshot(open_stage(path, asset_roots=roots))


@pytest.fixture(scope="module")
def workcell(root):
    return _snapshot(root / "assets/library/workcell/workcell.usda")


def _mitsuba_depth_and_group(engine, camera):
    """Depth and index of the merged mesh through pixel centres, by Mitsuba's own intersection."""
    import drjit as dr
    import mitsuba as mi

    living = engine._living
    eye, direction = camera.rays()
    length = np.linalg.norm(direction, axis=1)
    ray = mi.Ray3f(mi.Point3f(*(eye - living.origin).T), mi.Vector3f(*(direction / length[:, None]).T))
    hit = living.scene.ray_intersect_preliminary(ray)
    shapes = [living._registry_index(shape) for shape in living.scene.shapes()]
    index = np.array(dr.reinterpret_array(mi.UInt32, hit.shape))
    triangle = np.array(hit.prim_index)
    instance = np.full(len(index), -1)
    for shape, group in zip(shapes, living._groups, strict=False):
        rows = np.repeat(group.rows, [len(piece.triangles) for piece in group.pieces])
        mine = (index == shape) & np.isfinite(np.array(hit.t))
        instance[mine] = rows[triangle[mine]]
    return np.array(hit.t) / length, instance


def test_labels_of_the_work_cell_are_what_mitsuba_sees(workcell):
    """Two libraries, two ways to hold the scene: nearly every pixel has the same object at the same depth."""
    engine = open_engine(kind="direct", spp=1)
    for scene_camera in workcell.cameras:
        camera = camera_from_scene(workcell, scene_camera, 320, 180)
        labels = label_pass(workcell, camera)
        picture = engine.render(workcell, camera).aovs["rgb"]
        depth, instance = _mitsuba_depth_and_group(engine, camera)
        expected = np.append(workcell.instances.object + 1, 0)[instance].reshape(180, 320)
        assert (labels.aovs["object"] == expected).mean() > 0.998
        near = np.isclose(labels.aovs["depth"], depth.reshape(180, 320), rtol=1e-3)
        assert (near | ~np.isfinite(labels.aovs["depth"])).mean() > 0.998
        assert picture.std() > 10 and len(labels.objects) > 5
        union = np.zeros((180, 320), int)
        for mask in labels.objects:
            union += mask.visible
            assert not (mask.visible & ~mask.amodal).any()
            assert mask.visible_px <= mask.amodal_px_in_frame <= mask.amodal_px_total
        assert union.max() <= 1


def test_the_three_engines_agree_about_the_work_cell(workcell):
    """Same exposure, same scene: the mean of the pictures differs by reflected light only."""
    camera = camera_from_scene(workcell, find_camera(workcell, "Overview"), 96, 54)
    means = {
        kind: open_engine(kind=kind, spp=16, max_depth=4).render(workcell, camera).aovs["rgb"].mean()
        for kind in ("direct", "path", "raycast")
    }
    assert means["direct"] <= means["path"] < 2 * means["direct"]
    assert means["raycast"] == pytest.approx(means["direct"], rel=0.35)


@pytest.mark.shared
def test_the_warehouse_renders_from_its_camera(shared):
    warehouse = _snapshot(
        shared / "assets/industrial/aws_small_warehouse/small_warehouse.usda", shared / "assets/hdri"
    )
    camera = camera_from_scene(warehouse, find_camera(warehouse, "Overview"), 160, 120, square_pixels=True)
    picture = open_engine(kind="direct", spp=4).render(warehouse, camera).aovs["rgb"]
    labels = label_pass(warehouse, camera)
    assert 30 < picture.mean() < 220 and picture.std() > 20
    assert len(labels.objects) >= 8
    # Textures are there: the boxes are brown rather than grey.
    boxes = [m for m in labels.objects if "lutter" in warehouse.objects[m.object].prim_path]
    colour = np.mean([picture[mask.visible].mean(0) for mask in boxes if mask.visible_px > 50], axis=0)
    assert colour[0] > colour[2] * 1.3


def test_importing_the_packages_loads_no_heavy_library():
    code = (
        "import sys, twinstage.render, twinstage.render.engines, twinstage.render.labels, twinstage.render.picture;"
        "heavy = {'mitsuba', 'drjit', 'open3d', 'pxr', 'PIL'} & set(sys.modules); sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
