"""Good twins for the corpus of faults: files as text and data.

`build(name, root, shared)` gives a twin: its files by relative path, its bindings and contract as plain data, and what
operators have to know of it (`marks`), written down by hand. Nothing of the product is used but the work cell's files.
"""

import json
import math
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

STAGE = "cell.usda"


@dataclass
class Twin:
    """`files`: bytes, or a path to link to. `marks`: targets for operators, by topic."""

    name: str
    files: dict[str, bytes | Path]
    bindings: list[dict[str, Any]]
    contract: dict[str, Any]
    marks: dict[str, Any]
    stage: str = STAGE
    asset_roots: tuple[Path, ...] = ()
    extra: dict[str, str] = field(default_factory=dict)

    def copy(self) -> "Twin":
        return Twin(
            self.name,
            dict(self.files),
            deepcopy(self.bindings),
            deepcopy(self.contract),
            self.marks,
            self.stage,
            self.asset_roots,
        )

    def signal(self, name: str) -> dict[str, Any]:
        return next(s for s in self.contract["signals"] if s["id"] == name)

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write everything; returns the stage and the bindings."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, Path):
                path.write_bytes(content.read_bytes())
            else:
                path.write_bytes(content)
        if "contract.yaml" not in self.files:
            (folder / "contract.yaml").write_text(yaml.safe_dump(self.contract, sort_keys=False))
        lines = [json.dumps(item, ensure_ascii=False) for item in self.bindings]
        body = "".join(f"  - {line}\n" for line in lines) or "  []\n"
        (folder / "bindings.yaml").write_text(f"bindings: 1\ncontract: contract.yaml\nbindings:\n{body}")
        return folder / self.stage, folder / "bindings.yaml"


@lru_cache(maxsize=8)
def _base(name: str, root: Path, shared: Path | None) -> Twin:
    return BUILDERS[name](root, shared)


def build(name: str, root: Path, shared: Path | None = None) -> Twin:
    """A fresh copy of a good twin."""
    return _base(name, root, shared).copy()


# --- small stages -------------------------------------------------------------------------------------------------


def mesh(
    name: str, low: tuple[float, float, float], high: tuple[float, float, float], extra: str = ""
) -> str:
    """A box as a mesh, in usda."""
    (a, b, c), (d, e, f) = low, high
    points = [(x, y, z) for x in (a, d) for y in (b, e) for z in (c, f)]
    faces = [0, 1, 3, 2, 4, 6, 7, 5, 0, 4, 5, 1, 2, 3, 7, 6, 0, 2, 6, 4, 1, 5, 7, 3]
    return (
        f'def Mesh "{name}"\n{{\n    point3f[] points = {points}\n    int[] faceVertexIndices = {faces}\n'
        f"    int[] faceVertexCounts = {[4] * 6}\n    float3[] extent = [{low}, {high}]\n"
        f'    uniform token subdivisionScheme = "none"\n{extra}}}\n'
    )


def xform(name: str, at: tuple[float, float, float], body: str = "", meta: str = "") -> str:
    """An Xform with a translation."""
    head = f" (\n{meta}\n)" if meta else ""
    return (
        f'def Xform "{name}"{head}\n{{\n    double3 xformOp:translate = {at}\n'
        f'    uniform token[] xformOpOrder = ["xformOp:translate"]\n{body}}}\n'
    )


def layer(body: str, default: str, up: str = "Z", units: float = 1.0) -> bytes:
    """A usda file."""
    head = f'#usda 1.0\n(\n    defaultPrim = "{default}"\n    metersPerUnit = {units}\n    upAxis = "{up}"\n)\n\n'
    return (head + body).encode()


def joint(
    kind: str,
    name: str,
    body0: str,
    body1: str,
    at: tuple[float, float, float],
    axis: str,
    low: float,
    high: float,
) -> str:
    """A joint whose frames meet."""
    return (
        f'def {kind} "{name}"\n{{\n    uniform token physics:axis = "{axis}"\n    rel physics:body0 = <{body0}>\n'
        f"    rel physics:body1 = <{body1}>\n    point3f physics:localPos0 = {at}\n    point3f physics:localPos1 = (0, 0, 0)\n"
        f"    quatf physics:localRot0 = (1, 0, 0, 0)\n    quatf physics:localRot1 = (1, 0, 0, 0)\n"
        f"    float physics:lowerLimit = {low}\n    float physics:upperLimit = {high}\n}}\n"
    )


