"""Numbers by axis, for fields of randomizers."""

import numpy as np

from twinstage.scene.columns import F8
from twinstage.synth.draws import Distribution, Draws
from twinstage.synth.model import SomeFields


class Axes(SomeFields):
    """A number to draw for each axis; an axis that is left out stays."""

    x: Distribution | None = None
    y: Distribution | None = None
    z: Distribution | None = None

    def sample(self, draws: Draws, field: str, again: int = 0, otherwise: float = 0.0) -> F8:
        """f8[3], `otherwise` for axes that are left out."""
        axes = (("x", self.x), ("y", self.y), ("z", self.z))
        return np.array(
            [otherwise if d is None else draws.value(f"{field}.{axis}", d, again) for axis, d in axes]
        )
