"""Cameras against pxr's own frustum."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.base.errors import UserError
from twinstage.render.camera import camera_from_scene, find_camera, look_at, orbit_eye
from twinstage.render.capture import Camera, pinhole
from twinstage.render.lens import ORTHOGRAPHIC, PINHOLE, Fisheye, OpenCV
from twinstage.render.motion import Shutter, Trajectory, constant_motion
from twinstage.scene.snapshot import SceneCamera, SceneLens


def _scene_camera(**changes: object) -> SceneCamera:
    fields: dict[str, object] = {
        "prim": 0,
        "name": "Eye",
        "projection": "perspective",
        "focal_length": 35.0,
        "horizontal_aperture": 20.955,
        "vertical_aperture": 15.2908,
        "horizontal_offset": 0.0,
        "vertical_offset": 0.0,
        "near": 0.1,
        "far": 1000.0,
    }
    return SceneCamera(**(fields | changes))  # type: ignore[arg-type]


lens = st.floats(5.0, 200.0)


@settings(deadline=None, max_examples=30)
@given(
    focal=lens,
    apertures=st.tuples(lens, lens),
    offsets=st.tuples(st.floats(-5, 5), st.floats(-5, 5)),
    size=st.tuples(st.integers(1, 2000), st.integers(1, 2000)),
    turn=st.tuples(st.floats(-3, 3), st.floats(-3, 3), st.floats(-3, 3)),
)
def test_projection_is_that_of_gf_camera(hand, focal, apertures, offsets, size, turn):
    from pxr import Gf

    rotation = Gf.Rotation(Gf.Vec3d(*turn) if any(turn) else Gf.Vec3d(0, 0, 1), 40.0)
    gf_pose = Gf.Matrix4d(rotation, Gf.Vec3d(1.0, -2.0, 3.0))
    gf = Gf.Camera()
    gf.transform = gf_pose
    gf.focalLength, gf.horizontalAperture, gf.verticalAperture = focal, *apertures
    gf.horizontalApertureOffset, gf.verticalApertureOffset = offsets
    gf.clippingRange = Gf.Range1f(0.1, 1000)
    frustum = gf.frustum
    matrix = np.array(frustum.ComputeViewMatrix() * frustum.ComputeProjectionMatrix())  # row vectors
    scene = _scene_camera(
        focal_length=gf.focalLength,
        horizontal_aperture=gf.horizontalAperture,
        vertical_aperture=gf.verticalAperture,
        horizontal_offset=gf.horizontalApertureOffset,
        vertical_offset=gf.verticalApertureOffset,
    )
    snapshot = hand.snapshot([(hand.box(), np.eye(4), 0)], cameras=[(scene, np.array(gf_pose).T)])
    camera = camera_from_scene(snapshot, snapshot.cameras[0], *size)

    points = np.array([[0.3, -0.2, -4.0], [-1.0, 2.0, -9.0], [0.0, 0.0, -1.0]])
    world = points @ np.array(gf_pose)[:3, :3] + np.array(gf_pose)[3, :3]
    clip = np.concatenate([world, np.ones((3, 1))], 1) @ matrix
    ndc = clip[:, :2] / clip[:, 3:]
    expected = np.stack([(ndc[:, 0] + 1) / 2 * size[0], (1 - ndc[:, 1]) / 2 * size[1]], 1)
    pixels, depth = camera.project(world)
    assert np.allclose(pixels, expected, rtol=1e-4, atol=1e-3)
    assert np.allclose(depth, -points[:, 2])


def test_square_pixels_keep_the_horizontal_field_of_view(hand):
    scene = _scene_camera(vertical_offset=1.0)
    snapshot = hand.snapshot([(hand.box(), np.eye(4), 0)], cameras=[(scene, np.eye(4))])
    camera = camera_from_scene(snapshot, snapshot.cameras[0], 640, 360, square_pixels=True)
    assert camera.K[0, 0] == camera.K[1, 1] == pytest.approx(35.0 / 20.955 * 640)
    # An offset shifts the picture by the same number of pixels as before.
    assert camera.K[1, 2] - 180 == pytest.approx(1.0 / 20.955 * 640)


def test_scaled_camera_prim_keeps_its_lens_and_stays_rigid(hand):
    pose = hand.pose([1, 2, 3], scale=[0.01, 0.01, 0.01])
    snapshot = hand.snapshot([(hand.box(), np.eye(4), 0)], cameras=[(_scene_camera(), pose)])
    camera = camera_from_scene(snapshot, find_camera(snapshot, "Eye"), 64, 48)
    rotation = camera.world_from_camera[:3, :3]
    assert np.allclose(rotation @ rotation.T, np.eye(3))
    assert np.allclose(camera.world_from_camera[:3, 3], [1, 2, 3])


@settings(deadline=None, max_examples=20)
@given(
    apertures=st.tuples(lens, lens),
    offsets=st.tuples(st.floats(-5, 5), st.floats(-5, 5)),
    size=st.tuples(st.integers(1, 2000), st.integers(1, 2000)),
)
def test_orthographic_projection_is_that_of_gf_camera(hand, apertures, offsets, size):
    from pxr import Gf

    gf_pose = Gf.Matrix4d(Gf.Rotation(Gf.Vec3d(1, 2, -3), 40.0), Gf.Vec3d(1.0, -2.0, 3.0))
    gf = Gf.Camera(gf_pose, Gf.Camera.Orthographic)
    gf.horizontalAperture, gf.verticalAperture = apertures
    gf.horizontalApertureOffset, gf.verticalApertureOffset = offsets
    gf.clippingRange = Gf.Range1f(0.1, 1000)
    matrix = np.array(gf.frustum.ComputeViewMatrix() * gf.frustum.ComputeProjectionMatrix())
    metre = 100.0  # a stage of metres: apertures in tenths of one are 100 mm each
    scene = _scene_camera(
        projection="orthographic",
        horizontal_aperture=gf.horizontalAperture * metre,
        vertical_aperture=gf.verticalAperture * metre,
        horizontal_offset=gf.horizontalApertureOffset * metre,
        vertical_offset=gf.verticalApertureOffset * metre,
    )
    snapshot = hand.snapshot([(hand.box(), np.eye(4), 0)], cameras=[(scene, np.array(gf_pose).T)])
    camera = camera_from_scene(snapshot, snapshot.cameras[0], *size)
    points = np.array([[0.3, -0.2, -4.0], [-1.0, 2.0, -9.0], [0.0, 0.0, -1.0]])
    world = points @ np.array(gf_pose)[:3, :3] + np.array(gf_pose)[3, :3]
    clip = np.concatenate([world, np.ones((3, 1))], 1) @ matrix
    expected = np.stack([(clip[:, 0] + 1) / 2 * size[0], (1 - clip[:, 1]) / 2 * size[1]], 1)
    pixels, depth = camera.project(world)
    assert camera.lens is ORTHOGRAPHIC
    assert np.allclose(pixels, expected, rtol=1e-4, atol=1e-3)
    assert np.allclose(depth, -points[:, 2])


def test_unknown_cameras_and_impossible_ones_are_refused_by_name(hand):
    scene = _scene_camera()
    snapshot = hand.snapshot([(hand.box(), np.eye(4), 0)], cameras=[(scene, np.eye(4))])
    with pytest.raises(UserError, match=r"'Ey'.*did you mean 'Eye'"):
        find_camera(snapshot, "Ey")
    with pytest.raises(UserError, match="0 x 48 pixels"):
        camera_from_scene(snapshot, snapshot.cameras[0], 0, 48)
    for broken, sentence in [
        (hand.pose(scale=[1, 0, 1]), "camera /p0001 has a transform that squashes space flat"),
        (hand.pose([np.nan, 0, 0]), "camera /p0001 has a transform that holds numbers that are not finite"),
    ]:
        snapshot = hand.snapshot([(hand.box(), np.eye(4), 0)], cameras=[(scene, broken)])
        with pytest.raises(UserError, match=sentence) as error:
            camera_from_scene(snapshot, snapshot.cameras[0], 64, 48)
        assert "\n" not in str(error.value)


def test_focus_and_shutter_become_a_thin_lens_and_seconds(hand):
    scene = _scene_camera(
        f_stop=2.8, focus_distance=4.0, shutter_open=-0.01, shutter_close=0.02, readout=0.005
    )
    snapshot = hand.snapshot([(hand.box(), np.eye(4), 0)], cameras=[(scene, np.eye(4))])
    camera = camera_from_scene(snapshot, snapshot.cameras[0], 64, 48)
    assert camera.aperture_radius == pytest.approx(0.035 / 2.8 / 2)
    assert camera.focus_distance == 4.0
    assert camera.shutter == Shutter(-0.01, 0.02, 0.005)
    assert camera.shutter.row_times(48)[[0, -1]] == pytest.approx([0.005, 0.010])
    for sharp in (_scene_camera(f_stop=2.8), _scene_camera(focus_distance=4.0)):
        snapshot = hand.snapshot([(hand.box(), np.eye(4), 0)], cameras=[(sharp, np.eye(4))])
        assert camera_from_scene(snapshot, snapshot.cameras[0], 64, 48).aperture_radius == 0


def test_authored_lenses_and_their_calibrations(hand):
    def camera(width: int, height: int, square: bool = False, **lens: object):
        scene = _scene_camera(lens=SceneLens(**lens))  # type: ignore[arg-type]
        snapshot = hand.snapshot([(hand.box(), np.eye(4), 0)], cameras=[(scene, np.eye(4))])
        return camera_from_scene(snapshot, snapshot.cameras[0], width, height, square_pixels=square)

    calibration = {"intrinsics": (900.0, 800.0, 1000.0, 520.0), "image_size": (2048.0, 1024.0)}
    full = camera(2048, 1024, model="opencv", coefficients=(-0.2, 0.0, 0.0, 0.0), **calibration)
    assert full.K.tolist() == [[900, 0, 1000], [0, 800, 520], [0, 0, 1]]
    assert full.lens == OpenCV((-0.2,))
    half = camera(1024, 512, model="fisheye", max_angle=1.2, **calibration)
    assert half.K.tolist() == [[450, 0, 500], [0, 400, 260], [0, 0, 1]]
    assert half.lens == Fisheye(max_angle=1.2)
    wide = camera(1024, 256, square=True, model="opencv", **calibration)
    assert wide.lens is PINHOLE
    assert wide.K.tolist() == [[450, 0, 500], [0, 400, 128 + 4], [0, 0, 1]]
    panorama = camera(800, 400, model="equirectangular")
    assert panorama.K[0, 0] == pytest.approx(800 / 2 / np.pi) and panorama.K[1, 2] == 200
    plain = camera(640, 480, model="fisheye")
    assert plain.K[0, 0] == pytest.approx(35 / 20.955 * 640), "pixels a radian"


@settings(deadline=None, max_examples=50)
@given(
    azimuth=st.floats(-7, 7),
    elevation=st.floats(-1.5, 1.5),
    distance=st.floats(0.1, 100),
    roll=st.floats(-3, 3),
)
def test_orbiting_camera_sees_its_target_in_the_middle(azimuth, elevation, distance, roll):
    target = np.array([1.0, 2.0, 3.0])
    camera = look_at(orbit_eye(target, distance, azimuth, elevation), target, roll=roll)
    pixels, depth = camera.project(target[None])
    assert np.allclose(pixels, [[320, 240]], atol=1e-6)
    assert depth[0] == pytest.approx(distance)
    assert np.linalg.det(camera.world_from_camera[:3, :3]) == pytest.approx(1.0)


def test_level_camera_has_up_at_the_top_and_roll_turns_clockwise():
    camera = look_at([0, -5, 0], [0, 0, 0])
    above, _ = camera.project(np.array([[0.0, 0.0, 1.0]]))
    right, _ = camera.project(np.array([[1.0, 0.0, 0.0]]))
    assert above[0, 1] < 240 and right[0, 0] > 320
    rolled = look_at([0, -5, 0], [0, 0, 0], roll=np.pi / 2)
    # The camera turned clockwise, so the world turns counter-clockwise: what was above is now at the left.
    above, _ = rolled.project(np.array([[0.0, 0.0, 1.0]]))
    assert above[0, 0] < 320 and abs(above[0, 1] - 240) < 1e-6


def test_camera_on_its_target_is_refused():
    with pytest.raises(UserError, match="stands on"):
        look_at([1, 1, 1], [1, 1, 1])


def test_a_camera_of_constant_velocity_goes_straight_and_turns_evenly() -> None:
    import cv2

    velocity, turn = np.array([0.4, -0.2, 1.0]), np.array([2.0, 9.0, -1.5])
    pose = np.eye(4)
    pose[:3, :3] = cv2.Rodrigues(np.array([0.3, -0.8, 0.5]))[0]
    pose[:3, 3] = [1.0, 2.0, 3.0]
    path = constant_motion(pose, velocity, turn, -0.2, 0.7)
    for t in (-0.2, -0.05, 0.0, 0.1234, 0.7):
        found = path.at(np.array([t]))[0]
        expected = pose[:3, :3] @ cv2.Rodrigues(turn * t)[0]
        np.testing.assert_allclose(found[:3, :3], expected, atol=1e-12)
        np.testing.assert_allclose(found[:3, 3], pose[:3, 3] + pose[:3, :3] @ velocity * t, atol=1e-12)


def test_a_fast_rolling_shutter_sees_a_point_by_the_row_that_looks_at_it_or_not_at_all():
    """The camera sinks by 4 px of its picture a row: row r sees a point at y = Y - 4 r, so its own row only at Y = 5 r."""
    height, focal = 100, 100.0
    poses = np.repeat(np.eye(4)[None], 2, axis=0)
    poses[1, 1, 3] = 4 * (height - 1) / focal
    path = Trajectory(np.array([0.0, 1.0]), poses)
    camera = Camera(
        "eye", 100, height, pinhole(focal, focal, 50, 50), np.eye(4), shutter=Shutter(0, 0, 1.0), path=path
    )

    def at(y: float) -> list[float]:
        return [0.0, (y - 50) / focal, 1.0]

    pixels, depth = camera.project(np.array([at(100.5), at(102.5), at(200.5)]))
    assert pixels[0] == pytest.approx([50, 20.5]) and depth[0] == pytest.approx(1)
    assert np.isnan(pixels[1]).all(), "row 20 sees it at 22, row 21 at 18"
    assert pixels[2] == pytest.approx([50, 40.5])
