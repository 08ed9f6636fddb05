"""What a change from frame to frame costs: which ones build a scene again or compile a kernel, and which trees they touch."""

import io
from dataclasses import replace

import numpy as np
import pytest

from twinstage.render.camera import look_at
from twinstage.render.engines import open_engine
from twinstage.render.mi import scene
from twinstage.render.mi.runtime import load_mitsuba
from twinstage.render.mi.trees import Trees
from twinstage.scene.columns import frozen
from twinstage.scene.snapshot import Light, Material, Texture, TextureInput

pytestmark = pytest.mark.skipif(not load_mitsuba().vectorised, reason="kernels need libLLVM")


def _png(color):
    from PIL import Image

    data = io.BytesIO()
    Image.fromarray(np.full((4, 4, 3), color, np.uint8)).save(data, "PNG")
    return data.getvalue()


def _scene(hand, count=6):
    """Balls and boxes in turns in a row over a floor, apart from each other; the boxes have an image."""
    materials = [
        Material("/floor", diffuse_color=(0.5, 0.4, 0.3)),
        Material("/plain", diffuse_color=(0.2, 0.5, 0.7), roughness=0.4),
        Material("/image", textures=(("diffuseColor", TextureInput(texture=0)),)),
    ]
    shapes = hand.sphere(0.4, 12), hand.box((0.6, 0.6, 0.6))
    things = [(shapes[k % 2], hand.pose([k - count / 2, 0.3 * k, 0.7]), k + 1) for k in range(count)]
    return hand.snapshot(
        [(hand.quad(20.0), np.eye(4), 0), *things],
        materials=materials,
        material_of=[[0], *([1 + k % 2] for k in range(count))],
        lights=[
            (Light(prim=0, kind="dome", radiance=(0.4, 0.4, 0.5)), np.eye(4)),
            (Light(prim=0, kind="rect", radiance=(9.0,) * 3, width=2, height=2), hand.pose([0, 0, 5])),
        ],
        textures=(
            Texture("red.png", "red", _png((200, 30, 30))),
            Texture("blue.png", "blue", _png((30, 30, 200))),
        ),
    )


def _moved(snapshot, rows, step):
    """Those instances lifted by `step` [m]."""
    from twinstage.scene.columns import PoseColumns

    nodes = snapshot.instances.node[rows]
    translation = snapshot.node_local[nodes][:, :3, 3] + [0.0, 0.0, step]
    turn = np.tile([1.0, 0.0, 0.0, 0.0], (len(rows), 1))
    return snapshot.moved(
        PoseColumns(0, 0, frozen(nodes, np.uint32), frozen(translation, np.float64), frozen(turn, np.float32))
    )


def _hidden(snapshot, row):
    shown = np.array(snapshot.instances.visible)
    shown[row] = False
    return replace(snapshot, instances=replace(snapshot.instances, visible=frozen(shown, np.bool_)))


def _with_material(snapshot, row, **changes):
    materials = list(snapshot.materials)
    materials[row] = replace(materials[row], **changes)
    return replace(snapshot, materials=tuple(materials))


def _changes(start):
    """Each kind of change, by name."""
    lights = (start.lights[0], replace(start.lights[1], radiance=(1.0, 5.0, 2.0), width=1.0))
    other = (("diffuseColor", TextureInput(texture=1)),)
    return {
        "moved": _moved(start, [1, 2], 0.2),
        "hidden": _hidden(start, 2),
        "recoloured": _with_material(start, 1, diffuse_color=(0.9, 0.1, 0.1), roughness=0.7),
        "retextured": _with_material(start, 2, textures=other),
        "relit": replace(start, lights=lights),
        "as before": start,
    }


SMALL = 50
"""Operations of kernels that copy, which take a few milliseconds to compile; those that trace have thousands."""


def _compiled(dr, least=SMALL):
    """Kernels of so many operations that were not found in memory since the last call."""
    history = dr.kernel_history([dr.KernelType.JIT])
    return sum(kernel["operation_count"] >= least for kernel in history if not kernel["cache_hit"])


