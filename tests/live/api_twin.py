"""A twin with everything that the API shows: a moved prim, alarms, asset records, a history, a dataset."""

import json
from pathlib import Path
from typing import Any

from twinstage.base.clock import NS, ManualClock
from twinstage.live.twin import LiveTwin, TwinFiles, open_twin

START = 1_700_000_000 * NS

STAGE = """#usda 1.0
(
    defaultPrim = "Cell"
    metersPerUnit = 0.01
    upAxis = "Z"
)
def Xform "Cell" (kind = "assembly")
{
    double3 xformOp:translate = (100, 0, 0)
    uniform token[] xformOpOrder = ["xformOp:translate"]
    def Xform "Agv1" (
        kind = "component"
        prepend apiSchemas = ["SemanticsLabelsAPI:class"]
        customData = { string assetId = "V-1" }
    )
    {
        token[] semantics:labels:class = ["vehicle"]
        double3 xformOp:translate = (0, 50, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
        def Cube "Body"
        {
            double size = 20
        }
    }
    def Xform "Agv2" (kind = "component")
    {
    }
    def Camera "Eye"
    {
    }
}
"""
CONTRACT = """contract: 1
assets: {file: assets.csv}
sources:
  plc: {uri: "memory:plc", lateness: 0, reader: {format: jsonl, time: {field: t, unit: ns}}}
signals:
  - {id: agv1.x, source: plc, field: x, unit: mm, max_age: 2, description: "Where it is"}
  - {id: agv1.name, source: plc, field: name, type: string}
  - {id: agv1.state, source: plc, field: state, type: enum, values: [idle, busy]}
  - {id: agv1.count, source: plc, field: n, type: i64}
  - {id: agv2.x, source: plc, field: x2, unit: m}
alarms:
  - {id: agv1/far, signal: agv1.x, above: 900, priority: high, message: "Too far"}
"""
BINDINGS = """bindings: 1
contract: contract.yaml
bindings:
  - {kind: pose, pattern: "/Cell/Agv{n}", position: {x: "agv{n}.x"}, description: "Vehicles"}
  - {kind: attribute, prim: /Cell/Agv1, attribute: "twin:x", signal: agv1.x, unit: mm}
  - {kind: visibility, prim: /Cell/Agv1/Body, expr: "agv1.count < 100"}
"""
ASSETS = "id,parent,maker\nV,,\nV-1,V,ACME\nP-9,,Pumps\n"


def write_files(folder: Path) -> None:
    for name, text in {
        "cell.usda": STAGE,
        "contract.yaml": CONTRACT,
        "bindings.yaml": BINDINGS,
        "assets.csv": ASSETS,
    }.items():
        (folder / name).write_text(text)


def write_datasets(folder: Path) -> Path:
    """Two datasets, a folder that is none, and links that lead out."""
    root = folder / "datasets"
    for name in ("alpha", "beta"):
        for part in ("records", "images"):
            (root / name / part).mkdir(parents=True)
        manifest = {
            "manifest": 1,
            "seed": 7,
            "frames": 2,
            "recipe_hash": "abc",
            "files": {"a": "b", "c": "d"},
        }
        (root / name / "manifest.json").write_text(json.dumps(manifest))
        for frame in range(2):
            record = {"frame": frame, "cameras": []}
            (root / name / "records" / f"{frame:06d}.json").write_text(json.dumps(record))
        (root / name / "images" / "000000_Eye_rgb.png").write_bytes(b"\x89PNG\r\n\x1a\nrest")
        (root / name / "images" / "notes.txt").write_text("no image")
    (root / "unfinished").mkdir()
    secret = folder / "secret"
    secret.mkdir()
    (secret / "manifest.json").write_text("{}")
    (secret / "key.png").write_bytes(b"secret")
    (root / "outside").symlink_to(secret)
    (root / "alpha" / "images" / "leak.png").symlink_to(secret / "key.png")
    return root


def make_twin(folder: Path, *, history: bool = True) -> LiveTwin:
    """Opened, and one second old."""
    write_files(folder)
    files = TwinFiles(
        folder / "cell.usda", folder / "bindings.yaml", history=folder / "history" if history else None
    )
    twin = open_twin(files, clock=ManualClock(START))
    for k in range(11):
        say(twin, k / 10, x=k * 100, name=f"run {k}", state="busy", n=(1 << 60) + k)
    if twin.recorder is not None:
        twin.recorder.commit()
    return twin


def say(twin: LiveTwin, second: float, **values: Any) -> None:
    """Readings at a second, 20 ms on their way, and the tick that takes them."""
    at = START + round(second * NS)
    assert twin.ingest is not None
    twin.clock.set(at + NS // 50)  # type: ignore[attr-defined]
    twin.ingest.offer("plc", (json.dumps({"t": at, **values}) + "\n").encode(), twin.clock.now_ns())
    twin.tick(twin.clock.now_ns())
