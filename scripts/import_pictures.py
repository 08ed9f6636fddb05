"""Makes docs/images/import-robots.jpg: two arms imported from ../shared, moved by bindings, in one scene.

    python scripts/import_pictures.py [FOLDER]

FOLDER (out/import_pictures) gets the packages, the scene, its bindings and the moved state.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ARMS = {
    "abb": "abb_irb2400/urdf/irb2400.urdf",
    "fanuc": "fanuc_m710ic/urdf/m710ic50.xacro",
}
POSE = {"abb": (-35, 35, 10, 20, 40, 0), "fanuc": (40, 30, -25, 15, -50, 0)}
"""Degrees, by arm."""
SCENE = """#usda 1.0
(
    defaultPrim = "World"
    metersPerUnit = 1
    upAxis = "Z"
)
def Xform "World" (kind = "assembly")
{
    def "Abb" (prepend references = @abb/irb2400.usda@)
    {
        double3 xformOp:translate = (0, 1.0, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def "Fanuc" (prepend references = @fanuc/m710ic50.usda@)
    {
        double3 xformOp:translate = (0, -1.0, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def Cube "Floor"
    {
        double size = 1
        float3[] extent = [(-0.5, -0.5, -0.5), (0.5, 0.5, 0.5)]
        color3f[] primvars:displayColor = [(0.32, 0.34, 0.36)]
        double3 xformOp:translate = (0, 0, -0.05)
        float3 xformOp:scale = (14, 14, 0.1)
        uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:scale"]
    }
    def DistantLight "Sun"
    {
        float inputs:intensity = 2.5
        bool inputs:normalize = true
        float inputs:angle = 2
        float3 xformOp:rotateXYZ = (30, 35, 0)
        uniform token[] xformOpOrder = ["xformOp:rotateXYZ"]
    }
    def DomeLight "Sky"
    {
        float inputs:intensity = 0.7
        color3f inputs:color = (0.85, 0.92, 1)
    }
}
"""


def twinstage(*arguments: object) -> None:
    """Run a command; its output is shown."""
    subprocess.run([sys.executable, "-m", "twinstage", *map(str, arguments)], check=True)


def main() -> None:
    """Import, bind, move, render."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "out" / "import_pictures"
    folder.mkdir(parents=True, exist_ok=True)
    shared = ROOT.parent / "shared" / "assets" / "industrial"
    for name, file in ARMS.items():
        twinstage(
            "assets", "import", shared / file, "--out", folder / name, "--label", "robot_arm", "--force"
        )
    (folder / "scene.usda").write_text(SCENE)
    names = [f"{arm}.j{n}" for arm in ARMS for n in range(1, 7)]
    values = [value for arm in ARMS for value in POSE[arm]]
    rows = [",".join(["t", *names]), *(",".join(map(str, [t, *values])) for t in (0, 1, 2))]
    (folder / "pose.csv").write_text("\n".join(rows) + "\n")
    signals = "".join(f"  - {{id: {n}, source: a, field: {n}, unit: deg, type: f64}}\n" for n in names)
    reader = "{format: csv, header: true, layout: wide, time: {column: t, unit: s, epoch: relative}}"
    (folder / "contract.yaml").write_text(
        f'contract: 1\nsources:\n  a: {{uri: "file:pose.csv", reader: {reader}, clock: {{epoch: now}}}}\nsignals:\n{signals}'
    )
    bindings = "".join(
        f"  - {{kind: joint, prim: /World/{arm.title()}/Joints/joint_{n}, signal: {arm}.j{n}}}\n"
        for arm in ARMS
        for n in range(1, 7)
    )
    (folder / "bindings.yaml").write_text(f"bindings: 1\ncontract: contract.yaml\nbindings:\n{bindings}")
    state = folder / "state.usda"
    state.unlink(missing_ok=True)
    twinstage(
        "export", folder / "scene.usda", "--bindings", folder / "bindings.yaml", "--at", 1, "--out", state
    )
    picture = folder / "import-robots.png"
    twinstage(
        "render", state, "--out", picture, "--eye", "4.6,-0.4,2.0", "--look-at", "0.2,0,0.75", "--fov", "44", *sys.argv[2:]
    )  # fmt: skip
    from PIL import Image

    target = ROOT / "docs" / "images" / "import-robots.jpg"
    Image.open(picture).convert("RGB").save(target, quality=86)
    print(target)


if __name__ == "__main__":
    main()
