"""Questions about the past: what cannot be read is told without a path, and many of them hold up nothing else."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from api_twin import make_twin, say
from crowd import crowd

from twinstage.live.api.past import MOST_WAITING, PastDesk
from twinstage.live.api.reading import without_places
from twinstage.live.server import make_app
from twinstage.live.twin import LiveTwin
from twinstage.sync.api.operation import Refused
from twinstage.sync.api.past import PastAsk

PATHS = ("past?at=0.1", "past/alarms?at=0.1", "history", "history/range", "history/as-of?at=0.1")


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[LiveTwin]:
    made = make_twin(tmp_path)
    say(made, 1, x=1)
    assert made.recorder is not None
    made.recorder.commit()
    yield made
    made.let_go()


def get_all(twin: LiveTwin, paths: tuple[str, ...]) -> list[httpx.Response]:
    async def main() -> list[httpx.Response]:
        transport = httpx.ASGITransport(make_app(twin, camera_engine=None), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return [await client.get(f"/api/v1/{path}") for path in paths]

    return asyncio.run(main())


@pytest.mark.parametrize("how", ["gone", "a folder"])
def test_who_asks_is_not_told_where_a_history_lies(
    twin: LiveTwin, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert twin.recorder is not None
    database = twin.recorder.folder / "history.db"
    kept = database.read_bytes()
    if how == "gone":
        database.unlink()
    else:
        database.unlink()
        database.mkdir()
    with caplog.at_level(logging.ERROR):
        answers = get_all(twin, PATHS)
    for path, answer in zip(PATHS, answers, strict=True):
        assert answer.status_code >= 400, path
        assert str(twin.recorder.folder) not in answer.text and "/history" not in answer.json()["error"], path
        assert "history" in answer.json()["error"] and answer.status_code == 503, (path, answer.text)
    assert str(twin.recorder.folder) in caplog.text
    if how == "a folder":
        database.rmdir()
    database.write_bytes(kept)


def test_sentences_without_places() -> None:
    folder = Path("/srv/plant/h")
    for sentence, plain in (
        ("the history '/srv/plant/h/history.db' is damaged: entry 3", "the history is damaged: entry 3"),
        ("there is no history in '/srv/plant/h'; make one", "there is no history; make one"),
        ("the archive 's3://secret/plant' lacks 'x.parquet'", "the archive lacks 'x.parquet'"),
        ('the history "/srv/o\'neil/history.db" is damaged', "the history is damaged"),
        ("[Errno 13] Permission denied: '/srv/plant/h/x'", "[Errno 13] Permission denied: 'its folder/x'"),
        ("the history has no signal '/a/b'", "the history has no signal '/a/b'"),
    ):
        assert without_places(sentence, folder) == plain


def test_many_questions_hold_up_nothing_else(twin: LiveTwin) -> None:
    """While the past is asked by all who may wait, journals still get a thread; one more is refused, and told when to come."""
    assert twin.recorder is not None
    desk = PastDesk(twin, twin.recorder.folder)
    go, plain = threading.Event(), desk._looked

    def slow(now: object) -> object:
        assert go.wait(20)
        return plain(now)  # type: ignore[arg-type]

    desk._looked = slow  # type: ignore[method-assign, assignment]

    waited, told = crowd(lambda: desk.ticks(PastAsk(at="0.1")), go, MOST_WAITING + 2, threads=4)
    refused = [one for one in told if isinstance(one, Refused)]
    assert waited < 2 and len(refused) == 2 and len(told) - len(refused) == MOST_WAITING
    assert refused[0].status == 503 and "the past" in str(refused[0]) and refused[0].retry_after == 1
    desk.close()


def test_a_refusal_says_when_to_come_again(twin: LiveTwin) -> None:
    app = make_app(twin, camera_engine=None)
    assert twin.past is not None

    async def full(asked: object) -> object:
        raise Refused(503, "too many ask", retry_after=1)

    twin.past.ticks = full  # type: ignore[method-assign, assignment]

    async def main() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.get("/api/v1/past?at=0.1")

    answer = asyncio.run(main())
    assert answer.status_code == 503 and answer.headers["retry-after"] == "1"


def test_what_cannot_be_kept_is_told_without_a_place(
    twin: LiveTwin, caplog: pytest.LogCaptureFixture
) -> None:
    """To those who look, and to anybody who asks whether the twin is ready."""
    assert twin.recorder is not None and twin.desk is not None
    folder = twin.recorder.folder
    twin.recorder.failure = f"the history '{folder}/history.db' cannot be written: database or disk is full"
    error = "[Errno 2] No such file or directory: '/srv/secret/cycle.csv'"
    twin.sources["plc"] = SimpleNamespace(state="waiting", error=error)  # type: ignore[assignment]
    (ready,) = get_all(twin, ("../../readyz",))
    assert str(folder) not in ready.text and "/srv" not in ready.text
    assert (
        "the history cannot be written: database or disk is full" in ready.text
        and "'cycle.csv'" in ready.text
    )
    notices: list[str] = []
    twin.hub.notice = lambda level, text: notices.append(text)  # type: ignore[method-assign, assignment]
    with caplog.at_level(logging.ERROR):
        twin.desk._failed(f"the journal of edits '{folder}/history.db' cannot be written: database is locked")
        asyncio.run(failing(twin))
    assert notices == [
        "edits are done but not kept: the journal of edits cannot be written: database is locked",
        "the history cannot be written: no room",
    ]
    assert str(folder) in caplog.text


async def failing(twin: LiveTwin) -> None:
    """The history is kept for a moment in which its disk takes nothing."""
    assert twin.recorder is not None
    recorder, stop = twin.recorder, asyncio.Event()

    async def run(stop: asyncio.Event, *, on_failure: Any) -> None:
        on_failure(f"the history '{recorder.folder}/history.db' cannot be written: no room")

    recorder.run = run  # type: ignore[method-assign]
    await twin._keep_history(recorder, stop)
