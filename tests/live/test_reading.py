"""What is wrong with a history's files is told without their places, and what is wrong with a question as it is."""

from pathlib import Path

import pytest

from twinstage.base.errors import UserError
from twinstage.live.api.history import HistoryDesk
from twinstage.live.api.reading import without_places
from twinstage.sync.api.history import AsOfAsk, ChartAsk
from twinstage.sync.api.operation import Refused
from twinstage.telemetry.batch import ingest_files
from twinstage.telemetry.contract import parse_contract
from twinstage.telemetry.history.hotlog import DATABASE

TEXT = """
contract: 1
sources:
  a: {uri: "file:x.csv", reader: {format: csv, time: {column: time, unit: s}}}
signals:
  - {id: volts, source: a, field: v, unit: V}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A history as the docs name it: by a word that is in many sentences, too."""
    (tmp_path / "x.csv").write_text("time,v\n100,2\n101,4\n")
    ingest_files(parse_contract(TEXT), tmp_path, now_ns=0, history=tmp_path / "history")
    monkeypatch.chdir(tmp_path)
    return Path("history")


def test_a_mistake_in_a_question_stays_one_where_the_folder_is_relative(folder: Path) -> None:
    desk = HistoryDesk(folder)
    with pytest.raises(UserError, match="from the beginning of the history, or a date") as caught:
        desk.get_as_of(AsOfAsk(at="soon"))
    assert not isinstance(caught.value, Refused)
    with pytest.raises(UserError, match=r"lies outside any history$"):
        desk.get_chart(ChartAsk.model_validate({"signal": "volts", "from": "1e99"}))


def test_a_mistake_that_quotes_the_folder_is_no_fault_of_the_files(folder: Path) -> None:
    """What somebody asks may read like a place."""
    for text in ("history'x'", "'history/x'"):
        with pytest.raises(UserError, match="is no moment") as caught:
            HistoryDesk(folder).get_as_of(AsOfAsk(at=text))
        assert not isinstance(caught.value, Refused) and text in str(caught.value)


def test_files_that_cannot_be_read_are_a_fault_of_the_server(folder: Path) -> None:
    (folder / DATABASE).write_bytes(b"no database " * 1000)
    for place in (folder, folder.absolute()):
        with pytest.raises(
            Refused, match=r"^the history cannot be opened: file is not a database$"
        ) as caught:
            HistoryDesk(place).get_history()
        assert caught.value.status == 503
    with pytest.raises(Refused, match=r"^there is no history; ") as caught:
        HistoryDesk(folder / "gone").get_history()
    assert caught.value.status == 503


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        (
            "the history 'history/hot.db' cannot be written: disk full",
            "the history cannot be written: disk full",
        ),
        (
            "at '2020' lies before the history, which begins",
            "at '2020' lies before the history, which begins",
        ),
        (
            "[Errno 28] No space left on device: 'history/part'",
            "[Errno 28] No space left on device: 'its folder/part'",
        ),
        ("cannot write {whole}/part: full", "cannot write its folder/part: full"),
        ("cannot write {whole}: full", "cannot write its folder: full"),
        ("cannot write file://{whole}. Full", "cannot write file://its folder. Full"),
        ("{whole}2/part is another one", "{whole}2/part is another one"),
    ],
)
def test_only_places_are_taken_out(folder: Path, sentence: str, told: str) -> None:
    whole = str(folder.absolute())
    assert without_places(sentence.format(whole=whole), folder) == told.format(whole=whole)
