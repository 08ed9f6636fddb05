"""Any file of polygons into a builder: what the importers of this folder and those of robots share.

`load` adds nodes below a parent, in the file's own unit and axes, which it returns.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from twinstage.assets.importing.document import Cloud, Primvar, Transform
from twinstage.assets.importing.meshes.build import MAX_COORDINATE, Builder
from twinstage.assets.importing.meshes.collada.reader import ColladaReader
from twinstage.assets.importing.meshes.files import Files, read_bounded
from twinstage.assets.importing.meshes.mtl import read_mtl
from twinstage.assets.importing.meshes.obj import read_obj
from twinstage.assets.importing.meshes.ply import read_ply
from twinstage.assets.importing.meshes.shape import Look
from twinstage.assets.importing.meshes.stl import read_stl
from twinstage.assets.importing.meshes.threedxml import ThreeDxml, read_threedxml
from twinstage.assets.importing.meshes.threemf import ThreeMf, read_threemf
from twinstage.base.errors import UserError


@dataclass(frozen=True, slots=True)
class Loaded:
    """metres_per_unit: None where the format has none. up_axis: of the format's habit, or as the file says."""

    metres_per_unit: float | None
    up_axis: str
    format: str
    generator: str = ""
    author: str = ""
    copyright: str = ""


def load(file: Path, files: Files, builder: Builder, parent: int = -1) -> Loaded:
    """Add what a file holds. Raises UserError with one sentence where it cannot be read, or holds nothing."""
    kind = file.suffix.lower()
    if kind not in _LOADERS:
        known = ", ".join(sorted(_LOADERS))
        raise UserError(
            f"{file}: {kind or 'a name without an ending'} is no file of polygons; known are {known}"
        )
    before = len(builder.geometry)
    with np.errstate(all="ignore"):  # numbers of any size; what is none is left out by the builder
        done = _LOADERS[kind](file, read_bounded(file), files, builder, parent)
    builder.notes += [n for n in files.notes if n not in builder.notes]
    if len(builder.geometry) == before:
        raise UserError(f"{file} holds nothing that can be drawn")
    return done


def _obj(file: Path, data: bytes, files: Files, builder: Builder, parent: int) -> Loaded:
    found = read_obj(file, data)
    if not found.shapes:
        raise UserError(f"{file} holds no faces")
    looks = _libraries(file, found.libraries, files, builder)
    materials = []
    for name in found.materials:
        if name not in looks:
            if name.lower() != "none":  # what Blender writes for faces without a material
                builder.tell(
                    "material-missing", file.name, f"no material library describes {name!r}, so it is grey"
                )
            materials.append(-1 if name.lower() == "none" else builder.look(Look(name), files))
        else:
            materials.append(builder.look(looks[name], files))
    objects: dict[str, int] = {}
    for shape, owner in zip(found.shapes, found.parents, strict=True):
        if owner and owner not in objects:
            objects[owner] = builder.node(owner, parent)
        mesh = builder.shape(shape, materials, shape.name)
        if mesh >= 0:
            builder.node(shape.name or file.stem, objects.get(owner, parent), geometry=mesh)
    for what, count in found.skipped.items():
        builder.tell("not-carried", file.name, f"not carried over: {what} ({count:,})", severity="info")
    return Loaded(None, "Y", "OBJ")


def _libraries(file: Path, names: list[str], files: Files, builder: Builder) -> dict[str, Look]:
    looks: dict[str, Look] = {}
    for line in names:
        # A name may hold spaces, and a line several names.
        whole = files.folder / line.replace("\\", "/")
        for name in [line] if whole.is_file() or " " not in line else line.split():
            library = files.find(name, "material library", file.name)
            if library is None:
                continue
            text = read_bounded(library, 64 << 20).decode("utf-8", "replace")
            found, notes = read_mtl(text)
            looks.update(found)
            for told in notes:
                builder.tell("material", name, told, severity="info")
    return looks


