"""A twin with everything that people may edit: an operated crane, a table, a lamp, a painted box, variants, an instance."""

import asyncio
from inspect import isawaitable
from pathlib import Path
from typing import Any

from twinstage.base.clock import NS, ManualClock
from twinstage.live.twin import LiveTwin, TwinFiles, open_twin
from twinstage.sync.access.roles import Identity, Role
from twinstage.sync.api.commands import Answer, Command

START = 1_700_000_000 * NS
STAGE = """#usda 1.0
(
    defaultPrim = "Hall"
    metersPerUnit = 0.01
    upAxis = "Y"
)
def Xform "Hall"
{
    double3 xformOp:translate = (100, 0, 300)
    uniform token[] xformOpOrder = ["xformOp:translate"]
    def Xform "Crane"
    {
        def Cube "Hook"
        {
            double size = 20
        }
    }
    def Xform "Table"
    {
        double3 xformOp:translate = (0, 50, 0)
        float xformOp:rotateY = 30
        uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateY"]
        def Cube "Top"
        {
            double size = 20
            rel material:binding = </Hall/Looks/Red>
            custom double twin:load = 1
            custom string note = "as built"
        }
        def Cube "Mug"
        {
            double size = 2
        }
    }
    def Xform "Slope"
    {
        matrix4d xformOp:transform = ((1, 0.4, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (5, 0, 0, 1))
        uniform token[] xformOpOrder = ["xformOp:transform"]
    }
    def SphereLight "Lamp"
    {
        float inputs:radius = 10
        float inputs:intensity = 5
    }
    def Xform "Door" (
        variants = { string open = "no" }
        prepend variantSets = "open"
    )
    {
        variantSet "open" = {
            "no" {
                def Cube "Leaf"
                {
                    double size = 30
                }
            }
            "yes" {
                def Cube "Leaf"
                {
                    double size = 30
                    double3 xformOp:translate = (80, 0, 0)
                    uniform token[] xformOpOrder = ["xformOp:translate"]
                }
                def Cube "Stop"
                {
                    double size = 5
                }
            }
        }
    }
    def Xform "Rack1" (
        instanceable = true
        prepend references = </Shelf>
    )
    {
    }
    def Scope "Looks"
    {
        def Material "Red"
        {
            token outputs:surface.connect = </Hall/Looks/Red/Surface.outputs:surface>
            def Shader "Surface"
            {
                uniform token info:id = "UsdPreviewSurface"
                color3f inputs:diffuseColor = (1, 0, 0)
                token outputs:surface
            }
        }
    }
}
class Xform "Shelf"
{
    def Cube "Board"
    {
        double size = 10
    }
}
"""
CONTRACT = """contract: 1
sources:
  plc: {uri: "memory:plc", lateness: 0, reader: {format: jsonl, time: {field: t, unit: ns}}}
signals:
  - {id: crane.x, source: plc, field: x, unit: m}
  - {id: crane.y, source: plc, field: y, unit: m}
  - {id: crane.load, source: plc, field: load, unit: kg}
alarms:
  - {id: crane/load, signal: crane.load, above: 900, priority: high, message: "Too heavy"}
"""
BINDINGS = """bindings: 1
contract: contract.yaml
bindings:
  - {kind: pose, prim: /Hall/Crane, position: {x: crane.x}}
  - {kind: visibility, prim: /Hall/Crane/Hook, expr: "crane.load < 500"}
"""
ANNA = Identity("anna", Role.ENGINEER, "t1")
BEN = Identity("ben", Role.ENGINEER, "t2")


def write_files(folder: Path) -> None:
    for name, text in {"hall.usda": STAGE, "contract.yaml": CONTRACT, "bindings.yaml": BINDINGS}.items():
        (folder / name).write_text(text)


def make_twin(
    folder: Path,
    *,
    wired: bool = True,
    history: bool = False,
    at: int = START,
    clear_edits: bool = False,
) -> LiveTwin:
    write_files(folder)
    files = TwinFiles(
        folder / "hall.usda",
        folder / "bindings.yaml" if wired else None,
        history=folder / "history" if history else None,
        clear_edits=clear_edits,
    )
    return open_twin(files, clock=ManualClock(at))


_count = 0


def command(kind: str, **fields: Any) -> Command:
    global _count
    _count += 1
    return Command.model_validate({"id": f"c{_count}", "kind": kind, **fields})


def do(twin: LiveTwin, who: Identity, order: Command) -> Answer:
    """The answer, after the tick that shows what was done."""
    assert twin.desk is not None
    result = twin.desk.command(order, who)

    async def wait() -> Answer:
        return await result  # type: ignore[misc]

    answer = asyncio.run(wait()) if isawaitable(result) else result
    clock = twin.clock
    clock.set(clock.now_ns() + NS)  # type: ignore[attr-defined]
    twin.tick(clock.now_ns())
    return answer


def did(twin: LiveTwin, who: Identity, kind: str, **fields: Any) -> Answer:
    answer = do(twin, who, command(kind, **fields))
    assert answer.ok, answer
    return answer


def refused(twin: LiveTwin, who: Identity, kind: str, **fields: Any) -> Answer:
    answer = do(twin, who, command(kind, **fields))
    assert not answer.ok, answer
    return answer
