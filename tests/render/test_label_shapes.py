"""Every AOV of the label pass against closed forms: planes, boxes, spheres, cylinders; nothing is rendered twice."""

from dataclasses import replace

import numpy as np
import pytest

from twinstage.base.errors import UserError
from twinstage.render.camera import look_at
from twinstage.render.capture import AOVS
from twinstage.render.labels import label_pass
from twinstage.scene.snapshot import Material, ObjectTable, SceneObject

W, H = 160, 120
EVERYTHING = (
    "depth",
    "range",
    "normal",
    "normal_camera",
    "object",
    "instance",
    "semantic",
    "part",
    "material",
    "uv",
    "nocs",
    "position",
)


def rays(camera):
    """Eye f8[3] and directions f8[h, w, 3] with z = 1 in camera axes, written out from K and the pose."""
    y, x = np.mgrid[: camera.height, : camera.width] + 0.5
    k = camera.K
    local = np.stack([(x - k[0, 2]) / k[0, 0], (y - k[1, 2]) / k[1, 1], np.ones_like(x)], -1)
    return camera.world_from_camera[:3, 3], local @ camera.world_from_camera[:3, :3].T


def with_owners(snapshot, items):
    """The snapshot with an object at each item's own prim."""
    rows = sorted({row for _, _, row in items})
    firsts = [next(i for i, item in enumerate(items) if item[2] == row) for row in rows]
    paths = snapshot.prims.path
    owners = [SceneObject(prim, paths[prim], -1, f"thing{k}", ()) for k, prim in enumerate(firsts)]
    return replace(snapshot, objects=ObjectTable.of(owners, paths))


def inner(mask):
    """Pixels whose eight neighbours are all in the mask, too."""
    padded = np.pad(mask, 1)
    out = mask.copy()
    for dy in range(3):
        for dx in range(3):
            out &= padded[dy : dy + mask.shape[0], dx : dx + mask.shape[1]]
    return out


def slab_hits(camera, pose, size):
    """Depth and face (axis, sign) where rays enter a box of that size at a rigid pose; inf where they miss."""
    eye, direction = rays(camera)
    rotation = pose[:3, :3]
    o, d = (eye - pose[:3, 3]) @ rotation, direction @ rotation
    half = np.asarray(size, float) / 2
    with np.errstate(divide="ignore"):
        t = np.stack([(-half - o) / d, (half - o) / d])
    near, far = t.min(0), t.max(0)
    enter, leave = near.max(-1), far.min(-1)
    hit = (enter < leave) & (enter > 0)
    axis = near.argmax(-1)
    sign = -np.sign(np.take_along_axis(d, axis[..., None], -1)[..., 0])
    return np.where(hit, enter, np.inf), axis, sign, o, d


@pytest.fixture
def tilted():
    """A rotation about a skew axis."""
    axis, angle = np.array([1.0, 2.0, -1.0]) / np.sqrt(6), 0.8
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def test_a_plane_is_where_the_formula_says(hand):
    """A floor of 2 km seen from 1.7 m: depths within 1e-6 up to the horizon, though float32 rays are not."""
    snapshot = hand.snapshot([(hand.quad(2000.0), np.eye(4), 0)])
    camera = look_at([0, 0, 1.7], [0, 20, 0.4], width=W, height=H)
    aovs = label_pass(snapshot, camera, aovs=("depth", "range", "position", "normal", "uv", "object")).aovs
    eye, direction = rays(camera)
    with np.errstate(divide="ignore"):
        t = -eye[2] / direction[..., 2]
    place = eye + direction * t[..., None]
    there = (t > 0) & (np.abs(place[..., :2]) < 1000).all(-1)
    edge = (t > 0) & ~inner(there) & (np.abs(place[..., :2]) < 1100).all(-1)
    assert ((aovs["object"] == 1) == there)[~edge].all() and there.sum() > W * H / 3
    sure = there & ~edge
    assert np.abs(aovs["depth"] / t - 1)[sure].max() < 1e-6
    assert np.abs(aovs["range"] / (t * np.linalg.norm(direction, axis=-1)) - 1)[sure].max() < 1e-6
    assert np.abs(aovs["position"] - place)[sure].max() < 1e-4  # float32 at 1 km
    assert np.abs(aovs["uv"] - (place[..., :2] / 2000 + 0.5))[sure].max() < 1e-6
    assert np.array_equal(np.unique(aovs["normal"][sure], axis=0), [[0, 0, 1]])
    assert np.isinf(aovs["depth"][~there & ~edge]).all() and np.isnan(aovs["position"][~there & ~edge]).all()


