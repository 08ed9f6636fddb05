"""The process that makes a package: opens the designers' stage, puts the session's layers into it, flattens, writes.

python -m twinstage.live.api.package_child FOLDER     what `package` wrote there; stage.usdz appears beside it
"""

import json
import os
import sys
from pathlib import Path

from twinstage.base.errors import TwinstageError
from twinstage.live.api.package import LARGE, OUT, SMALL


def main(folder: Path) -> None:
    """Make the package. Raises TwinstageError."""
    from pxr import Sdf

    from twinstage.scene.export.flat import write_package
    from twinstage.scene.export.own import own_layer
    from twinstage.scene.export.target import Target
    from twinstage.scene.placing import screen_placed
    from twinstage.scene.stage import open_stage

    job = json.loads((folder / "job.json").read_text("utf-8"))
    opened = open_stage(job["stage"], asset_roots=job["roots"], probe=False)
    session = opened.stage.GetSessionLayer()
    own = list(session.subLayerPaths)
    with Sdf.ChangeBlock():
        session.TransferContent(Sdf.Layer.FindOrOpen(str(folder / "session.usda")))
        session.subLayerPaths = own
        for name in (*LARGE, *SMALL):
            path = folder / f"{name}.{'usdc' if name in LARGE else 'usda'}"
            getattr(opened.layers, name).TransferContent(Sdf.Layer.FindOrOpen(str(path)))
    kept = screen_placed(opened)
    write_package(own_layer(opened), Target(folder / OUT))
    del kept


if __name__ == "__main__":
    os.nice(5)
    try:
        main(Path(sys.argv[1]))
    except TwinstageError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
