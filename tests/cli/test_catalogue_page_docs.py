"""docs/catalogue.md does what it says: its commands run, its terms are terms, its addresses are operations."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from twinstage.assets.catalogue.query import parse
from twinstage.cli.app import app
from twinstage.sync.api.table import OPERATIONS

STAGE = """#usda 1.0
(
    defaultPrim = "A"
    metersPerUnit = 1
    upAxis = "Z"
)
def Xform "A"
{
    def "Box" ( prepend references = @./assets/box.usda@ ) {}
}
"""
CUBE = STAGE.replace('def "Box" ( prepend references = @./assets/box.usda@ ) {}', 'def Cube "Body" {}')


def test_its_commands_run(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "box.usda").write_text(CUBE)
    (tmp_path / "cell.usda").write_text(STAGE)
    block = (root / "docs" / "catalogue.md").read_text("utf-8").split("```sh\n")[1].split("```")[0]
    lines = [shlex.split(line, comments=True) for line in block.splitlines()]
    assert len(lines) >= 6 and all(words[0] == "twinstage" for words in lines)
    for words in lines:
        if words[1:] == ["assets", "search", "pump"]:
            words += ["--library", "assets"]  # the bundled ones take longer
        if words[1] == "serve":
            words += ["--port", "0", "--duration", "0.1"]
        done = CliRunner().invoke(app, words[1:])
        assert done.exit_code == 0, (words, done.output, done.exception)
    kept = [path.suffix for path in (tmp_path / "cache" / "twinstage" / "thumbnails").iterdir()]
    assert kept == [".png"]


def test_its_terms_and_addresses_are_there(root: Path) -> None:
    text = (root / "docs" / "catalogue.md").read_text("utf-8")
    table = text.split("| a term | finds |")[1].split("\n\n")[0]
    cells = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    written = [term for cell in cells for term in re.findall(r"`([^`]+)`", cell)]
    assert len(written) > 18
    for term in written:
        parse(f"{term}x" if term.endswith(":") else term)
    paths = {operation.path for operation in OPERATIONS}
    asked = re.findall(r"GET (/api/v1/[a-z/]+)", text)
    assert len(asked) == 3 and set(asked) <= paths
