"""Prims of a running twin. Belongs to the server's event loop; the search for many runs on another thread. Touches pxr."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from twinstage.live.api.about import material_of, metadata_of, variant_sets_of
from twinstage.live.api.attributes import attributes_of
from twinstage.live.api.paging import paged
from twinstage.live.api.records import AssetDesk
from twinstage.live.api.values import ValueDesk
from twinstage.scene.transforms import compose_trs, decompose_trs
from twinstage.sync.api.calls import Gate
from twinstage.sync.api.globs import path_matcher
from twinstage.sync.api.operation import Refused
from twinstage.sync.api.prims import Pose, Prim, PrimAsk, PrimDetail, PrimPage, PrimsAsk

if TYPE_CHECKING:
    from twinstage.live.twin import LiveTwin
    from twinstage.scene.columns import PoseColumns, VisibilityColumns
    from twinstage.scene.snapshot import Snapshot
    from twinstage.sync.hub import Scene

MOST_SHOWN = 1000
SHEAR = 1e-6


class PrimDesk:
    """Implements `sync.api.prims.PrimSource`."""

    def __init__(self, live: "LiveTwin", values: ValueDesk | None, assets: AssetDesk | None) -> None:
        self._live = live
        self._values = values
        self._assets = assets
        self._gate = Gate(subject="prims")

    async def list_prims(self, asked: PrimsAsk) -> PrimPage:
        """A page of prims."""
        scene, (_, switched) = self._live.hub.scene, self._live.hub.newest()
        return await self._gate.run(_page, scene, switched, asked)

    def get_prim(self, asked: PrimAsk) -> PrimDetail:
        """One prim."""
        path = "/" + asked.path.lstrip("/")
        scene, (pose, switched) = self._live.hub.scene, self._live.hub.newest()
        snapshot = scene.snapshot
        row = snapshot.prims.index_of.get(path)
        if row is None:
            raise Refused(404, f"there is no prim {path!r}")
        shown = snapshot.with_visibility(switched).prims.visible
        children = np.flatnonzero(snapshot.prims.parent == row).tolist()
        told = _told(scene, row, bool(shown[row]))
        if not self._live.writing.locked():  # else what was written last is shown
            self._live.flush()
        stage, locks = self._live.opened.stage, self._locks(path)
        return PrimDetail(
            **told,
            local=pose_of(local_of(snapshot, pose, row)),
            world=pose_of(world_of(snapshot, pose, row)),
            authored=pose_of(snapshot.node_local[row]),
            moved=_place(pose, row) is not None,
            children=tuple(snapshot.prims.path[child] for child in children[:MOST_SHOWN]),
            child_count=len(children),
            points=int(np.count_nonzero(snapshot.points.instancer == row)),
            attributes=attributes_of(stage, path, locks),
            variant_sets=variant_sets_of(stage, path),
            material=material_of(stage, path),
            metadata=metadata_of(stage, path, self._live.library.told),
            pose_locked=locks("pose"),
            visibility_locked=locks("visibility"),
            values=tuple(self._values.of(told["signals"][:MOST_SHOWN])) if self._values else (),
            asset=self._assets.of_prim(path) if self._assets else None,
        )

    def _locks(self, path: str) -> Callable[[str], str | None]:
        """Why a property of that prim cannot be set by hand; None: it can."""
        desk = self._live.desk
        return (lambda _: "this server takes no edits") if desk is None else desk.locks(path)


def _page(scene: "Scene", switched: "VisibilityColumns", asked: PrimsAsk) -> PrimPage:
    rows = _found(scene, asked)
    page, after = paged(rows, asked.limit, asked.after, scene.snapshot.prims.index_of)
    shown = scene.snapshot.with_visibility(switched).prims.visible
    return PrimPage(
        total=len(rows),
        next=None if after is None else scene.snapshot.prims.path[after],
        revision=scene.revision,
        prims=tuple(Prim(**_told(scene, row, bool(shown[row]))) for row in page),
    )


def _found(scene: "Scene", asked: PrimsAsk) -> list[int]:
    prims, matches = scene.snapshot.prims, path_matcher(asked.path)
    rows = [i for i, path in enumerate(prims.path) if matches(path)]
    if asked.kind is not None:
        rows = [i for i in rows if prims.kind[i] == asked.kind]
    if asked.type is not None:
        rows = [i for i in rows if prims.type_name[i] == asked.type]
    if asked.label is not None:
        rows = [i for i in rows if asked.label in prims.labels[i]]
    if asked.bound is not None:
        rows = [i for i in rows if (prims.path[i] in scene.bindings) == asked.bound]
    return rows


def _told(scene: "Scene", row: int, visible: bool) -> dict[str, Any]:
    prims = scene.snapshot.prims
    parent, path = int(prims.parent[row]), prims.path[row]
    return {
        "path": path,
        "node": row,
        "parent": prims.path[parent] if parent >= 0 else "",
        "type": prims.type_name[row],
        "kind": prims.kind[row],
        "purpose": prims.purpose[row],
        "labels": prims.labels[row],
        "visible": visible,
        "signals": scene.bindings.get(path, ()),
    }


def _place(pose: "PoseColumns", node: int) -> int | None:
    at = int(np.searchsorted(pose.index, node))
    return at if at < len(pose) and pose.index[at] == node else None


def local_of(snapshot: "Snapshot", pose: "PoseColumns", node: int) -> np.ndarray:
    """parent_from_node now, f8[4, 4] [m]."""
    at = _place(pose, node)
    if at is None:
        authored: np.ndarray = snapshot.node_local[node]
        return authored
    part = slice(at, at + 1)
    scale = None if pose.scale is None else pose.scale[part]
    out: np.ndarray = compose_trs(pose.translation[part], pose.rotation[part], scale)[0]
    return out


def world_of(snapshot: "Snapshot", pose: "PoseColumns", node: int) -> np.ndarray:
    """world_from_node now, f8[4, 4] [m]."""
    matrix, parent = local_of(snapshot, pose, node), int(snapshot.node_parent[node])
    while parent >= 0:
        matrix = local_of(snapshot, pose, parent) @ matrix
        parent = int(snapshot.node_parent[parent])
    return matrix


def pose_of(matrix: np.ndarray) -> Pose:
    """A matrix f8[4, 4] as people and programs read it."""
    if matrix.shape == (3, 4):
        matrix = np.vstack([matrix, (0.0, 0.0, 0.0, 1.0)])
    _, rotation, scale, shear = decompose_trs(matrix[None])
    whole = bool(shear[0] <= SHEAR)
    rows: Any = tuple(map(tuple, matrix.tolist()))
    return Pose(
        matrix=rows,
        translation=tuple(matrix[:3, 3].tolist()),
        rotation=tuple(rotation[0].tolist()) if whole else None,
        scale=tuple(scale[0].tolist()) if whole else None,
    )
