"""What a Python producer pushes between two ticks, kept as "newest wins" a node and taken as columns.

`ProducerEdits.set` may be called from any thread; `take` is called by the tick.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

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
SHEAR = 1e-6
"""Greatest part of a matrix that may be lost when it is taken apart into translation, rotation and scale."""


class ProducerEdits:
    """Pending poses, visibilities and colours by node."""

    def __init__(self, snapshot: "Snapshot", *, movable: Callable[[str], bool] | None = None) -> None:
        """`movable` says whether the prim of a path has a transform of its own (UsdGeomXformable)."""
        self._snapshot = snapshot
        self.movable = movable or (lambda path: True)
        self._lock = threading.RLock()
        self._poses: dict[int, Pose] = {}
        self._last: dict[int, Pose] = {}  # so that a later call may leave parts out
        self._visible: dict[int, bool] = {}
        self._color: dict[int, tuple[int, int, int, int]] = {}
        self._pushed: list[TickColumns] = []

    def together(self) -> AbstractContextManager[bool]:
        """Keeps the tick from taking anything until the `with` block ends, so that what is set in it comes in one tick."""
        return self._lock

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
        """Local position [m], rotation (wxyz) and scale.

        What is left out keeps the value that was last set here, else the authored one.
        """
        node = self.node(prim_path)
        if not self.movable(prim_path):
            kind = self._snapshot.prims.type_name[node] or "typeless prim"
            raise UserError(
                f"{prim_path} is a {kind}, which has no transform of its own, so it cannot be moved"
            )
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
        """Columns as they are; UserError where they are not what `scene.columns` says, or name what cannot be moved."""
        pose = columns.pose
        _check_rows(pose.index, pose.translation, (3,), "pose translations")
        _check_rows(pose.index, pose.rotation, (4,), "pose rotations")
        if pose.scale is not None:
            _check_rows(pose.index, pose.scale, (3,), "pose scales")
        if len(pose) and not np.linalg.norm(pose.rotation, axis=1).min() > 1e-9:
            raise UserError("the pose rotations hold a zero quaternion, which is no rotation")
        _check_rows(columns.visibility.index, columns.visibility.visible, (), "visibilities")
        _check_rows(columns.style.index, columns.style.rgba, (4,), "styles")
        for index in (pose.index, columns.visibility.index, columns.style.index):
            self._check_nodes(index)
        with self._lock:
            self._pushed.append(columns)

    def push_all(self, columns: TickColumns) -> None:
        """Columns that were told before, as they are."""
        with self._lock:
            self._pushed.append(columns)

    def use(self, snapshot: "Snapshot") -> None:
        """Another scene from now on; what was set a moment ago stays set, what was pushed as columns is void."""
        with self._lock:
            old, known = self._snapshot.prims.path, snapshot.prims.index_of

            def moved(rows: "dict[int, Any]") -> "dict[int, Any]":
                pairs = ((known.get(old[node]), value) for node, value in rows.items() if node < len(old))
                return {node: value for node, value in pairs if node is not None}

            self._poses, self._last = moved(self._poses), moved(self._last)
            self._visible, self._color = moved(self._visible), moved(self._color)
            self._pushed.clear()
            self._snapshot = snapshot

    def _check_nodes(self, index: np.ndarray) -> None:
        count, proxies = self._snapshot.node_count, self._snapshot.prims.proxy
        if len(index) and int(index[-1]) >= count:
            raise UserError(f"the columns name node {int(index[-1])}, but the scene has {count} nodes")
        prims = index[index < len(proxies)]
        if proxies[prims].any():
            path = self._snapshot.prims.path[int(prims[proxies[prims]][0])]
            raise UserError(f"{path} is inside a native instance and cannot be changed alone; set its root")

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
        translation, rotation, scale, shear = decompose_trs(self._snapshot.node_local[node][None])
        if shear[0] > SHEAR:
            path = self._snapshot.prims.path[node]
            raise UserError(
                f"the authored pose of {path} is sheared, which position, rotation and scale cannot keep"
            )
        return translation[0], rotation[0], scale[0]


def _check_rows(index: np.ndarray, values: np.ndarray, shape: tuple[int, ...], what: str) -> None:
    if values.shape != (len(index), *shape):
        raise UserError(f"the {what} have the shape {values.shape}, but there are {len(index)} nodes")
    if len(index) and not (np.diff(index.astype(np.int64)) > 0).all():
        raise UserError(f"the nodes of the {what} must be in strictly increasing order")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise UserError(f"the {what} hold numbers that are not finite")


def _numbers(values: Sequence[float], n: int, prim_path: str, what: str) -> np.ndarray:
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise UserError(f"{what} of {prim_path} must be {n} finite numbers, got {values!r}") from None
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
