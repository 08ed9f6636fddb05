"""Whether a document holds together: every number that names something does so, every array has its shape. Pure.

`validate` raises UserError with one sentence; a reader need not check what is checked here.
"""

from collections.abc import Iterable

import numpy as np

from twinstage.assets.importing.document import (
    Channel,
    Cloud,
    Curves,
    Document,
    Material,
    Mesh,
    Node,
    Primvar,
)
from twinstage.assets.importing.document_look import Input, Texture
from twinstage.base.errors import UserError

MAX_NODES = 1_000_000
MAX_DEPTH = 500
MAX_TRANSFORM = 1e15
WIDTHS = {"translation": 3, "rotation": 4, "scale": 3, "visibility": 1}


def validate(document: Document) -> None:
    """Raise UserError where the document does not hold together; the sentence names the place in the document."""
    if not 0 < document.metres_per_unit < np.inf:
        raise UserError(f"the file's unit is {document.metres_per_unit:g} m; a length above 0 was expected")
    if len(document.nodes) > MAX_NODES:
        raise UserError(f"the file has {len(document.nodes):,} nodes; at most {MAX_NODES:,} are imported")
    _tree(document.nodes)
    for n, node in enumerate(document.nodes):
        _node(document, node, _called("node", n, node.name))
    for n, geometry in enumerate(document.geometry):
        where = _called("geometry", n, geometry.name)
        _index(geometry.material, len(document.materials), where, "material", absent=True)
        if isinstance(geometry, Mesh):
            _mesh(document, geometry, where)
        elif isinstance(geometry, Curves | Cloud):
            _loose(geometry, where)
    for n, material in enumerate(document.materials):
        _material(document, material, _called("material", n, material.name))
    for n, skin in enumerate(document.skins):
        where = _called("skin", n, skin.name)
        for joint in (*skin.joints, *((skin.skeleton,) if skin.skeleton >= 0 else ())):
            _index(joint, len(document.nodes), where, "node")
        _shape(skin.inverse_bind, (len(skin.joints), 4, 4), where, "inverse bind matrices")
        _finite(skin.inverse_bind, where, "inverse bind matrices")
    for n, animation in enumerate(document.animations):
        for k, channel in enumerate(animation.channels):
            _channel(document, channel, f"{_called('animation', n, animation.name)}, channel {k}")
    for variants in document.variants:
        where = f"variant set {variants.name!r}"
        for places in variants.materials.values():
            for geometry_, _, material_ in places:
                _index(geometry_, len(document.geometry), where, "geometry")
                _index(material_, len(document.materials), where, "material", absent=True)
    for n, joint_ in enumerate(document.joints):
        where = _called("joint", n, joint_.name)
        _index(joint_.parent, len(document.nodes), where, "node", absent=True)
        _index(joint_.child, len(document.nodes), where, "node")
        for frame in (joint_.parent_frame, joint_.child_frame):
            _shape(frame, (4, 4), where, "frame")
            _finite(frame, where, "frame")
        if joint_.mimic:
            _index(joint_.mimic.joint, len(document.joints), where, "joint")


def _called(noun: str, number: int, name: str) -> str:
    return f"{noun} {number}" + (f" {name!r}" if name else "")


def _index(value: int, count: int, where: str, noun: str, *, absent: bool = False) -> None:
    if not (0 <= value < count or (absent and value == -1)):
        raise UserError(f"{where} names {noun} {value}, and there are {count}")


def _shape(array: np.ndarray, shape: tuple[int | None, ...], where: str, noun: str) -> None:
    found = np.shape(array)
    if len(found) != len(shape) or any(s is not None and f != s for f, s in zip(found, shape, strict=True)):
        wanted = " x ".join("n" if s is None else str(s) for s in shape)
        raise UserError(
            f"{where}: its {noun} have the shape {' x '.join(map(str, found))}; {wanted} was expected"
        )


def _finite(array: np.ndarray, where: str, noun: str) -> None:
    if not np.isfinite(array).all():
        raise UserError(f"{where}: its {noun} hold numbers that are not finite")


def _tree(nodes: Iterable[Node]) -> None:
    depth: list[int] = []
    for n, node in enumerate(nodes):
        if not -1 <= node.parent < n:
            raise UserError(
                f"{_called('node', n, node.name)} has the parent {node.parent}; parents come first"
            )
        depth.append(0 if node.parent < 0 else depth[node.parent] + 1)
        if depth[-1] > MAX_DEPTH:
            raise UserError(f"{_called('node', n, node.name)} lies more than {MAX_DEPTH} nodes deep")


def _node(document: Document, node: Node, where: str) -> None:
    for value, table, noun in (
        (node.geometry, document.geometry, "geometry"),
        (node.material, document.materials, "material"),
        (node.skin, document.skins, "skin"),
        (node.camera, document.cameras, "camera"),
        (node.light, document.lights, "light"),
    ):
        _index(value, len(table), where, noun, absent=True)
    transform = node.transform
    if transform.matrix is not None:
        _shape(transform.matrix, (4, 4), where, "matrix rows")
    matrix = transform.to_matrix()
    _finite(matrix, where, "transform's values")
    if np.abs(matrix).max() > MAX_TRANSFORM:
        raise UserError(f"{where}: its transform holds {np.abs(matrix).max():.3g}, which leads nowhere")
    skinned = node.skin >= 0 and node.geometry >= 0
    mesh = document.geometry[node.geometry] if skinned else None
    if isinstance(mesh, Mesh) and mesh.joints is not None:
        count = len(document.skins[node.skin].joints)
        if len(mesh.joints) and not 0 <= mesh.joints.min() <= mesh.joints.max() < count:
            raise UserError(
                f"{where}: its mesh names joint {mesh.joints.max()}, and its skin has {count} joints"
            )


