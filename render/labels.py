"""The label pass: what a camera sees, exactly, from one ray through each pixel centre. docs/label-pass.md has the rules.

    visible_px          pixels whose nearest hit is the object
    amodal_px_in_frame  pixels of its whole silhouette inside the image, whatever stands in front
    amodal_px_total     the same on a canvas three times as wide and high (what the BOP toolkit uses), so that what
                        lies outside the image counts

Every object is cast alone; the nearest of all hits is the visible one. So visible masks are pairwise disjoint and
each is a subset of its amodal mask by construction, not by a tolerance. Equal hits go to the lower instance_id
(`render.zbuffer`).

Rules. Rays start on the near plane and end on the far plane (spheres, where the lens measures range), and only what
lies between exists. Triangles count from both sides. What is not opaque follows `render.opacity`. Hidden instances are
excluded. Lights have no shape. Round gprims are triangles within `Prototype.chord_error` of the surface.

The canvas is what the lens can see: pixels of the 3 x 3 images for which it has no ray do not count, so nothing lies
outside of a full panorama. What lies beyond the canvas does not count either: `amodal_px_total` is at most nine times
the image, and an object that reaches further is more truncated than its numbers say.

Inside the image every pixel is always cast. Outside, every pixel of the canvas is cast with `outside_rays` None, as
datasets do; a number limits the rays an object: where its bounding rectangle holds more pixels, every s-th in x and y
stands for its surroundings, and `amodal_px_total` is an estimate.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from twinstage.render.aovs import Seen, label_aovs
from twinstage.render.bounds import PixelRect, canvas_rect, image_rect
from twinstage.render.capture import Camera, Capture, ObjectMask
from twinstage.render.casting import SHARED_BVHS, BvhCache, Part, parts_in_view
from twinstage.render.drawing import draw_seen, draw_whole
from twinstage.render.flow import Instant
from twinstage.render.motion import Motion
from twinstage.render.opacity import Transparency
from twinstage.render.silhouettes import count_outside
from twinstage.render.zbuffer import ZBuffer
from twinstage.scene.columns import I4, Bool
from twinstage.scene.snapshot import Snapshot

NOT_COUNTED = -1
"""Stands in the amodal counts where the amodal pass was not asked for."""

_NOWHERE = PixelRect(0, 0, 0, 0)


@dataclass(slots=True)
class _Silhouette:
    """An object while it is being cast: its parts and the union of their outlines inside the image."""

    parts: list[Part] = field(default_factory=list)
    rect: PixelRect = _NOWHERE
    mask: Bool | None = None

    def add(self, part: Part) -> None:
        self.rect = self.rect.united(part.rect) if self.parts else part.rect
        self.parts.append(part)

    def outline(self, rect: PixelRect, image: PixelRect) -> Bool:
        """The outline inside of a rectangle of the image, to add a part's pixels to."""
        around = self.rect.clipped(image)
        if self.mask is None:
            self.mask = np.zeros((around.height, around.width), bool)
        return self.mask[rect.slices(around)]


