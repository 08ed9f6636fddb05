"""Prims and points of PointInstancers as one kind of thing that can be shown or hidden."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from twinstage.scene.edits import Edit
from twinstage.scene.snapshot import Snapshot
from twinstage.synth.draws import Draws


@dataclass(frozen=True, slots=True)
class Member:
    """A prim (`point` -1) or one point of a PointInstancer; `shown`: whether it is visible before anything is hidden."""

    prim: int
    path: str
    point: int
    shown: bool

    @property
    def name(self) -> str:
        """Its part of the names of draws."""
        return self.path if self.point < 0 else f"{self.path}[{self.point}]"


def members_of(snapshot: Snapshot, prims: Sequence[int]) -> list[Member]:
    """Each prim, or for a PointInstancer each of its points, in order."""
    visible = _visible(snapshot)
    out: list[Member] = []
    for prim in prims:
        path = snapshot.prims.path[prim]
        if snapshot.prims.type_name[prim] != "PointInstancer":
            out.append(Member(prim, path, -1, bool(visible[prim])))
            continue
        rows = np.flatnonzero(snapshot.points.instancer == prim)
        ids, shown = snapshot.points.point_id[rows], snapshot.points.visible[rows]
        out += [Member(prim, path, int(i), bool(s)) for i, s in zip(ids, shown, strict=True)]
    return out


def hiding_edits(
    snapshot: Snapshot, prims: Sequence[int], shown: Callable[[Member], bool], draws: Draws
) -> list[Edit]:
    """Edits that leave of these prims and points visible what `shown` says; what is hidden already stays so."""
    edits: list[Edit] = []
    hidden: dict[int, list[int]] = {}
    for member in members_of(snapshot, prims):
        if member.point < 0:
            if not shown(member):
                edits.append(Edit(member.path, "visibility", "invisible"))
            continue
        hidden.setdefault(member.prim, [])
        if not (shown(member) and member.shown):
            hidden[member.prim].append(member.point)
    for prim, points in hidden.items():
        path = snapshot.prims.path[prim]
        draws.note(f"hidden {path}", sorted(points))
        edits.append(Edit(path, "invisibleIds", tuple(sorted(points))))
    return edits


def _visible(snapshot: Snapshot) -> np.ndarray:
    """bool[n_prims]: whether anything at or below each prim is drawn."""
    out = np.zeros(len(snapshot.prims), bool)
    out[snapshot.instances.prim[snapshot.instances.visible]] = True
    parent = snapshot.prims.parent
    for prim in range(len(out) - 1, -1, -1):  # children come after their parents
        if out[prim] and parent[prim] >= 0:
            out[parent[prim]] = True
    return out
