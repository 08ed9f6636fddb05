"""The folder of a run that is not finished: what it says of itself, what may go on in it, and what stops it.

Touches files. `.run.json` is there from the first file to the last: a folder with it is unfinished, whatever else it holds.
"""

import json
import os
import platform
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Any

from twinstage.base.clock import Clock
from twinstage.base.errors import TwinstageError, UserError
from twinstage.synth import dataset as layout
from twinstage.synth.canonical import TEMPORARY, canonical_json, sha256_hex, write_atomic

_LIBRARIES = (
    "numpy",
    "pillow",
    "pycocotools",
    "usd-core",
    "mujoco",
    "mitsuba",
    "open3d",
    "open3d-cpu",
    "zlib-ng",
)

_WORDS = {
    "frames_hash": "another recipe, seed or number of frames",
    "stages": "another version of the stage",
    "start": "another state to start from",
    "inputs": "other image files beside the stage",
    "shard": "another shard",
    "versions": "other versions of the libraries",
    "cpu": "another kind of CPU, whose pictures may differ in bits",
}


def check_out(out: Path) -> None:
    """Raise UserError unless the folder is new, empty, or holds an unfinished run."""
    with writable(out):
        _check_out(out)


def _check_out(out: Path) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise UserError(f"{out} is a file; expected a folder for the dataset")
    if (out / layout.STATE).exists():
        return
    if (out / layout.MANIFEST).exists():
        raise UserError(f"{out} already holds a finished dataset; choose another folder or remove it")
    if any(out.iterdir()):
        raise UserError(
            f"{out} is not empty and holds no unfinished run to go on with; choose another folder"
        )


def begin(out: Path, state: dict[str, Any], files: dict[str, bytes]) -> set[int]:
    """Prepare the folder, with these files in it; the frames that are there already.

    Only the exports may differ from those that the run began with: they are made of the frames, in the end.
    """
    with writable(out):
        path = out / layout.STATE
        if path.exists():
            before = _check_same_run(out, state)
            for part in out.rglob(f"*{TEMPORARY}"):
                part.unlink()
            if before.get("recipe_hash") != state["recipe_hash"]:
                _drop_exports(out, before)
        write_atomic(path, canonical_json(state))
        for folder in ("frames", "records", "images"):
            (out / folder).mkdir(exist_ok=True)
        for name, data in files.items():
            write_atomic(out / name, data)
    return layout.Dataset(out).frames_done()


def _check_same_run(out: Path, state: dict[str, Any]) -> dict[str, Any]:
    """What the run said of itself when it began."""
    before = _read_state(out)
    for key, words in _WORDS.items():
        if before.get(key) != state.get(key):
            raise UserError(f"{out} holds an unfinished run of {words}; choose another folder or remove it")
    return before


def _drop_exports(out: Path, before: dict[str, Any]) -> None:
    """Remove what was begun of other exports; names that are none of a folder inside are not touched."""
    for folder in before.get("exports", ()):
        if (
            isinstance(folder, str)
            and re.fullmatch(r"[A-Za-z0-9_-]+", folder)
            and folder not in layout.FOLDERS
        ):
            shutil.rmtree(out / folder, ignore_errors=True)


def _read_state(out: Path) -> dict[str, Any]:
    path = out / layout.STATE
    try:
        state = json.loads(path.read_bytes())
    except ValueError:
        state = None
    if not isinstance(state, dict):
        raise UserError(f"{path} is damaged; remove the folder {out} and start again")
    return state


@contextmanager
def writable(out: Path) -> Iterator[None]:
    """Turns what the system has against the folder into the user's mistake: nothing of the run is there yet."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror or error}") from None


@contextmanager
def resumable(out: Path) -> Iterator[None]:
    """Turns what the system has against a run that is under way into one sentence; all files that are there are whole."""
    try:
        yield
    except MemoryError:
        raise TwinstageError(
            f"{out}: the run stopped (out of memory); start again, with fewer workers, to go on where it stopped"
        ) from None
    except OSError as error:
        raise TwinstageError(
            f"{out}: the run stopped ({error.strerror or error}); start again to go on where it stopped"
        ) from None


def versions() -> dict[str, str]:
    """Versions of Twinstage and of the libraries that decide bytes."""
    out = {}
    for name in ("twinstage", *_LIBRARIES):
        try:
            out[name] = version(name)
        except PackageNotFoundError:
            continue
    return out


def cpu() -> str:
    """A short hash of the CPU's instruction set: pictures are the same to the bit within one only."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    except OSError:
        flags = platform.processor()
    return f"{platform.machine()}-{sha256_hex(' '.join(sorted(flags.split())).encode())[:12]}"


# --- run.log ------------------------------------------------------------------------------------------------------


@contextmanager
def run_log(out: Path, clock: Clock | None) -> Iterator[Callable[[str], None]]:
    """A function that adds a line to the run's log, the only file that may vary."""
    with ExitStack() as stack:
        with writable(out):
            stream = stack.enter_context(open(out / layout.LOG, "a", encoding="utf-8"))

        def log(text: str) -> None:
            with resumable(out):
                _write_line(stream, clock, text)

        yield log


def _write_line(stream: IO[str], clock: Clock | None, text: str) -> None:
    stamp = f"{clock.now_ns() / 1e9:.3f} " if clock is not None else ""
    stream.write(f"{stamp}{text}{os.linesep}")
    stream.flush()
