"""A document in metres and Z-up: every length scaled, every axis turned, in the data themselves. Pure.

Not a turned and scaled root prim: whoever places the model writes the transform of its root, and the correction would be lost;
and what a binding moves in metres would lie in a frame of other units. Let C be the map to metres and Z-up, a turn P (a signed
permutation, so exact) times a length s. Points become C p, local transforms C M C^-1, inverse bind matrices C B C^-1, so what
was drawn at p is drawn at C p, for every pose, skin and moment. What has axes of its own (cameras and lamps along -Z,
shapes along Z) goes into a child node turned by P.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from twinstage.assets.importing.document import (
    Animation,
    Body,
    Camera,
    Channel,
    Cloud,
    Curves,
    Document,
    Geometry,
    Joint,
    Light,
    Mesh,
    Mimic,
    Morph,
    Node,
    Primvar,
    Shape,
    Skin,
    Transform,
)

_TURNS: Mapping[str, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    "Z": ((0, 1, 2), (1, 1, 1)),
    "Y": ((0, 2, 1), (1, -1, 1)),  # (x, y, z) -> (x, -z, y)
    "X": ((2, 1, 0), (-1, 1, 1)),  # (x, y, z) -> (-z, y, x)
}
"""For each up axis: which old coordinate each new one is, and its sign."""
_QUATS = {"Z": (1.0, 0.0, 0.0, 0.0), "Y": (math.sqrt(0.5), math.sqrt(0.5), 0.0, 0.0)}
_QUATS["X"] = (math.sqrt(0.5), 0.0, -math.sqrt(0.5), 0.0)


@dataclass(frozen=True, slots=True)
class Change:
    """C: a turn by signed permutation and a length."""

    up: str
    length: float

    @property
    def turns(self) -> bool:
        """Whether axes change."""
        return self.up != "Z"

    @property
    def quat(self) -> tuple[float, float, float, float]:
        """The turn, wxyz."""
        return _QUATS[self.up]

    def directions(self, values: np.ndarray) -> np.ndarray:
        """Vectors [..., 3], turned."""
        order, sign = _TURNS[self.up]
        values = np.asarray(values)
        return np.asarray(values[..., list(order)] * np.asarray(sign, values.dtype))

    def points(self, values: np.ndarray) -> np.ndarray:
        """Points [..., 3], turned and scaled in float64 where a length changes."""
        turned = self.directions(values)
        return turned if self.length == 1.0 else np.asarray(turned, np.float64) * self.length

    def sizes(self, values: np.ndarray) -> np.ndarray:
        """Factors or extents along the axes [..., 3], in their new order."""
        return np.asarray(values)[..., list(_TURNS[self.up][0])]

    def quats(self, values: np.ndarray) -> np.ndarray:
        """Rotations wxyz [..., 4], in the new axes."""
        values = np.asarray(values)
        return np.concatenate([values[..., :1], self.directions(values[..., 1:])], -1)

    def matrices(self, values: np.ndarray) -> np.ndarray:
        """C M C^-1 of affine maps [..., 4, 4]."""
        order, sign = (np.asarray(part) for part in _TURNS[self.up])
        out = np.array(values, np.float64)
        linear = out[..., :3, :3][..., order, :][..., order]
        out[..., :3, :3] = linear * sign[:, None] * sign[None, :]
        out[..., :3, 3] = self.points(np.asarray(values, np.float64)[..., :3, 3])
        return out


def standardize(document: Document) -> Document:
    """The same model with `metres_per_unit` 1 and `up_axis` Z."""
    change = Change(document.up_axis, document.metres_per_unit)
    if not change.turns and change.length == 1.0:
        return document
    nodes, moved = _nodes(change, document)
    return replace(
        document,
        nodes=nodes,
        geometry=tuple(_geometry(change, item) for item in document.geometry),
        skins=tuple(_skin(change, skin, moved) for skin in document.skins),
        animations=tuple(_animation(change, item, moved) for item in document.animations),
        cameras=tuple(_camera(change, item) for item in document.cameras),
        lights=tuple(replace(item, radius=item.radius * change.length) for item in document.lights),
        joints=tuple(_joint(change, joint, document.joints, moved) for joint in document.joints),
        metres_per_unit=1.0,
        up_axis="Z",
    )


def _nodes(change: Change, document: Document) -> tuple[tuple[Node, ...], list[int]]:
    """The nodes, with a turned child for what has axes of its own, and the new number of each old one."""
    out: list[Node] = []
    number: list[int] = []
    for node in document.nodes:
        parent = -1 if node.parent < 0 else number[node.parent]
        shape = node.geometry >= 0 and isinstance(document.geometry[node.geometry], Shape)
        new = replace(node, parent=parent, transform=_transform(change, node.transform))
        if node.body is not None:
            new = replace(new, body=_body(change, node.body))
        number.append(len(out))
        if not change.turns:
            out.append(new)
            continue
        bare = replace(new, camera=-1, light=-1)
        if shape:
            bare = replace(bare, geometry=-1, material=-1, collider=None)
        out.append(bare)
        turn = Transform(rotation=change.quat)
        if node.camera >= 0:
            name = document.cameras[node.camera].name or "camera"
            out.append(Node(name, number[-1], turn, camera=node.camera))
        if node.light >= 0:
            name = document.lights[node.light].name or "light"
            out.append(Node(name, number[-1], turn, light=node.light))
        if shape:
            name = document.geometry[node.geometry].name or "shape"
            out.append(
                Node(
                    name,
                    number[-1],
                    turn,
                    geometry=node.geometry,
                    material=node.material,
                    collider=node.collider,
                )
            )
    return tuple(out), number


def _transform(change: Change, transform: Transform) -> Transform:
    if transform.matrix is not None:
        return Transform(matrix=change.matrices(transform.matrix))
    return Transform(
        _triple(change.points(np.array(transform.translation, np.float64))),
        tuple(change.quats(np.array(transform.rotation, np.float64)).tolist()),
        _triple(change.sizes(np.array(transform.scale, np.float64))),
    )


def _triple(values: Iterable[float]) -> tuple[float, float, float]:
    x, y, z = (float(v) for v in values)
    return x, y, z


def _geometry(change: Change, item: Geometry) -> Geometry:
    if isinstance(item, Shape):
        return replace(item, size=tuple(v * change.length for v in item.size))
    if isinstance(item, Curves):
        return replace(item, points=change.points(item.points), width=item.width * change.length)
    if isinstance(item, Cloud):
        widths = None if item.widths is None else item.widths * change.length
        normals = None if item.normals is None else change.directions(item.normals)
        points = change.points(item.points)
        return replace(item, points=points, widths=widths, width=item.width * change.length, normals=normals)
    return _mesh(change, item)


def _mesh(change: Change, mesh: Mesh) -> Mesh:
    normals = mesh.normals
    if normals is not None:
        normals = Primvar(change.directions(normals.values), normals.interpolation, normals.indices)
    morphs = tuple(
        Morph(
            morph.name,
            change.points(morph.offsets),
            None if morph.normal_offsets is None else change.directions(morph.normal_offsets),
        )
        for morph in mesh.morphs
    )
    return replace(mesh, points=change.points(mesh.points), normals=normals, morphs=morphs)


def _skin(change: Change, skin: Skin, number: list[int]) -> Skin:
    return replace(
        skin,
        joints=tuple(number[j] for j in skin.joints),
        inverse_bind=change.matrices(skin.inverse_bind),
        skeleton=number[skin.skeleton] if skin.skeleton >= 0 else -1,
    )


def _animation(change: Change, animation: Animation, number: list[int]) -> Animation:
    maps = {"translation": change.points, "rotation": change.quats, "scale": change.sizes}

    def channel(item: Channel) -> Channel:
        values = maps[item.path](item.values) if item.path in maps else item.values
        return replace(item, node=number[item.node], values=values)

    return replace(animation, channels=tuple(channel(item) for item in animation.channels))


def _camera(change: Change, camera: Camera) -> Camera:
    s = change.length
    far = None if camera.far is None else camera.far * s
    return replace(camera, near=camera.near * s, far=far, height=camera.height * s)


def _body(change: Change, body: Body) -> Body:
    center = None if body.center is None else _triple(change.points(np.array(body.center, np.float64)))
    inertia = body.inertia
    if inertia is not None:
        whole = np.eye(4)
        whole[:3, :3] = inertia
        inertia = change.matrices(whole)[:3, :3] * change.length**2
    return replace(body, center=center, inertia=inertia)


def _joint(change: Change, joint: Joint, joints: tuple[Joint, ...], number: list[int]) -> Joint:
    def unit(one: Joint) -> float:
        return change.length if one.kind == "prismatic" else 1.0

    def scaled(value: float | None) -> float | None:
        return None if value is None else value * unit(joint)

    mimic = joint.mimic
    if mimic is not None:
        ratio = unit(joint) / unit(joints[mimic.joint])
        mimic = Mimic(mimic.joint, mimic.multiplier * ratio, mimic.offset * unit(joint))
    return replace(
        joint,
        parent=number[joint.parent] if joint.parent >= 0 else -1,
        child=number[joint.child],
        parent_frame=change.matrices(joint.parent_frame),
        child_frame=change.matrices(joint.child_frame),
        axis=_triple(change.directions(np.array(joint.axis, np.float64))),
        lower=scaled(joint.lower),
        upper=scaled(joint.upper),
        velocity=scaled(joint.velocity),
        position=joint.position * unit(joint),
        mimic=mimic,
    )


def light_intensity(light: Light) -> float:
    """UsdLux intensity of a small normalized sphere (or distant) light that shines as much."""
    return light.intensity if light.kind == "directional" else 4.0 * light.intensity