def test_a_box_is_where_the_formula_says(hand, tilted):
    size = np.array([1.0, 2.0, 0.6])
    pose = hand.pose([0.3, 0.2, -0.1], rotation=tilted, scale=size)
    rigid = hand.pose([0.3, 0.2, -0.1], rotation=tilted)
    items = [(hand.box(), pose, 0)]
    snapshot = with_owners(hand.snapshot(items), items)
    camera = look_at([2, -3, 1.5], [0.3, 0, 0], width=W, height=H)
    aovs = label_pass(snapshot, camera, aovs=EVERYTHING, classes={0: 7}).aovs
    assert set(aovs) == set(EVERYTHING)
    t, axis, sign, o, d = slab_hits(camera, rigid, size)
    hit = np.isfinite(t)
    assert np.array_equal(np.isfinite(aovs["depth"]), hit)
    t0 = np.where(hit, t, 0.0)
    assert np.abs(aovs["depth"][hit] / t[hit] - 1).max() < 1e-6
    local = o + d * t0[..., None]
    assert np.abs(aovs["nocs"][hit] - (local / size + 0.5)[hit]).max() < 2e-6
    away = inner(hit) & (np.sort(np.abs(local) / (size / 2), -1)[..., 1] < 1 - 1e-4)  # off the box's edges
    normal = np.zeros((H, W, 3))
    np.put_along_axis(normal, axis[..., None], sign[..., None], -1)
    assert np.abs(aovs["normal"] - normal @ tilted.T)[away].max() < 1e-6
    in_camera = normal @ tilted.T @ camera.world_from_camera[:3, :3]
    assert np.abs(aovs["normal_camera"] - in_camera)[away].max() < 1e-6
    for name, value in (("semantic", 7), ("instance", 1), ("object", 1), ("part", 1), ("material", 1)):
        assert np.array_equal(aovs[name], np.where(hit, value, 0)), name
    assert np.isnan(aovs["uv"][~hit]).all() and ((aovs["uv"][hit] >= 0) & (aovs["uv"][hit] <= 1)).all()
    assert np.isnan(aovs["nocs"][~hit]).all()


def test_dtypes_and_shapes_are_those_declared(hand):
    items = [(hand.box(), np.eye(4), 0)]
    aovs = label_pass(
        hand.snapshot(items), look_at([0, -3, 1], [0, 0, 0], width=8, height=6), aovs=EVERYTHING
    ).aovs
    for name, array in aovs.items():
        said = AOVS[name].split(",")[0]
        assert array.dtype == np.dtype(said.split("[")[0])
        assert array.shape == ((6, 8) if "[" not in said else (6, 8, int(said.split("[")[1].rstrip("]"))))


def test_a_sphere_is_within_its_chord_error(hand):
    """The triangles lie inside the sphere by at most r (1 - cos of half the step), and so does every hit."""
    ball = hand.sphere(1.0, 64)
    step = np.pi / 63
    error = 1 - np.cos(step / 2) ** 2
    ball = replace(ball, chord_error=float(error))
    snapshot = hand.snapshot([(ball, hand.pose([0, 0, 0], scale=2.0), 0)])
    camera = look_at([1, -6, 2], [0, 0, 0], width=W, height=H)
    capture = label_pass(snapshot, camera, aovs=("depth", "position", "normal"))
    assert capture.chord_error == pytest.approx(2 * error)
    eye, direction = rays(camera)
    a, b, c = (direction**2).sum(-1), direction @ eye, eye @ eye - 4.0
    root = b**2 - a * c
    hit = np.isfinite(capture.aovs["depth"])
    assert not hit[root < 0].any()
    inside = (b**2 - a * (eye @ eye - (2 - 2 * error) ** 2)) > 0
    assert hit[inside].all()
    radius = np.linalg.norm(capture.aovs["position"], axis=-1)[hit]
    assert radius.max() < 2 + 1e-5 and radius.min() > 2 - 2 * error - 1e-5
    assert radius.min() < 2 - error  # the bound is no larger than it has to be
    truth = capture.aovs["position"][hit] / radius[:, None]
    assert np.einsum("ij,ij->i", capture.aovs["normal"][hit], truth).min() > np.cos(step / 2)


