"""What must hold of the files themselves."""

import re
import subprocess
from pathlib import Path

import pytest


def _files(root: Path) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    )
    return [root / line for line in listed.stdout.splitlines() if (root / line).is_file()]


def test_no_file_is_over_two_megabytes(root: Path) -> None:
    assert [path for path in _files(root) if path.stat().st_size > 2_000_000] == []


def test_no_machine_path_in_a_tracked_text(root: Path) -> None:
    pattern = re.compile(r"(?<![\w./-])/(?:work|home|root|tmp)/\w+")
    found = []
    for path in _files(root):
        if path.suffix in {
            ".py",
            ".md",
            ".toml",
            ".yaml",
            ".yml",
            ".sh",
            ".usda",
            ".ts",
            ".json",
            ".html",
            ".css",
        }:
            for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
                if pattern.search(line) and "dist/" not in str(path):
                    found.append(f"{path.relative_to(root)}:{number}: {line.strip()[:80]}")
    assert found == []


@pytest.mark.parametrize("folder", ["scene", "assets", "sync", "render", "synth", "telemetry", "sim"])
def test_the_link_reaches_the_folder(folder: str, root: Path) -> None:
    link = root / "src" / "twinstage" / folder
    assert link.is_symlink()
    assert link.resolve() == (root / folder).resolve()


def test_the_folder_map_names_every_top_level_folder(root: Path) -> None:
    text = (root / "docs" / "architecture.md").read_text("utf-8")
    tops = {path.relative_to(root).parts[0] for path in _files(root) if len(path.relative_to(root).parts) > 1}
    assert [top for top in sorted(tops - {".ci", "src"}) if f"`{top}/" not in text] == []
