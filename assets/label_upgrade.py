"""Labels of the older SemanticsAPI -> the same as UsdSemantics, in a layer over the file. Touches pxr."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinstage.assets.label_layer import Assignment, checked_out, write_layer
from twinstage.base.errors import DataError
from twinstage.scene.read.labels import applied_labels, old_attributes, old_labels


@dataclass(frozen=True, slots=True)
class Upgraded:
    """How many labels on how many prims were written anew."""

    labels: int
    prims: int


def upgrade_labels(stage: Any, out: Path) -> Upgraded:
    """Write the layer; nothing is written where there is nothing to upgrade.

    Raises UserError for an output that would overwrite something, DataError where labels lie below a native instance, in a
    file that has to be upgraded itself (the layer with the others is written).
    """
    target = checked_out(out, stage)
    rows = list(upgrades(stage))
    if rows:
        write_layer(stage, target, rows)
    rest = _left(target if rows else None, stage)
    if rest:
        count, files = rest
        raise DataError(
            f"{count} older labels lie inside native instances, where a layer over the stage does not reach: "
            f"upgrade {', '.join(files)} as well"
        )
    labels = sum(len({*row.labels, *(x for found in row.samples.values() for x in found)}) for row in rows)
    return Upgraded(labels, len({row.path for row in rows}))


def upgrades(stage: Any) -> Iterator[Assignment]:
    """What UsdSemantics says too little: the older labels of each prim that can be edited, classes included."""
    from pxr import Usd

    default = Usd.TimeCode.Default()
    for prim in Usd.PrimRange.Stage(stage, Usd.PrimAllPrimsPredicate):
        times = sorted({t for data, _ in old_attributes(prim) for t in data.GetTimeSamples()})
        static = _by_taxonomy(prim, default)
        sampled = {t: _by_taxonomy(prim, Usd.TimeCode(t)) for t in times}
        done = {str(name) for name in applied_labels(prim, Usd.TimeCode.EarliestTime())}
        for taxonomy in sorted({*static, *(k for found in sampled.values() for k in found)} - done):
            samples = {t: tuple(found.get(taxonomy, ())) for t, found in sampled.items()}
            moving = any(samples.values())
            labels = tuple(static.get(taxonomy, ()))
            yield Assignment(str(prim.GetPath()), labels, taxonomy, samples if moving else {})


def _by_taxonomy(prim: Any, time: Any) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for taxonomy, label in old_labels(prim, time):
        out.setdefault(taxonomy, []).append(label)
    return out


def _left(layer: Path | None, stage: Any) -> tuple[int, list[str]] | None:
    """How many older labels USD still does not see, and the files that hold them."""
    from pxr import Usd

    stage = Usd.Stage.Open(str(layer)) if layer else stage
    time, count, files = Usd.TimeCode.EarliestTime(), 0, set()
    for prototype in stage.GetPrototypes():
        for prim in Usd.PrimRange(prototype):
            late = {taxonomy for taxonomy, _ in old_labels(prim, time)} - set(applied_labels(prim, time))
            for data, _ in old_attributes(prim) if late else ():
                count += 1
                files |= {Path(spec.layer.realPath).name for spec in data.GetPropertyStack(time)}
    return (count, sorted(files)) if count else None
