"""What the cameras of a recipe see of a scene: the label pass of each."""

from dataclasses import dataclass, replace

from twinstage.base.errors import UserError, did_you_mean
from twinstage.render.camera import camera_from_scene
from twinstage.render.capture import Camera, Capture, ObjectMask
from twinstage.render.labels import label_pass
from twinstage.scene.snapshot import SceneCamera, Snapshot
from twinstage.synth.additions import CAMERAS
from twinstage.synth.annotate import seen_objects
from twinstage.synth.recipe import CameraSpec, Recipe


@dataclass(frozen=True, slots=True)
class View:
    """One camera's part of a frame."""

    spec: CameraSpec
    scene_camera: SceneCamera
    capture: Capture
    seen: tuple[ObjectMask, ...]


def look(recipe: Recipe, snapshot: Snapshot, spec: CameraSpec, objects: list[int]) -> View:
    """The view of one of the recipe's cameras; `objects` are labelled."""
    camera, scene_camera = recipe_camera(recipe, snapshot, spec)
    normals = "normal" in recipe.annotate
    capture = label_pass(snapshot, camera, objects=objects, normals=normals, outside_rays=None)
    return View(spec, scene_camera, capture, tuple(seen_objects(capture)))


def recipe_camera(recipe: Recipe, snapshot: Snapshot, spec: CameraSpec) -> tuple[Camera, SceneCamera]:
    """A camera of the recipe as it stands in that scene."""
    path = camera_path(spec, snapshot)
    scene_camera = next(c for c in snapshot.cameras if c.prim == snapshot.prims.index_of[path])
    width, height = recipe.camera_resolution(spec)
    camera = camera_from_scene(snapshot, scene_camera, width, height, square_pixels=spec.square_pixels)
    return replace(camera, name=spec.name), scene_camera


def camera_path(spec: CameraSpec, snapshot: Snapshot) -> str:
    """The prim path of a recipe's camera. Raises UserError where the stage has none, or several, of that name."""
    if spec.look_at is not None:
        return f"{CAMERAS}/{spec.name}"
    paths = [snapshot.prims.path[c.prim] for c in snapshot.cameras]
    wanted = spec.prim or spec.name
    hits = [p for p in paths if p == wanted or p.rsplit("/", 1)[1] == wanted]
    if len(hits) == 1:
        return hits[0]
    if hits:
        raise UserError(
            f"camera {spec.name!r}: the stage has several cameras named {wanted!r}: {', '.join(hits)}"
        )
    names = [p.rsplit("/", 1)[1] for p in paths]
    none = "; the stage has no camera at all, so give look_at" if not names else did_you_mean(wanted, names)
    raise UserError(f"camera {spec.name!r}: the stage has no camera {wanted!r}{none}")
