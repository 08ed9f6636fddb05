"""Which variants a stage offers: for what wants to choose among them (a snapshot holds the chosen ones alone)."""

from typing import Any

from twinstage.scene.snapshot import VariantSet


def read_variants(stage: Any) -> tuple[VariantSet, ...]:
    """The variant sets of all prims outside native instances, in path order."""
    from pxr import Usd

    found = []
    for prim in Usd.PrimRange(stage.GetPseudoRoot()):
        if prim.HasVariantSets():
            sets = prim.GetVariantSets()
            for name in sorted(sets.GetNames()):
                chosen = sets.GetVariantSet(name)
                names = tuple(sorted(chosen.GetVariantNames()))
                found.append(VariantSet(str(prim.GetPath()), name, names, chosen.GetVariantSelection()))
    return tuple(sorted(found, key=lambda v: (v.prim_path, v.name)))
