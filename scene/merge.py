"""Many ticks into one: the newest value of each node, attribute and signal wins."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from twinstage.scene.columns import (
    F4,
    I8,
    AttributeColumns,
    EntityColumns,
    LabelColumns,
    PoseColumns,
    SignalColumns,
    StyleColumns,
    TextColumns,
    TickColumns,
    VisibilityColumns,
    frozen,
)

U2 = NDArray[np.uint16]


def merge_ticks(ticks: Sequence[TickColumns]) -> TickColumns:
    """One tick with the effect of all, in their order; `ticks` must not be empty."""
    if len(ticks) == 1:
        return ticks[0]
    return TickColumns(
        pose=_merge_pose([tick.pose for tick in ticks]),
        visibility=_merge_visibility([tick.visibility for tick in ticks]),
        style=_merge_style([tick.style for tick in ticks]),
        attributes=_merge_attributes([tick.attributes for tick in ticks]),
        signals=_merge_signals([tick.signals for tick in ticks]),
        watermark_ns=max(tick.watermark_ns for tick in ticks),
        labels=_merge_labels([tick.labels for tick in ticks]),
        texts=_merge_texts([tick.texts for tick in ticks]),
        entities=_merge_entities([tick.entities for tick in ticks]),
    )


def _newest(ids: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Sorted distinct ids of the concatenation, and the row of each one's last occurrence."""
    joined = np.concatenate(ids)
    distinct, first_from_end = np.unique(joined[::-1], return_index=True)
    return distinct, len(joined) - 1 - first_from_end


def _merge_pose(poses: Sequence[PoseColumns]) -> PoseColumns:
    index, rows = _newest([pose.index for pose in poses])
    scale: F4 | None = None
    if any(pose.scale is not None for pose in poses):
        ones = [np.ones((len(pose), 3)) if pose.scale is None else pose.scale for pose in poses]
        scale = frozen(np.concatenate(ones)[rows], np.float32)
    return PoseColumns(
        ordinal=poses[-1].ordinal,
        event_ns=max(pose.event_ns for pose in poses),
        index=frozen(index, np.uint32),
        translation=frozen(np.concatenate([pose.translation for pose in poses])[rows], np.float64),
        rotation=frozen(np.concatenate([pose.rotation for pose in poses])[rows], np.float32),
        scale=scale,
        packed=_merge_packed(poses, rows),
    )


def _merge_packed(poses: Sequence[PoseColumns], rows: np.ndarray) -> tuple[I8, U2] | None:
    """The whole numbers, where all ticks have them."""
    parts = [pose.packed for pose in poses if pose.packed is not None]
    if len(parts) < len(poses):
        return None
    return np.concatenate([part[0] for part in parts])[rows], np.concatenate([part[1] for part in parts])[
        rows
    ]


def _merge_visibility(parts: Sequence[VisibilityColumns]) -> VisibilityColumns:
    index, rows = _newest([part.index for part in parts])
    visible = np.concatenate([part.visible for part in parts])[rows]
    return VisibilityColumns(frozen(index, np.uint32), frozen(visible, np.bool_))


def _merge_style(parts: Sequence[StyleColumns]) -> StyleColumns:
    index, rows = _newest([part.index for part in parts])
    rgba = np.concatenate([part.rgba for part in parts])[rows]
    return StyleColumns(frozen(index, np.uint32), frozen(rgba, np.uint8))


def _merge_attributes(parts: Sequence[AttributeColumns]) -> AttributeColumns:
    slot, rows = _newest([part.slot for part in parts])
    value = np.concatenate([part.value for part in parts])[rows]
    return AttributeColumns(frozen(slot, np.uint32), frozen(value, np.float64))


def _merge_labels(parts: Sequence[LabelColumns]) -> LabelColumns:
    slot, rows = _newest([part.slot for part in parts])
    choice = np.concatenate([part.choice for part in parts])[rows]
    return LabelColumns(frozen(slot, np.uint32), frozen(choice, np.int64))


def _merge_signals(parts: Sequence[SignalColumns]) -> SignalColumns:
    signal, rows = _newest([part.signal for part in parts])
    return SignalColumns(
        frozen(signal, np.uint32),
        frozen(np.concatenate([part.value for part in parts])[rows], np.float64),
        frozen(np.concatenate([part.event_ns for part in parts])[rows], np.int64),
        frozen(np.concatenate([part.quality for part in parts])[rows], np.uint32),
    )


def _merge_texts(parts: Sequence[TextColumns]) -> TextColumns:
    signal, rows = _newest([part.signal for part in parts])
    text = [text for part in parts for text in part.text]
    return TextColumns(
        frozen(signal, np.uint32),
        tuple(text[row] for row in rows.tolist()),
        frozen(np.concatenate([part.event_ns for part in parts])[rows], np.int64),
        frozen(np.concatenate([part.quality for part in parts])[rows], np.uint32),
    )


def _merge_entities(parts: Sequence[EntityColumns]) -> EntityColumns:
    index, rows = _newest([part.index for part in parts])
    entity = np.concatenate([part.entity for part in parts])[rows]
    return EntityColumns(frozen(index, np.uint32), frozen(entity, np.int64))
