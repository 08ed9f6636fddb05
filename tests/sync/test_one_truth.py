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


def test_the_tool_of_a_six_axis_arm_ten_kilometres_out_is_true_to_a_millimetre_and_a_tenth_of_a_degree(
    make: ModuleType,
) -> None:
    """Along a chain of deltas, against float64 poses that were never quantised, composed here and judged by pxr once."""
    paths = ["/W", "/W/Base"]
    for name in ("J1", "J2", "J3", "J4", "J5", "J6", "Tool"):
        paths.append(f"{paths[-1]}/{name}")
    axes = np.array([[0, 0, 1], [0, 1, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0], [1, 0, 0]], float)
    links = np.array([[0, 0, 0.4], [0.18, 0, 0], [0, 0, 0.89], [0.5, 0, 0.05], [0.52, 0, 0], [0.1, 0, 0]])
    random = np.random.Generator(np.random.Philox(11))
    speed, phase = random.uniform(-1.5, 1.5, 6), random.uniform(0, 6.28, 6)
    hub = Hub(make.snapshot(paths), epoch="e")
    session = hub.connect(lambda: None, now_ns=0)
    model = SceneModel(json.loads(scene_bytes(hub.scene)))
    session.receive('{"type":"hello","caps":["delta","zstd"]}', now_ns=0, wall_ns=0)
    session.receive('{"type":"ready","revision":0}', now_ns=0, wall_ns=0)
    tool, worst, ops = model.node(paths[-1]), np.zeros(2), []
    for k in range(600):
        half = (phase + speed * k / 60) / 2
        quat = np.tile([1.0, 0, 0, 0], (9, 1))
        quat[2:8, 0], quat[2:8, 1:] = np.cos(half), axes * np.sin(half)[:, None]
        translation = np.zeros((9, 3))
        translation[1] = 8_000 + 0.02 * k, -6_000 + 0.01 * k, 12.3
        translation[2:8] = links
        translation[8] = 0.12, 0, 0
        hub.publish(make.tick(make.poses(range(9), translation, quat)))
        for message in session.take(0):
            if isinstance(message, bytes):
                frames = codec.decode(message)
                ops += [frame.header.op for frame in frames]
                assert model.apply(frames) is not None
        session.receive(json.dumps({"type": "ack", "seq": hub.seq}), now_ns=0, wall_ns=0)
        exact = np.eye(4)
        for matrix in compose_trs(translation, quat, np.ones((9, 3))):
            exact = exact @ matrix
        held = model.world(tool)
        turned = exact[:3, :3].T @ held[:3, :3]
        sine = (
            np.linalg.norm(
                [turned[2, 1] - turned[1, 2], turned[0, 2] - turned[2, 0], turned[1, 0] - turned[0, 1]]
            )
            / 2
        )
        error = np.linalg.norm(held[:3, 3] - exact[:3, 3]), np.degrees(np.arcsin(sine))
        worst = np.maximum(worst, error)
    assert ops.count(codec.OP_DELTA) >= 598
    stage = authored(paths, compose_trs(translation, quat, np.ones((9, 3))))
    assert np.abs(usd_world(stage, paths[-1]) - exact).max() < 1e-6
    assert worst[0] < 1e-3 and worst[1] < 0.1, worst
    print(f"\n{1e3 * worst[0]:.3f} mm, {worst[1]:.4f} degrees at the tool")
