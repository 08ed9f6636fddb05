"""Placing over real sockets: roles, what others see, done once, ticks meanwhile, files for a designer, saves of a library."""

import asyncio
import io
import threading
import zipfile
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from pxr import Sdf, Usd, UsdGeom
from test_commands import close, run, served, tokens_of, until
from test_place import DISK, DISK_FILE, PUMP, box_of, make
from watched import watched, write_cell

from twinstage.base.errors import UserError
from twinstage.cli.edits import export
from twinstage.live.edit_files import unpack_assets
from twinstage.scene import placing
from twinstage.sync.blocking import SyncClient
from twinstage.sync.client import CommandError, connect


def test_roles_and_what_the_others_see(tmp_path: Path) -> None:
    twin = make(tmp_path)
    access, token = tokens_of(tmp_path)

    async def main() -> None:
        async with (
            served(twin, access) as url,
            connect(url, token=token["anna"]) as anna,
            connect(url, token=token["olga"]) as olga,
            connect(url, token=token["vic"]) as vic,
        ):
            with pytest.raises(CommandError, match="needs the role engineer"):
                await olga.place(PUMP)
            with pytest.raises(CommandError, match=r"did you mean 'pump\.usda'") as unknown:
                await anna.place("starter/pmp.usda")
            assert unknown.value.code == "refused"
            answer = await anna.place(PUMP, position=[1, 2, 3], frame="world", label="feed")
            assert answer.placed == ["/Hall/Pump"] and "scaled by 100" in answer.note
            await until(vic, lambda: "/Hall/Pump" in vic.model.paths)
            await until(vic, lambda: vic.edits == 1)
            np.testing.assert_allclose(vic.world("/Hall/Pump")[:3, 3], [1, 2, 3], atol=1e-3)
            await anna.command("visibility", path="/Hall/Pump", visible=False)
            await until(vic, lambda: not vic.visible("/Hall/Pump"))
            with pytest.raises(CommandError, match="was not placed by hand"):
                await anna.remove("/Hall/Table")
            order: dict[str, Any] = {"id": "p1", "kind": "place", "asset": DISK, "parent": "/"}
            async with httpx.AsyncClient(base_url=url) as web:
                for status, who in ((403, "vic"), (403, "olga"), (200, "anna"), (200, "anna")):
                    headers = {"authorization": f"Bearer {token[who]}"}
                    sent = await web.post("/api/v1/commands", json=order, headers=headers)
                    assert sent.status_code == status, sent.text
                    assert status != 200 or sent.json()["placed"] == ["/Disk"]
                for status, who in ((403, "vic"), (403, "olga"), (200, "anna")):
                    headers = {"authorization": f"Bearer {token[who]}"}
                    sent = await web.get("/api/v1/edits/assets.zip", headers=headers)
                    assert sent.status_code == status, who
                with zipfile.ZipFile(io.BytesIO(sent.content)) as archive:
                    names = archive.namelist()
                assert {PUMP, DISK, "starter/materials.usda"} <= {*names}
                assert "starter/textures/brushed.png" in names and "starter/robot_arm.usda" not in names
            await anna.remove("/Hall/Pump")
            await until(vic, lambda: "/Hall/Pump" not in vic.model.paths and "/Disk" in vic.model.paths)
            assert (await vic.digest()).equal

    run(main)
    close(twin)


