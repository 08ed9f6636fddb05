"""Class ids of objects."""

from collections.abc import Mapping

import numpy as np

from twinstage.scene.columns import I4
from twinstage.scene.snapshot import Snapshot


def class_ids(snapshot: Snapshot, classes: Mapping[str, int] | None = None) -> I4:
    """Class id by instance_id, i4[objects + 1]: entry 0 and objects without a class have 0.

    `classes`: id by name, from 1; None numbers the names of all objects in alphabetical order.
    """
    table = snapshot.objects.label_set
    names = [name for name, _, _ in table.values]
    if classes is None:
        classes = {name: k + 1 for k, name in enumerate(sorted(set(names) - {""}))}
    by_set = np.array([*(classes.get(name, 0) for name in names), 0], np.int32)
    out: I4 = np.append(np.int32(0), by_set[table.code]).astype(np.int32)
    return out
