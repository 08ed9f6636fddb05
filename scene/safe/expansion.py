"""What a composed stage expands to, by arithmetic: prototypes are counted once and multiplied.

10 kB of nested instances can mean 400 million prims. Nothing here walks instance proxies.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.base.errors import UserError
from twinstage.base.finding import Finding
from twinstage.scene.safe.limits import MAX_DRAWINGS, MAX_PRIMS


@dataclass(frozen=True, slots=True)
class Size:
    """Prims with all instance proxies, and gprims that point instancers draw."""

    prims: int = 0
    drawings: int = 0

    def plus(self, other: "Size") -> "Size":
        """The sum."""
        return Size(self.prims + other.prims, self.drawings + other.drawings)


@dataclass(frozen=True, slots=True)
class Survey:
    """The whole stage, and each prim outside prototypes that expands to more than itself (path, size)."""

    total: Size
    holders: tuple[tuple[str, Size], ...]


def survey(stage: Any) -> Survey:
    """Count a stage. Point instancers are counted at the start of its time."""
    return _Counter(stage).survey()


def count_prims(stage: Any) -> int:
    """Prims of the stage with all instance proxies."""
    return survey(stage).total.prims


def within_bounds(stage: Any) -> list[Finding]:
    """Deactivate, in the session layer, the greatest holders until the stage is within bounds; a finding for each.

    The rest of the scene is kept. The USD library itself has composed by then: it composes prototypes once.
    """
    if _surely_within(stage):
        return []
    counted = survey(stage)
    prims, drawings = counted.total.prims, counted.total.drawings
    found = []
    by_size = sorted(counted.holders, key=lambda row: (-row[1].prims - row[1].drawings, row[0]))
    for path, size in by_size:
        if prims <= MAX_PRIMS and drawings <= MAX_DRAWINGS:
            break
        if (prims > MAX_PRIMS and size.prims) or (drawings > MAX_DRAWINGS and size.drawings):
            _deactivate(stage, path)
            prims, drawings = prims - size.prims, drawings - size.drawings
            found.append(_too_much(path, size))
    if prims > MAX_PRIMS:
        message = (
            f"the stage holds {prims:,} prims without any instance; more than {MAX_PRIMS:,} take much memory"
        )
        found.append(Finding("stage.size", "warning", "", message))
    return found


def require_room(stage: Any, before: Size) -> None:
    """UserError where a stage expands to more than a stage may hold, and to more than the scene before it did."""
    if _surely_within(stage):
        return
    check_size(survey(stage).total, before)


def check_size(now: Size, before: Size) -> None:
    """UserError for what is more than a stage may hold, and more than there was before."""
    if now.prims <= MAX_PRIMS and now.drawings <= MAX_DRAWINGS:
        return
    if now.prims > max(before.prims, MAX_PRIMS) or now.drawings > max(before.drawings, MAX_DRAWINGS):
        raise UserError(
            f"the scene would hold {now.prims:,} prims and {now.drawings:,} drawings of points; "
            f"{MAX_PRIMS:,} and {MAX_DRAWINGS:,} are the most"
        )


def _surely_within(stage: Any) -> bool:
    """Whether a count by the USD library alone shows that all is well: a large usual scene is not walked in Python.

    It knows no nested instances and no point instancers; with either, the answer is False, and `survey` has to tell. It
    counts classes and inactive prims, too, so it never counts too few.
    """
    from pxr import Tf, Usd, UsdUtils

    try:
        counts = UsdUtils.ComputeUsdStageStats(stage)
    except Tf.ErrorException:
        return False
    parts = [counts[part] for part in ("primary", "prototypes") if part in counts]
    if any("PointInstancer" in part["primCountsByType"] for part in parts):
        return False
    if any(part["primCounts"]["instanceCount"] for part in parts[1:]):
        return False
    total = int(counts["totalPrimCount"])
    for prototype in stage.GetPrototypes():
        total += len(prototype.GetInstances()) * sum(1 for _ in Usd.PrimRange(prototype))
    return total <= MAX_PRIMS


def _too_much(path: str, size: Size) -> Finding:
    what = (
        f"{size.drawings:,} gprims through point instancers"
        if size.drawings
        else f"{size.prims:,} prims through its instances"
    )
    message = (
        f"{path} expands to {what}, so it is left out; "
        f"a stage may hold {MAX_PRIMS:,} prims and {MAX_DRAWINGS:,} drawings of points"
    )
    return Finding("stage.expansion", "error", path, message, "use fewer levels of instancing")


def _deactivate(stage: Any, path: str) -> None:
    from pxr import Sdf

    session = stage.GetSessionLayer()
    if session is not None:
        Sdf.CreatePrimInLayer(session, path).active = False


class _Counter:
    def __init__(self, stage: Any) -> None:
        from pxr import Usd

        self.stage = stage
        self.time = Usd.TimeCode.EarliestTime()
        if stage.HasAuthoredTimeCodeRange():
            self.time = Usd.TimeCode(stage.GetStartTimeCode())
        self._prototypes: dict[Any, Size] = {}
        self._drawn: dict[Any, int] = {}

    def survey(self) -> Survey:
        total, holders = self._walk(self.stage.GetPseudoRoot())
        return Survey(Size(total.prims - 1, total.drawings), tuple(holders))

    def _walk(self, root: Any) -> tuple[Size, list[tuple[str, Size]]]:
        from pxr import Usd

        prims, drawings, holders, instancer = 0, 0, [], None
        for prim in Usd.PrimRange(root):
            prims += 1
            more = Size()
            if prim.IsInstance():
                more = self._prototype(prim.GetPrototype())
            elif prim.GetTypeName() == "PointInstancer" and not _below(prim, instancer):
                instancer = prim.GetPath()
                more = Size(0, self._points(prim))
            if more.prims or more.drawings:
                prims, drawings = prims + more.prims, drawings + more.drawings
                holders.append((str(prim.GetPath()), more))
        return Size(prims, drawings), holders

    def _prototype(self, prototype: Any) -> Size:
        path = prototype.GetPath()
        if path not in self._prototypes:
            size, _ = self._walk(prototype)
            self._prototypes[path] = Size(size.prims - 1, size.drawings)
        return self._prototypes[path]

    def _points(self, prim: Any) -> int:
        """Gprims that an instancer draws: its points, each times what its prototype holds."""
        from pxr import UsdGeom

        api = UsdGeom.PointInstancer(prim)
        try:
            indices = np.asarray(api.GetProtoIndicesAttr().Get(self.time), np.int64)
        except (TypeError, ValueError):  # absent, or an attribute of the wrong type
            return 0
        if indices.ndim != 1 or len(indices) == 0:
            return 0
        targets = api.GetPrototypesRel().GetForwardedTargets()
        inside = indices[(indices >= 0) & (indices < len(targets))]
        counts = np.bincount(inside, minlength=len(targets)).tolist()
        each = (self._draws(self.stage.GetPrimAtPath(path)) for path in targets)
        return sum(count * drawn for count, drawn in zip(counts, each, strict=True))

    def _draws(self, root: Any) -> int:
        """Gprims below and with a prim, instances and nested instancers multiplied; memoised."""
        from pxr import Usd, UsdGeom

        if not root:
            return 0
        key = root.GetPath()
        if key not in self._drawn:
            self._drawn[key] = 0  # an instancer that draws itself ends here
            total, steps = 0, iter(Usd.PrimRange(root, Usd.PrimIsActive & Usd.PrimIsLoaded))
            for prim in steps:
                if prim.IsInstance():
                    total += self._draws(prim.GetPrototype())
                elif prim.GetTypeName() == "PointInstancer":
                    total += self._points(prim)
                    steps.PruneChildren()
                elif prim.IsA(UsdGeom.Gprim):
                    total += 1
            self._drawn[key] = total
        return self._drawn[key]


def _below(prim: Any, instancer: Any) -> bool:
    """Whether the prim stands below that instancer (a path or None): then it is drawn through its points alone."""
    return instancer is not None and bool(prim.GetPath().HasPrefix(instancer))
