"""Where the sun stands, and what of its light arrives.

Position: the Astronomical Almanac's approximate algorithm, as given by Michalsky 1988 (Solar Energy 40(3), 227-235; erratum
41(1)): within 0.01 degrees from 1950 to 2050. Refraction: the formula of the same paper.
Colour: direct sunlight after Rayleigh scattering and aerosols, Preetham, Shirley and Smits 1999 (A Practical Analytic Model
for Daylight, appendix), through the air mass of Kasten and Young 1989, at one wavelength each for red, green and blue.
"""

from datetime import UTC, datetime

import numpy as np

from twinstage.scene.columns import F8

WAVELENGTHS = (0.610, 0.550, 0.465)
"""Of linear red, green and blue [um]."""

_NOON_2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)


def sun_position(moment: datetime, latitude: float, longitude: float) -> tuple[float, float]:
    """(azimuth, elevation) [degrees] of the sun's centre: azimuth clockwise from north, elevation with refraction.

    `moment`: with its time zone; `latitude`: north positive; `longitude`: east positive [degrees].
    """
    days = (moment - _NOON_2000).total_seconds() / 86_400
    mean_longitude = 280.460 + 0.9856474 * days
    anomaly = np.radians(357.528 + 0.9856003 * days)
    ecliptic = np.radians(mean_longitude + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly))
    tilt = np.radians(23.439 - 0.0000004 * days)
    ascension = np.arctan2(np.cos(tilt) * np.sin(ecliptic), np.cos(ecliptic))
    declination = np.arcsin(np.sin(tilt) * np.sin(ecliptic))
    utc = moment.astimezone(UTC)
    hours = utc.hour + utc.minute / 60 + (utc.second + utc.microsecond / 1e6) / 3600
    sidereal = 6.697375 + 0.0657098242 * days + hours + longitude / 15
    hour_angle = np.radians(sidereal * 15) - ascension
    lat = np.radians(latitude)
    sine = np.sin(declination) * np.sin(lat) + np.cos(declination) * np.cos(lat) * np.cos(hour_angle)
    east = -np.cos(declination) * np.sin(hour_angle)
    north = np.sin(declination) * np.cos(lat) - np.cos(declination) * np.sin(lat) * np.cos(hour_angle)
    elevation = float(np.degrees(np.arcsin(np.clip(sine, -1, 1))))
    return float(np.degrees(np.arctan2(east, north)) % 360), elevation + refraction(elevation)


def refraction(elevation: float) -> float:
    """How much higher the sun is seen than it stands [degrees], Michalsky 1988; 0.56 below the horizon."""
    if elevation <= -0.56:
        return 0.56
    over = 3.51561 * (0.1594 + 0.0196 * elevation + 0.00002 * elevation**2)
    return over / (1 + 0.505 * elevation + 0.0845 * elevation**2)


def air_mass(elevation: float) -> float:
    """Air that sunlight comes through, 1 from overhead; Kasten and Young 1989 (Applied Optics 28(22))."""
    height = max(elevation, 0.0)
    return float(1 / (np.sin(np.radians(height)) + 0.50572 * (height + 6.07995) ** -1.6364))


def transmittance(elevation: float, turbidity: float) -> F8:
    """Share of direct sunlight that arrives, linear rgb f8[3]. `turbidity`: 2 clear, 4 hazy, 10 murky."""
    waves = np.array(WAVELENGTHS)
    rayleigh = 0.008735 * waves**-4.08
    aerosol = max(0.04608 * turbidity - 0.04586, 0.0) * waves**-1.3
    out: F8 = np.exp(-(rayleigh + aerosol) * air_mass(elevation))
    return out
