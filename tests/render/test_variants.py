"""Which Mitsuba runs: the choice by fakes, the scalar variant and the sentences for real."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from twinstage.base.errors import UserError
from twinstage.render.mi.runtime import VARIABLE, VARIANTS, Mitsuba, choose, load_mitsuba, works


class Machine:
    """A fake of mitsuba and drjit: backends that are there, and variants whose first sum fails."""

    def __init__(self, backends=(), broken=(), built=tuple(VARIANTS.values())):
        self.variant, self.broken = "scalar_rgb", broken
        self.dr = SimpleNamespace(
            JitBackend=SimpleNamespace(CUDA="cuda", LLVM="llvm"), has_backend=lambda name: name in backends
        )
        self.mi = SimpleNamespace(variants=lambda: list(built), set_variant=self._set, Float=self._float)

    def _set(self, name):
        self.variant = name

    def _float(self, values):
        if self.variant.split("_")[0] in self.broken:
            raise RuntimeError("no driver")
        import numpy as np

        return np.array(values)

    def chosen(self, names=tuple(VARIANTS)):
        return choose(names, lambda name: works(self.mi, self.dr, name))


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        (Machine(("cuda", "llvm")), "cuda"),
        (Machine(("llvm",)), "llvm"),
        (Machine(("cuda", "llvm"), broken=("cuda",)), "llvm"),
        (Machine(("cuda", "llvm"), broken=("cuda", "llvm")), "scalar"),
        (Machine(), "scalar"),
        (Machine(("cuda", "llvm"), built=("scalar_rgb", "llvm_ad_rgb")), "llvm"),
    ],
)
def test_the_best_variant_that_computes_is_taken(machine, expected, monkeypatch):
    monkeypatch.setenv("DRJIT_LIBLLVM_PATH", "/some/libLLVM.so.19.1")
    assert machine.chosen() == expected


def test_llvm_is_not_tried_without_a_library_that_is_new_enough(monkeypatch):
    monkeypatch.delenv("DRJIT_LIBLLVM_PATH", raising=False)
    machine = Machine(("llvm",))
    assert machine.chosen() == "scalar" and machine.variant == "scalar_rgb"
    assert Machine(("cuda",)).chosen() == "cuda"
    assert Machine(("llvm",)).chosen(("llvm",)) is None


def test_both_kernels_are_vectorised():
    kinds = {name: Mitsuba(None, None, variant, None).vectorised for name, variant in VARIANTS.items()}
    assert kinds == {"cuda": True, "llvm": True, "scalar": False}


def test_a_variant_that_is_not_there_is_said_in_one_sentence(monkeypatch):
    loaded = load_mitsuba()
    if loaded.variant == VARIANTS["cuda"]:
        pytest.skip("there is a GPU here")
    try:
        with pytest.raises(UserError, match="the Mitsuba variant 'cuda' cannot run here: no NVIDIA GPU"):
            load_mitsuba("cuda")
        monkeypatch.setenv(VARIABLE, "CUDA")
        with pytest.raises(UserError, match="'cuda' cannot run here"):
            load_mitsuba()
        monkeypatch.setenv(VARIABLE, "metal")
        with pytest.raises(UserError, match=f"{VARIABLE} is 'metal'; it can be auto, cuda, llvm, scalar"):
            load_mitsuba()
        assert load_mitsuba("llvm").variant == "llvm_ad_rgb"
    finally:
        loaded.mi.set_variant(loaded.variant)


RENDER = """
import sys, numpy as np
sys.path.insert(0, {folder!r})
import conftest as hand
from twinstage.render.mi import runtime
if {hide}:
    runtime.find_llvm = lambda: None
from twinstage.render.camera import look_at
from twinstage.render.engines import open_engine
snapshot = hand.make_snapshot([(hand.make_quad(9.0), np.eye(4), 0), (hand.make_sphere(), hand.make_pose([0, 0, 1]), 1)])
camera = look_at([0, -4, 2], [0, 0, 0.5], width=24, height=18)
for kind in ("direct", "path"):
    picture = open_engine(kind=kind, spp=4, denoise={denoise}).render(snapshot, camera).aovs["rgb"]
    assert picture.std() > 10, kind
loaded = runtime.load_mitsuba()
print(loaded.variant)
print(loaded.hint)
"""


def _run(root, env, *, hide=False, denoise=False):
    code = RENDER.format(folder=str(root / "tests/render"), hide=hide, denoise=denoise)
    clean = {k: v for k, v in os.environ.items() if k not in ("DRJIT_LIBLLVM_PATH", VARIABLE)}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=clean | env)
    assert run.returncode == 0 and not run.stderr, run.stderr
    return run.stdout.splitlines()


def test_without_libllvm_pictures_come_from_the_scalar_variant_with_a_hint(root):
    variant, hint = _run(root, {}, hide=True)
    assert variant == "scalar_rgb"
    assert "libLLVM 19 or newer was not found" in hint and "apt install libllvm19" in hint


def test_a_libllvm_that_cannot_be_loaded_is_as_none_and_nothing_is_printed(root):
    variant, hint = _run(root, {"DRJIT_LIBLLVM_PATH": "/nonexistent"})
    assert variant == "scalar_rgb" and "name it in DRJIT_LIBLLVM_PATH" in hint


def test_the_environment_chooses_the_variant_and_then_there_is_no_hint(root):
    assert _run(root, {VARIABLE: "scalar"}, denoise=True) == ["scalar_rgb", "None"]


def test_a_gpu_renders_the_same_scene(root):
    """Skips without one: then only the choice of the variant is tested."""
    loaded = load_mitsuba()
    try:
        there = works(loaded.mi, loaded.dr, "cuda")
    finally:
        loaded.mi.set_variant(loaded.variant)
    if not there:
        pytest.skip("no NVIDIA GPU here")
    assert _run(root, {VARIABLE: "cuda"}, denoise=True) == ["cuda_ad_rgb", "None"]
