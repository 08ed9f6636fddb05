"""A document as a USD package: a folder with a small, readable interface layer over a payload.

    NAME/NAME.usda                the interface: root prim, kind, labels, extents, where it comes from
    NAME/payload/contents.usda    its layers, strongest first
    NAME/payload/geometry.usdc    the tree, geometry, skeletons, time samples
    NAME/payload/materials.usda   UsdPreviewSurface networks
    NAME/payload/physics.usda     bodies, colliders, joints, where there are any
    NAME/payload/textures/        images
    NAME/LICENSE...               licence texts that lay beside the file

The same document gives the same bytes. Touches pxr and files.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from twinstage.assets.importing import usd_geometry, usd_motion, usd_nodes
from twinstage.assets.importing.document import Document, Mesh, note
from twinstage.assets.importing.document_check import validate
from twinstage.assets.importing.motion import together
from twinstage.assets.importing.names import file_name, prim_name
from twinstage.assets.importing.plan import Plan, make_plan
from twinstage.assets.importing.standard import standardize
from twinstage.assets.importing.usd_author import new_layer, valid_name
from twinstage.assets.importing.usd_geometry import Prepared
from twinstage.assets.importing.usd_interface import set_times, write_contents, write_interface
from twinstage.assets.importing.usd_materials import Looks
from twinstage.assets.importing.usd_physics import has_physics, write_physics
from twinstage.assets.importing.usd_skel import Skeletons
from twinstage.assets.importing.usd_variants import write_variants
from twinstage.base.errors import UserError
from twinstage.base.finding import Finding

PAYLOAD = "payload"


@dataclass(frozen=True, slots=True)
class Options:
    """What the user wants of a package. labels: of the root prim; collider: an approximation for all meshes, or ""."""

    labels: tuple[str, ...] = ()
    collider: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """What a package holds. root: its interface layer, relative to the folder; files: all, relative; size [m]: of its box."""

    root: str
    prims: int
    meshes: int
    triangles: int
    points: int
    materials: int
    textures: int
    skins: int
    joints: int
    cameras: int
    lights: int
    animations: tuple[tuple[str, float], ...]
    size: tuple[float, float, float]
    files: tuple[str, ...]
    notes: tuple[Finding, ...] = field(default=())


def package_names(text: str) -> tuple[str, str]:
    """(name of the folder and the interface layer, name of the root prim) of a model's name."""
    folder = file_name(text, "model")
    return folder, valid_name(prim_name(text, "model"), "model")


def write_package(document: Document, folder: Path, name: str, options: Options | None = None) -> Written:
    """Write the package into an empty folder. `name`: of the model; raises UserError for a document that cannot be written."""
    options = options or Options()
    validate(document)
    file, root = package_names(name)
    return _Writer(standardize(document), folder, file, root, options).write()


