"""Cameras: from the lens of a USD camera, or from a point of view.

A USD camera states its lens as a focal length and two apertures, so the image's width and height in pixels are free:
where their ratio differs from the apertures', pixels are not square. That is what USD says and what
`camera_from_scene` does by default; `square_pixels` keeps the horizontal field of view and adapts the vertical one.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from twinstage.base.errors import UserError, did_you_mean
from twinstage.render.capture import Camera, pinhole
from twinstage.render.lens import ORTHOGRAPHIC, PINHOLE, Lens, lens_from
from twinstage.render.motion import Shutter, Trajectory, constant_motion
from twinstage.scene.columns import F8, frozen
from twinstage.scene.snapshot import SceneCamera, Snapshot

USD_FROM_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])
"""Camera axes of OpenCV (+x right, +y down, +z forward) seen from those of USD (+y up, looking along -z)."""


def find_camera(snapshot: Snapshot, name: str) -> SceneCamera:
    """The stage's camera of that name or prim path; raises UserError with the known ones."""
    for scene_camera in snapshot.cameras:
        if name in (scene_camera.name, snapshot.prims.path[scene_camera.prim]):
            return scene_camera
    known = [camera.name for camera in snapshot.cameras]
    raise UserError(f"no camera named {name!r} in {snapshot.stage.path}{did_you_mean(name, known)}")


def camera_from_scene(
    snapshot: Snapshot, scene_camera: SceneCamera, width: int, height: int, *, square_pixels: bool = False
) -> Camera:
    """The camera of a UsdGeomCamera at the snapshot's poses, for an image of width x height [px].

    Its lens is the pinhole, orthographic, or what is authored beside USD's own (`SceneLens`). K has the pixel-edge
    origin. A scale on the camera's prim (or above it) changes where it stands, not its lens.
    Raises UserError for a lens without extent, an empty image or a transform that leaves the camera nowhere.
    """
    path = snapshot.prims.path[scene_camera.prim]
    if width < 1 or height < 1:
        raise UserError(f"an image of {width} x {height} pixels cannot be rendered by camera {path}")
    k, lens = optics(scene_camera, path, width, height, square_pixels=square_pixels)
    aperture_radius, focus_distance = _focus(scene_camera)
    shutter = Shutter(scene_camera.shutter_open, scene_camera.shutter_close, scene_camera.readout)
    pose = camera_pose(snapshot, scene_camera)
    return Camera(
        name=scene_camera.name,
        width=width,
        height=height,
        K=k,
        world_from_camera=pose,
        near=scene_camera.near,
        far=scene_camera.far,
        exposure=float(np.log2(scene_camera.exposure_scale)),
        lens=lens,
        shutter=shutter,
        path=_own_way(scene_camera, shutter, pose),
        aperture_radius=aperture_radius,
        focus_distance=focus_distance,
    )


def camera_pose(snapshot: Snapshot, scene_camera: SceneCamera) -> F8:
    """world_from_camera f8[4, 4] (rigid, OpenCV axes) [m] of a stage's camera; raises UserError where it has none."""
    path = snapshot.prims.path[scene_camera.prim]
    if scene_camera.pose_fault:
        raise UserError(f"camera {path} {scene_camera.pose_fault}, so it cannot see")
    world = np.array(snapshot.node_world[scene_camera.prim])
    if not np.isfinite(world).all():
        raise UserError(
            f"camera {path} has a transform that holds numbers that are not finite, so it cannot see"
        )
    world[:3, :3] = _nearest_rotation(world[:3, :3], path)
    return frozen(world @ USD_FROM_OPENCV, np.float64)


def _own_way(scene_camera: SceneCamera, shutter: Shutter, pose: F8) -> Trajectory | None:
    """The path of a camera of constant velocity and turn while its shutter is open; None where it rests."""
    velocity = USD_FROM_OPENCV[:3, :3] @ scene_camera.velocity
    turn = USD_FROM_OPENCV[:3, :3] @ scene_camera.angular_velocity
    ends = [0.0, *(t + late for t in (shutter.open, shutter.close) for late in (0.0, shutter.readout))]
    first, last = min(ends), max(ends)
    if not (velocity.any() or turn.any()) or last <= first:
        return None
    return constant_motion(pose, velocity, turn, first, last)


def optics(
    scene_camera: SceneCamera, path: str, width: int, height: int, *, square_pixels: bool = False
) -> tuple[F8, Lens]:
    """K f8[3, 3] (pixel-edge origin) and lens of a stage's camera for an image of width x height [px]."""
    authored = scene_camera.lens
    lens: Lens = ORTHOGRAPHIC if scene_camera.projection == "orthographic" else PINHOLE
    if authored is not None:
        angle = authored.max_angle if authored.model == "fisheye" else None
        lens = lens_from(authored.model, authored.coefficients, max_angle=angle)
        if authored.intrinsics is not None and authored.image_size is not None:
            return _scaled(authored.intrinsics, authored.image_size, width, height, square_pixels), lens
        if lens.kind == "equirectangular":
            return pinhole(width / (2 * np.pi), height / np.pi, width / 2, height / 2), lens
    h_aperture, v_aperture = scene_camera.horizontal_aperture, scene_camera.vertical_aperture
    # An orthographic camera sees an area of its apertures: K maps from metres, and 1000 mm are one.
    unit = 1000.0 if lens is ORTHOGRAPHIC else scene_camera.focal_length
    if min(h_aperture, v_aperture, unit) <= 0:
        raise UserError(f"camera {path} needs a focalLength and apertures above zero")
    fx = unit / h_aperture * width
    fy = fx if square_pixels else unit / v_aperture * height
    cx = width / 2 - scene_camera.horizontal_offset / h_aperture * width
    # With square pixels the vertical aperture is the one that the image's height implies at that pixel size.
    cy = height / 2 + scene_camera.vertical_offset / unit * fy
    return pinhole(fx, fy, cx, cy), lens


