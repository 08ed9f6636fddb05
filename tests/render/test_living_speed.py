"""What a frame costs besides its rays: nothing is built or compiled anew for what only moves or looks different."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from twinstage.render.camera import look_at
from twinstage.render.engines import open_engine
from twinstage.render.threads import cores, limit_threads, threads_each
from twinstage.scene.snapshot import Light, Material, Texture, TextureInput


def _image(name: str, colour: tuple[int, int, int]) -> Texture:
    data = io.BytesIO()
    Image.new("RGB", (4, 4), colour).save(data, "PNG")
    raw = data.getvalue()
    return Texture(name, name, raw)


def _scene(hand, images=(0, 1)):
    """A floor, two boxes with images, a glowing box, a sun and a lamp."""
    box, floor = hand.box(), hand.quad(20.0)
    items = [(floor, hand.pose(), 0)]
    items += [(box, hand.pose([x, 0, 0.6]), k + 1) for k, x in enumerate((-2, 0, 2))]
    textured = [Material(f"/m{k}", textures=(("diffuseColor", TextureInput(texture=k)),)) for k in images]
    materials = (Material("/floor"), *textured, Material("/glow", emissive_color=(2.0, 1.0, 0.5)))
    lights = [
        (Light(prim=0, kind="distant", radiance=(1.0, 1.0, 1.0), angle=0.01), hand.pose()),
        (Light(prim=0, kind="rect", radiance=(3.0, 3.0, 3.0), width=2.0, height=2.0), hand.pose([0, 0, 5])),
    ]
    pictures = (_image("a", (200, 40, 40)), _image("b", (40, 200, 40)))
    return hand.snapshot(
        items, materials=materials, material_of=[[0], [1], [2], [3]], lights=lights, textures=pictures
    )


def _moved(snapshot, rows, by):
    frames = np.array(snapshot.prims.frames.matrices)[rows]
    frames[:, :3, 3] += by
    prims = snapshot.prims
    return replace(snapshot, prims=replace(prims, frames=prims.frames.replaced(np.array(rows), frames)))


def _variants(hand, share):
    """Scenes that differ in places, colours, images and lights, by how much `share` says."""
    start = _scene(hand)
    recoloured = replace(
        start,
        materials=(replace(start.materials[0], diffuse_color=(share, 0.2, 0.1)), *start.materials[1:]),
    )
    brighter = replace(start.lights[0], radiance=(share, 0.8, 2.0))
    return {
        "moved": _moved(start, [1, 2], [share, 0.2, 0.0]),
        "recoloured": recoloured,
        "retextured": _scene(hand, images=(1, 0)),
        "relit": replace(start, lights=(brighter, *start.lights[1:])),
        "all": replace(
            _moved(start, [1, 2], [share, -0.2, 0.1]),
            materials=recoloured.materials,
            lights=(brighter, *start.lights[1:]),
        ),
    }


def _tracing(dr):
    """What was launched since the last call, but for the few operations with which values are copied into arrays."""
    launched = dr.kernel_history([dr.KernelType.JIT])
    return [row for row in launched if row["operation_count"] >= 50]


@pytest.mark.parametrize("kind", ["direct", "path"])
def test_nothing_is_built_or_compiled_for_what_moves_or_looks_different(hand, kind):
    from twinstage.render.mi.runtime import load_mitsuba

    runtime = load_mitsuba()
    if not runtime.vectorised:
        pytest.skip("kernels are compiled by vectorised variants only")
    dr, start = runtime.dr, _scene(hand)
    camera = look_at([0, -9, 5], [0, 0, 0], width=24, height=16)
    engine = open_engine(kind=kind, spp=4)
    # What moves is grouped apart once.
    for snapshot in (start, _moved(start, [1, 2], [0.1, 0.0, 0.0]), start):
        engine.render(snapshot, camera)
    builds = engine._living.builds
    assert builds == 2
    shown = {}
    with dr.scoped_set_flag(dr.JitFlag.KernelHistory, True):
        for name, snapshot in _variants(hand, 0.9).items():
            dr.kernel_history()
            shown[name] = engine.render(snapshot, camera).aovs["rgb"]
            kernels = _tracing(dr)
            assert kernels and all(row["cache_hit"] for row in kernels), name
            assert engine._living.builds == builds, name
    first = engine.render(start, camera).aovs["rgb"]
    assert all(not np.array_equal(first, picture) for picture in shown.values())


def test_other_cameras_and_seeds_compile_nothing(hand):
    from twinstage.render.mi.runtime import load_mitsuba

    runtime = load_mitsuba()
    if not runtime.vectorised:
        pytest.skip("kernels are compiled by vectorised variants only")
    dr, start = runtime.dr, _scene(hand)
    engine = open_engine(kind="path", spp=4)
    for seed, eye in enumerate(([0, -9, 5], [4, -9, 5], [-5, -5, 6])):
        engine.render(start, look_at(eye, [0, 0, 0], width=24, height=16), seed=seed)
    with dr.scoped_set_flag(dr.JitFlag.KernelHistory, True):
        dr.kernel_history()
        for seed, eye in enumerate(([3, -8, 4], [5, 6, 7])):
            engine.render(start, look_at(eye, [0, 0, 0.5], width=24, height=16), seed=seed)
        kernels = _tracing(dr)
    assert kernels and all(row["cache_hit"] for row in kernels)
    assert engine._living.builds == 1


def test_threads_of_processes_that_share_the_cores():
    assert threads_each(1) == cores()
    assert threads_each(cores()) == threads_each(10 * cores()) == 1
    assert threads_each(0) == cores()


def test_the_limit_holds_for_tracing_and_changes_no_byte(hand):
    from twinstage.render.mi.runtime import load_mitsuba

    runtime, start = load_mitsuba(), _scene(hand)
    camera = look_at([0, -9, 5], [0, 0, 0], width=48, height=32)
    before = runtime.dr.thread_count()
    pictures = []
    try:
        for count in (1, 2):
            limit_threads(count)
            pictures.append(open_engine(kind="path", spp=4).render(start, camera).aovs["rgb"])
            if runtime.vectorised:
                assert runtime.dr.thread_count() == count
    finally:
        limit_threads(0)
        runtime.dr.set_thread_count(before)
    assert pictures[0].tobytes() == pictures[1].tobytes()
