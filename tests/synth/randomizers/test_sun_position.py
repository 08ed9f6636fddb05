"""The sun against published positions and against what astronomy says without a formula."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from twinstage.synth.sun_position import air_mass, refraction, sun_position, transmittance


def test_the_worked_example_of_nrel() -> None:
    """Reda and Andreas 2004 (NREL/TP-560-34302), appendix A.5: zenith 50.11162, azimuth 194.34024 degrees."""
    moment = datetime(2003, 10, 17, 12, 30, 30, tzinfo=timezone(timedelta(hours=-7)))
    azimuth, elevation = sun_position(moment, 39.742476, -105.1786)
    assert azimuth == pytest.approx(194.34024, abs=0.02)
    assert elevation == pytest.approx(90 - 50.11162, abs=0.02)


@pytest.mark.parametrize(
    ("month", "day", "declination"), [(3, 20, 0.0), (6, 20, 23.44), (9, 22, 0.0), (12, 21, -23.44)]
)
@pytest.mark.parametrize("latitude", [52.0, 10.0, -35.0])
def test_culmination_on_solstices_and_equinoxes(
    month: int, day: int, declination: float, latitude: float
) -> None:
    start = datetime(2024, month, day, 10, tzinfo=UTC)
    highest = max(sun_position(start + timedelta(minutes=m), latitude, 0.0)[1] for m in range(240))
    noon = 90 - abs(latitude - declination)
    assert highest == pytest.approx(noon + refraction(noon), abs=0.25)


def test_it_rises_in_the_east_and_sets_in_the_west() -> None:
    morning = sun_position(datetime(2024, 3, 20, 6, 10, tzinfo=UTC), 0.0, 0.0)
    evening = sun_position(datetime(2024, 3, 20, 18, 2, tzinfo=UTC), 0.0, 0.0)
    assert morning[0] == pytest.approx(90, abs=0.5) and abs(morning[1]) < 2
    assert evening[0] == pytest.approx(270, abs=0.5) and abs(evening[1]) < 2


def test_air_and_colour() -> None:
    assert air_mass(90) == pytest.approx(1, abs=1e-3)
    assert air_mass(30) == pytest.approx(2, rel=0.01)
    assert air_mass(0) == pytest.approx(38, rel=0.03)  # Kasten and Young's value at the horizon
    wave = np.array([0.610, 0.550, 0.465])
    expected = np.exp(-(0.008735 * wave**-4.08 + (0.04608 * 3 - 0.04586) * wave**-1.3) * air_mass(20))
    np.testing.assert_allclose(transmittance(20, 3), expected)
    high, low = transmittance(60, 2), transmittance(3, 2)
    assert low[0] / low[2] > 3 * high[0] / high[2]  # red at the horizon
    assert (transmittance(30, 8) < transmittance(30, 2)).all()
