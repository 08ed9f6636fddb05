"""What lies outside a texture of wrap mode `black`."""

import numpy as np

from twinstage.scene.columns import F4
from twinstage.scene.snapshot import TextureInput


def border(source: TextureInput) -> F4:
    """What a material input reads there: the bias, f4[3] or, for a single channel, f4[1]."""
    bias = np.array(source.bias, np.float32)
    return bias[:3] if source.channel == "rgb" else bias["rgba".index(source.channel)][None]
