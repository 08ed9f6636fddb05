"""Which object a drawing belongs to, and which class an object has: the labelling policy, as data.

USD gives a prim the union of its own labels and its ancestors'. A union is not one training class, so a policy decides:

- the object's root is the nearest ancestor-or-self that is labelled, flagged or of kind component;
- the class is the first label that the label map names; the object's own labels decide, then those of its nearest
  labelled ancestor, and so on. Without a map the first taxonomy that has labels decides;
- two labels that could both decide are an ambiguity: told, never picked in silence.

Plain data and numpy only. `Groups` are the labels authored on one prim: (taxonomy, labels) pairs in taxonomy order.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from twinstage.scene.columns import I4, Bool, frozen
from twinstage.scene.tables import Interned

if TYPE_CHECKING:
    from twinstage.scene.snapshot import Snapshot

Groups = tuple[tuple[str, tuple[str, ...]], ...]
Levels = tuple[Groups, ...]
"""Labels of an object and its labelled ancestors, nearest first."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The class of an object, "" where none is decided; `rivals`: labels of which each could have decided, if several."""

    name: str
    rivals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LabelPolicy:
    """How labels become objects and classes.

    Attributes:
        taxonomies: in order of preference; those not listed follow in alphabetical order.
        label_map: (label in the scene, class) pairs; empty: each label is its own class.
        flag: attribute that makes a prim an object of its own where it is true.
    """

    taxonomies: tuple[str, ...] = ("class",)
    label_map: tuple[tuple[str, str], ...] = ()
    flag: str = "twin:instance"

    @staticmethod
    def of(classes: Mapping[str, Iterable[str]]) -> "LabelPolicy":
        """The policy with a map from class names to the labels that mean them (none: the class's own name)."""
        pairs = [(label, name) for name, labels in classes.items() for label in (tuple(labels) or (name,))]
        return LabelPolicy(label_map=tuple(pairs))

    def ordered(self, found: Mapping[str, Iterable[str]]) -> Groups:
        """Labels by taxonomy in the policy's order, without doubles and empty names."""
        rank = {taxonomy: i for i, taxonomy in enumerate(self.taxonomies)}
        names = sorted(found, key=lambda name: (rank.get(name, len(rank)), name))
        groups = ((name, tuple(label for label in dict.fromkeys(found[name]) if label)) for name in names)
        return tuple(group for group in groups if group[1])

    def choose(self, levels: Levels) -> Choice:
        """The class that these labels give."""
        classes = dict(self.label_map)
        for groups in levels:
            if classes:
                named = [label for label in flat(groups) if label in classes]
                if named:
                    several = len({classes[label] for label in named}) > 1
                    return Choice(classes[named[0]], tuple(named) if several else ())
            elif groups:
                labels = groups[0][1]
                return Choice(labels[0], labels if len(labels) > 1 else ())
        return Choice("")


def flat(groups: Groups) -> tuple[str, ...]:
    """All labels in order, each once."""
    return tuple(dict.fromkeys(label for _, labels in groups for label in labels))


def merged(levels: Levels) -> tuple[str, ...]:
    """Own labels first, then the ancestors', nearest first, each once."""
    return tuple(dict.fromkeys(label for groups in levels for label in flat(groups)))


@dataclass(frozen=True)
class ResolvedLabels:
    """Objects and labels of a prim table.

    root: the prim that is the object of each prim, i4[n], itself where none qualifies; found: whether one qualifies,
    bool[n]; chain: row of `chains` for each prim, i4[n]; chains: labels of the prim and its ancestors, nearest first.
    """

    root: I4
    found: Bool
    chain: I4
    chains: tuple[Levels, ...]
    labelled: Bool
    policy: LabelPolicy
    _choices: dict[Levels, Choice] = field(default_factory=dict)

    def levels(self, prim: int) -> Levels:
        """Labels of the prim and its labelled ancestors, nearest first."""
        return self.chains[int(self.chain[prim])]

    def own(self, prim: int) -> int:
        """How many labels the prim has of its own."""
        return len(flat(self.levels(prim)[0])) if self.labelled[prim] else 0

    def choose(self, levels: Levels) -> Choice:
        """`LabelPolicy.choose`, once for each distinct set of labels."""
        known = self._choices.get(levels)
        if known is None:
            known = self._choices[levels] = self.policy.choose(levels)
        return known


def resolve(
    parent: np.ndarray,
    groups: Sequence[Groups],
    component: np.ndarray,
    flagged: np.ndarray,
    policy: LabelPolicy,
) -> ResolvedLabels:
    """Roots and label chains of prims whose parents come before them.

    parent i4[n], -1 for roots; groups: labels authored on each prim; component, flagged bool[n].
    """
    n = len(groups)
    column = Interned.of(groups)
    labelled = ~column.isin([()])
    root = nearest(parent, labelled | component | flagged)
    found = root >= 0
    chain, chains = _chains(parent, column, labelled)
    return ResolvedLabels(
        root=frozen(np.where(found, root, np.arange(n)), np.int32),
        found=frozen(found, np.bool_),
        chain=frozen(chain, np.int32),
        chains=chains,
        labelled=frozen(labelled, np.bool_),
        policy=policy,
    )


def _chains(
    parent: np.ndarray, groups: "Interned[Groups]", labelled: Bool
) -> tuple[np.ndarray, tuple[Levels, ...]]:
    """Row of the second answer for each prim, i4[n]; and the distinct chains of labels, the first of them empty."""
    chains: list[Levels] = [()]
    above = nearest(parent, labelled)  # of a labelled prim: itself
    own = np.full(len(labelled) + 1, -1, np.int32)
    own[-1] = 0  # what has no labelled ancestor hangs below the empty chain
    rows = np.flatnonzero(labelled)
    upper = np.where(parent[rows] >= 0, above[parent[rows]], -1)
    while len(rows):  # a round for each level of labelled ancestors
        ready = own[upper] >= 0
        keys = own[upper[ready]].astype(np.int64) << 32 | groups.code[rows[ready]]
        distinct, inverse = np.unique(keys, return_inverse=True)
        own[rows[ready]] = len(chains) + inverse.reshape(-1)
        chains += [(groups.values[key & 0xFFFFFFFF], *chains[key >> 32]) for key in distinct.tolist()]
        rows, upper = rows[~ready], upper[~ready]
    return own[above], tuple(chains)


def nearest(parent: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The nearest ancestor-or-self in the mask for each row, i8[n], -1 where there is none.

    By pointer jumping: as many rounds as the logarithm of the tree's depth.
    """
    n = len(mask)
    jump = np.append(np.where(mask, np.arange(n), np.where(parent < 0, n, parent)), n).astype(np.int64)
    while True:
        further = jump[jump]
        if np.array_equal(further, jump):
            return np.where(jump[:n] == n, -1, jump[:n])
        jump = further


def part_labels(snapshot: "Snapshot", instance: int) -> tuple[tuple[str, ...], ...]:
    """The own labels of the GeomSubset behind each slot of a drawing's prototype; () for the whole gprim (slot 0).

    `instance`: row of `Snapshot.instances`. Subsets are rows of the prim table like any other prim.
    """
    table, prims = snapshot.instances, snapshot.prims
    prototype = snapshot.prototypes[table.prototype[instance]]
    home = prototype.source if table.point_id[instance] >= 0 else prims.path[table.prim[instance]]
    rows = [prims.index_of.get(f"{home}/{slot}") for slot in prototype.slots[1:]]
    return ((), *(() if row is None else prims.labels[row] for row in rows))
