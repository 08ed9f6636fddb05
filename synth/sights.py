"""What a view shows of annotated objects, as the rules of `accept` want it."""

import numpy as np

from twinstage.render.capture import ObjectMask
from twinstage.synth.acceptance import Sight
from twinstage.synth.dataset import is_annotated
from twinstage.synth.look import View
from twinstage.synth.randomize import Randomized
from twinstage.synth.recipe import Recipe


def sights(recipe: Recipe, made: Randomized, view: View) -> list[Sight]:
    """The annotated objects of a view."""
    rule = recipe.accept.model_dump(include={"min_visible_px", "min_visibility"})
    out = []
    for item in view.seen:
        counts = {"visible_px": item.visible_px, "amodal_px_total": item.amodal_px_total}
        if is_annotated(counts, rule):
            out.append(_sight(made, item))
    return out


def _sight(made: Randomized, item: ObjectMask) -> Sight:
    return Sight(
        made.scene.classes[item.object],
        made.snapshot.objects[item.object].prim_path,
        1 - item.visible_px / item.amodal_px_in_frame,
        1 - item.amodal_px_in_frame / item.amodal_px_total,
        _box(item),
    )


def _box(item: ObjectMask) -> tuple[float, float, float, float]:
    """x0, y0, x1, y1 of the silhouette inside the image [px]."""
    outline = item.seen if item.outline is None else item.outline
    columns, rows = np.flatnonzero(outline.any(0)), np.flatnonzero(outline.any(1))
    if not len(columns):
        return (0.0, 0.0, 0.0, 0.0)
    x0, y0 = item.window[0], item.window[1]
    return (
        float(x0 + columns[0]),
        float(y0 + rows[0]),
        float(x0 + columns[-1] + 1),
        float(y0 + rows[-1] + 1),
    )
