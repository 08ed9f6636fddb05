"""Latitude, longitude and height as metres east, north and up of an origin (WGS-84). numpy only.

A stage's Z-up world stands with X to the east and Y to the north at its origin. The way leads through Earth-centred
coordinates (NIMA TR8350.2, section 4.3), so it is exact at any distance; there, up is the origin's up.
"""

import numpy as np

from twinstage.scene.columns import F8

SEMI_MAJOR = 6378137.0
FLATTENING = 1 / 298.257223563
_E2 = FLATTENING * (2 - FLATTENING)


def earth_centred(geodetic: np.ndarray) -> F8:
    """Earth-centred, Earth-fixed positions f8[n, 3] [m] of latitude, longitude [rad] and ellipsoidal height [m] f8[n, 3]."""
    latitude, longitude, height = np.asarray(geodetic, np.float64).T
    sine, cosine = np.sin(latitude), np.cos(latitude)
    normal = SEMI_MAJOR / np.sqrt(1 - _E2 * sine**2)
    return np.stack(
        [
            (normal + height) * cosine * np.cos(longitude),
            (normal + height) * cosine * np.sin(longitude),
            (normal * (1 - _E2) + height) * sine,
        ],
        -1,
    )


def east_north_up(geodetic: np.ndarray, origin: np.ndarray) -> F8:
    """Metres east, north and up f8[n, 3] of origins, both latitude, longitude [rad] and height [m] f8[n, 3]."""
    origin = np.asarray(origin, np.float64)
    x, y, z = (earth_centred(geodetic) - earth_centred(origin)).T
    sin_lat, cos_lat = np.sin(origin[:, 0]), np.cos(origin[:, 0])
    sin_lon, cos_lon = np.sin(origin[:, 1]), np.cos(origin[:, 1])
    outward = cos_lon * x + sin_lon * y
    return np.stack(
        [
            cos_lon * y - sin_lon * x,
            cos_lat * z - sin_lat * outward,
            cos_lat * outward + sin_lat * z,
        ],
        -1,
    )
