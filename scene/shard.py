"""A part of a plant: which bindings concern the prims below some paths, for a twin that composes only these."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from twinstage.base.errors import UserError
from twinstage.scene.bindings import AttachBinding, Bindings
from twinstage.scene.patterns import match_paths
from twinstage.scene.problems import BindingProblem

if TYPE_CHECKING:
    from twinstage.scene.bindings import Binding
    from twinstage.scene.stage import OpenedStage


def check_paths(roots: Sequence[str]) -> None:
    """UserError for what is no path of a prim."""
    from pxr import Sdf

    for root in roots:
        path = Sdf.Path(root) if Sdf.Path.IsValidPathString(root) else Sdf.Path()
        if not path.IsPrimPath() or not path.IsAbsolutePath():
            raise UserError(f"--only {root!r} is no prim path, as in /Plant/Line1")


def check_roots(roots: Sequence[str], opened: "OpenedStage") -> None:
    """UserError for a prim that the stage does not have."""
    for root in roots:
        if not opened.stage.GetPrimAtPath(root):
            raise UserError(f"--only {root}: there is no such prim in stage {opened.path}")


def bindings_within(bindings: Bindings, roots: Sequence[str], opened: "OpenedStage") -> tuple[Bindings, int]:
    """The bindings of prims below the roots, and of those above them, which place them; how many are left out.

    UserError for one that is kept and counts on a prim that is left out.
    """
    from pxr import Usd

    everything = Usd.PrimRange.Stage(opened.stage, Usd.TraverseInstanceProxies())
    paths = [path for prim in everything if _concerns(path := str(prim.GetPath()), roots)]
    kept = [number for number, binding in enumerate(bindings.bindings) if _stays(binding, roots, paths)]
    for number in kept:
        frame = getattr(bindings.bindings[number], "frame", "")
        if frame.startswith("/") and not _concerns(frame, roots):
            raise BindingProblem(
                "binding.prim",
                bindings.where(number),
                f"it counts on {frame}, which --only {' '.join(roots)} leaves out",
            )
    out = Bindings(contract=bindings.contract, bindings=tuple(bindings.bindings[number] for number in kept))
    out._places = tuple(bindings.where(number) for number in kept)
    return out, len(bindings.bindings) - len(kept)


def _concerns(path: str, roots: Collection[str]) -> bool:
    """Whether a prim is one of the roots, below one, or above one."""
    return any((path + "/").startswith(root + "/") or root.startswith(path + "/") for root in roots)


def _stays(binding: "Binding", roots: Sequence[str], paths: Sequence[str]) -> bool:
    if isinstance(binding, AttachBinding):
        return _concerns(binding.frame, roots) and any(
            match_paths(each, paths) for each in binding.candidates
        )
    if binding.pattern is not None:
        return bool(match_paths(binding.pattern, paths))
    return binding.prim is not None and _concerns(binding.prim, roots)
