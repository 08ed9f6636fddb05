"""What a client holds against what USD composes: pxr is the judge of axes, order and hierarchy."""

import json
from types import ModuleType

import numpy as np
from pxr import Gf, Usd, UsdGeom

from twinstage.scene.transforms import compose_trs
from twinstage.sync import codec
from twinstage.sync.hub import Hub
from twinstage.sync.model import SceneModel
from twinstage.sync.scene_json import scene_bytes

PATHS = ["/W", "/W/A", "/W/A/B", "/W/A/B/C", "/W/D", "/W/D/E"]


def test_world_matrices_of_a_client_are_those_of_usd(make: ModuleType) -> None:
    random = np.random.Generator(np.random.Philox(3))
    n = len(PATHS)
    quat = random.normal(size=(n, 4))
    quat /= np.linalg.norm(quat, axis=1, keepdims=True)
    translation = random.uniform(-3, 3, (n, 3))
    translation[0] += [10_000, -2_000, 40]
    scale = random.uniform(0.5, 2.0, (n, 3))
    hub = Hub(make.snapshot(PATHS), epoch="e")
    model = SceneModel(json.loads(scene_bytes(hub.scene)))
    hub.publish(make.tick(make.poses(range(n), translation, quat, scale)))
    model.apply(codec.decode(b"".join(hub.tick(None, frozenset({"pose"})))))

    published, held = authored(PATHS, compose_trs(translation, quat, scale)), authored(PATHS, model.locals())
    local = np.abs(model.locals()[:, :3, 3] - translation).max()
    assert local <= codec.QUANTUM / 2
    for path in PATHS:
        world = model.world(model.node(path))
        assert np.abs(world - usd_world(held, path)).max() < 1e-9 * 1e4
        # A rotation errs by 1.5e-4 at most at each of up to three levels above, over levers of some metres.
        assert np.abs(world - usd_world(published, path)).max() < 3 * 1.5e-4 * 3 * 4 * 2**3


def usd_world(stage: Usd.Stage, path: str) -> np.ndarray:
    """world_from_prim, column-vector, as USD composes it."""
    cache = UsdGeom.XformCache()
    return np.array(cache.GetLocalToWorldTransform(stage.GetPrimAtPath(path))).T


def authored(paths: list[str], matrices: np.ndarray) -> Usd.Stage:
    """A stage of Xforms with those local matrices, written through pxr."""
    stage = Usd.Stage.CreateInMemory()
    for path, matrix in zip(paths, matrices, strict=True):
        UsdGeom.Xform.Define(stage, path).AddTransformOp().Set(Gf.Matrix4d(matrix.T.tolist()))
    return stage


def test_a_prim_that_resets_the_transform_stack_hangs_off_the_world(make: ModuleType) -> None:
    paths = ["/W", "/W/A", "/W/A/B"]
    local = np.stack([make.translation(1), make.translation(0, 2), make.translation(0, 0, 4)])
    stage = authored(paths, local)
    UsdGeom.Xformable(stage.GetPrimAtPath("/W/A")).SetResetXformStack(True)
    snapshot = make.snapshot(paths, local=local)
    resets = np.array([False, True, False])
    object.__setattr__(snapshot.prims, "resets", resets)
    model = SceneModel(json.loads(scene_bytes(Hub(snapshot, epoch="e").scene)))
    for path in paths:
        assert np.array_equal(model.world(model.node(path)), usd_world(stage, path))