def _stl(file: Path, data: bytes, files: Files, builder: Builder, parent: int) -> Loaded:
    found = read_stl(file, data)
    for text in found.notes:
        builder.tell("stl", file.name, text)
    for number, shape in enumerate(found.shapes):
        name = shape.name or (file.stem if len(found.shapes) == 1 else f"{file.stem}_{number}")
        mesh = builder.shape(replace(shape, name=name), (), name)
        if mesh >= 0:
            builder.node(name, parent, geometry=mesh)
    return Loaded(None, "Z", "STL")


def _ply(file: Path, data: bytes, files: Files, builder: Builder, parent: int) -> Loaded:
    found = read_ply(file, data)
    for text in found.notes:
        builder.tell("not-carried", file.name, text, severity="info")
    shape = replace(found.shape, name=file.stem)
    if not len(shape.counts):
        good = (np.abs(shape.points) <= MAX_COORDINATE).all(1)
        colors = None if shape.colors is None else Primvar(shape.colors.values[good], "vertex")
        if not good.any():
            raise UserError(f"{file} holds no points with finite numbers")
        builder.geometry.append(Cloud(file.stem, shape.points[good], colors=colors))
        builder.node(file.stem, parent, geometry=len(builder.geometry) - 1)
        return Loaded(None, "Z", "PLY")
    materials = []
    if found.texture and shape.uvs is not None:
        materials = [builder.look(Look(file.stem, maps={"color": found.texture}), files)]
        shape = replace(shape, material=np.zeros(len(shape.counts), np.int64))
        if not builder.materials[
            materials[0]
        ].base_color.texture:  # its picture is missing: the colours serve
            builder.materials.pop()
            materials = []
    mesh = builder.shape(shape, materials, file.stem)
    if mesh >= 0:
        builder.node(file.stem, parent, geometry=mesh)
    return Loaded(None, "Z", "PLY")


def _dae(file: Path, data: bytes, files: Files, builder: Builder, parent: int) -> Loaded:
    reader = ColladaReader(file, data, files, builder)
    reader.read(parent)
    head = reader.head
    return Loaded(head.metres_per_unit, head.up_axis, "COLLADA", head.generator, head.author, head.copyright)


def _meshes(file: Path, found: ThreeMf | ThreeDxml, files: Files, builder: Builder) -> list[int]:
    """The meshes of a file of shapes and looks, by shape; below 0 for one that draws nothing."""
    for text in dict.fromkeys(found.notes):
        builder.tell("not-carried", file.name, text, severity="info")
    materials = [builder.look(look, files) for look in found.looks]
    return [builder.shape(shape, materials, shape.name) for shape in found.shapes]


def _threemf(file: Path, data: bytes, files: Files, builder: Builder, parent: int) -> Loaded:
    found = read_threemf(file, data)
    meshes = _meshes(file, found, files, builder)
    for item in found.placed:
        if meshes[item.shape] >= 0:
            builder.node(item.name, parent, Transform(matrix=item.place), geometry=meshes[item.shape])
    return Loaded(found.metres_per_unit, "Z", "3MF", found.generator)


def _threedxml(file: Path, data: bytes, files: Files, builder: Builder, parent: int) -> Loaded:
    found = read_threedxml(file, data)
    meshes = _meshes(file, found, files, builder)
    numbers: list[int] = []
    for node in found.nodes:
        shown = [meshes[n] for n in node.shapes if meshes[n] >= 0]
        above = numbers[node.parent] if node.parent >= 0 else parent
        numbers.append(
            builder.node(
                node.name, above, Transform(matrix=node.place), geometry=shown[0] if len(shown) == 1 else -1
            )
        )
        for mesh in shown if len(shown) > 1 else ():
            builder.node(builder.geometry[mesh].name, numbers[-1], geometry=mesh)
    return Loaded(0.001, "Z", "3DXML", found.generator, found.author)


_LOADERS = {".obj": _obj, ".stl": _stl, ".ply": _ply, ".dae": _dae, ".3mf": _threemf, ".3dxml": _threedxml}
MESH_ENDINGS = tuple(_LOADERS)
