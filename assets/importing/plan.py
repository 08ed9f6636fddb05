"""Which prim each node becomes: its path, its type, and where its geometry goes. Pure.

A node is an Xform prim, with its geometry as a child. A node that holds one thing and has no children is that thing: a Mesh
with a transform, not an Xform with a Mesh. Joints of skins that carry nothing but joints become no prims.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from twinstage.assets.importing.document import Document, Mesh, Node
from twinstage.assets.importing.names import Names, prim_name

PROTOTYPES = "Prototypes"
RESERVED = ("Materials", PROTOTYPES)
JOINTS = "Joints"
"""Scope of the joints, where a document has some."""


@dataclass(frozen=True)
class Plan:
    """Paths by number; "" for what becomes no prim.

    nodes: prims of nodes. geometry: of a node's geometry, equal to the node's own where the node is that geometry.
    cameras, lights: as geometry. prototypes: of geometry that several nodes carry. skins: SkelRoots by skin.
    deformed: nodes whose mesh lies in the SkelRoot of a skin. morphed: nodes that are a SkelRoot of their own. worlds: model
    from node, f8[n, 4, 4].
    """

    root: str
    nodes: tuple[str, ...]
    geometry: tuple[str, ...]
    cameras: tuple[str, ...]
    lights: tuple[str, ...]
    prototypes: dict[int, str]
    skins: dict[int, str]
    deformed: frozenset[int]
    morphed: frozenset[int]
    worlds: np.ndarray


@dataclass
class _Naming:
    """Names of children by path of the parent."""

    valid: Callable[[str, str], str]
    taken: dict[str, Names] = field(default_factory=dict)

    def path(self, parent: str, text: str, fallback: str, reserved: Sequence[str] = ()) -> str:
        names = self.taken.setdefault(parent, Names(reserved))
        return f"{parent}/{names.give(self.valid(prim_name(text, fallback), fallback))}"


def make_plan(document: Document, name: str, drawn: Sequence[bool], valid: Callable[[str, str], str]) -> Plan:
    """The plan of a document whose root prim is `name`. `drawn`: which geometry draws something.

    `valid`: the name, or another where the USD library does not take it.
    """
    nodes, root = document.nodes, f"/{name}"
    naming = _Naming(valid)
    naming.path("", name, name)
    naming.taken[root] = Names((*RESERVED, *((JOINTS,) if document.joints else ())))
    carries = [_carries(document, node, drawn) for node in nodes]
    skinned = {n for n, node in enumerate(nodes) if carries[n] and _has_skin(document, node)}
    kept = _kept(document, carries, skinned)
    has_children = _parents(nodes, kept, skinned)
    skins = {
        s: naming.path(root, document.skins[s].name or "Skin", "Skin")
        for s in sorted({nodes[n].skin for n in skinned})
    }
    prims: list[str] = []
    geometry, cameras, lights = ([""] * len(nodes) for _ in range(3))
    morphed = set()
    for n, node in enumerate(nodes):
        above = prims[node.parent] if node.parent >= 0 else root
        if not kept[n]:
            prims.append(above)  # what hangs on it, hangs on its parent: only joints do
            continue
        if n not in has_children and _moves_away(node, n in skinned):
            text = node.name or document.geometry[node.geometry].name
            geometry[n] = naming.path(skins[node.skin], text, "mesh", ("Skeleton", "Animation"))
            prims.append(geometry[n])
            continue
        path = naming.path(above, node.name, f"node_{n}")
        prims.append(path)
        things = [k for k, there in enumerate((carries[n], node.camera >= 0, node.light >= 0)) if there]
        morphs = carries[n] and n not in skinned and _has_morphs(document, node)
        if morphs:
            morphed.add(n)
        alone = (
            len(things) == 1 and n not in has_children and n not in skinned and not morphs and not node.body
        )
        if carries[n]:
            text = document.geometry[node.geometry].name
            home, kept_names = (skins[node.skin], ("Skeleton", "Animation")) if n in skinned else (path, ())
            if morphs:
                kept_names = ("Skeleton", "Animation")
            geometry[n] = path if alone else naming.path(home, text, "mesh", kept_names)
        if node.camera >= 0:
            cameras[n] = path if alone else naming.path(path, document.cameras[node.camera].name, "camera")
        if node.light >= 0:
            lights[n] = path if alone else naming.path(path, document.lights[node.light].name, "light")
    shown = tuple(path if kept[n] else "" for n, path in enumerate(prims))
    return Plan(
        root,
        shown,
        tuple(geometry),
        tuple(cameras),
        tuple(lights),
        _prototypes(document, naming, root, geometry, skinned | morphed),
        skins,
        frozenset(skinned),
        frozenset(morphed),
        _worlds(nodes),
    )


def _carries(document: Document, node: Node, drawn: Sequence[bool]) -> bool:
    return node.geometry >= 0 and drawn[node.geometry]


def _has_skin(document: Document, node: Node) -> bool:
    item = document.geometry[node.geometry]
    return node.skin >= 0 and isinstance(item, Mesh) and item.joints is not None


def _has_morphs(document: Document, node: Node) -> bool:
    item = document.geometry[node.geometry]
    return isinstance(item, Mesh) and bool(item.morphs)


def _kept(document: Document, carries: Sequence[bool], skinned: set[int]) -> list[bool]:
    """Nodes that become prims: all but joints of skins below which there are only such joints."""
    joints = {joint for skin in document.skins for joint in skin.joints}
    used = {node for channel in document.joints for node in (channel.parent, channel.child)}
    kept = [
        n not in joints
        or carries[n]
        or node.camera >= 0
        or node.light >= 0
        or node.body is not None
        or n in used
        for n, node in enumerate(document.nodes)
    ]
    above = [False] * len(kept)  # there is a prim below
    for n in range(len(kept) - 1, -1, -1):  # parents come first, so children are met before them
        parent = document.nodes[n].parent
        kept[n] = kept[n] or above[n]
        if kept[n] and parent >= 0 and (above[n] or not _moves_away(document.nodes[n], n in skinned)):
            above[parent] = True
    return kept


def _parents(nodes: Sequence[Node], kept: Sequence[bool], skinned: set[int]) -> set[int]:
    """Nodes with a prim below."""
    out: set[int] = set()
    for n in range(len(nodes) - 1, -1, -1):
        if kept[n] and (n in out or not _moves_away(nodes[n], n in skinned)):
            out.add(nodes[n].parent)
    return out


def _moves_away(node: Node, skinned: bool) -> bool:
    """Whether all of a node goes into the SkelRoot of its skin."""
    return skinned and node.camera < 0 and node.light < 0 and node.body is None


def _prototypes(
    document: Document, naming: _Naming, root: str, geometry: Sequence[str], apart: set[int]
) -> dict[int, str]:
    """Paths of geometry that is written once and referred to."""
    count: dict[int, int] = {}
    for n, node in enumerate(document.nodes):
        if geometry[n] and n not in apart:
            count[node.geometry] = count.get(node.geometry, 0) + 1
    chosen = {
        g for variants in document.variants for places in variants.materials.values() for g, _, _ in places
    }
    several = sorted(
        g
        for g, times in count.items()
        if times > 1 and isinstance(document.geometry[g], Mesh) and g not in chosen
    )
    home = f"{root}/{PROTOTYPES}"
    return {g: naming.path(home, document.geometry[g].name, f"mesh_{g}") for g in several}


def _worlds(nodes: Sequence[Node]) -> np.ndarray:
    out = np.zeros((len(nodes), 4, 4))
    for n, node in enumerate(nodes):
        local = node.transform.to_matrix()
        out[n] = local if node.parent < 0 else out[node.parent] @ local
    return out
