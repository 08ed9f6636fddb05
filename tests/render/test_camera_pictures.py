"""Cameras in pictures: the rays of every lens, shutter and aperture, against closed forms in numpy."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from twinstage.render.camera import look_at
from twinstage.render.capture import Camera, pinhole
from twinstage.render.engines import open_engine
from twinstage.render.exposure import Part, parts
from twinstage.render.labels import label_pass
from twinstage.render.lens import EQUIRECTANGULAR, ORTHOGRAPHIC, PINHOLE, Fisheye, OpenCV
from twinstage.render.motion import Motion, Shutter, Trajectory
from twinstage.scene.columns import PoseColumns, frozen
from twinstage.scene.snapshot import Light, Material


@dataclass(frozen=True)
class Equidistant:
    """xy = angle to the axis times the direction about it, up to `widest` [rad]."""

    widest: float = 1.7
    kind: ClassVar[str] = "equidistant"
    along_axis: ClassVar[bool] = False
    central: ClassVar[bool] = True
    affine: ClassVar[bool] = False

    def rays(self, xy):
        angle = np.hypot(xy[..., 0], xy[..., 1])
        across = xy * np.sinc(angle / np.pi)[..., None]
        out = np.concatenate([across, np.cos(angle)[..., None]], -1)
        out[angle > self.widest] = np.nan
        return np.zeros_like(out), out

    def project(self, points):
        across = np.hypot(points[:, 0], points[:, 1])
        angle = np.arctan2(across, points[:, 2])
        return points[:, :2] / across[:, None] * angle[:, None]


@dataclass(frozen=True)
class Barrel:
    """A pinhole whose tangents grow with the third power: a lens with z = 1 that is not affine."""

    kind: ClassVar[str] = "barrel"
    along_axis: ClassVar[bool] = True
    central: ClassVar[bool] = True
    affine: ClassVar[bool] = False

    def rays(self, xy):
        grown = xy * (1 + 0.3 * (xy**2).sum(-1, keepdims=True))
        out = np.concatenate([grown, np.ones((*xy.shape[:-1], 1))], -1)
        return np.zeros_like(out), out


@dataclass(frozen=True)
class Slit:
    """A panorama across, a pushbroom down: rays start along y, so the lens has no one centre."""

    kind: ClassVar[str] = "slit"
    along_axis: ClassVar[bool] = False
    central: ClassVar[bool] = False
    affine: ClassVar[bool] = False

    def rays(self, xy):
        zero = np.zeros(xy.shape[:-1])
        starts = np.stack([zero, xy[..., 1], zero], -1)
        return starts, np.stack([np.sin(xy[..., 0]), zero, np.cos(xy[..., 0])], -1)


def _camera(lens="pinhole", width=64, height=48) -> Camera:
    base = look_at([0.3, -5.0, 1.5], [0, 0, 0.2], width=width, height=height)
    k, middle = width / 64, (width / 2 + 1.3, height / 2 - 0.7)
    return {
        "pinhole": replace(base, K=pinhole(55 * k, 70 * k, *middle)),
        "orthographic": replace(base, lens=ORTHOGRAPHIC, K=pinhole(12 * k, 14 * k, *middle)),
        "fisheye": replace(base, lens=Equidistant(), K=pinhole(18 * k, 17 * k, *middle)),
        "barrel": replace(base, lens=Barrel(), K=pinhole(55 * k, 60 * k, *middle)),
        "slit": replace(base, lens=Slit(), K=pinhole(30 * k, 20 * k, *middle)),
    }[lens]


LENSES = ["pinhole", "orthographic", "fisheye", "barrel", "slit"]


def _device_rays(camera, part=None, spp=1, centred=False, seed=3):
    """Origins on the near plane, unit directions, lengths and seen of the device's rays, and where in the image."""
    from twinstage.render.mi.rays import LensTables, camera_rays
    from twinstage.render.mi.runtime import load_mitsuba

    runtime = load_mitsuba()
    runtime.mi.set_variant(runtime.variant)
    part = part if part is not None else next(iter(parts(None, camera, spp)))
    sampler = runtime.mi.load_dict({"type": "independent", "sample_count": spp})
    sampler.set_samples_per_wavefront(spp)
    count = camera.width * (part.last - part.first) * spp
    sampler.seed(seed, count)
    places = np.full((count, 2), 0.5)
    if not centred:
        other = sampler.clone()
        places = np.array(other.next_2d()).T
    rays = camera_rays(
        runtime, LensTables(runtime), camera, part.poses, np.zeros(3), sampler, spp, (part.first, part.last),
        centred=centred,
    )  # fmt: skip
    y, x = np.divmod(np.arange(count) // spp, camera.width)
    places += np.stack([x, y + part.first], -1)
    seen = np.ones(count, bool) if rays.seen is None else np.array(rays.seen)
    return (
        np.array(rays.ray.o).T.astype(float),
        np.array(rays.ray.d).T.astype(float),
        np.array(rays.ray.maxt).astype(float),
        seen,
        places,
    )


def _after(origins, directions, metres=5.0):
    return origins + metres * _unit(directions)


def _unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


@pytest.mark.parametrize("lens", LENSES)
class TestRaysOfTheDevice:
    def test_through_pixel_centres_they_are_the_cameras(self, lens):
        camera = _camera(lens)
        origins, directions = camera.rays()
        got_o, got_d, length, seen, _ = _device_rays(camera, centred=True)
        assert np.array_equal(seen, np.isfinite(directions).all(1))
        start = origins + directions * camera.near
        assert np.abs(got_o - start)[seen].max() < 2e-6
        assert np.abs(got_d - _unit(directions))[seen].max() < 5e-7
        reach = (camera.far - camera.near) * np.linalg.norm(directions, axis=1)
        assert np.allclose(length[seen], reach[seen], rtol=1e-6)

    def test_anywhere_in_a_pixel_they_are_off_by_less_than_a_hundredth_of_a_pixel(self, lens):
        camera = _camera(lens, 320, 240)
        got_o, got_d, _, seen, places = _device_rays(camera)
        origins, directions = camera.rays_at(places)
        beyond = [camera.rays_at(places + step)[1] for step in ([0.01, 0], [0, 0.01])]
        inside = seen & np.isfinite([directions, *beyond]).all((0, 2))
        # Where the rays are after 5 m, in pixels: the way to the places a step to the right and down.
        at = _after(origins, directions)
        steps = [_after(*camera.rays_at(places + step)) - at for step in ([0.01, 0], [0, 0.01])]
        pixel = np.min([np.linalg.norm(step, axis=1) * 100 for step in steps], 0)
        start = got_o - _unit(got_d) * (np.linalg.norm(directions, axis=1) * camera.near)[:, None]
        off = np.linalg.norm(_after(start, got_d) - at, axis=1)[inside] / np.maximum(pixel[inside], 1e-4)
        assert off.max() < 0.003

    def test_a_path_turns_each_row_by_its_own_pose(self, lens):
        camera = _rolling(_camera(lens))
        origins, directions = camera.rays()
        got_o, got_d, _, seen, _ = _device_rays(camera, centred=True)
        assert np.abs(got_d - _unit(directions))[seen].max() < 1e-6
        assert np.abs(got_o - origins - directions * camera.near)[seen].max() < 3e-6
        still, _ = _camera(lens).rays()
        assert np.abs(origins - still)[seen].max() > 0.1

    def test_one_by_one_they_are_the_same(self, lens):
        from twinstage.render.mi.scalar import host_rays

        camera = _rolling(_camera(lens))
        part = next(iter(parts(None, camera, 1)))
        starts, alongs = host_rays(camera, part, 0, np.random.default_rng(0), centred=True)
        origins, directions = camera.rays()
        assert np.allclose(starts, origins, atol=1e-12, equal_nan=True)
        assert np.allclose(alongs, directions, atol=1e-12, equal_nan=True)


def _rolling(camera):
    other = look_at([1.0, -5.5, 1.1], [0.2, 0, 0.1]).world_from_camera
    path = Trajectory(np.array([0.0, 0.1]), np.stack([camera.world_from_camera, other]))
    return replace(camera, path=path, shutter=Shutter(0.0, 0.0, 0.1))


def _lamps(count):
    """Surfaces that shine in a colour of their own, red = row + 1, and reflect nothing: metals of black."""
    return [
        Material(
            f"/lamp{k}", diffuse_color=(0, 0, 0), emissive_color=(k + 1.0, 0.5, 0.25), metallic=1, ior=1.01
        )
        for k in range(count)
    ]


def _boxes(hand):
    """Boxes all around the camera, each a lamp, and their poses and sizes."""
    rng = np.random.default_rng(11)
    sizes = rng.uniform(0.3, 0.9, (30, 3))
    places = rng.uniform([-2.5, -7.0, -0.2], [2.5, 0.5, 2.8], (30, 3))
    places[:, 1] += np.where(np.linalg.norm(places - [0.3, -5, 1.5], axis=1) < 1.5, 3.0, 0.0)
    items = [(hand.box(s), hand.pose(p), k) for k, (s, p) in enumerate(zip(sizes, places, strict=True))]
    snapshot = hand.snapshot(items, materials=_lamps(30), material_of=[[k] for k in range(30)])
    return snapshot, sizes, places


def _slabs(origins, directions, sizes, places, near, far):
    """First box (row + 1, 0 for none) that each ray meets between near and far (Kay and Kajiya 1986)."""
    best, row = np.full(len(origins), far), np.zeros(len(origins), int)
    for k, (size, place) in enumerate(zip(sizes, places, strict=True)):
        with np.errstate(divide="ignore", invalid="ignore"):  # NaN (no ray) compares as no hit
            a = (place - size / 2 - origins) / directions
            b = (place + size / 2 - origins) / directions
        enter, leave = np.fmin(a, b).max(1), np.fmax(a, b).min(1)
        at = np.where(enter >= near, enter, leave)
        hit = (enter <= leave) & (at >= near) & (at < best)
        best[hit], row[hit] = at[hit], k + 1  # from inside the back is seen
    return row


def _centred(kind, snapshot, camera, motion=None):
    from twinstage.render.mi.runtime import load_mitsuba
    from twinstage.render.mi.scene import LivingScene
    from twinstage.render.mi.trace import DIRECT, Sampling, trace

    runtime = load_mitsuba()
    runtime.mi.set_variant(runtime.variant)
    living = LivingScene(runtime, largest_texture=64, largest_map=64)
    sampling = Sampling(DIRECT if kind == "direct" else 2, 1, 0, float("inf"), centred=True)
    return trace(runtime, living, snapshot, camera, sampling, motion)


@pytest.mark.parametrize("kind", ["direct", "path"])
@pytest.mark.parametrize("lens", LENSES)
def test_the_picture_shows_in_each_pixel_what_the_ray_through_its_centre_meets(hand, lens, kind):
    snapshot, sizes, places = _boxes(hand)
    for camera in (_camera(lens, 160, 120), _rolling(_camera(lens, 160, 120))):
        camera = replace(camera, near=1.0, far=5.2)
        expected = _slabs(*camera.rays(), sizes, places, camera.near, camera.far).reshape(120, 160)
        got = np.rint(_centred(kind, snapshot, camera)[..., 0]).astype(int)
        assert np.count_nonzero(expected) > 1000 and len(np.unique(expected)) > 5
        # A ray along an edge may go either way in float32.
        assert np.count_nonzero(got != expected) <= 1


@pytest.mark.parametrize("rolling", [False, True])
@pytest.mark.parametrize(
    ("lens", "focal"),
    [
        (PINHOLE, 130.0),
        (ORTHOGRAPHIC, 30.0),
        (OpenCV((-0.25, 0.06, 0.002, -0.001, 0.0)), 130.0),
        (Fisheye((0.02, -0.003, 0.0, 0.0)), 45.0),
        (EQUIRECTANGULAR, 160 / 2 / np.pi),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_the_picture_shows_the_label_in_each_pixel(hand, lens, focal, rolling):
    snapshot, _, _ = _boxes(hand)
    camera = replace(_camera("pinhole", 160, 120), lens=lens, K=pinhole(focal, focal, 80.3, 59.6))
    camera = _rolling(camera) if rolling else camera
    got = np.rint(_centred("direct", snapshot, camera)[..., 0]).astype(int)
    labels = label_pass(snapshot, camera).aovs["object"]
    assert len(np.unique(labels)) > 8
    assert np.count_nonzero(got != labels) <= 1
    # The engine without kernels shows the same surfaces.
    plain = open_engine(kind="raycast", spp=1, clamp=0).linear(snapshot, camera)[..., 0]
    assert np.array_equal(np.rint(plain).astype(int), labels)


def test_where_the_lens_sees_nothing_the_picture_is_black(hand):
    sky = (Light(prim=0, kind="dome", radiance=(1.0, 1.0, 1.0)), np.eye(4))
    snapshot = hand.snapshot([(hand.box(), np.eye(4), 0)], lights=[sky])
    camera = replace(_camera("fisheye"), lens=Equidistant(1.2))
    unseen = np.isnan(camera.rays()[1]).any(1).reshape(48, 64)
    assert 0 < unseen.sum() < unseen.size
    for kind in ("direct", "path", "raycast"):
        picture = open_engine(kind=kind, spp=16).linear(snapshot, camera)
        assert (picture[unseen] == 0).all()
        assert np.isfinite(picture).all() and picture[~unseen].min() > 0.05


def _square(hand, at, size=1.0, **more):
    return hand.snapshot(
        [(hand.quad(size), hand.pose(at), 0)], materials=_lamps(1), material_of=[[0]], **more
    )


def _down(distance=10.0, width=200, height=100, focal=200.0):
    base = look_at([0, 0, distance], [0, 0, 0], up=[0, 1, 0], width=width, height=height)
    return replace(base, K=pinhole(focal, focal, width / 2, height / 2))


class TestDepthOfField:
    def test_what_is_in_focus_is_sharp_and_an_edge_beyond_blurs_as_the_thin_lens_says(self, hand):
        """Of a half plane at depth z the share seen is that of a disc cut by a chord; its radius is the blur's."""
        camera = replace(_down(focal=400.0), aperture_radius=0.2, focus_distance=10.0)
        engine = open_engine(kind="direct", spp=256, clamp=0)
        for z, blur in ((10.0, 0.0), (5.0, 400 * 0.2 * abs(1 / 5 - 1 / 10)), (20.0, 400 * 0.2 * 0.05)):
            snapshot = _square(hand, [50.0, 0, 10 - z], 100.0)
            got = engine.linear(snapshot, camera)[..., 0]
            profile, x = got.mean(0), np.arange(200) + 0.5 - 100
            s = np.clip(x / blur if blur else np.sign(x), -1, 1)
            expected = 0.5 + (np.arcsin(s) + s * np.sqrt(1 - s * s)) / np.pi
            assert np.abs(profile - expected).max() < 0.02

    def test_without_an_aperture_nothing_changes(self, hand):
        snapshot = _square(hand, [0.2, 0, 3])
        engine = open_engine(kind="direct", spp=4)
        sharp = engine.linear(snapshot, _down())
        assert np.array_equal(sharp, engine.linear(snapshot, replace(_down(), focus_distance=3.0)))

    def test_a_fisheye_focuses_on_a_sphere(self, hand):
        camera = replace(_camera("fisheye"), aperture_radius=0.1, focus_distance=3.0)
        origins, directions, *_ = (
            x.reshape(-1, 64, 3) for x in _device_rays(camera, spp=64, centred=True)[:2]
        )
        eye, sharp = camera.rays()
        focus = eye + sharp * 3.0
        seen = np.isfinite(focus).all(1)
        gap = focus[:, None] - origins
        off = np.linalg.norm(np.cross(gap, directions), axis=-1)[seen]
        assert off.max() < 1e-5
        spread = np.linalg.norm(origins - eye[:, None] - directions * camera.near, axis=-1)[seen]
        assert 0.09 < spread.max() < 0.1 + 1e-4

    def test_parallel_rays_meet_in_the_plane_of_focus(self):
        camera = replace(_camera("orthographic"), aperture_radius=0.1, focus_distance=4.0)
        origins, directions = (x.reshape(-1, 16, 3) for x in _device_rays(camera, spp=16, centred=True)[:2])
        eye, sharp = camera.rays()
        gap = (eye + 4.0 * sharp)[:, None] - origins
        assert np.linalg.norm(np.cross(gap, directions), axis=-1).max() < 1e-5

    def test_one_by_one_rays_go_through_the_same_lens(self):
        from twinstage.render.mi.scalar import host_rays

        for lens in ("pinhole", "fisheye", "orthographic"):
            camera = replace(_camera(lens), aperture_radius=0.1, focus_distance=3.0)
            part = next(iter(parts(None, camera, 1)))
            starts, alongs = host_rays(camera, part, 0, np.random.default_rng(1), centred=True)
            eye, sharp = camera.rays()
            seen = np.isfinite(sharp).all(1)
            gap = (eye + 3.0 * sharp - starts)[seen]
            assert np.linalg.norm(np.cross(gap, _unit(alongs[seen])), axis=-1).max() < 1e-9
            assert 0.09 < np.linalg.norm(starts - eye, axis=1)[seen].max() <= 0.1


def _moved(snapshot, at):
    turn = frozen(np.array([[1.0, 0, 0, 0]]), np.float32)
    return snapshot.moved(
        PoseColumns(1, 0, frozen(np.zeros(1), np.uint32), frozen(np.array([at]), np.float64), turn)
    )


def _sliding(hand, reach=4.0):
    start = _square(hand, [-reach / 2, 0, 0], 1.0)
    return start, Motion((0.0, 1.0), (start, _moved(start, [reach / 2, 0, 0])))


class TestShutter:
    def test_the_engine_without_kernels_smears_too(self, hand):
        start, motion = _sliding(hand)
        view = _down(height=10)
        engine = open_engine(kind="raycast", spp=1, motion_samples=32)
        got = engine.linear(start, replace(view, shutter=Shutter(0.0, 1.0)), motion=motion)[..., 0]
        assert np.abs(got[:, 75:125].mean(0) - 0.25).max() < 0.04
        slanted = engine.linear(start, replace(view, shutter=Shutter(0.0, 0.0, 1.0)), motion=motion)[..., 0]
        middle = np.array([np.flatnonzero(row > 0.5).mean() + 0.5 for row in slanted])
        assert np.abs(middle - (100 + 20 * (-2 + 4 * np.arange(10) / 9))).max() < 1.8

    def test_a_moving_square_is_smeared_over_its_way(self, hand):
        """20 px to a metre; a square of 1 m that goes 4 m passes each place in the middle for a quarter of the time."""
        start, motion = _sliding(hand)
        camera = replace(_down(), shutter=Shutter(0.0, 1.0))
        got = open_engine(kind="direct", spp=40, motion_samples=40).linear(start, camera, motion=motion)[
            ..., 0
        ]
        x = (np.arange(200) + 0.5 - 100) / 20
        expected = np.clip(np.minimum(x + 2.5, 2.5 - x) / 1.0, 0, 1) / 4
        assert np.abs(got[45:55].mean(0) - expected).max() < 0.03

    def test_a_camera_that_moves_along_sees_it_sharp(self, hand):
        start, motion = _sliding(hand)
        still = _down()
        poses = np.stack([still.world_from_camera] * 2)
        poses[0, 0, 3], poses[1, 0, 3] = -2.0, 2.0
        along = replace(still, path=Trajectory(np.array([0.0, 1.0]), poses), shutter=Shutter(0.0, 1.0))
        engine = open_engine(kind="direct", spp=64)
        got = engine.linear(start, along, motion=motion)[..., 0]
        sharp = engine.linear(_square(hand, [0, 0, 0]), still)[..., 0]
        assert np.abs(got - sharp).max() < 0.3 and np.abs(got - sharp).mean() < 0.002

    def test_a_moving_camera_smears_what_rests(self, hand):
        still = _down()
        poses = np.stack([still.world_from_camera] * 2)
        poses[0, 0, 3], poses[1, 0, 3] = -2.0, 2.0
        camera = replace(still, path=Trajectory(np.array([0.0, 1.0]), poses), shutter=Shutter(0.0, 1.0))
        got = open_engine(kind="direct", spp=64).linear(_square(hand, [0, 0, 0]), camera)[..., 0]
        x = (np.arange(200) + 0.5 - 100) / 20
        expected = np.clip(np.minimum(x + 2.5, 2.5 - x) / 1.0, 0, 1) / 4
        assert np.abs(got[45:55].mean(0) - expected).max() < 0.03

    def test_a_rolling_shutter_slants_what_moves(self, hand):
        start, motion = _sliding(hand)
        flat = start.prototypes[0]
        tall = hand.prototype(flat.points * [1, 20, 1], flat.triangles, flat.normals)
        motion = Motion((0.0, 1.0), tuple(replace(s, prototypes=(tall,)) for s in motion.snapshots))
        start = motion.snapshots[0]
        camera = replace(_down(), shutter=Shutter(0.0, 0.0, 1.0))
        got = _centred("direct", start, camera, motion)[..., 0] > 0.5
        middle = np.array([np.flatnonzero(row).mean() + 0.5 for row in got])
        expected = 100 + 20 * (-2 + 4 * np.arange(100) / 99)
        # 32 moments for 80 px of way: at most half of 2.5 px off, and half a pixel of its edges.
        assert np.abs(middle - expected).max() < 1.8
        assert np.abs((middle - expected).mean()) < 0.3

    def test_what_rests_keeps_its_smooth_edges(self, hand):
        """One of two squares moves; the edges of the other are as good as in a picture without motion."""
        quad = hand.quad(1.0)
        turned = hand.pose([2, 0.03, 0], rotation=np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]]))
        items = [(quad, hand.pose([-3, 0, 0]), 0), (quad, turned, 1)]
        start = hand.snapshot(items, materials=_lamps(1), material_of=[[0], [0]])
        motion = Motion((0.0, 1.0), (start, _moved(start, [-2, 0, 0])))
        camera = replace(_down(), shutter=Shutter(0.0, 1.0))
        engine = open_engine(kind="direct", spp=16, clamp=0)
        exact = open_engine(kind="direct", spp=1024, clamp=0).linear(start, camera)[:, 120:, 0]
        errors = [
            np.sqrt(((engine.linear(start, camera, motion=moving)[:, 120:, 0] - exact) ** 2).mean())
            for moving in (None, motion)
        ]
        assert 0 < errors[1] < 1.3 * errors[0]

    def test_nothing_is_built_again_for_a_moment(self, hand):
        start, motion = _sliding(hand)
        engine = open_engine(kind="direct", spp=8)
        camera = replace(_down(), shutter=Shutter(0.0, 1.0))
        first = engine.render(start, camera, motion=motion).aovs["rgb"]
        assert engine._living.builds == 1
        assert np.array_equal(engine.render(start, camera, motion=motion).aovs["rgb"], first)
        fresh = open_engine(kind="direct", spp=8).render(start, camera, motion=motion).aovs["rgb"]
        assert np.array_equal(fresh, first)

    def test_what_was_expected_to_rest_may_move_while_the_shutter_is_open(self, hand):
        start, motion = _sliding(hand)
        camera = replace(_down(), shutter=Shutter(0.0, 1.0))
        engine = open_engine(kind="direct", spp=8)
        engine.expect(start, [start])
        got = engine.render(start, camera, motion=motion).aovs["rgb"]
        assert engine._living.builds == 1
        assert np.array_equal(
            got, open_engine(kind="direct", spp=8).render(start, camera, motion=motion).aovs["rgb"]
        )

    @pytest.mark.parametrize(
        "shutter", [Shutter(0, 0.5, 0.7), Shutter(-0.2, 0.2, -0.4), Shutter(0, 0.001, 1.0)]
    )
    def test_each_row_gets_all_its_samples_in_the_order_of_time(self, hand, shutter):
        start, motion = _sliding(hand)
        times = []
        recorded = Motion((0.0, 1.0), motion.snapshots)
        object.__setattr__(recorded, "at", lambda seconds: times.append(seconds) or start)
        camera = replace(_down(), shutter=shutter)
        rows = np.zeros(100, int)
        seen = np.zeros(100)
        listed = list(parts(start, camera, 8, recorded, 4))
        for part, at in zip(listed, times, strict=True):
            rows[part.first : part.last] += part.spp
            seen[part.first : part.last] += at * part.spp
        assert len(set(rows.tolist())) == 1 and rows[0] >= 8
        step = max(np.diff(times))
        assert times == sorted(times)
        assert np.abs(seen / rows - shutter.row_times(100)).max() <= step / 2 + 1e-9