def test_the_same_command_twice_at_once_is_done_once_and_ticks_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An asset that takes long to look at holds nothing up."""
    twin, look = make(tmp_path), placing.let_in

    go = threading.Event()

    def slow(*args: Any) -> Any:
        go.wait(60)
        return look(*args)

    monkeypatch.setattr(placing, "let_in", slow)

    async def main() -> None:
        async with served(twin) as url, httpx.AsyncClient(base_url=url, timeout=30) as web:
            order = {"id": "once", "kind": "place", "asset": PUMP}
            ticks = twin.ordinal
            both = asyncio.gather(*(web.post("/api/v1/commands", json=order) for _ in range(2)))
            async with asyncio.timeout(50):
                while twin.ordinal <= ticks + 10:
                    await asyncio.sleep(0.01)
            assert not both.done()
            go.set()
            answers = [sent.json() for sent in await both]
            assert [a["placed"] for a in answers] == [["/Hall/Pump"]] * 2
            assert twin.desk is not None and twin.desk.version == 1

    run(main)
    close(twin)


def test_a_blocking_program_places_and_removes(tmp_path: Path) -> None:
    twin = make(tmp_path)

    async def main() -> None:
        async with served(twin) as url:

            def program() -> None:
                with SyncClient(url) as client:
                    answer = client.place(PUMP, parent="/Hall/Table", name="Small", rotation=[1, 0, 0, 0])
                    assert answer.placed == ["/Hall/Table/Small"]
                    assert client.remove("/Hall/Table/Small").version == 2

            await asyncio.to_thread(program)

    run(main)
    close(twin)


def test_edits_export_makes_a_layer_that_opens_elsewhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the assets copied beside it; with a library that lies somewhere; and with neither, which is said."""
    twin = make(tmp_path)
    far, near, bare = tmp_path / "far" / "away", tmp_path / "near", tmp_path / "bare"
    for folder in (far, near, bare):
        folder.mkdir(parents=True)

    def exported(url: str) -> None:
        export(far / "edits.usda", None, False, None, True, False, url, None, None)
        assert "files of placed assets beside it" in capsys.readouterr().out
        with pytest.raises(UserError, match="already there"):
            export(far / "edits.usda", None, False, None, True, False, url, None, None)
        export(near / "edits.usda", None, True, [tmp_path / "parts"], False, False, url, None, None)
        assert "note: starter/pump.usda is not there" in capsys.readouterr().out
        export(bare / "edits.usda", None, False, None, False, False, url, None, None)
        assert "put its library beside edits.usda" in capsys.readouterr().out
        with pytest.raises(UserError, match="copies beside the layer"):
            export(None, far / "b.yaml", False, None, True, False, url, None, None)

    async def main() -> None:
        async with served(twin) as url, connect(url) as client:
            await client.place(PUMP, position=[1, 2, 0], frame="world")
            await client.place(DISK, position=[3, 0, 0], frame="world")
            await asyncio.to_thread(exported, url)

    run(main)
    assert "@./starter/pump.usda@" in (far / "edits.usda").read_text()
    assert "@../parts/disk.usda@" in (near / "edits.usda").read_text()
    root = Sdf.Layer.CreateNew(str(far / "whole.usda"))
    root.subLayerPaths = ["./edits.usda", "../../hall.usda"]
    root.pseudoRoot.SetInfo("metersPerUnit", 0.01)
    root.pseudoRoot.SetInfo("upAxis", "Y")
    stage = Usd.Stage.Open(root)
    assert not stage.GetCompositionErrors()
    for path in ("/Hall/Pump", "/Hall/Disk"):
        np.testing.assert_allclose(box_of(stage, path), box_of(twin.opened.stage, path), atol=1e-5)
    used = [layer.realPath for layer in stage.GetUsedLayers() if "starter" in layer.realPath]
    assert used and all(path.startswith(str(far)) for path in used)
    close(twin)


@pytest.mark.parametrize(
    "name", ["../up.usda", "/etc/x.usda", "starter/../../x", "a\\b/c", "alone.usda", "link/x"]
)
def test_a_zip_never_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "link").symlink_to(tmp_path)
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("starter/fine.usda", "#usda 1.0\n")
        archive.writestr(name, "bad")
    with pytest.raises(Exception, match="leads out of the folder"):
        unpack_assets(data.getvalue(), out, ["starter/fine.usda"], force=True)
    assert not (out / "starter").exists() and sorted(p.name for p in tmp_path.iterdir()) == ["out"]


def test_a_saved_library_file_is_seen(tmp_path: Path) -> None:
    """With --watch: what is placed follows its file, and keeps its units where these change, too."""
    parts = tmp_path / "parts"
    parts.mkdir()
    (parts / "disk.usda").write_text(DISK_FILE)

    def place(live: Any, url: str) -> None:
        with SyncClient(url) as client:
            client.place(DISK, parent="/", position=[1, 2, 3])

    with watched(write_cell(tmp_path), libraries=(parts,)) as twin:
        place(twin.live, twin.url)
        low, high = box_of(twin.live.opened.stage, "/Disk")
        twin.saved(lambda: (parts / "disk.usda").write_text(DISK_FILE.replace("height = 40", "height = 80")))
        now = box_of(twin.live.opened.stage, "/Disk")
        np.testing.assert_allclose(now[1][2] - now[0][2], 2 * (high[2] - low[2]), rtol=1e-5)
        scaled = DISK_FILE.replace("metersPerUnit = 0.01", "metersPerUnit = 0.1").replace(
            "height = 40", "height = 80"
        )
        twin.saved(lambda: (parts / "disk.usda").write_text(scaled))
        tall = box_of(twin.live.opened.stage, "/Disk")
        np.testing.assert_allclose(tall[1][2] - tall[0][2], 20 * (high[2] - low[2]), rtol=1e-5)
        node = twin.prim("/Disk")
        world = twin.live.snapshot.node_world[node]
        cache = UsdGeom.XformCache(Usd.TimeCode.Default())
        wanted = np.array(cache.GetLocalToWorldTransform(twin.live.opened.stage.GetPrimAtPath("/Disk"))).T
        np.testing.assert_allclose(world, wanted, atol=1e-6)
        place(twin.live, twin.url)  # in a later generation
        assert box_of(twin.live.opened.stage, "/Disk_2").tolist() == tall.tolist()
        text = twin.server.call(lambda: twin.live.desk.layer_text())
        assert "@./parts/disk.usda@" in text and "twinstage-watch" not in text
        twin.broken(lambda: (parts / "disk.usda").write_text("#usda 1.0\ndef Cyl ("))
        assert box_of(twin.live.opened.stage, "/Disk").tolist() == tall.tolist()
