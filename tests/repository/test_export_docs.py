"""Every command and program of docs/export.md and docs/physics.md is run, and does what the page says."""

import re
import shlex
from pathlib import Path

import pytest


def _blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text("utf-8"), re.S)


@pytest.fixture
def checkout(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the checkout's assets, to run in."""
    (tmp_path / "assets").symlink_to(root / "assets")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands_of_the_export_page(
    root: Path, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pxr import Usd

    from twinstage.cli.app import run

    lines = [
        line for block in _blocks(root / "docs" / "export.md", "sh") for line in block.splitlines() if line
    ]
    assert len(lines) == 6
    for line in lines:
        arguments = shlex.split(line)
        assert arguments[0] == "twinstage" and run(arguments[1:]) == 0, line
        out = Path(arguments[arguments.index("--out") + 1])
        assert out.is_file()
        if out.suffix != ".glb":
            assert Usd.Stage.Open(str(out)).GetPrimAtPath("/WorkCell")
    assert (checkout / "out" / "clips_clips" / "clip.000000.usdc").is_file()
    assert list((checkout / "out" / "flat_assets").iterdir())
    capsys.readouterr()


def test_the_program_of_the_export_page(root: Path, checkout: Path) -> None:
    (program,) = _blocks(root / "docs" / "export.md", "python")
    exec(compile(program, "export.md", "exec"), {})
    assert (checkout / "out" / "now.usdz").is_file()


def test_the_program_of_the_physics_page(root: Path, checkout: Path) -> None:
    (program,) = _blocks(root / "docs" / "physics.md", "python")
    found: dict = {}
    exec(compile(program, "physics.md", "exec"), found)
    assert found["model"].nbody > 3


def test_every_finding_of_the_translator_is_on_the_physics_page(root: Path) -> None:
    page = (root / "docs" / "physics.md").read_text("utf-8")
    told = set()
    for file in (root / "scene" / "physics").glob("*.py"):
        told |= set(re.findall(r"\.tell\(\s*\"([a-z0-9-]+)\"", file.read_text("utf-8")))
    assert len(told) > 15
    assert [code for code in sorted(told) if f"physics.{code}" not in page] == []
