"""Rigid models (`models/*.ply`) against the records: vertices fill the 3D boxes, silhouettes are the masks.

The strongest proof that files alone can give: pose, camera, lens, mask and geometry have to agree at every pixel centre.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from twinstage.synth.verify.extent import check_extent
from twinstage.synth.verify.eye import Eye
from twinstage.synth.verify.files import inside, is_inside, read_json
from twinstage.synth.verify.masks import Masks
from twinstage.synth.verify.report import Judge
from twinstage.synth.verify.sample import MOST_TRIANGLES, TRIANGLES_DRAWN
from twinstage.synth.verify.silhouette import silhouette
from twinstage.synth.verify.solids import Solid
from twinstage.synth.verify.symmetry import wrong_symmetry

BOX_TOLERANCE = 2e-6
"""Share of the distance or size by which a vertex (float32) may differ from the 3D box; at least a micrometre."""

KEPT = 256

_TYPES = {
    "char": "i1",
    "uchar": "u1",
    "int8": "i1",
    "uint8": "u1",
    "short": "<i2",
    "ushort": "<u2",
    "int": "<i4",
    "uint": "<u4",
    "int32": "<i4",
    "uint32": "<u4",
    "float": "<f4",
    "float32": "<f4",
    "double": "<f8",
}


@dataclass(frozen=True, slots=True)
class Mesh:
    """Vertices f8[n, 3] [m] and triangles i8[m, 3]."""

    vertices: np.ndarray
    triangles: np.ndarray


def read_ply(path: Path) -> Mesh:
    """A binary little-endian PLY of triangles. Raises ValueError for what is not one."""
    head, mark, body = path.read_bytes().partition(b"end_header\n")
    lines = head.decode("ascii").splitlines()
    if not mark or lines[:2] != ["ply", "format binary_little_endian 1.0"]:
        raise ValueError("not a binary little-endian PLY file")
    unit = next((line.split()[-1] for line in lines if line.startswith("comment unit")), "m")
    scale = {"m": 1.0, "mm": 1e-3}[unit]
    elements: list[tuple[str, int, list[list[str]]]] = []
    for words in (line.split() for line in lines[2:]):
        if words[:1] == ["element"]:
            elements.append((words[1], int(words[2]), []))
        elif words[:1] == ["property"]:
            elements[-1][2].append(words[1:])
    vertices = triangles = None
    for name, count, properties in elements:
        lists = [p for p in properties if p[0] == "list"]
        if lists and (len(properties) != 1 or name != "face"):
            raise ValueError(f"element {name} is not understood")
        fields: list[Any] = [("n", _TYPES[lists[0][1]]), ("v", _TYPES[lists[0][2]], 3)] if lists else []
        dtype = np.dtype(fields or [(p[1], _TYPES[p[0]]) for p in properties])
        table = np.frombuffer(body, dtype, count)
        body = body[count * dtype.itemsize :]
        if name == "vertex":
            vertices = np.stack([table[axis].astype(np.float64) for axis in "xyz"], -1) * scale
        elif name == "face":
            if (table["n"] != 3).any():
                raise ValueError("a face is not a triangle")
            triangles = table["v"].astype(np.int64)
    if vertices is None or triangles is None or body:
        raise ValueError("no vertices or no faces, or bytes left over")
    if not np.isfinite(vertices).all() or (len(triangles) and triangles.max() >= len(vertices)):
        raise ValueError("a vertex is not finite, or a face names one that is not there")
    return Mesh(vertices, triangles)


class Models:
    """The models of a dataset, read when asked for; the last `KEPT` are kept."""

    def __init__(self, root: Path, judge: Judge) -> None:
        self._root, self._judge = root, judge
        self._kept: dict[str, Mesh | None] = {}
        self.used: set[str] = set()
        self.drawn = 0
        self.triangles = 0

    def get(self, name: str, where: str) -> Mesh | None:
        """The mesh of that name, or None with a finding."""
        self.used.add(name)
        if name not in self._kept:
            if len(self._kept) >= KEPT:
                self._kept.pop(next(iter(self._kept)))
            path = self._root / "models" / f"{name}.ply"
            found = None
            if self._judge.check(
                is_inside(self._root, f"models/{name}.ply"),
                "model.missing",
                where,
                f"models/{name}.ply is not there",
            ):
                with self._judge.guard("model.broken", f"models/{name}.ply"):
                    found = read_ply(path)
            self._kept[name] = found
        return self._kept[name]

    def check_document(self) -> None:
        """`models.json` lists the models that records name, each with its measures, and no others have files."""
        name = "models/models.json"
        with self._judge.guard("model.list", name):
            document = read_json(inside(self._root, name))
            listed, files = set(document), {p.stem for p in (self._root / "models").glob("*.ply")}
            same = listed == self.used == files
            odd = sorted((listed ^ self.used) | (files ^ self.used))[:3]
            self._judge.check(
                same, "model.list", name, f"models.json, the PLY files and the records disagree about {odd}"
            )
            for key in sorted(listed & files):
                self._check_entry(key, document[key], name)

    def _check_entry(self, key: str, entry: dict[str, Any], name: str) -> None:
        mesh = self.get(key, name)
        if mesh is None:
            return
        low, high = mesh.vertices.min(0), mesh.vertices.max(0)
        slack = 1e-6 + 1e-6 * float(np.abs(mesh.vertices).max())
        right = (
            np.allclose(entry["min"], low, atol=slack)
            and np.allclose(entry["size"], high - low, atol=slack)
            and entry["vertices"] == len(mesh.vertices)
            and entry["triangles"] == len(mesh.triangles)
            and float((high - low).max()) - slack <= entry["diameter"]
            and entry["diameter"] <= float(np.linalg.norm(high - low)) + slack
        )
        self._judge.check(right, "model.size", f"{name} {key}", "its measures are not those of the PLY file")
        wrong = wrong_symmetry(mesh.vertices, entry)
        self._judge.check(not wrong, "model.symmetry", f"{name} {key}", wrong)


@dataclass(frozen=True, slots=True)
class Body:
    """One object with its mesh in the world, f8[n, 3] [m]."""

    item: dict[str, Any]
    mesh: Mesh
    world: np.ndarray


def check_model(
    item: dict[str, Any],
    eye: Eye,
    solid: Solid,
    masks: Masks | None,
    models: Models,
    where: str,
    judge: Judge,
    *,
    draw: bool,
) -> None:
    """One object's model by its pose: it fills the 3D box, and (`draw`) its silhouette is the amodal mask."""
    name, pose = item.get("model"), item.get("pose")
    given = (name is None) == (pose is None)
    judge.check(given, "model.pose", where, "a model goes with a pose, and no model with none")
    if name is None or pose is None:
        return
    mesh = models.get(name, where)
    if mesh is None or not len(mesh.vertices):
        return
    seen = mesh.vertices @ np.array(pose["R"], np.float64).T + np.array(pose["t"], np.float64)
    world = seen @ eye.pose[:3, :3].T + eye.pose[:3, 3]
    _check_box(mesh, world, solid, where, judge)
    if len(mesh.triangles) and not item.get("cutout"):
        check_extent(item, eye, world, mesh.triangles, where, judge)
    count = len(mesh.triangles)
    if draw and masks is not None and 0 < count <= min(MOST_TRIANGLES, TRIANGLES_DRAWN - models.triangles):
        models.drawn += 1
        models.triangles += count
        _check_mask(Body(item, mesh, world), eye, masks, where, judge)


