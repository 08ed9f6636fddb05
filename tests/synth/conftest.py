"""A small yard that has one of everything that randomizers and labels care about, as a real USD file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

BOX = """
    def Xform "{name}" (kind = "component"; prepend apiSchemas = ["SemanticsLabelsAPI:class"])
    {{
        token[] semantics:labels:class = ["box"]
        double3 xformOp:translate = ({x}, {y}, 0.25)
        float xformOp:rotateZ = {turn}
        uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateZ"]
        def Cube "Body" (prepend apiSchemas = ["MaterialBindingAPI"])
        {{
            double size = 0.5
            float3[] extent = [(-0.25, -0.25, -0.25), (0.25, 0.25, 0.25)]
            rel material:binding = </Yard/Looks/{look}>
        }}
    }}
"""

PALLET = """
    def Xform "{name}" (instanceable = true; prepend references = </Prototypes/Pallet>)
    {{
        double3 xformOp:translate = ({x}, {y}, 0.075)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }}
"""

STAGE = """#usda 1.0
(
    metersPerUnit = {mpu}
    upAxis = "{up}"
    defaultPrim = "Yard"
)

class "Prototypes"
{{
    def Xform "Pallet" (kind = "component"; prepend apiSchemas = ["SemanticsLabelsAPI:class"])
    {{
        token[] semantics:labels:class = ["pallet"]
        def Cube "Deck" (prepend apiSchemas = ["MaterialBindingAPI"])
        {{
            double size = 1
            float3[] extent = [(-0.5, -0.5, -0.5), (0.5, 0.5, 0.5)]
            double3 xformOp:scale = (1.2, 0.8, 0.15)
            uniform token[] xformOpOrder = ["xformOp:scale"]
            rel material:binding = </Prototypes/Pallet/Looks/Wood>
        }}
        def Scope "Looks"
        {{
            def Material "Wood"
            {{
                token outputs:surface.connect = </Prototypes/Pallet/Looks/Wood/Surface.outputs:surface>
                def Shader "Surface"
                {{
                    uniform token info:id = "UsdPreviewSurface"
                    color3f inputs:diffuseColor = (0.4, 0.25, 0.1)
                    token outputs:surface
                }}
            }}
        }}
    }}
}}

