"""What a Python producer pushes between two ticks, kept as "newest wins" a node and taken as columns.

`ProducerEdits.set` may be called from any thread; `take` is called by the tick.
"""

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from twinstage.base.errors import UserError, did_you_mean
from twinstage.scene.columns import (
    PoseColumns,
    StyleColumns,
    TickColumns,
    VisibilityColumns,
    empty_pose,
    frozen,
)
from twinstage.scene.merge import merge_ticks
from twinstage.scene.transforms import decompose_trs

if TYPE_CHECKING:
    from twinstage.scene.snapshot import Snapshot

Pose = tuple[np.ndarray, np.ndarray, np.ndarray]


class ProducerEdits:
    """Pending poses, visibilities and colours by node."""

    def __init__(self, snapshot: "Snapshot") -> None:
        self._snapshot = snapshot
        self._lock = threading.Lock()
        self._poses: dict[int, Pose] = {}
        self._last: dict[int, Pose] = {}  # so that a later call may leave parts out
        self._visible: dict[int, bool] = {}
        self._color: dict[int, tuple[int, int, int, int]] = {}
        self._pushed: list[TickColumns] = []

    def node(self, prim_path: str) -> int:
        """The node of a prim that may be changed; UserError where there is none."""
        index = self._snapshot.prims.index_of.get(prim_path)
        if index is None:
            raise UserError(
                f"there is no prim {prim_path}{did_you_mean(prim_path, self._snapshot.prims.path)}"
            )
        if self._snapshot.prims.proxy[index]:
            raise UserError(
                f"{prim_path} is inside a native instance and cannot be moved alone; set the instance's root"
            )
        return index

    def set_pose(
        self,
        prim_path: str,
        *,
        position: Sequence[float] | None = None,
        rotation: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
    ) -> None:
        """Local position [m], rotation (wxyz) and scale; what is left out keeps its present value."""
        node = self.node(prim_path)
        with self._lock:
            base = self._last.get(node) or self._authored(node)
            self._poses[node] = self._last[node] = (
                base[0] if position is None else _numbers(position, 3, prim_path, "a position"),
                base[1] if rotation is None else _unit(rotation, prim_path),
                base[2] if scale is None else _numbers(scale, 3, prim_path, "a scale"),
            )

    def set_visible(self, prim_path: str, visible: bool) -> None:
        """Show or hide a prim and all below it."""
        node = self.node(prim_path)
        with self._lock:
            self._visible[node] = bool(visible)

    def set_color(self, prim_path: str, rgba: tuple[int, int, int, int]) -> None:
        """Paint a prim and all below it (sRGB, 0 to 255); alpha 0 gives the authored look back."""
        node = self.node(prim_path)
        with self._lock:
            self._color[node] = rgba

    def push(self, columns: TickColumns) -> None:
        """Columns as they are; UserError where they name a node that is not there or cannot be moved."""
        count, proxies = self._snapshot.node_count, self._snapshot.prims.proxy
        for index in (columns.pose.index, columns.visibility.index, columns.style.index):
            if len(index) and int(index[-1]) >= count:
                raise UserError(f"the columns name node {int(index[-1])}, but the scene has {count} nodes")
            prims = index[index < len(proxies)]
            if proxies[prims].any():
                path = self._snapshot.prims.path[int(prims[proxies[prims]][0])]
                raise UserError(
                    f"{path} is inside a native instance and cannot be changed alone; set its root"
                )
        with self._lock:
            self._pushed.append(columns)

    def take(self, ordinal: int, now_ns: int) -> TickColumns | None:
        """Everything pushed since the last call, or None."""
        with self._lock:
            poses, visible, color, pushed = self._poses, self._visible, self._color, self._pushed
            self._poses, self._visible, self._color, self._pushed = {}, {}, {}, []
        if not (poses or visible or color or pushed):
            return None
        single = TickColumns(pose=_pose_columns(poses, ordinal, now_ns), watermark_ns=now_ns)
        single = replace(
            single,
            visibility=_visibility_columns(visible) if visible else single.visibility,
            style=_style_columns(color) if color else single.style,
        )
        merged = merge_ticks([*pushed, single])
        return replace(merged, pose=replace(merged.pose, ordinal=ordinal), watermark_ns=now_ns)

    def _authored(self, node: int) -> Pose:
        translation, rotation, scale, _ = decompose_trs(self._snapshot.node_local[node][None])
        return translation[0], rotation[0], scale[0]


def _numbers(values: Sequence[float], n: int, prim_path: str, what: str) -> np.ndarray:
    array = np.asarray(values, np.float64)
    if array.shape != (n,) or not np.isfinite(array).all():
        raise UserError(f"{what} of {prim_path} must be {n} finite numbers, got {values!r}")
    return array


def _unit(values: Sequence[float], prim_path: str) -> np.ndarray:
    quat = _numbers(values, 4, prim_path, "a rotation (wxyz)")
    length = float(np.linalg.norm(quat))
    if length < 1e-9:
        raise UserError(f"the rotation of {prim_path} is the zero quaternion, which is no rotation")
    return quat / length


def _pose_columns(poses: dict[int, Pose], ordinal: int, now_ns: int) -> PoseColumns:
    if not poses:
        return empty_pose(ordinal, now_ns)
    nodes = sorted(poses)
    scale = np.array([poses[node][2] for node in nodes])
    return PoseColumns(
        ordinal=ordinal,
        event_ns=now_ns,
        index=frozen(np.array(nodes), np.uint32),
        translation=frozen(np.array([poses[node][0] for node in nodes]), np.float64),
        rotation=frozen(np.array([poses[node][1] for node in nodes]), np.float32),
        scale=None if np.allclose(scale, 1.0, atol=1e-9) else frozen(scale, np.float32),
    )


def _visibility_columns(visible: dict[int, bool]) -> VisibilityColumns:
    nodes = sorted(visible)
    return VisibilityColumns(
        frozen(np.array(nodes), np.uint32), frozen(np.array([visible[node] for node in nodes]), np.bool_)
    )


def _style_columns(color: dict[int, tuple[int, int, int, int]]) -> StyleColumns:
    nodes = sorted(color)
    return StyleColumns(
        frozen(np.array(nodes), np.uint32), frozen(np.array([color[node] for node in nodes]), np.uint8)
    )
