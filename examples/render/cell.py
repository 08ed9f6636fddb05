"""Pictures and labels of the bundled work cell in a few lines of Python.

python examples/render/cell.py out/cell            # needs a minute on two cores
"""

import sys
from pathlib import Path

import numpy as np

from twinstage import render
from twinstage.assets.library import bundled
from twinstage.render.sheet import Heading, sheet_png, shrunk
from twinstage.render.video import save_video

SIZE = (320, 240)


def main(out: Path, engine: str = "direct", views: int = 8) -> None:
    """A picture, its labels, a contact sheet of what moving the robot changes, and a film round the hall."""
    scene = render.open(bundled("workcell") / "workcell.usda")
    settings = {"size": SIZE, "engine": engine, "spp": 4}

    picture = scene.picture("RobotView", **settings)
    labels = scene.labels("RobotView", size=SIZE, aovs=["depth", "semantic"])
    picture.save(out / "robot.png")
    labels.save(out / "robot.json")
    labels.save_aov("depth", out / "depth.exr")

    tiles = [shrunk(labels.over(picture), "masks, boxes and names")]
    pose = np.array(scene.snapshot.node_local[scene.snapshot.prims.index_of["/WorkCell/Robot"]])
    for step in range(3):
        pose[0, 3] += 0.2 if step else 0.0
        moved = scene.moved({"/WorkCell/Robot": pose})
        tiles.append(shrunk(moved.picture("RobotView", **settings).rgb, f"moved by {0.2 * step:g} m"))
    (out / "sheet.png").write_bytes(sheet_png(tiles, Heading("Work cell")))

    around = scene.turntable(views, size=SIZE, elevation=40)
    film = (scene.picture(camera, engine=engine, spp=4).rgb for camera in around)
    save_video(out / "round.gif", film, fps=8)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/cell"))
