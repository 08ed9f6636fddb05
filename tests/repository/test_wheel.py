"""The wheel holds every module under the one import name, and nothing else at the top."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

FOLDERS = {
    "src/twinstage": "twinstage",
    **{
        name: f"twinstage/{name}"
        for name in ("scene", "assets", "sync", "render", "synth", "telemetry", "sim")
    },
}


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def _tracked(root: Path, folder: str) -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", folder],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    )
    links = {f"src/twinstage/{name}" for name in FOLDERS if "/" not in name}
    return [path for path in listed.stdout.splitlines() if path not in links and (root / path).is_file()]


@pytest.mark.parametrize("folder", sorted(FOLDERS))
def test_every_file_of_the_folder_is_in_the_wheel(folder: str, root: Path, names: set[str]) -> None:
    expected = {FOLDERS[folder] + path[len(folder) :] for path in _tracked(root, folder)}
    assert expected, folder
    assert expected <= names


def test_the_viewer_is_in_the_wheel(names: set[str]) -> None:
    assert "twinstage/viewer_dist/index.html" in names


def test_one_name_at_the_top(names: set[str]) -> None:
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"twinstage"}


def test_nothing_is_in_the_wheel_twice(root: Path, names: set[str]) -> None:
    modules = [name for name in names if name.endswith(".py")]
    assert not [name for name in modules if name.count("twinstage/") > 1]


def test_the_wheel_works_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        "import twinstage, sys; assert 'site' in twinstage.__file__, twinstage.__file__;"
        "from twinstage.assets.library import bundled; assert (bundled('workcell') / 'workcell.usda').is_file();"
        "from twinstage.cli.app import run; sys.exit(run(['doctor']))"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "viewer: bundled" in done.stdout
