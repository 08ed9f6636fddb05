"""Mitsuba on this machine: which variant, and where libLLVM is.

There are three. `cuda` runs on NVIDIA GPUs. `llvm` compiles its kernels for the CPU with libLLVM, which Dr.Jit loads as
a shared library; versions below 19 crash on CPUs with AVX-512, so the newest version from 19 on is named to Dr.Jit
before it looks for itself. `scalar` is always there and renders the same scenes, slower. `auto` takes the first that can
compute anything, in this order; TWINSTAGE_MITSUBA_VARIANT names another choice.
"""

import ctypes
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from glob import glob
from typing import Any

from twinstage.base.errors import TwinstageError, UserError
from twinstage.render.threads import thread_limit

LLVM_HINT = (
    "libLLVM 19 or newer was not found, so pictures are rendered by Mitsuba's slower scalar variant; "
    "install it (Debian: apt install libllvm19) or name it in DRJIT_LIBLLVM_PATH"
)
_FOLDERS = (
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/lib/llvm-*/lib",
    "/usr/local/lib",
    "/opt/homebrew/opt/llvm/lib",
    "/usr/local/opt/llvm/lib",
)
_LEAST = 19


VARIABLE = "TWINSTAGE_MITSUBA_VARIANT"
"""Environment variable that takes the place of the choice `auto`."""

VARIANTS = {"cuda": "cuda_ad_rgb", "llvm": "llvm_ad_rgb", "scalar": "scalar_rgb"}
"""Mitsuba's names of the variants, the best first."""

_MISSING = {
    "cuda": "no NVIDIA GPU with a driver was found",
    "llvm": "libLLVM 19 or newer was not found (Debian: apt install libllvm19, or name it in DRJIT_LIBLLVM_PATH)",
    "scalar": "this build of Mitsuba has no scalar variant",
}


@dataclass(frozen=True)
class Mitsuba:
    """The loaded library: module `mi`, module `dr`, the variant, and a hint for the user or None."""

    mi: Any
    dr: Any
    variant: str
    hint: str | None

    @property
    def vectorised(self) -> bool:
        """Whether rays are traced by kernels, all at once."""
        return not self.variant.startswith("scalar")


def load_mitsuba(wanted: str = "auto") -> Mitsuba:
    """Mitsuba in the wanted variant: auto, llvm, cuda or scalar.

    Raises UserError where that variant cannot run here, TwinstageError where Mitsuba is not installed or its libraries
    are missing.
    """
    chosen = wanted
    if wanted == "auto":
        chosen = os.environ.get(VARIABLE, "").strip().lower() or "auto"
        if chosen not in (*VARIANTS, "auto"):
            raise UserError(f"{VARIABLE} is {chosen!r}; it can be auto, {', '.join(sorted(VARIANTS))}")
    return _loaded(chosen)


@cache
def _loaded(wanted: str) -> Mitsuba:
    mi, dr = _modules()
    names = tuple(VARIANTS) if wanted == "auto" else (wanted,)
    kind = choose(names, lambda name: works(mi, dr, name))
    if kind is None:
        raise UserError(f"the Mitsuba variant {wanted!r} cannot run here: {_MISSING[wanted]}")
    mi.set_variant(VARIANTS[kind])
    mi.set_log_level(mi.LogLevel.Error)
    hint = LLVM_HINT if wanted == "auto" and kind == "scalar" else None
    return Mitsuba(mi, dr, VARIANTS[kind], hint)


def choose(names: Sequence[str], probe: Callable[[str], bool]) -> str | None:
    """The first variant that the probe finds working."""
    return next((name for name in names if probe(name)), None)


@cache
def _modules() -> tuple[Any, Any]:
    if "DRJIT_LIBLLVM_PATH" not in os.environ:
        library = find_llvm()
        if library is not None:
            os.environ["DRJIT_LIBLLVM_PATH"] = library
    silence = nullcontext() if _loads(os.environ.get("DRJIT_LIBLLVM_PATH", "")) else _unheard()
    try:
        with silence:
            import drjit as dr
            import mitsuba as mi
    except (ImportError, NameError, OSError) as error:
        raise TwinstageError(
            f"Mitsuba cannot be loaded ({error}); on Debian it needs: apt install libatomic1 libllvm19"
        ) from None
    return mi, dr


def works(mi: Any, dr: Any, name: str) -> bool:
    """Whether a variant can compute anything at all on this machine."""
    if VARIANTS[name] not in mi.variants():
        return False
    if name == "scalar":
        return True
    # Without a library that is new enough Dr.Jit would find an older one by itself, and crash.
    if name == "llvm" and "DRJIT_LIBLLVM_PATH" not in os.environ:
        return False
    backend = dr.JitBackend.CUDA if name == "cuda" else dr.JitBackend.LLVM
    try:
        if not dr.has_backend(backend):
            return False
        mi.set_variant(VARIANTS[name])
        return bool((mi.Float([1.0, 2.0]) + 1.0)[1] == 3.0)
    except (RuntimeError, ImportError, OSError):
        return False


def _loads(library: str) -> bool:
    """Whether a shared library can be loaded."""
    try:
        return bool(library) and ctypes.CDLL(library) is not None
    except OSError:
        return False


@contextmanager
def _unheard() -> Iterator[None]:
    """Without standard error: Dr.Jit prints why it has no libLLVM while it is imported, and the hint says it better."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def use_threads(runtime: Mitsuba, count: int) -> None:
    """Trace with that many threads from now on, the whole process; 0: as `render.threads` says, or as things are."""
    count = count or thread_limit()
    if count > 0 and runtime.dr.thread_count() != count:
        runtime.dr.set_thread_count(count)


@contextmanager
def two_threads(runtime: Mitsuba) -> Iterator[None]:
    """At least two threads for what Mitsuba hands to another one and waits for: with one it waits for ever.

    So do its OpenEXR files (Mitsuba 3.9), read or written.
    """
    before = runtime.dr.thread_count()
    if before >= 2:
        yield
        return
    runtime.dr.set_thread_count(2)
    try:
        yield
    finally:
        runtime.dr.set_thread_count(before)


def find_llvm(folders: tuple[str, ...] = _FOLDERS) -> str | None:
    """The newest libLLVM from version 19 on in the usual folders, or None."""
    found: list[tuple[tuple[int, ...], str]] = []
    name = "libLLVM*.dylib" if sys.platform == "darwin" else "libLLVM*.so*"
    for folder in folders:
        for path in glob(os.path.join(folder, name)):
            version = _llvm_version(path)
            if version and version[0] >= _LEAST:
                found.append((version, path))
    return max(found)[1] if found else None


def _llvm_version(path: str) -> tuple[int, ...] | None:
    """The version in a name like libLLVM-19.so, libLLVM.so.19.1 or llvm-19/lib/libLLVM.so."""
    base = os.path.basename(os.path.realpath(path))
    match = re.search(r"libLLVM[-.](?:so\.|dylib\.)?(\d+(?:\.\d+)*)", base) or re.search(r"llvm-(\d+)/", path)
    return tuple(int(part) for part in match.group(1).split(".")) if match else None
