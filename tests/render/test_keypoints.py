"""Key points' visibility against convex boxes solved by hand, written apart."""

from dataclasses import replace

import numpy as np
import pytest

from twinstage.render.camera import look_at
from twinstage.render.capture import Camera, pinhole
from twinstage.render.keypoints import seen_keypoints
from twinstage.render.lens import ORTHOGRAPHIC, Fisheye, OpenCV
from twinstage.render.picture import png_bytes
from twinstage.render.surface import triangle_distances
from twinstage.scene.columns import frozen
from twinstage.scene.snapshot import KeypointTable, Material, ObjectTable, SceneObject, Texture, TextureInput
from twinstage.scene.tables import Interned


def with_points(snapshot, points):
    """The snapshot with key points (object, name, node, place)."""
    points = sorted(points, key=lambda p: (p[0], p[1]))
    table = KeypointTable(
        frozen(np.array([p[0] for p in points]), np.int32),
        Interned.of([p[1] for p in points]),
        frozen(np.array([p[2] for p in points]), np.int32),
        frozen(np.array([p[3] for p in points], float), np.float64),
    )
    n = int(max(p[0] for p in points)) + 1
    objects = ObjectTable.of(
        [SceneObject(k, f"/p{k:04d}", -1, "", ()) for k in range(n)], snapshot.prims.path
    )
    return replace(snapshot, keypoints=table, objects=objects)


CORNERS = [np.array([x, y, z]) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)]


def blocked(pose, size, eye, point, share=1e-4):
    """Whether the open segment from point to eye enters a box: slabs in the box's own axes, written apart."""
    inverse = np.linalg.inv(pose)
    o = (inverse @ [*point, 1])[:3]
    d = (inverse @ [*eye, 1])[:3] - o
    low, high = share, 1.0
    for axis in range(3):
        half = size[axis] / 2
        if abs(d[axis]) < 1e-15:
            if abs(o[axis]) > half:
                return False
            continue
        a, b = sorted([(-half - o[axis]) / d[axis], (half - o[axis]) / d[axis]])
        low, high = max(low, a), min(high, b)
    return high - low > 1e-6


def test_corners_of_many_boxes_are_hidden_by_their_own_and_by_others(hand):
    random = np.random.default_rng(7)
    eye = np.array([9.0, -7.0, 6.0])
    camera = look_at(eye, [0, 0, 0], fov=np.radians(50))
    poses = []
    for _ in range(25):
        q = np.linalg.qr(random.normal(size=(3, 3)))[0]
        poses.append(
            hand.pose(random.uniform(-3, 3, 3), rotation=q * np.linalg.det(q), scale=random.uniform(0.4, 1.4))
        )
    s = hand.snapshot([(hand.box(), pose, k) for k, pose in enumerate(poses)])
    points = [(k, f"c{i}", k, c) for k in range(len(poses)) for i, c in enumerate(CORNERS)]
    seen = seen_keypoints(with_points(s, points), camera)
    assert len(seen) == 200
    counts = {0: 0, 1: 0, 2: 0}
    for k in range(len(seen)):
        pixel = seen.pixels[k]
        inside = (0 <= pixel[0] < 640) and (0 <= pixel[1] < 480)
        hidden = any(blocked(pose, (1, 1, 1), eye, seen.world[k]) for pose in poses)
        assert seen.v[k] == (0 if not inside else 1 if hidden else 2), seen.name[k]
        counts[int(seen.v[k])] += 1
    assert counts[1] > 40 and counts[2] > 20


