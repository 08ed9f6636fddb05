"""Importing the package, or asking the command line for help, loads no heavy library."""

import subprocess
import sys

import pytest

HEAVY = ("pxr", "open3d", "mitsuba", "drjit", "trimesh", "pint", "fastapi")


def _loaded_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(done.stdout.split("\n")[-2].split())


@pytest.mark.parametrize(
    "statement",
    [
        "import twinstage",
        "import twinstage.scene, twinstage.telemetry, twinstage.render, twinstage.sync, twinstage.synth",
        "from twinstage.cli.app import run; assert run(['--help']) == 0",
    ],
)
def test_nothing_heavy_is_loaded(statement: str) -> None:
    assert _loaded_after(statement) == set()


def test_the_client_needs_neither_usd_nor_the_server() -> None:
    assert _loaded_after("import twinstage.sync.client") == set()
