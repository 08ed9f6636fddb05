"""Skins and morph targets of a glTF file: joints as nodes, what vertices hang on, the shapes they go towards. numpy only.

A drawn point is sum of w_j world_from_joint_j inverseBind_j p (glTF 2.0, 3.7.3.3); the node of a skinned mesh has no say in
it, as in UsdSkel. The inverse bind matrices hold the geometry's own bind transform, too.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from twinstage.base.finding import Finding
from twinstage.scene.glb import Chunk
from twinstage.scene.glb_builder import GlbBuilder
from twinstage.scene.glb_transforms import node_transforms
from twinstage.scene.motion import Motion, Skeleton
from twinstage.scene.skins import Morph, SkinWeights
from twinstage.scene.snapshot import Prototype, Snapshot

_FLOAT, _U8, _U16, _U32 = 5126, 5121, 5123, 5125
_ARRAY_BUFFER = 34962
_AT_ONCE = 4
"""Joints of one attribute."""

Place = Callable[[dict[str, Any], dict[str, Any] | None, np.ndarray, list[int]], int]
"""Adds a node among siblings and returns its number: (node, its transform, the same as a matrix, siblings)."""


def wanted_rows(motion: Motion) -> list[int]:
    """Rows of the prim table that must be nodes because of skeletons."""
    return [row for skeleton in motion.skeletons for row in (skeleton.prim, *skeleton.bones)]


@dataclass
class SkinWriter:
    """Writes what bends drawings. `nodes`: of prims, by row; `place`: see `Place`.

    Attributes:
        joints: nodes by (skeleton, joint); drawings: nodes of what morphs, by row of the instance table.
    """

    builder: GlbBuilder
    snapshot: Snapshot
    motion: Motion
    nodes: dict[int, int]
    place: Place
    joints: dict[tuple[int, int], int] = field(default_factory=dict)
    drawings: dict[int, int] = field(default_factory=dict)
    _targets: dict[int, list[dict[str, int]]] = field(default_factory=dict)
    _attributes: dict[int, dict[str, int]] = field(default_factory=dict)

    def add_joints(self) -> None:
        """The nodes of all joints, below those of their skeletons."""
        moving = {key for clip in self.motion.clips for key in clip.joints}
        for number, skeleton in enumerate(self.motion.skeletons):
            if skeleton.bones:
                for joint, row in enumerate(skeleton.bones):
                    self.joints[number, joint] = self.nodes[row]
                continue
            whole = np.array([(number, k) in moving for k in range(len(skeleton.parents))], bool)
            transforms = node_transforms(skeleton.local, whole)
            for joint, transform in enumerate(transforms):
                self.joints[number, joint] = self._joint(number, skeleton, joint, transform)

    def _joint(self, number: int, skeleton: Skeleton, joint: int, transform: dict[str, Any] | None) -> int:
        parent = skeleton.parents[joint]
        above = self.nodes[skeleton.prim] if parent < 0 else self.joints[number, parent]
        siblings: list[int] = self.builder.get("nodes")[above].setdefault("children", [])
        extras = {"prim": self.snapshot.prims.path[skeleton.prim], "joint": skeleton.names[joint]}
        node = {"name": skeleton.names[joint], "extras": extras}
        return self.place(node, transform, skeleton.local[joint], siblings)

    def dress(self, row: int, node: int) -> None:
        """Give the node of a drawing its skin and the weights of its morph targets."""
        prototype = self.snapshot.prototypes[int(self.snapshot.instances.prototype[row])]
        entry = self.builder.get("nodes")[node]
        number = self.motion.hung.get(row)
        if number is not None and prototype.skin is not None:
            entry["skin"] = self._skin(number, prototype.skin)
        if prototype.morphs and row in self.motion.weights:
            self.drawings[row] = node
            entry["weights"] = [float(np.float32(w)) for w in self.motion.weights[row]]

    def _skin(self, number: int, skin: SkinWeights) -> int:
        joints = [self.joints[number, k] for k in range(len(self.motion.skeletons[number].parents))]
        entry = {
            "skeleton": self.nodes[self.motion.skeletons[number].prim],
            "joints": joints,
            "inverseBindMatrices": self.builder.matrices(skin.bone_from_gprim),
        }
        return self.builder.shared("skins", entry)

    def attributes(self, number: int) -> dict[str, int]:
        """JOINTS_n and WEIGHTS_n of a prototype that bones bend; {} of another."""
        skin = self.snapshot.prototypes[number].skin
        if skin is None:
            return {}
        if number not in self._attributes:
            found = self._attributes[number] = {}
            small = len(skin.bone_from_gprim) <= 256
            for k in range(skin.joints.shape[1] // _AT_ONCE):
                part = slice(k * _AT_ONCE, (k + 1) * _AT_ONCE)
                joints = skin.joints[:, part].astype("<u1" if small else "<u2")
                found[f"JOINTS_{k}"] = self._vertices(joints, _U8 if small else _U16)
                found[f"WEIGHTS_{k}"] = self._vertices(skin.weights[:, part].astype("<f4"), _FLOAT)
        return self._attributes[number]

    def _vertices(self, rows: np.ndarray, component: int) -> int:
        accessor: dict[str, object] = {"componentType": component, "count": len(rows), "type": "VEC4"}
        return self.builder.chunk(Chunk(np.ascontiguousarray(rows).tobytes(), accessor, _ARRAY_BUFFER))

    def targets(self, number: int) -> list[dict[str, int]]:
        """The morph targets of a prototype."""
        if number not in self._targets:
            prototype = self.snapshot.prototypes[number]
            self._targets[number] = [self._target(prototype, morph) for morph in prototype.morphs]
        return self._targets[number]

    def _target(self, prototype: Prototype, morph: Morph) -> dict[str, int]:
        count = len(prototype.points)
        out = {"POSITION": self._offsets(count, morph.rows, morph.offsets)}
        if any(
            one.normals is not None for one in prototype.morphs
        ):  # all targets of a primitive say the same
            normals = np.zeros((len(morph.rows), 3), np.float32) if morph.normals is None else morph.normals
            out["NORMAL"] = self._offsets(count, morph.rows, normals)
        return out

    def _offsets(self, count: int, rows: np.ndarray, offsets: np.ndarray) -> int:
        """An accessor of offsets f4[count, 3] that are 0 but at `rows`: sparse where that is shorter."""
        values = np.ascontiguousarray(offsets, "<f4")
        low, high = values.min(0, initial=0.0), values.max(0, initial=0.0)
        if len(rows) == count:
            low, high = values.min(0), values.max(0)
        entry: dict[str, Any] = {
            "componentType": _FLOAT,
            "count": count,
            "type": "VEC3",
            "min": low.tolist(),
            "max": high.tolist(),
        }
        if not len(rows):
            return self.builder.shared("accessors", entry)
        if len(rows) * (values.itemsize * 3 + 4) < count * values.itemsize * 3:
            entry["sparse"] = {
                "count": len(rows),
                "indices": {
                    "bufferView": self.builder.view(rows.astype("<u4").tobytes()),
                    "componentType": _U32,
                },
                "values": {"bufferView": self.builder.view(values.tobytes())},
            }
            return self.builder.add("accessors", entry)
        whole = np.zeros((count, 3), "<f4")
        whole[rows] = values
        view = self.builder.view(whole.tobytes(), _ARRAY_BUFFER)
        return self.builder.add("accessors", {"bufferView": view, **entry})


def tell_unsaid(snapshot: Snapshot, motion: Motion, rows: np.ndarray, findings: list[Finding]) -> None:
    """Note what a reader at rest left straight though something bends it: points of instancers. `rows`: of those."""
    drawn = snapshot.instances.prototype[rows]
    bent = {
        int(k)
        for k in np.unique(drawn)
        if snapshot.prototypes[k].skin is not None or snapshot.prototypes[k].morphs
    }
    count = int(np.isin(drawn, list(bent)).sum()) if bent else 0
    if count:
        text = f"{count} x points of instancers are drawn in their bind pose: a GLB file bends no instanced points here"
        findings.append(Finding("gltf.skin-points", "warning", "", text))
    wide = [p.source for p in snapshot.prototypes if p.skin is not None and p.skin.joints.shape[1] > _AT_ONCE]
    if wide and motion.hung:
        text = (
            f"{len(wide)} x meshes have vertices on more than four joints (JOINTS_1 and on); "
            "viewers may use the four strongest only"
        )
        findings.append(Finding("gltf.skin-influences", "info", wide[0], text))
