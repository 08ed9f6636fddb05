"""`synth view` and `synth preview` as commands: what docs/datasets.md shows does what it says, mistakes are one sentence."""

import re
import shlex
from pathlib import Path

import pytest

from twinstage.base.query import parse
from twinstage.cli.app import run
from twinstage.synth.browse.find import FIELDS


def test_commands_of_the_page_are_commands(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (root / "docs" / "datasets.md").read_text("utf-8")
    block = re.findall(r"```sh\n(.*?)```", text, re.S)[0]
    lines = [shlex.split(line, comments=True) for line in block.splitlines()]
    assert len(lines) == 4
    for words in lines:
        flags = [word for word in words if word.startswith("--")]
        command = words[1:3] if words[1] == "synth" else words[1:2]
        assert run([*command, "--help"]) == 0
        told = capsys.readouterr().out
        assert [flag for flag in flags if flag not in told] == [], words


def test_terms_of_the_page_are_terms(root: Path) -> None:
    text = (root / "docs" / "datasets.md").read_text("utf-8")
    table = text.split("| term |")[1].split("\n\n")[0]
    cells = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    written = [term for cell in cells for term in re.findall(r"`([^`]+)`", cell)]
    assert len(written) > 15
    for line in written:
        for term in parse(line):
            assert term.field in FIELDS or "." in term.field or not term.field, term
    table = text.split("| field of an object |")[1].split("\n\n")[0]
    fields = [
        name for cell in re.findall(r"^\| (`.*?) \|", table, re.M) for name in re.findall(r"`(\w+)`", cell)
    ]
    assert {"class", "occlusion", "size", "annotated"} <= set(fields) <= set(FIELDS)


def test_mistakes_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], yard_free: Path
) -> None:
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    odd = tmp_path / "my data"
    odd.mkdir()
    (odd / "manifest.json").write_text("{}")
    for words, sentence in [
        (["synth", "view", str(tmp_path / "gone")], "there is no such folder"),
        (["synth", "view", str(nothing)], "holds no finished dataset"),
        (["synth", "view", str(odd)], "is no name of a dataset"),
        (["synth", "view", str(odd), "--recipe", "gone.yaml"], "--recipe gone.yaml: there is no such file"),
        (["synth", "preview", str(tmp_path / "gone.yaml")], "there is no such file"),
        (["synth", "preview", str(yard_free), "--set", "frames=0"], "frames"),
        (
            ["synth", "preview", str(yard_free), "--out", str(tmp_path / "elsewhere" / "x.yaml")],
            "must lie beside",
        ),
        (["synth", "view", str(nothing), "--host", "0.0.0.0"], "--tokens"),
    ]:
        assert run(words) == 2, words
        told = capsys.readouterr().err
        assert sentence in told and told.count("\n") == 1, told


@pytest.fixture
def yard_free(tmp_path: Path) -> Path:
    """A recipe without a stage that is there: nothing is opened before a frame is asked for."""
    path = tmp_path / "recipe.yaml"
    path.write_text("recipe: 1\nstage: none.usda\ncameras: [Eye]\nlabels: {box: null}\n")
    return path
