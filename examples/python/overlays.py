"""Overlays and controls: a scanned ring, a planned path, where the table will be, and a slider that moves it.

`python examples/python/overlays.py` serves the bundled work cell until Ctrl-C; with a number it ends after so many seconds.
"""

import sys

import numpy as np

import twinstage
from twinstage.assets import library

twin = twinstage.open(library.__path__[0] + "/workcell/workcell.usda")
angle = np.linspace(0, 2 * np.pi, 2000)
ring = np.stack([1.2 * np.cos(angle), 1.2 * np.sin(angle), 0.2 + 0.1 * np.sin(9 * angle)], axis=1)
twin.ui.points("scan", ring, np.stack([angle / 7, 1 - angle / 7, np.ones_like(angle)], axis=1))
twin.ui.lines("plan", [[0, 0, 1.6], [1, 0, 1.6], [1, 1, 1.2]], "#e0a63c")
twin.ui.text("goal", "goal", position=(1, 1, 1.3))
twin.ui.frustum("camera", position=(-1, -1, 1.5), rotation=(0.85, 0.35, -0.15, -0.35), depth=0.4)
height = twin.ui.slider("height", min=0, max=2, value=1.3, label="Height of the goal", unit="m")


@height.on_update
def moved(use: "twinstage.Use") -> None:
    """Somebody moved the slider."""
    twin.ui.text("goal", f"goal at {use.value:g} m", position=(1, 1, use.value))
    twin.ui.lines("plan", [[0, 0, 1.6], [1, 0, 1.6], [1, 1, use.value - 0.1]], "#e0a63c")
    print(f"{use.by} ({use.role}) set the height to {use.value:g} m", flush=True)


print(twin.serve(port=int(sys.argv[2]) if len(sys.argv) > 2 else 8000), flush=True)
twin.wait(float(sys.argv[1]) if len(sys.argv) > 1 else None)
