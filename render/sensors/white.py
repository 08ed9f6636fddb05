"""Colours of glowing bodies, for white balance."""

import numpy as np

from twinstage.scene.columns import F8

_RGB_FROM_XYZ = np.array(
    [
        [3.2404541621, -1.5371385128, -0.4985314096],
        [-0.9692660305, 1.8760108454, 0.0415560175],
        [0.0556434310, -0.2040259135, 1.0572251882],
    ]
)
"""Linear Rec. 709 (D65) of CIE XYZ."""

NEUTRAL = 6504.0
"""Colour temperature at which white balance changes nothing [K]: that of D65."""


def blackbody_rgb(temperature: float) -> F8:
    """Linear Rec. 709 rgb f8[3] of a black body from 1,667 to 25,000 K, green = 1.

    Chromaticity by the cubic fits of Kim et al. 2002 (US patent 7024034; within 1e-3 of the Planckian locus).
    """
    t = 1e3 / float(np.clip(temperature, 1667.0, 25000.0))
    if temperature <= 4000:
        x = ((-0.2661239 * t - 0.2343589) * t + 0.8776956) * t + 0.179910
    else:
        x = ((-3.0258469 * t + 2.1070379) * t + 0.2226347) * t + 0.240390
    if temperature <= 2222:
        y = ((-1.1063814 * x - 1.34811020) * x + 2.18555832) * x - 0.20219683
    elif temperature <= 4000:
        y = ((-0.9549476 * x - 1.37418593) * x + 2.09137015) * x - 0.16748867
    else:
        y = ((3.0817580 * x - 5.87338670) * x + 3.75112997) * x - 0.37001483
    rgb = _RGB_FROM_XYZ @ np.array([x / y, 1.0, (1 - x - y) / y])
    rgb = np.maximum(rgb, 1e-3)
    out: F8 = rgb / rgb[1]
    return out


def balance_gains(temperature: float) -> F8:
    """Gains f8[3] that make light of that colour temperature as neutral as that of `NEUTRAL` is; green = 1."""
    return blackbody_rgb(NEUTRAL) / blackbody_rgb(temperature)