def test_the_answer_does_not_depend_on_distance(hand):
    for far in (2.0, 20.0, 2_000.0, 20_000.0):
        s = hand.snapshot([(hand.box(), hand.pose(), 0), (hand.quad(30.0), hand.pose([0, 0, -0.5]), 1)])
        points = [
            (0, "top", 0, [0.5, -0.5, 0.5]),
            (0, "foot", 0, [0.5, -0.5, -0.5]),
            (0, "back", 0, [-0.5, 0.5, -0.5]),
        ]
        camera = look_at(np.array([0.5, -0.6, 0.7]) * far, [0, 0, 0], fov=min(3 / far, 1.5))
        seen = seen_keypoints(with_points(s, points), camera)
        # The foot touches the floor: what touches a mark does not hide it.
        assert dict(zip(seen.name, seen.v.tolist(), strict=True)) == {"back": 1, "foot": 2, "top": 2}, far


def test_a_mark_inside_the_body_is_hidden_by_others_only(hand):
    s = hand.snapshot([(hand.box(), hand.pose(), 0), (hand.box((0.2, 2, 2)), hand.pose([0, -2, 0]), 1)])
    joint = [(0, "joint", 0, [0, 0, 0])]
    front, side = look_at([0, -6, 0], [0, 0, 0]), look_at([6, 0.5, 0], [0, 0, 0])
    assert seen_keypoints(with_points(s, joint), front).v.tolist() == [1]
    assert seen_keypoints(with_points(s, joint), side).v.tolist() == [2]


def test_marks_that_float_are_hidden_by_their_own_body(hand):
    # Beside, before and behind a box, and in a tray that is open at the top.
    s = hand.snapshot([(hand.box(), hand.pose(), 0)])
    floating = [(0, "before", 0, [0, -0.7, 0]), (0, "behind", 0, [0, 0.7, 0]), (0, "beside", 0, [0.7, 0, 0])]
    seen = seen_keypoints(with_points(s, floating), look_at([0, -6, 0], [0, 0, 0]))
    assert dict(zip(seen.name, seen.v.tolist(), strict=True)) == {"before": 2, "behind": 1, "beside": 2}
    walls = [
        ((1, 0.1, 1), [0, -0.5, 0]),
        ((1, 0.1, 1), [0, 0.5, 0]),
        ((0.1, 1, 1), [-0.5, 0, 0]),
        ((0.1, 1, 1), [0.5, 0, 0]),
    ]
    tray = [(hand.box(size), hand.pose(place), 0) for size, place in [*walls, ((1, 1, 0.1), [0, 0, -0.5])]]
    inside = with_points(hand.snapshot(tray), [(0, "middle", 4, [0, 0, 0.5])])
    assert seen_keypoints(inside, look_at([0, -6, 0], [0, 0, 0])).v.tolist() == [1]
    assert seen_keypoints(inside, look_at([0, -0.5, 6], [0, 0, 0])).v.tolist() == [2]
    lid = (hand.box((1, 1, 0.1)), hand.pose([0, 0, 0.5]), 0)
    closed = with_points(hand.snapshot([*tray, lid]), [(0, "middle", 4, [0, 0, 0.5])])
    assert seen_keypoints(closed, look_at([0, -6, 0], [0, 0, 0])).v.tolist() == [2], "enclosed"


def test_tolerance_is_in_metres(hand):
    s = hand.snapshot([(hand.box(), hand.pose(), 0)])
    camera = look_at([0, -6, 0], [0, 0, 0])
    just_below = [(0, "a", 0, [0, 0.4995, 0])]  # half a millimetre below the far side
    assert seen_keypoints(with_points(s, just_below), camera).v.tolist() == [1], (
        "on the surface, which is turned away"
    )
    assert seen_keypoints(with_points(s, just_below), camera, tolerance=1e-4).v.tolist() == [2], "inside"
    before = [(0, "a", 0, [0, -0.5005, 0])]
    assert seen_keypoints(with_points(s, before), camera).v.tolist() == [2]