def _check_box(mesh: Mesh, world: np.ndarray, solid: Solid, where: str, judge: Judge) -> None:
    used = world[np.unique(mesh.triangles)] if len(mesh.triangles) else world
    places = solid.frame.local(used)
    size = float(max(solid.frame.lengths.max(), np.abs(mesh.vertices).max()))
    slack = max(1e-6, BOX_TOLERANCE * size + 1e-9 * float(np.abs(world).max()))
    beyond = float(np.maximum(-places, places - solid.frame.lengths).max())
    judge.check(
        beyond <= slack,
        "model.box",
        where,
        f"vertices of its model reach {beyond:.6f} m outside of its 3D box",
    )
    short = float(np.maximum(places.min(0), solid.frame.lengths - places.max(0)).max())
    # Round gprims have a box of the true surface, which triangles stay within by their chord error.
    judge.check(
        short <= slack + 0.02 * size,
        "model.box",
        where,
        f"vertices of its model stay {short:.6f} m away from a side of its 3D box",
    )


def _check_mask(body: Body, eye: Eye, masks: Masks, where: str, judge: Judge) -> None:
    x0, y0, x1, y1 = _window(body, masks, eye)
    canvas = silhouette(eye, body.world[body.mesh.triangles], (x0, y0, x1, y1))
    inside, possible = (_within(part, (x0, y0), eye) for part in (canvas.inside, canvas.possible))
    over = int((masks.amodal & ~possible).sum())
    judge.check(
        over == 0, "model.silhouette", where, f"{over} pixels of amodal_rle do not see its model at this pose"
    )
    if body.item.get("cutout"):
        return  # holes that no mesh has
    under = int((inside & ~masks.amodal).sum())
    judge.check(
        under == 0,
        "model.silhouette",
        where,
        f"{under} pixels see its model at this pose, but amodal_rle lacks them",
    )
    total, low, high = body.item["amodal_px_total"], int(canvas.inside.sum()), int(canvas.possible.sum())
    judge.check(
        low <= total <= high,
        "model.total",
        where,
        f"amodal_px_total is {total}, its model covers {low} to {high} px of the 3 x 3 canvas",
    )


def _window(body: Body, masks: Masks, eye: Eye) -> tuple[int, int, int, int]:
    """Where its silhouette may be, in the image and around it: `bbox_full` and the mask, two pixels wider.

    The whole canvas where a lens that bends lines does not see all of its corners.
    """
    if eye.kind not in ("pinhole", "orthographic") or eye.moving:
        pixels, _ = eye.project(body.world)
        if not np.isfinite(pixels).all() or (np.ptp(pixels, axis=0) > [eye.width, eye.height]).any():
            return -eye.width, -eye.height, 2 * eye.width, 2 * eye.height
    rows, columns = np.flatnonzero(masks.amodal.any(1)), np.flatnonzero(masks.amodal.any(0))
    if not len(rows):
        return 0, 0, eye.width, eye.height
    low, high = np.array([columns[0], rows[0]]), np.array([columns[-1], rows[-1]]) + 1
    box = body.item.get("bbox_full")
    if box is not None:
        low, high = np.minimum(low, box[:2]), np.maximum(high, np.add(box[:2], box[2:]))
    size = np.array([eye.width, eye.height])
    low, high = np.maximum(np.floor(low) - 2, -size), np.minimum(np.ceil(high) + 2, 2 * size)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _within(part: np.ndarray, origin: tuple[int, int], eye: Eye) -> np.ndarray:
    """The image's share of a window that begins at `origin`, bool[h, w]."""
    out = np.zeros((eye.height, eye.width), bool)
    x, y = origin
    rows, columns = part.shape
    top, left = max(y, 0), max(x, 0)
    down, right = min(y + rows, eye.height), min(x + columns, eye.width)
    if top < down and left < right:
        out[top:down, left:right] = part[top - y : down - y, left - x : right - x]
    return out
