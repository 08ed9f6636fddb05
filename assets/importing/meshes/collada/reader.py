"""A COLLADA file -> nodes, meshes and materials of a document.

The unit and the up axis are those of `<asset>`. Transforms of a node multiply in the order in which they stand.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from twinstage.assets.importing.document import Transform
from twinstage.assets.importing.meshes.build import Builder, names
from twinstage.assets.importing.meshes.collada.effects import read_looks
from twinstage.assets.importing.meshes.collada.geometry import Geometry, GeometryReader
from twinstage.assets.importing.meshes.files import Files
from twinstage.assets.importing.meshes.xml import Element, children, numbers, parse_xml, text_of
from twinstage.base.errors import UserError

UP = {"X_UP": "X", "Y_UP": "Y", "Z_UP": "Z"}
MAX_DEPTH = 200
MAX_NODES = 200_000


@dataclass(slots=True)
class Head:
    """What `<asset>` says; COLLADA's defaults where it does not: metres, Y up."""

    metres_per_unit: float = 1.0
    up_axis: str = "Y"
    generator: str = ""
    author: str = ""
    copyright: str = ""
    notes: list[str] = field(default_factory=list)


def read_head(root: Element) -> Head:
    """Unit, up axis and origin of a COLLADA file."""
    asset = root.find("asset")
    head = Head()
    if asset is None:
        head.notes.append("it has no <asset>, so its unit is taken as the metre, and Y as up")
        return head
    unit = asset.find("unit")
    text = unit.get("meter", unit.get("metre", "1")) if unit is not None else "1"
    try:
        value = float(text)
        head.metres_per_unit = value if 0 < value < 1e9 else 1.0
    except ValueError:
        value = -1.0
    if not 0 < value < 1e9:
        head.notes.append(f"its unit of {text!r} metres is none, so it is taken as the metre")
    head.up_axis = UP.get(text_of(asset, "up_axis").upper(), "Y")
    contributor = asset.find("contributor")
    head.generator = text_of(contributor, "authoring_tool")
    head.author = text_of(contributor, "author")
    head.copyright = text_of(contributor, "copyright")
    return head


