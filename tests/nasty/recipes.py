"""The recipe that goes with a nasty stage."""

from typing import Any

from nasty.stages import CLASSES

KEYPOINTS: dict[str, Any] = {
    "box": {"keypoints": ["corner", "tip", "middle"], "skeleton": [[1, 2]], "sigmas": [0.1, 0.1, 0.2]},
    "parcel": {"keypoints": ["corner"]},
    "bolt": {"keypoints": ["tip"]},
    "nut": {"keypoints": ["tip"]},
}
FLOOR = {"kind": "rectangle", "min": [-1.5, -1.5], "max": [1.5, 1.4]}
PLACED: tuple[dict[str, Any], ...] = (
    {"kind": "variants", "name": "shape", "prims": ["/World/Shuttle"], "set": "shape"},
    {"kind": "animation", "name": "moment", "time_codes": [0, 24]},
    {
        "kind": "binding",
        "name": "paint",
        "prims": ["/World/Machine/Body", "/World/Table"],
        "materials": ["/World/Looks/Red", "/World/Looks/Blue"],
    },
    {
        "kind": "scatter",
        "name": "balls",
        "prims": ["/World/Ball_*"],
        "over": {"kind": "surface", "prims": ["/World/Floor"], "slope": 5},
        "scale": [0.7, 1.3],
    },
    {
        "kind": "context",
        "name": "load",
        "prims": ["/World/Loaded_0"],
        "relation": "on",
        "to": ["/World/Table"],
        "yaw": [0, 360],
        "support": 0,
    },
    {"kind": "count", "name": "some", "prims": ["/World/Speck_*", "/World/Fence_*"], "count": [3, 6]},
    {
        "kind": "distractors",
        "name": "clutter",
        "files": ["clutter_*.usda"],
        "count": [1, 5],
        "most": 5,
        "over": FLOOR,
        "turn": "any",
        "clearance": 0,
    },
)
"""What a second kind of recipe does on top: time, variants, materials, and things placed by what lies around them."""

PINHOLES = ("plain", "shifted", "near")


def recipe(seed: int, frames: int, cameras: tuple[str, ...], **changes: Any) -> dict[str, Any]:
    """Plain data of a recipe: everything moves; `cameras` are names of the stage's; labels only, no picture.

    With `placed` also what `PLACED` says.
    """
    placed = changes.pop("placed", False)
    return {
        "recipe": 1,
        "stage": "nasty.usda",
        "seed": 1000 + seed,
        "frames": frames,
        "resolution": [128, 96],
        "cameras": list(cameras),
        "labels": [{"name": name, **KEYPOINTS.get(name, {})} for name in CLASSES],
        "randomize": [
            {
                "kind": "pose",
                "name": "parts",
                "prims": ["/World/Parts/Part_*", "/World/Loaded_*", "/World/Speck_*", "/World/Ball_*"],
                "scatter": {"min": [-1.5, -1.5], "max": [1.5, 1.4]},
                "rotate": {"x": [-180, 180], "z": [-180, 180]},
                "scale": {"loguniform": [0.6, 1.7]},
            },
            {
                "kind": "pose",
                "name": "furniture",
                "prims": ["/World/Table", "/World/Fence_*", "/World/Machine"],
                "translate": {"x": [-0.3, 0.3], "y": [-0.3, 0.3]},
                "rotate": {"z": [-180, 180]},
            },
            {"kind": "visibility", "name": "absent", "prims": ["/World/Parcels"], "probability": 0.9},
            {
                "kind": "camera",
                "name": "walk",
                "cameras": [f"/World/Cameras/{name}" for name in cameras],
                "target": [0, 0, 0.4],
                "distance": [1.2, 3.2],
                "elevation": [5, 70],
            },
            *(PLACED if placed else ()),
        ],
        "annotate": [],
        "accept": {"min_visible_px": 1, "min_objects": 1},
        **changes,
    }
