"""Labels authored on a prim: UsdSemantics, and the older `SemanticsAPI:<instance>` by its attribute pattern.

UsdSemantics counts where `SemanticsLabelsAPI:<taxonomy>` is applied, as in `UsdSemantics.LabelsQuery`. The older schema is
not known to stock USD, so its attributes are found by name; where a prim has both for a taxonomy, UsdSemantics wins.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from twinstage.scene.labels import Groups, LabelPolicy, flat
from twinstage.scene.read.context import ReadContext

NAMESPACE = "semantics:labels"
SCHEMA = "SemanticsLabelsAPI"
OLD_NAMESPACE = "semantic"
OLD_DATA = ":params:semanticData"
OLD_TYPE = ":params:semanticType"
DEFAULT_TAXONOMY = "class"
_DEFAULT = LabelPolicy()


def read_labels(prim: Any, time: Any, policy: LabelPolicy = _DEFAULT) -> tuple[str, ...]:
    """The labels of the prim itself, without those of its ancestors, in the policy's order."""
    return flat(read_groups(prim, time, policy))


def read_groups(prim: Any, time: Any, policy: LabelPolicy = _DEFAULT) -> Groups:
    """The labels of the prim itself by taxonomy, in the policy's order."""
    return read_groups_and_loose(prim, time, policy)[0]


def read_groups_and_loose(
    prim: Any, time: Any, policy: LabelPolicy = _DEFAULT
) -> tuple[Groups, tuple[str, ...]]:
    """`read_groups`, and the taxonomies whose labels do not count because the schema is not applied for them."""
    found, loose = _new_labels(prim, time)
    newer = set(found)
    for taxonomy, label in old_labels(prim, time):
        if taxonomy not in newer:
            found.setdefault(taxonomy, []).append(label)
    return policy.ordered(found) if found else (), loose


def prototype_groups(root: Any, time: Any, policy: LabelPolicy = _DEFAULT) -> Groups:
    """Labels of a PointInstancer's prototype: its root's own, or those that its labelled descendants agree on."""
    from pxr import Usd

    own = read_groups(root, time, policy) if root else ()
    if own or not root:
        return own
    # Prototypes may lie below an `over` or a class, to be hidden otherwise.
    everything = Usd.TraverseInstanceProxies(Usd.PrimIsActive & Usd.PrimIsLoaded)
    below = {groups for p in Usd.PrimRange(root, everything) if (groups := read_groups(p, time, policy))}
    return below.pop() if len(below) == 1 else ()


def tell_ambiguities(context: ReadContext, ambiguous: Mapping[tuple[str, ...], tuple[str, int]]) -> None:
    """One finding for each set of labels that leaves the class of objects open: (path of the first, how many prims)."""
    for rivals, (path, count) in ambiguous.items():
        more = f" (and {count - 1} more prims)" if count > 1 else ""
        names = " and ".join(map(repr, rivals))
        context.finding(
            "label.ambiguous",
            f"{path}{more} is labelled {names}, and each could be its class; the first is taken",
            path,
            "error",
        )


def applied_labels(prim: Any, time: Any) -> dict[str, list[str]]:
    """Labels by taxonomy as UsdSemantics has them, empty names included."""
    return _new_labels(prim, time)[0]


def loose_taxonomies(prim: Any, time: Any) -> tuple[str, ...]:
    """Taxonomies whose labels are authored without the schema applied: USD does not see them."""
    return _new_labels(prim, time)[1]


def _new_labels(prim: Any, time: Any) -> tuple[dict[str, list[str]], tuple[str, ...]]:
    attributes = prim.GetAuthoredPropertiesInNamespace(NAMESPACE)
    if not attributes:
        return {}, ()
    applied = {str(name) for name in prim.GetAppliedSchemas()}
    found, loose = {}, []
    for attribute in attributes:
        taxonomy = str(attribute.GetName())[len(NAMESPACE) + 1 :]
        if f"{SCHEMA}:{taxonomy}" not in applied:
            loose.append(taxonomy)
            continue
        values = _texts(attribute, time)
        if values is not None:
            found[taxonomy] = values
    return found, tuple(loose)


def old_labels(prim: Any, time: Any) -> list[tuple[str, str]]:
    """(taxonomy, label) pairs of the older schema in property order, the empty ones left out."""
    out = []
    for data, kind in old_attributes(prim):
        kinds = _texts(kind, time) if kind else None
        taxonomy = (kinds or [""])[0] or DEFAULT_TAXONOMY
        out += [(taxonomy, label) for label in (_texts(data, time) or []) if label]
    return out


def old_attributes(prim: Any) -> Iterator[tuple[Any, Any]]:
    """(semanticData, semanticType or None) attributes of each instance of the older schema."""
    for attribute in prim.GetAuthoredPropertiesInNamespace(OLD_NAMESPACE):
        name = str(attribute.GetName())
        if name.endswith(OLD_DATA) and hasattr(attribute, "Get"):
            kind = prim.GetAttribute(name.removesuffix(OLD_DATA) + OLD_TYPE)
            yield attribute, kind or None


def _texts(attribute: Any, time: Any) -> list[str] | None:
    """A string, token, or array of them as a list; None where there is no value or one of another type."""
    value: Any = attribute.Get(time) if hasattr(attribute, "Get") else None
    if isinstance(value, str):
        return [value]
    type_name = str(attribute.GetTypeName()) if value is not None else ""
    return [str(v) for v in value] if type_name in ("token[]", "string[]") else None
