"""The labelled stage as plain columns, for the lint and the labelling tools. Touches pxr."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.scene.labels import Groups, LabelPolicy, Levels, ResolvedLabels, resolve
from twinstage.scene.read.labels import NAMESPACE, OLD_DATA, prototype_levels, read_groups

DRAWN_PURPOSES = ("default", "render")


@dataclass(frozen=True)
class LabelScene:
    """All prims in path order, instance proxies included, and what the labelling policy makes of them.

    prims: Usd.Prim of each row; drawn: gprims and PointInstancers that USD draws there, bool[n]; points: for each
    PointInstancer's row the labels of its prototypes.
    """

    paths: tuple[str, ...]
    prims: tuple[Any, ...]
    parent: np.ndarray
    labels: ResolvedLabels
    drawn: np.ndarray
    points: dict[int, tuple[Levels, ...]]
    stage: Any = None
    """Kept, because a Usd.Prim does not keep its stage alive."""

    def objects(self) -> Iterator[tuple[int, Levels]]:
        """(row of the root, labels) of each drawn object; one for each prototype of a PointInstancer."""
        seen: set[int] = set()
        for i in np.flatnonzero(self.drawn).tolist():
            for levels in self.points.get(i, ()):
                yield i, (*levels, *self.labels.levels(i))
            root = int(self.labels.root[i])
            if i not in self.points and root not in seen:
                seen.add(root)
                yield root, self.labels.levels(root)


def read_label_scene(stage: Any, policy: LabelPolicy, time: Any = None) -> LabelScene:
    """Read the prims of a composed stage. `time`: Usd.TimeCode, by default the earliest."""
    from pxr import Kind, Usd

    time = Usd.TimeCode.EarliestTime() if time is None else time
    walk = Usd.PrimRange.Stage(stage, Usd.TraverseInstanceProxies())
    found = sorted(((str(prim.GetPath()), prim) for prim in walk), key=lambda row: row[0])
    paths, prims = tuple(path for path, _ in found), tuple(prim for _, prim in found)
    index_of = {path: i for i, path in enumerate(paths)}
    parent = np.array([index_of.get(path.rpartition("/")[0], -1) for path in paths], np.int32)
    own = _OwnReader(policy, time)
    rows = [own.of(prim) for prim in prims]
    component = np.array([Kind.Registry.IsA(row.kind, "component") for row in rows], bool)
    flagged = np.array([row.flagged for row in rows], bool)
    labels = resolve(parent, [row.groups for row in rows], component, flagged, policy)
    drawn = _drawn(parent, rows)
    points = {
        i: tuple(prototype_levels(target, prims[i], time, policy) for target in _prototypes(prims[i]))
        for i in np.flatnonzero(drawn).tolist()
        if rows[i].instancer
    }
    return LabelScene(paths, prims, parent, labels, drawn, points, stage)


@dataclass(frozen=True, slots=True)
class _Own:
    kind: str
    groups: Groups
    flagged: bool
    purpose: str
    shape: bool
    instancer: bool


class _OwnReader:
    """What is authored on a prim itself; proxies of one prototype prim are read once."""

    def __init__(self, policy: LabelPolicy, time: Any) -> None:
        self._policy, self._time = policy, time
        self._known: dict[Any, _Own] = {}

    def of(self, prim: Any) -> _Own:
        if not prim.IsInstanceProxy():
            return self._read(prim)
        key = prim.GetPrimInPrototype().GetPath()
        if key not in self._known:
            self._known[key] = self._read(prim)
        return self._known[key]

    def _read(self, prim: Any) -> _Own:
        from pxr import UsdGeom

        flag = prim.GetAttribute(self._policy.flag)
        purpose = prim.GetAttribute("purpose")
        instancer = bool(prim.IsA(UsdGeom.PointInstancer))
        return _Own(
            kind=str(prim.GetKind()),
            groups=read_groups(prim, self._time, self._policy),
            flagged=bool(flag) and flag.Get(self._time) is True,
            purpose=str(purpose.Get()) if purpose and purpose.HasAuthoredValue() else "",
            shape=instancer or bool(prim.IsA(UsdGeom.Gprim)),
            instancer=instancer,
        )


def _drawn(parent: np.ndarray, rows: list[_Own]) -> np.ndarray:
    """Shapes of a purpose that is drawn, and not below a PointInstancer: there only its points are drawn."""
    out = np.zeros(len(rows), bool)
    purpose, below = [""] * len(rows), np.zeros(len(rows), bool)
    for i, row in enumerate(rows):
        p = int(parent[i])
        purpose[i] = row.purpose or (purpose[p] if p >= 0 else "default")
        below[i] = p >= 0 and (below[p] or rows[p].instancer)
        out[i] = row.shape and not below[i] and purpose[i] in DRAWN_PURPOSES
    return out


def _prototypes(prim: Any) -> list[Any]:
    from pxr import UsdGeom

    targets = UsdGeom.PointInstancer(prim).GetPrototypesRel().GetForwardedTargets()
    return [prim.GetStage().GetPrimAtPath(path) for path in targets]


def ignored_labels(instance: Any) -> Iterator[tuple[str, str]]:
    """(layer identifier, path in that layer) of each prim below a native instance whose labels USD ignores.

    Opinions beside the arcs that make the instance (the instance's own layer stack, and those of its ancestors' arcs)
    do not count below its root.
    """
    pending = [instance.GetPrimIndex().rootNode]
    while pending:
        node = pending.pop()
        if node.IsDueToAncestor() or not node.parent:
            for layer in node.layerStack.layers:
                spec = layer.GetPrimAtPath(node.path)
                for path in _labelled_specs(spec) if spec else ():
                    yield layer.identifier, path
        pending.extend(node.children)


def _labelled_specs(spec: Any) -> Iterator[str]:
    for child in spec.nameChildren:
        names = [str(p.name) for p in child.properties]
        if any(name.startswith(f"{NAMESPACE}:") or name.endswith(OLD_DATA) for name in names):
            yield str(child.path)
        yield from _labelled_specs(child)
