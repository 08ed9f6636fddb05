"""Labels through lenses that are not pinholes, and through rolling shutters, against formulas."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from twinstage.render import casting, cones, drawing, silhouettes
from twinstage.render.bounds import image_rect
from twinstage.render.camera import look_at
from twinstage.render.capture import pinhole
from twinstage.render.casting import parts_in_view
from twinstage.render.labels import label_pass
from twinstage.render.lens.equirectangular import Equirectangular
from twinstage.render.lens.fisheye import Fisheye
from twinstage.render.lens.opencv import OpenCV
from twinstage.render.lens.orthographic import ORTHOGRAPHIC
from twinstage.render.motion import Motion, Shutter, Trajectory
from twinstage.render.rays import View
from twinstage.scene.snapshot import Frames

W, H = 96, 72


def fisheye_directions(xy, limit=2.0):
    """Equidistant: the angle to the axis is |xy|; NaN beyond `limit`."""
    angle, around = np.hypot(xy[..., 0], xy[..., 1]), np.arctan2(xy[..., 1], xy[..., 0])
    out = np.stack([np.sin(angle) * np.cos(around), np.sin(angle) * np.sin(around), np.cos(angle)], -1)
    out[angle > limit] = np.nan
    return out


def panorama_directions(xy):
    """xy are longitude and latitude."""
    x, y = xy[..., 0], xy[..., 1]
    return np.stack([np.sin(x) * np.cos(y), np.sin(y), np.cos(x) * np.cos(y)], -1)


@dataclass(frozen=True)
class Tangents:
    """A pinhole that does not say that it is one."""

    kind: ClassVar[str] = "tangents"
    along_axis: ClassVar[bool] = True
    central: ClassVar[bool] = True
    affine: ClassVar[bool] = False

    def rays(self, xy):
        out = np.concatenate([xy, np.ones((*xy.shape[:-1], 1))], -1)
        return np.zeros_like(out), out

    def project(self, points):
        return points[:, :2] / np.where(points[:, 2:] > 0, points[:, 2:], np.nan)


PANORAMA_K = pinhole(W / 2 / np.pi, H / np.pi, W / 2, H / 2)
CAMERAS = {
    "pinhole": {},
    "tangents": {"lens": Tangents()},
    "fish": {"lens": Fisheye(max_angle=2.0), "K": pinhole(22.0, 22.0, W / 2, H / 2)},
    "panorama": {"lens": Equirectangular(), "K": PANORAMA_K},
    "distorted": {"lens": OpenCV((-0.3, 0.1, 0.01, -0.02))},
    "orthographic": {"lens": ORTHOGRAPHIC, "K": pinhole(16.0, 16.0, W / 2, H / 2)},
}


def with_lens(camera, name):
    return replace(camera, **CAMERAS[name])


def scattered(hand, n=25, seed=4):
    """Boxes and balls all around the origin, some close."""
    rng = np.random.default_rng(seed)
    kinds = [hand.box(), hand.sphere(0.6, 12)]
    items = [(hand.quad(30.0), hand.pose([0, 0, -2]), n)]
    for i in range(n):
        place = rng.normal(size=3)
        place *= rng.uniform(0.8, 4.0) / np.linalg.norm(place)
        items.append((kinds[i % 2], hand.pose(place, scale=rng.uniform(0.2, 0.8, 3)), i))
    return hand.snapshot(items)


@pytest.mark.parametrize("name", list(CAMERAS))
def test_no_bound_hides_anything(hand, monkeypatch, name):
    """The same labels as with every part cast over the whole canvas."""
    snapshot = scattered(hand)
    camera = with_lens(look_at([0.1, 0.2, 0.1], [1, 0.3, 0.2], width=W, height=H), name)
    tight = label_pass(snapshot, camera, outside_rays=None)

    def everywhere(view, canvas, world, half):
        n = world.shape[1]
        return (
            np.tile([canvas.x0, canvas.y0, canvas.x1, canvas.y1], (n, 1)),
            np.full(n, view.near),
            np.ones(n, bool),
        )

    monkeypatch.setattr(casting, "part_rects", everywhere)
    monkeypatch.setattr(casting, "WORTH", np.inf)
    loose = label_pass(snapshot, camera, outside_rays=None)
    assert len(tight.objects) >= 3
    for aov, array in tight.aovs.items():
        assert np.array_equal(array, loose.aovs[aov]), aov
    for a, b in zip(tight.objects, loose.objects, strict=True):
        assert (a.object, a.visible_px, a.amodal_px_in_frame) == (
            b.object,
            b.visible_px,
            b.amodal_px_in_frame,
        )
        # Far from the image a lens may see slivers that the coarse tiles do not know.
        assert a.amodal_px_total == b.amodal_px_total


@pytest.mark.parametrize("objects", [None, (0, 2, 25)])
@pytest.mark.parametrize("name", ["pinhole", "orthographic"])
def test_labels_are_the_same_without_footprints(hand, monkeypatch, name, objects):
    """Rays that are spared by what is known of pieces would have changed no byte."""
    snapshot = scattered(hand)
    for eye in ([0.1, 0.2, 0.1], [3.0, -4.0, 2.0]):
        camera, made = with_lens(look_at(eye, [1, 0.3, 0.2], width=W, height=H), name), []
        for worth in (1, 10**9):
            for module in (casting, silhouettes):
                monkeypatch.setattr(module, "WORTH", worth)
            monkeypatch.setattr(drawing, "_WORTH", worth)
            made.append(label_pass(snapshot, camera, objects, outside_rays=None))
        fine, coarse = made
        assert len(fine.objects) >= 1 and fine.ties == coarse.ties
        for aov, array in fine.aovs.items():
            assert array.tobytes() == coarse.aovs[aov].tobytes(), aov
        for a, b in zip(fine.objects, coarse.objects, strict=True):
            assert (a.object, a.window, a.visible_px) == (b.object, b.window, b.visible_px)
            assert (a.amodal_px_in_frame, a.amodal_px_total) == (b.amodal_px_in_frame, b.amodal_px_total)
            assert np.array_equal(a.seen, b.seen) and np.array_equal(a.outline, b.outline)


def test_a_lens_that_is_a_pinhole_in_all_but_name_gives_the_same(hand):
    snapshot = scattered(hand)
    camera = look_at([6, 1, 1], [0, 0, 0], width=W, height=H)
    plain, other = (
        label_pass(snapshot, with_lens(camera, n), outside_rays=None) for n in ("pinhole", "tangents")
    )
    assert (plain.aovs["object"] == other.aovs["object"]).mean() > 0.999
    both = plain.aovs["object"] == other.aovs["object"]
    assert np.allclose(plain.aovs["depth"][both], other.aovs["depth"][both], rtol=1e-6)
    for a, b in zip(plain.objects, other.objects, strict=True):
        assert abs(a.amodal_px_total - b.amodal_px_total) <= 2


def test_a_fisheye_sees_a_sphere_as_the_cone_about_it(hand):
    """Also behind itself: the lens sees 114 degrees to each side, and the ball stands at 100."""
    away = np.radians(100.0)
    middle = 3.0 * np.array([np.sin(away), 0.0, np.cos(away)])
    camera = replace(
        with_lens(look_at([0, 0, 0], [1, 0, 0], width=W, height=H), "fish"), world_from_camera=np.eye(4)
    )
    ball = hand.sphere(0.5, 96)
    capture = label_pass(
        hand.snapshot([(ball, hand.pose(middle), 0)]),
        camera,
        aovs=("range", "depth", "object"),
        outside_rays=None,
    )
    y, x = np.mgrid[:H, :W] + 0.5
    xy = np.stack([(x - W / 2) / 22.0, (y - H / 2) / 22.0], -1)
    direction = fisheye_directions(xy)
    angle = np.arccos(np.clip(direction @ middle / 3.0, -1, 1))
    limit = np.arcsin(0.5 / 3.0)
    hit = capture.aovs["object"] == 1
    with np.errstate(invalid="ignore"):
        assert not hit[angle > limit].any() and hit[angle < 0.99 * limit].all() and hit.sum() > 50
    reach = 3.0 * np.cos(angle[hit]) - np.sqrt(0.25 - (3.0 * np.sin(angle[hit])) ** 2 + 1e-9)
    assert np.abs(capture.aovs["range"][hit] - reach).max() < 0.02
    z = capture.aovs["range"][hit] * direction[hit][:, 2]
    assert np.allclose(capture.aovs["depth"][hit], z, rtol=1e-6) and z.min() < 0
    (mask,) = capture.objects
    x, y = np.meshgrid(np.arange(-W, 2 * W) + 0.5, np.arange(-H, 2 * H) + 0.5)
    wide = fisheye_directions(np.stack([(x - W / 2) / 22.0, (y - H / 2) / 22.0], -1))
    with np.errstate(invalid="ignore"):
        full = np.arccos(np.clip(wide @ middle / 3.0, -1, 1))
        assert (full < 0.99 * limit).sum() <= mask.amodal_px_total <= (full <= limit).sum()


def test_a_panorama_has_no_outside_and_no_seam(hand):
    """A ball across the seam, one on the pole, a box around the camera."""
    camera = replace(
        with_lens(look_at([0, 0, 0], [1, 0, 0], width=W, height=H), "panorama"), world_from_camera=np.eye(4)
    )
    ball = hand.sphere(1.0, 64)
    items = [
        (ball, hand.pose([0, 0, -3.0]), 0),
        (ball, hand.pose([0, -3.0, 0.2]), 1),
        (hand.box(), hand.pose(scale=9.0), 2),
    ]
    capture = label_pass(hand.snapshot(items), camera, aovs=("object", "range"), outside_rays=None)
    y, x = np.mgrid[:H, :W] + 0.5
    direction = panorama_directions(np.stack([(x - W / 2) * 2 * np.pi / W, (y - H / 2) * np.pi / H], -1))
    expected = np.full((H, W), 3)
    doubt = np.zeros((H, W), bool)
    for row, middle in ((1, [0, 0, -3.0]), (2, [0, -3.0, 0.2])):
        distance = np.linalg.norm(middle)
        angle = np.arccos(direction @ middle / distance)
        limit = np.arcsin(1.0 / distance)
        expected[angle < limit] = row
        doubt |= np.abs(angle - limit) < 0.005
    assert np.array_equal(capture.aovs["object"][~doubt], expected[~doubt]) and doubt.sum() < 60
    assert (expected[:, 0] == 1).any() and (expected[:, -1] == 1).any() and (expected[0] == 2).all()
    walls = capture.aovs["object"] == 3
    reach = 4.5 / np.abs(direction[walls]).max(1)
    assert np.allclose(capture.aovs["range"][walls], reach, rtol=1e-6)
    assert [mask.object for mask in capture.objects] == [0, 1, 2]
    for mask in capture.objects:
        assert mask.amodal_px_total == mask.amodal_px_in_frame
    assert capture.objects[2].amodal_px_in_frame == W * H


def test_an_orthographic_box_is_a_rectangle(hand):
    camera = with_lens(look_at([0, 0, 10], [0, 0, 0], up=[0, 1, 0], width=W, height=H), "orthographic")
    capture = label_pass(
        hand.snapshot([(hand.box(), hand.pose([1.0, 0.5, 0], scale=[2, 3, 4]), 0)]),
        camera,
        aovs=("depth", "range", "position", "normal"),
    )
    y, x = np.mgrid[:H, :W] + 0.5
    wx, wy = (x - W / 2) / 16, (H / 2 - y) / 16
    inside = (np.abs(wx - 1.0) < 1.0) & (np.abs(wy - 0.5) < 1.5)
    depth = capture.aovs["depth"]
    assert np.array_equal(np.isfinite(depth), inside)
    assert (depth[inside] == 8.0).all() and (capture.aovs["range"][inside] == 8.0).all()
    place = np.stack([wx, wy, np.full_like(wx, 2.0)], -1)
    assert np.abs(capture.aovs["position"] - place)[inside].max() < 1e-6
    assert (capture.aovs["normal"][inside] == [0, 0, 1]).all()
    assert capture.objects[0].amodal_px_total == inside.sum() == 2 * 16 * 3 * 16


def moved(snapshot, offsets):
    """The same scene with items shifted: {row: offset}."""
    full = np.array(snapshot.prims.frames.full)
    for row, offset in offsets.items():
        full[row, :3, 3] += offset
    return replace(snapshot, prims=replace(snapshot.prims, frames=Frames.of(full)))


def test_a_rolling_shutter_shears_a_moving_box(hand):
    """A facing plate that moves 1 m/s to the right: row r sees its edges r * readout / (h - 1) later."""
    facing = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    rest = hand.snapshot([(hand.quad(1.0), hand.pose([-0.3, 2.0, 0.1], rotation=facing), 0)])
    later = moved(rest, {0: np.array([0.5, 0, 0])})
    camera = look_at([0, 0, 0], [0, 1, 0], width=W, height=H, fov=np.pi / 2)
    camera = replace(camera, shutter=Shutter(0.0, 0.0, 0.4))
    capture = label_pass(
        rest, camera, motion=Motion((0.0, 0.5), (rest, later)), aovs=("object", "depth"), outside_rays=None
    )
    focal = W / 2
    y, x = np.mgrid[:H, :W] + 0.5
    time = 0.4 * np.arange(H)[:, None] / (H - 1)
    across, up = (x - W / 2) / focal * 2.0, (H / 2 - y) / focal * 2.0
    from_middle = np.abs(across - (-0.3 + time)), np.abs(up - 0.1)
    inside = (from_middle[0] < 0.5) & (from_middle[1] < 0.5)
    doubt = (np.abs(from_middle[0] - 0.5) < 1e-6) | (np.abs(from_middle[1] - 0.5) < 1e-6)
    assert np.array_equal((capture.aovs["object"] == 1)[~doubt], inside[~doubt])
    assert np.allclose(capture.aovs["depth"][inside & ~doubt], 2.0, rtol=1e-7)
    assert capture.objects[0].visible_px == capture.aovs["object"].sum()


@pytest.mark.parametrize("name", ["pinhole", "fish", "orthographic"])
@pytest.mark.parametrize("turning", [False, True])
def test_each_row_is_the_image_of_its_own_moment(hand, name, turning):
    """Three keys within one readout, a camera that moves or rests: every row equals a still taken at its time."""
    start = scattered(hand, 12)
    middle = moved(start, {1: np.array([0.3, 0, 0.1]), 4: np.array([0, -0.4, 0])})
    end = moved(middle, {4: np.array([0, 0.6, 0.2]), 7: np.array([0.2, 0.2, 0])})
    motion = Motion((0.0, 0.02, 0.04), (start, middle, end))
    camera = with_lens(look_at([5, 0.5, 1], [0, 0, 0], width=W, height=H), name)
    camera = replace(camera, shutter=Shutter(0.0, 0.01, 0.03))
    if turning:
        final = look_at([5, 0.9, 1.2], [0, 0.2, 0]).world_from_camera
        path = Trajectory(np.array([0.0, 0.04]), np.stack([camera.world_from_camera, final]))
        camera = replace(camera, path=path)
    names = ("depth", "object", "normal", "normal_camera", "position", "uv")
    rolled = label_pass(start, camera, motion=motion, aovs=names, outside_rays=2000)
    times, poses = camera.shutter.row_times(H), camera.row_poses()
    for row in range(0, H, 9):
        still = replace(camera, path=None, world_from_camera=np.array(poses[row]))
        alone = label_pass(motion.at(float(times[row])), still, aovs=names, amodal=False)
        same = rolled.aovs["object"][row] == alone.aovs["object"][row]
        assert same.mean() > 0.97
        for aov in names:
            a, b = rolled.aovs[aov][row][same], alone.aovs[aov][row][same]
            assert np.isclose(a, b, rtol=1e-5, atol=1e-4, equal_nan=True).mean() > 0.98, aov
    for mask in rolled.objects:
        assert not (mask.visible & ~mask.amodal).any()
        assert mask.visible_px == (rolled.aovs["object"] == mask.object + 1).sum()


def test_a_path_that_rests_and_a_motion_that_is_still_change_nothing(hand):
    snapshot = scattered(hand, 12)
    camera = look_at([5, 0.5, 1], [0, 0, 0], width=W, height=H)
    resting = Trajectory(np.array([0.0, 1.0]), np.stack([camera.world_from_camera] * 2))
    there = replace(camera, path=resting, shutter=Shutter(0.0, 0.1, 0.5))
    plain = label_pass(snapshot, camera)
    other = label_pass(snapshot, there, motion=Motion((0.0, 1.0), (snapshot, snapshot)))
    for name in plain.aovs:
        assert np.allclose(plain.aovs[name], other.aovs[name], atol=1e-4, equal_nan=True)  # slerp rounds


def test_a_global_shutter_sees_the_middle_of_its_exposure(hand):
    facing = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    rest = hand.snapshot([(hand.quad(1.0), hand.pose([0, 2.0, 0], rotation=facing), 0)])
    later = moved(rest, {0: np.array([0, 1.0, 0])})
    camera = replace(look_at([0, 0, 0], [0, 1, 0], width=8, height=6), shutter=Shutter(0.0, 1.0, 0.0))
    depth = label_pass(rest, camera, motion=Motion((0.0, 1.0), (rest, later))).aovs["depth"]
    assert np.allclose(depth[2:4, 3:5], 2.5)


def test_tiles_hold_their_rays_and_boxes_their_corners(hand):
    """The cone of each tile holds all rays of its pixels, blind ones apart."""
    for name in ("fish", "panorama"):
        camera = with_lens(look_at([0, 0, 0], [1, 0, 0], width=W, height=H), name)
        tiles = cones.tiles_of(camera, image_rect(camera))
        directions = View(camera).local(image_rect(camera))[1]
        for y in range(0, H, 5):
            for x in range(0, W, 5):
                axis, angle = tiles.axis[y // 16, x // 16], tiles.angle[y // 16, x // 16]
                if np.isnan(directions[y, x, 0]):
                    continue
                assert np.arccos(np.clip(directions[y, x] @ axis, -1, 1)) <= angle
    snapshot = scattered(hand)
    camera = with_lens(look_at([0, 0, 0], [1, 0, 0], width=W, height=H), "fish")
    parts = parts_in_view(snapshot, camera, image_rect(camera))
    assert sum(part.rect.area for part in parts) < 0.4 * len(parts) * W * H  # bounds do bound


@pytest.mark.parametrize("way", [(1.0, 0.0), (1.0, 4.0), (-1.0, -4.0)])
def test_the_canvas_under_a_rolling_shutter_has_the_first_and_last_pose(hand, way):
    """Plates that reach beyond the image, from a camera that slides across and up while rows are read."""
    facing = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    camera = look_at([0, 0, 0], [0, 1, 0], width=W, height=H, fov=np.pi / 2)
    end = np.array(camera.world_from_camera)
    end[[0, 2], 3] += way
    path = Trajectory(np.array([0.0, 1.0]), np.stack([camera.world_from_camera, end]))
    camera = replace(camera, shutter=Shutter(0.0, 0.0, 1.0), path=path)
    y, x = np.mgrid[-H : 2 * H, -W : 2 * W] + 0.5
    slide, beyond = np.clip(np.floor(y), 0, H - 1) / (H - 1), []
    for size, height in ((4.3, 0.11), (1.1, 2.43), (1.1, -2.43), (1.1, 2.03)):
        plate = hand.snapshot([(hand.quad(size), hand.pose([0.2, 2.0, height], rotation=facing), 0)])
        across = (x - W / 2) / (W / 2) * 2.0 + slide * way[0]
        up = (H / 2 - y) / (W / 2) * 2.0 + slide * way[1]
        inside = (np.abs(across - 0.2) < size / 2) & (np.abs(up - height) < size / 2)
        expected = inside[H : 2 * H, W : 2 * W].sum(), inside.sum()
        found = [
            (m.amodal_px_in_frame, m.amodal_px_total)
            for m in label_pass(plate, camera, outside_rays=None, aovs=()).objects
        ]
        assert found == ([expected] if expected[0] else [])
        beyond.append(expected[1] > expected[0] > 0)
    assert any(beyond)
