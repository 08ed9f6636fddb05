"""Optical flow, motion and occlusion against closed forms."""

from dataclasses import replace

import numpy as np
import pytest

from twinstage.render.camera import look_at, with_pose
from twinstage.render.capture import pinhole
from twinstage.render.flow import Instant
from twinstage.render.labels import label_pass
from twinstage.render.lens.equirectangular import Equirectangular
from twinstage.render.lens.fisheye import Fisheye
from twinstage.render.lens.opencv import OpenCV
from twinstage.render.motion import Motion, Shutter, Trajectory
from twinstage.scene.snapshot import Frames, Material

W, H = 96, 72
FACING = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
FLOW = ("flow", "flow_occluded", "motion", "object", "depth")
CAMERA = look_at([0, 0, 0], [0, 1, 0], width=W, height=H, fov=np.pi / 2)
FOCAL = W / 2


def moved(snapshot, offsets):
    """The same scene with items shifted: {row: offset}."""
    full = np.array(snapshot.prims.frames.full)
    for row, offset in offsets.items():
        full[row, :3, 3] += offset
    return replace(snapshot, prims=replace(snapshot.prims, frames=Frames.of(full)))


def flow(snapshot, camera, after, after_camera=None, **more):
    capture = label_pass(
        snapshot, camera, aovs=FLOW, after=Instant(after, after_camera or camera), amodal=False, **more
    )
    return capture.aovs


def plates(hand, *specs):
    """Squares that face the camera at (x, depth, height), of that size."""
    return hand.snapshot(
        [(hand.quad(s), hand.pose([x, d, z], rotation=FACING), i) for i, (x, d, z, s) in enumerate(specs)]
    )


def test_nothing_moves(hand):
    scene = plates(hand, (0.1, 2.0, 0, 1.0), (0, 3.0, 0, 3.0))
    aovs = flow(scene, CAMERA, scene)
    assert np.abs(aovs["flow"]).max() < 1e-6 and not aovs["flow_occluded"].any()
    assert np.nanmax(np.abs(aovs["motion"])) < 1e-9


def test_a_translating_plate_moves_by_f_over_z(hand):
    """And what it newly covers is hidden then: a band on its leading side, exact to the pixel."""
    scene = plates(hand, (0.0, 2.0, 0, 1.0), (0, 4.0, 0, 40.0))
    shift = np.array([0.21, 0.0, -0.13])
    aovs = flow(scene, CAMERA, moved(scene, {0: shift}))
    front, rear = aovs["object"] == 1, aovs["object"] == 2
    expected = FOCAL / 2.0 * np.array([shift[0], -shift[2]])
    assert np.abs(aovs["flow"][front] - expected).max() < 1e-4 and np.abs(aovs["flow"][rear]).max() < 1e-5
    assert np.abs(aovs["motion"][front] - shift).max() < 1e-6
    y, x = np.mgrid[:H, :W] + 0.5
    across, up = (x - W / 2) / FOCAL * 2.0, (H / 2 - y) / FOCAL * 2.0
    covered = (np.abs(across - shift[0]) < 0.5) & (np.abs(up - shift[2]) < 0.5)
    assert np.array_equal(aovs["flow_occluded"], covered & rear) and (covered & rear).sum() > 20


def test_what_leaves_the_image_is_occluded_and_what_leaves_the_lens_is_nan(hand):
    scene = plates(hand, (0.0, 2.0, 0, 1.0))
    away = flow(scene, CAMERA, moved(scene, {0: np.array([5.0, 0, 0])}))
    front = away["object"] == 1
    assert away["flow_occluded"][front].all() and np.allclose(
        away["flow"][front], [5 * FOCAL / 2, 0], atol=1e-3
    )
    behind = flow(scene, CAMERA, moved(scene, {0: np.array([0, -4.0, 0])}))
    assert behind["flow_occluded"][front].all() and np.isnan(behind["flow"][front]).all()
    assert np.allclose(behind["motion"][front], [0, -4.0, 0])


def test_a_turning_camera_moves_the_background_by_its_rotation(hand):
    """Homography K R K^-1: far things and the background move alike."""
    angle = 0.1
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    pose = np.array(CAMERA.world_from_camera)
    pose[:3, :3] = pose[:3, :3] @ turn
    turned = with_pose(CAMERA, pose)
    scene = plates(hand, (0.0, 2.0, 0, 1.0))
    aovs = flow(scene, CAMERA, scene, turned)
    y, x = np.mgrid[:H, :W] + 0.5
    pixels = np.stack([x, y, np.ones_like(x)], -1)
    mapped = pixels @ (CAMERA.K @ turn.T @ np.linalg.inv(CAMERA.K)).T
    expected = mapped[..., :2] / mapped[..., 2:] - pixels[..., :2]
    assert np.abs(aovs["flow"] - expected).max() < 1e-4
    target = pixels[..., :2] + expected
    outside = (target < 0).any(-1) | (target >= [W, H]).any(-1)
    assert np.array_equal(aovs["flow_occluded"], outside)
    assert (aovs["motion"][aovs["object"] == 0] == 0).all()


