"""Assets that are placed, and what a server gives of them, come from strangers."""

import asyncio
import io
import os
import threading
import time
import zipfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from edit_twin import ANNA, BEN, command, did, do, refused
from pxr import Usd
from test_edit_effects import assert_one_truth, ui
from test_place import PUMP, make

from twinstage.base.errors import TwinstageError, UserError
from twinstage.live.commands import placing as rules
from twinstage.live.edit_files import layer_for, unpack_assets
from twinstage.live.library import open_library
from twinstage.live.twin import LiveTwin
from twinstage.scene import placing
from twinstage.scene.asset_paths import AllowedFolders
from twinstage.scene.safe.examiner import Examination
from twinstage.scene.shelf import Asset, Shelf
from twinstage.sync.api.operation import Refused

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


# ---------------------------------------------------------------------- room

MANY = """#usda 1.0
(
    defaultPrim = "Many"
)
def Xform "Many" (
    variants = { string count = "one" }
    prepend variantSets = "count"
)
{
    def Cube "Only"
    {
    }
    variantSet "count" = {
        "one" {
        }
        "many" {
CUBES
        }
    }
}
""".replace("CUBES", "\n".join(f'def Cube "C{k}"\n{{\n}}' for k in range(40)))
LIMITS = "twinstage.scene.safe.expansion.MAX_PRIMS"


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[LiveTwin]:
    made = make(tmp_path)
    (tmp_path / "parts" / "many.usda").write_text(MANY)
    yield made
    made.let_go()


def on_the_loop(twin: LiveTwin, *orders: Any) -> list[Any]:
    """Answers where a server runs: generations are made beside."""

    async def main() -> list[Any]:
        desk = twin.desk
        assert desk is not None
        asked = [desk.command(order, ANNA) for order in orders]
        return [await one if isinstance(one, Awaitable) else one for one in asked]

    return asyncio.run(main())


def test_all_prims_that_are_placed_have_a_limit(twin: LiveTwin, monkeypatch: pytest.MonkeyPatch) -> None:
    did(twin, ANNA, "place", asset="parts/many.usda")
    monkeypatch.setattr(rules, "MOST_PRIMS", 3)
    assert "prims; with it all that is placed would have 4, and 3" in (
        refused(twin, ANNA, "place", asset="parts/many.usda").error or ""
    )