def label_pass(
    snapshot: Snapshot,
    camera: Camera,
    objects: Iterable[int] | None = None,
    amodal: bool = True,
    *,
    normals: bool = True,
    aovs: Sequence[str] | None = None,
    classes: Mapping[int, int] | None = None,
    motion: Motion | None = None,
    after: Instant | None = None,
    before: Instant | None = None,
    transparent: Transparency = "surface",
    margin: float = 1.0,
    outside_rays: int | None = 100_000,
    cache: BvhCache = SHARED_BVHS,
    keep: Callable[[Seen], None] | None = None,
) -> Capture:
    """Labels of one camera: the AOVs that were asked for, and an `ObjectMask` an object.

    `objects`: rows of `Snapshot.objects` that get masks, None for all; of these, those with at least one pixel of
    silhouette (of visible surface without `amodal`) inside the image are returned, by rising row. All others still
    hide what is behind them and appear in `object`. Without `amodal` the amodal masks are empty arrays and their
    counts -1. `margin`: how far the canvas reaches beyond each side, in image sizes (1 makes it 3 x 3 images).
    `outside_rays`: most rays an object outside of the image, which makes larger counts estimates; None casts them all.

    `aovs`: names of `capture.AOVS`, None for `depth`, `object` and (with `normals`) `normal`; only these are computed.
    `classes`: class id by object row, for `semantic`. `motion`: the scene while the shutter is open; each row sees it at
    its own time. `after`, `before`: the next and the last moment, for flow and motion. `transparent`: what is labelled
    where a surface is transparent (`render.opacity`).

    `keep` is given the first hits of all pixels, for a picture of the same moment (`engines.base.FromHits`).

    Raises UserError for an AOV that the label pass does not make, and for an opacity image that cannot be read.
    """
    objects = None if objects is None else frozenset(objects)
    image, canvas = image_rect(camera), canvas_rect(camera, margin if amodal else 0.0)
    parts = parts_in_view(
        snapshot,
        camera,
        canvas,
        cache,
        transparent=transparent,
        motion=motion,
        whole=objects,
    )
    wanted = {part.object for part in parts if part.object >= 0}
    if objects is not None:
        wanted &= objects
    silhouettes = {row: _Silhouette() for row in sorted(wanted)}
    for part in parts:
        if part.object in wanted:
            silhouettes[part.object].add(part)
    zbuffer = ZBuffer(camera)
    # Those whose whole silhouette is wanted come first: they are cast anyway, and hide much of the others.
    outlined = {part.object for part in parts if amodal and part.object in wanted}
    for part in sorted(parts, key=lambda part: part.object not in outlined):
        rect = part.rect.clipped(image)
        if rect.area == 0:
            continue
        if part.object in outlined:
            draw_whole(zbuffer, part, rect, silhouettes[part.object].outline(rect, image))
        else:
            draw_seen(zbuffer, part, rect)
    index = _object_index(zbuffer)
    names = aovs if aovs is not None else ("depth", "object", *(["normal"] if normals else []))
    instants = {name: value for name, value in (("after", after), ("before", before)) if value is not None}
    pixels = Seen(snapshot, zbuffer, index, classes or {}, instants, transparent)
    made = label_aovs(names, pixels)
    if keep is not None:
        keep(pixels)
    masks = _object_masks(camera, silhouettes, index, canvas if amodal else None, outside_rays)
    return Capture(
        camera,
        made,
        masks,
        ties=zbuffer.ties,
        chord_error=_chord_error(zbuffer),
        flow_lost=pixels.flow_lost,
    )


def _object_index(zbuffer: ZBuffer) -> I4:
    """Object row + 1 of each pixel, 0 for the background and for what belongs to no object."""
    by_part = np.array([part.object + 1 for part in zbuffer.parts] + [0], np.int32)
    index: I4 = by_part[zbuffer.part]
    return index


def _chord_error(zbuffer: ZBuffer) -> float:
    """The greatest distance [m] between what is seen and the surface that it stands for."""
    worst = 0.0
    for index, _ in zbuffer.groups():
        part = zbuffer.parts[index]
        if part.prototype.chord_error > 0:
            stretch = np.linalg.norm(part.world_from_box[..., :3, :3], 2, (-2, -1)).max()
            worst = max(worst, part.prototype.chord_error * float(stretch))
    return worst


def _object_masks(
    camera: Camera,
    silhouettes: Mapping[int, _Silhouette],
    index: I4,
    canvas: PixelRect | None,
    outside_rays: int | None,
) -> tuple[ObjectMask, ...]:
    image, found = image_rect(camera), []
    shape = camera.height, camera.width
    counts = np.bincount(index.ravel(), minlength=1)
    for row, silhouette in silhouettes.items():
        visible_px = int(counts[row + 1]) if row + 1 < len(counts) else 0
        outline = silhouette.mask
        if (canvas is None and visible_px == 0) or (canvas is not None and outline is None):
            continue
        inside = NOT_COUNTED if canvas is None or outline is None else int(np.count_nonzero(outline))
        if inside == 0:
            continue
        total = NOT_COUNTED
        if canvas is not None:
            total = inside + count_outside(camera, silhouette.parts, silhouette.rect, canvas, outside_rays)
        around = silhouette.rect.clipped(image)
        seen = index[around.slices(image)] == row + 1
        window = around.x0, around.y0, around.x1, around.y1
        found.append(
            ObjectMask(row, shape, window, seen, outline if canvas else None, visible_px, inside, total)
        )
    return tuple(found)
