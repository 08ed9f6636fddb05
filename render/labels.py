"""The label pass: what a camera sees, exactly, from one ray through each pixel centre.

    visible_px          pixels whose nearest hit is the object
    amodal_px_in_frame  pixels of its whole silhouette inside the image, whatever stands in front
    amodal_px_total     the same on a canvas three times as wide and high (what the BOP toolkit uses), so that what
                        lies outside the image counts

Every object is cast alone; the nearest of all hits is the visible one. So visible masks are pairwise disjoint and
each is a subset of its amodal mask by construction, not by a tolerance.

Rules. Rays start on the near plane and end on the far plane, and only what lies between exists. Triangles count from
both sides. A material whose opacity is the constant 0 makes its triangles invisible; everything else is opaque here,
cut-outs by opacityThreshold included. Hidden instances are excluded. Lights have no shape.

What lies beyond the canvas of 3 x 3 images does not count: `amodal_px_total` is at most nine times the image, and an
object that reaches further is more truncated than its numbers say.

Inside the image every pixel is always cast. Outside, every pixel of the canvas is cast with `outside_rays` None, as
datasets do; a number limits the rays an object: where its bounding rectangle holds more pixels, every s-th in x and y
stands for its surroundings, and `amodal_px_total` is an estimate.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from twinstage.render.bounds import PixelRect, canvas_rect, image_rect
from twinstage.render.capture import Camera, Capture, ObjectMask
from twinstage.render.casting import SHARED_BVHS, BvhCache, Part, RayGrid, parts_in_view
from twinstage.render.zbuffer import ZBuffer, cast_part, world_normals
from twinstage.scene.columns import I4, Bool
from twinstage.scene.snapshot import Snapshot

NOT_COUNTED = -1
"""Stands in the amodal counts where the amodal pass was not asked for."""

_BAND = 2_000_000
"""Rays cast at once outside of the image: about 50 MB."""


@dataclass(slots=True)
class _Silhouette:
    """An object while it is being cast: its parts and the union of their outlines inside the image."""

    parts: list[Part]
    rect: PixelRect
    mask: Bool | None = None


def label_pass(
    snapshot: Snapshot,
    camera: Camera,
    objects: Iterable[int] | None = None,
    amodal: bool = True,
    *,
    normals: bool = True,
    margin: float = 1.0,
    outside_rays: int | None = 100_000,
    cache: BvhCache = SHARED_BVHS,
) -> Capture:
    """Labels of one camera: AOVs `depth`, `object` and (if asked for) `normal`, and an `ObjectMask` an object.

    `objects`: rows of `Snapshot.objects` that get masks, None for all; of these, those with at least one pixel of
    silhouette (of visible surface without `amodal`) inside the image are returned, by rising row. All others still
    hide what is behind them and appear in `object`. Without `amodal` the amodal masks are empty arrays and their
    counts -1. `margin`: how far the canvas reaches beyond each side, in image sizes (1 makes it 3 x 3 images).
    `outside_rays`: most rays an object outside of the image, which makes larger counts estimates; None casts them all.
    """
    image, canvas = image_rect(camera), canvas_rect(camera, margin if amodal else 0.0)
    parts = parts_in_view(snapshot, camera, canvas, cache)
    wanted = {part.object for part in parts if part.object >= 0}
    if objects is not None:
        wanted &= set(objects)
    silhouettes = _silhouettes(parts, wanted)
    zbuffer = ZBuffer(camera)
    for part in parts:
        rect = part.rect.clipped(image)
        target = amodal and part.object in wanted
        if rect.area == 0 or (not target and zbuffer.hidden(part, rect)):
            continue
        hits = cast_part(camera, part, rect)
        zbuffer.draw(part, rect, hits)
        if target:
            _add_outline(silhouettes[part.object], rect, hits.t, image)
    index = _object_index(snapshot, zbuffer)
    aovs: dict[str, np.ndarray] = {"depth": zbuffer.depth, "object": index}
    if normals:
        aovs["normal"] = world_normals(snapshot, zbuffer)
    masks = (
        _object_mask(camera, o, silhouettes[o], index, canvas if amodal else None, outside_rays)
        for o in sorted(wanted)
    )
    return Capture(camera, aovs, tuple(mask for mask in masks if mask is not None))


def _silhouettes(parts: list[Part], wanted: set[int]) -> dict[int, _Silhouette]:
    out: dict[int, _Silhouette] = {}
    for part in parts:
        if part.object not in wanted:
            continue
        known = out.get(part.object)
        if known is None:
            out[part.object] = _Silhouette([part], part.rect)
        else:
            known.parts.append(part)
            known.rect = known.rect.united(part.rect)
    return out


def _add_outline(silhouette: _Silhouette, rect: PixelRect, t: np.ndarray, image: PixelRect) -> None:
    """Add one part's pixels to the outline, which covers the object's rectangle inside the image."""
    around = silhouette.rect.clipped(image)
    if silhouette.mask is None:
        silhouette.mask = np.zeros((around.height, around.width), bool)
    silhouette.mask[rect.slices(around)] |= np.isfinite(t)


def _object_index(snapshot: Snapshot, zbuffer: ZBuffer) -> I4:
    """Object row + 1 of each pixel, 0 for the background and for what belongs to no object."""
    by_instance = np.append(snapshot.instances.object + 1, 0).astype(np.int32)
    index: I4 = by_instance[zbuffer.instance]
    return index


def _object_mask(
    camera: Camera,
    row: int,
    silhouette: _Silhouette,
    index: I4,
    canvas: PixelRect | None,
    outside_rays: int | None,
) -> ObjectMask | None:
    image = image_rect(camera)
    rect = silhouette.rect.clipped(image)
    window = rect.slices(image)
    seen = index[window] == row + 1
    visible_px = int(np.count_nonzero(seen))
    if canvas is None:
        if visible_px == 0:
            return None
        visible = _paste(camera, window, seen)
        return ObjectMask(row, visible, np.zeros((0, 0), bool), visible_px, NOT_COUNTED, NOT_COUNTED)
    inside = 0 if silhouette.mask is None else int(np.count_nonzero(silhouette.mask))
    if silhouette.mask is None or inside == 0:
        return None
    return ObjectMask(
        object=row,
        visible=_paste(camera, window, seen),
        amodal=_paste(camera, window, silhouette.mask),
        visible_px=visible_px,
        amodal_px_in_frame=inside,
        amodal_px_total=inside + _count_outside(camera, silhouette, canvas, outside_rays),
    )


def _paste(camera: Camera, window: tuple[slice, slice], values: np.ndarray) -> Bool:
    out = np.zeros((camera.height, camera.width), bool)
    out[window] = values
    return out


def _count_outside(camera: Camera, silhouette: _Silhouette, canvas: PixelRect, most: int | None) -> int:
    """Pixels of the silhouette on the canvas but outside of the image."""
    image = image_rect(camera)
    strips = [s for s in _strips(silhouette.rect.clipped(canvas), image) if s.area]
    rays = sum(strip.area for strip in strips)
    stride = 1 if most is None or rays <= most else int(np.ceil(np.sqrt(rays / most)))
    if stride == 1:
        strips = [band for strip in strips for band in _bands(strip)]
    return sum(_count_strip(camera, silhouette.parts, strip, stride) for strip in strips)


def _strips(rect: PixelRect, hole: PixelRect) -> list[PixelRect]:
    """The rectangle without the hole, as up to four rectangles that do not overlap."""
    core = rect.clipped(hole)
    if core.area == 0:
        return [rect]
    return [
        PixelRect(rect.x0, rect.y0, rect.x1, core.y0),
        PixelRect(rect.x0, core.y1, rect.x1, rect.y1),
        PixelRect(rect.x0, core.y0, core.x0, core.y1),
        PixelRect(core.x1, core.y0, rect.x1, core.y1),
    ]


def _bands(strip: PixelRect) -> Iterator[PixelRect]:
    """The strip in pieces of few enough pixels that their rays fit into memory, however large the image."""
    height = max(_BAND // strip.width, 1)
    for y in range(strip.y0, strip.y1, height):
        yield PixelRect(strip.x0, y, strip.x1, min(y + height, strip.y1))


def _count_strip(camera: Camera, parts: list[Part], strip: PixelRect, stride: int) -> int:
    """Pixels of the union of all parts on one strip; with a stride above 1 estimated from every stride-th pixel."""
    # A strip thinner than the stride still gets a row of samples.
    stride = min(stride, strip.width, strip.height)
    first = stride // 2
    covered = np.zeros(
        (len(range(first, strip.height, stride)), len(range(first, strip.width, stride))), bool
    )
    reach = camera.far - camera.near
    for part in parts:
        rect = part.rect.clipped(strip)
        if rect.area == 0:
            continue
        aligned = _aligned(rect, strip, stride)
        hit = part.bvh.occluded(RayGrid(camera, part.world_from_box).over(aligned, stride), reach)
        row, column = (aligned.y0 - strip.y0) // stride, (aligned.x0 - strip.x0) // stride
        covered[row : row + hit.shape[0], column : column + hit.shape[1]] |= hit
    samples = int(np.count_nonzero(covered))
    return samples if stride == 1 else round(samples / covered.size * strip.area)


def _aligned(rect: PixelRect, strip: PixelRect, stride: int) -> PixelRect:
    """The rectangle grown to whole cells of the strip's sampling grid."""
    return PixelRect(
        strip.x0 + (rect.x0 - strip.x0) // stride * stride,
        strip.y0 + (rect.y0 - strip.y0) // stride * stride,
        min(strip.x0 - (strip.x0 - rect.x1) // stride * stride, strip.x1),
        min(strip.y0 - (strip.y0 - rect.y1) // stride * stride, strip.y1),
    )
