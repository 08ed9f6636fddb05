"""The entity pools' share of a tick, merged into its columns. numpy only."""

from dataclasses import replace

import numpy as np

from twinstage.scene.columns import (
    AttributeColumns,
    EntityColumns,
    PoseColumns,
    TickColumns,
    VisibilityColumns,
    frozen,
)
from twinstage.scene.entities import EntityPool
from twinstage.scene.movers import VectorSignals


def update_pools(
    pools: tuple[EntityPool, ...],
    tick: TickColumns,
    changed: np.ndarray,
    inputs: np.ndarray,
    vectors: VectorSignals,
    full: bool,
) -> TickColumns:
    """The tick with what the pools add: poses of what is there, visibility and ids of what came and went."""
    for pool in pools:
        slots, trs, fresh = pool.update(changed, inputs, vectors, full)
        told = np.flatnonzero(fresh | full)
        tick = replace(
            tick,
            pose=_with_poses(tick.pose, pool.slots[slots], trs),
            visibility=_with_visibility(tick.visibility, pool.slots[told], pool.alive[told]),
            attributes=_with_numbers(tick.attributes, pool.attributes[told], pool.id_of[told]),
            entities=_with_entities(tick.entities, pool.slots[told], pool.id_of[told]),
        )
    return tick


def _with_poses(
    pose: PoseColumns, nodes: np.ndarray, trs: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> PoseColumns:
    if not len(nodes):
        return pose
    before = np.ones((len(pose), 3), np.float32) if pose.scale is None else pose.scale
    index = np.concatenate([pose.index.astype(np.int64), nodes])
    order = np.argsort(index, kind="stable")
    scale = np.concatenate([before, trs[2].astype(np.float32)])[order]
    return PoseColumns(
        pose.ordinal,
        pose.event_ns,
        frozen(index[order], np.uint32),
        frozen(np.concatenate([pose.translation, trs[0]])[order], np.float64),
        frozen(np.concatenate([pose.rotation, trs[1].astype(np.float32)])[order], np.float32),
        None if (scale == 1).all() else frozen(scale, np.float32),
    )


def _with_visibility(columns: VisibilityColumns, nodes: np.ndarray, shown: np.ndarray) -> VisibilityColumns:
    index = np.concatenate([columns.index.astype(np.int64), nodes])
    order = np.argsort(index, kind="stable")
    return VisibilityColumns(
        frozen(index[order], np.uint32), frozen(np.concatenate([columns.visible, shown])[order], np.bool_)
    )


def _with_numbers(columns: AttributeColumns, slots: np.ndarray, values: np.ndarray) -> AttributeColumns:
    slot = np.concatenate([columns.slot.astype(np.int64), slots])
    order = np.argsort(slot, kind="stable")
    return AttributeColumns(
        frozen(slot[order], np.uint32), frozen(np.concatenate([columns.value, values])[order], np.float64)
    )


def _with_entities(columns: EntityColumns, nodes: np.ndarray, entity: np.ndarray) -> EntityColumns:
    if not len(nodes):
        return columns
    index = np.concatenate([columns.index.astype(np.int64), nodes])
    order = np.argsort(index, kind="stable")
    joined = np.concatenate([columns.entity, entity])[order]
    return EntityColumns(frozen(index[order], np.uint32), frozen(joined, np.int64))
