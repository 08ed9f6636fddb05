"""What everything that looks at the scene gets: an immutable picture of the composed stage, in SI and Z-up.

All lengths are metres, all matrices are column-vector (`a_from_b`), the world is Z-up and right-handed, whatever the
stage's `metersPerUnit` and `upAxis`. A *node* is a prim (node = prim index) or a point instance (node = number of
prims + row in `points`). This module knows numpy only; `scene.read` fills it from pxr.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from twinstage.base.finding import Finding
from twinstage.scene.columns import F4, F8, I4, U4, PoseColumns, VisibilityColumns, frozen
from twinstage.scene.mechanics import Mechanics
from twinstage.scene.skins import InstanceSkin, Morph, SkinWeights
from twinstage.scene.tables import Frames as Frames
from twinstage.scene.tables import InstanceTable as InstanceTable
from twinstage.scene.tables import KeypointTable as KeypointTable
from twinstage.scene.tables import ObjectTable as ObjectTable
from twinstage.scene.tables import PointTable as PointTable
from twinstage.scene.tables import PrimTable as PrimTable
from twinstage.scene.tables import SceneObject as SceneObject
from twinstage.scene.transforms import compose_trs


@dataclass(frozen=True, slots=True)
class StageInfo:
    """Where the stage came from. `hash`: SHA-256 over all layers used, hex; `meters_per_unit`, `up_axis` as authored."""

    path: str
    meters_per_unit: float
    up_axis: str
    time_codes_per_second: float
    hash: str


@dataclass(frozen=True, slots=True)
class Prototype:
    """Triangles shared by any number of instances, in the frame of the gprim [m].

    Attributes:
        source: path of the gprim that it was read from.
        hash: SHA-256 of all arrays below, hex: the key of caches and of baked GLB files.
        points: f4[v, 3] [m].
        normals: unit, f4[v, 3]. Vertices are split where normals or uv differ, so all arrays are per vertex.
        uv: f4[v, 2] (USD: origin at the lower left), or None.
        color: displayColor per vertex, linear rgb f4[v, 3], or None. It is the diffuse colour where the material's path
            is "" or its `vertex_color` is set: other materials hide it.
        triangles: u4[t, 3], counter-clockwise seen from outside.
        slot: material slot of each triangle, i4[t]; 0 unless the gprim has GeomSubsets.
        slots: names of the slots; the first is "", the whole gprim, the others GeomSubset names.
        double_sided: as authored.
        skin: what bones bend it, None for a mesh that none does.
        chord_error: greatest distance between the triangles and the true surface [m]; 0 for polygon meshes.
        morphs: shapes that it can go towards, of a mesh that was read at rest (`read_snapshot(at_rest=True)`).
    """

    source: str
    hash: str
    points: F4
    normals: F4
    uv: F4 | None
    color: F4 | None
    triangles: U4
    slot: I4
    slots: tuple[str, ...]
    double_sided: bool = False
    chord_error: float = 0.0
    skin: "SkinWeights | None" = None
    morphs: tuple[Morph, ...] = ()


@dataclass(frozen=True, slots=True)
class Texture:
    """An image file as it is: encoded bytes (PNG, JPEG, EXR, HDR), its SHA-256 and where it came from."""

    path: str
    hash: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class TextureInput:
    """A UsdUVTexture feeding one material input.

    value = channel(texture(uv')) * scale + bias, uv' = rotate(uv * uv_scale) + uv_translation (UsdTransform2d).
    `channel`: "rgb", "r", "g", "b" or "a"; `color_space`: "sRGB", "raw" or "auto".
    """

    texture: int
    channel: str = "rgb"
    wrap_s: str = "repeat"
    wrap_t: str = "repeat"
    color_space: str = "auto"
    scale: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    bias: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    uv_scale: tuple[float, float] = (1.0, 1.0)
    uv_rotation: float = 0.0
    uv_translation: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Material:
    """UsdPreviewSurface values (linear rgb), each with an optional texture in `textures` by input name.

    `path` is "" for the fall-back material. Input names: diffuseColor, emissiveColor, metallic, roughness, normal,
    opacity, occlusion, specularColor, clearcoat, clearcoatRoughness, displacement. Where a texture feeds an input, its
    number here says nothing, but for clear coat, specular colour, occlusion and displacement, where it is the texture's
    mean. `vertex_color`: the diffuse colour is the prototype's `color`, where it has one; `opacity_mode`: transparent
    (glass: the highlight stays) or presence (a cut-out); `displacement` [m]: data only.
    """

    path: str
    diffuse_color: tuple[float, float, float] = (0.18, 0.18, 0.18)
    emissive_color: tuple[float, float, float] = (0.0, 0.0, 0.0)
    use_specular_workflow: bool = False
    specular_color: tuple[float, float, float] = (0.0, 0.0, 0.0)
    metallic: float = 0.0
    roughness: float = 0.5
    clearcoat: float = 0.0
    clearcoat_roughness: float = 0.01
    opacity: float = 1.0
    opacity_threshold: float = 0.0
    ior: float = 1.5
    occlusion: float = 1.0
    displacement: float = 0.0
    opacity_mode: str = "transparent"
    vertex_color: bool = False
    textures: tuple[tuple[str, TextureInput], ...] = ()

    def texture(self, name: str) -> TextureInput | None:
        """The texture that feeds that input, or None."""
        for fed, texture in self.textures:  # asked thousands of times a picture, and most have none
            if fed == name:
                return texture
        return None


@dataclass(frozen=True, slots=True)
class Shaping:
    """UsdLux ShapingAPI: how emission falls off with the angle to the light's axis (-Z of its node).

    Attributes:
        cone_angle: nothing is emitted beyond it [rad]; pi cuts nothing.
        cone_softness: share of the cone over which emission fades (smoothstep), from 0 to 1.
        focus: exponent of the cosine; focus_tint: linear rgb that the fall-off fades to.
        ies: the profile's file (LM-63 text), b"" for none; ies_angle_scale, ies_normalize: as authored.
    """

    cone_angle: float = 1.5707963267948966
    cone_softness: float = 0.0
    focus: float = 0.0
    focus_tint: tuple[float, float, float] = (0.0, 0.0, 0.0)
    ies: bytes = field(default=b"", repr=False)
    ies_angle_scale: float = 0.0
    ies_normalize: bool = False


@dataclass(frozen=True, slots=True)
class Light:
    """A UsdLux light. `radiance` = color * temperature * intensity * 2^exposure, linear rgb, before `normalize`.

    `kind`: dome, distant, rect, disk, sphere, cylinder, or mesh (a gprim with a light API, or a GeometryLight; `prim` is that
    prim). Sizes in metres, `angle` in radians. `diffuse`, `specular`: multipliers of what surfaces reflect. `treat_as_point`:
    the hint treatAsPoint of spheres, treatAsLine of cylinders. `shadow`: whether it casts any. Rect, disk and distant
    lights shine along their node's -Z. A dome's latitude-longitude texture has its pole along the node's +Y (UsdLux),
    so a Y-up stage turned Z-up by us, and a DomeLight_1 with poleAxis Z, differ only in `node_from_map` (3x3, column-vector).
    """

    prim: int
    kind: str
    radiance: tuple[float, float, float]
    normalize: bool = False
    width: float = 0.0
    height: float = 0.0
    radius: float = 0.0
    length: float = 0.0
    angle: float = 0.0
    texture: int = -1
    node_from_map: tuple[tuple[float, float, float], ...] = (
        (1.0, 0.0, 0.0),
        (0.0, 1.0, 0.0),
        (0.0, 0.0, 1.0),
    )
    diffuse: float = 1.0
    specular: float = 1.0
    shaping: Shaping | None = None
    treat_as_point: bool = False
    shadow: bool = True


@dataclass(frozen=True, slots=True)
class SceneLens:
    """A lens authored beside what USD knows (docs/cameras.md).

    Attributes:
        model: pinhole, opencv, fisheye or equirectangular; coefficients: in OpenCV's order, () for none.
        intrinsics: fx, fy, cx, cy [px] for an image of `image_size` (width, height) [px], the origin at its upper left
            corner; None where focal length and apertures say them.
        max_angle: of a fisheye's image circle to the axis [rad].
    """

    model: str
    coefficients: tuple[float, ...] = ()
    intrinsics: tuple[float, float, float, float] | None = None
    image_size: tuple[float, float] | None = None
    max_angle: float = 3.141592653589793


@dataclass(frozen=True, slots=True)
class SceneCamera:
    """A UsdGeomCamera: lens in millimetres (as the ratio to apertures matters only), distances in metres.

    The camera looks along its node's -Z with +Y up (USD convention). An orthographic camera sees an area of its apertures.

    Attributes:
        projection: perspective or orthographic.
        f_stop: 0 for no depth of field; focus_distance [m].
        shutter_open, shutter_close: from the frame's time on [s].
        exposure_scale: what linear pictures are multiplied by (ComputeLinearExposureScale).
        clipping_planes: (a, b, c, d) in the camera's axes, what has a*x + b*y + c*z + d < 0 is not seen; d [m].
        stereo_role: mono, left or right.
        lens: what is authored beside the focal length; None for nothing.
        readout: how much later the last row is exposed than the first [s].
        pose_fault: what makes its transform unusable, "" for nothing.
        velocity: how it goes while its shutter is open, in its own axes at the frame's time (USD: +x right, +y up) [m/s].
        angular_velocity: how it turns meanwhile, about those axes [rad/s].
    """

    prim: int
    name: str
    projection: str
    focal_length: float
    horizontal_aperture: float
    vertical_aperture: float
    horizontal_offset: float
    vertical_offset: float
    near: float
    far: float
    f_stop: float = 0.0
    focus_distance: float = 0.0
    shutter_open: float = 0.0
    shutter_close: float = 0.0
    exposure_scale: float = 1.0
    clipping_planes: tuple[tuple[float, float, float, float], ...] = ()
    stereo_role: str = "mono"
    lens: SceneLens | None = None
    readout: float = 0.0
    pose_fault: str = ""
    velocity: tuple[float, float, float] = (0.0, 0.0, 0.0)
    angular_velocity: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class RenderProduct:
    """A picture that the stage's author asked for (UsdRender), its settings filled in.

    Attributes:
        path: the RenderProduct prim; camera: path of its camera, "" for none; name: file name.
        resolution: (width, height) [px]; pixel_aspect_ratio: width / height of a pixel.
        aspect_policy: what gives way where the camera's apertures have another ratio (aspectRatioConformPolicy).
        data_window: (x min, y min, x max, y max) of the picture that is wanted, from 0 to 1, origin at the lower left.
    """

    path: str
    camera: str
    resolution: tuple[int, int]
    pixel_aspect_ratio: float = 1.0
    aspect_policy: str = "expandAperture"
    data_window: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    name: str = ""


@dataclass(frozen=True, slots=True)
class VariantSet:
    """A variant set of a prim: its name, the variants it offers, sorted, and the one that is selected ("" for none)."""

    prim_path: str
    name: str
    variants: tuple[str, ...]
    selected: str


@dataclass(frozen=True)
class Snapshot:
    """An immutable scene. `revision` counts changes of anything but transforms, visibility and styles.

    `mechanics`: joints, surfaces and masses; None where they were not read (`scene.read.mechanics`).
    """

    stage: StageInfo
    prims: PrimTable
    points: PointTable
    prototypes: tuple[Prototype, ...]
    instances: InstanceTable
    objects: ObjectTable
    materials: tuple[Material, ...]
    material_sets: tuple[tuple[int, ...], ...]
    textures: tuple[Texture, ...]
    lights: tuple[Light, ...]
    cameras: tuple[SceneCamera, ...]
    findings: tuple[Finding, ...] = ()
    revision: int = 0
    render_products: tuple[RenderProduct, ...] = ()
    keypoints: KeypointTable = field(default_factory=KeypointTable.empty)
    mechanics: Mechanics | None = None
    skins: tuple[InstanceSkin, ...] = ()
    variants: tuple[VariantSet, ...] = ()
    """What `read.variants` found, where someone asked for it; () otherwise."""

    @property
    def node_count(self) -> int:
        return len(self.prims) + len(self.points)

    @cached_property
    def node_parent(self) -> I4:
        """Transform parent of each node, i4[n_nodes]; -1 where it is the world."""
        prims = np.where(self.prims.resets, -1, self.prims.parent)
        return frozen(np.concatenate([prims, self.points.instancer]), np.int32)

    @cached_property
    def node_local(self) -> F8:
        """parent_from_node [m], f8[n_nodes, 4, 4]."""
        n = len(self.prims)
        out = np.empty((self.node_count, 4, 4))
        out[:, 3] = (0.0, 0.0, 0.0, 1.0)
        for rows, frames in ((slice(0, n), self.prims.frames), (slice(n, None), self.points.frames)):
            out[rows, :3] = frames.matrices if frames.index is None else frames.matrices[frames.index]
        return frozen(out, np.float64)

    @cached_property
    def _levels(self) -> tuple[np.ndarray, ...]:
        """Node indices by depth of transform parents: level 0 hangs off the world."""
        return by_depth(depths(self.node_parent))

    @cached_property
    def node_world(self) -> F8:
        """world_from_node [m], f8[n_nodes, 4, 4]."""
        local, parent = self.node_local, self.node_parent
        world = np.array(local)
        for level in self._levels[1:]:
            world[level] = world[parent[level]] @ local[level]
        return frozen(world, np.float64)

    @cached_property
    def instance_world(self) -> F8:
        """world_from_gprim of each instance [m], f8[k, 4, 4]."""
        rows = self.instances
        world = self.node_world[rows.node]
        return frozen(world if rows.frames.is_identity else world @ rows.local, np.float64)

    def moved(self, pose: PoseColumns, visibility: VisibilityColumns | None = None) -> "Snapshot":
        """The same scene with those nodes at those local poses; everything but transforms is shared."""
        prims, points, n = self.prims, self.points, len(self.prims)
        matrices = compose_trs(pose.translation, pose.rotation, pose.scale)
        split = int(np.searchsorted(pose.index, n))
        if split:
            frames = prims.frames.replaced(pose.index[:split], matrices[:split])
            prims = replace(prims, frames=frames)
        if split < len(pose):
            rows = pose.index[split:].astype(np.int64) - n
            points = replace(points, frames=points.frames.replaced(rows, matrices[split:]))
        out = replace(self, prims=prims, points=points)
        if "_levels" in self.__dict__:  # the hierarchy did not change
            out.__dict__["_levels"] = self._levels
            out.__dict__["node_parent"] = self.node_parent
        if "_prim_levels" in self.__dict__:
            out.__dict__["_prim_levels"] = self._prim_levels
        return out.with_visibility(visibility) if visibility is not None and len(visibility) else out

    def with_visibility(self, columns: VisibilityColumns) -> "Snapshot":
        """The same scene with those nodes' own visibility set; hidden ancestors still hide.

        A prim that was authored invisible is shown by True, if nothing above it is hidden.
        """
        prims, n = self.prims, len(self.prims)
        own = np.concatenate(
            [np.ones(n, bool) if prims.own_visible is None else prims.own_visible, self.points.visible]
        )
        own[columns.index] = columns.visible
        shown = own[:n].copy()
        parent = prims.parent
        for rows in self._prim_levels[1:]:
            shown[rows] &= shown[parent[rows]]
        visible = shown[self.instances.prim]
        is_point = self.instances.node >= n
        visible[is_point] &= own[self.instances.node[is_point]]
        return replace(
            self,
            prims=replace(prims, visible=frozen(shown, np.bool_), own_visible=frozen(own[:n], np.bool_)),
            points=replace(self.points, visible=frozen(own[n:], np.bool_)),
            instances=replace(self.instances, visible=frozen(visible, np.bool_)),
        )

    @cached_property
    def _prim_levels(self) -> tuple[np.ndarray, ...]:
        """Prim indices by namespace depth."""
        return by_depth(depths(self.prims.parent))


def depths(parent: np.ndarray) -> np.ndarray:
    """Number of ancestors of each row; a parent comes before its children."""
    depth = np.zeros(len(parent), np.int32)
    above = parent.astype(np.int64)
    alive = np.flatnonzero(above >= 0)
    while len(alive):  # one step up for all at once, so as many rounds as the tree is deep
        depth[alive] += 1
        above[alive] = parent[above[alive]]
        alive = alive[above[alive] >= 0]
    return depth


def by_depth(depth: np.ndarray) -> tuple[np.ndarray, ...]:
    """Row indices by depth, ascending in each."""
    order = np.argsort(depth, kind="stable")
    return tuple(np.split(order, np.searchsorted(depth[order], np.arange(1, depth.max(initial=0) + 1))))
