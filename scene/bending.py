"""A snapshot whose bones moved, with its meshes bent by them: for whoever draws prototypes as they are. Pure numpy."""

import hashlib
from dataclasses import replace

import numpy as np

from twinstage.scene.columns import frozen
from twinstage.scene.skins import bent, bent_normals
from twinstage.scene.snapshot import Snapshot


def bent_scene(snapshot: Snapshot) -> Snapshot:
    """The same scene with the prototypes of `skins` as their bones bend them now, one for each drawing.

    Hashes are those of what is bent. A drawing whose gprim's transform has no inverse stays as it was read.
    """
    if not snapshot.skins:
        return snapshot
    prototypes, index = list(snapshot.prototypes), np.array(snapshot.instances.prototype)
    users = np.bincount(index, minlength=len(prototypes))
    for one in snapshot.skins:
        number = int(index[one.instance])
        prototype = prototypes[number]
        gprim = snapshot.instance_world[one.instance]
        if prototype.skin is None or abs(np.linalg.det(gprim[:3, :3])) < 1e-30:
            continue
        bones, back = snapshot.node_world[list(one.nodes)], np.linalg.inv(gprim)
        points = bent(prototype.skin, back @ bones).astype(np.float32)
        normals = bent_normals(prototype.skin, back @ bones).astype(np.float32)
        digest = hashlib.sha256(f"{prototype.hash};bent;".encode() + points.tobytes() + normals.tobytes())
        now = replace(
            prototype,
            hash=digest.hexdigest(),
            points=frozen(points, np.float32),
            normals=frozen(normals, np.float32),
        )
        if users[number] == 1:
            prototypes[number] = now
        else:
            users[number] -= 1
            index[one.instance] = len(prototypes)
            prototypes.append(now)
    return replace(
        snapshot,
        prototypes=tuple(prototypes),
        instances=replace(snapshot.instances, prototype=frozen(index, np.int32)),
    )
