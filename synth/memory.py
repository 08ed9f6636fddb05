"""Whether the pictures of a frame fit into memory, before any is made: a machine that has none left stops everything on it."""

from twinstage.base.errors import UserError
from twinstage.base.memory import memory_bytes
from twinstage.synth.recipe import Recipe

BYTES_A_PIXEL = 100
"""What a pixel takes at least while a frame is made: rays, hits, depth, owners and masks of the label pass. Measured with
`rgb`, `depth` and `instance`: 115 for labels alone, 280 with the raycast engine."""


def needed_bytes(recipe: Recipe) -> int:
    """What the pictures of one frame take at least: those of all cameras are there at once."""
    sizes = [recipe.camera_resolution(camera) for camera in recipe.cameras]
    return BYTES_A_PIXEL * sum(width * height for width, height in sizes)


def check_memory(recipe: Recipe, workers: int = 1) -> None:
    """Raise UserError for pictures that this machine cannot hold, in so many processes."""
    there, one = memory_bytes(), needed_bytes(recipe)
    if there is None or one * workers <= there:
        return
    width, height = max(recipe.camera_resolution(camera) for camera in recipe.cameras)
    what = f"a picture of {width} x {height} pixels takes"
    if len(recipe.cameras) > 1:
        what = f"the {len(recipe.cameras)} pictures of a frame (up to {width} x {height} pixels) take"
    each = f" in each of {workers} workers" if workers > 1 else ""
    advice = "fewer workers" if one <= there else "a smaller resolution"
    raise UserError(
        f"{what} at least {one / 2**30:.1f} GiB of memory{each}, and this machine has {there / 2**30:.1f} GiB; take {advice}"
    )


def workers_that_fit(recipe: Recipe, workers: int) -> int:
    """At most so many processes, of which each has memory for its pictures."""
    there = memory_bytes()
    return workers if there is None else max(1, min(workers, there // needed_bytes(recipe)))
