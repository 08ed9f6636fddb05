"""Commands over real sockets: answers, conflicts, roles, events, HTTP, a lost connection, a restart with its history."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from edit_twin import STAGE, START, make_twin

from twinstage.base.clock import NS, ManualClock
from twinstage.base.errors import UserError
from twinstage.live.server import make_app
from twinstage.live.twin import LiveTwin
from twinstage.sync import messages as m
from twinstage.sync.access.access import Access
from twinstage.sync.access.roles import Role
from twinstage.sync.access.store import WatchedTokens, change_tokens
from twinstage.sync.access.tokens import issue
from twinstage.sync.blocking import SyncClient
from twinstage.sync.client import Client, CommandError, connect
from twinstage.sync.serve import running

TABLE, MUG, LAMP = "/Hall/Table", "/Hall/Table/Mug", "/Hall/Lamp"


@asynccontextmanager
async def served(twin: LiveTwin, access: Access | None = None) -> AsyncIterator[str]:
    """The twin behind a port, with a tick every few milliseconds."""
    stop = asyncio.Event()

    async def ticking() -> None:
        while not stop.is_set():
            twin.clock.set(twin.clock.now_ns() + NS // 10)  # type: ignore[attr-defined]
            twin.tick(twin.clock.now_ns())
            await asyncio.sleep(0.005)

    async with running(make_app(twin, camera_engine=None, access=access), port=0) as url:
        task = asyncio.create_task(ticking())
        try:
            yield url
        finally:
            stop.set()
            await task


async def until(client: Client, true: Callable[[], bool]) -> None:
    """Wait for a tick after which something is so."""
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.005)


def close(twin: LiveTwin) -> None:
    twin.let_go()


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(work())  # type: ignore[arg-type]


def test_one_moves_and_the_other_sees_it(tmp_path: Path) -> None:
    twin = make_twin(tmp_path)
    events: list[m.Event] = []

    async def main() -> None:
        async with (
            served(twin) as url,
            connect(url) as one,
            connect(url, on_event=events.append) as other,
        ):
            assert one.edits == 0
            answer = await one.move(TABLE, position=[1.0, 2.0, 3.0], rotation=[1, 0, 0, 0])
            assert (answer.version, answer.undo) == (1, 1)
            await until(other, lambda: bool(np.allclose(other.local(TABLE)[:3, 3], [1, 2, 3])))
            await until(other, lambda: other.edits == 1)
            told = [event for event in events if event.event == "edit"]
            assert told[0].data == {
                "version": 1,
                "transactions": [
                    {
                        "version": 1,
                        "author": "local",
                        "did": "edit",
                        "count": 1,
                        "edits": [[TABLE, "pose"]],
                    }
                ],
            }
            await other.command("visibility", path=MUG, visible=False)
            await until(one, lambda: not one.visible(MUG))
            # A light is no row: another scene comes.
            await other.set(LAMP, "inputs:radius", 0.5)
            await until(one, lambda: one.model.revision == 1)
            await until(one, lambda: bool(np.allclose(one.local(TABLE)[:3, 3], [1, 2, 3])))
            assert not one.visible(MUG)
            await one.command("variant", path="/Hall/Door", variantSet="open", variant="yes")
            await until(other, lambda: "/Hall/Door/Stop" in other.model.paths)
            await until(other, lambda: bool(np.allclose(other.local(TABLE)[:3, 3], [1, 2, 3])))
            assert (await other.digest()).equal
            for _ in range(4):
                await one.undo()
            with pytest.raises(CommandError, match="nothing to undo") as caught:
                await one.undo()
            assert caught.value.code == "refused"
            assert (await one.redo()).version == 9

    run(main)
    close(twin)


def tokens_of(folder: Path) -> tuple[Access, dict[str, str]]:
    clock, path, told = ManualClock(START), folder / "tokens.yaml", {}
    now = datetime.fromtimestamp(START / 1e9, UTC)
    for name, role in (
        ("vic", Role.VIEWER),
        ("olga", Role.OPERATOR),
        ("anna", Role.ENGINEER),
        ("ben", Role.ENGINEER),
    ):
        made = change_tokens(
            path,
            lambda held, name=name, role=role: issue(  # type: ignore[misc]
                held,
                name,
                role,
                now=now,
                lifetime=timedelta(days=1),
                random_bytes=lambda n: name[:1].encode() * n,
            ),
            create=True,
        )
        told[name] = str(made[2])
    return Access(WatchedTokens(path), key=b"k" * 32, clock=clock), told


def test_roles_authors_and_conflicts(tmp_path: Path) -> None:
    twin = make_twin(tmp_path)
    access, token = tokens_of(tmp_path)

    async def main() -> None:
        async with (
            served(twin, access) as url,
            connect(url, token=token["anna"]) as anna,
            connect(url, token=token["ben"]) as ben,
            connect(url, token=token["olga"]) as olga,
            connect(url, token=token["vic"]) as vic,
        ):
            for client in (olga, vic):
                with pytest.raises(CommandError, match="needs the role engineer") as forbidden:
                    await client.move(TABLE, position=[0, 0, 0])
                assert forbidden.value.code == "forbidden"
            with pytest.raises(CommandError, match="needs the role operator"):
                await vic.command("alarm", alarms=["crane/load"], action="acknowledge")
            with pytest.raises(CommandError, match="crane/load"):
                await olga.command("alarm", alarms=["crane/load"], action="acknowledge")  # it is not active
            done = await olga.command("alarm", alarms=["crane/load"], action="shelve", seconds=60, by="o. k.")
            assert done.version == 0
            assert twin.alarms is not None
            assert twin.alarms.page(before=None, alarm=None, limit=1)[0]["by"] == "o. k. (olga)"

            base = anna.edits
            await anna.move(TABLE, position=[1, 0, 0], base=base)
            with pytest.raises(
                CommandError, match="anna has changed pose of /Hall/Table in version 1"
            ) as conflict:
                await ben.move(TABLE, position=[2, 0, 0], base=base)
            assert conflict.value.code == "conflict"
            current = conflict.value.current
            assert current is not None and (current["author"], current["version"]) == ("anna", 1)
            await ben.move(TABLE, position=[2, 0, 0], base=current["version"])
            with pytest.raises(CommandError, match="ben has changed"):
                await anna.undo()

            headers = {"authorization": f"Bearer {token['anna']}"}
            async with httpx.AsyncClient(base_url=url) as web:
                order: dict[str, Any] = {"id": "r1", "kind": "visibility", "path": MUG, "visible": False}
                for status, who in ((403, "vic"), (403, "olga"), (200, "anna")):
                    sent = await web.post(
                        "/api/v1/commands", json=order, headers={"authorization": f"Bearer {token[who]}"}
                    )
                    assert sent.status_code == status, sent.text
                assert sent.json()["version"] == 3
                assert access.counts.changes >= 4
                stale = {"id": "r2", "kind": "move", "path": TABLE, "position": [0, 0, 0], "base": 1}
                sent = await web.post("/api/v1/commands", json=stale, headers=headers)
                assert sent.status_code == 409 and sent.json()["code"] == "conflict"
                assert sent.json()["current"]["author"] == "ben" and sent.json()["error"]
                sent = await web.post("/api/v1/commands", json={"id": "r3", "kind": "move"}, headers=headers)
                assert sent.status_code == 422 and sent.json()["code"] == "invalid"
                edits = (await web.get("/api/v1/edits", headers=headers)).json()
                assert edits["version"] == 3 and edits["total"] == 2
                assert [(e["path"], e["property"], e["author"]) for e in edits["edits"]] == [
                    (TABLE, "pose", "ben"),
                    (MUG, "visibility", "anna"),
                ]
                found = (await web.get("/api/v1/edits?prim=/Hall/Table/*", headers=headers)).json()
                assert found["total"] == 1
                journal = (await web.get("/api/v1/edits/journal", headers=headers)).json()["transactions"]
                assert [one["version"] for one in journal] == [3, 2, 1]
                layer = (await web.get("/api/v1/edits/layer.usda", headers=headers)).text
                assert 'over "Mug"' in layer and "metersPerUnit = 0.01" in layer
                file = (await web.get("/api/v1/edits/bindings.yaml", headers=headers)).text
                assert "crane.x" in file

    run(main)
    close(twin)


def test_what_is_no_command_is_answered_and_never_closes_the_link(tmp_path: Path) -> None:
    twin = make_twin(tmp_path)

    async def main() -> None:
        async with served(twin) as url, connect(url) as client:
            bad: list[dict[str, Any]] = [
                {"kind": "nonsense"},
                {"kind": "move", "path": "Table"},
                {"kind": "move", "path": TABLE, "position": "far"},
                {"kind": "move", "path": TABLE, "position": [0] * 9},
                {"kind": "set", "path": TABLE, "property": "x" * 500, "value": 1},
                {"kind": "move", "path": TABLE, "surprise": 1},
                {"kind": "transaction", "edits": [{"kind": "undo"}]},
                {
                    "kind": "transaction",
                    "edits": [{"kind": "visibility", "path": MUG, "visible": True}] * 101,
                },
            ]
            for fields in bad:
                with pytest.raises(CommandError) as caught:
                    await client.command(**fields)
                assert caught.value.code == "invalid" and len(str(caught.value)) < 600, fields
            assert client.connected and client.reconnects == 0 and twin.desk is not None
            assert twin.desk.version == 0

    run(main)
    close(twin)


def test_too_many_commands_are_refused(tmp_path: Path) -> None:
    twin = make_twin(tmp_path)

    async def main() -> None:
        async with served(twin) as url, connect(url) as client:
            many = [client.command("visibility", path=MUG, visible=k % 2 == 0) for k in range(200)]
            answers = await asyncio.gather(*many, return_exceptions=True)
            late = [error for error in answers if isinstance(error, CommandError)]
            assert late and all("commands a second" in str(error) for error in late)
            assert client.connected and twin.desk is not None
            assert twin.desk.version == 200 - len(late) >= 40
            assert client.reconnects == 0

    run(main)
    close(twin)


def test_a_lost_connection_neither_loses_nor_doubles_a_command(tmp_path: Path) -> None:
    twin = make_twin(tmp_path)

    async def main() -> None:
        async with served(twin) as url, connect(url) as client:
            socket = client._socket
            assert socket is not None
            asked = asyncio.create_task(client.move(TABLE, position=[1, 0, 0]))
            await asyncio.sleep(0)  # it is on its way
            socket.transport.abort()
            answer = await asked
            assert answer.ok and answer.version == 1 and twin.desk is not None
            assert twin.desk.version == 1

    run(main)
    close(twin)


def test_after_a_restart_the_edits_are_there_again(tmp_path: Path) -> None:
    twin = make_twin(tmp_path, history=True)

    async def first() -> None:
        async with served(twin) as url, connect(url) as client:
            await client.move(TABLE, position=[1, 2, 3])
            await client.set(LAMP, "inputs:intensity", 42.0)
            await client.command("variant", path="/Hall/Door", variantSet="open", variant="yes")
            answer = await client.command(
                "bind", binding={"kind": "pose", "prim": "/Hall/Door", "position": {"x": "crane.y"}}
            )
            assert answer.kept and answer.version == 4

    run(first)
    close(twin)
    again = make_twin(tmp_path, history=True, at=START + 5000 * NS)
    assert any(finding.code == "edits.go_on" for finding in again.findings)

    async def second() -> None:
        async with served(again) as url, connect(url) as client:
            assert client.edits == 4
            np.testing.assert_allclose(client.local(TABLE)[:3, 3], [1, 2, 3], atol=1e-4)
            assert "/Hall/Door/Stop" in client.model.paths
            assert again.hub.scene.bindings["/Hall/Door"] == ("crane.y",)
            assert (await client.undo()).version == 5
            await until(client, lambda: "/Hall/Door" not in again.hub.scene.bindings)
            for _ in range(3):
                await client.undo()
            await until(client, lambda: "/Hall/Door/Stop" not in client.model.paths)
            assert again.opened.layers.ui.empty

    run(second)
    close(again)


def test_edits_that_fit_no_more_stop_the_start_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twin = make_twin(tmp_path, history=True)

    async def first() -> None:
        async with served(twin) as url, connect(url) as client:
            await client.command(
                "bind", binding={"kind": "pose", "prim": TABLE, "position": {"x": "crane.y"}}
            )

    run(first)
    close(twin)
    other = tmp_path / "other"
    shutil.copytree(tmp_path / "history", other / "history")
    monkeypatch.setattr("edit_twin.STAGE", STAGE.replace('"Table"', '"Desk"'))
    with pytest.raises(UserError, match=r"do not fit this stage .* there is no prim /Hall/Table") as caught:
        make_twin(other, history=True, at=START + 5000 * NS)
    assert "--clear-edits" in str(caught.value)
    cleared = make_twin(other, history=True, at=START + 5000 * NS, clear_edits=True)
    assert cleared.desk is not None and cleared.desk.version == 2
    assert cleared.bindings is not None and len(cleared.bindings.bindings) == 2
    close(cleared)


def test_the_command_line_lists_and_exports_edits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pxr import Sdf

    from twinstage.cli.app import run as twinstage
    from twinstage.scene.bindings import load_bindings

    twin = make_twin(tmp_path)
    head = '#usda 1.0\n(\n    defaultPrim = "Hall"\n)\n'
    texts = ('def Xform "Hall"\n{\n}\n', 'def "Hall" (\n    references = @./other.usda@\n)\n{\n}\n')
    scenes = {tmp_path / f"scene{k}.usda": head + text for k, text in enumerate(texts)}
    scenes[tmp_path / "note.usda"] = "not USD"
    for scene, text in scenes.items():
        scene.write_text(text)

    async def main() -> None:
        async with served(twin) as url, connect(url) as client:
            await client.move(TABLE, position=[1, 2, 3])
            await client.command("unbind", key="1")
            files = [str(tmp_path / "edits.usda"), str(tmp_path / "new.yaml")]
            for arguments in (
                ["list"],
                ["list", "--prim", "/Hall/**", "--json"],
                ["journal"],
                ["export", "--out", files[0], "--bindings", files[1]],
            ):
                code = await asyncio.to_thread(twinstage, ["edits", *arguments, "--server", url])
                assert code == 0, arguments
            again = ["edits", "export", "--out", files[0], "--server", url]
            assert await asyncio.to_thread(twinstage, again) == 2
            assert await asyncio.to_thread(twinstage, [*again, "--force"]) == 0
            for scene in scenes:  # of a designer; no mistake of ours, and no --force, writes over them
                over = ["edits", "export", "--out", str(scene), "--force", "--server", url]
                assert await asyncio.to_thread(twinstage, over) == 2
                assert scene.read_text() == scenes[scene]

    run(main)
    told = capsys.readouterr()
    assert told.err.count("is there and is no layer of edits, so it is not replaced") == 3
    assert "version 2, 2 edits" in told.out and "binding:1 = removed" in told.out
    assert "already there; --force" in told.err
    layer = Sdf.Layer.FindOrOpen(str(tmp_path / "edits.usda"))
    assert (
        tuple(layer.GetAttributeAtPath(f"{TABLE}.xformOp:translate").default) == (100, 200, 300)
        and layer.pseudoRoot.GetInfo("upAxis") == "Y"
    )
    assert [binding.kind for binding in load_bindings(tmp_path / "new.yaml").bindings] == ["pose"]
    close(twin)


def test_the_blocking_client_sends_commands(tmp_path: Path) -> None:
    twin = make_twin(tmp_path)

    async def main() -> None:
        async with served(twin) as url:

            def work() -> None:
                with SyncClient(url) as client:
                    assert client.move(TABLE, position=[1, 0, 0]).version == 1
                    assert client.set(LAMP, "inputs:intensity", 3).version == 2
                    assert client.undo().undo == 1
                    assert client.redo().undo == 2
                    with pytest.raises(CommandError, match="no prim /No"):
                        client.command("visibility", path="/No", visible=True)

            await asyncio.to_thread(work)

    run(main)
    close(twin)


def test_a_hub_without_a_desk_says_that_nothing_can_be_changed(tmp_path: Path) -> None:
    twin = make_twin(tmp_path)
    said: list[Any] = []
    session = twin.hub.connect(lambda: None, now_ns=0)
    session.receive(json.dumps({"type": "hello"}), now_ns=0, wall_ns=0)
    session.receive(json.dumps({"type": "command", "id": "x", "kind": "undo"}), now_ns=0, wall_ns=0)
    while (message := session.next_message(0)) is not None:
        said.append(json.loads(message) if isinstance(message, str) else message)
    assert said[0]["edits"] == 0
    assert said[1] == {
        "type": "answer",
        "id": "x",
        "ok": False,
        "version": 0,
        "code": "refused",
        "error": "nothing can be changed through this server",
    }
    assert session.closed is None
    close(twin)
