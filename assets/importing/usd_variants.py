"""Looks to choose from, as variant sets of material bindings on the root prim. Touches pxr.

What a layer says outright is stronger than its variants, so the bindings that vary are said in the variants alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from twinstage.assets.importing.document import Document
from twinstage.assets.importing.names import Names, prim_name
from twinstage.assets.importing.plan import Plan
from twinstage.assets.importing.usd_author import over, relate, valid_name
from twinstage.assets.importing.usd_geometry import Prepared, bind

BINDING = "material:binding"


def write_variants(
    layer: Any, document: Document, plan: Plan, made: Sequence[Prepared | None], materials: Mapping[int, str]
) -> None:
    """The variant sets of a document whose geometry is written."""
    from pxr import Sdf

    for one in document.variants:
        if not one.materials:
            continue
        root = layer.GetPrimAtPath(plan.root)
        name = valid_name(prim_name(one.name, "look"), "look")
        root.variantSetNameList.prependedItems.append(name)
        variants, names = Sdf.VariantSetSpec(root, name), Names()
        for n, (called, places) in enumerate(one.materials.items()):
            variant = names.give(valid_name(prim_name(called, f"look_{n}"), f"look_{n}"))
            Sdf.VariantSpec(variants, variant)
            if n == 0:
                root.variantSelections[name] = variant
            for geometry, subset, material in places:
                for prim in _prims(layer, document, plan, made, geometry, subset):
                    path = str(prim.path)
                    if BINDING in prim.relationships:
                        prim.RemoveProperty(prim.relationships[BINDING])
                    elif n == 0 and material in materials:
                        bind(prim, materials[material])
                        prim.RemoveProperty(prim.relationships[BINDING])
                    if material in materials:
                        inside = f"{plan.root}{{{name}={variant}}}{path[len(plan.root) + 1 :]}"
                        relate(over(layer, inside), BINDING, materials[material])


def _prims(
    layer: Any, document: Document, plan: Plan, made: Sequence[Prepared | None], geometry: int, subset: int
) -> Iterator[Any]:
    """The prims that a place of a variant means: of each node that carries the geometry."""
    one = made[geometry]
    if one is None:
        return
    for n, node in enumerate(document.nodes):
        if node.geometry != geometry or not plan.geometry[n] or node.material >= 0:
            continue
        prim = layer.GetPrimAtPath(plan.geometry[n])
        numbers = one.mesh.subset_numbers if one.mesh is not None else ()
        if subset < 0 or not numbers:
            yield prim
        elif subset in numbers:
            parts = [child for child in prim.nameChildren if child.typeName == "GeomSubset"]
            yield parts[numbers.index(subset)]
