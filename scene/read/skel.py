"""UsdSkel: points and normals as they are at the time code read.

pxr's own skinning does the work (linear and dual quaternion, blend shapes with in-betweens); its answers are in the
skeleton's frame, and go from there to the gprim's own. A gprim that one joint carries rigidly is deformed the same way, so that
its node keeps the transform that was authored.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from twinstage.scene.bones import Rig, rig_of
from twinstage.scene.columns import F8, I8, frozen
from twinstage.scene.read.context import ReadContext, array
from twinstage.scene.read.skel_rest import hangs, normal_offsets, sub_shapes
from twinstage.scene.skins import InstanceSkin, SkinWeights, strongest
from twinstage.scene.tables import InstanceTable, PrimTable

if TYPE_CHECKING:
    from twinstage.scene.read.geometry import MeshData, PrototypeStore


@dataclass(frozen=True)
class Skin:
    """What deforms one gprim. `key`: equal for instances that are deformed alike; `gprim_from_skel`: row-vector f8[4, 4]."""

    context: ReadContext
    prim: Any
    query: Any
    skeleton: Any
    gprim_from_skel: F8
    key: tuple[object, ...]
    rig: Rig | None = None

    @cached_property
    def at_rest(self) -> bool:
        """Whether the gprim stays as it is at rest, because a file will say what bends it."""
        return self.context.at_rest and hangs(self)

    def points(self, rest: np.ndarray) -> "F8 | None":
        """Points f8[n, 3] of the gprim [stage units] -> deformed ones; None, with a finding, where the binding does not fit."""
        from pxr import Vt

        if self.at_rest:
            return np.asarray(rest, np.float64)
        points = Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(rest, np.float32))
        if self.query.HasBlendShapes() and not self._blend(points):
            self._report("its blend shapes do not fit its points")
            return None
        if not self.query.HasJointInfluences():
            return array(points)
        transforms = self.transforms()
        if transforms is None or not self.influences_fit(len(points)):
            self._report("its joint influences do not fit its skeleton and points")
            return None
        if not self.query.ComputeSkinnedPoints(transforms, points, self.context.time):
            self._report("its points cannot be skinned")
            return None
        moved = np.asarray(points, np.float64)
        return np.asarray(moved @ self.gprim_from_skel[:3, :3] + self.gprim_from_skel[3, :3])

    def weights(self, data: "MeshData", points: "np.ndarray | None") -> SkinWeights | None:
        """What the vertices of the mesh hang on, for a skeleton with bones; None where they hang on none."""
        from pxr import Vt

        if points is None or data.point is None or not self.query.HasJointInfluences():
            return None
        skinning = self.transforms()
        if skinning is None or not self.influences_fit(len(points)):
            return None
        rest = Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(points, np.float32))
        if self.query.HasBlendShapes() and not self._blend(rest):
            return None
        found = self.query.ComputeVaryingJointInfluences(len(points), self.context.time)
        order = [str(joint) for joint in self.skeleton.GetJointOrder()]
        own = self.query.GetJointOrder()
        place = np.array([order.index(str(joint)) if str(joint) in order else -1 for joint in own or order])
        joints = place[np.asarray(found[0], np.int64)].reshape(len(points), -1)
        joints, weights = strongest(joints, np.asarray(found[1], np.float64).reshape(joints.shape))
        if joints.min(initial=0) < 0:
            return None
        bind = np.linalg.inv(np.asarray(self.skeleton.GetJointWorldBindTransforms(), np.float64))
        geometry = np.asarray(self.query.GetGeomBindTransform(self.context.time), np.float64)
        conversion = self.context.conversion
        at = data.point
        # The normals were bent already: back through the transpose of what bent them.
        whole = geometry @ np.asarray(skinning, np.float64) @ self.gprim_from_skel
        blended = np.einsum("vk,vkrc->vrc", weights.astype(np.float64), whole[joints])[at][:, :3, :3]
        normals = np.einsum("vrc,vc->vr", blended, data.normals.astype(np.float64))
        length = np.linalg.norm(normals, axis=1, keepdims=True)
        normals = np.where(length > 0, normals / np.where(length > 0, length, 1), data.normals)
        return SkinWeights(
            points=frozen(np.asarray(rest, np.float64)[at] * conversion.scale, np.float32),
            normals=frozen(normals, np.float32),
            joints=frozen(joints[at], np.int32),
            weights=frozen(weights[at], np.float32),
            bone_from_gprim=frozen(conversion.matrices(geometry @ bind), np.float64),
        )

    def normals(self, rest: np.ndarray, point: I8, n_points: int) -> F8:
        """Authored normals f8[k, 3] that stand at these points i8[k] -> deformed ones, not of unit length."""
        from pxr import UsdSkel, Vt

        normals = np.asarray(rest, np.float64)
        if self.at_rest:
            return normals
        if self.query.HasBlendShapes():
            normals = normals + self._normal_offsets(n_points)[point]
        transforms = self.transforms() if self.query.HasJointInfluences() else None
        if transforms is None or not self.influences_fit(n_points):
            return normals
        found = self.query.ComputeVaryingJointInfluences(n_points, self.context.time)
        per_point = self.query.GetNumInfluencesPerComponent()
        rows = (point[:, None] * per_point + np.arange(per_point)).reshape(-1)
        indices = np.asarray(found[0], np.int32)[rows]
        weights = np.asarray(found[1], np.float32)[rows]
        out = Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(normals, np.float32))
        bind = np.asarray(self.query.GetGeomBindTransform(self.context.time))
        UsdSkel.SkinNormals(
            self.query.GetSkinningMethod(),
            _normal_matrices(bind[None])[0],
            _normal_matrices(self._ordered(transforms)),
            Vt.IntArray.FromNumpy(indices),
            Vt.FloatArray.FromNumpy(weights),
            per_point,
            out,
        )
        return np.asarray(out, np.float64) @ np.linalg.inv(self.gprim_from_skel[:3, :3]).T

    def rigid(self) -> "F8 | None":
        """Where one joint moves the whole gprim: its deformation in its own frame, row-vector f8[4, 4]; else None."""
        if not self.query.IsRigidlyDeformed() or not self.query.HasJointInfluences():
            return None
        transforms = self.transforms()
        if transforms is None or not self.influences_fit(1):
            self._report("its joint influences do not fit its skeleton")
            return None
        moved = np.asarray(self.query.ComputeSkinnedTransform(transforms, self.context.time))
        return np.asarray(moved @ self.gprim_from_skel)

    def _report(self, reason: str) -> None:
        path = self.prim.GetPath()
        self.context.finding("skel.binding", f"{path} is drawn in its bind pose: {reason}", path)

    def transforms(self) -> Any:
        """The skinning transforms in the skeleton's joint order, or None."""
        transforms = self.skeleton.ComputeSkinningTransforms(self.context.time) if self.skeleton else None
        if not transforms or not np.isfinite(np.asarray(transforms)).all():
            return None
        return transforms

    def _ordered(self, transforms: Any) -> np.ndarray:
        """The same in the gprim's own joint order."""
        from pxr import Vt

        mapper = self.query.GetJointMapper()
        if mapper is None or mapper.IsIdentity():
            return np.asarray(transforms)
        size = len(self.query.GetJointOrder() or ())
        target = Vt.Matrix4dArray.FromNumpy(np.tile(np.eye(4), (size, 1, 1)))
        return np.asarray(mapper.RemapTransforms(transforms, target))

    def influences_fit(self, n_points: int) -> bool:
        """Whether the joint influences fit that number of points and the skeleton."""
        order = self.query.GetJointOrder()
        joints = len(order or self.skeleton.GetJointOrder() or ())
        found = self.query.ComputeVaryingJointInfluences(n_points, self.context.time)
        if not found or len(found[0]) != len(found[1]):
            return False
        if len(found[0]) != n_points * self.query.GetNumInfluencesPerComponent():
            return False
        indices = np.asarray(found[0])
        return bool(len(indices) == 0 or (indices.min() >= 0 and indices.max() < joints))

    def _shapes(self) -> "tuple[Any, Any] | None":
        """The blend shape query and its (weights, shape numbers, sub-shape numbers); None where nothing is animated."""
        from pxr import UsdSkel

        animation = self.skeleton.GetAnimQuery() if self.skeleton else None
        mapper = self.query.GetBlendShapeMapper()
        if not animation or mapper is None:
            return None
        weights = animation.ComputeBlendShapeWeights(self.context.time)
        if not weights:
            return None
        shapes = UsdSkel.BlendShapeQuery(UsdSkel.BindingAPI(self.prim))
        return shapes, shapes.ComputeSubShapeWeights(mapper.Remap(weights))

    def _blend(self, points: Any) -> bool:
        found = self._shapes()
        if found is None:
            return True
        shapes, weights = found
        numbers, offsets = shapes.ComputeBlendShapePointIndices(), shapes.ComputeSubShapePointOffsets()
        for index in numbers:
            where = np.asarray(index)
            if len(where) and (where.min() < 0 or where.max() >= len(points)):
                return False
        return bool(shapes.ComputeDeformedPoints(*weights, numbers, offsets, points))

    def _normal_offsets(self, n_points: int) -> F8:
        """The sum of the blend shapes' normal offsets at each point, f8[n_points, 3]."""
        out = np.zeros((n_points, 3))
        found = self._shapes()
        if found is None:
            return out
        shapes, (weights, shape_numbers, sub_numbers) = found
        numbers, moving = shapes.ComputeBlendShapePointIndices(), set(sub_shapes(shapes))
        for weight, shape, sub in zip(weights, shape_numbers, sub_numbers, strict=True):
            offsets = normal_offsets(shapes, sub) if sub in moving else None
            if offsets is None:
                continue
            where = np.asarray(numbers[shape]) if len(numbers[shape]) else np.arange(n_points)
            if len(where) == len(offsets) and where.max() < n_points:
                np.add.at(out, where, weight * offsets)
        return out