@pytest.mark.parametrize(
    ("lens", "K"),
    [
        (Fisheye((0.05, -0.01, 0.0, 0.0)), pinhole(30.0, 30.0, W / 2, H / 2)),
        (Equirectangular(), pinhole(W / 2 / np.pi, H / np.pi, W / 2, H / 2)),
        (OpenCV((-0.2, 0.05, 0.001, 0.002)), None),
    ],
)
def test_any_lens_projects_where_the_point_went(hand, lens, K):
    """A box about the camera shifts and turns; flow is the lens's own projection of the moved points."""
    camera = replace(CAMERA, lens=lens, K=CAMERA.K if K is None else K, shutter=Shutter())
    room = hand.snapshot([(hand.box(), hand.pose(scale=6.0), 0)])
    shift, angle = np.array([0.2, -0.1, 0.3]), 0.05
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    later = hand.snapshot([(hand.box(), hand.pose(shift, rotation=turn, scale=6.0), 0)])
    capture = label_pass(
        room, camera, aovs=(*FLOW, "position"), after=Instant(later, camera), amodal=False, outside_rays=1
    )
    hit = capture.aovs["object"] == 1
    points = capture.aovs["position"][hit].astype(float)
    expected, _ = camera.project(points @ turn.T + shift)
    y, x = np.mgrid[:H, :W] + 0.5
    found = capture.aovs["flow"][hit] + np.stack([x, y], -1)[hit]
    known = np.isfinite(expected).all(1)
    assert known.mean() > 0.7 and np.abs(found - expected)[known].max() < 1e-3
    assert np.abs(capture.aovs["motion"][hit] - (points @ (turn - np.eye(3)).T + shift)).max() < 1e-5


def test_a_box_that_turns_hides_its_own_faces(hand):
    """Self-occlusion by the sign of normal . ray at the other moment; no face is torn at its edges."""
    angle = 1.7
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    camera = look_at([0.5, -4, 1.5], [0, 0, 0], width=W, height=H)
    here = hand.snapshot([(hand.box(), np.eye(4), 0)])
    there = hand.snapshot([(hand.box(), hand.pose(rotation=turn), 0)])
    capture = label_pass(here, camera, aovs=(*FLOW, "normal", "position"), after=Instant(there, camera))
    hit = capture.aovs["object"] == 1
    points, normals = capture.aovs["position"][hit] @ turn.T, capture.aovs["normal"][hit] @ turn.T
    away = np.einsum("ij,ij->i", normals, points - camera.world_from_camera[:3, 3]) > 0
    on_edge = np.sort(np.abs(capture.aovs["position"][hit]), 1)[:, 1] > 0.5 - 1e-4
    assert np.array_equal(capture.aovs["flow_occluded"][hit][~on_edge], away[~on_edge])
    assert away.any() and (~away).any()


def test_back_and_forth_agree(hand):
    """The flow back from where a visible point lands is minus its flow."""
    rng = np.random.default_rng(2)
    items = [(hand.quad(30.0), hand.pose([0, 0, -1]), 0)]
    items += [
        (hand.box(), hand.pose(rng.uniform(-1, 1, 3) + np.array([0, 3, 0]), scale=0.5), i + 1)
        for i in range(8)
    ]
    first = hand.snapshot(items)
    second = moved(first, {i: rng.uniform(-0.2, 0.2, 3) for i in range(1, 9)})
    end = look_at([0.2, 0.1, 0.1], [0.1, 3, 0], width=W, height=H, fov=np.pi / 2)
    there = label_pass(first, CAMERA, aovs=(*FLOW, "instance"), after=Instant(second, end))
    back = label_pass(
        second, end, aovs=("flow_back", "flow_back_occluded", "instance"), before=Instant(first, CAMERA)
    )
    y, x = np.mgrid[:H, :W]
    seen = ~there.aovs["flow_occluded"]
    land = there.aovs["flow"][seen] + np.stack([x, y], -1)[seen] + 0.5
    column, row = np.floor(land[:, 0]).astype(int), np.floor(land[:, 1]).astype(int)
    same = back.aovs["instance"][row, column] == there.aovs["instance"][seen]
    assert same.mean() > 0.97
    ground = same & (there.aovs["instance"][seen] == 1)
    error = np.abs(back.aovs["flow_back"][row, column] + there.aovs["flow"][seen])[ground]
    assert np.median(error) < 0.1  # the pixel centre is not the point itself
    assert back.aovs["flow_back_occluded"].any()


def test_a_rolling_shutter_sees_the_point_when_its_row_does(hand):
    """A plate falls at v px/s under a shutter of readout r: the row y' that meets it solves y' = y0 + v r y' / (h - 1)."""
    scene = plates(hand, (0.0, 2.0, 0.3, 0.8))
    later = moved(scene, {0: np.array([0, 0, -0.5])})
    rolling = replace(CAMERA, shutter=Shutter(0.0, 0.0, 0.8))
    to = Instant(scene, rolling, Motion((0.0, 1.0), (scene, later)))
    aovs = label_pass(scene, CAMERA, aovs=FLOW, after=to, amodal=False).aovs
    front = aovs["object"] == 1
    y = (np.mgrid[:H, :W][0] + 0.5)[front]
    speed = FOCAL / 2.0 * 0.5  # px/s downwards
    landed = y + aovs["flow"][front][:, 1]
    row = np.floor(landed)
    assert np.abs(landed - (y + speed * 0.8 * row / (H - 1))).max() < 1e-3
    assert not aovs["flow_occluded"][front].any()