def test_what_is_outside_of_the_picture_is_not_labelled(hand):
    s = hand.snapshot([(hand.box(), hand.pose(), 0)])
    points = [(0, "aside", 0, [50, 0, 0]), (0, "behind", 0, [0, -50, 0]), (0, "in", 0, [0, -0.5, 0])]
    camera = look_at([0, -6, 0], [0, 0, 0])
    seen = seen_keypoints(with_points(s, points), camera)
    assert seen.v.tolist() == [0, 0, 2]
    assert seen_keypoints(with_points(s, points), replace(camera, far=5.0)).v.tolist() == [0, 0, 0]
    assert seen_keypoints(with_points(s, points), replace(camera, near=5.6)).v.tolist() == [0, 0, 0]


def test_nothing_before_the_near_plane_hides(hand):
    s = hand.snapshot([(hand.box(), hand.pose(), 0), (hand.box((3, 0.1, 3)), hand.pose([0, -4, 0]), 1)])
    marked = with_points(s, [(0, "in", 0, [0, -0.5, 0])])
    camera = look_at([0, -6, 0], [0, 0, 0])
    assert seen_keypoints(marked, camera).v.tolist() == [1]
    assert seen_keypoints(marked, replace(camera, near=2.5)).v.tolist() == [2]


def test_invisible_things_hide_nothing_and_show_no_marks(hand):
    items = [(hand.box(), hand.pose(), 0), (hand.box((3, 0.1, 3)), hand.pose([0, -4, 0]), 1)]
    camera = look_at([0, -6, 0], [0, 0, 0])
    mark = [(0, "in", 0, [0, -0.5, 0])]
    hidden = hand.snapshot(items, visible=[True, False])
    assert seen_keypoints(with_points(hidden, mark), camera).v.tolist() == [2]
    glass = hand.snapshot(
        items, materials=[Material(""), Material("/g", opacity=0.0)], material_of=[[0], [1]]
    )
    assert seen_keypoints(with_points(glass, mark), camera).v.tolist() == [2]
    s = with_points(hand.snapshot(items[:1]), mark)
    dark = replace(s, prims=replace(s.prims, visible=frozen(np.zeros(len(s.prims)), np.bool_)))
    assert seen_keypoints(dark, camera).v.tolist() == [0]


def test_the_holes_of_a_cut_out_hide_nothing(hand):
    # The left half of the image is a hole; the quad stands up between the eye and two marks.
    texels = np.zeros((2, 4), np.uint8)
    texels[:, 2:] = 255
    texture = Texture("/hand.png", "hand", png_bytes(texels))
    fence = Material(
        "/f", opacity_threshold=0.5, textures=(("opacity", TextureInput(0, "r", color_space="raw")),)
    )
    upright = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    items = [
        (hand.box((4, 1, 1)), hand.pose(), 0),
        (hand.quad(4.0), hand.pose([0, -3, 0], rotation=upright), 1),
    ]
    s = hand.snapshot(items, materials=[Material(""), fence], material_of=[[0], [1]], textures=(texture,))
    s = with_points(s, [(0, "left", 0, [-1, -0.5, 0]), (0, "right", 0, [1, -0.5, 0])])
    seen = seen_keypoints(s, look_at([0, -30, 0], [0, 0, 0], fov=0.3))
    assert dict(zip(seen.name, seen.v.tolist(), strict=True)) == {"left": 2, "right": 1}


def test_marks_on_a_tessellated_sphere_are_not_lost_in_its_chords(hand):
    ball = hand.sphere(1.0, 10)
    ball = replace(
        ball, chord_error=float(1 - np.linalg.norm(ball.points[ball.triangles].mean(1), axis=1).min())
    )
    random = np.random.default_rng(3)
    places = random.normal(size=(60, 3))
    places /= np.linalg.norm(places, axis=1, keepdims=True)
    eye = np.array([5.0, 0.5, 0.3])
    facing = (eye - places) @ places.T
    facing = np.einsum("ij,ij->i", eye - places, places)
    s = with_points(
        hand.snapshot([(ball, hand.pose(), 0)]), [(0, f"{k:02d}", 0, p) for k, p in enumerate(places)]
    )
    seen = seen_keypoints(s, look_at(eye, [0, 0, 0]))
    clear = np.abs(facing) > 1.2  # away from the horizon, where the chord decides
    assert clear.sum() > 40
    assert np.array_equal(seen.v[clear], np.where(facing > 0, 2, 1)[clear])


