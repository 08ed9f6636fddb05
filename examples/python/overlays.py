"""Overlays and controls: what a vehicle scans and sees, its planned way, and a ghost of it that a slider moves along that way.

`python examples/python/overlays.py` serves the bundled work cell until Ctrl-C; with a number it ends after so many seconds.
"""

import sys

import numpy as np

import twinstage
from twinstage.assets import library

AGV = "/WorkCell/AGVs/AGV_2"
START = np.array([0.244, -3.9])
twin = twinstage.open(library.__path__[0] + "/workcell/workcell.usda")
angle = np.linspace(0, 2 * np.pi, 3000)
ring = np.stack([1.3 * np.cos(angle), 1.3 * np.sin(angle), 0.3 + 0.15 * np.sin(9 * angle)], axis=1)
shade = angle / (2 * np.pi)
twin.ui.points(
    "scan",
    ring,
    np.stack([0.2 + 0 * shade, 1 - 0.6 * shade, 0.4 + 0.6 * shade], axis=1),
    size=0.05,
    parent=AGV,
)
twin.ui.frustum("eye", position=(0.5, 0, 0.4), rotation=(0.5, 0.5, -0.5, -0.5), depth=0.8, parent=AGV)
twin.ui.lines("plan", [[*START, 0.05], [4.2, -3.9, 0.05]], "#e0a63c")
ahead = twin.ui.slider("ahead", min=0, max=4, value=2.5, label="Look ahead", unit="m")


def show(metres: float) -> None:
    """The vehicle as it will be that far along its way."""
    x, y = START[0] + metres, START[1]
    twin.ui.ghost("soon", AGV, (x, y, 0, 1, 0, 0, 0))
    twin.ui.text("goal", f"in {metres:g} m", position=(x, y, 0.8))


@ahead.on_update
def moved(use: "twinstage.Use") -> None:
    """Somebody moved the slider."""
    show(use.value)
    print(f"{use.by} ({use.role}) looks {use.value:g} m ahead", flush=True)


show(ahead.value)
print(twin.serve(port=int(sys.argv[2]) if len(sys.argv) > 2 else 8000), flush=True)
twin.wait(float(sys.argv[1]) if len(sys.argv) > 1 else None)
