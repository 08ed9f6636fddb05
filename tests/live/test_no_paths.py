"""No answer tells whoever looks where files lie on the server: each question is asked of a twin with placed assets."""

import asyncio
import shutil
import zipfile
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from edit_twin import ANNA, did
from test_place import DISK, PUMP, make

from twinstage.assets.library import bundled
from twinstage.live.server import make_app
from twinstage.live.twin import LiveTwin

QUESTIONS = (
    *("prims?limit=1000", "prims/Hall", "prims/Hall/Pump", "prims/Hall/Disk", "prims/Hall/Nothing"),
    *(
        "values",
        "bindings",
        "scene",
        "state",
        "edits",
        "edits/journal",
        "edits/layer.usda?who=true",
        "status",
    ),
    *("edits/bindings.yaml", "edits/assets.zip", "stage.usdz", "overlays", "cameras"),
    *("history", "history/range", "past?at=0", "catalogue?facets=true", "catalogue?query=library:parts"),
    *("catalogue/asset?asset=parts/disk.usda", "catalogue/asset?asset=parts/gone.usda"),
    *("catalogue/thumbnail?asset=parts/odd.usda", "catalogue/asset?asset=parts/odd.usda"),
    *("catalogue/asset?asset=parts/outside.usda", "datasets", "playback", "preview", "assets"),
)
HEAD = '#usda 1.0\n(\ndefaultPrim = "A"\nmetersPerUnit = 1\nupAxis = "Z"\n)\n'


def answers(twin: LiveTwin) -> dict[str, httpx.Response]:
    async def main() -> dict[str, httpx.Response]:
        transport = httpx.ASGITransport(make_app(twin, camera_engine=None), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=60) as client:
            while (await client.get("/api/v1/catalogue")).json().get("reading"):
                await asyncio.sleep(0.2)
            found = {path: await client.get(f"/api/v1/{path}") for path in QUESTIONS}
            return {**found, "readyz": await client.get("/readyz"), "metrics": await client.get("/metrics")}

    return asyncio.run(main())


def texts(answer: httpx.Response) -> bytes:
    """The answer's bytes, and those of the files in it."""
    if not zipfile.is_zipfile(BytesIO(answer.content)):
        return answer.content
    with zipfile.ZipFile(BytesIO(answer.content)) as archive:
        return b"\n".join([answer.content, *(archive.read(name) for name in archive.namelist())])


@pytest.fixture
def twin(tmp_path: Path) -> LiveTwin:
    parts = tmp_path / "hidden" / "parts"
    parts.mkdir(parents=True)
    (parts / "odd.usda").write_text(HEAD + 'def Xform "A" { oops')
    (parts / "outside.usda").write_text(HEAD + 'def Xform "A" ( references = @../../secret.usda@ ) {}\n')
    (tmp_path / "secret.usda").write_text(HEAD + 'def Cube "A" {}\n')
    made = make(tmp_path / "hidden", history=True)
    did(made, ANNA, "place", asset=PUMP)
    did(made, ANNA, "place", asset=DISK)
    made.tick(made.clock.now_ns())
    assert made.recorder is not None
    made.recorder.commit()
    return made


def test_no_answer_names_a_folder_of_the_server(twin: LiveTwin, tmp_path: Path) -> None:
    try:
        told = answers(twin)
        folders = {
            str(tmp_path),
            str(tmp_path / "hidden"),
            str(bundled("starter")),
            str(bundled("starter").resolve()),
            str(Path.home() / ".cache"),
        }
        names = [
            path
            for path, answer in told.items()
            if any(folder.encode() in texts(answer) for folder in folders)
        ]
        assert names == []
        assert (
            b"./starter/pump.usda" in told["state"].content
            and "parts/disk.usda" in told["prims/Hall/Disk"].text
        )
        fine = {path for path, answer in told.items() if answer.status_code == 200}
        assert {
            "prims/Hall/Pump",
            "scene",
            "stage.usdz",
            "edits/assets.zip",
            "edits/layer.usda?who=true",
        } <= fine
    finally:
        twin.let_go()
        shutil.rmtree(tmp_path / "hidden", ignore_errors=True)
