"""Labels authored on a prim: UsdSemantics, and the older `SemanticsAPI:<instance>` by its attribute pattern.

UsdSemantics counts where `SemanticsLabelsAPI:<taxonomy>` is applied, as in `UsdSemantics.LabelsQuery`. The older schema is
not known to stock USD, so its attributes are found by name; where a prim has both for a taxonomy, UsdSemantics wins.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from twinstage.scene.labels import Groups, LabelPolicy, Levels
from twinstage.scene.read.context import ReadContext

NAMESPACE = "semantics:labels"
SCHEMA = "SemanticsLabelsAPI"
OLD_NAMESPACE = "semantic"
OLD_DATA = ":params:semanticData"
OLD_TYPE = ":params:semanticType"
DEFAULT_TAXONOMY = "class"
MAX_LABELS = 1000
"""Labels of one prim and taxonomy that are read: no class needs more, and a hostile file may hold millions."""
_DEFAULT = LabelPolicy()
_Names = tuple[tuple[str, ...], tuple[str, ...]]


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


class LabelReader:
    """`read_groups_and_loose` for many prims at one time by one policy; prims with the same labels share what is made of them.

    Which taxonomies are read follows from the names of the authored properties and the schemas applied.
    """

    def __init__(self, time: Any, policy: LabelPolicy = _DEFAULT) -> None:
        self._time, self._policy = time, policy
        self._plans: dict[_Names, tuple[tuple[str, ...], tuple[str, ...]] | None] = {}
        self._groups: dict[tuple[object, object], Groups] = {}

    def read(self, prim: Any, names: tuple[str, ...]) -> tuple[Groups, tuple[str, ...]]:
        """Labels of a prim; `names`: its authored properties in the namespaces of labels, in USD's order."""
        schemas = tuple(prim.GetAppliedSchemas())
        if (names, schemas) not in self._plans:
            new = all(name.startswith(f"{NAMESPACE}:") for name in names)
            self._plans[names, schemas] = _split(names, schemas) if new else None
        plan = self._plans[names, schemas]
        if plan is None:  # the older schema, too
            return read_groups_and_loose(prim, self._time, self._policy)
        counted, loose = plan
        values = tuple([_texts(prim.GetProperty(name), self._time) for name in counted])
        known = (counted, values)
        groups = self._groups.get(known)
        if groups is None:
            found = zip(counted, values, strict=True)
            groups = self._policy.ordered({_taxonomy(name): v for name, v in found if v is not None})
            self._groups[known] = groups
        return groups, loose


def prototype_levels(root: Any, instancer: Any, time: Any, policy: LabelPolicy = _DEFAULT) -> Levels:
    """Labels of a point by its prototype, nearest first, up to the PointInstancer and without the instancer's.

    A prototype below its instancer inherits from what lies between, as in UsdSemantics; one that lies elsewhere is used, not
    at home, so what stands above it does not count.
    """
    own = prototype_groups(root, time, policy)
    between, up = [], root.GetParent() if root else None
    while up and up != instancer:
        between.append(read_groups(up, time, policy))
        up = up.GetParent()
    return tuple(groups for groups in (own, *(between if up else ())) if groups)


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
    """One finding for each set of labels that leaves the class of objects open; given with the first path and how many.

    An error where the label map names two classes; without a map several labels are common, and no dataset is made.
    """
    for rivals, (path, number) in ambiguous.items():
        more = f" (and {number - 1} more)" if number > 1 else ""
        names = " and ".join(map(repr, rivals))
        context.finding(
            "label.ambiguous",
            f"{path}{more} is labelled {names}, and each could be its class; the first is taken",
            path,
            "error" if context.policy.label_map else "warning",
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
    by_name = {str(attribute.GetName()): attribute for attribute in attributes}
    counted, loose = _split(by_name, prim.GetAppliedSchemas())
    found = {_taxonomy(name): _texts(by_name[name], time) for name in counted}
    return {name: list(values) for name, values in found.items() if values is not None}, loose


def _taxonomy(name: str) -> str:
    return name[len(NAMESPACE) + 1 :]


def _split(names: Iterable[str], applied: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Which of those properties of UsdSemantics count, and the taxonomies of the others: the schema is not applied for them."""
    schemas, names = set(applied), list(names)
    counts = [f"{SCHEMA}:{_taxonomy(name)}" in schemas for name in names]
    counted = tuple(name for name, yes in zip(names, counts, strict=True) if yes)
    return counted, tuple(_taxonomy(name) for name, yes in zip(names, counts, strict=True) if not yes)


def old_labels(prim: Any, time: Any) -> list[tuple[str, str]]:
    """(taxonomy, label) pairs of the older schema in property order, the empty ones left out."""
    out = []
    for data, kind in old_attributes(prim):
        kinds = _texts(kind, time) if kind else None
        taxonomy = (kinds or ("",))[0] or DEFAULT_TAXONOMY
        out += [(taxonomy, label) for label in (_texts(data, time) or ()) if label]
    return out


def old_attributes(prim: Any) -> Iterator[tuple[Any, Any]]:
    """(semanticData, semanticType or None) attributes of each instance of the older schema."""
    for attribute in prim.GetAuthoredPropertiesInNamespace(OLD_NAMESPACE):
        name = str(attribute.GetName())
        if name.endswith(OLD_DATA) and hasattr(attribute, "Get"):
            kind = prim.GetAttribute(name.removesuffix(OLD_DATA) + OLD_TYPE)
            yield attribute, kind or None


def _texts(attribute: Any, time: Any) -> tuple[str, ...] | None:
    """A string, token, or array of them as a tuple; None where there is no value or one of another type."""
    value: Any = attribute.Get(time) if hasattr(attribute, "Get") else None
    if isinstance(value, str):
        return (value,)
    type_name = str(attribute.GetTypeName()) if value is not None else ""
    if type_name not in ("token[]", "string[]"):
        return None
    if len(value) <= 1:  # a tuple of an array takes thrice as long, and a slice of an empty one is None
        return (str(value[0]),) if len(value) else ()
    return tuple(str(v) for v in value[:MAX_LABELS])