def Xform "Yard" (kind = "assembly")
{{
    {root}
    def Mesh "Floor" (prepend apiSchemas = ["SemanticsLabelsAPI:class"]; kind = "component")
    {{
        token[] semantics:labels:class = ["floor"]
        int[] faceVertexCounts = [4]
        int[] faceVertexIndices = [0, 1, 2, 3]
        point3f[] points = [(-4, -4, 0), (4, -4, 0), (4, 4, 0), (-4, 4, 0)]
        float3[] extent = [(-4, -4, 0), (4, 4, 0)]
        uniform token subdivisionScheme = "none"
    }}
{boxes}
{pallets}
    def PointInstancer "Parcels" (kind = "component"; prepend apiSchemas = ["SemanticsLabelsAPI:class"])
    {{
        token[] semantics:labels:class = ["parcel"]
        rel prototypes = </Yard/Parcels/Small>
        int[] protoIndices = [0, 0, 0, 0]
        int64[] ids = [10, 11, 12, 13]
        point3f[] positions = [(-2, 2, 0.15), (-1, 2, 0.15), (1, 2, 0.15), (2, 2, 0.15)]
        def Cube "Small"
        {{
            double size = 0.3
            float3[] extent = [(-0.15, -0.15, -0.15), (0.15, 0.15, 0.15)]
        }}
    }}
    def Scope "Looks"
    {{
        def Material "Red"
        {{
            token outputs:surface.connect = </Yard/Looks/Red/Surface.outputs:surface>
            def Shader "Surface"
            {{
                uniform token info:id = "UsdPreviewSurface"
                color3f inputs:diffuseColor = (0.6, 0.05, 0.05)
                float inputs:roughness = 0.4
                token outputs:surface
            }}
        }}
        def Material "Printed"
        {{
            token outputs:surface.connect = </Yard/Looks/Printed/Surface.outputs:surface>
            def Shader "Surface"
            {{
                uniform token info:id = "UsdPreviewSurface"
                color3f inputs:diffuseColor.connect = </Yard/Looks/Printed/Picture.outputs:rgb>
                token outputs:surface
            }}
            def Shader "Picture"
            {{
                uniform token info:id = "UsdUVTexture"
                asset inputs:file = @picture.png@
                float4 inputs:scale = (0.9, 0.9, 0.9, 1)
                float3 outputs:rgb
            }}
        }}
    }}
    def Scope "Lights"
    {{
        def DomeLight "Dome"
        {{
            float inputs:intensity = 0.5
        }}
        def DistantLight "Sun"
        {{
            float inputs:intensity = 2
            float inputs:exposure = 0.5
            color3f inputs:color = (1, 0.9, 0.8)
            float xformOp:rotateX = 30
            uniform token[] xformOpOrder = ["xformOp:rotateX"]
        }}
        def SphereLight "Bulb"
        {{
            bool inputs:enableColorTemperature = 1
            float inputs:colorTemperature = 3200
            float inputs:intensity = 30
            float inputs:radius = 0.1
            double3 xformOp:translate = (0, 0, 3)
            uniform token[] xformOpOrder = ["xformOp:translate"]
        }}
    }}
    def Scope "Cameras"
    {{
        def Camera "Front"
        {{
            float focalLength = 20
            float2 clippingRange = (0.05, 100)
            matrix4d xformOp:transform = ( (1, 0, 0, 0), (0, 0.5, 0.8660254037844386, 0),
                (0, -0.8660254037844386, 0.5, 0), (0, -6, 3.5, 1) )
            uniform token[] xformOpOrder = ["xformOp:transform"]
        }}
    }}
}}
"""

YARD_RECIPE: dict[str, Any] = {
    "recipe": 1,
    "stage": "yard.usda",
    "seed": 3,
    "frames": 3,
    "resolution": [120, 90],
    "cameras": ["Front", {"name": "side", "look_at": {"eye": [5, 0, 2], "target": [0, 0, 0.2], "fov": 60}}],
    "lights": [{"name": "fill", "eye": [0, 0, 4], "target": [0, 0, 0], "size": [2, 1], "intensity": 3}],
    "labels": {"pallet": None, "box": ["box", "crate"], "parcel": "parcel"},
    "randomize": [
        {
            "kind": "pose",
            "name": "boxes",
            "prims": ["/Yard/Box_*"],
            "scatter": {"min": [-2.5, -2], "max": [2.5, 1]},
            "rotate": {"z": [-180, 180]},
            "no_overlap": True,
            "avoid": ["/Yard/Pallet_*"],
        },
        {
            "kind": "light",
            "name": "lamps",
            "lights": ["/Yard/Lights/*"],
            "intensity": {"loguniform": [0.5, 2]},
        },
        {
            "kind": "color",
            "name": "paint",
            "materials": ["/Yard/Looks/*"],
            "diffuse": {"hue": [0, 360], "saturation": [0.3, 0.9], "value": [0.3, 1]},
        },
        {"kind": "camera", "name": "walk", "cameras": ["Front"], "target": [0, 0, 0.3], "distance": [4, 6]},
    ],
    "annotate": ["rgb", "depth", "instance", "normal"],
    "engine": {"kind": "null"},
    "accept": {"min_visible_px": 60, "min_objects": 2},
    "splits": {"train": 2, "val": 1},
    "export": [{"kind": "coco"}],
}


def write_yard(folder: Path, *, up: str = "Z", mpu: float = 1.0) -> Path:
    """The yard in other units and axes: the same world in metres and Z-up, whatever they are."""
    pixels = np.kron(np.array([[250, 120], [60, 200]], np.uint8), np.ones((8, 8), np.uint8))
    Image.fromarray(np.stack([pixels] * 3, -1)).save(folder / "picture.png")
    order = (["rotateX"] if up == "Y" else []) + (["scale"] if mpu != 1 else [])
    root = f"double3 xformOp:scale = ({1 / mpu}, {1 / mpu}, {1 / mpu})\n" if mpu != 1 else ""
    root += "    float xformOp:rotateX = -90\n" if up == "Y" else ""
    root += "    uniform token[] xformOpOrder = [" + ", ".join(f'"xformOp:{op}"' for op in order) + "]"
    boxes = "".join(
        BOX.format(name=f"Box_{n}", x=x, y=y, turn=turn, look=look)
        for n, x, y, turn, look in (
            ("A", -1.5, 0, 0, "Red"),
            ("B", 0, -0.5, 20, "Printed"),
            ("C", 1.5, 0, 45, "Red"),
        )
    )
    pallets = PALLET.format(name="Pallet_1", x=-1, y=-2.8) + PALLET.format(name="Pallet_2", x=1, y=-2.8)
    path = folder / "yard.usda"
    path.write_text(STAGE.format(mpu=mpu, up=up, root=root if order else "", boxes=boxes, pallets=pallets))
    return path


@pytest.fixture(scope="session")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The yard's stage in metres and Z-up."""
    return write_yard(tmp_path_factory.mktemp("yard"))


@pytest.fixture(scope="session")
def yard_recipe() -> Callable[..., Any]:
    """A function from changed fields to the yard's recipe."""
    from twinstage.synth.recipe import parse_recipe

    return lambda **changes: parse_recipe({**YARD_RECIPE, **changes})


@pytest.fixture(scope="session")
def recipe_judge() -> Any:
    """A validator of recipes by their JSON Schema, made once: it looks at all kinds of everything."""
    import json

    import jsonschema

    from twinstage.synth.recipe import recipe_schema

    return jsonschema.Draft202012Validator(json.loads(recipe_schema()))


@pytest.fixture(scope="session")
def snapshot(yard: Path) -> Any:
    """The yard as a snapshot."""
    from twinstage.scene.read import read_snapshot
    from twinstage.scene.stage import open_stage

    return read_snapshot(open_stage(yard, probe=False))


@pytest.fixture(scope="session")
def yard_dataset(
    yard: Path, yard_recipe: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A finished dataset of the yard. Not to be changed: copy it."""
    from twinstage.synth.generation import generate

    out = tmp_path_factory.mktemp("dataset") / "yard"
    generate(yard_recipe(), out, base_dir=yard.parent)
    return out


@pytest.fixture(scope="session")
def yard_writer() -> Callable[..., Path]:
    """`write_yard`, for tests that want other units or axes."""
    return write_yard
