"""The hot path's data: structures of arrays that both the USD writer and the stream consume.

A *node* is anything with a transform of its own: first all prims of the snapshot (node = prim index), then all
point instances (node = number of prims + row in the snapshot's point table). Bindings are evaluated once a tick
into these columns, so there are no two truths. Arrays are read-only; nothing here touches pxr.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

F4 = NDArray[np.float32]
F8 = NDArray[np.float64]
I4 = NDArray[np.int32]
I8 = NDArray[np.int64]
U1 = NDArray[np.uint8]
U4 = NDArray[np.uint32]
U8 = NDArray[np.uint64]
Bool = NDArray[np.bool_]


def frozen(array: np.ndarray, dtype: type[np.generic]) -> np.ndarray:
    """A read-only, C-contiguous array of that dtype; the input is copied only where it has to be.

    The caller gives the array away: a writable input of the right layout is itself made read-only.
    """
    out = np.ascontiguousarray(array, dtype=dtype)
    out.flags.writeable = False
    return out


@dataclass(frozen=True, slots=True)
class PoseColumns:
    """Local poses (node from parent) of the nodes that moved, sorted by node index.

    Attributes:
        ordinal: tick number, strictly increasing within an epoch.
        event_ns: newest source time among the values that moved these nodes [ns since 1970, UTC].
        index: node indices, u32[n], strictly increasing.
        translation: [m], f8[n, 3].
        rotation: unit quaternions wxyz, f4[n, 4].
        scale: f4[n, 3], or None where every scale is 1.
        packed: the same translations and rotations as the stream's whole numbers, i8[n, 3] and u2[n, 3], where they have been
            rounded to them already (`sync.codec.snap_pose`); else None.
    """

    ordinal: int
    event_ns: int
    index: U4
    translation: F8
    rotation: F4
    scale: F4 | None = None
    packed: tuple[I8, NDArray[np.uint16]] | None = None

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True, slots=True)
class VisibilityColumns:
    """Nodes whose own visibility is bound: index u32[n] strictly increasing, visible bool[n]."""

    index: U4
    visible: Bool

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True, slots=True)
class StyleColumns:
    """Display colours by binding: index u32[n] strictly increasing, rgba u8[n, 4] (sRGB; alpha 0 = authored look)."""

    index: U4
    rgba: U1

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True, slots=True)
class AttributeColumns:
    """Bound attributes: slot u32[n] indexes `BindingPlan.attributes`, value f8[n] in the unit the binding names."""

    slot: U4
    value: F8

    def __len__(self) -> int:
        return len(self.slot)


@dataclass(frozen=True, slots=True)
class LabelColumns:
    """Bound labels: slot u32[n] indexes `BindingPlan.labels`, choice i8[n] its labels; -1 = the authored ones."""

    slot: U4
    choice: I8

    def __len__(self) -> int:
        return len(self.slot)


@dataclass(frozen=True, slots=True)
class SignalColumns:
    """Signal values that changed: signal u32[n] indexes the state's `signal_ids`.

    value f8[n] is in SI (bool and enum as numbers; NaN where the value is not a number), event_ns i8[n],
    quality u32[n] (OPC UA StatusCode).
    """

    signal: U4
    value: F8
    event_ns: I8
    quality: U4

    def __len__(self) -> int:
        return len(self.signal)


@dataclass(frozen=True, slots=True)
class TextColumns:
    """Texts of string signals that changed: signal u32[n] strictly increasing, text of each, event_ns i8[n], quality u32[n]."""

    signal: U4
    text: tuple[str, ...]
    event_ns: I8
    quality: U4

    def __len__(self) -> int:
        return len(self.signal)


@dataclass(frozen=True, slots=True)
class EntityColumns:
    """Which entity a node shows from now on: index u32[n] strictly increasing, entity i8[n] (never used again; -1 none)."""

    index: U4
    entity: I8

    def __len__(self) -> int:
        return len(self.index)


def _empty_texts() -> TextColumns:
    return TextColumns(
        frozen(np.empty(0), np.uint32), (), frozen(np.empty(0), np.int64), frozen(np.empty(0), np.uint32)
    )


def _empty_entities() -> EntityColumns:
    return EntityColumns(frozen(np.empty(0), np.uint32), frozen(np.empty(0), np.int64))


def _empty_visibility() -> VisibilityColumns:
    return VisibilityColumns(frozen(np.empty(0), np.uint32), frozen(np.empty(0), np.bool_))


def _empty_style() -> StyleColumns:
    return StyleColumns(frozen(np.empty(0), np.uint32), frozen(np.empty((0, 4)), np.uint8))


def _empty_attributes() -> AttributeColumns:
    return AttributeColumns(frozen(np.empty(0), np.uint32), frozen(np.empty(0), np.float64))


def _empty_labels() -> LabelColumns:
    return LabelColumns(frozen(np.empty(0), np.uint32), frozen(np.empty(0), np.int64))


def _empty_signals() -> SignalColumns:
    return SignalColumns(
        frozen(np.empty(0), np.uint32),
        frozen(np.empty(0), np.float64),
        frozen(np.empty(0), np.int64),
        frozen(np.empty(0), np.uint32),
    )


def empty_pose(ordinal: int = 0, event_ns: int = 0) -> PoseColumns:
    """Pose columns of no node."""
    return PoseColumns(
        ordinal,
        event_ns,
        frozen(np.empty(0), np.uint32),
        frozen(np.empty((0, 3)), np.float64),
        frozen(np.empty((0, 4)), np.float32),
    )


@dataclass(frozen=True, slots=True)
class TickColumns:
    """All that one tick changed. `watermark_ns`: no older event is expected any more."""

    pose: PoseColumns
    visibility: VisibilityColumns = field(default_factory=_empty_visibility)
    style: StyleColumns = field(default_factory=_empty_style)
    attributes: AttributeColumns = field(default_factory=_empty_attributes)
    signals: SignalColumns = field(default_factory=_empty_signals)
    watermark_ns: int = 0
    labels: LabelColumns = field(default_factory=_empty_labels)
    texts: TextColumns = field(default_factory=_empty_texts)
    entities: EntityColumns = field(default_factory=_empty_entities)

    @property
    def ordinal(self) -> int:
        return self.pose.ordinal
