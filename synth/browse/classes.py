"""Figures of each class of a dataset, to find a bad one by. Plain data."""

from dataclasses import dataclass

import numpy as np

from twinstage.synth.browse.columns import Columns


@dataclass(frozen=True)
class ClassFigures:
    """Annotated objects of a class; medians are NaN where there is none. `listed`: with those too small or hidden to count.

    `small`: share of objects whose box has a side below 32 px (as COCO's small); `cut`: share that is cut off by the edge.
    """

    name: str
    objects: int
    listed: int
    pictures: int
    side: float
    occlusion: float
    truncation: float
    distance: float
    small: float
    cut: float


SMALL_PX = 32


def class_figures(columns: Columns, objects: np.ndarray | None = None) -> list[ClassFigures]:
    """By class, in the order of labels.json. `objects`: those that count, bool[o]; all annotated ones where None."""
    counted = columns.annotated if objects is None else objects
    return [_figures(columns, code, name, counted) for code, name in enumerate(columns.names["label"])]


def _figures(columns: Columns, code: int, name: str, counted: np.ndarray) -> ClassFigures:
    listed = columns.label == code
    mine = listed & counted
    side = columns.side[mine]
    return ClassFigures(
        name,
        int(mine.sum()),
        int(listed.sum()),
        len(np.unique(columns.picture[mine])),
        _median(side),
        _median(columns.occlusion[mine]),
        _median(columns.truncation[mine]),
        _median(columns.distance[mine]),
        float((side < SMALL_PX).mean()) if len(side) else float("nan"),
        float((columns.truncation[mine] > 0).mean()) if len(side) else float("nan"),
    )


def _median(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")
