"""Assets that are placed, and what a server gives of them, come from strangers."""

import io
import os
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pxr import Usd

from twinstage.base.errors import TwinstageError, UserError
from twinstage.live.commands import placing as rules
from twinstage.live.edit_files import layer_for, unpack_assets
from twinstage.live.library import open_library
from twinstage.scene import placing
from twinstage.scene.asset_paths import AllowedFolders
from twinstage.scene.safe.examiner import Examination
from twinstage.scene.shelf import Asset, Shelf

BOX = '#usda 1.0\n(\n defaultPrim = "Box"\n)\ndef Cube "Box"\n{\n}\n'


def packed(*names: str, method: int = zipfile.ZIP_STORED) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as archive:
        for name in names:
            archive.writestr(name, "bytes " * 100)
    return data.getvalue()


# ---------------------------------------------------------------------- what a server gives


@pytest.mark.parametrize(
    "name",
    [
        ".ssh/authorized_keys",
        ".git/hooks/x.usda",
        "parts/.hidden/x.usda",
        "src/x.usda",
        "parts/run.sh",
        "parts/x",
    ],
)
def test_a_zip_holds_files_of_the_layers_libraries_alone(tmp_path: Path, name: str) -> None:
    """Whoever serves says what lies in the zip; the layer that was read before says which folders there may be."""
    with pytest.raises(TwinstageError, match="no file of an asset of this layer"):
        unpack_assets(packed("parts/box.usda", name), tmp_path, ["parts/box.usda"], force=True)
    assert not list(tmp_path.iterdir())
    names = ["parts/box.usda", "parts/maps/wood.PNG", "parts/looks.mtlx"]
    made = unpack_assets(packed(*names), tmp_path, ["parts/box.usda"], force=False)
    assert sorted(made) == sorted(tmp_path / one for one in names)


def test_a_zip_that_cannot_be_unpacked_is_one_sentence(tmp_path: Path) -> None:
    """Encrypted; packed in an unknown way; damaged."""
    stored, deflated = packed("parts/box.usda"), packed("parts/box.usda", method=zipfile.ZIP_DEFLATED)
    central = stored.index(b"PK\1\2")

    def changed(data: bytes, *changes: tuple[int, int]) -> bytes:
        out = bytearray(data)
        for at, byte in changes:
            out[at] = byte
        return bytes(out)

    start = 30 + len("parts/box.usda")
    damaged = [
        changed(stored, (6, 1), (central + 8, 1)),
        changed(stored, (8, 77), (central + 10, 77)),
        changed(deflated, *((start + k, 255) for k in range(8))),
    ]
    for data in damaged:
        with pytest.raises(TwinstageError, match="is no zip"):
            unpack_assets(data, tmp_path, ["parts/box.usda"], force=True)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"\xff\xfe", "no text in UTF-8"),
        (b"<html>not here</html>", "no USD layer"),
        (b'#usda 1.0\ndef "A" (references = @./../../x.usda@)\n{\n}\n', "refers to what is no asset"),
    ],
)
def test_a_layer_that_is_none_is_one_sentence(tmp_path: Path, data: bytes, sentence: str) -> None:
    with pytest.raises(TwinstageError, match=sentence):
        layer_for(data, tmp_path / "edits.usda", [])


def test_a_name_that_no_file_can_have() -> None:
    with pytest.raises(UserError, match="has no asset"):
        open_library().file(f"starter/{'a' * 300}/x.usda")


# ---------------------------------------------------------------------- assets


def asset(file: Path, name: str = "parts/box.usda", **more: Any) -> Asset:
    stamps = (placing._stamp(str(file)),)
    files = (os.path.realpath(file),)
    made = Asset(name, file, "/Box", False, "Cube", "", (), 0.01, "Y", 1, 12, files, (), stamps)
    return replace(made, **more)


@pytest.fixture
def shelves(tmp_path: Path) -> Callable[..., tuple[Any, Shelf, list[str]]]:
    """An opened stage with an empty shelf, the shelf of the generation before, and names that went to the limited child."""

    def make(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Shelf, list[str]]:
        parts = tmp_path / "parts"
        parts.mkdir()
        first = Shelf()
        for name in ("box", "gone", "new"):
            (parts / f"{name}.usda").write_text(BOX)
            file = parts / f"{name}.usda"
            allowed = AllowedFolders(tmp_path / "hall.usda", [])
            layers = placing._screened(file, allowed)
            first.put(asset(file, f"parts/{name}.usda", layers=layers))
        opened = SimpleNamespace(stage=Usd.Stage.CreateInMemory(), allowed=allowed, shelf=Shelf())
        tried: list[str] = []

        def let_in(name: str, file: Path, allowed: AllowedFolders, link: str = "") -> Asset:
            tried.append(name)
            if "gone" in name:
                raise UserError(f"asset {name} cannot be placed: it is too large")
            return asset(file, name, triangles=99)

        monkeypatch.setattr(placing, "let_in", let_in)
        return opened, first, tried

    return make