def test_rolling_shutters_on_both_sides(hand):
    """Rows y and y' look at t(y) and T + t(y'), so a plate at w px/s lands at y' = y + w (T + t(y') - t(y))."""
    scenes = [plates(hand, (0.05, 2.0, 0.4, 0.7))]
    for _ in range(2):
        scenes.append(moved(scenes[-1], {0: np.array([0.2, 0, -0.3])}))
    rolling, readout, step = replace(CAMERA, shutter=Shutter(0.0, 0.0, 0.5)), 0.5, 0.6
    motion = Motion((0.0, 1.0, 2.0), tuple(scenes))
    # The next frame begins `step` later: the same motion, its keys counted from that frame's time.
    later = Motion(tuple(s - step for s in motion.seconds), tuple(scenes))
    to = Instant(motion.at(step), rolling, later)
    aovs = label_pass(scenes[0], rolling, motion=motion, aovs=FLOW, after=to, amodal=False).aovs
    front = aovs["object"] == 1
    row = np.mgrid[:H, :W][0][front]
    landed = row + 0.5 + aovs["flow"][front][:, 1]
    lapse = step + readout * (np.floor(landed) - row) / (H - 1)
    assert np.abs(aovs["flow"][front] - FOCAL / 2.0 * np.array([[0.2, 0.3]]) * lapse[:, None]).max() < 1e-3
    assert np.abs(aovs["motion"][front] - np.array([[0.2, 0, -0.3]]) * lapse[:, None]).max() < 1e-5
    inside = (landed > 0) & (landed < H)
    assert np.array_equal(aovs["flow_occluded"][front], ~inside) and front.sum() > 200


def test_a_moving_camera_under_a_rolling_shutter(hand):
    """The camera slides along x at 1 m/s: the plate moves left by f/z times the row's time."""
    scene = plates(hand, (0.3, 2.0, 0.0, 1.0))
    end = np.array(CAMERA.world_from_camera)
    end[0, 3] += 1.0
    path = Trajectory(np.array([0.0, 1.0]), np.stack([CAMERA.world_from_camera, end]))
    rolling = replace(CAMERA, shutter=Shutter(0.0, 0.0, 0.4), path=path)
    aovs = flow(scene, CAMERA, scene, rolling)
    front = aovs["object"] == 1
    row = np.mgrid[:H, :W][0][front]
    assert np.abs(aovs["flow"][front][:, 0] + FOCAL / 2.0 * 0.4 * row / (H - 1)).max() < 1e-3
    assert np.abs(aovs["flow"][front][:, 1]).max() < 1e-4


def test_shapes_that_deform_are_carried_and_other_shapes_are_lost(hand):
    quad = hand.quad(1.0)
    wider = hand.prototype(quad.points * [2, 1, 1], quad.triangles, quad.normals, quad.uv)
    other = hand.box()
    pose = hand.pose([0, 2.0, 0], rotation=FACING)
    first = hand.snapshot([(quad, pose, 0)])
    aovs = flow(first, CAMERA, hand.snapshot([(wider, pose, 0)]))
    front = aovs["object"] == 1
    x = (np.mgrid[:H, :W][1] + 0.5)[front]
    assert np.abs(aovs["flow"][front][:, 0] - (x - W / 2)).max() < 1e-4  # twice as wide
    changed = label_pass(first, CAMERA, aovs=FLOW, after=Instant(hand.snapshot([(other, pose, 0)]), CAMERA))
    assert changed.flow_lost == front.sum() and np.isnan(changed.aovs["flow"][front]).all()
    assert changed.aovs["flow_occluded"][front].all() and np.isnan(changed.aovs["motion"][front]).all()


def test_what_is_invisible_then_is_occluded_and_hides_nothing(hand):
    scene = plates(hand, (0.0, 2.0, 0, 1.0), (0, 4.0, 0, 40.0))
    gone = replace(scene, instances=replace(scene.instances, visible=np.array([False, True])))
    aovs = flow(scene, CAMERA, gone)
    front = aovs["object"] == 1
    assert np.array_equal(aovs["flow_occluded"], front) and np.abs(aovs["flow"]).max() < 1e-5
    glass = hand.snapshot(
        [
            (hand.quad(1.0), hand.pose([0, 2.0, 0], rotation=FACING), 0),
            (hand.quad(40.0), hand.pose([0, 4.0, 0], rotation=FACING), 1),
        ],
        materials=[Material("/clear", opacity=0.0), Material("")],
        material_of=[[0], [1]],
    )
    through = flow(glass, CAMERA, glass)
    assert (through["object"] == 2).all() and not through["flow_occluded"].any()
