"""Live bones into the stage: a SkelAnimation in the `live` layer for each skeleton that something moves. Touches pxr.

The viewer bends meshes by the poses of bones (`bones`); USD bends them by the animation that is bound to the Skeleton. Both are
written from the same columns: the animation's translations, rotations and scales are the bones' local poses.
"""

from typing import Any

import numpy as np

from twinstage.scene.bones import Rig, rig_of
from twinstage.scene.columns import PoseColumns
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import OpenedStage
from twinstage.scene.transforms import decompose_trs

ANIMATION = "twin_live"
"""Name of the SkelAnimation below its Skeleton."""


class LiveSkeletons:
    """The skeletons with bones of one stage. Specs are made when the first bone of a skeleton moves."""

    def __init__(self, opened: OpenedStage, snapshot: Snapshot) -> None:
        self._opened, self._snapshot = opened, snapshot
        paths, known = snapshot.prims.path, snapshot.prims.index_of
        self._rigs: list[Rig] = []
        self._owner: dict[int, tuple[int, int]] = {}  # node -> number of its rig, and of its joint
        for node, kind in enumerate(snapshot.prims.type_name):
            rig = rig_of(opened.stage.GetPrimAtPath(paths[node])) if kind == "Skeleton" else None
            if rig is None or any(bone not in known for bone in rig.bones):
                continue
            self._owner |= {known[bone]: (len(self._rigs), k) for k, bone in enumerate(rig.bones)}
            self._rigs.append(rig)
        self._bones = np.array(sorted(self._owner), np.int64)
        self._live: dict[int, _Animation] = {}

    def prepare(self, nodes: np.ndarray) -> None:
        """Make what the poses of these nodes need; not inside a change block."""
        for number in sorted({self._owner[node][0] for node in self._moved(nodes)} - self._live.keys()):
            rig, known = self._rigs[number], self._snapshot.prims.index_of
            local = self._snapshot.node_local[[known[bone] for bone in rig.bones]]
            self._live[number] = _Animation(self._opened, rig, local)

    def write(self, pose: PoseColumns) -> None:
        """Take over the poses of bones."""
        rows = np.flatnonzero(np.isin(pose.index, self._bones)) if len(self._bones) else ()
        touched = set()
        for row in rows:
            number, joint = self._owner[int(pose.index[row])]
            scale = None if pose.scale is None else pose.scale[row]
            self._live[number].set(joint, pose.translation[row], pose.rotation[row], scale)
            touched.add(number)
        for number in touched:
            self._live[number].write()

    def _moved(self, nodes: np.ndarray) -> list[int]:
        found: list[int] = nodes[np.isin(nodes, self._bones)].tolist() if len(self._bones) else []
        return found


class _Animation:
    """The arrays of one SkelAnimation, kept here and set whole."""

    def __init__(self, opened: OpenedStage, rig: Rig, local: np.ndarray) -> None:
        """`local`: parent_from_bone of each joint as it stands, f8[j, 4, 4] [m]."""
        from pxr import Sdf, Vt

        self._unit = opened.meters_per_unit
        translation, self.rotations, self.scales, _ = decompose_trs(local)
        self.translations = translation / self._unit
        types, layer = Sdf.ValueTypeNames, opened.layers.live
        shapes = _blend_shapes(opened, rig)  # the stage is asked before the layer changes
        with Sdf.ChangeBlock():
            spec = Sdf.CreatePrimInLayer(layer, f"{rig.path}/{ANIMATION}")
            spec.specifier, spec.typeName = Sdf.SpecifierDef, "SkelAnimation"
            joints = Sdf.AttributeSpec(spec, "joints", types.TokenArray, Sdf.VariabilityUniform)
            joints.default = Vt.TokenArray(rig.joints)
            self._specs = {
                "translations": Sdf.AttributeSpec(spec, "translations", types.Float3Array),
                "rotations": Sdf.AttributeSpec(spec, "rotations", types.QuatfArray),
                "scales": Sdf.AttributeSpec(spec, "scales", types.Half3Array),
            }
            if shapes is not None:  # the authored animation goes on to say what blend shapes do
                names = Sdf.AttributeSpec(spec, "blendShapes", types.TokenArray, Sdf.VariabilityUniform)
                names.default = shapes[0]
                Sdf.AttributeSpec(spec, "blendShapeWeights", types.FloatArray).default = shapes[1]
            skeleton = Sdf.CreatePrimInLayer(layer, rig.path)
            skeleton.SetInfo("apiSchemas", Sdf.TokenListOp.Create(prependedItems=["SkelBindingAPI"]))
            source = Sdf.RelationshipSpec(skeleton, "skel:animationSource", False)
            source.targetPathList.explicitItems = [Sdf.Path(f"{rig.path}/{ANIMATION}")]
            self.write()

    def set(
        self, joint: int, translation: np.ndarray, rotation: np.ndarray, scale: "np.ndarray | None"
    ) -> None:
        """The pose of a joint: [m], wxyz, and its scale, which stays where it is None."""
        self.translations[joint] = translation / self._unit
        self.rotations[joint] = rotation
        self.scales[joint] = 1.0 if scale is None else scale

    def write(self) -> None:
        """All arrays into the layer."""
        from pxr import Vt

        quats = np.ascontiguousarray(self.rotations[:, [1, 2, 3, 0]], np.float32)  # in memory: x, y, z, w
        self._specs["translations"].default = Vt.Vec3fArray.FromNumpy(
            np.ascontiguousarray(self.translations, np.float32)
        )
        self._specs["rotations"].default = Vt.QuatfArray.FromNumpy(quats)
        self._specs["scales"].default = Vt.Vec3hArray.FromNumpy(np.ascontiguousarray(self.scales, np.float16))


def _blend_shapes(opened: OpenedStage, rig: Rig) -> "tuple[Any, Any] | None":
    """Names and weights of the blend shapes that the authored animation moves, as they were read."""
    from pxr import UsdSkel

    from twinstage.scene.read import time_at

    prim = opened.stage.GetPrimAtPath(rig.path)
    while prim and not prim.IsPseudoRoot():
        source = UsdSkel.BindingAPI(prim).GetAnimationSource()
        if source:
            animation = UsdSkel.Animation(source)
            names = animation.GetBlendShapesAttr().Get()
            weights = animation.GetBlendShapeWeightsAttr().Get(time_at(opened.stage, None))
            return (names, weights) if names and weights and len(names) == len(weights) else None
        prim = prim.GetParent()
    return None
