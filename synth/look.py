"""What the cameras of a recipe see of a scene: the label pass of each."""

from dataclasses import dataclass, replace

from twinstage.base.errors import UserError, did_you_mean
from twinstage.render.aovs import Seen
from twinstage.render.camera import camera_from_scene
from twinstage.render.capture import Camera, Capture, ObjectMask
from twinstage.render.instants import Instant
from twinstage.render.labels import label_pass
from twinstage.render.motion import Motion
from twinstage.scene.snapshot import SceneCamera, Snapshot
from twinstage.synth.additions import CAMERAS
from twinstage.synth.annotate import seen_objects
from twinstage.synth.moments import NEXT, exposed, next_snapshot
from twinstage.synth.randomize import Randomized
from twinstage.synth.recipe import CameraSpec, Recipe
from twinstage.synth.staged import StagedRecipe


@dataclass(frozen=True, slots=True)
class View:
    """One camera's part of a frame. `motion`: how things move while its shutter is open, None where nothing does; `hits`:
    what the label pass hit, for a picture of the same moment, None where something moves.
    """

    spec: CameraSpec
    scene_camera: SceneCamera
    capture: Capture
    seen: tuple[ObjectMask, ...]
    motion: Motion | None = None
    hits: Seen | None = None


_OF_LABELS = {"instance": (), "panoptic": (), "depth_mm": ("depth",), "rgb": (), "linear": ()}
"""AOVs of the label pass that an annotation is made of, where it is not the one of its name."""


def look(recipe: Recipe, staged: StagedRecipe, made: Randomized, spec: CameraSpec) -> View:
    """The view of one of the recipe's cameras: what the record and its pictures say, from one label pass."""
    camera, scene_camera = recipe_camera(recipe, made.snapshot, spec)
    exposure = exposed(staged, made, camera, scene_camera)
    names = ["depth", "object"]
    for what in recipe.images:
        names += _OF_LABELS.get(what, (what,))
    after = None
    if set(names) & set(NEXT):
        later = next_snapshot(staged, made)
        after = Instant(later, recipe_camera(recipe, later, spec)[0])
    ids = {cls.name: number for number, cls in enumerate(recipe.labels, start=1)}
    hits: list[Seen] = []
    capture = label_pass(
        made.snapshot,
        exposure.camera,
        objects=sorted(made.scene.classes),
        aovs=tuple(dict.fromkeys(names)),
        classes={row: ids[name] for row, name in made.scene.classes.items()},
        motion=exposure.motion,
        after=after,
        outside_rays=None,
        keep=hits.append,
    )
    still = exposure.motion is None and exposure.camera.path is None
    seen = tuple(seen_objects(capture))
    return View(spec, scene_camera, capture, seen, exposure.motion, hits[0] if still else None)


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