@pytest.mark.parametrize("lens", [ORTHOGRAPHIC, Fisheye((0.01, 0, 0, 0)), OpenCV((-0.2, 0.05))])
def test_every_lens_asks_along_its_own_rays(hand, lens):
    wall = hand.box((2, 0.1, 2))
    s = hand.snapshot([(hand.box(), hand.pose([0, 4, 0]), 0), (wall, hand.pose([1.6, 2, 0]), 1)])
    marks = [(0, "left", 0, [-0.5, -0.5, 0.2]), (0, "right", 0, [0.5, -0.5, 0.2])]
    pose = look_at([0, 0, 0], [0, 1, 0]).world_from_camera
    k = pinhole(100, 100, 320, 240) if lens is ORTHOGRAPHIC else pinhole(300, 300, 320, 240)
    seen = seen_keypoints(with_points(s, marks), Camera("eye", 640, 480, k, pose, lens=lens))
    # The wall covers x from 0.6 at y = 2: parallel rays to x = 0.5 pass it, and so do those from the eye.
    assert seen.v.tolist() == [2, 2]
    near = with_points(
        replace(s, prims=s.prims), [(0, "left", 0, [-0.5, -0.5, 0.2]), (0, "right", 0, [1.4, -0.5, 0.2])]
    )
    seen = seen_keypoints(near, Camera("eye", 640, 480, k, pose, lens=lens))
    # x = 1.4 at y = 3.5: parallel rays meet the wall at 1.4; those from the eye pass y = 2 at x = 0.8, into the wall, too.
    assert seen.v.tolist() == [2, 1]


def test_coco_rows_are_in_the_order_asked_for(hand):
    s = hand.snapshot([(hand.box(), hand.pose(), 0)])
    seen = seen_keypoints(
        with_points(s, [(0, "b", 0, [0, 0.5, 0]), (0, "a", 0, [0, -0.5, 0])]), look_at([0, -6, 0], [0, 0, 0])
    )
    row = seen.coco(0, ("a", "none", "b"))
    assert row[2::3] == [2, 0, 1] and row[3:5] == [0, 0]
    assert row[:2] == pytest.approx([320, 240])
    assert seen.coco(5, ("a",)) == [0, 0, 0]


def test_only_the_objects_asked_for(hand):
    s = hand.snapshot([(hand.box(), hand.pose(), 0), (hand.box(), hand.pose([3, 0, 0]), 1)])
    s = with_points(s, [(0, "a", 0, [0, 0, 0.5]), (1, "a", 1, [0, 0, 0.5])])
    assert seen_keypoints(s, look_at([0, -6, 3], [0, 0, 0]), np.array([1])).object.tolist() == [1]
    assert len(seen_keypoints(s, look_at([0, -6, 3], [0, 0, 0]), np.array([], int))) == 0


def test_distances_to_triangles_are_those_of_a_dense_sampling():
    random = np.random.default_rng(11)
    corners, points = random.normal(size=(20, 3, 3)), random.normal(size=(20, 3)) * 2
    a, b = np.meshgrid(np.linspace(0, 1, 201), np.linspace(0, 1, 201))
    inside = a + b <= 1
    weights = np.stack([1 - a[inside] - b[inside], a[inside], b[inside]], -1)
    for point in points:
        dense = np.linalg.norm(np.einsum("wi,tij->twj", weights, corners) - point, axis=-1).min(1)
        assert np.abs(triangle_distances(point, corners) - dense).max() < 0.02
        assert (triangle_distances(point, corners) <= dense + 1e-12).all()
