"""Meshes that bones bend, as data: what each vertex hangs on. Pure numpy.

A point at rest p is drawn at sum of w_j world_from_bone_j bone_from_gprim_j p (linear blend skinning).
"""

from dataclasses import dataclass

import numpy as np

from twinstage.scene.columns import F4, F8, I4

INFLUENCES = 4
"""Bones that a vertex hangs on at most: the strongest ones, whose weights then sum to 1."""


@dataclass(frozen=True, slots=True)
class SkinWeights:
    """How a prototype hangs on its bones.

    Attributes:
        points, normals: at rest, f4[v, 3] [m], in the frame of the gprim; those of the prototype are as it was read.
        joints: bones of each vertex, i4[v, k]; weights f4[v, k], of which each row sums to 1. For viewers k is 4.
        bone_from_gprim: of each bone, f8[j, 4, 4] [m].
    """

    points: F4
    normals: F4
    joints: I4
    weights: F4
    bone_from_gprim: F8


@dataclass(frozen=True, slots=True)
class Morph:
    """A shape that a prototype goes towards by a weight: `rows` i4[m], the vertices that it moves, by `offsets` f4[m, 3] [m].

    `normals`: what is added to their normals, f4[m, 3]; None where that is not authored.
    """

    name: str
    rows: I4
    offsets: F4
    normals: F4 | None = None


@dataclass(frozen=True, slots=True)
class InstanceSkin:
    """A drawing that bones bend: row of the instance table, and the node of each bone."""

    instance: int
    nodes: tuple[int, ...]


def strongest(
    joints: np.ndarray, weights: np.ndarray, most: int = INFLUENCES
) -> tuple[np.ndarray, np.ndarray]:
    """The strongest `most` of each row [n, k]: joints i4[n, c] and weights f4[n, c] that sum to 1.

    c is a multiple of four, as great as needed: the strongest four come first.
    """
    used = int((weights > 0).sum(1).max(initial=0))
    most = max(4, min(most, used + -used % 4))
    pad = max(0, most - joints.shape[1])
    joints = np.pad(joints, ((0, 0), (0, pad)))
    weights = np.pad(np.maximum(weights, 0), ((0, 0), (0, pad))).astype(np.float64)
    order = np.argsort(-weights, axis=1, kind="stable")[:, :most]
    joints, weights = np.take_along_axis(joints, order, 1), np.take_along_axis(weights, order, 1)
    total = weights.sum(1, keepdims=True)
    weights = np.where(total > 0, weights / np.where(total > 0, total, 1), np.eye(1, most))
    joints = np.where(weights > 0, joints, 0)
    return joints.astype(np.int32), weights.astype(np.float32)


def bent(skin: SkinWeights, world_from_bone: np.ndarray) -> F8:
    """Places of the vertices in the world [m], f8[v, 3], with the bones f8[j, 4, 4] there; the world may be any frame."""
    matrices = world_from_bone @ skin.bone_from_gprim
    blended = np.einsum("vk,vkrc->vrc", skin.weights.astype(np.float64), matrices[skin.joints])
    return np.asarray(np.einsum("vrc,vc->vr", blended[:, :3, :3], skin.points) + blended[:, :3, 3])


def bent_normals(skin: SkinWeights, world_from_bone: np.ndarray) -> F8:
    """Unit normals of the vertices, f8[v, 3], with the bones there: by the inverse transpose of what bends each vertex."""
    matrices = (world_from_bone @ skin.bone_from_gprim)[:, :3, :3]
    blended = np.einsum("vk,vkrc->vrc", skin.weights.astype(np.float64), matrices[skin.joints])
    # The cofactors are the inverse transpose but for a factor, and exist for every matrix.
    a, b, c = blended[:, :, 0], blended[:, :, 1], blended[:, :, 2]
    cofactors = np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], 2)
    normals = np.einsum("vrc,vc->vr", cofactors, skin.normals)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.asarray(np.where(length > 0, normals / np.where(length > 0, length, 1), skin.normals))


def bone_boxes(skin: SkinWeights) -> F8:
    """Around the vertices that hang on each bone, at rest: least and greatest x, y, z, f8[j, 6]; NaN where none does."""
    out = np.full((len(skin.bone_from_gprim), 6), np.nan)
    for bone in range(len(out)):
        own = skin.points[((skin.joints == bone) & (skin.weights > 0)).any(1)]
        if len(own):
            out[bone] = [*own.min(0), *own.max(0)]
    return out
