"""The Linux kernel's own wall (Landlock): this process can open only what lies below the named places, for ever.

It reads there; it writes only in folders that are named for it. Of the network it stops TCP alone, from version 4 of the
interface; from version 6 also Unix sockets without a path, and signals, to processes outside. UDP, and Unix sockets that have
a path, stay open, and that a file outside is there, and how large it is, can be asked.

Called through `syscall`, as glibc has no wrappers; numbers and structures are those of linux/landlock.h. Where the kernel
has no Landlock, `available` says so and the screen alone holds; tasks that need the wall are then refused.
"""

import ctypes
import importlib
import os
import sys
import sysconfig
from collections.abc import Iterable

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION, _PATH_BENEATH, _NO_NEW_PRIVS = 1, 1, 38
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_FILE_RIGHTS = _EXECUTE | _READ_FILE
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG, _TRUNCATE = 1 << 4, 1 << 5, 1 << 7, 1 << 8, 1 << 14
_WRITE = _READ_FILE | _READ_DIR | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _TRUNCATE
_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""All rights over the file system that each version of the interface knows."""
_ALL_TCP, _ALL_SCOPES = 0b11, 0b11


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("access", ctypes.c_uint64), ("parent", ctypes.c_int32))


def available() -> int:
    """The version of the kernel's interface, 0 where there is none."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(0, int(_libc().syscall(_CREATE, None, 0, _VERSION)))


def describe() -> str:
    """One sentence on what holds here, for `twinstage doctor`."""
    version = available()
    if version:
        return f"foreign files are tried behind the kernel's wall (Landlock, version {version})"
    return (
        "this kernel has no Landlock: foreign files are tried in a limited child, screened but not walled in"
    )


def restrict_reads(folders: Iterable[str], writes: Iterable[str] = ()) -> bool:
    """Let this process read below `folders` and what Python itself needs, write below `writes` alone, use no TCP.

    TCP from version 4 of the interface. False where the kernel cannot. It cannot be undone.
    """
    version = available()
    if not version:
        return False
    libc = _libc()
    rules = _Ruleset(
        fs=_RIGHTS[max(v for v in _RIGHTS if v <= version)],
        net=_ALL_TCP if version >= 4 else 0,
        scoped=_ALL_SCOPES if version >= 6 else 0,
    )
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = libc.syscall(_CREATE, ctypes.byref(rules), size, 0)
    if ruleset < 0:
        return False
    try:
        for folder in dict.fromkeys([*system_places(), *folders]):
            _allow(libc, ruleset, folder)
        for folder in writes:
            _allow(libc, ruleset, folder, _WRITE & rules.fs)
        if libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0):
            return False
        return bool(libc.syscall(_RESTRICT, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def system_places() -> list[str]:
    """What an interpreter reads: its own installation, packages on its path, shared libraries, and a few small files."""
    paths = sysconfig.get_paths()
    python = [sys.prefix, sys.base_prefix, paths["stdlib"], paths["purelib"], paths["platlib"]]
    # In a checkout the folders of this package are links to others, and the rules follow places, not names.
    homes = importlib.import_module(__name__.partition(".")[0]).__path__
    package = [entry for home in homes for entry in [home, *_folders_in(home)]]
    libraries = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache"]
    small = [
        "/dev/null",
        "/dev/urandom",
        "/proc/self",
        "/proc/meminfo",
        "/proc/cpuinfo",
        "/sys/devices/system/cpu",
    ]
    return [place for place in [*python, *package, *libraries, *small] if os.path.exists(place)]


def _folders_in(home: str) -> list[str]:
    return sorted(entry.path for entry in os.scandir(home) if entry.is_dir())


def _allow(libc: ctypes.CDLL, ruleset: int, place: str, writing: int = 0) -> None:
    try:
        handle = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        rights = writing or (_READ if os.path.isdir(place) else _FILE_RIGHTS)
        if place == "/dev/null":
            rights |= _WRITE_FILE
        rule = _PathBeneath(access=rights, parent=handle)
        libc.syscall(_ADD, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(handle)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
