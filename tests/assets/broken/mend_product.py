"""The product's public functions, as the judge of mending is given them."""

from pathlib import Path

import numpy as np
from mend_judge import Found, Product


def check(file: Path, home: Path) -> set[Found]:
    """Code and path of all that is found."""
    from twinstage.assets.check import check_stage

    return {(f.code, f.path) for f in check_stage(file, [home])}


def mend(file: Path, out: Path, home: Path, codes: frozenset[str]) -> tuple[Path, set[Found]] | None:
    """`assets check --fix --out`, with `--rules` for each code."""
    from twinstage.assets.check import Asked, check_file
    from twinstage.assets.check_folder import chosen
    from twinstage.assets.fixes.apply import mend_all

    asked = Asked((str(home),))
    for done in mend_all(chosen([check_file(file, asked)], sorted(codes), ()), out, asked):
        return Path(done.out), {(code, path) for code, path, *_ in done.done}
    return None


def picture(file: Path, home: Path) -> np.ndarray | None:
    """A small picture of the whole scene, textures and gloss included: u1[90, 120, 3]."""
    from twinstage import render
    from twinstage.base.errors import UserError

    scene = render.open(file, asset_roots=[home])
    try:
        camera = scene.turntable(3, size=(120, 90))[0]
    except UserError:
        return None
    return np.asarray(scene.picture(camera, size=(120, 90), engine="direct", spp=4).rgb)


PRODUCT = Product(check, mend, picture)
