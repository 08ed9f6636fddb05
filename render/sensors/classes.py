"""Class ids of objects."""

from collections.abc import Mapping

import numpy as np

from twinstage.scene.columns import I4
from twinstage.scene.snapshot import Snapshot

Classes = Mapping[str, int] | Mapping[int, int]
"""Class ids, from 1, by class name, or by object row as the label pass takes them."""


def numbered_classes(snapshot: Snapshot) -> dict[str, int]:
    """The classes of a scene's objects, numbered from 1 by name."""
    sets = snapshot.objects.label_set
    names = {sets.values[code][0] for code in np.unique(sets.code).tolist()}
    return {name: place for place, name in enumerate(sorted(names - {""}), start=1)}


def class_ids(snapshot: Snapshot, classes: Classes | None = None) -> I4:
    """Class id by instance_id, i4[objects + 1]: entry 0 and objects without a class have 0.

    `classes` None numbers the names of all objects in alphabetical order.
    """
    table = snapshot.objects.label_set
    names = [name for name, *_ in table.values]
    out = np.zeros(len(snapshot.objects) + 1, np.int32)
    by_row = {row: value for row, value in (classes or {}).items() if isinstance(row, int)}
    for row, value in by_row.items():
        out[row + 1] = value
    if by_row:
        return out
    named = numbered_classes(snapshot) if classes is None else classes
    by_name = {str(name): value for name, value in named.items()}
    by_set = np.array([*(by_name.get(name, 0) for name in names), 0], np.int32)
    out[1:] = by_set[table.code]
    return out
