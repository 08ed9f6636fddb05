"""`serve --watch` follows the bindings, too, and a program may ask for it with `twin.serve(watch=True)`."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from watched import CELL, Watched, watched, write_cell

import twinstage
from twinstage.base.errors import UserError
from twinstage.live.watch.wires import NEXT_START, WiringFiles

CONTRACT = """contract: 1
sources:
  plant:
    uri: "file:plant.csv"
    reader: {format: csv, time: {field: t, unit: s}}
signals:
  - {id: cart.x, source: plant, field: x, unit: m}
  - {id: lamp.there, source: plant, field: there, type: bool}
"""
BINDINGS = """bindings: 1
contract: contract.yaml
bindings:
  - {kind: pose, prim: /Cell/Cart, position: {x: cart.x}}
"""


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plant")
    rows = "".join(f"{t / 20},{t / 200},1\n" for t in range(4000))
    (folder / "plant.csv").write_text("t,x,there\n" + rows)
    (folder / "contract.yaml").write_text(CONTRACT)
    (folder / "bindings.yaml").write_text(BINDINGS)
    write_cell(folder)
    return folder


@pytest.fixture(scope="module")
def twin(plant: Path) -> Iterator[Watched]:
    with watched(plant / "cell.usda", bindings=plant / "bindings.yaml") as found:
        yield found


def save(plant: Path, text: str) -> Callable[[], object]:
    return lambda: (plant / "bindings.yaml").write_text(text)


def bound(twin: Watched) -> set[str]:
    return set(twin.server.call(lambda: dict(twin.live.hub.scene.bindings)))


def test_saved_bindings_are_those_of_the_twin(twin: Watched, plant: Path) -> None:
    assert bound(twin) == {"/Cell/Cart"}
    more = BINDINGS + "  - {kind: visibility, prim: /Cell/Lamp, signal: lamp.there}\n"
    done = twin.saved(save(plant, more))
    assert bound(twin) == {"/Cell/Cart", "/Cell/Lamp"}
    assert done["files"] == ["bindings.yaml"]
    assert {name: n for name, n in done["changed"].items() if n} == {"bindings": 1}
    assert set(done["steps"]) == {"settle", "open", "bind", "switch"}
    at = twin.prim("/Cell/Cart")
    here = lambda: float(twin.server.call(lambda: twin.live.hub.local(at)[0, 3]))  # noqa: E731
    before = here()
    _wait(lambda: here() > before)  # values go on moving it
    twin.saved(save(plant, BINDINGS))
    assert bound(twin) == {"/Cell/Cart"}


def test_bad_bindings_leave_the_good_ones_and_say_where(twin: Watched, plant: Path) -> None:
    sentence = twin.broken(save(plant, BINDINGS.replace("kind: pose", "kind: sliding")))
    assert "bindings.yaml:4" in sentence and "sliding" in sentence
    sentence = twin.broken(save(plant, BINDINGS.replace("/Cell/Cart", "/Cell/Carp")))
    assert "/Cell/Carp" in sentence and "/Cell/Cart" in sentence
    assert bound(twin) == {"/Cell/Cart"}
    # Good saves of the stage reach the scene meanwhile, and do not hide what is wrong.
    stage = plant / "cell.usda"
    saves = twin.status["saves"]
    stage.write_text(CELL.replace("(1, 1, 0)", "(1, 1, 0.25)"))
    twin.until(lambda now: now["saves"] > saves)
    assert [1.0, 1.0, 0.25] in twin.points("/Cell/Cart/Plate")
    assert twin.status["state"] == "broken" and "/Cell/Carp" in twin.status["text"]
    twin.saved(save(plant, BINDINGS))
    assert twin.status["text"] == "" and bound(twin) == {"/Cell/Cart"}


def test_bindings_that_are_saved_while_the_stage_is_broken_come_with_its_next_good_save(
    twin: Watched, plant: Path
) -> None:
    stage = plant / "cell.usda"
    twin.broken(lambda: stage.write_text(CELL[:300]))
    save(plant, BINDINGS + "  - {kind: visibility, prim: /Cell/Lamp, signal: lamp.there}\n")()
    time.sleep(0.3)
    assert bound(twin) == {"/Cell/Cart"}
    stage.write_text(CELL)
    _wait(lambda: bound(twin) == {"/Cell/Cart", "/Cell/Lamp"})
    assert twin.until(lambda now: now["state"] == "watching")
    twin.saved(save(plant, BINDINGS))


def test_a_saved_contract_is_checked_and_told(twin: Watched, plant: Path) -> None:
    contract = plant / "contract.yaml"
    sentence = twin.broken(lambda: contract.write_text(CONTRACT.replace("unit: m}", "unit: parsec}")))
    assert "contract.yaml" in sentence and "parsec" in sentence
    told: list[str] = []
    notice = twin.live.hub.notice
    twin.live.hub.notice = lambda level, text: (told.append(text), notice(level, text))  # type: ignore
    twin.saved(lambda: contract.write_text(CONTRACT.replace("unit: m}", "unit: mm}")))
    assert told == [f"contract.yaml was saved: {NEXT_START}"]
    assert bound(twin) == {"/Cell/Cart"}
    contract.write_text(CONTRACT)


def test_without_bindings_there_is_nothing_to_look_at() -> None:
    wiring = WiringFiles(None, None)
    assert wiring.files == () and not wiring.due()


def test_a_program_serves_and_watches(tmp_path: Path) -> None:
    stage = write_cell(tmp_path)
    with twinstage.open(stage) as twin:
        twin.set("/Cell/Post", position=(1, 2, 3))
        twin.serve(port=0, watch=True)
        desk = twin.live.watch
        assert desk is not None
        _wait(lambda: desk.status()["state"] == "watching")
        assert desk.status()["saves"] == 0, "that it was opened anew is no save"
        assert desk.generations == 1
        stage.write_text(CELL.replace("(1, 1, 0)", "(1, 1, 0.5)"))
        _wait(lambda: desk.status()["saves"] == 1)
        row = twin.live.snapshot.instances.prim.tolist().index(
            twin.live.snapshot.prims.index_of["/Cell/Cart/Plate"]
        )
        shape = twin.live.snapshot.prototypes[twin.live.snapshot.instances.prototype[row]]
        assert [1.0, 1.0, 0.5] in shape.points.tolist()
        _wait(
            lambda: (
                twin.live.hub.local(twin.live.snapshot.prims.index_of["/Cell/Post"])[:3, 3].tolist()
                == [1, 2, 3]
            )
        )


def test_a_twin_that_was_not_opened_from_files_cannot_watch(tmp_path: Path) -> None:
    from twinstage.live.producer import Twin

    with twinstage.open(write_cell(tmp_path)) as opened:
        other = Twin(opened.live)
        with pytest.raises(UserError, match="not opened from files"):
            other.serve(port=0, watch=True)
        with pytest.raises(UserError, match="in seconds up to 3600, got -1"):
            opened.serve(port=0, watch=-1.0)


def _wait(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
