"""Arrays by pixel from a filled depth buffer: one small function an AOV. Names and dtypes: `capture.AOVS`."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import numpy as np

from twinstage.base.errors import UserError, did_you_mean
from twinstage.render.capture import AOVS, Camera
from twinstage.render.casting import Part
from twinstage.render.flow import Flow, Instant, flow_to
from twinstage.render.hits import exact_weights, plane_t
from twinstage.render.nocs import ObjectFrames
from twinstage.render.normals import world_normals
from twinstage.render.opacity import Transparency
from twinstage.render.rays import View, image_rays
from twinstage.render.zbuffer import ZBuffer
from twinstage.scene.columns import F4, F8, I4
from twinstage.scene.snapshot import Snapshot


class Seen:
    """A filled depth buffer, with what several AOVs need made once."""

    def __init__(
        self,
        snapshot: Snapshot,
        zbuffer: ZBuffer,
        index: I4,
        classes: Mapping[int, int],
        instants: Mapping[str, Instant],
        transparent: Transparency = "surface",
    ) -> None:
        self.snapshot, self.zbuffer, self.index, self.classes = snapshot, zbuffer, index, classes
        self._instants, self._transparent = instants, transparent
        self._flows: dict[str, Flow] = {}
        self.camera: Camera = zbuffer.camera
        self.groups = zbuffer.groups()
        self.triangle = zbuffer.box_triangle.ravel()

    @property
    def shape(self) -> tuple[int, int]:
        return self.camera.height, self.camera.width

    @cached_property
    def normal(self) -> F4:
        """World normals."""
        return world_normals(self.zbuffer)

    @cached_property
    def slot(self) -> I4:
        """Slot of the triangle that is seen, -1 for the background."""
        out = np.full(self.zbuffer.depth.size, -1, np.int32)
        for index, pixels in self.groups:
            part = self.zbuffer.parts[index]
            slots, kept = part.prototype.slot, part.bvh.triangle
            slots = slots if kept is None else slots[kept]
            out[pixels] = slots[self.triangle[pixels]]
        return out.reshape(self.shape)

    def centres(self, pixels: np.ndarray) -> tuple[F8, F8]:
        """Pixel positions x, y f8[n] of flat pixel indices."""
        row = pixels // self.camera.width
        return (pixels - row * self.camera.width) + 0.5, row + 0.5

    def in_box(self, part: Part, pixels: np.ndarray) -> F8:
        """Where the rays of those pixels meet the part, in the frame of its box, f8[3, n]."""
        origin, direction = part.grid.exact(*self.centres(pixels))
        triangle, t = self.triangle[pixels].astype(np.intp), self.zbuffer.depth.ravel()[pixels]
        return np.asarray(origin + direction * plane_t(part, origin, direction, triangle, t))

    @cached_property
    def along(self) -> tuple[F8, F8]:
        """z of each ray's unit of t, and that unit's length, f8[h, w]."""
        directions = image_rays(self.camera)[1]
        return directions[..., 2], np.linalg.norm(directions, axis=-1)

    def flow(self, which: str) -> Flow:
        """Flow to the moment `after` or `before`; made once."""
        if which not in self._flows:
            instant = self._instants.get(which)
            if instant is None:
                raise UserError(f"flow and motion AOVs need another moment: give {which!r} to the label pass")
            self._flows[which] = flow_to(self.snapshot, self.zbuffer, instant, self._transparent)
        return self._flows[which]

    @property
    def flow_lost(self) -> int:
        """Pixels of all flows that were made that have no counterpart in the other moment."""
        return sum(flow.lost for flow in self._flows.values())


def label_aovs(names: Sequence[str], seen: Seen) -> dict[str, np.ndarray]:
    """The AOVs of those names. Raises UserError for a name that the label pass does not make."""
    for name in names:
        if name not in MAKERS:
            why = "engines make it" if name in AOVS else f"there is none{did_you_mean(name, list(MAKERS))}"
            raise UserError(f"the label pass does not make an AOV {name!r}: {why}")
    return {name: MAKERS[name](seen) for name in names}


def _depth(seen: Seen) -> F4:
    t = seen.zbuffer.depth
    if seen.camera.lens.along_axis:
        return t
    return _scaled(t, seen.along[0])


def _range(seen: Seen) -> F4:
    t = seen.zbuffer.depth
    return _scaled(t, seen.along[1]) if seen.camera.lens.along_axis else t


def _scaled(t: F4, factor: F8) -> F4:
    hit = np.isfinite(t)
    out = np.full(t.shape, np.inf, np.float32)
    out[hit] = (t[hit].astype(np.float64) * factor[hit]).astype(np.float32)
    return out


def _normal_camera(seen: Seen) -> F4:
    normal, camera = seen.normal, seen.camera
    if camera.path is None:
        out: F4 = normal @ camera.world_from_camera[:3, :3].astype(np.float32)
        return out
    turned: F4 = np.einsum("rcj,rjk->rck", normal, camera.row_poses()[:, :3, :3].astype(np.float32))
    return turned


def _instance(seen: Seen) -> I4:
    return np.asarray(seen.zbuffer.instance + 1, np.int32)


def _semantic(seen: Seen) -> I4:
    table = np.zeros(len(seen.snapshot.objects) + 1, np.int32)
    for row, value in seen.classes.items():
        table[row + 1] = value
    return np.asarray(table[seen.index])


def _part(seen: Seen) -> I4:
    return np.asarray(seen.slot + 1, np.int32)


def _material(seen: Seen) -> I4:
    slot = seen.slot.ravel()
    out = np.zeros(slot.size, np.int32)
    for index, pixels in seen.groups:
        materials = np.array(seen.zbuffer.parts[index].materials, np.int32)
        out[pixels] = materials[slot[pixels]] + 1
    return out.reshape(seen.shape)


def _uv(seen: Seen) -> F4:
    out = np.full((seen.zbuffer.depth.size, 2), np.nan, np.float32)
    for index, pixels in seen.groups:
        part = seen.zbuffer.parts[index]
        uv = part.prototype.uv
        if uv is not None:
            triangle = seen.triangle[pixels].astype(np.intp)
            weights = exact_weights(part, triangle, seen.in_box(part, pixels))
            corners = part.bvh.triangles[triangle]
            values = sum(uv[corners[:, k]].astype(np.float64) * weights[k][:, None] for k in range(3))
            out[pixels] = values
    return out.reshape(*seen.shape, 2)


def _nocs(seen: Seen) -> F4:
    out = np.full((seen.zbuffer.depth.size, 3), np.nan, np.float32)
    frames = ObjectFrames(seen.snapshot)
    for index, pixels in seen.groups:
        part = seen.zbuffer.parts[index]
        if part.object >= 0:
            rows = pixels // seen.camera.width
            out[pixels] = frames.nocs(part, seen.in_box(part, pixels), rows).T
    return out.reshape(*seen.shape, 3)


def _position(seen: Seen) -> F4:
    t = seen.zbuffer.depth.ravel()
    hit = np.flatnonzero(np.isfinite(t))
    out = np.full((t.size, 3), np.nan, np.float32)
    rows, poses = hit // seen.camera.width, View(seen.camera).poses
    local, direction = (rays.reshape(-1, 3)[hit] for rays in image_rays(seen.camera))
    local = local + direction * t[hit, None].astype(np.float64)
    if poses.ndim == 2:
        out[hit] = local @ poses[:3, :3].T + poses[:3, 3]
    else:
        out[hit] = np.einsum("nij,nj->ni", poses[rows, :3, :3], local) + poses[rows, :3, 3]
    return out.reshape(*seen.shape, 3)


MAKERS: Mapping[str, Callable[[Seen], np.ndarray]] = {
    "depth": _depth,
    "range": _range,
    "normal": lambda seen: seen.normal,
    "normal_camera": _normal_camera,
    "object": lambda seen: seen.index,
    "instance": _instance,
    "semantic": _semantic,
    "part": _part,
    "material": _material,
    "uv": _uv,
    "nocs": _nocs,
    "position": _position,
    "motion": lambda seen: seen.flow("after").motion,
    "flow": lambda seen: seen.flow("after").flow,
    "flow_occluded": lambda seen: seen.flow("after").occluded,
    "flow_back": lambda seen: seen.flow("before").flow,
    "flow_back_occluded": lambda seen: seen.flow("before").occluded,
}
"""What makes each AOV of the label pass."""