def _normal_matrices(transforms: np.ndarray) -> Any:
    """Inverse transposes of the upper-left 3x3, as Vt.Matrix3dArray."""
    from pxr import Vt

    upper = np.asarray(transforms, np.float64)[:, :3, :3]
    out = np.empty_like(upper)
    for k, matrix in enumerate(upper):
        out[k] = np.linalg.pinv(matrix).T
    return Vt.Matrix3dArray.FromNumpy(np.ascontiguousarray(out))


@dataclass
class Skins:
    """Finds what deforms a gprim, in all SkelRoots of a stage (prims, instance proxies included)."""

    context: ReadContext
    roots: list[Any]
    _found: "dict[str, Skin] | None" = field(default=None)
    _pxr: list[Any] = field(default_factory=list)  # keeps queries' caches alive

    def find(self, prim: Any) -> "Skin | None":
        """What deforms that gprim, or None."""
        if not self.roots:
            return None
        if self._found is None:
            self._found = {}
            for root in self.roots:
                self._read(root, self._found)
        return self._found.get(str(prim.GetPath()))

    def at(self, path: str) -> "Skin | None":
        """What deforms the gprim of that path, among those that were asked for."""
        return (self._found or {}).get(path)

    def _read(self, root: Any, found: dict[str, Skin]) -> None:
        from pxr import Usd, UsdGeom, UsdSkel

        cache, xforms = UsdSkel.Cache(), UsdGeom.XformCache(self.context.time)
        self._pxr.append(cache)
        skel_root = UsdSkel.Root(root)
        if not cache.Populate(skel_root, Usd.TraverseInstanceProxies()):
            return
        for binding in cache.ComputeSkelBindings(skel_root, Usd.TraverseInstanceProxies()):
            skeleton = binding.GetSkeleton()
            query = cache.GetSkelQuery(skeleton)
            rig = rig_of(skeleton.GetPrim()) if query and not root.IsInstanceProxy() else None
            for target in binding.GetSkinningTargets():
                prim = target.GetPrim()
                bends = rig if _bends(target) and not prim.IsInstanceProxy() else None
                matrix = _relative(xforms, root, skeleton.GetPrim(), prim)
                if matrix is None:
                    path = prim.GetPath()
                    self.context.finding(
                        "skel.transform",
                        f"{path} is drawn in its bind pose: its transform has no inverse",
                        path,
                    )
                    continue
                animation = query.GetAnimQuery() if query else None
                key = (
                    str(animation.GetPrim().GetPath()) if animation else "",
                    str(_shared(skeleton.GetPrim()).GetPath()),
                    matrix.tobytes(),
                )
                found[str(prim.GetPath())] = Skin(self.context, prim, target, query, matrix, key, bends)