def test_a_variant_that_is_too_much_is_refused(twin: LiveTwin, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variant of a placed prim may hold what nobody has counted; the same where a generation is made beside."""
    did(twin, ANNA, "place", asset="parts/many.usda")
    before = ui(twin)
    with monkeypatch.context() as patch:
        patch.setattr(LIMITS, 45)
        more = {"path": "/Hall/Many", "variantSet": "count", "variant": "many"}
        assert "45 and" in (refused(twin, ANNA, "variant", **more).error or "")
        (answer,) = on_the_loop(twin, command("variant", **more))
        assert not answer.ok and "45 and" in (answer.error or "")
        assert ui(twin) == before
        patch.setattr(LIMITS, 5)  # a stage that held too much before may go on with what is no more
        did(twin, ANNA, "remove", path="/Hall/Many")
    did(twin, ANNA, "undo")
    did(twin, ANNA, "variant", **more)
    assert_one_truth(twin)


def test_undo_has_no_more_room_than_placing(twin: LiveTwin, monkeypatch: pytest.MonkeyPatch) -> None:
    """Placed to the limit, removed, and placed again: what was removed does not come back on top of it."""
    monkeypatch.setattr(rules, "MOST_PLACED", 2)
    for name in ("A", "B"):
        did(twin, ANNA, "place", asset=PUMP, name=name)
    edits = [{"kind": "remove", "path": f"/Hall/{name}"} for name in ("A", "B")]
    did(twin, ANNA, "transaction", edits=edits)
    did(twin, BEN, "place", asset=PUMP, name="C")
    before = ui(twin)
    assert "2 assets are placed already" in (refused(twin, ANNA, "undo").error or "")
    assert ui(twin) == before
    did(twin, BEN, "undo")
    did(twin, ANNA, "undo")
    assert "2 assets are placed already" in (refused(twin, BEN, "redo").error or "")
    assert do(twin, ANNA, command("redo")).ok


# ---------------------------------------------------------------------- few at a time


def test_an_asset_is_looked_at_once_and_one_after_the_other(
    twin: LiveTwin, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = twin.desk
    assert desk is not None
    asked: list[str] = []
    inside, most = 0, 0
    lock, go = threading.Lock(), threading.Event()

    def let_in(name: str) -> None:
        nonlocal inside, most
        with lock:
            asked.append(name)
            inside += 1
            most = max(most, inside)
        go.wait(5)
        time.sleep(0.01)
        with lock:
            inside -= 1
        raise UserError(f"asset {name} cannot be placed")

    monkeypatch.setattr(desk._effects, "let_in", let_in)
    (twin.library.roots["parts"] / "box.usda").write_text(BOX)
    for number in range(20):
        (twin.library.roots["parts"] / f"b{number}.usda").write_text(BOX)
    same = [command("place", asset="parts/box.usda") for _ in range(10)]
    others = [command("place", asset=f"parts/b{number}.usda") for number in range(20)]

    async def main() -> list[Any]:
        tasks = [asyncio.ensure_future(desk.command(order, ANNA)) for order in (*same, *others)]  # type: ignore[arg-type]
        await asyncio.sleep(0.05)
        go.set()
        return await asyncio.gather(*tasks)

    answers = asyncio.run(main())
    assert asked.count("parts/box.usda") == 1 and most == 1 and len(asked) == 17
    told = [answer.error for answer in answers]
    assert told[:10] == ["asset parts/box.usda cannot be placed"] * 10
    assert sum("too many assets" in text for text in told) == 4


def test_few_zips_are_made_at_the_same_time(twin: LiveTwin, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = twin.desk
    assert desk is not None
    did(twin, ANNA, "place", asset=PUMP)
    go = threading.Event()

    def zipped(files: Any) -> bytes:
        assert go.wait(5)
        return b"PK"

    monkeypatch.setattr("twinstage.live.commands.desk.zipped", zipped)

    async def main() -> list[Any]:
        tasks = [asyncio.ensure_future(desk.assets_zip()) for _ in range(7)]
        await asyncio.sleep(0.05)
        go.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    answers = asyncio.run(main())
    assert answers[:5] == [b"PK"] * 5
    assert [isinstance(one, Refused) and one.status for one in answers[5:]] == [503, 503]


# ---------------------------------------------------------------------- watching


def test_files_of_what_stands_are_watched_and_are_not_sorted_at_each_look(
    twin: LiveTwin, monkeypatch: pytest.MonkeyPatch
) -> None:
    from twinstage.live.twin import TwinFiles
    from twinstage.live.watch.desk import StageWatch

    watch = StageWatch(twin, TwinFiles(twin.opened.path))
    assert watch._placed_files() == ()
    did(twin, ANNA, "place", asset=PUMP)
    files = watch._placed_files()
    assert any(name.endswith("pump.usda") for name, _ in files)
    assert watch._placed_files() is files
    did(twin, ANNA, "move", path="/Hall/Pump", position=[1, 2, 3])
    assert watch._placed_files() is files
    did(twin, ANNA, "remove", path="/Hall/Pump")
    assert watch._placed_files() == ()
    watch._links.close()
    watch._opener.shutdown()


def test_a_state_names_what_was_placed_and_no_folder_of_the_server(tmp_path: Path) -> None:
    from twinstage.live.states import state_text
    from twinstage.synth.start import checked_start

    twin = make(tmp_path)
    (disk,) = did(twin, ANNA, "place", asset="parts/disk.usda", position=[1.0, 0.0, 0.0]).placed
    text = state_text(twin)
    assert "@./parts/disk.usda@" in text and str(tmp_path) not in text
    with pytest.raises(UserError) as refused_by:
        checked_start(text, "the state of http://127.0.0.1:8000")
    words = str(refused_by.value)
    assert f"has {disk}, which somebody placed in the twin out of parts/disk.usda" in words
    assert "edits export --copy-assets" in words and str(tmp_path) not in words
    did(twin, ANNA, "remove", path=disk)
    checked_start(state_text(twin), "the state of x")
    twin.let_go()
