"""What the labels of one taxonomy make of an object (docs/labels.md). Pure.

An object is **labelled** where one class is decided, **unlabelled** where none is, and **ambiguous** where two or more labels
could each decide: several on the prim that decides, its own or, where it has none, its nearest labelled ancestor's. A label
further up does not count against a nearer one; programs that take USD's union of all of them see several, which is told as
`nested`.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from twinstage.scene.labels import LabelPolicy, Levels, flat, merged
from twinstage.scene.snapshot import Snapshot


class State(IntEnum):
    """What an object, and each pixel of it, counts as."""

    BACKGROUND = 0
    LABELLED = 1
    UNLABELLED = 2
    AMBIGUOUS = 3


@dataclass(frozen=True, slots=True)
class Standing:
    """The class of an object, "" where none is decided.

    rivals: labels of which each could decide, nothing where one does; inherited: they stand on a prim above the object;
    also: labels further up that mean another class; unknown: labels that the label map does not name, where no class is.
    """

    name: str
    rivals: tuple[str, ...] = ()
    inherited: bool = False
    also: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def state(self) -> State:
        """Labelled, unlabelled or ambiguous."""
        if self.rivals:
            return State.AMBIGUOUS
        return State.LABELLED if self.name else State.UNLABELLED


def standing(levels: Levels, own: int, taxonomy: str, policy: LabelPolicy) -> Standing:
    """What the labels of an object and its labelled ancestors, nearest first, come to in one taxonomy.

    `own`: how many labels the object itself has, of all taxonomies; 0: the first level is an ancestor's.
    """
    kept = [tuple(group for group in groups if group[0] == taxonomy) for groups in levels]
    chain = tuple(groups for groups in kept if groups)
    choice = policy.choose(chain)
    classes = dict(policy.label_map)
    if choice.rivals:
        decides = next(i for i, groups in enumerate(kept) if set(choice.rivals) <= set(flat(groups)))
        return Standing(choice.name, choice.rivals, inherited=decides > 0 or own == 0)
    if not choice.name:
        return Standing("", unknown=merged(chain))
    meant = [(label, classes.get(label, "" if classes else label)) for label in merged(chain)]
    return Standing(choice.name, also=tuple(label for label, name in meant if name not in ("", choice.name)))


@dataclass(frozen=True, slots=True)
class Standings:
    """All objects of a scene: `rows` distinct standings, `code` the one of each object, i4[n]."""

    rows: tuple[Standing, ...]
    code: np.ndarray

    @property
    def state(self) -> np.ndarray:
        """`State` of each object, u1[n]."""
        by_row = np.array([int(row.state) for row in self.rows] or [0], np.uint8)
        out: np.ndarray = by_row[self.code]
        return out


def standings(snapshot: Snapshot, taxonomy: str, policy: LabelPolicy) -> Standings:
    """What the labels of one taxonomy make of each object."""
    sets = snapshot.objects.label_set
    found = [standing(levels, own, taxonomy, policy) for _, _, own, levels in sets.values]
    rows = tuple(dict.fromkeys(found))
    number = {row: k for k, row in enumerate(rows)}
    by_set = np.array([number[row] for row in found] or [0], np.int32)
    return Standings(rows, by_set[sets.code])


def taxonomies(snapshot: Snapshot) -> tuple[str, ...]:
    """All taxonomies that an object has a label of, in alphabetical order."""
    sets = snapshot.objects.label_set.values
    return tuple(sorted({name for *_, levels in sets for groups in levels for name, _ in groups}))
