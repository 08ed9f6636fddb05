"""What the catalogue reads and remembers stays inside the libraries, whatever files, children and remembered rows say."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from twinstage.assets.catalogue import scan as module
from twinstage.assets.catalogue.look import look_task
from twinstage.assets.catalogue.scan import Catalogue, scan
from twinstage.assets.catalogue.used import used_task
from twinstage.scene.safe.examiner import Examination

HEAD = '#usda 1.0\n(\ndefaultPrim = "A"\nmetersPerUnit = 1\nupAxis = "Z"\n)\n'
PART = 'def Xform "A"\n{\n    asset mine = @../secret/key.png@\n    def "B" ( references = @../secret/other.usda@ ) {}\n}\n'
SETS = """def Xform "A" (
    variants = { string s = "plain" }
    prepend variantSets = "s"
)
{
    def Cube "Body" {}
    variantSet "s" = {
        "plain" {
        }
        "other" {
            def "C" ( references = @./part.usda@ ) {}
        }
    }
}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """An asset with a variant that nobody has selected, whose file leads out of the library."""
    shop, secret = tmp_path / "shop", tmp_path / "secret"
    shop.mkdir()
    secret.mkdir()
    (secret / "key.png").write_bytes(b"secret")
    (secret / "other.usda").write_text(
        HEAD + 'def Xform "A" { def Cube "Body" {} }\n'.replace("{ def", "{\n def")
    )
    (shop / "part.usda").write_text(HEAD + PART)
    (shop / "asset.usda").write_text(HEAD + SETS)
    return shop


def test_what_was_screened_out_is_not_read_again_unscreened(shop: Path) -> None:
    """Without the kernel's wall: layers of variants that are not selected are not opened anew from their files."""
    request = {"path": str(shop / "asset.usda"), "roots": [str(shop)]}
    assert [os.path.basename(path) for path in look_task(request)["files"]] == ["asset.usda", "part.usda"]
    assert all("secret" not in path for path in used_task(request)["uses"])


def test_a_child_that_lies_makes_nobody_read_what_is_outside(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was taken over by a file, say: files outside of the libraries, and pipes, are not opened by this process."""
    pipe = shop / "pipe"
    os.mkfifo(pipe)
    secret = str(shop.parent / "secret" / "key.png")
    facts = look_task({"path": str(shop / "asset.usda"), "roots": [str(shop)]})
    told = {**facts, "files": [facts["files"][0], secret, str(pipe)], "parts": [secret], "thumbnail": secret}

    class Lying:
        def examine(self, *asked: Any) -> Examination:
            return Examination("ok", answer=told)

    monkeypatch.setattr(
        module, "each_in_a_child", lambda files, work, *more: [work(file, Lying()) for file in files]
    )
    opened: list[str] = []
    plain = open

    def spied(path: Any, *more: Any, **named: Any) -> Any:
        opened.append(str(path))
        return plain(path, *more, **named)

    monkeypatch.setattr("twinstage.assets.catalogue.remembered.open", spied, raising=False)
    entries = Catalogue([shop]).read()
    assert all(path.startswith(str(shop)) and path != str(pipe) for path in opened) and opened
    assert all(entry.thumbnail == "" and set(entry.files) <= {"asset.usda", "part.usda"} for entry in entries)


def changed(row: dict[str, Any], name: str, value: Any) -> None:
    (row if name in row else row["facts"])[name] = value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("digest", "../../../../tmp/x"),
        ("digest", "A" * 64),
        ("files", "asset.usda"),
        ("files", [5]),
        ("parts", {}),
        ("size", ["a", 1, 2]),
        ("size", [1, 2]),
        ("low", [float("nan"), 0, 0]),
        ("triangles", "many"),
        ("variants", [1]),
        ("tags", 5),
        ("materials", None),
        ("surprise", 1),
        ("stamps", [["a\0b", 1, 1]]),
        ("stamps", [["\ud800", 1, 1]]),
        ("files", ["a\0b"]),
        ("files", ["\ud800"]),
        ("parts", ["a\0b"]),
        ("thumbnail", "a\0b"),
    ],
)
def test_remembered_rows_that_are_odd_are_read_anew(shop: Path, name: str, value: Any) -> None:
    """Such a file may come with a library."""
    index = shop.parent / "index.json"
    good = scan([shop], remember=index)
    kept = json.loads(index.read_text())
    for row in kept["files"].values():
        changed(row, name, value)
    index.write_text(json.dumps(kept))
    assert scan([shop], remember=index) == good