class _Writer:
    def __init__(self, document: Document, folder: Path, file: str, root: str, options: Options) -> None:
        self.document, self.folder, self.file, self.options = document, folder, file, options
        self.notes: dict[Finding, None] = dict.fromkeys(document.notes)
        self._play_together()
        self.made = [self._prepare(n) for n in range(len(document.geometry))]
        drawn = [one is not None for one in self.made]
        self.plan: Plan = make_plan(document, root, drawn, valid_name)
        if not any(self.plan.geometry):
            raise UserError(f"the file holds nothing that can be drawn: {_why_nothing(document)}")

    def _play_together(self) -> None:
        """Animations that move different things become one."""
        before = self.document.animations
        self.document = replace(self.document, animations=together(before))
        if len(self.document.animations) < len(before):
            text = f"{len(before)} animations move different things, so they play together"
            self.notes[note("animation", "animations", text, severity="info")] = None

    def _prepare(self, n: int) -> Prepared | None:
        item = self.document.geometry[n]
        where = f"geometry {n}" + (f" {item.name!r}" if item.name else "")
        if isinstance(item, Mesh):
            item = usd_geometry.fitted(self.document, item)
        made = usd_geometry.prepare(item)
        if made is None:
            self.notes[note("empty", where, "it has no face with an area, so it is left out")] = None
        elif made.mesh is not None:
            if made.mesh.dropped:
                text = f"{made.mesh.dropped:,} faces without area are left out"
                self.notes[note("zero-area", where, text, severity="info")] = None
            for text in made.mesh.notes:
                self.notes[note("mesh", where, text)] = None
        return made

    def write(self) -> Written:
        """All layers and files."""
        from pxr import Sdf

        root = self.plan.root
        looks = Looks(self.document, new_layer(".usda"), root)
        usd_nodes.write_root(looks.layer, root, "Xform")
        looks.write(self._used_materials())
        self.notes.update(looks.notes)
        layers: dict[str, Any] = {}
        geometry = new_layer(".usdc")
        with Sdf.ChangeBlock():
            usd_nodes.write_root(geometry, root, "Xform")
            clips = usd_motion.make_clips(geometry, self.document, self.plan, valid_name)
            moved, bare = usd_motion.animated(self.document), len(clips) > 1
            usd_nodes.write_nodes(
                geometry, self.document, self.plan, self.made, looks.paths, moved, bare=bare
            )
            skeletons = Skeletons(geometry, self.document, self.plan, self.made, looks.paths, clips)
            skeletons.write()
            usd_motion.write_motion(geometry, self.document, self.plan, clips)
            write_variants(geometry, self.document, self.plan, self.made, looks.paths)
        self.notes.update(skeletons.notes)
        self.boxes, self.clips, self.times = skeletons.boxes, clips, usd_motion.times_of(clips)
        set_times(geometry, self.times)
        if looks.paths:
            layers["materials.usda"] = looks.layer
        layers["geometry.usdc"] = geometry
        if has_physics(self.document, self.options.collider):
            physics = new_layer(".usda")
            with Sdf.ChangeBlock():
                physics.defaultPrim = root[1:]
                write_physics(physics, self.document, self.plan, self.made, self.options.collider)
            layers = {"physics.usda": physics, **layers}
        return self._save(layers, looks)

    def _used_materials(self) -> set[int]:
        """Materials that something which is drawn wears."""
        used: set[int] = set()
        for n, node in enumerate(self.document.nodes):
            made = self.made[node.geometry] if self.plan.geometry[n] else None
            if made is not None:
                used.add(node.material)
                subsets = made.mesh.subsets if made.mesh is not None else ()
                used.update([number for number, _, _ in subsets] or [made.item.material])
        for variants in self.document.variants:
            used.update(number for places in variants.materials.values() for _, _, number in places)
        return used - {-1}

    def _save(self, layers: Mapping[str, Any], looks: Looks) -> Written:
        payload = self.folder / PAYLOAD
        payload.mkdir(parents=True)
        files: list[str] = []
        for place, layer in layers.items():
            layer.Export(str(payload / place))
            files.append(f"{PAYLOAD}/{place}")
        for place, data in looks.files.items():
            path = payload / place
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
            files.append(f"{PAYLOAD}/{place}")
        for name, text in self.document.origin.texts:
            (self.folder / name).write_bytes(text)
            files.append(name)
        write_contents(payload / "contents.usda", list(layers), self.plan.root, self.times)
        prims, triangles = write_interface(
            self.folder / f"{self.file}.usda",
            self.document,
            self.plan.root,
            f"./{PAYLOAD}/contents.usda",
            self.options.labels,
            self.times,
        )
        files += [f"{PAYLOAD}/contents.usda", f"{self.file}.usda"]
        return self._written(prims, triangles, looks, tuple(sorted(files)))

    def _written(self, prims: int, triangles: int, looks: Looks, files: tuple[str, ...]) -> Written:
        plan, document = self.plan, self.document
        nodes = [n for n in range(len(document.nodes)) if plan.geometry[n]]
        drawn = [one for one in (self.made[document.nodes[n].geometry] for n in nodes) if one is not None]
        return Written(
            root=f"{self.file}.usda",
            prims=prims,
            meshes=sum(one.mesh is not None for one in drawn),
            triangles=triangles,
            points=sum(len(one.mesh.points) for one in drawn if one.mesh),
            materials=len(looks.paths),
            textures=len(looks.files),
            skins=len(plan.skins),
            joints=len(document.joints),
            cameras=sum(map(bool, plan.cameras)),
            lights=sum(map(bool, plan.lights)),
            animations=tuple((clip.animation.name, clip.seconds) for clip in self.clips),
            size=self._size(nodes),
            files=files,
            notes=tuple(self.notes),
        )

    def _size(self, nodes: list[int]) -> tuple[float, float, float]:
        """Edges of the box around all that is drawn, as the nodes stand."""
        shown = [n for n in nodes if self.document.nodes[n].purpose != "guide"]
        low, high = np.full(3, np.inf), np.full(3, -np.inf)
        for n in shown or nodes:
            made = self.made[self.document.nodes[n].geometry]
            assert made is not None
            points = made.mesh.points if made.mesh is not None else _corners(made.box)
            world = self.plan.worlds[n]
            if n in self.boxes:  # a skinned mesh, in the model's frame
                points, world = self.boxes[n], np.eye(4)
            placed = points.astype(np.float64) @ world[:3, :3].T + world[:3, 3]
            low, high = np.minimum(low, placed.min(0)), np.maximum(high, placed.max(0))
        x, y, z = (high - low).tolist()
        return x, y, z


def _why_nothing(document: Document) -> str:
    """The first thing that was left out, with what to do; in most cases it is why."""
    if not document.notes:
        return "no face, line or point is left"
    first, more = document.notes[0], len(document.notes) - 1
    return f"{first.message}{f' (and {more} more)' if more else ''}{f'; {first.fix}' if first.fix else ''}"


def _corners(box: np.ndarray) -> np.ndarray:
    return np.array([[box[i, 0], box[j, 1], box[k, 2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