def _mesh(document: Document, mesh: Mesh, where: str) -> None:
    n, faces, corners = len(mesh.points), len(mesh.counts), len(mesh.indices)
    _shape(mesh.points, (None, 3), where, "points")
    _finite(mesh.points, where, "points")
    if faces and mesh.counts.min() < 0:
        raise UserError(f"{where}: face {int(mesh.counts.argmin())} has {mesh.counts.min()} corners")
    if int(np.sum(mesh.counts, dtype=np.int64)) != corners:
        raise UserError(
            f"{where}: its faces have {np.sum(mesh.counts)} corners, and there are {corners} indices"
        )
    if corners and not 0 <= mesh.indices.min() <= mesh.indices.max() < n:
        wrong = int(mesh.indices[(mesh.indices < 0) | (mesh.indices >= n)][0])
        raise UserError(f"{where}: a face names point {wrong}, and there are {n}")
    counts = {"constant": 1, "uniform": faces, "vertex": n, "faceVarying": corners}
    _primvar(mesh.normals, counts, where, "normals", 3)
    for k, uv in enumerate(mesh.uvs):
        _primvar(uv, counts, where, f"texture coordinates {k}", 2)
    _primvar(mesh.colors, counts, where, "colours", None)
    for subset in mesh.subsets:
        _index(subset.material, len(document.materials), where, "material", absent=True)
        if len(subset.faces) and not 0 <= subset.faces.min() <= subset.faces.max() < faces:
            raise UserError(f"{where}: a subset names face {subset.faces.max()}, and there are {faces}")
    if (mesh.joints is None) != (mesh.weights is None):
        raise UserError(f"{where}: it has joints without weights, or weights without joints")
    if mesh.joints is not None and mesh.weights is not None:
        _shape(mesh.joints, (n, None), where, "joints")
        _shape(mesh.weights, np.shape(mesh.joints), where, "weights")
        _finite(mesh.weights, where, "weights")
    for morph in mesh.morphs:
        _shape(morph.offsets, (n, 3), where, f"offsets of {morph.name or 'a morph target'!r}")
        _finite(morph.offsets, where, "morph offsets")


def _primvar(
    primvar: Primvar | None, counts: dict[str, int], where: str, noun: str, width: int | None
) -> None:
    if primvar is None:
        return
    _shape(primvar.values, (None, width), where, noun)
    if width is None and primvar.values.shape[1] not in (3, 4):
        raise UserError(
            f"{where}: its {noun} have {primvar.values.shape[1]} numbers each; 3 or 4 were expected"
        )
    _finite(primvar.values, where, noun)
    expected = counts[primvar.interpolation]
    if primvar.count != expected:
        raise UserError(
            f"{where}: it has {primvar.count} {noun} of interpolation {primvar.interpolation}; {expected} were expected"
        )
    indices = primvar.indices
    if indices is not None and len(indices) and not 0 <= indices.min() <= indices.max() < len(primvar.values):
        raise UserError(
            f"{where}: its {noun} name value {indices.max()}, and there are {len(primvar.values)}"
        )


def _loose(item: Curves | Cloud, where: str) -> None:
    _shape(item.points, (None, 3), where, "points")
    _finite(item.points, where, "points")
    n = len(item.points)
    lines = len(item.counts) if isinstance(item, Curves) else 1
    if isinstance(item, Curves) and int(np.sum(item.counts)) != n:
        raise UserError(f"{where}: its lines have {np.sum(item.counts)} points, and there are {n}")
    _primvar(
        item.colors, {"constant": 1, "uniform": lines, "vertex": n, "faceVarying": n}, where, "colours", None
    )


def _material(document: Document, material: Material, where: str) -> None:
    textures: list[Texture] = [material.normal] if material.normal else []
    for name in material.__dataclass_fields__:
        value = getattr(material, name)
        if isinstance(value, Input):
            if not np.isfinite(value.value).all():
                raise UserError(f"{where}: its {name.replace('_', ' ')} is not a finite number")
            textures += [value.texture] if value.texture else []
    for texture in textures:
        _index(texture.image, len(document.images), where, "image")


def _channel(document: Document, channel: Channel, where: str) -> None:
    _index(channel.node, len(document.nodes), where, "node")
    keys = len(channel.times)
    if keys == 0:
        raise UserError(f"{where} has no keys")
    _finite(channel.times, where, "times")
    _finite(channel.values, where, "values")
    if (np.diff(channel.times) <= 0).any():
        k = int(np.flatnonzero(np.diff(channel.times) <= 0)[0])
        raise UserError(f"{where}: key {k + 1} at {channel.times[k + 1]:g} s does not come after key {k}")
    width = WIDTHS.get(channel.path)
    shape = (keys, 3, width) if channel.interpolation == "cubic" else (keys, width)
    _shape(channel.values, shape, where, "values")