def test_a_cylinder_within_its_chord_error(hand):
    n = 48
    angle = np.linspace(0, 2 * np.pi, n + 1)
    ring = np.stack([np.cos(angle), np.sin(angle)], -1)
    points = np.concatenate([np.column_stack([ring, np.full(n + 1, z)]) for z in (-1.0, 1.0)])
    i = np.arange(n)
    triangles = np.concatenate([np.stack([i, i + 1, i + n + 2], -1), np.stack([i, i + n + 2, i + n + 1], -1)])
    pipe = hand.prototype(points, triangles, points * [1, 1, 0])
    camera = look_at([4, 0.3, 0.2], [0, 0, 0], width=W, height=H)
    aovs = label_pass(
        hand.snapshot([(pipe, np.eye(4), 0)]), camera, aovs=("position", "normal", "depth")
    ).aovs
    hit = np.isfinite(aovs["depth"])
    radius = np.linalg.norm(aovs["position"][hit][:, :2], axis=1)
    assert radius.min() > np.cos(np.pi / n) - 1e-6 and radius.max() < 1 + 1e-6
    outward = aovs["position"][hit][:, :2] / radius[:, None]
    seen_from_inside = np.einsum("ij,ij->i", aovs["normal"][hit][:, :2], outward) < 0
    assert not seen_from_inside[np.abs(aovs["position"][hit][:, 2]) < 0.9][:1].any()
    assert (np.abs(np.einsum("ij,ij->i", aovs["normal"][hit][:, :2], outward)) > np.cos(np.pi / n)).all()


def test_subsets_materials_and_flat_axes(hand):
    """Left half of a square is slot 1, right half slot 2; a square has no depth, so NOCS is 0.5 across it."""
    quad = hand.quad(2.0)
    grid = np.array([[x, y, 0] for y in (-1, 1) for x in (-1, 0, 1)], float)
    triangles = np.array([[0, 1, 4], [0, 4, 3], [1, 2, 5], [1, 5, 4]])
    split = hand.prototype(grid, triangles, np.tile([0.0, 0, 1], (6, 1)), slot=np.array([1, 1, 2, 2]))
    items = [(split, np.eye(4), 0), (quad, hand.pose([1.2, 0, -1]), 1)]
    snapshot = hand.snapshot(
        items, materials=[Material("/a"), Material("/b"), Material("/c")], material_of=[[0, 2, 1], [1]]
    )
    snapshot = with_owners(snapshot, items)
    camera = look_at([0, 0, 3], [0, 0, 0], up=[0, 1, 0], width=W, height=H)
    aovs = label_pass(snapshot, camera, aovs=("part", "material", "nocs", "position", "instance")).aovs
    top = aovs["instance"] == 1
    right = aovs["position"][..., 0] > 0
    sure = np.abs(aovs["position"][..., 0]) > 1e-4
    assert np.array_equal(aovs["part"][top & sure], np.where(right, 3, 2)[top & sure])
    assert np.array_equal(aovs["material"][top & sure], np.where(right, 2, 3)[top & sure])
    below = aovs["instance"] == 2
    assert (aovs["part"][below] == 1).all() and (aovs["material"][below] == 2).all() and below.any()
    assert (aovs["nocs"][top | below][:, 2] == 0.5).all()
    assert np.abs(aovs["nocs"][top][:, 0] - (aovs["position"][top][:, 0] / 2 + 0.5)).max() < 1e-6


