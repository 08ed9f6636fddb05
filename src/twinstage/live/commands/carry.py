"""What a producer had pushed, told again for another scene: rows by prim path. numpy only."""

from collections.abc import Collection, Sequence

import numpy as np

from twinstage.scene.columns import PoseColumns, StyleColumns, TickColumns, VisibilityColumns, frozen
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.ui_layer import COLOR, POSE, VISIBILITY
from twinstage.scene.ui_rules import Bound


def carried(
    latest: TickColumns,
    old: Snapshot,
    new: Snapshot,
    written: Sequence[Collection[int]],
    driven: Sequence[Bound],
    edits: Collection[tuple[str, str]],
) -> TickColumns:
    """Rows of prims that both scenes have and that no binding drives, then or now, and no edit holds.

    `written`: nodes whose poses, visibility and colours are in the live layer. Points stay as they are authored.
    """
    pose, shown, style = latest.pose, latest.visibility, latest.style
    held = [{path for path, name in edits if name == kind} for kind in (POSE, VISIBILITY, COLOR)]
    taken = [
        held[0].union(*(bound.poses for bound in driven)),
        held[1].union(*(bound.shown for bound in driven)),
        held[2].union(*(bound.colors for bound in driven)),
    ]
    at, to = _places(pose.index, old, new, written[0], taken[0])
    scale = None if pose.scale is None else frozen(pose.scale[at], np.float32)
    poses = PoseColumns(
        pose.ordinal,
        pose.event_ns,
        frozen(to, np.uint32),
        frozen(pose.translation[at], np.float64),
        frozen(pose.rotation[at], np.float32),
        scale,
    )
    at, to = _places(shown.index, old, new, written[1], taken[1])
    switched = VisibilityColumns(frozen(to, np.uint32), frozen(shown.visible[at], np.bool_))
    at, to = _places(style.index, old, new, written[2], taken[2])
    painted = StyleColumns(frozen(to, np.uint32), frozen(style.rgba[at], np.uint8))
    return TickColumns(pose=poses, visibility=switched, style=painted)


def _places(
    index: np.ndarray, old: Snapshot, new: Snapshot, written: Collection[int], taken: Collection[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Rows to keep, and their nodes in the new scene, ascending by these."""
    known, found = new.prims.index_of, []
    for row, node in enumerate(index.tolist()):
        if node >= len(old.prims) or node not in written:
            continue
        path = old.prims.path[node]
        to = None if path in taken else known.get(path)
        if to is not None and not new.prims.proxy[to]:
            found.append((to, row))
    found.sort()
    pairs = np.array(found, np.int64).reshape(-1, 2)
    return pairs[:, 1], pairs[:, 0]
