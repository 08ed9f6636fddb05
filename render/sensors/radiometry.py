"""Heat as light: band radiance of black bodies, and back. Pure."""

from functools import lru_cache

import numpy as np

from twinstage.scene.columns import F8, frozen

STEFAN_BOLTZMANN = 5.670374419e-8
"""[W m^-2 K^-4], CODATA 2018."""
SECOND_CONSTANT = 14387.76877
"""Second radiation constant h c / k [um K], CODATA 2018."""

COLDEST, HOTTEST = 100.0, 3000.0
"""Range of apparent temperatures [K]."""

_TERMS = 200


def band_radiance(temperature: np.ndarray | float, band: tuple[float, float]) -> F8:
    """Radiance of black bodies between two wavelengths [um], [W m^-2 sr^-1], of temperatures [K].

    Planck's law integrated by its series (Widger and Woodall 1976, BAMS 57(10)): the share of sigma T^4 / pi that is
    emitted below a wavelength w is 15 / pi^4 sum_n exp(-n x) (x^3/n + 3 x^2/n^2 + 6 x/n^3 + 6/n^4), x = c2 / (w T).
    """
    t = np.maximum(np.asarray(temperature, np.float64), 1e-3)
    share = _below(band[1], t) - _below(band[0], t)
    out: F8 = STEFAN_BOLTZMANN * t**4 / np.pi * share
    return out


def _below(wavelength: float, temperature: F8) -> F8:
    x = np.minimum(SECOND_CONSTANT / (wavelength * temperature), 700.0)
    total = np.zeros_like(x)
    for n in range(1, _TERMS + 1):
        term = np.exp(-n * x) * (x**3 / n + 3 * x**2 / n**2 + 6 * x / n**3 + 6 / n**4)
        total += term
        if float(np.max(term, initial=0.0)) < 1e-17:
            break
    return total * 15 / np.pi**4


@lru_cache(maxsize=8)
def _table(band: tuple[float, float]) -> tuple[F8, F8]:
    temperature = np.arange(COLDEST, HOTTEST + 0.25, 0.25)
    return frozen(temperature, np.float64), frozen(band_radiance(temperature, band), np.float64)


def radiance_of(temperature: np.ndarray, band: tuple[float, float]) -> F8:
    """`band_radiance` of many temperatures [K], once for each different one."""
    values, back = np.unique(np.asarray(temperature, np.float64), return_inverse=True)
    out: F8 = band_radiance(values, band)[back].reshape(np.shape(temperature))
    return out


def apparent_temperature(radiance: np.ndarray, band: tuple[float, float]) -> F8:
    """Temperature [K] of the black body of that band radiance, from `COLDEST` to `HOTTEST`; within 1 mK above 200 K."""
    temperature, table = _table(band)
    # Near-linear in log-log, so that 0.25 K steps are enough.
    seen = np.log(np.maximum(radiance, table[0]))
    out: F8 = np.interp(seen, np.log(table), temperature)
    return out
