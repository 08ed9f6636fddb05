"""The label pass against a brute-force oracle in float64 and against its own promises."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.render.bvh import Bvh
from twinstage.render.camera import look_at
from twinstage.render.labels import NOT_COUNTED, label_pass
from twinstage.scene.snapshot import Material
from twinstage.scene.transforms import quat_to_matrix


def _brute_depths(snapshot, camera, grow=0):
    """Depth f8[n_instances, h, w] of each instance alone, by Moeller-Trumbore over all triangles in float64.

    `grow` adds that many image sizes on each side. The second array says where a hit lies within 1e-5 of an edge of
    its triangle or ray and triangle nearly touch: there no two implementations need to agree.
    """
    w, h = camera.width, camera.height
    x, y = np.meshgrid(np.arange(-grow * w, w + grow * w) + 0.5, np.arange(-grow * h, h + grow * h) + 0.5)
    pixels = np.stack([x.ravel(), y.ravel(), np.ones(x.size)], -1)
    direction = pixels @ np.linalg.inv(camera.K).T @ camera.world_from_camera[:3, :3].T
    eye = camera.world_from_camera[:3, 3]
    depths = np.full((len(snapshot.instances), x.size), np.inf)
    doubtful = np.zeros((len(snapshot.instances), x.size), bool)
    for i in range(len(snapshot.instances)):
        prototype = snapshot.prototypes[snapshot.instances.prototype[i]]
        world = snapshot.instance_world[i]
        points = prototype.points.astype(np.float64) @ world[:3, :3].T + (world[:3, 3] - eye)
        for a, b, c in points[prototype.triangles]:
            e1, e2 = b - a, c - a
            p = np.cross(direction, e2)
            determinant = p @ e1
            with np.errstate(divide="ignore", invalid="ignore"):
                u = (p @ -a) / determinant
                q = np.cross(-a, e1)
                v = (direction @ q) / determinant
                t = (q @ e2) / determinant
                inside = np.minimum(np.minimum(u, v), 1 - u - v)
            ok = (inside >= 0) & (t >= camera.near) & (t <= camera.far)
            doubtful[i] |= (np.abs(inside) < 1e-5) & (t > 0) | (np.abs(t - camera.near) < 1e-5)
            depths[i] = np.where(ok & (t < depths[i]), t, depths[i])
    shape = (len(depths), *x.shape)
    return depths.reshape(shape), doubtful.reshape(shape)


def _check_against_brute_force(snapshot, camera):
    capture = label_pass(snapshot, camera, outside_rays=None)
    depths, doubtful = _brute_depths(snapshot, camera)
    unsure = doubtful.any(0)
    nearest = depths.min(0)
    ordered = np.sort(depths, 0)
    if len(depths) > 1:  # two surfaces in the same place: either may be seen
        unsure |= np.isfinite(ordered[1]) & (ordered[1] < ordered[0] + 1e-4)
    objects = snapshot.instances.object
    expected = np.where(np.isfinite(nearest), objects[depths.argmin(0)] + 1, 0)
    assert (capture.aovs["object"] == expected)[~unsure].all()
    depth = capture.aovs["depth"]
    both = np.isfinite(nearest) & np.isfinite(depth) & ~unsure
    assert np.allclose(depth[both], nearest[both], rtol=2e-6, atol=1e-5)
    wide, wide_doubt = _brute_depths(snapshot, camera, grow=1)
    for mask in capture.objects:
        mine = objects == mask.object
        amodal = np.isfinite(depths[mine]).any(0)
        assert (mask.amodal == amodal)[~doubtful[mine].any(0)].all()
        total = int(np.isfinite(wide[mine]).any(0).sum())
        assert abs(mask.amodal_px_total - total) <= int(wide_doubt[mine].any(0).sum())
        assert mask.visible_px == mask.visible.sum() <= mask.amodal_px_in_frame == mask.amodal.sum()
        assert mask.amodal_px_in_frame <= mask.amodal_px_total
        assert not (mask.visible & ~mask.amodal).any()
    listed = {mask.object for mask in capture.objects}
    for row in set(objects.tolist()) - listed:
        mine = objects == row
        assert not (np.isfinite(depths[mine]).any(0) & ~doubtful[mine].any(0)).any()
    return capture


number = st.floats(-1.5, 1.5)
quaternion = st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: sum(v * v for v in q) > 0.01)
extent = st.floats(0.1, 1.5)


@settings(deadline=None, max_examples=40)
@given(
    boxes=st.lists(
        st.tuples(
            st.tuples(number, number, number),
            quaternion,
            st.tuples(extent, extent, extent),
            st.integers(0, 2),
        ),
        min_size=1,
        max_size=5,
    ),
    eye=st.tuples(st.floats(-3, 3), st.floats(-4, -0.5), st.floats(-2, 2)),
    far_out=st.sampled_from([0.0, 10_000.0]),
)
def test_boxes_are_labelled_as_brute_force_says(hand, boxes, eye, far_out):
    """Any boxes, overlapping or around the camera, with several parts an object; here and 10 km out."""
    shift = np.array([far_out, -far_out, 0.0])
    items = []
    for position, quat, size, row in boxes:
        rotation = quat_to_matrix(np.array(quat) / np.linalg.norm(quat))
        items.append((hand.box(), hand.pose(np.array(position) + shift, rotation=rotation, scale=size), row))
    snapshot = hand.snapshot(items, names=["a", "b", "c"])
    camera = look_at(np.array(eye) + shift, shift, width=24, height=18, near=0.05)
    _check_against_brute_force(snapshot, camera)


def test_labels_ten_kilometres_out_equal_those_at_home(hand):
    rng = np.random.default_rng(3)
    poses = [hand.pose(rng.uniform(-2, 2, 3), scale=rng.uniform(0.05, 0.5, 3)) for _ in range(30)]
    shift = np.array([10_000.0, 7_000.0, 50.0])

    def labels(offset):
        moved = [pose + np.pad(offset[:, None], ((0, 1), (3, 0))) for pose in poses]
        snapshot = hand.snapshot([(hand.box(), pose, i) for i, pose in enumerate(moved)])
        return label_pass(snapshot, look_at(np.array([1.0, -6.0, 3.0]) + offset, offset))

    home, away = labels(np.zeros(3)), labels(shift)
    # The poses themselves round to 2e-12 m out there; nothing else may differ.
    assert (home.aovs["object"] != away.aovs["object"]).sum() <= 2
    seen = np.isfinite(home.aovs["depth"]) & (home.aovs["object"] == away.aovs["object"])
    assert np.abs(home.aovs["depth"][seen] - away.aovs["depth"][seen]).max() < 1e-5


def test_counts_of_a_square_half_outside_and_half_covered(hand):
    """By hand: focal length 100 px, a unit square 1 m away covers 100 x 100 px."""
    facing = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # the quad's +Z looks along -Y, at the camera
    camera = look_at([0, 0, 0], [0, 1, 0], width=200, height=100, fov=np.pi / 2)
    behind = (hand.quad(1.0), hand.pose([1.0, 1.0, 0], rotation=facing), 0)
    front = (hand.quad(0.5), hand.pose([0.375, 0.5, 0], rotation=facing), 1)
    capture = label_pass(hand.snapshot([behind, front]), camera)
    first, second = capture.objects
    assert (first.amodal_px_in_frame, first.amodal_px_total) == (50 * 100, 100 * 100)
    assert second.amodal_px_total == 75 * 100 + 25 * 100 and second.amodal_px_in_frame == 75 * 100
    assert first.visible_px == 0 and second.visible_px == 75 * 100
    assert set(np.unique(capture.aovs["object"])) == {0, 2}


def test_near_and_far_plane_cut_geometry(hand):
    facing = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    items = [
        (hand.quad(9.0), hand.pose([0, y, 0], rotation=facing), i) for i, y in enumerate((0.5, 2.0, 9.0))
    ]
    snapshot = hand.snapshot(items)
    camera = look_at([0, 0, 0], [0, 1, 0], width=8, height=6, near=1.0, far=5.0)
    capture = label_pass(snapshot, camera)
    assert [mask.object for mask in capture.objects] == [1]
    assert np.allclose(capture.aovs["depth"], 2.0)
    only_far = replace(camera, near=3.0)
    capture = label_pass(snapshot, only_far)
    assert not capture.objects and np.isinf(capture.aovs["depth"]).all()


def test_camera_inside_a_box_sees_it_everywhere(hand):
    snapshot = hand.snapshot([(hand.box([4, 4, 4]), np.eye(4), 0)])
    capture = label_pass(snapshot, look_at([0, 0, 0], [1, 0, 0], width=32, height=24), outside_rays=None)
    (mask,) = capture.objects
    assert mask.visible_px == 32 * 24 and mask.amodal_px_total == 9 * 32 * 24


def test_large_silhouettes_outside_are_estimated_within_a_percent(hand):
    ground = hand.snapshot([(hand.quad(200.0), np.eye(4), 0)])
    camera = look_at([0, -8, 2], [0, 0, 0.5], width=320, height=240)
    exact = label_pass(ground, camera, outside_rays=None).objects[0]
    rough = label_pass(ground, camera, outside_rays=5000).objects[0]
    assert exact.amodal_px_in_frame == rough.amodal_px_in_frame
    assert rough.amodal_px_total == pytest.approx(exact.amodal_px_total, rel=0.01)


def test_hidden_and_fully_transparent_things_are_not_there(hand):
    box = hand.box()
    items = [(box, hand.pose([i - 1.0, 0, 0], scale=0.5), i) for i in range(3)]
    snapshot = hand.snapshot(
        items,
        materials=[Material(""), Material("/clear", opacity=0.0)],
        material_of=[[0], [1], [0]],
        visible=[True, True, False],
    )
    capture = label_pass(snapshot, look_at([0, -4, 0], [0, 0, 0], width=64, height=48))
    assert [mask.object for mask in capture.objects] == [0]
    assert set(np.unique(capture.aovs["object"])) == {0, 1}


def test_transparent_slot_leaves_the_rest_of_the_prototype(hand):
    box = hand.box()
    slot = np.zeros(12, np.int32)
    slot[:10] = 1
    split = hand.prototype(box.points, box.triangles, box.normals, slot=slot)
    materials = [Material(""), Material("/clear", opacity=0.0)]
    full = hand.snapshot([(split, np.eye(4), 0)], materials=materials, material_of=[[0, 0]])
    part = hand.snapshot([(split, np.eye(4), 0)], materials=materials, material_of=[[0, 1]])
    camera = look_at([3, -3, 2], [0, 0, 0], width=64, height=48)
    all_px = label_pass(full, camera).objects[0].visible_px
    some_px = label_pass(part, camera).objects[0].visible_px
    # What is left is one face; seen from its outer or inner side it covers less than the whole box.
    assert 0 < some_px < all_px


def test_chosen_objects_get_masks_and_the_others_still_hide(hand):
    items = [(hand.box(), hand.pose([0, y, 0]), i) for i, y in enumerate((0.0, 3.0))]
    snapshot = hand.snapshot(items)
    camera = look_at([0, -3, 0], [0, 0, 0], width=64, height=48)
    everything, only_rear = label_pass(snapshot, camera), label_pass(snapshot, camera, objects=[1])
    assert [mask.object for mask in only_rear.objects] == [1]
    rear = next(mask for mask in everything.objects if mask.object == 1)
    assert only_rear.objects[0].visible_px == rear.visible_px == 0
    assert only_rear.objects[0].amodal_px_in_frame == rear.amodal_px_in_frame > 0
    for name in ("depth", "object", "normal"):
        assert np.array_equal(everything.aovs[name], only_rear.aovs[name])


def test_without_amodal_only_the_visible_is_told(hand):
    items = [(hand.box(), hand.pose([0, y, 0]), i) for i, y in enumerate((0.0, 3.0))]
    capture = label_pass(hand.snapshot(items), look_at([0, -3, 0], [0, 0, 0]), amodal=False, normals=False)
    assert [mask.object for mask in capture.objects] == [0]
    assert capture.objects[0].amodal_px_total == capture.objects[0].amodal_px_in_frame == NOT_COUNTED
    assert set(capture.aovs) == {"depth", "object"}


def test_normals_are_in_the_world_and_face_the_camera(hand):
    stretched = hand.pose([0, 0, 0], scale=[1.0, 2.0, 0.5])
    snapshot = hand.snapshot([(hand.sphere(1.0, 64), stretched, 0)])
    camera = look_at([2, -4, 1], [0, 0, 0], width=96, height=72)
    capture = label_pass(snapshot, camera)
    hit = capture.aovs["object"] == 1
    eye, direction = camera.rays()
    depth = capture.aovs["depth"].ravel()
    points = (eye + direction * np.where(hit.ravel(), depth, 0)[:, None])[hit.ravel()]
    expected = points / np.array([1.0, 2.0, 0.5]) ** 2  # gradient of the ellipsoid's equation
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    normals = capture.aovs["normal"][hit]
    assert np.allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)
    assert np.quantile(np.einsum("ij,ij->i", normals, expected), 0.01) > 0.999
    assert (capture.aovs["normal"][~hit] == 0).all()
    within = look_at([0, 0, 0], [0, 1, 0], width=16, height=12)
    inside = label_pass(snapshot, within).aovs["normal"].reshape(-1, 3)
    assert (np.einsum("ij,ij->i", inside, within.rays()[1]) < 0).all()


def test_flattened_instances_are_sheets_and_lines_are_left_out_without_an_error(hand):
    camera = look_at([0, -3, 0], [0, 0, 0], width=32, height=24)
    for scale, seen in (([1, 0, 1], [0, 1]), ([1, 0, 0], [1]), ([0, 0, 0], [1])):
        items = [(hand.box(), hand.pose([0, 0, 0], scale=scale), 0), (hand.box(), hand.pose([0, 2, 0]), 1)]
        capture = label_pass(hand.snapshot(items), camera)
        assert [mask.object for mask in capture.objects] == seen


def test_before_an_empty_background_only_what_may_be_hit_is_cast(hand, monkeypatch):
    left, right = hand.box(offset=[-2, 0, 0]), hand.box(offset=[2, 0, 0])
    both = hand.prototype(
        np.concatenate([left.points, right.points]),
        np.concatenate([left.triangles, right.triangles + len(left.points)]),
        np.concatenate([left.normals, right.normals]),
    )
    camera = look_at([0, -6, 0], [0, 0, 0], width=320, height=240)
    cast, rays = Bvh.cast, []
    monkeypatch.setattr(Bvh, "cast", lambda bvh, asked: rays.append(asked.size // 6) or cast(bvh, asked))
    snapshot = hand.snapshot([(both, np.eye(4), -1)])
    seen = np.count_nonzero(np.isfinite(label_pass(snapshot, camera, aovs=("depth",)).aovs["depth"]))
    assert 0 < seen <= sum(rays) < 1.5 * seen


def test_an_empty_scene_gives_an_empty_capture(hand):
    snapshot = hand.snapshot([(hand.box(), np.eye(4), 0)], visible=[False])
    capture = label_pass(snapshot, look_at([0, -3, 0], [0, 0, 0], width=16, height=12))
    assert not capture.objects and not capture.aovs["object"].any() and not capture.aovs["normal"].any()


def test_two_runs_give_the_same_bytes(many):
    snapshot, camera = many(40), look_at([0, -9, 5], [0, 0, 0], width=160, height=120)
    first, second = label_pass(snapshot, camera), label_pass(snapshot, camera)
    for name, array in first.aovs.items():
        assert array.tobytes() == second.aovs[name].tobytes()