def _scaled(
    intrinsics: tuple[float, ...], size: tuple[float, float], width: int, height: int, square_pixels: bool
) -> F8:
    """K of a calibration at another image size; with `square_pixels` the height keeps the width's scale."""
    fx, fy, cx, cy = intrinsics
    across = width / size[0]
    down = across if square_pixels else height / size[1]
    return pinhole(fx * across, fy * down, cx * across, height / 2 + (cy - size[1] / 2) * down)


def _focus(scene_camera: SceneCamera) -> tuple[float, float]:
    """Radius of the thin lens (focalLength / fStop wide) and focus distance [m]; 0 where no focus is authored."""
    sharp = scene_camera.f_stop <= 0 or scene_camera.focus_distance <= 0
    if sharp or scene_camera.projection != "perspective":
        return 0.0, 0.0
    return scene_camera.focal_length / 1000.0 / (2.0 * scene_camera.f_stop), scene_camera.focus_distance


def look_at(
    eye: Sequence[float] | np.ndarray,
    target: Sequence[float] | np.ndarray,
    *,
    up: Sequence[float] | np.ndarray = (0.0, 0.0, 1.0),
    width: int = 640,
    height: int = 480,
    fov: float = float(np.radians(60.0)),
    roll: float = 0.0,
    name: str = "camera",
    near: float = 0.01,
    far: float = 1e6,
) -> Camera:
    """A camera with square pixels at `eye` [m] that looks at `target` [m].

    `fov` is the horizontal field of view [rad], `roll` turns the camera clockwise about its optical axis [rad]. Where
    `up` runs along the line of sight, +Y of the world takes its place. Raises UserError where eye and target coincide.
    """
    if not 0 < fov < np.pi:
        raise UserError(f"a horizontal field of view of {np.degrees(fov):g} degrees is not between 0 and 180")
    focal = width / 2 / np.tan(fov / 2)
    return Camera(
        name=name,
        width=width,
        height=height,
        K=pinhole(focal, focal, width / 2, height / 2),
        world_from_camera=frozen(look_at_matrix(eye, target, up=up, roll=roll), np.float64),
        near=near,
        far=far,
    )


def look_at_matrix(
    eye: Sequence[float] | np.ndarray,
    target: Sequence[float] | np.ndarray,
    *,
    up: Sequence[float] | np.ndarray = (0.0, 0.0, 1.0),
    roll: float = 0.0,
) -> F8:
    """world_from_camera f8[4, 4] (OpenCV axes) of a camera at `eye` that looks at `target` [m]; see `look_at`."""
    eye, target = np.asarray(eye, np.float64), np.asarray(target, np.float64)
    forward = target - eye
    distance = np.linalg.norm(forward)
    if not distance > 0:
        raise UserError(f"a camera at {eye.tolist()} cannot look at the point that it stands on")
    forward = forward / distance
    right = np.cross(forward, np.asarray(up, np.float64))
    if np.linalg.norm(right) < 1e-9:
        right = np.cross(forward, [0.0, 1.0, 0.0])
    right = right / np.linalg.norm(right)
    down = np.cross(forward, right)
    cos, sin = np.cos(roll), np.sin(roll)
    out = np.eye(4)
    out[:3, 0] = cos * right + sin * down
    out[:3, 1] = cos * down - sin * right
    out[:3, 2] = forward
    out[:3, 3] = eye
    return out


def orbit_eye(target: Sequence[float] | np.ndarray, distance: float, azimuth: float, elevation: float) -> F8:
    """Where a camera stands that circles `target` [m]: azimuth from +X towards +Y, elevation above the ground [rad]."""
    ring = distance * np.cos(elevation)
    offset = [ring * np.cos(azimuth), ring * np.sin(azimuth), distance * np.sin(elevation)]
    out: F8 = np.asarray(target, np.float64) + np.array(offset)
    return out


def with_pose(camera: Camera, world_from_camera: np.ndarray) -> Camera:
    """The same lens elsewhere: world_from_camera f8[4, 4] (OpenCV axes) [m]."""
    return replace(camera, world_from_camera=frozen(np.array(world_from_camera, np.float64), np.float64))


def _nearest_rotation(linear: np.ndarray, path: str) -> F8:
    """The rotation closest to a linear part with scale or shear, by polar decomposition."""
    u, singular, vt = np.linalg.svd(linear)
    if singular.min() <= 1e-12 * max(singular.max(), 1e-300):
        raise UserError(f"camera {path} has a transform that squashes space flat, so it cannot see")
    rotation: F8 = u @ vt
    if np.linalg.det(rotation) < 0:
        # A mirrored camera prim: keep where it looks and what is up, let right follow.
        rotation[:, 0] *= -1
    return rotation
