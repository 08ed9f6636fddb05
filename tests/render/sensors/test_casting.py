"""Rays of sensors meet what label rays meet, and moving things where they are at the ray's time."""

from dataclasses import replace

import numpy as np
import pytest

from twinstage.render.camera import camera_from_scene, find_camera, look_at
from twinstage.render.labels import label_pass
from twinstage.render.motion import Motion
from twinstage.render.sensors.casting import Caster
from twinstage.render.sensors.surfaces import surfaces
from twinstage.scene.snapshot import Material


def _scene(hand):
    rng = np.random.default_rng(5)
    items = [(hand.quad(30.0), hand.pose(), 0)]
    for k in range(40):
        turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        shape = hand.box() if k % 2 else hand.sphere(0.5, 16)
        place = [*rng.uniform(-4, 4, 2), rng.uniform(0.2, 3)]
        items.append((shape, hand.pose(place, rotation=turn, scale=rng.uniform(0.3, 1.5, 3)), k + 1))
    return hand.snapshot(items)


def _compare(snapshot, camera):
    labels = label_pass(snapshot, camera, amodal=False)
    origins, directions = camera.rays()
    caster = Caster(snapshot)
    hits = caster.cast(origins, directions, near=camera.near, far=camera.far)
    owner = np.append(snapshot.instances.object + 1, 0)[hits.instance]
    depth, wanted = hits.t, labels.aovs["depth"].ravel().astype(float)
    differ = owner != labels.aovs["object"].ravel()
    same = ~differ & np.isfinite(wanted)
    error = np.abs(depth[same] / wanted[same] - 1)
    assert np.quantile(error, 0.999) < 1e-7 and error.max() < 1e-6
    # Two roundings of the same ray may fall to both sides of an edge, or of two surfaces in the same place.
    normal = surfaces(caster, hits, directions).normal
    off = np.abs(normal - labels.aovs["normal"].reshape(-1, 3)).max(1)
    return differ.mean(), (off[same] > 1e-3).mean()


def test_rays_through_pixel_centres_are_the_label_pass(hand) -> None:
    camera = look_at((7, -5, 4), (0, 0, 0.5), width=320, height=240, near=0.1, far=60.0)
    differ, turned = _compare(_scene(hand), camera)
    assert differ == 0
    assert turned < 1e-4


def test_what_is_squashed_flat_is_a_sheet_as_in_the_label_pass(hand) -> None:
    items = [(hand.quad(30.0), hand.pose((0, 0, -1)), 0)]
    items += [(hand.sphere(0.5, 16), hand.pose((k, 0, 0.2), scale=(1, 1.5, 0)), k + 1) for k in range(3)]
    snapshot = hand.snapshot(items)
    camera = look_at((3, -2, 4), (1, 0, 0), width=160, height=120, near=0.1, far=60.0)
    assert len(np.unique(label_pass(snapshot, camera, amodal=False).aovs["object"])) >= 4
    assert _compare(snapshot, camera) == (0, 0)


def test_the_work_cell_too(workcell) -> None:
    camera = camera_from_scene(workcell, find_camera(workcell, "Overview"), 320, 240)
    differ, turned = _compare(workcell, camera)
    assert differ < 2e-4
    assert turned < 1e-3


def test_one_ray_at_a_time_gives_what_all_give(hand) -> None:
    snapshot = _scene(hand)
    origins, directions = look_at((7, -5, 4), (0, 0, 0.5), width=20, height=15).rays()
    caster = Caster(snapshot)
    whole = caster.cast(origins, directions)
    for k in range(0, 300, 7):
        alone = caster.cast(origins[k : k + 1], directions[k : k + 1])
        assert alone.t[0] == whole.t[k] and alone.instance[0] == whole.instance[k]


def test_nothing_to_hit_and_rays_that_are_none(hand) -> None:
    empty = Caster(hand.snapshot([(hand.box(), hand.pose(), 0)], visible=[False]))
    hits = empty.cast(np.zeros((2, 3)), np.eye(3)[:2])
    assert np.isinf(hits.t).all() and (hits.instance == -1).all()
    full = Caster(hand.snapshot([(hand.box((4, 4, 4)), hand.pose(), 0)]))
    hits = full.cast(np.zeros((3, 3)), np.array([[1.0, 0, 0], [np.nan, 0, 0], [0, 0, 0]]))
    assert hits.t[0] == pytest.approx(2) and np.isinf(hits.t[1:]).all()


def test_ties_go_to_the_lower_object(hand) -> None:
    quad = hand.quad(2.0)
    for order in ([0, 1], [1, 0]):
        snapshot = hand.snapshot([(quad, hand.pose([0, 0, 0]), k) for k in order])
        hits = Caster(snapshot).cast(np.array([[0.3, 0.2, 5.0]]), np.array([[0.0, 0, -1]]))
        assert hits.instance[0] == order.index(0)


def test_a_moving_wall_is_met_where_it_is(hand) -> None:
    wall = hand.box((0.2, 4, 4))
    at = [hand.snapshot([(wall, hand.pose([x, 0, 0]), 0)]) for x in (5.0, 7.0)]
    caster = Caster(at[0], Motion((0.0, 0.1), tuple(at)), np.linspace(0, 0.1, 5).tolist())
    seconds = np.linspace(0, 0.1, 33)
    directions = np.tile([1.0, 0, 0], (33, 1))
    hits = caster.cast(np.zeros((33, 3)), directions, seconds=seconds)
    assert np.allclose(hits.t, 5 + 20 * seconds - 0.1, atol=1e-6)
    assert np.allclose(surfaces(caster, hits, directions, seconds).normal, [-1, 0, 0], atol=1e-6)


