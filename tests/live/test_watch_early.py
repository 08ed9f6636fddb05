"""A file is read while it rests; nothing is told of it before it has rested."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
from watched import write_cell

from twinstage.live.watch import child
from twinstage.live.watch.child import Watcher
from twinstage.live.watch.files import Digests
from twinstage.live.watch.messages import Begin, Overlay, Source
from twinstage.live.watch.reading import Broken, StageReader
from twinstage.live.watch.settling import SLACK_S, young_for


def test_when_a_changed_file_may_be_read() -> None:
    old, young = (1, 5, 10_000_000_000), (1, 5, 10_990_000_000)
    assert young_for([old], 11.0) == 0
    assert young_for([old, young], 11.0) == pytest.approx(SLACK_S - 0.01)
    assert young_for([old, None], 11.0) == float("inf")
    assert young_for([], 11.0) == 0


class Cell:
    """A watcher without a process of its own, whose words are kept."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, stage: Path | None = None) -> None:
        self.stage = stage or write_cell(folder)
        time.sleep(2 * SLACK_S)
        begin = Begin(Source(self.stage), Overlay(), frozenset(), 0.001, 0)
        self.watcher = Watcher(begin, -1)
        self.told: list[Any] = []
        monkeypatch.setattr(self.watcher, "say", self.told.append)
        self.watcher.prime()
        self.told.clear()

    def saved(self, text: str) -> None:
        other = self.stage.with_suffix(".tmp")
        other.write_text(text)
        os.replace(other, self.stage)

    def tried(self) -> bool:
        """A reading right after the change was seen."""
        watcher = self.watcher
        stamps = watcher.reader.stamps()
        assert not watcher.settling.look(stamps, child.time.monotonic())
        return watcher._try(stamps, watcher.settling.first)

    def kinds(self) -> list[str]:
        return [told.kind for told in self.told]


def test_a_scene_is_told_once_its_file_has_rested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = Cell(tmp_path, monkeypatch)
    cell.saved(cell.stage.read_text().replace("(1, 1, 0)", "(1, 1, 0.5)"))
    assert cell.tried()
    scene = next(told for told in cell.told if told.kind == "scene")
    assert scene.times[3] - scene.times[0] >= child.SETTLE_S * 0.99


def test_what_changes_while_it_is_read_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = Cell(tmp_path, monkeypatch)
    text = cell.stage.read_text()
    read = cell.watcher.reader.read

    def slow(*given: Any) -> Any:
        found = read(*given)
        cell.stage.write_text(text.replace("(1, 1, 0)", "(1, 1, 0.25)"))
        return found

    cell.saved(text.replace("(1, 1, 0)", "(1, 1, 0.5)"))
    with monkeypatch.context() as patch:
        patch.setattr(cell.watcher.reader, "read", slow)
        assert not cell.tried()
    assert "scene" not in cell.kinds()
    assert cell.tried() and "scene" in cell.kinds()


def test_what_changes_while_it_rests_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = Cell(tmp_path, monkeypatch)
    text = cell.stage.read_text()
    monkeypatch.setattr(type(cell.watcher.settling), "left", lambda self, now: 60.0)
    monkeypatch.setattr(child.time, "sleep", lambda left: cell.stage.write_text(text + "\n# more\n"))
    cell.saved(text.replace("(1, 1, 0)", "(1, 1, 0.5)"))
    assert not cell.tried()
    assert cell.kinds().count("scene") == 0


def test_a_save_during_the_first_reading_is_read_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = write_cell(tmp_path)
    saved = stage.read_text().replace("(1, 1, 0)", "(1, 1, 0.5)")
    read = StageReader.read

    def slow(*given: Any) -> Any:
        found = read(*given)
        stage.write_text(saved)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(StageReader, "read", slow)
        cell = Cell(tmp_path, monkeypatch, stage)
    assert cell.tried()
    scene = next(told for told in cell.told if told.kind == "scene")
    assert scene.changed == (str(stage),)


def test_a_fault_that_is_shown_stays_known_through_a_reading_that_is_thrown_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program writes the scene in two steps, the first without the reference that leads nowhere."""
    stage = write_cell(tmp_path)
    whole = stage.read_text()
    faulty = whole.replace("@./lamp.usda@", "@./lost.usda@")
    stage.write_text(faulty)
    cell = Cell(tmp_path, monkeypatch, stage)
    read = cell.watcher.reader.read

    def slow(*given: Any) -> Any:
        found = read(*given)
        stage.write_text(faulty.replace("(1, 1, 0)", "(1, 1, 0.25)"))
        return found

    cell.saved(whole)
    with monkeypatch.context() as patch:
        patch.setattr(cell.watcher.reader, "read", slow)
        assert not cell.tried()
    assert cell.tried()
    assert cell.kinds().count("scene") == 1 and "broken" not in cell.kinds()


def test_a_file_that_goes_while_it_is_summed_up_is_a_broken_save(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = Cell(tmp_path, monkeypatch)

    def gone(self: Digests, file: str) -> bytes:
        raise FileNotFoundError(2, "No such file or directory", file)

    monkeypatch.setattr(Digests, "__call__", gone)
    with pytest.raises(Broken, match=r"(cell|looks|lamp)\.usda cannot be read: No such file"):
        cell.watcher.reader.read(Overlay())