def _bends(query: Any) -> bool:
    """Whether bones bend it in the viewer as UsdSkel does: linear blending."""
    return bool(query.HasJointInfluences()) and str(query.GetSkinningMethod()) in ("", "classicLinear")


def instance_skins(
    shapes: "PrototypeStore", instances: InstanceTable, table: PrimTable
) -> tuple[InstanceSkin, ...]:
    """The drawings that bones bend."""
    skinned = np.array([prototype.skin is not None for prototype in shapes.prototypes], bool)
    out = []
    for row in np.flatnonzero(skinned[instances.prototype]).tolist() if skinned.any() else []:
        skin = shapes.skins.at(table.path[int(instances.prim[row])])
        if skin is not None and skin.rig is not None and instances.point_id[row] < 0:
            nodes = tuple(table.index_of.get(bone, -1) for bone in skin.rig.bones)
            if min(nodes) >= 0:
                out.append(InstanceSkin(row, nodes))
    return tuple(out)


def _shared(prim: Any) -> Any:
    return prim.GetPrimInPrototype() if prim.IsInstanceProxy() else prim


def _relative(xforms: Any, root: Any, skeleton: Any, prim: Any) -> "F8 | None":
    """gprim_from_skel, row-vector: through the SkelRoot, so that equal instances get equal numbers; None without an inverse."""
    parts = []
    for one in (skeleton, prim):
        matrix, resets = xforms.ComputeRelativeTransform(one, root)
        if resets:
            parts = [xforms.GetLocalToWorldTransform(p) for p in (skeleton, prim)]
            break
        parts.append(matrix)
    world_skel, world_prim = (np.asarray(m, np.float64) for m in parts)
    if not np.isfinite(world_prim).all() or abs(np.linalg.det(world_prim[:3, :3])) < 1e-30:
        return None
    return np.asarray(world_skel @ np.linalg.inv(world_prim))
