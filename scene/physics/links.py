"""Joints of the stage, with both joint frames in the world, and the tree that MuJoCo needs of them.

MuJoCo's bodies hang in a tree. Every rigid body gets one way up: by a joint to a body nearer to the world, else it floats
freely. Joints that are left over close loops.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.scene.columns import F8
from twinstage.scene.mechanics import rigid_part
from twinstage.scene.physics.gather import JOINTS, Physics, pose_of

AXES = {"X": (1.0, 0.0, 0.0), "Y": (0.0, 1.0, 0.0), "Z": (0.0, 0.0, 1.0)}


@dataclass(frozen=True, slots=True)
class Link:
    """A joint. `body0`, `body1`: paths of rigid bodies, "" for the world; `frame0`, `frame1`: the joint frames in the world."""

    path: str
    kind: str
    body0: str
    body1: str
    frame0: F8
    frame1: F8
    desc: Any

    @property
    def axis(self) -> F8:
        """The axis in either joint frame."""
        return np.array(AXES[str(self.desc.axis)])

    @property
    def between(self) -> F8:
        """frame0_from_frame1: what the joint's own motion should explain, f8[4, 4]."""
        out: F8 = np.linalg.inv(self.frame0) @ self.frame1
        return out


@dataclass(frozen=True, slots=True)
class Tree:
    """`order`: (body, parent, link) with parents first; link None floats. `loops`: the other joints, in path order."""

    order: tuple[tuple[str, str, Link | None], ...]
    loops: tuple[Link, ...]


def read_links(physics: Physics, bodies: Sequence[str]) -> list[Link]:
    """All joints that are enabled and have a body at one end at least, in path order."""
    links = []
    for path, desc in physics.all(*JOINTS).items():
        if not desc.jointEnabled:
            continue
        ends = [str(p) if str(p) in bodies else "" for p in (desc.body0, desc.body1)]
        if ends[0] == ends[1]:
            what = "no rigid body" if not ends[0] else f"the same body {ends[0]} twice"
            physics.tell("joint-bodies", f"joint {path} joins {what}; it is left out", path)
            continue
        frames = [_frame(physics, path, str(rel), n) for n, rel in enumerate((desc.rel0, desc.rel1))]
        kind = str(desc.type).rpartition(".")[2].removesuffix("Joint")
        links.append(Link(path, kind, ends[0], ends[1], frames[0], frames[1], desc))
    return links


def _frame(physics: Physics, path: str, rel: str, end: int) -> F8:
    """The joint frame at one end, in the world [m]: localPos feels the scale of the prim it stands in, localRot does not."""
    from pxr import Gf

    position = physics.value(path, f"physics:localPos{end}") or Gf.Vec3f(0)
    rotation = physics.value(path, f"physics:localRot{end}") or Gf.Quatf(1)
    local = pose_of(position, rotation, physics.meters)
    if not rel:
        return rigid_part(physics.conversion.world @ local)
    out = physics.rigid(rel) @ local
    out[:3, 3] = (physics.world(rel) @ np.append(local[:3, 3], 1.0))[:3]
    return out


def build_tree(physics: Physics, bodies: Sequence[str], links: Sequence[Link], kinematic: set[str]) -> Tree:
    """Breadth first: from the world and what moves by itself, then from articulation roots, then in path order."""
    usable = [link for link in links if link.kind != "Distance" and not link.desc.excludeFromArticulation]
    around: dict[str, list[Link]] = {}
    for link in usable:
        around.setdefault(link.body0, []).append(link)
        around.setdefault(link.body1, []).append(link)
    order: list[tuple[str, str, Link | None]] = [(body, "", None) for body in sorted(kinematic)]
    seen, used = {"", *kinematic}, set()

    def grow(queue: list[str]) -> None:
        for body in queue:  # the list grows while it is walked
            for link in around.get(body, ()):
                other = link.body1 if link.body0 == body else link.body0
                if other not in seen:
                    seen.add(other)
                    used.add(link.path)
                    order.append((other, body, link))
                    queue.append(other)

    grow(["", *sorted(kinematic)])
    roots = [str(p) for _, d in physics.all("Articulation").items() for p in d.rootPrims]
    children = {link.body1 for link in usable}
    heads = [*roots, *(body for body in bodies if body not in children), *bodies]
    for head in heads:
        if head in bodies and head not in seen:
            seen.add(head)
            order.append((head, "", None))
            grow([head])
    loops = tuple(link for link in links if link.path not in used)
    return Tree(tuple(order), loops)
