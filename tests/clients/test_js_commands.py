"""The JavaScript client changes a running twin from Node: moves, sets, answers an alarm, meets a conflict."""

import asyncio
import json
import os
from pathlib import Path
from types import ModuleType

import pytest

from twinstage.base.clock import NS


@pytest.fixture
def live(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The helpers of the tests of commands are found."""
    monkeypatch.syspath_prepend(root / "tests" / "live")


def test_commands_of_the_client_are_done_or_refused_with_a_sentence(
    root: Path, nodes: ModuleType, live: None, tmp_path: Path
) -> None:
    from edit_twin import make_twin
    from test_commands import tokens_of

    from twinstage.live.server import make_app
    from twinstage.sync.serve import running

    node = nodes.newest((20, 10))
    flags = ["--experimental-websocket"] if nodes.version(node) < (22,) else []
    twin = make_twin(tmp_path)
    access, token = tokens_of(tmp_path)
    script = root / "clients" / "js" / "test" / "command.mjs"
    tokens = ",".join(token[name] for name in ("anna", "ben", "olga"))

    async def work() -> dict:
        async with running(make_app(twin, camera_engine=None, access=access), port=0) as url:
            child = await asyncio.create_subprocess_exec(
                *(str(node), *flags, str(script), url),
                env={**os.environ, "TOKENS": tokens},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            telling = asyncio.create_task(child.communicate())
            try:
                async with asyncio.timeout(40):
                    while not telling.done():
                        now = twin.clock.now_ns() + NS // 10
                        twin.clock.set(now)  # type: ignore[attr-defined]
                        if twin.hub.edits() >= 3:  # all of them listen
                            reading = {"t": now, "load": 950.0}
                            twin.ingest.offer("plc", (json.dumps(reading) + "\n").encode(), now)
                        twin.tick(now)
                        await asyncio.sleep(0.01)
            finally:
                if child.returncode is None:
                    child.kill()
            out, errors = await telling
            assert child.returncode == 0, errors.decode()
            return dict(json.loads(out))

    try:
        said = asyncio.run(work())
        records = twin.alarms.page(before=None, alarm=None, limit=9)  # type: ignore[union-attr]
    finally:
        twin.let_go()
    assert (said["before"], said["moved"], said["again"], said["set"], said["undone"]) == (0, 1, 2, 3, 4)
    assert said["at"] == [1, 2, 3] and said["digest"] is True
    assert said["conflict"]["code"] == "conflict" and "anna has changed pose" in said["conflict"]["message"]
    current = said["conflict"]["current"]
    assert (current["path"], current["version"], current["author"]) == ("/Hall/Table", 1, "anna")
    assert said["invalid"]["code"] in ("refused", "invalid") and "intensity" in said["invalid"]["message"]
    assert said["forbidden"]["code"] == "forbidden" and "role engineer" in said["forbidden"]["message"]
    assert said["acknowledged"] is True
    answered = [row for row in records if row["by"]]
    assert [(row["alarm"], row["by"], row["comment"]) for row in answered] == [("crane/load", "olga", "seen")]
