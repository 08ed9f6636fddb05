"""Derived signals, computed whenever something that they are made of was told.

A derived value happens when the newest of its inputs did, and its quality is the worst of theirs: bad before uncertain
before good, and of equal ones that of the first in the expression. Where the result is no finite number, the quality is bad
and the last value stays. Expressions of one form are computed together, so thousands of one pattern cost little.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from twinstage.base.quality import BAD, BAD_NO_DATA
from twinstage.telemetry.columns import F8, U4, Bool
from twinstage.telemetry.contract import Contract
from twinstage.telemetry.expressions import Node, component_of, evaluate

I8 = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class Group:
    """Derived signals of one form: their index [n], and the index and component (-1: the number itself) of inputs [k, n]."""

    shape: Node
    own: I8
    inputs: I8
    component: I8


class Derivations:
    """The derived signals of a contract in an order in which each comes after its inputs."""

    def __init__(self, contract: Contract) -> None:
        self.groups: tuple[Group, ...] = tuple(_grouped(contract))

    def __bool__(self) -> bool:
        return bool(self.groups)

    def worst(self, quality: U4) -> None:
        """Lower each derived quality to the worst of its inputs', in place."""
        for group in self.groups:
            if len(group.inputs):
                quality[group.own] = _worst(np.concatenate([quality[group.own][None], quality[group.inputs]]))


@dataclass(frozen=True, slots=True)
class Computed:
    """New values of a group's signals: index, value, event time, quality."""

    own: I8
    value: F8
    event_ns: I8
    quality: U4


def compute(
    group: Group,
    which: Bool,
    *,
    numeric: F8,
    event_ns: I8,
    quality: U4,
    component: Callable[[int, int], float],
) -> Computed:
    """The values of those signals of a group. `component(index, k)`: a part of a vector."""
    inputs, parts = group.inputs[:, which], group.component[:, which]
    columns = numeric[inputs]
    for row, column in np.argwhere(parts >= 0).tolist():
        columns[row, column] = component(int(inputs[row, column]), int(parts[row, column]))
    value = np.array(evaluate(group.shape, columns), np.float64)
    worst = _worst(quality[inputs])
    finite = np.isfinite(value)
    missing = np.isnan(columns).any(0)
    worst = np.where(~finite & (worst < BAD), np.where(missing, BAD_NO_DATA, BAD), worst).astype(np.uint32)
    return Computed(group.own[which], value, event_ns[inputs].max(0), worst)


def _worst(quality: U4) -> U4:
    """The first of the worst severity along the first axis."""
    first = np.argmax(quality >> np.uint32(30), axis=0)
    out: U4 = np.take_along_axis(quality, first[None], 0)[0]
    return out


def _grouped(contract: Contract) -> Sequence[Group]:
    index = {quantity.id: k for k, quantity in enumerate(contract.quantities)}
    level: dict[str, int] = {}
    found: dict[tuple[int, Node], list[tuple[int, list[int], list[int]]]] = {}
    for place in contract.derived_order:
        spec = contract.derived[place]
        inputs, parts = [], []
        for name in spec.expression.signals:
            signal, part = component_of(name)
            inputs.append(index[signal])
            parts.append(-1 if part is None else part)
        level[spec.id] = 1 + max((level.get(contract.quantities[k].id, 0) for k in inputs), default=0)
        key = level[spec.id], spec.expression.shape
        found.setdefault(key, []).append((index[spec.id], inputs, parts))
    groups = []
    for (_, shape), rows in sorted(found.items(), key=lambda item: (item[0][0], repr(item[0][1]))):
        own = np.array([row[0] for row in rows], np.int64)
        count = len(rows[0][1])
        inputs_of = np.array([row[1] for row in rows], np.int64).reshape(len(rows), count).T
        parts_of = np.array([row[2] for row in rows], np.int64).reshape(len(rows), count).T
        groups.append(Group(shape, own, inputs_of, parts_of))
    return groups
