"""Our own rules about labels: what would make a class wrong, missing or a matter of chance.

Codes: `label.ambiguous`, `label.none`, `label.unknown`, `label.case`, `label.empty`, `label.legacy`, `label.not-applied`,
`label.below-instance`, `label.subset`; `labels.none` where a stage has no label at all.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from twinstage.assets.label_scene import LabelScene, ignored_labels, read_label_scene
from twinstage.base.finding import Finding
from twinstage.scene.label_specs import holds_labels
from twinstage.scene.labels import LabelPolicy, flat, merged
from twinstage.scene.read.labels import NAMESPACE, SCHEMA, applied_labels, loose_taxonomies, old_labels


def check_labels(stage: Any, label_map: Mapping[str, Sequence[str]] | None = None) -> Iterator[Finding]:
    """All findings about the labels of a composed stage; with a map, also what the map makes of them."""
    policy = LabelPolicy.of(label_map or {})
    scene = read_label_scene(stage, policy)
    authored = list(_authored(scene))
    yield from authored
    yield from _ignored(scene)
    if not scene.labels.labelled.any() and not any(scene.points.values()):
        if not authored:
            yield Finding(
                "labels.none", "info", "", "no prim carries a semantic label, so a dataset would have no classes",
                "label the prims that are to be found: twinstage assets label FILE --interactive --out LAYER",
            )  # fmt: skip
        return
    yield from _case(scene)
    yield from _classes(scene)
    if label_map:
        yield from _unknown(scene)


def _authored(scene: LabelScene) -> Iterator[Finding]:
    """What is written on the prims themselves; prims of a prototype once."""
    from pxr import Usd

    time = Usd.TimeCode.EarliestTime()
    seen = set()
    for path, prim in zip(scene.paths, scene.prims, strict=True):
        key = str(prim.GetPrimInPrototype().GetPath()) if prim.IsInstanceProxy() else path
        if key in seen:
            continue
        seen.add(key)
        new, old = applied_labels(prim, time), old_labels(prim, time)
        for taxonomy in loose_taxonomies(prim, time):
            yield Finding(
                "label.not-applied", "error", path,
                f"labels of taxonomy {taxonomy!r} do not count, because {SCHEMA}:{taxonomy} is not applied",
                f'prepend apiSchemas = ["{SCHEMA}:{taxonomy}"]',
            )  # fmt: skip
        for taxonomy, labels in new.items():
            if not [label for label in labels if label] and not _taken_away(prim, taxonomy, labels, old):
                what = "an empty name" if labels else "no name"
                yield Finding(
                    "label.empty", "warning", f"{path}.{NAMESPACE}:{taxonomy}",
                    f"the label list holds {what}", "name the class, or remove the schema",
                )  # fmt: skip
        if prim.GetTypeName() == "GeomSubset" and (new or old) and not _is_drawn_apart(prim):
            yield Finding(
                "label.subset", "info", path, "the labelled subset is not of family materialBind, so it is not told apart",
                'uniform token familyName = "materialBind"',
            )  # fmt: skip
        late = [label for taxonomy, label in old if taxonomy not in new]
        if late:
            yield Finding(
                "label.legacy", "warning", path,
                f"{_list(late)} is written in the older SemanticsAPI, which USD itself does not see",
                "twinstage assets upgrade-labels FILE --out LAYER",
            )  # fmt: skip


def _taken_away(prim: Any, taxonomy: str, labels: Sequence[str], old: Iterable[tuple[str, str]]) -> bool:
    """Whether an empty list stands over labels of a weaker layer, or of the older schema: nothing else takes these away."""
    specs = prim.GetAttribute(f"{NAMESPACE}:{taxonomy}").GetPropertyStack()
    return not labels and (taxonomy in dict(old) or any(map(holds_labels, specs)))


def _is_drawn_apart(subset: Any) -> bool:
    """Whether the reader gives that subset a slot of its own (`scene.read.mesh.material_subsets`)."""
    family = subset.GetAttribute("familyName").Get()
    return family == "materialBind" or bool(subset.HasRelationship("material:binding"))


def _ignored(scene: LabelScene) -> Iterator[Finding]:
    """Labels below native instances: each layer's once."""
    seen = set()
    for path, prim in zip(scene.paths, scene.prims, strict=True):
        for site in ignored_labels(prim) if prim.IsInstance() else ():
            if site not in seen:
                seen.add(site)
                yield Finding(
                    "label.below-instance", "error", site[1],
                    f"its label does not count, because USD ignores what is written below the native instance {path}",
                    f"label {path}, or the prim in the file that it references",
                )  # fmt: skip


def _case(scene: LabelScene) -> Iterator[Finding]:
    by_lower: dict[str, Counter[str]] = {}
    first: dict[str, str] = {}
    for i in scene.labels.labelled.nonzero()[0].tolist():
        for label in flat(scene.labels.levels(i)[0]):
            by_lower.setdefault(label.lower(), Counter())[label] += 1
            first.setdefault(label, scene.paths[i])
    for names in by_lower.values():
        if len(names) > 1:
            common = names.most_common(1)[0][0]
            rare = sorted(name for name in names if name != common)
            message = f"the labels {_list(sorted(names))} differ only by case, so they are different classes"
            yield Finding("label.case", "warning", first[rare[0]], message, f"write {common!r} everywhere")


def _classes(scene: LabelScene) -> Iterator[Finding]:
    """Drawn objects whose class is open, or that have none while others have one."""
    bare, named = [], False
    told = set()
    for row, levels in scene.objects():
        path, choice = scene.paths[row], scene.labels.choose(levels)
        named |= bool(choice.name)
        if choice.rivals and (path, choice.rivals) not in told:
            told.add((path, choice.rivals))
            yield Finding(
                "label.ambiguous", "error", path,
                f"it is labelled {_list(choice.rivals, ' and ')}, and each could be its class",
                "keep one label, move the other to a taxonomy of its own, or let the label map name one of them",
            )  # fmt: skip
        elif not levels:
            bare.append(path)
    for path in dict.fromkeys(bare) if named else ():
        yield Finding(
            "label.none", "info", path, "it is drawn but has no class, while other objects have one",
            f"twinstage assets label FILE --set '{path}=CLASS' --out LAYER",
        )  # fmt: skip


def _unknown(scene: LabelScene) -> Iterator[Finding]:
    """Labels of drawn objects without a class that the map does not name; each label once."""
    known = dict(scene.labels.policy.label_map)
    paths: dict[str, list[str]] = {}
    for row, levels in scene.objects():
        if levels and not scene.labels.choose(levels).name:
            for label in merged(levels):
                paths.setdefault(label, []).append(scene.paths[row])
    for label, where in paths.items():
        more = f" (and {len(where) - 1} more)" if len(where) > 1 else ""
        near = get_close_matches(label, known, n=1, cutoff=0.75)
        message = f"label {label!r}{more} is not in the label map, so the object has no class"
        fix = f"did you mean {near[0]!r}?" if near else "add it to the map, if it is no background"
        yield Finding("label.unknown", "warning" if near else "info", where[0], message, fix)


def _list(names: Sequence[str], joint: str = ", ") -> str:
    return joint.join(map(repr, names))
