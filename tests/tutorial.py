"""docs/designers.md as a program: its blocks, run one after the other in an empty folder against one `serve --watch`."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

_BLOCK = re.compile(r"```(sh background|sh|python)\n(.*?)```", re.S)
ASCII = """solid part
{facets}endsolid part
"""


class Tutorial:
    """Runs the blocks of the page one after the other."""

    def __init__(self, page: str, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        text = page.replace("8123", str(self.port))
        self.blocks = [(match[1], match[2]) for match in _BLOCK.finditer(text)]
        self.folder = folder
        self.server: subprocess.Popen[str] | None = None
        self.output: list[str] = []
        (folder / "bin").mkdir()
        program = folder / "bin" / "twinstage"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m twinstage "$@"\n')
        program.chmod(0o755)
        (folder / "bin" / "python3").symlink_to(sys.executable)
        self.environment = {
            **os.environ,
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(part for part in sys.path if part),
            "COLUMNS": "160",
        }

    def status(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/status", timeout=5) as answer:
            return dict(json.load(answer)["watch"])

    def until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + 90
        while True:
            try:
                if holds(now := self.status()):
                    return now
            except OSError:
                now = {}
            assert time.monotonic() < deadline, now
            time.sleep(0.05)

    def scene(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/scene", timeout=5) as answer:
            return dict(json.load(answer))

    def place(self, path: str) -> list[float]:
        nodes = self.scene()["nodes"]
        row = 12 * nodes["path"].index(path)
        return [nodes["local"][row + k] for k in (3, 7, 11)]

    def run(self, number: int) -> str:
        """A block; its output."""
        kind, text = self.blocks[number]
        if kind == "sh background":
            command = ["twinstage", *text.split()[1:]]
            self.server = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            self.until(lambda now: now["state"] == "watching")
            return ""
        command = ["bash", "-euc", text] if kind == "sh" else ["python3", "-c", text]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def end(self) -> None:
        if self.server is not None:
            self.server.send_signal(signal.SIGINT)
            self.server.wait(20)


def box() -> str:
    """An STL of two triangles, where the shared files are not at hand."""
    corners = [((0, 0, 0), (5, 0, 0), (5, 2, 0)), ((0, 0, 0), (5, 2, 0), (0, 2, 1))]
    facets = ""
    for three in corners:
        points = "".join(f"vertex {x} {y} {z}\n" for x, y, z in three)
        facets += f"facet normal 0 0 1\nouter loop\n{points}endloop\nendfacet\n"
    return ASCII.format(facets=facets)


def tutorial(root: Path, folder: Path) -> Tutorial:
    """The page, with its STL in that folder: a part of the shared files, or two triangles where they are not there."""
    part = root.parent / "shared" / "assets" / "convert" / "trimesh" / "featuretype.STL"
    if part.exists():
        shutil.copy(part, folder / "bracket.stl")
    else:
        (folder / "bracket.stl").write_text(box())
    return Tutorial((root / "docs" / "designers.md").read_text(), folder)
