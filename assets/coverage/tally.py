"""Counts of pixels by view, prim and class, and what to do about them. Pure but for the rays."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from twinstage.assets.coverage.standing import Standings, State, standings, taxonomies
from twinstage.assets.coverage.views import NamedView, Seen, look
from twinstage.assets.label_assign import glob_regex
from twinstage.assets.label_targets import drawn_below, grouped, suggested_label, target_row
from twinstage.base.errors import UserError, did_you_mean
from twinstage.scene.labels import LabelPolicy
from twinstage.scene.read.objects import resolve_table
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.tables import Interned


@dataclass(frozen=True, slots=True)
class Count:
    """Pixels: `visible` show something; of these some have no label, some an ambiguous class."""

    pixels: int = 0
    visible: int = 0
    unlabelled: int = 0
    ambiguous: int = 0

    @staticmethod
    def of(state: np.ndarray) -> "Count":
        """Of `State` by pixel."""
        by_state = np.bincount(state.ravel(), minlength=4).tolist()
        return Count(
            state.size, state.size - by_state[0], by_state[State.UNLABELLED], by_state[State.AMBIGUOUS]
        )

    def __add__(self, other: "Count") -> "Count":
        return Count(
            self.pixels + other.pixels,
            self.visible + other.visible,
            self.unlabelled + other.unlabelled,
            self.ambiguous + other.ambiguous,
        )

    def share(self, pixels: int) -> float:
        """Of the visible pixels, 0 to 1; 0 where nothing is seen."""
        return pixels / self.visible if self.visible else 0.0

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "pixels": self.pixels,
            "visible": self.visible,
            "unlabelled": self.unlabelled,
            "ambiguous": self.ambiguous,
            "unlabelled_share": round(self.share(self.unlabelled), 6),
            "ambiguous_share": round(self.share(self.ambiguous), 6),
        }


@dataclass(frozen=True, slots=True)
class Row:
    """Something seen: prims that go together, their pixels in all views and the views that see them."""

    name: str
    paths: tuple[str, ...]
    pixels: int
    views: int
    labels: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    inherited: bool = False


@dataclass(frozen=True, slots=True)
class ClassRow:
    """A class: how many objects have it, their pixels in all views and the views that see one."""

    name: str
    objects: int
    pixels: int
    views: int


@dataclass(frozen=True, slots=True)
class Nested:
    """Objects whose class has another one further up, which USD's union of labels has, too."""

    name: str
    also: tuple[str, ...]
    objects: int
    first: str
    pixels: int


@dataclass(frozen=True)
class Coverage:
    """What all views see. Rows with the most pixels come first; ambiguous prims are listed even where nobody sees them."""

    taxonomy: str
    views: tuple[NamedView, ...]
    counts: tuple[Count, ...]
    unlabelled: tuple[Row, ...]
    ambiguous: tuple[Row, ...]
    nested: tuple[Nested, ...]
    classes: tuple[ClassRow, ...]
    standings: Standings = field(repr=False)

    @property
    def total(self) -> Count:
        """Of all views."""
        return sum(self.counts, Count())

    @property
    def never_visible(self) -> tuple[str, ...]:
        """Classes of which no view sees an object."""
        return tuple(row.name for row in self.classes if not row.pixels)


def cover(
    snapshot: Snapshot,
    views: Sequence[NamedView],
    taxonomy: str,
    policy: LabelPolicy,
    each: Callable[[Seen, Standings, Count], None] | None = None,
) -> Coverage:
    """Look through all views. `each` gets what a view sees as soon as it is counted, in order.

    Raises UserError for a taxonomy that no object has a label of, while there are others.
    """
    known = taxonomies(snapshot)
    if known and taxonomy not in known:
        raise UserError(
            f"no object of {snapshot.stage.path} has a label of taxonomy {taxonomy!r}{did_you_mean(taxonomy, known)}"
        )
    stand = standings(snapshot, taxonomy, policy)
    state_of = np.append(np.uint8(State.BACKGROUND), stand.state)
    pixels = np.zeros(len(snapshot.objects), np.int64)
    seen_by = np.zeros((len(views), len(snapshot.objects)), bool)
    counts = []
    for k, view in enumerate(views):
        seen = look(snapshot, view)
        count = Count.of(state_of[seen.object])
        by_object = np.bincount(seen.object.ravel(), minlength=len(pixels) + 1)[1:]
        pixels += by_object
        seen_by[k] = by_object > 0
        counts.append(count)
        if each is not None:
            each(seen, stand, count)
    tally = _Tally(snapshot, taxonomy, policy, stand, pixels, seen_by)
    return Coverage(
        taxonomy,
        tuple(views),
        tuple(counts),
        tuple(tally.unlabelled()),
        tuple(tally.ambiguous()),
        tuple(tally.nested()),
        tuple(tally.classes()),
        stand,
    )