def test_the_next_generation_has_what_stands_and_tries_what_changed_in_the_child(
    shelves: Callable[..., tuple[Any, Shelf, list[str]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, first, tried = shelves(monkeypatch)
    monkeypatch.setattr(placing, "facts_of", None)  # nothing is composed here
    placing.stock(opened, first, ["parts/box.usda"])
    assert [*opened.shelf.assets] == ["parts/box.usda"] and not tried
    assert opened.shelf.assets["parts/box.usda"].layers
    opened.shelf = Shelf()
    for name in ("gone", "new"):
        (tmp_path / "parts" / f"{name}.usda").write_text(BOX + "\n")
    placing.stock(opened, first, [*first.assets])
    assert tried == ["parts/gone.usda", "parts/new.usda"]
    assert opened.shelf.assets["parts/new.usda"].triangles == 99
    assert opened.shelf.missing == {
        "parts/gone.usda": "asset parts/gone.usda cannot be placed: it is too large"
    }


def test_a_layer_that_was_not_there_is_tried_too(
    shelves: Callable[..., tuple[Any, Shelf, list[str]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The asset's own files stayed, but what it refers to is there now."""
    opened, first, tried = shelves(monkeypatch)
    text = '#usda 1.0\ndef Cube "Late" (references = @./late.usda@</Box>)\n{\n}\n'
    file = tmp_path / "parts" / "refers.usda"
    file.write_text(text)
    layers = placing._screened(file, opened.allowed)
    first.put(asset(file, "parts/refers.usda", layers=layers))
    (tmp_path / "parts" / "late.usda").write_text(BOX)
    placing.stock(opened, first, ["parts/refers.usda"])
    assert tried == ["parts/refers.usda"]


def test_sentences_about_assets_name_no_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "parts" / "box.usda"
    link = str(tmp_path / "twinstage-watch-x" / "3")
    allowed = AllowedFolders(tmp_path / "parts" / "hall.usda", [])

    def bad(path: Path, _: AllowedFolders) -> None:
        raise UserError(f"stage {path} is no ordinary file")

    def answers(outcome: Any, **more: Any) -> None:
        fake = SimpleNamespace(examine=lambda *_: Examination(outcome, **more))
        monkeypatch.setattr("twinstage.scene.safe.examiner.shared_examiner", lambda: fake)

    answers("failure", message=f"OSError: {file} and '/opt/secret/lib/x.py' (reader.py:3)")
    with pytest.raises(TwinstageError) as problem:
        placing.let_in("parts/box.usda", file, allowed)
    assert str(tmp_path) not in str(problem.value) and "/opt" not in str(problem.value)
    assert "parts/box.usda" in str(problem.value) and "x.py" in str(problem.value)
    answers("ok", answer={"prim": "/Box"})
    monkeypatch.setattr(placing, "_screened", bad)
    with pytest.raises(UserError) as problem:
        placing.let_in("parts/box.usda", file, allowed, link)
    assert str(tmp_path) not in str(problem.value) and "twinstage-watch" not in str(problem.value)


def test_an_asset_of_too_many_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wood.usda").write_text(BOX)
    text = '#usda 1.0\n(\n defaultPrim = "Box"\n)\ndef "Box" (references = @./wood.usda@)\n{\n}\n'
    (tmp_path / "box.usda").write_text(text)
    request = {"path": str(tmp_path / "box.usda"), "roots": []}
    assert len(placing.look_task(request)["files"]) == 2
    monkeypatch.setattr(placing, "MOST_FILES", 1)
    assert placing.look_task(request) == {"problem": "it is made of more than 1 files"}


def test_the_own_name_of_an_asset_is_as_long_as_any(tmp_path: Path) -> None:
    file = tmp_path / "box.usda"
    assert rules.name_of(asset(file, prim=f"/{'a' * 5000}")) == "a" * 200