def test_a_turning_wall(hand) -> None:
    """A wall through the axis of the turn, seen from 3 m: its distance along the ray is 3 - 0.05 / cos."""
    wall = hand.box((0.1, 4, 4))
    angles = np.radians([0.0, 20.0])
    snapshots = []
    for a in angles:
        turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
        snapshots.append(hand.snapshot([(wall, hand.pose([3, 0, 0], rotation=turn), 0)]))
    caster = Caster(snapshots[0], Motion((0.0, 1.0), tuple(snapshots)), (0.0, 0.5, 1.0))
    seconds = np.linspace(0, 1, 9)
    hits = caster.cast(np.zeros((9, 3)), np.tile([1.0, 0, 0], (9, 1)), seconds=seconds)
    assert np.allclose(hits.t, 3 - 0.05 / np.cos(angles[1] * seconds), atol=1e-6)


def test_surfaces_know_material_colour_and_cut_outs(hand) -> None:
    materials = [
        Material("/a", diffuse_color=(0.2, 0.4, 0.6), metallic=1.0, roughness=0.25),
        Material("/b", opacity=0.3),
        Material("/c", opacity=0.3, opacity_threshold=0.5),
    ]
    quad = hand.quad(1.0)
    items = [(quad, hand.pose([2.0 * k, 0, 0]), k) for k in range(3)]
    snapshot = hand.snapshot(items, materials=materials, material_of=[[0], [1], [2]])
    caster = Caster(snapshot)
    tilt = np.array([0.0, 0.6, -0.8])
    origins = np.array([[2.0 * k + 0.1, -0.6, 0.8] for k in range(3)])
    directions = np.tile(tilt, (3, 1))
    look = surfaces(caster, caster.cast(origins, directions), directions)
    # An opacity that is below its threshold everywhere leaves no surface at all.
    assert look.material.tolist() == [0, 1, -1]
    assert np.allclose(look.albedo[0], [0.2, 0.4, 0.6])
    assert look.metallic.tolist() == [1, 0, 0] and look.roughness[0] == np.float32(0.25)
    assert np.allclose(look.opacity, [1, 0.3, 0])
    assert np.allclose(look.cosine[:2], 0.8, atol=1e-6) and np.allclose(look.normal[:2], [0, 0, 1])
    from_below = surfaces(
        caster, caster.cast(origins * [1, 1, -1], directions * [1, 1, -1]), directions * [1, 1, -1]
    )
    assert np.allclose(from_below.normal[:2], [0, 0, -1])


def test_a_mirrored_instance_shows_the_side_that_is_seen(hand) -> None:
    camera = look_at((3, 2, 2), (0, 0, 0), width=64, height=48)
    snapshot = hand.snapshot([(hand.sphere(), hand.pose(scale=(-1, 1, 1.5)), 0)])
    assert _compare(snapshot, replace(camera, name="m")) == (0, 0)


def test_cut_outs_by_texel_are_those_of_the_label_pass(hand) -> None:
    """A checkered leaf before a wall: holes by the image's texels, for a sensor as for the labels."""
    import hashlib
    import io

    from PIL import Image

    from twinstage.render.sensors.base import View
    from twinstage.render.sensors.pixels import looked_at
    from twinstage.scene.snapshot import Texture, TextureInput

    alpha = np.kron(np.indices((8, 8)).sum(0) % 2, np.ones((4, 4))).astype(np.uint8) * 255
    buffer = io.BytesIO()
    Image.fromarray(alpha).save(buffer, "PNG")
    data = buffer.getvalue()
    texture = Texture("/leaf.png", hashlib.sha256(data).hexdigest(), data)
    leaf = Material(
        "/leaf", opacity_threshold=0.5, textures=(("opacity", TextureInput(0, "r", color_space="raw")),)
    )
    facing = np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]])
    snapshot = hand.snapshot(
        [(hand.quad(2.0), hand.pose([x, 0, 0], rotation=facing), k) for k, x in enumerate((2.0, 3.0))],
        materials=[leaf, Material("/wall")],
        material_of=[[0], [1]],
        textures=(texture,),
    )
    camera = look_at((0, 0.1, 0.2), (1, 0, 0), width=120, height=90)
    seen = looked_at(View(snapshot, camera), Caster(snapshot), transparent_below=1e-6)
    owner = np.append(snapshot.instances.object + 1, 0)[seen.instance]
    labels = label_pass(snapshot, camera, amodal=False).aovs["object"].ravel()
    assert 0.2 < (labels == 1).mean() / (labels > 0).mean() < 0.8
    assert np.array_equal(owner, labels)


def test_real_stages_give_the_objects_of_the_label_pass(shared) -> None:
    """Every sixteenth of the small files of other makers, with instances, curves and odd units."""
    from twinstage.base.errors import UserError
    from twinstage.render.framing import frame_scene
    from twinstage.scene.read import read_snapshot
    from twinstage.scene.stage import open_stage

    files = [f for f in sorted((shared / "assets").rglob("*.usd*")) if f.stat().st_size < 40_000][::16]
    pixels = differ = 0
    for file in files[:20]:
        try:
            snapshot = read_snapshot(open_stage(file, asset_roots=[shared / "assets"]))
            camera = frame_scene(snapshot, 80, 60)
        except UserError:
            continue
        labels = label_pass(snapshot, camera, amodal=False, normals=False)
        hits = Caster(snapshot).cast(*camera.rays(), near=camera.near, far=camera.far)
        owner = np.append(snapshot.instances.object + 1, 0)[hits.instance]
        pixels += owner.size
        differ += int((owner != labels.aovs["object"].ravel()).sum())
    assert pixels > 30_000 and differ / pixels < 1e-3