@pytest.mark.parametrize("large", [0, 10**9])
@pytest.mark.parametrize("kind", ["direct", "path"])
def test_changes_build_no_scene_and_compile_no_kernel(hand, monkeypatch, kind, large):
    monkeypatch.setattr(scene, "LARGE", large)
    dr = load_mitsuba().dr
    start = _scene(hand)
    cameras = [look_at([0, -6, z], [0, 0, 0], width=24, height=18) for z in (2.0, 3.0, 4.0)]
    engine = open_engine(kind=kind, spp=2)
    engine.expect(start, [_moved(start, [1, 2], 0.1), _hidden(start, 2)])
    for snapshot in (start, _moved(start, [1, 2], 0.3)):
        engine.render(snapshot, cameras[0])
    assert isinstance(engine._living.scene, Trees) == (large == 0)
    with dr.scoped_set_flag(dr.JitFlag.KernelHistory, True):
        dr.kernel_history_clear()
        pictures = {}
        for name, snapshot in _changes(start).items():
            for camera in cameras:
                pictures[name] = engine.render(snapshot, camera).aovs["rgb"].tobytes()
            assert _compiled(dr) == 0, name
    assert engine._living.builds == 1
    assert len(set(pictures.values())) == len(pictures)  # every change is seen


def test_kernels_that_are_compiled_are_counted(hand):
    """The count of the test above can be other than 0."""
    runtime = load_mitsuba()
    dr, mi = runtime.dr, runtime.mi
    with dr.scoped_set_flag(dr.JitFlag.KernelHistory, True):
        dr.kernel_history_clear()
        chance = float(np.random.default_rng().random())
        dr.eval(mi.Float([1.0, 2.0]) * chance + 0.1234567)
        assert _compiled(dr, least=1) == 1


@pytest.mark.parametrize("kind", ["direct", "path"])
def test_two_trees_show_what_one_shows(hand, monkeypatch, kind):
    """To the last byte, where no surfaces lie in the same place: also glass and cut-outs, which are looked through."""
    start = _with_material(_scene(hand), 1, opacity=0.4)
    camera = look_at([0, -6, 3], [0, 0, 0], width=48, height=36)
    frames = [_moved(start, [1, 4], step) for step in (0.0, 0.1, 0.2)]
    pictures = {}
    for large in (0, 10**9):
        monkeypatch.setattr(scene, "LARGE", large)
        engine = open_engine(kind=kind, spp=4, clamp=0)
        pictures[large] = [engine.linear(frame, camera).tobytes() for frame in frames]
        assert isinstance(engine._living.scene, Trees) == (large == 0)
    assert pictures[0] == pictures[10**9]
    assert len(set(pictures[0])) == 3


def test_what_rests_is_left_alone_when_something_moves(hand, monkeypatch):
    monkeypatch.setattr(scene, "LARGE", 0)
    start, camera = _scene(hand), look_at([0, -6, 3], [0, 0, 0], width=16, height=12)
    engine = open_engine(kind="direct", spp=1)
    for step in (0.0, 0.1):
        engine.render(_moved(start, [1], step), camera)
    living = engine._living
    touched = []
    for params in living._params:
        update = params.update
        monkeypatch.setattr(
            params, "update", lambda u=update: touched.append({key for _, key in u() for key in key})
        )
    living.follow(_moved(start, [1], 0.2))
    assert touched[0] == set() and "vertex_positions" in touched[1]
    resting = [group for group in living._groups if not group.key.moving]
    assert [set(group.rows.tolist()) for group in living._groups if group.key.moving] == [{1}]
    assert sum(len(group.rows) for group in resting) == len(start.instances) - 1


def test_one_colour_a_subset(hand):
    """Two slots of one prototype, each with a displayColor that is the same everywhere in it, show two colours."""
    square = hand.quad(2.0)
    points = np.concatenate([square.points, square.points + np.float32([3.0, 0, 0])])
    both = replace(
        square,
        hash="two colours",
        points=frozen(points, np.float32),
        normals=frozen(np.concatenate([square.normals] * 2), np.float32),
        uv=None,
        color=frozen(np.repeat([[0.9, 0.0, 0.0], [0.0, 0.0, 0.9]], len(square.points), 0), np.float32),
        triangles=frozen(
            np.concatenate([square.triangles, square.triangles + len(square.points)]), np.uint32
        ),
        slot=frozen(np.repeat([0, 1], len(square.triangles)), np.int32),
        slots=("", "right"),
    )
    snapshot = hand.snapshot(
        [(both, np.eye(4), 0)],
        materials=[Material("", roughness=1.0), Material("", roughness=0.9)],
        material_of=[[0, 1]],
        lights=[(Light(prim=0, kind="dome", radiance=(1.0, 1.0, 1.0)), np.eye(4))],
    )
    camera = look_at([1.5, 0, 8], [1.5, 0, 0], up=[0, 1, 0], width=60, height=30)
    linear = open_engine(kind="direct", spp=4).linear(snapshot, camera)
    left, right = linear[15, 18], linear[15, 42]
    assert left[0] > 5 * left[2] and right[2] > 5 * right[0]
