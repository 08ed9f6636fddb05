"""Other moments of a frame's scene: while a shutter is open, and the next frame of the stage's animation.

Only the stage's own animation makes a difference: what a randomizer placed stays where it is.
"""

from dataclasses import dataclass, replace

from twinstage.base.errors import UserError
from twinstage.render.capture import Camera
from twinstage.render.motion import Motion, same_things
from twinstage.render.moving import along
from twinstage.scene.edits import apply_edits
from twinstage.scene.snapshot import SceneCamera, Snapshot
from twinstage.synth.randomize import Randomized
from twinstage.synth.randomizers import Randomizer
from twinstage.synth.recipe import Recipe
from twinstage.synth.staged import StagedRecipe

NEXT = ("motion", "flow", "flow_occluded")
"""Annotations that need the next frame."""

STEP = 1.0
"""Time codes from a frame to the next."""


def check_next(recipe: Recipe, staged: StagedRecipe) -> None:
    """Raise UserError where an annotation needs a next frame and neither recipe nor stage has a time to go on from."""
    asked = [what for what in recipe.annotate if what in NEXT]
    timed = any(type(r).time_code is not Randomizer.time_code for r in recipe.randomize)
    if asked and not timed and not staged.opened.stage.HasAuthoredTimeCodeRange():
        raise UserError(
            f"annotate: {asked[0]} needs a next frame, but the stage has no time range and no randomizer gives the frame a time"
        )


def time_of(staged: StagedRecipe, made: Randomized) -> float | None:
    """The time code of a frame: what was drawn, else the start of the stage's range; None where it has neither."""
    if made.scene.time is not None:
        return float(made.scene.time)
    stage = staged.opened.stage
    return float(stage.GetStartTimeCode()) if stage.HasAuthoredTimeCodeRange() else None


def snapshot_at(staged: StagedRecipe, made: Randomized, seconds: float) -> Snapshot | None:
    """The frame's scene at another time [s]; None where the frame has no time at all."""
    time = time_of(staged, made)
    if time is None:
        return None
    codes = made.snapshot.stage.time_codes_per_second
    scene = staged.scene(made.scene.structure, time + seconds * codes)
    return apply_edits(scene.snapshot, made.edits)


def next_snapshot(staged: StagedRecipe, made: Randomized) -> Snapshot:
    """The next frame's scene. Raises UserError where the frame has no time."""
    found = snapshot_at(staged, made, STEP / made.snapshot.stage.time_codes_per_second)
    if found is None:
        raise UserError(
            "annotate: flow and motion need a next frame, but this one has no time in the stage's animation"
        )
    return found


@dataclass(frozen=True, slots=True)
class Exposure:
    """A camera while its shutter is open, and the scene meanwhile (None where nothing but the camera moves)."""

    camera: Camera
    motion: Motion | None = None


def exposed(
    staged: StagedRecipe,
    made: Randomized,
    camera: Camera,
    scene_camera: SceneCamera,
) -> Exposure:
    """The camera on the way that the stage's animation takes it, and the scene's motion, while its shutter is open.

    A camera that has a path of its own (`twin:motion:*`) keeps it.
    """
    shutter = camera.shutter
    ends = [0.0, *(t + late for t in (shutter.open, shutter.close) for late in (0.0, shutter.readout))]
    if max(ends) <= min(ends) or time_of(staged, made) is None:
        return Exposure(camera)
    seconds = sorted({0.0, min(ends), max(ends)})
    moments: list[tuple[float, Snapshot]] = []
    for t in seconds:
        other = made.snapshot if t == 0.0 else snapshot_at(staged, made, t)
        if other is None or not same_things([made.snapshot, other]):
            return Exposure(camera)
        moments.append((t, other))
    path = made.snapshot.prims.path[scene_camera.prim]
    moving = camera if camera.path is not None else along(camera, path, moments)
    motion = Motion(tuple(seconds), tuple(snapshot for _, snapshot in moments))
    moving = replace(moving, world_from_camera=camera.world_from_camera)
    return Exposure(moving, None if motion.still else motion)


def motion_between(staged: StagedRecipe, made: Randomized, first: float, last: float) -> Motion | None:
    """How the scene moves from `first` to `last` [s] from the frame's time; None where nothing does."""
    if time_of(staged, made) is None:
        return None
    moments: list[tuple[float, Snapshot]] = []
    for t in sorted({0.0, first, last}):
        other = made.snapshot if t == 0.0 else snapshot_at(staged, made, t)
        if other is None or not same_things([made.snapshot, other]):
            return None
        moments.append((t, other))
    motion = Motion(tuple(t for t, _ in moments), tuple(snapshot for _, snapshot in moments))
    return None if motion.still else motion
