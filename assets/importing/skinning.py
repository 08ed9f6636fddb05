"""Skins as UsdSkel has them: joints in an order with parents first, local to the parent joint, and skinned points. Pure.

The skeleton stands in the model's own frame, as the skinned meshes do: what lies between two joints, or above the first, is
part of the joint below it.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from twinstage.assets.importing.document import Channel, Document
from twinstage.assets.importing.motion import all_times, evaluate
from twinstage.assets.importing.names import Names, prim_name
from twinstage.assets.importing.usd_motion import rest
from twinstage.scene.transforms import compose_trs, decompose_trs


@dataclass(frozen=True)
class Rig:
    """A skin's joints, parents first.

    nodes: of the document. names: UsdSkel joint names, "hips/spine". rank: place in this order of the file's joint numbers.
    chains: nodes from below the parent joint down to the joint. bind: model from joint, f8[n, 4, 4]; local: at rest.
    """

    nodes: tuple[int, ...]
    parents: tuple[int, ...]
    names: tuple[str, ...]
    rank: np.ndarray
    chains: tuple[tuple[int, ...], ...]
    bind: np.ndarray
    local: np.ndarray

    @property
    def moving(self) -> set[int]:
        """Nodes whose motion moves a joint."""
        return {node for chain in self.chains for node in chain}


def make_rig(document: Document, number: int) -> Rig:
    """The rig of a skin. Where what lies between joints would shear one, it becomes a joint of its own."""
    skin = document.skins[number]
    nodes = tuple(sorted({*skin.joints, *_between(document, set(skin.joints))}))
    place = {node: k for k, node in enumerate(nodes)}
    parents: list[int] = []
    chains: list[tuple[int, ...]] = []
    names: list[str] = []
    siblings: dict[int, Names] = {}
    for k, node in enumerate(nodes):
        chain, above = _chain(document, node, place)
        parent = place[above] if above >= 0 else -1
        name = siblings.setdefault(parent, Names()).give(prim_name(document.nodes[node].name, f"joint_{k}"))
        names.append(name if parent < 0 else f"{names[parent]}/{name}")
        parents.append(parent)
        chains.append(chain)
    rests = {node: document.nodes[node].transform.to_matrix() for chain in chains for node in chain}
    local = np.zeros((len(nodes), 4, 4))
    for k, chain in enumerate(chains):
        local[k] = _chained([rests[node] for node in chain])
    rank = np.array([place[joint] for joint in skin.joints], np.int64)
    rig = Rig(nodes, tuple(parents), tuple(names), rank, tuple(chains), local, local)
    bind = worlds(rig, local)
    for k, inverse in zip(rank.tolist(), skin.inverse_bind, strict=True):
        bind[k] = _inverse(inverse)
    return replace(rig, bind=bind)


def _chain(document: Document, node: int, joints: Container[int]) -> tuple[tuple[int, ...], int]:
    """(nodes from below the parent joint down to `node`, the parent joint or -1)."""
    chain, above = [node], document.nodes[node].parent
    while above >= 0 and above not in joints:
        chain.append(above)
        above = document.nodes[above].parent
    return tuple(reversed(chain)), above


def _between(document: Document, joints: set[int]) -> set[int]:
    """Nodes that are no joints, of chains that scale and so may shear."""
    out: set[int] = set()
    for joint in joints:
        chain, _ = _chain(document, joint, joints)
        scaled = any(
            document.nodes[n].transform.matrix is not None or len(set(document.nodes[n].transform.scale)) > 1
            for n in chain
        )
        moved = any(
            channel.node in chain and channel.path == "scale"
            for animation in document.animations
            for channel in animation.channels
        )
        if len(chain) > 1 and (scaled or moved):
            out.update(chain)
    return out - joints


def _inverse(matrix: np.ndarray) -> np.ndarray:
    try:
        return np.asarray(np.linalg.inv(matrix))
    except np.linalg.LinAlgError:
        return np.eye(4)


def _chained(matrices: Sequence[np.ndarray]) -> np.ndarray:
    out = np.eye(4)
    for matrix in matrices:
        out = out @ matrix
    return out


def worlds(rig: Rig, local: np.ndarray) -> np.ndarray:
    """Model from joint, of local transforms f8[..., n, 4, 4]."""
    out = np.array(local, np.float64)
    for k, parent in enumerate(rig.parents):
        if parent >= 0:
            out[..., k, :, :] = out[..., parent, :, :] @ local[..., k, :, :]
    return out


def skinned(
    points: np.ndarray, joints: np.ndarray, weights: np.ndarray, rig: Rig, local: np.ndarray
) -> np.ndarray:
    """Points f8[n, 3] in the model, for one pose of the joints; `joints`: in the rig's order."""
    matrices = worlds(rig, local) @ np.stack([_inverse(m) for m in rig.bind])
    homogeneous = np.concatenate([np.asarray(points, np.float64), np.ones((len(points), 1))], 1)
    out = np.zeros((len(points), 3))
    for k in range(joints.shape[1]):
        moved = np.einsum("nij,nj->ni", matrices[joints[:, k], :3, :], homogeneous)
        out += weights[:, k : k + 1] * moved
    return out


def poses(
    document: Document, rig: Rig, channels: Mapping[tuple[int, str], Channel]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(times, translations f8[t, n, 3], rotations wxyz f8[t, n, 4], scales f8[t, n, 3]) that say an animation of a rig.

    `channels`: those of the animation, by node and path; those of no joint do not matter.
    """
    mine = [
        c
        for (node, path), c in channels.items()
        if node in rig.moving and path in ("translation", "rotation", "scale")
    ]
    times = all_times(mine) if mine else np.zeros(1)
    parts: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
    for node in rig.moving:
        still = rest(document.nodes[node])
        t, r, s = (
            evaluate(channels[(node, path)], times)
            if (node, path) in channels
            else np.repeat(still[path][None], len(times), 0)
            for path in ("translation", "rotation", "scale")
        )
        length = np.linalg.norm(r, axis=1, keepdims=True)
        parts[node] = (t, r / np.where(length > 0, length, 1.0), s)
    shape = (len(times), len(rig.nodes))
    out = np.zeros((*shape, 3)), np.zeros((*shape, 4)), np.ones((*shape, 3))
    for k, chain in enumerate(rig.chains):
        if len(chain) == 1:
            found = parts[chain[0]]
        else:
            found = decompose_trs(_product([compose_trs(*parts[node]) for node in chain]))[:3]
        for target, values in zip(out, found, strict=True):
            target[:, k] = values
    return times, *out


def _product(stacks: Sequence[np.ndarray]) -> np.ndarray:
    out = stacks[0]
    for stack in stacks[1:]:
        out = out @ stack
    return out