def test_the_scalar_variant_takes_any_camera(hand):
    from twinstage.render.mi.runtime import Mitsuba, load_mitsuba
    from twinstage.render.mi.scalar import trace_scalar
    from twinstage.render.mi.scene import LivingScene
    from twinstage.render.mi.trace import DIRECT, Sampling

    snapshot, sizes, places = _boxes(hand)
    start, motion = _sliding(hand)
    loaded = load_mitsuba()
    loaded.mi.set_variant("scalar_rgb")
    try:
        scalar = Mitsuba(loaded.mi, loaded.dr, "scalar_rgb", None)
        sampling = Sampling(1, 1, 0, float("inf"), centred=True)  # what shines, and nothing else
        for lens in LENSES:
            camera = _rolling(_camera(lens))
            living = LivingScene(scalar, largest_texture=64, largest_map=64)
            got = np.rint(trace_scalar(scalar, living, snapshot, camera, sampling)[..., 0]).astype(int)
            expected = _slabs(*camera.rays(), sizes, places, camera.near, camera.far).reshape(48, 64)
            assert np.count_nonzero(got != expected) <= 1
        living = LivingScene(scalar, largest_texture=64, largest_map=64)
        camera = replace(_down(width=50, height=20, focal=50.0), shutter=Shutter(0.0, 1.0))
        moments = Sampling(DIRECT, 16, 0, float("inf"), moments=16)
        smeared = trace_scalar(scalar, living, start, camera, moments, motion)[..., 0]
        assert np.abs(smeared[9:11, 20:30].mean() - 0.25) < 0.04
    finally:
        loaded.mi.set_variant(loaded.variant)


def test_an_exposure_is_planned_for_what_moves_only(hand):
    start, motion = _sliding(hand)
    still = Motion((0.0, 1.0), (start, start))
    camera = replace(_down(), shutter=Shutter(0.0, 1.0))
    assert [p.spp for p in parts(start, camera, 16, still)] == [16]
    assert [p.spp for p in parts(start, camera, 16, motion)] == [2] * 8
    assert [p.spp for p in parts(start, camera, 3, motion)] == [1] * 3
    assert [p.snapshot for p in parts(start, replace(camera, shutter=Shutter(1.0, 1.0)), 4, motion)] == [
        motion.snapshots[1]
    ]
    assert isinstance(next(iter(parts(start, camera, 1))), Part)
    assert frozen(np.zeros(1), np.float64).shape == (1,)
