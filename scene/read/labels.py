"""Labels authored on a prim: UsdSemantics, and the older `SemanticsAPI:<instance>` by its attribute pattern.

The older schema is not known to stock USD, so its attributes are found by name. The taxonomy (or semantic type)
`class` comes first, the others follow in alphabetical order; doubles are dropped.
"""

from typing import Any

_PREFIX = "semantics:labels:"


def read_labels(prim: Any, time: Any) -> tuple[str, ...]:
    """The labels of the prim itself, without those of its ancestors."""
    found: dict[str, list[str]] = {}
    for attribute in prim.GetAuthoredPropertiesInNamespace("semantics:labels"):
        values = attribute.Get(time)
        if values is not None:
            found.setdefault(str(attribute.GetName())[len(_PREFIX) :], []).extend(str(v) for v in values)
    for attribute in prim.GetAuthoredPropertiesInNamespace("semantic"):
        name = str(attribute.GetName())
        if name.endswith(":params:semanticData"):
            kind = prim.GetAttribute(name.removesuffix("Data") + "Type")
            taxonomy = str(kind.Get(time) or "class") if kind else "class"
            value = attribute.Get(time)
            if value:
                found.setdefault(taxonomy, []).append(str(value))
    if not found:
        return ()
    order = sorted(found, key=lambda taxonomy: (taxonomy != "class", taxonomy))
    return tuple(dict.fromkeys(label for taxonomy in order for label in found[taxonomy]))