class ColladaReader:
    """Adds a COLLADA file to a builder."""

    def __init__(self, file: Path, data: bytes, files: Files, builder: Builder) -> None:
        self.file, self.files, self.builder = file, files, builder
        self.root = parse_xml(file, data, "COLLADA file")
        if self.root.tag != "COLLADA":
            raise UserError(f"{file} is no COLLADA file: its root element is <{self.root.tag}>")
        self.head = read_head(self.root)
        notes: list[str] = []
        self.looks = read_looks(self.root, notes)
        for text in (*self.head.notes, *notes):
            builder.tell("collada", file.name, text)
        self.materials: dict[str, int] = {}
        self.meshes: dict[tuple[str, tuple[int, ...]], int] = {}
        self.geometries: dict[str, Geometry | None] = {}
        known = ("geometry", "controller", "node")
        self.elements = {e.get("id", ""): e for e in self.root.iter() if e.tag in known}
        self.lost: dict[str, list[str]] = {}

    def read(self, parent: int = -1) -> None:
        """Add the scene's nodes below `parent`."""
        scene = self._scene()
        if scene is None:
            raise UserError(f"{self.file} holds no scene with nodes")
        first = len(self.builder.nodes)
        for node in children(scene, "node"):
            self._node(node, parent, 0, ())
        self._prune(first)
        self._tell_lost()

    def _prune(self, first: int) -> None:
        """Leave out nodes without geometry at or below them, as of lamps and cameras."""
        nodes = self.builder.nodes
        used = set()
        for number in range(len(nodes) - 1, first - 1, -1):
            if nodes[number].geometry >= 0 or number in used:
                used |= {number, nodes[number].parent}
        place = {old: new for new, old in enumerate(sorted(n for n in used if n >= first), first)}
        kept = [
            replace(nodes[old], parent=place.get(nodes[old].parent, nodes[old].parent))
            for old in sorted(place)
        ]
        nodes[first:] = kept

    def _scene(self) -> Element | None:
        scenes = list(self.root.iter("visual_scene"))
        instance = self.root.find("scene/instance_visual_scene")
        wanted = instance.get("url", "").lstrip("#") if instance is not None else ""
        return next((s for s in scenes if s.get("id") == wanted), scenes[0] if scenes else None)

    def _node(self, element: Element, parent: int, depth: int, above: tuple[str, ...]) -> None:
        name = element.get("name") or element.get("id") or "node"
        if depth > MAX_DEPTH or len(self.builder.nodes) > MAX_NODES:
            raise UserError(
                f"{self.file}: node {name!r} lies more than {MAX_DEPTH} deep, or after {MAX_NODES:,} others"
            )
        if element.get("id") and element.get("id") in above:
            raise UserError(f"{self.file}: node {name!r} contains itself")
        above = (*above, element.get("id", ""))
        place = Transform(matrix=self._matrix(element, name))
        shown = self._meshes(element, name)
        one = len(shown) == 1
        here = self.builder.node(name, parent, place, geometry=shown[0] if one else -1)
        if not one:
            for mesh in shown:
                self.builder.node(self.builder.geometry[mesh].name, here, geometry=mesh)
        for child in children(element, "node"):
            self._node(child, here, depth + 1, above)
        for instance in children(element, "instance_node"):
            target = self.elements.get(instance.get("url", "").lstrip("#"))
            if target is None or target.tag != "node":
                self.lost.setdefault("nodes of other files or that are missing", []).append(
                    instance.get("url", "")
                )
            else:
                self._node(target, here, depth + 1, above)

    def _meshes(self, element: Element, name: str) -> list[int]:
        found = []
        for instance in children(element, "instance_geometry", "instance_controller"):
            target, bind = self._geometry_of(instance)
            if target is None:
                continue
            mesh = self._mesh(target, instance, bind)
            if mesh >= 0:
                found.append(mesh)
        for tag, what in (("instance_light", "lights"), ("instance_camera", "cameras")):
            if element.find(tag) is not None:
                self.lost.setdefault(what, []).append(name)
        return found

    def _geometry_of(self, instance: Element) -> tuple[Element | None, np.ndarray | None]:
        """The geometry, through a controller where one is between, and the bind shape matrix."""
        url = instance.get("url", "").lstrip("#")
        target = self.elements.get(url)
        bind = None
        for _ in range(4):
            if target is None or target.tag != "controller":
                break
            self.lost.setdefault("skins and morphs; the meshes are as bound", []).append(url)
            part = target.find("skin")
            if part is not None:
                text = text_of(part, "bind_shape_matrix")
                try:
                    bind = numbers(text).reshape(4, 4) if text else None
                except ValueError:
                    bind = None
            else:
                part = target.find("morph")
            target = self.elements.get(part.get("source", "").lstrip("#")) if part is not None else None
        if target is None or target.tag != "geometry":
            self.lost.setdefault("geometries that are missing", []).append(url)
            return None, None
        return target, bind

    def _mesh(self, target: Element, instance: Element, bind: np.ndarray | None) -> int:
        key = target.get("id", "")
        if key not in self.geometries:
            self.geometries[key] = GeometryReader(self._wrong).read(target)
        geometry = self.geometries[key]
        if geometry is None:
            self.lost.setdefault("geometries without polygons", []).append(target.get("name") or key)
            return -1
        for what in geometry.skipped:
            self.lost.setdefault(what, []).append(geometry.shape.name)
        bound = {
            m.get("symbol", ""): m.get("target", "").lstrip("#") for m in instance.iter("instance_material")
        }
        materials = tuple(self._material(bound.get(symbol, symbol)) for symbol in geometry.symbols)
        mesh_key = (key, materials)
        if bind is not None and not np.allclose(bind, np.eye(4), atol=1e-12):
            points = geometry.shape.points @ bind[:3, :3].T + bind[:3, 3]
            return self.builder.shape(replace(geometry.shape, points=points, normals=None), materials, key)
        if mesh_key not in self.meshes:
            self.meshes[mesh_key] = self.builder.shape(geometry.shape, materials, geometry.shape.name)
        return self.meshes[mesh_key]

    def _material(self, key: str) -> int:
        if key not in self.looks:
            if key:
                self.lost.setdefault("materials that are missing", []).append(key)
            return -1
        if key not in self.materials:
            self.materials[key] = self.builder.look(self.looks[key], self.files)
        return self.materials[key]

    def _matrix(self, element: Element, name: str) -> np.ndarray:
        out = np.eye(4)
        for step in children(element, "matrix", "translate", "rotate", "scale", "lookat", "skew"):
            try:
                out = out @ _step(step)
            except (ValueError, IndexError):
                raise self._wrong(f"node {name!r}: <{step.tag}> holds {text_of(step)[:60]!r}") from None
        return out

    def _wrong(self, message: str) -> UserError:
        return UserError(f"{self.file}: {message}")

    def _tell_lost(self) -> None:
        if self.root.find("library_animations//sampler") is not None and any(
            text_of(a) for a in self.root.iterfind("library_animations//float_array")
        ):
            self.lost.setdefault("animations", [])
        for what, which in self.lost.items():
            where = f": {names(which)}" if which else ""
            self.builder.tell(
                "not-carried", self.file.name, f"not carried over: {what}{where}", severity="info"
            )


def _step(step: Element) -> np.ndarray:
    values = numbers(step.text)
    if not np.isfinite(values).all():
        raise ValueError
    out = np.eye(4)
    if step.tag == "matrix":
        return values.reshape(4, 4)
    if step.tag == "translate":
        out[:3, 3] = values.reshape(3)
    elif step.tag == "scale":
        out[:3, :3] = np.diag(values.reshape(3))
    elif step.tag == "rotate":
        out[:3, :3] = turn(values[:3], float(np.radians(values[3])))
    elif step.tag == "lookat":
        eye, target, up = values.reshape(3, 3)
        back = (eye - target) / np.linalg.norm(eye - target)
        right = np.cross(up, back)
        right /= np.linalg.norm(right)
        out[:3, :3] = np.column_stack([right, np.cross(back, right), back])
        out[:3, 3] = eye
    else:  # skew, after RenderMan: angle, axis of rotation, axis of translation
        angle, along, by = float(np.radians(values[0])), values[1:4], values[4:7]
        by = by / np.linalg.norm(by)
        first = along - by * (along @ by)
        first /= np.linalg.norm(first)
        cosine, sine = along @ first / np.linalg.norm(along), along @ by / np.linalg.norm(along)
        turned = np.arctan2(sine, cosine) + angle
        out[:3, :3] += np.outer(by, first) * (np.tan(turned) - np.tan(np.arctan2(sine, cosine)))
    return out


def turn(axis: np.ndarray, angle: float) -> np.ndarray:
    """Rotation about an axis, f8[3, 3] (Rodrigues); identity where the axis is no direction."""
    length = float(np.linalg.norm(axis))
    if length < 1e-12:
        return np.eye(3)
    x, y, z = np.asarray(axis, np.float64) / length
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    out: np.ndarray = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
    return out