RIGID = '    prepend apiSchemas = ["PhysicsRigidBodyAPI"]'
LABEL = '    prepend apiSchemas = ["SemanticsLabelsAPI:class"]'


def _labelled(name: str) -> str:
    return f'    token[] semantics:labels:class = ["{name}"]\n'


PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc000000301010018dd8d"
    "b00000000049454e44ae426082"
)


def _textured() -> str:
    return """def Scope "Looks"
{
    def Material "Paint"
    {
        token outputs:surface.connect = </PART/Looks/Paint/Surface.outputs:surface>
        def Shader "Surface"
        {
            uniform token info:id = "UsdPreviewSurface"
            color3f inputs:diffuseColor.connect = </PART/Looks/Paint/Image.outputs:rgb>
            token outputs:surface
        }
        def Shader "Image"
        {
            uniform token info:id = "UsdUVTexture"
            asset inputs:file = @./paint.png@
            float2 inputs:st.connect = </PART/Looks/Paint/Reader.outputs:result>
            float3 outputs:rgb
        }
        def Shader "Reader"
        {
            uniform token info:id = "UsdPrimvarReader_float2"
            string inputs:varname = "st"
            float2 outputs:result
        }
    }
}
"""


# --- gantry: metres, Z-up, joints with limits, a table with a header ----------------------------------------------


