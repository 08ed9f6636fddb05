"""What is drawn of each range, by the draw functions of the dataset itself: in so many frames, without any scene.

A field that is drawn for each prim has a stream for each; here it has one of its own, of the same distribution.
"""

import numpy as np

from twinstage.base.errors import UserError
from twinstage.synth.preview.ranges import Range, ranges_of
from twinstage.synth.randomize import steps_of
from twinstage.synth.recipe import Recipe

BINS = 24


def sampled(recipe: Recipe, frames: int = 200) -> dict[str, np.ndarray]:
    """Values by `Range.id`, of the first so many frames. A range whose other draw is not known here has none."""
    out: dict[str, list[float]] = {}
    ranges = {randomizer.name: ranges_of(randomizer) for randomizer in recipe.randomize}
    for frame in range(frames):
        for step in steps_of(recipe, frame):
            name = step.randomizer.name
            try:
                if not step.active:
                    continue
            except UserError:  # its `when` is about what only a scene tells
                step.draws.active = True
            for one in ranges[name]:
                values = out.setdefault(one.id, [])
                try:
                    values.append(step.draws.value(".".join(one.path), one.source))
                except UserError:
                    continue  # it goes with a draw that only a scene tells
    return {key: np.array(values, np.float64) for key, values in out.items()}


def histogram(values: np.ndarray, bins: int = BINS) -> tuple[float, float, tuple[int, ...]]:
    """Ends and counts; few whole numbers have a bin each."""
    if not len(values):
        return 0.0, 0.0, ()
    low, high = float(values.min()), float(values.max())
    if (values == np.round(values)).all() and high - low < bins:
        counts = np.bincount((values - low).astype(np.int64), minlength=int(high - low) + 1)
        return low, high, tuple(counts.tolist())
    if high == low:
        return low, high, (len(values),)
    counts, _ = np.histogram(values, bins=bins, range=(low, high))
    return low, high, tuple(counts.tolist())


def nominal(one: Range, values: np.ndarray) -> float | None:
    """The middle of what is drawn: half of all draws lie below; None where nothing is known."""
    try:
        return float(one.source.quantile(0.5))
    except NotImplementedError:
        return float(np.median(values)) if len(values) else None
