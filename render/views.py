"""Which cameras a user means: names, prim paths, points of view, or whatever shows the scene."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from twinstage.base.errors import UserError
from twinstage.render.camera import camera_from_scene, find_camera, look_at
from twinstage.render.capture import Camera
from twinstage.render.framing import drawn_bounds, frame_scene
from twinstage.scene.snapshot import Snapshot

WHOLE_SCENE = "the whole scene"
MOST_PIXELS = 16384
Size = tuple[int, int]
Point = Sequence[float]


@dataclass(frozen=True, slots=True)
class View:
    """A camera and where it came from: a prim path, or words."""

    camera: Camera
    source: str


def check_size(size: Size) -> Size:
    """The size [px] as whole numbers; raises UserError outside of 1 to 16384."""
    width, height = (int(n) for n in size)
    if not (1 <= width <= MOST_PIXELS and 1 <= height <= MOST_PIXELS):
        raise UserError(
            f"a picture of {width} x {height} pixels cannot be made; 1 to {MOST_PIXELS} a side was expected"
        )
    return width, height


def view_of(
    snapshot: Snapshot, camera: "str | Camera | None", size: Size, *, square_pixels: bool = True
) -> View:
    """The view through a camera: one of the stage by name or path, one of your own, or (None) the first or a framing one.

    Pixels are square, so that nothing is stretched: the width of the view is that of the camera's aperture. Without
    `square_pixels` its height is, too. A `Camera` of your own keeps its size and its lens. Raises UserError for an
    unknown name, or where nothing is drawn.
    """
    if isinstance(camera, Camera):
        return View(camera, camera.name)
    width, height = check_size(size)
    if camera is None and not snapshot.cameras:
        return View(frame_scene(snapshot, width, height), WHOLE_SCENE)
    chosen = snapshot.cameras[0] if camera is None else find_camera(snapshot, camera)
    made = camera_from_scene(snapshot, chosen, width, height, square_pixels=square_pixels)
    return View(made, snapshot.prims.path[chosen.prim])


def point_of_view(
    snapshot: Snapshot, eye: Point, target: Point | None, size: Size, fov: float = math.radians(60.0)
) -> View:
    """The view from `eye` to `target` [m], Z up; without a target to the middle of all that is drawn. `fov`: [rad]."""
    width, height = check_size(size)
    for name, point in (("eye", eye), ("look-at", target)):
        if point is not None and not (len(point) == 3 and all(map(math.isfinite, point))):
            raise UserError(f"{name} is {tuple(point)}; three finite numbers x, y, z [m] were expected")
    if target is None:
        low, high = drawn_bounds(snapshot)
        target = ((low + high) / 2).tolist()
    camera = look_at(eye, target, width=width, height=height, fov=fov, name="eye")
    words = " to ".join("(" + ", ".join(f"{x:g}" for x in point) + ")" for point in (eye, target))
    return View(camera, f"from {words}")