def _gantry(root: Path, shared: Path | None) -> Twin:
    hall = (
        'def Xform "Hall"\n{\n'
        + mesh("Floor", (-1, -1, -0.1), (8, 6, 0))
        + mesh("Wall", (-1, 5.9, 0), (8, 6, 4))
        + "}\n"
    )
    arms = xform(
        "Tool",
        (0, 0, -0.6),
        mesh("Body", (-0.1, -0.1, -0.3), (0.1, 0.1, 0)) + xform("Grip", (0, 0, -0.3)),
        RIGID,
    )
    ram = xform("Ram", (0, 0, -0.2), mesh("Body", (-0.1, -0.1, -0.6), (0.1, 0.1, 0.4)) + arms, RIGID)
    trolley = xform("Trolley", (0, 0.5, 0), mesh("Body", (-0.3, -0.3, -0.2), (0.3, 0.3, 0.2)) + ram, RIGID)
    bridge = xform("Bridge", (0.5, 0, 3), mesh("Body", (-0.2, 0, -0.2), (0.2, 5, 0.2)) + trolley, RIGID)
    base = "/World/Gantry"
    paths = [
        base,
        f"{base}/Bridge",
        f"{base}/Bridge/Trolley",
        f"{base}/Bridge/Trolley/Ram",
        f"{base}/Bridge/Trolley/Ram/Tool",
    ]
    joints = (
        joint("PhysicsPrismaticJoint", "axis_x", paths[0], paths[1], (0.5, 0, 3), "X", 0, 6)
        + joint("PhysicsPrismaticJoint", "axis_y", paths[1], paths[2], (0, 0.5, 0), "Y", 0, 4)
        + joint("PhysicsPrismaticJoint", "axis_z", paths[2], paths[3], (0, 0, -0.2), "Z", -1.6, 0)
        + joint("PhysicsRevoluteJoint", "axis_c", paths[3], paths[4], (0, 0, -0.6), "Z", -30, 200)
    )
    boxes = "".join(
        xform(
            f"Box_{k}",
            (1 + k, 1, 0),
            _labelled("box") + mesh("Body", (-0.2, -0.2, 0), (0.2, 0.2, 0.4)),
            LABEL,
        )
        for k in range(4)
    )
    lamp = xform("Lamp", (0, 5, 3), "    double radius = 0.1\n").replace("Xform", "Sphere", 1)
    rack = xform("Rack", (7, 3, 0), meta="    instanceable = true\n    prepend references = @./rack.usda@")
    world = (
        'def Xform "World"\n{\n'
        + 'def Xform "Hall" (\n    prepend references = @./hall.usda@\n)\n{\n}\n'
        + xform("Gantry", (0, 0, 0), bridge)
        + f'def Scope "Joints"\n{{\n{joints}}}\n'
        + f'def Xform "Boxes"\n{{\n{boxes}}}\n'
        + lamp
        + rack
        + "}\n"
    )
    shelf = (
        'def Xform "Rack"\n{\n'
        + xform("Drawer", (0, 0, 0.5), mesh("Body", (-0.3, -0.3, 0), (0.3, 0.3, 0.2)))
        + "}\n"
    )
    rows = ["t,x_mm,y_mm,z_mm,c_deg,grip,temp"]
    for k in range(600):
        s = k / 20
        x, y = 3000 + 2800 * math.sin(s / 4), 2000 + 1800 * math.sin(s / 3)
        z, c = -800 + 700 * math.cos(s), 85 + 100 * math.sin(s / 2)
        rows.append(
            f"{s:.3f},{x:.2f},{y:.2f},{z:.2f},{c:.3f},{int(math.sin(s) > 0.5)},{40 + 20 * math.sin(s / 5):.2f}"
        )
    names = {
        "x": ("mm", [-100, 6100]),
        "y": ("mm", [-100, 4100]),
        "z": ("mm", [-1700, 100]),
        "c": ("deg", [-40, 210]),
    }
    signals: list[dict[str, Any]] = [
        {
            "id": f"gantry.{n}",
            "source": "cnc",
            "field": f"{n}_{u}",
            "unit": u,
            "range": r,
            "period": 0.05,
            "max_age": 1,
        }
        for n, (u, r) in names.items()
    ]
    signals += [
        {"id": "gantry.grip", "source": "cnc", "field": "grip", "type": "bool", "period": 0.05},
        {
            "id": "gantry.temp",
            "source": "cnc",
            "field": "temp",
            "unit": "Cel",
            "range": [0, 100],
            "period": 0.05,
        },
    ]
    contract = {
        "contract": 1,
        "sources": {
            "cnc": {
                "uri": "file:run.csv",
                "reader": {
                    "format": "csv",
                    "header": True,
                    "layout": "wide",
                    "time": {"column": "t", "unit": "s", "epoch": "relative"},
                },
                "clock": {"epoch": "now"},
                "lateness": 0.2,
                "idle_after": 2,
                "loop": True,
            }
        },
        "signals": signals,
    }
    bindings: list[dict[str, Any]] = [
        {"kind": "joint", "prim": f"/World/Joints/axis_{n}", "signal": f"gantry.{n}"} for n in "xyzc"
    ]
    bindings += [
        {
            "kind": "attach",
            "frame": f"{paths[4]}/Grip",
            "signal": "gantry.grip",
            "candidates": ["/World/Boxes/*"],
            "radius": 1.0,
        },
        {
            "kind": "style",
            "prim": paths[1] + "/Body",
            "signal": "gantry.temp",
            "unit": "Cel",
            "colormap": [[30, "#2060ff"], [60, "#ff3020"]],
        },
        {
            "kind": "attribute",
            "prim": "/World/Gantry",
            "attribute": "twin:temperature",
            "signal": "gantry.temp",
            "unit": "Cel",
        },
        {
            "kind": "visibility",
            "prim": "/World/Lamp",
            "signal": "gantry.temp",
            "threshold": 45,
            "unit": "Cel",
        },
        {
            "kind": "label",
            "prim": "/World/Boxes/Box_0",
            "signal": "gantry.grip",
            "labels": {"true": "held", "false": "box"},
        },
    ]
    marks = {
        "signed_joints": [0, 1, 2, 3],
        "limited_joints": [0, 1, 2, 3],
        "scaled": ["gantry.x", "gantry.y", "gantry.z", "gantry.c"],
        "renamable": [
            "/World/Joints/axis_y",
            "/World/Gantry/Bridge/Body",
            "/World/Lamp",
            "/World/Boxes/Box_0",
        ],
        "meshes": ["/World/Gantry/Bridge/Body", "/World/Boxes/Box_1/Body"],
        "xforms": ["/World/Boxes/Box_2", "/World/Gantry/Bridge"],
        "joints": ["axis_x", "axis_y", "axis_c"],
        "joint_scope": "/World/Joints",
        "references": ["/World/Hall", "/World/Rack"],
        "below_instance": "/World/Rack/Drawer",
        "free": "/World/Boxes/Box_3",
        "csv": ("cnc", "run.csv", "x_mm"),
        "pairs": [],
        "size": 9.0,
        "attribute_numbers": "/World/Lamp",
        "two": ["/World/Boxes/Box_1", "/World/Boxes/Box_2"],
    }
    files: dict[str, bytes | Path] = {
        STAGE: layer(world, "World"),
        "hall.usda": layer(hall, "Hall"),
        "rack.usda": layer(shelf, "Rack"),
        "run.csv": ("\n".join(rows) + "\n").encode(),
    }
    return Twin("gantry", files, bindings, contract, marks)


