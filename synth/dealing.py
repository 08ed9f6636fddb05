"""Dealing things out to splits: frames, and the items that frames choose among (assets, HDRIs, textures, scenes).

An item of a group that the recipe splits by belongs to one split, and frames of a split choose among its items only, so
nothing that a network saw in training comes back in its test. Who gets what depends on the seed, the group and the items,
not on any order.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from twinstage.base.errors import UserError
from twinstage.synth.streams import Stream

GROUPS = ("asset", "hdri", "texture", "background", "scene")
"""What items can be: the groups that a recipe can split by."""


@dataclass(frozen=True, slots=True)
class Dealing:
    """How a recipe deals items out.

    Attributes:
        seed: keys the order in which items are dealt.
        shares: of each split, by name.
        groups: those whose items belong to one split each; of any other group, every split may take every item.
        known: all items of a group that more than one randomizer may choose from, so that they agree on who gets what.
        contents: SHA-256 by item where it is a file: one picture under two names is one item, and has one owner.
    """

    seed: int = 0
    shares: Mapping[str, float] = field(default_factory=dict)
    groups: frozenset[str] = frozenset()
    known: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    contents: Mapping[str, str] = field(default_factory=dict)

    def allowed(self, group: str, items: Sequence[str], split: str | None) -> list[str]:
        """Those of the items that frames of the split may choose, in the order given.

        All of them where the group is not split by, or for a frame of no split. Raises UserError where none is left.
        """
        if split is None or group not in self.groups or not self.shares:
            return list(items)
        known = self.known.get(group, ())
        own = self._own_names((*items, *known))
        different = tuple(sorted({own[item] for item in items}))
        shares = tuple(self.shares.items())
        owner = _owners(self.seed, group, shares, tuple(own[item] for item in known), different)
        mine = [item for item in items if owner[own[item]] == split]
        if not mine:
            raise UserError(
                f"split_by {group}: there {_there_are(len(different))} ({_few(different)}) for {len(self.shares)} splits, "
                f"and {split!r} gets none of them; give more of them or leave {group} out of split_by"
            )
        return mine

    def _own_names(self, items: Iterable[str]) -> dict[str, str]:
        """By item the first of all names that its content has among them."""
        first: dict[str, str] = {}
        names = sorted(set(items))
        for name in names:
            first.setdefault(self.contents.get(name, name), name)
        return {name: first[self.contents.get(name, name)] for name in names}


@lru_cache(maxsize=256)
def _owners(
    seed: int,
    group: str,
    shares: tuple[tuple[str, float], ...],
    known: tuple[str, ...],
    items: tuple[str, ...],
) -> dict[str, str]:
    """Split by item: the known ones as one hand; others of the list by themselves."""
    out = deal(keyed_order(seed, group, known), dict(shares))
    rest = [item for item in items if item not in out]
    return out | deal(keyed_order(seed, group, rest), dict(shares))


def keyed_order(seed: int, group: str, items: Iterable[str]) -> list[str]:
    """The items, each once, in an order that the seed draws."""
    return sorted(set(items), key=lambda item: (Stream(seed, "splits", group, item).unit(), item))


def deal(items: Sequence[str], shares: Mapping[str, float]) -> dict[str, str]:
    """Split by item, dealt out by the shares; each split gets at least one where there are enough items."""
    counts = dealt_counts(len(items), shares)
    owners = [name for name, count in counts.items() for _ in range(count)]
    return dict(zip(items, owners, strict=True))


def dealt_counts(total: int, shares: Mapping[str, float]) -> dict[str, int]:
    """How many of `total` items each split gets: its share, rounded, but one at least where there are enough."""
    whole, start, share = sum(shares.values()), 0, 0.0
    out: dict[str, int] = {}
    for name, weight in shares.items():
        share += weight / whole
        end = round(share * total)
        out[name] = end - start
        start = end
    if total >= len(out):
        for name in [n for n, count in out.items() if count == 0]:
            richest = max(out, key=lambda n: out[n])
            out[richest] -= 1
            out[name] += 1
    return out


def _there_are(count: int) -> str:
    return "is 1 item" if count == 1 else f"are {count} items"


def _few(items: Sequence[str], most: int = 3) -> str:
    names = sorted(set(items))
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