@dataclass(frozen=True)
class _Tally:
    """What each object is, its pixels i8[n], and which views see it, bool[views, n]."""

    snapshot: Snapshot
    taxonomy: str
    policy: LabelPolicy
    stand: Standings
    pixels: np.ndarray
    seen_by: np.ndarray

    def _in(self, state: State) -> np.ndarray:
        return np.flatnonzero(self.stand.state == state)

    def _views(self, objects: Sequence[int] | np.ndarray) -> int:
        return int(self.seen_by[:, objects].any(1).sum())

    def unlabelled(self) -> list[Row]:
        """Prims to label, those that are alike together; only what is seen."""
        objects = self._in(State.UNLABELLED)
        objects = objects[self.pixels[objects] > 0]
        prim = self.snapshot.objects.prim
        target = _targets(self.snapshot, np.unique(prim[objects]).tolist())
        by_path: dict[str, list[int]] = {}
        for row in objects.tolist():
            by_path.setdefault(self.snapshot.prims.path[target[int(prim[row])]], []).append(row)
        found = []
        for name, paths in grouped(sorted(by_path)).items():
            rows = [row for path in paths for row in by_path[path]]
            unknown = sorted(
                {label for row in rows for label in self.stand.rows[self.stand.code[row]].unknown}
            )
            rules = self._rules(name, paths)
            found.append(
                Row(
                    name, tuple(paths), int(self.pixels[rows].sum()), self._views(rows), tuple(unknown), rules
                )
            )
        return sorted(found, key=lambda row: (-row.pixels, row.name))

    def _rules(self, name: str, paths: list[str]) -> tuple[str, ...]:
        """`PATTERN=LABEL` rules that label these prims and no others."""
        label = suggested_label(paths[0])
        if len(paths) > 1:
            regex = glob_regex(name)
            hit = {path for path in self.snapshot.prims.path if regex.fullmatch(path)}
            if hit == set(paths):
                return (f"{name}={label}",)
        return tuple(f"{path}={label}" for path in paths)

    def ambiguous(self) -> list[Row]:
        """Objects whose class is open, by prim and labels."""
        found: dict[tuple[str, tuple[str, ...], bool], list[int]] = {}
        for row in self._in(State.AMBIGUOUS).tolist():
            standing = self.stand.rows[self.stand.code[row]]
            path = self.snapshot.prims.path[self.snapshot.objects.prim[row]]
            found.setdefault((path, standing.rivals, standing.inherited), []).append(row)
        rows = [
            Row(path, (path,), int(self.pixels[r].sum()), self._views(r), rivals, inherited=inherited)
            for (path, rivals, inherited), r in found.items()
        ]
        return sorted(rows, key=lambda row: (-row.pixels, row.name))

    def nested(self) -> Iterator[Nested]:
        """Classes that stand below others."""
        for k, standing in enumerate(self.stand.rows):
            if standing.also:
                rows = np.flatnonzero(self.stand.code == k)
                if len(rows):
                    first = self.snapshot.prims.path[self.snapshot.objects.prim[rows[0]]]
                    yield Nested(standing.name, standing.also, len(rows), first, int(self.pixels[rows].sum()))

    def classes(self) -> list[ClassRow]:
        """All classes, of things that are not drawn and of the label map, too; the most pixels first."""
        objects: Counter[str] = Counter()
        rows: dict[str, list[np.ndarray]] = {}
        for k, standing in enumerate(self.stand.rows):
            if standing.state == State.LABELLED:
                mine = np.flatnonzero(self.stand.code == k)
                objects[standing.name] += len(mine)
                rows.setdefault(standing.name, []).append(mine)
        found = [
            ClassRow(name, objects[name], int(self.pixels[mine].sum()), self._views(mine))
            for name, mine in ((name, np.concatenate(parts)) for name, parts in rows.items())
            if len(mine)
        ]
        found += [ClassRow(name, 0, 0, 0) for name in self._undrawn({row.name for row in found})]
        return sorted(found, key=lambda row: (-row.pixels, row.name))

    def _undrawn(self, drawn: set[str]) -> Iterator[str]:
        """Classes of the label map, or labels of the taxonomy, that nothing that is drawn has."""
        if self.policy.label_map:
            yield from dict.fromkeys(name for _, name in self.policy.label_map if name not in drawn)
            return
        known = drawn | {label for row in self.stand.rows for label in (*row.rivals, *row.also)}
        groups = Interned.of(self.snapshot.prims.label_groups).values
        labels = (label for own in groups for name, some in own if name == self.taxonomy for label in some)
        yield from dict.fromkeys(label for label in labels if label not in known)


def _targets(snapshot: Snapshot, prims: Sequence[int]) -> dict[int, int]:
    """The prim to label for each prim that is an object."""
    table = snapshot.prims
    drawn = np.zeros(len(table), np.int64)
    drawn[np.unique(snapshot.instances.prim)] = 1
    below = drawn_below(table.parent, drawn)
    is_xform = Interned.of(table.type_name).isin(["Xform"])
    labels = resolve_table(table, LabelPolicy())
    to_label = partial(
        target_row,
        parent=table.parent,
        below=below,
        is_proxy=lambda i: bool(table.proxy[i]),
        is_xform=lambda i: bool(is_xform[i]),
        is_object=lambda i: bool(labels.found[i]),
    )
    return {prim: to_label(prim) for prim in prims}