def test_nocs_of_an_object_of_several_parts_is_in_the_box_of_all(hand):
    """Two unit cubes side by side are one object; its frame is the first one's prim, turned by a quarter."""
    quarter = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    items = [(hand.box(), hand.pose([5, 0, 0], rotation=quarter), 0), (hand.box(), hand.pose([6, 0, 0]), 0)]
    snapshot = with_owners(hand.snapshot(items), items)
    camera = look_at([5.5, -4, 0.2], [5.5, 0, 0], width=W, height=H)
    aovs = label_pass(snapshot, camera, aovs=("nocs", "position", "depth")).aovs
    hit = np.isfinite(aovs["depth"])
    place = aovs["position"][hit]
    # In the object's frame the second cube lies along -y; world x is -y, world y is x there.
    assert np.abs(aovs["nocs"][hit][:, 0] - (place[:, 1] + 0.5)).max() < 1e-5
    assert np.abs(aovs["nocs"][hit][:, 1] - (6.5 - place[:, 0]) / 2).max() < 1e-5


def test_only_what_is_asked_for_is_made_and_the_rest_is_named(hand):
    snapshot = hand.snapshot([(hand.box(), np.eye(4), 0)])
    camera = look_at([0, -3, 0], [0, 0, 0], width=8, height=6)
    assert set(label_pass(snapshot, camera, aovs=("uv",)).aovs) == {"uv"}
    assert label_pass(snapshot, camera, aovs=()).aovs == {}
    with pytest.raises(UserError, match="does not make an AOV 'rgb': engines make it"):
        label_pass(snapshot, camera, aovs=("rgb",))
    with pytest.raises(UserError, match="did you mean 'depth'"):
        label_pass(snapshot, camera, aovs=("dept",))
    with pytest.raises(UserError, match="give 'after' to the label pass"):
        label_pass(snapshot, camera, aovs=("flow",))


def test_moved_frames_stay_exact_far_from_the_origin(hand, tilted):
    """A box 10 km out: the same depths as at home, to a part in a million."""
    far = np.array([10_000.0, -7_000.0, 300.0])
    size = np.array([1.0, 2.0, 0.6])
    items = [(hand.box(), hand.pose(far, rotation=tilted, scale=size), 0)]
    snapshot = with_owners(hand.snapshot(items), items)
    camera = look_at(far + np.array([2, -3, 1.5]), far, width=W, height=H)
    aovs = label_pass(snapshot, camera, aovs=("depth", "nocs")).aovs
    t, *_, o, d = slab_hits(camera, hand.pose(far, rotation=tilted), size)
    hit = np.isfinite(t)
    edge = hit & ~inner(hit)
    assert np.array_equal(np.isfinite(aovs["depth"])[~edge], hit[~edge])
    sure = hit & ~edge
    assert np.abs(aovs["depth"][sure] / t[sure] - 1).max() < 1e-6
    assert np.abs(aovs["nocs"] - ((o + d * np.where(hit, t, 0)[..., None]) / size + 0.5))[sure].max() < 1e-5


@pytest.mark.parametrize("far", [1e6, 12.0])
def test_cells_inside_triangles_count_like_pixels(hand, monkeypatch, far):
    """The canvas count is the same with and without the short cut for large faces."""
    from twinstage.render import silhouettes

    rng = np.random.default_rng(5)
    items = [(hand.quad(60.0), np.eye(4), 0)]
    items += [
        (hand.box(), hand.pose(rng.uniform(-6, 6, 3), scale=rng.uniform(0.5, 6, 3)), i // 3 + 1)
        for i in range(9)
    ]
    snapshot = hand.snapshot(items)
    camera = replace(look_at([3, -8, 2], [0, 0, 0.5], width=W, height=H), far=far)
    assert (W * H) > silhouettes.WORTH
    quick = label_pass(snapshot, camera, outside_rays=None, aovs=())
    monkeypatch.setattr(silhouettes, "WORTH", 10**9)
    slow = label_pass(snapshot, camera, outside_rays=None, aovs=())
    counts = [[(m.object, m.amodal_px_total) for m in capture.objects] for capture in (quick, slow)]
    assert counts[0] == counts[1] and max(total for _, total in counts[0]) > 3 * W * H
