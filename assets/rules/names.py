"""Rules about names and the tree of prims."""

from collections.abc import Iterator
from typing import Any

from twinstage.assets.rules.table import Fault, rule

KNOWN = (
    "Mesh", "Xform", "Scope", "Material", "Shader", "Cube", "Sphere", "Cylinder", "Cone", "Capsule", "Plane", "Camera",
    "PointInstancer", "GeomSubset", "DistantLight", "DomeLight", "SphereLight", "RectLight", "SkelRoot", "NodeGraph",
    "BasisCurves", "Points",
)  # fmt: skip
"""Types that designers use; near misses of them are told."""


@rule("children", "prim.case", "warning", "Names that differ only in upper and lower case",
      "rename one: exports to file systems and other tools take them for one")  # fmt: skip
def case(prim: Any) -> Iterator[Fault]:
    """Siblings differ by more than case."""
    seen: dict[str, str] = {}
    for child in prim.GetAllChildrenNames():
        other = seen.setdefault(child.lower(), child)
        if other != child:
            yield Fault(f"it is called {child!r}, its sibling {other!r}", f"/{child}")


@rule("children", "prim.nested-gprim", "error", "A shape below a shape: the inner one has no right to be drawn",
      "put an Xform above both")  # fmt: skip
def nested(prim: Any) -> Iterator[Fault]:
    """Gprims have no Gprims below them."""
    from pxr import UsdGeom

    if prim.IsPseudoRoot() or not prim.IsA(UsdGeom.Gprim):
        return
    for child in prim.GetChildren():
        if child.IsA(UsdGeom.Gprim):
            yield Fault(f"it is a {child.GetTypeName()} below a {prim.GetTypeName()}", f"/{child.GetName()}")


@rule("children", "prim.unknown-type", "warning", "A type that USD does not know: nothing of it is drawn",
      "use a type of USD, or install the plug-in that knows it")  # fmt: skip
def unknown_type(prim: Any) -> Iterator[Fault]:
    """Type names are known, or not given."""
    from pxr import Usd

    name = str(prim.GetTypeName())
    if name and not prim.IsPseudoRoot() and not Usd.SchemaRegistry().FindConcretePrimDefinition(name):
        near = _near(name)
        yield Fault(
            f"its type is {name!r}", "", None if near else "info", f"did you mean {near!r}?" if near else ""
        )


def _near(name: str) -> str:
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, KNOWN, n=1, cutoff=0.7)), "")


@rule("children", "prim.dangling-over", "info", "It changes something that is not there",
      "correct its path to what it was meant to change, or delete it")  # fmt: skip
def dangling(prim: Any) -> Iterator[Fault]:
    """An over that no def stands behind, with properties of its own."""
    from pxr import Sdf

    if prim.IsPseudoRoot() or prim.IsInPrototype():
        return
    if (
        prim.GetSpecifier() == Sdf.SpecifierOver
        and not prim.HasDefiningSpecifier()
        and prim.GetAuthoredPropertyNames()
    ):
        yield Fault("nothing defines this prim, so its values have no effect")
