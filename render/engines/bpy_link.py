"""The process that runs Blender: finding its Python, starting it, exchanging messages.

A message is two lengths (u8 little-endian), a JSON object and an uncompressed .npz of that many bytes; `bpy_worker` has
the other end, and lists the messages. Both lengths are bounded, arrays are never pickled.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from twinstage.base.errors import TwinstageError, UserError
from twinstage.render.engines.bpy_worker import receive, send

VARIABLE = "TWINSTAGE_BPY_PYTHON"
_WORKER = Path(__file__).with_name("bpy_worker.py")
_CHECKOUT = Path(__file__).resolve().parents[2]
_ABSENT = (
    "the bpy engine needs Blender's Python module in a Python 3.11: name one in TWINSTAGE_BPY_PYTHON, "
    "or make one with: python3.11 -m venv .venv-bpy && .venv-bpy/bin/pip install 'bpy>=5.0,<5.1'"
)


def find_python() -> Path | None:
    """A Python that has bpy: the named one, `.venv-bpy` here or in the checkout, or this one; None where there is none.

    Raises UserError where TWINSTAGE_BPY_PYTHON names no file.
    """
    named = os.environ.get(VARIABLE)
    if named:
        if not Path(named).is_file():
            raise UserError(f"{VARIABLE} names {named}, which is no file; it has to be a Python that has bpy")
        return Path(named)
    for folder in (Path.cwd(), _CHECKOUT):
        beside = folder / ".venv-bpy" / "bin" / "python"
        if beside.is_file():
            return beside
    # An installed bpy, not this package's module of that name.
    return Path(sys.executable) if importlib.util.find_spec("bpy") is not None else None


class BpyLink:
    """A running worker. `call` sends a message and waits for its answer."""

    def __init__(self, python: Path | None = None) -> None:
        chosen = python or find_python()
        if chosen is None:
            raise UserError(_ABSENT)
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        hidden = ("PYTHONPATH", "PYTHONHOME", "PXR_PLUGINPATH_NAME", "LD_PRELOAD")
        try:
            # -I: this folder has a module called bpy, which must not be found there.
            self._process = subprocess.Popen(
                [str(chosen), "-I", str(_WORKER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                env={name: value for name, value in os.environ.items() if name not in hidden},
            )
        except OSError as error:
            self._said.close()
            raise UserError(
                f"{chosen} cannot be started ({error.strerror}); the bpy engine needs it"
            ) from None

    def call(
        self, message: dict[str, Any], arrays: dict[str, np.ndarray] | None = None
    ) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """The answer. Raises TwinstageError, in one sentence, for what Blender refuses or where it ends."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            send(self._process.stdin, message, arrays or {})  # type: ignore[arg-type]
            got = receive(self._process.stdout)  # type: ignore[arg-type]
        except (BrokenPipeError, ConnectionResetError):
            got = None
        if got is None:
            raise TwinstageError(
                f"Blender's process ended while it was asked to {message['op']}: {self._last()}"
            )
        answer, found = got
        if "error" in answer:
            raise TwinstageError(f"Blender cannot do {message['op']}: {answer['error']}")
        return answer, found

    def _last(self) -> str:
        """The last line that it wrote to standard error."""
        self._process.wait()
        size = self._said.seek(0, os.SEEK_END)
        self._said.seek(max(size - 4096, 0))
        lines = self._said.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")[:300]

    @property
    def pid(self) -> int:
        """Process id of the worker."""
        return self._process.pid

    def close(self) -> None:
        """End the worker."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._said.close()

    def __del__(self) -> None:
        if hasattr(self, "_process") and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
