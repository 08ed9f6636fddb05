"""Mitsuba on this machine: which variant, and where libLLVM is.

The vectorised variant compiles its kernels with LLVM, which Dr.Jit loads as a shared library. Versions below 19 crash
on CPUs with AVX-512, so the newest version from 19 on is named to Dr.Jit before it looks for itself. Without one, the
scalar variant renders the same scenes, slower.
"""

import os
import re
import sys
from dataclasses import dataclass
from functools import cache
from glob import glob
from typing import Any

from twinstage.base.errors import TwinstageError

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


@dataclass(frozen=True)
class Mitsuba:
    """The loaded library: module `mi`, module `dr`, the variant, and a hint for the user or None."""

    mi: Any
    dr: Any
    variant: str
    hint: str | None

    @property
    def vectorised(self) -> bool:
        return self.variant.startswith("llvm")


@cache
def load_mitsuba() -> Mitsuba:
    """Load Mitsuba once a process. Raises TwinstageError where it is not installed or its libraries are missing."""
    hint = None
    if "DRJIT_LIBLLVM_PATH" not in os.environ:
        library = find_llvm()
        if library is None:
            hint = LLVM_HINT
        else:
            os.environ["DRJIT_LIBLLVM_PATH"] = library
    try:
        import drjit as dr
        import mitsuba as mi
    except (ImportError, NameError, OSError) as error:
        raise TwinstageError(
            f"Mitsuba cannot be loaded ({error}); on Debian it needs: apt install libatomic1 libllvm19"
        ) from None
    variant = "llvm_ad_rgb" if hint is None and _llvm_works(mi) else "scalar_rgb"
    mi.set_variant(variant)
    mi.set_log_level(mi.LogLevel.Error)
    return Mitsuba(mi, dr, variant, LLVM_HINT if variant == "scalar_rgb" else None)


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


def _llvm_works(mi: Any) -> bool:
    """Whether the vectorised variant can compile anything at all."""
    mi.set_variant("llvm_ad_rgb")
    try:
        return bool((mi.Float([1.0, 2.0]) + 1.0)[1] == 3.0)
    except RuntimeError:
        return False