# --- fleet: centimetres, Y-up, vehicles in world coordinates, records in JSON --------------------------------------


def _fleet(root: Path, shared: Path | None) -> Twin:
    st = '    texCoord2f[] primvars:st = [(0, 0), (1, 1)] (\n        interpolation = "constant"\n    )\n'.replace(
        "[(0, 0), (1, 1)]", "[(0, 0)]"
    )
    bind = "    rel material:binding = </AGV/Looks/Paint>\n"
    api = 'def Mesh "Body"'
    body = mesh("Body", (-60, 5, -40), (60, 50, 40), st + bind).replace(
        api, api + ' (\n    prepend apiSchemas = ["MaterialBindingAPI"]\n)'
    )
    agv = (
        'def Xform "AGV"\n{\n'
        + body
        + mesh("Beacon", (-5, 50, -5), (5, 60, 5))
        + _textured().replace("PART", "AGV")
        + "}\n"
    )
    starts = [(-600, 0, -200), (0, 0, 0), (500, 0, 200)]
    vehicles = "".join(
        f'def Xform "AGV_{k}" (\n{LABEL}\n    prepend payload = @./agv.usda@\n)\n{{\n{_labelled("agv")}'
        f'    double3 xformOp:translate = {at}\n    uniform token[] xformOpOrder = ["xformOp:translate"]\n}}\n'
        for k, at in enumerate(starts, 1)
    )
    hall = (
        'def Xform "Hall"\n{\n'
        + mesh("Floor", (-1000, -10, -500), (1000, 0, 500))
        + mesh("Wall", (-1000, 0, -520), (1000, 400, -500))
        + "}\n"
    )
    gate = xform("Gate", (900, 0, 0), mesh("Body", (-10, 0, -150), (10, 300, 150)))
    station = (
        'def Xform "Station" (\n    instanceable = true\n    prepend references = @./station.usda@\n)\n{\n'
        '    double3 xformOp:translate = (-900, 0, 300)\n    uniform token[] xformOpOrder = ["xformOp:translate"]\n}\n'
    )
    world = (
        'def Xform "World"\n{\n'
        + 'def Xform "Hall" (\n    prepend references = @./hall.usda@\n)\n{\n}\n'
        + f'def Xform "Fleet"\n{{\n{vehicles}}}\n'
        + gate
        + station
        + "}\n"
    )
    post = (
        'def Xform "Station"\n{\n'
        + xform("Lid", (0, 100, 0), mesh("Body", (-50, 0, -50), (50, 10, 50)))
        + "}\n"
    )
    rows = []
    for k in range(200):
        s = k / 10
        for n, phase in ((1, 0.0), (2, 2.0), (3, 4.0)):
            record = {
                "t": round(s, 3),
                "id": f"AGV_{n}",
                "x": round(7.5 * math.sin(s / 4 + phase), 4),
                "y": round(3.5 * math.cos(s / 3 + phase), 4),
                "heading": round(100 * math.sin(s / 5 + phase), 3),
                "battery": round(90 - s - 5 * n, 2),
                "state": ["idle", "drive", "charge"][(k // 40 + n) % 3],
            }
            rows.append(json.dumps(record))
        if k % 2 == 0:
            rows.append(
                json.dumps({"t": round(s, 3), "id": "GATE", "open": round(0.5 + 0.5 * math.sin(s / 3), 3)})
            )
    signals: list[dict[str, Any]] = []
    for n in (1, 2, 3):
        where = {"id": f"AGV_{n}"}
        common = {"source": "fleet", "where": where, "period": 0.1, "max_age": 2}
        signals += [
            {"id": f"agv{n}.x", "field": "x", "unit": "m", "range": [-10, 10], **common},
            {"id": f"agv{n}.y", "field": "y", "unit": "m", "range": [-5, 5], **common},
            {"id": f"agv{n}.heading", "field": "heading", "unit": "deg", "range": [-180, 180], **common},
            {"id": f"agv{n}.battery", "field": "battery", "unit": "%", "range": [0, 100], **common},
            {
                "id": f"agv{n}.state",
                "field": "state",
                "type": "enum",
                "values": ["idle", "drive", "charge"],
                **common,
            },
        ]
    signals.append(
        {
            "id": "gate.open",
            "source": "fleet",
            "field": "open",
            "where": {"id": "GATE"},
            "unit": "1",
            "range": [0, 1],
            "period": 0.2,
            "max_age": 2,
        }
    )
    contract = {
        "contract": 1,
        "sources": {
            "fleet": {
                "uri": "file:fleet.jsonl",
                "reader": {
                    "format": "jsonl",
                    "layout": "wide",
                    "time": {"field": "t", "unit": "s", "epoch": "relative"},
                },
                "clock": {"epoch": "now"},
                "lateness": 0.3,
                "idle_after": 3,
            }
        },
        "signals": signals,
    }
    agvs = "/World/Fleet/AGV_{n}"
    bindings: list[dict[str, Any]] = [
        {
            "kind": "pose",
            "pattern": agvs,
            "frame": "world",
            "position": {"x": "agv{n}.x", "y": "agv{n}.y"},
            "rotation": {"yaw": "agv{n}.heading"},
        },
        {
            "kind": "attribute",
            "pattern": agvs,
            "attribute": "twin:battery",
            "signal": "agv{n}.battery",
            "unit": "%",
        },
        {
            "kind": "style",
            "pattern": agvs + "/Beacon",
            "signal": "agv{n}.battery",
            "unit": "%",
            "hysteresis": 1,
            "colormap": [[20, "#ff2020"], [90, "#20c040"]],
            "bad_color": "#808080",
        },
        {
            "kind": "label",
            "pattern": agvs,
            "signal": "agv{n}.state",
            "labels": {"idle": "agv_idle", "drive": "agv_driving", "charge": "agv_charging"},
        },
        {"kind": "pose", "prim": "/World/Gate", "position": {"y": "2.5 * gate.open"}},
        {"kind": "visibility", "prim": "/World/Hall/Wall", "signal": "gate.open", "threshold": 0.2},
    ]
    marks = {
        "signed_joints": [],
        "limited_joints": [],
        "scaled": ["agv1.x", "agv2.x", "agv3.x"],
        "renamable": ["/World/Gate", "/World/Hall/Wall"],
        "meshes": ["/World/Gate/Body"],
        "xforms": ["/World/Gate"],
        "joints": [],
        "references": ["/World/Hall"],
        "payloads": ["/World/Fleet/AGV_1"],
        "below_instance": "/World/Station/Lid",
        "free": "/World/Hall",
        "jsonl": ("fleet", "fleet.jsonl", "x"),
        "pairs": [0],
        "size": 20.0,
        "texture": ("agv.usda", "paint.png"),
        "attribute_numbers": "/World/Gate",
        "two": ["/World/Hall/Floor", "/World/Hall"],
    }
    files: dict[str, bytes | Path] = {
        STAGE: layer(world, "World", "Y", 0.01),
        "hall.usda": layer(hall, "Hall", "Y", 0.01),
        "agv.usda": layer(agv, "AGV", "Y", 0.01),
        "station.usda": layer(post, "Station", "Y", 0.01),
        "paint.png": PNG,
        "fleet.jsonl": ("\n".join(rows) + "\n").encode(),
    }
    return Twin("fleet", files, bindings, contract, marks)


# --- process: metres, Z-up, a long table, vectors, an instancer, entities -------------------------------------------


def _process(root: Path, shared: Path | None) -> Twin:
    tanks = "".join(
        xform(
            f"Tank_{k}",
            (3 * k, 0, 0),
            _labelled("tank")
            + mesh("Shell", (-1, -1, 0), (1, 1, 2))
            + xform("Liquid", (0, 0, 0.1), mesh("Body", (-0.9, -0.9, 0), (0.9, 0.9, 1.8))),
            LABEL,
        )
        for k in (1, 2, 3)
    )
    floor = mesh("Floor", (0, -4, -0.1), (12, 4, 0))
    crane = xform("Crane", (6, 0, 3), mesh("Hook", (-0.2, -0.2, -0.3), (0.2, 0.2, 0)))
    drone = xform("Drone", (2, 2, 3), mesh("Body", (-0.2, -0.2, -0.1), (0.2, 0.2, 0.1)))
    drum = xform("Drum", (1, -3, 0), mesh("Body", (-0.3, -0.3, 0), (0.3, 0.3, 0.6)))
    parcels = (
        'def PointInstancer "Parcels"\n{\n    point3f[] positions = [(1, 3, 0), (2, 3, 0), (3, 3, 0)]\n'
        "    int[] protoIndices = [0, 0, 0]\n"
        "    int64[] ids = [4, 5, 6]\n    rel prototypes = </World/Parcels/Box>\n"
        "    float3[] extent = [(-1, 2, -1), (12, 4, 1)]\n"
        + mesh("Box", (-0.2, -0.2, 0), (0.2, 0.2, 0.3))
        + "}\n"
    )
    rack = xform("Panel", (11, 3, 0), meta="    instanceable = true\n    prepend payload = @./panel.usda@")
    world = (
        'def Xform "World"\n{\n'
        + floor
        + f'def Xform "Tanks"\n{{\n{tanks}}}\n'
        + crane
        + drone
        + drum
        + parcels
        + rack
        + "}\n"
    )
    panel = (
        'def Xform "Panel"\n{\n'
        + xform("Door", (0, 0, 0.2), mesh("Body", (-0.3, -0.05, 0), (0.3, 0.05, 1.5)))
        + "}\n"
    )
    rows = []
    for k in range(300):
        s = k / 10
        stamp = f"2026-01-01T00:00:{s:06.3f}Z"
        for n in (1, 2, 3):
            rows.append(f"{stamp};T{n}.level;{(50 + 45 * math.sin(s / 5 + n)):.2f}")
            rows.append(f"{stamp};T{n}.temp;{(50 + 25 * math.cos(s / 6 + n)):.2f}")
        rows += [
            f"{stamp};crane.{a};{v:.3f}"
            for a, v in zip(
                "xyz",
                (6000 + 4800 * math.sin(s / 4), 2800 * math.sin(s / 3), 2500 + 400 * math.sin(s)),
                strict=True,
            )
        ]
        rows += [f"{stamp};parcel{i}.pos;{(1 + (s / 3 + 2 * i) % 10):.4f}" for i in (4, 5, 6)]
        rows += [
            f"{stamp};pump.rpm;{1500 + 800 * math.sin(s / 2):.1f}",
            f"{stamp};track0.id;{int(s / 6)}",
            f"{stamp};track0.x;{1 + (s % 6):.3f}",
        ]
        rows += [
            f"{stamp};fill.x;{4 + 3 * math.sin(s / 4):.3f}",
            f"{stamp};fill.y;{1.5 * math.sin(s / 2):.3f}",
        ]
    tag = {"source": "plc", "period": 0.1, "max_age": 2}
    signals: list[dict[str, Any]] = []
    for n in (1, 2, 3):
        signals += [
            {"id": f"tank{n}.level", "field": f"T{n}.level", "unit": "%", "range": [0, 100], **tag},
            {"id": f"tank{n}.temp", "field": f"T{n}.temp", "unit": "Cel", "range": [0, 150], **tag},
        ]
    signals += [
        {"id": "drone.x", "field": "fill.x", "unit": "m", "range": [0, 12], **tag},
        {"id": "drone.y", "field": "fill.y", "unit": "m", "range": [-4, 4], **tag},
        {"id": "crane.x", "field": "crane.x", "unit": "mm", "range": [0, 12000], **tag},
        {"id": "crane.y", "field": "crane.y", "unit": "mm", "range": [-4000, 4000], **tag},
        {"id": "crane.z", "field": "crane.z", "unit": "mm", "range": [0, 4000], **tag},
        *(
            {"id": f"parcel{i}.pos", "field": f"parcel{i}.pos", "unit": "m", "range": [0, 12], **tag}
            for i in (4, 5, 6)
        ),
        {"id": "pump.rpm", "field": "pump.rpm", "unit": "/min", "range": [0, 4000], **tag},
        {"id": "track0.id", "field": "track0.id", "type": "i64", **tag},
        {"id": "track0.x", "field": "track0.x", "unit": "m", "range": [0, 12], **tag},
    ]
    contract = {
        "contract": 1,
        "sources": {
            "plc": {
                "uri": "file:plc.csv",
                "reader": {
                    "format": "csv",
                    "layout": "long",
                    "delimiter": ";",
                    "header": False,
                    "columns": ["ts", "tag", "value"],
                    "time": {"column": "ts", "unit": "iso8601"},
                    "name": "tag",
                    "value": "value",
                },
                "lateness": 0.5,
                "idle_after": 3,
            }
        },
        "signals": signals,
    }
    tank = "/World/Tanks/Tank_{n}"
    bindings: list[dict[str, Any]] = [
        {"kind": "pose", "pattern": tank + "/Liquid", "scale": {"z": "tank{n}.level"}},
        {
            "kind": "style",
            "pattern": tank + "/Liquid",
            "signal": "tank{n}.temp",
            "unit": "Cel",
            "colormap": [[30, "#2060ff"], [70, "#ff3020"]],
        },
        {
            "kind": "attribute",
            "pattern": tank,
            "attribute": "twin:temp",
            "signal": "tank{n}.temp",
            "unit": "Cel",
        },
        {
            "kind": "label",
            "pattern": tank,
            "signal": "tank{n}.level",
            "unit": "%",
            "labels": [[0, "tank_low"], [60, "tank_full"]],
            "hysteresis": 2,
        },
        {
            "kind": "pose",
            "prim": "/World/Crane",
            "frame": "world",
            "position": {"x": "crane.x", "y": "crane.y", "z": "crane.z"},
        },
        {"kind": "pose", "prim": "/World/Drone", "position": {"x": "drone.x", "y": "drone.y"}},
        {"kind": "instance", "prim": "/World/Parcels", "id": [4, 5, 6], "position": {"x": "parcel{id}.pos"}},
        {"kind": "visibility", "prim": "/World/Crane/Hook", "expr": "pump.rpm > 10", "threshold": 0.5},
        {
            "kind": "entity",
            "prim": "/World/Drum",
            "channels": 1,
            "pool": 3,
            "id": "track{n}.id",
            "position": {"x": "track{n}.x"},
        },
    ]
    marks = {
        "signed_joints": [],
        "limited_joints": [],
        "scaled": ["crane.x", "drone.x", "parcel4.pos"],
        "renamable": ["/World/Crane", "/World/Drone", "/World/Drum", "/World/Parcels"],
        "meshes": ["/World/Floor", "/World/Drum/Body"],
        "xforms": ["/World/Crane", "/World/Tanks/Tank_2"],
        "joints": [],
        "references": [],
        "payloads": ["/World/Panel"],
        "below_instance": "/World/Panel/Door",
        "free": "/World/Tanks",
        "long": ("plc", "plc.csv", "crane.x"),
        "pairs": [4],
        "size": 12.0,
        "points": 6,
        "attribute_numbers": "/World/Drum",
        "two": ["/World/Tanks/Tank_1", "/World/Tanks/Tank_2"],
    }
    files: dict[str, bytes | Path] = {
        STAGE: layer(world, "World"),
        "panel.usda": layer(panel, "Panel"),
        "plc.csv": ("\n".join(rows) + "\n").encode(),
    }
    return Twin("process", files, bindings, contract, marks)


# --- the bundled work cell, with its plant recorded, and the palletizer ---------------------------------------------


def _workcell(root: Path, shared: Path | None) -> Twin:
    from twinstage.sim.plant import Plant

    folder = root / "assets" / "library" / "workcell"
    files: dict[str, bytes | Path] = {
        str(p.relative_to(folder)): p
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.suffix != ".yaml"
    }
    contract = yaml.safe_load((folder / "contract.yaml").read_text())
    text = (folder / "bindings.yaml").read_text().replace("bindings: 1", "version: 1", 1)
    bindings = yaml.safe_load(text)["bindings"]
    start = 1_767_225_600 * 10**9
    lines: dict[str, list[bytes]] = {}
    for _, stream, raw in Plant(seed=3, start_ns=start).advance(start + 40 * 10**9):
        lines.setdefault(stream, []).append(raw)
    for name, spec in contract["sources"].items():
        files[f"{name}.log"] = b"".join(lines[name])
        spec["uri"] = f"file:{name}.log"
    marks = {
        "signed_joints": [6, 7],
        "limited_joints": [1, 2],
        "scaled": ["agv1.x", "agv2.y", "parcel3.position", "robot.j2"],
        "renamable": ["/WorkCell/Tank/Liquid", "/WorkCell/Conveyor/Motor"],
        "meshes": [],
        "xforms": ["/WorkCell/AGVs/AGV_1", "/WorkCell/Tank"],
        "references": ["/WorkCell/Hall", "/WorkCell/Robot", "/WorkCell/Cabinet"],
        "joints": [],
        "below_instance": None,
        "free": "/WorkCell/Hall",
        "pairs": [next(k for k, b in enumerate(bindings) if b["kind"] == "pose" and "pattern" in b)],
        "size": 20.0,
        "attribute_numbers": "/WorkCell/Tank",
        "two": [],
        "points": next(k for k, b in enumerate(bindings) if b["kind"] == "instance"),
    }
    return Twin("workcell", files, bindings, contract, marks, stage="workcell.usda")


def _palletizer(root: Path, shared: Path | None) -> Twin:
    assert shared is not None
    folder = root / "examples" / "palletizer"
    stage = (folder / "palletizer.usda").read_text().replace("../../../shared", shared.resolve().as_posix())
    contract = yaml.safe_load((folder / "contract.yaml").read_text())
    source = contract["sources"]["robot"]
    source["uri"] = "file:run.csv"
    recording = shared / "telemetry" / "fanuc_palletizer" / "palletizer_trajectory.csv"
    text = (folder / "bindings.yaml").read_text().replace("bindings: 1", "version: 1", 1)
    marks = {
        "signed_joints": [],
        "limited_joints": [],
        "scaled": [],
        "renamable": ["/Cell/Stations/PickPlace"],
        "meshes": [],
        "xforms": ["/Cell/Stations"],
        "references": ["/Cell/Robot", "/Cell/Scene"],
        "joints": [],
        "below_instance": None,
        "free": "/Cell/Stations",
        "csv": ("robot", "run.csv", "J1_deg"),
        "pairs": [],
        "size": 5.0,
        "attribute_numbers": "/Cell/Pedestal",
        "two": [],
    }
    files: dict[str, bytes | Path] = {STAGE: stage.encode(), "run.csv": recording}
    return Twin(
        "palletizer",
        files,
        yaml.safe_load(text)["bindings"],
        contract,
        marks,
        asset_roots=(shared.resolve(),),
    )


BUILDERS: dict[str, Callable[[Path, Path | None], Twin]] = {
    "gantry": _gantry,
    "fleet": _fleet,
    "process": _process,
    "workcell": _workcell,
    "palletizer": _palletizer,
}
