"""Rules about point instancers: what their arrays must agree on. The subject is what was read once (`InstancerFacts`)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.assets.rules.table import Fault, rule
from twinstage.scene.read.context import array

ARRAYS = tuple(
    [
        "positions",
        "orientations",
        "orientationsf",
        "scales",
        "ids",
        "velocities",
        "accelerations",
        "angularVelocities",
    ]
)


@dataclass(frozen=True, slots=True)
class InstancerFacts:
    """`indices` of prototypes i8[n] or None; lengths of arrays by name; positions, scales f8[n, 3]; `missing` prototypes."""

    indices: np.ndarray | None
    lengths: dict[str, int]
    positions: np.ndarray | None
    scales: np.ndarray | None
    ids: np.ndarray | None
    targets: tuple[str, ...]
    missing: tuple[str, ...]


def read_instancer(prim: Any) -> InstancerFacts:
    """Facts at the earliest time."""
    from pxr import Usd, UsdGeom

    time = Usd.TimeCode.EarliestTime()
    api = UsdGeom.PointInstancer(prim)
    values = {name: prim.GetAttribute(name).Get(time) for name in ARRAYS if prim.HasAttribute(name)}
    lengths = {name: len(v) for name, v in values.items() if v is not None and hasattr(v, "__len__")}
    targets = tuple(str(t) for t in api.GetPrototypesRel().GetForwardedTargets())
    return InstancerFacts(
        array(api.GetProtoIndicesAttr().Get(time), np.int64),
        lengths,
        array(values.get("positions")),
        array(values.get("scales")),
        array(values.get("ids"), np.int64),
        targets,
        tuple(t for t in targets if not prim.GetStage().GetPrimAtPath(t)),
    )


@rule(
    "instancer", "instancer.empty", "warning", "The instancer draws nothing",
    "author protoIndices: one number for each copy", property="protoIndices",
)  # fmt: skip
def empty(facts: InstancerFacts) -> Iterator[Fault]:
    """ProtoIndices exists."""
    if facts.indices is None:
        yield Fault("the PointInstancer has no protoIndices, so it draws nothing")


@rule(
    "instancer", "instancer.lengths", "error", "The instancer's lists are of different lengths",
    "give positions and every other list one entry for each of protoIndices", property="protoIndices",
)  # fmt: skip
def lengths(facts: InstancerFacts) -> Iterator[Fault]:
    """Every list has as many entries as protoIndices; positions must exist."""
    if facts.indices is None:
        return
    count = len(facts.indices)
    for name, length in facts.lengths.items():
        allowed = (count,) if name == "positions" else (0, count)
        if length not in allowed:
            yield Fault(f"{name} has {length} entries, protoIndices {count}")
    if count and "positions" not in facts.lengths:
        yield Fault(f"positions is not authored, but protoIndices has {count} entries")


@rule(
    "instancer", "instancer.prototype-range", "error", "Copies ask for a prototype that is not in the list",
    "number the prototypes from 0, in the order of the prototypes list", property="protoIndices",
)  # fmt: skip
def prototype_range(facts: InstancerFacts) -> Iterator[Fault]:
    """Every index names a prototype."""
    indices, count = facts.indices, len(facts.targets)
    if indices is not None and len(indices) and (indices.min() < 0 or indices.max() >= count):
        yield Fault(
            f"protoIndices go from {indices.min()} to {indices.max()}, but there are {count} prototypes"
        )


@rule(
    "instancer", "instancer.prototype-missing", "error", "A prototype of the instancer does not exist",
    "correct its path in the prototypes list", property="prototypes",
)  # fmt: skip
def prototype_missing(facts: InstancerFacts) -> Iterator[Fault]:
    """Every prototype is a prim."""
    for path in facts.missing:
        yield Fault(f"the prototype {path} does not exist")


@rule(
    "instancer", "instancer.ids", "error", "Two copies have the same id",
    "number ids once each, or leave them out", property="ids",
)  # fmt: skip
def ids(facts: InstancerFacts) -> Iterator[Fault]:
    """Ids are unique."""
    if facts.ids is not None and len(np.unique(facts.ids)) != len(facts.ids):
        yield Fault("ids are not unique, so points have no identity")


@rule(
    "instancer", "instancer.not-finite", "error", "Copies stand where no number leads",
    "type the positions anew", property="positions",
)  # fmt: skip
def not_finite(facts: InstancerFacts) -> Iterator[Fault]:
    """Positions and scales are finite."""
    for name, values in (("positions", facts.positions), ("scales", facts.scales)):
        if values is not None and not np.isfinite(values).all():
            bad = int((~np.isfinite(values)).any(-1).sum()) if values.ndim == 2 else 1
            yield Fault(f"{bad} of its {name} hold values that are not finite")


@rule(
    "instancer", "instancer.zero-scale", "warning", "Copies are scaled to nothing",
    "to hide copies, list them in invisibleIds", property="scales",
)  # fmt: skip
def zero_scale(facts: InstancerFacts) -> Iterator[Fault]:
    """No copy has a scale of 0."""
    if facts.scales is None or facts.scales.ndim != 2:
        return
    gone = int((facts.scales == 0).any(1).sum())
    if gone:
        yield Fault(f"{gone} of {len(facts.scales)} copies have a scale of 0")
