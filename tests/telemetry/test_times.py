"""Times in all spellings, exact to the nanosecond, against the calendar of `datetime`."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinstage.telemetry.reader_spec import TimeSpec
from twinstage.telemetry.times import TimeError, compile_time, decimal_ns, load_zone

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DIGITS = {"s": 9, "ms": 6, "us": 3, "ns": 0}


def parser(zone: str | None = None, decimal: str = ".", **spec: str):  # type: ignore[no-untyped-def]
    model = TimeSpec.model_validate({"column": "t"} | spec)
    return compile_time(model, zone=load_zone(zone) if zone else None, decimal=decimal)


@pytest.mark.parametrize(
    ("unit", "raw", "ns"),
    [
        ("s", "1305031098.6659", 1_305_031_098_665_900_000),
        ("s", 1305031098.6659, 1_305_031_098_665_900_000),
        ("s", "0.09999999999999787", 100_000_000),
        ("s", "-1.5", -1_500_000_000),
        ("s", "1e3", 1_000_000_000_000),
        ("ms", 1700000000000, 1_700_000_000_000_000_000),
        ("ms", 1700000000000.5, 1_700_000_000_000_500_000),
        ("us", "1700000000000000", 1_700_000_000_000_000_000),
        ("ns", 1700000000000000001, 1_700_000_000_000_000_001),
        ("min", "2.5", 150_000_000_000),
        ("h", 1, 3_600_000_000_000),
    ],
)
def test_numbers_are_exact(unit: str, raw: object, ns: int) -> None:
    assert parser(unit=unit)(raw) == ns


def test_decimal_comma_in_times() -> None:
    assert parser(unit="s", decimal=",")("12,25") == 12_250_000_000


@pytest.mark.parametrize("raw", ["", "nan", "inf", "1_000", "abc", "1,5", "0x10", None, True, [], "٣"])
def test_what_is_no_number_is_refused(raw: object) -> None:
    with pytest.raises(TimeError):
        parser(unit="s")(raw)


@pytest.mark.parametrize("raw", ["1e30", 10**40, -(10**40), "9" * 30])
def test_times_out_of_this_world_are_refused(raw: object) -> None:
    with pytest.raises(TimeError):
        parser(unit="s")(raw)


@settings(deadline=None)
@given(
    st.decimals(min_value=-4_000_000_000, max_value=4_000_000_000, places=9), st.sampled_from(sorted(DIGITS))
)
def test_decimal_text_equals_exact_arithmetic(value: Decimal, unit: str) -> None:
    scale = 10 ** DIGITS[unit]
    assert decimal_ns(format(value, "f"), unit) == round(Fraction(value) * scale)


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2022-10-26T08:17:21.847Z", None, datetime(2022, 10, 26, 8, 17, 21, 847000, UTC)),
        ("2022-10-26T10:17:21+02:00", None, datetime(2022, 10, 26, 8, 17, 21, 0, UTC)),
        ("2022-10-26 10:17:21", "Europe/Berlin", datetime(2022, 10, 26, 8, 17, 21, 0, UTC)),
        ("2022-12-26 10:17:21", "Europe/Berlin", datetime(2022, 12, 26, 9, 17, 21, 0, UTC)),
        ("2022-10-26 10:17:21", "+02:00", datetime(2022, 10, 26, 8, 17, 21, 0, UTC)),
        ("2022-10-26 10:17:21", "UTC", datetime(2022, 10, 26, 10, 17, 21, 0, UTC)),
        ("2022-10-26T08:17:21Z", "Europe/Berlin", datetime(2022, 10, 26, 8, 17, 21, 0, UTC)),
    ],
)
def test_iso_text(text: str, zone: str | None, expected: datetime) -> None:
    assert parser(zone, unit="iso8601")(text) == (expected - EPOCH) // timedelta(microseconds=1) * 1000


def test_iso_text_keeps_nanoseconds() -> None:
    assert parser(unit="iso8601")("1970-01-01T00:00:01.123456789Z") == 1_123_456_789


def test_iso_text_without_a_zone_says_so() -> None:
    with pytest.raises(TimeError, match="zone") as caught:
        parser(unit="iso8601")("2022-10-26 10:17:21")
    assert caught.value.reason == "time_zone"


def test_other_patterns() -> None:
    assert parser("UTC", format="%d.%m.%Y %H:%M")("02.01.1970 00:01") == 86_460 * 10**9
    with pytest.raises(TimeError):
        parser("UTC", format="%d.%m.%Y %H:%M")("1970-01-02")


@settings(deadline=None)
@given(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_iso_text_equals_the_calendar(moment: datetime) -> None:
    assert parser(unit="iso8601")(moment.isoformat()) == (moment - EPOCH) // timedelta(microseconds=1) * 1000


@pytest.mark.parametrize(
    ("ambiguous", "expected"),
    [("first", "2026-10-25T00:30:00+00:00"), ("second", "2026-10-25T01:30:00+00:00")],
)
def test_a_local_time_that_comes_twice_is_refused_unless_the_contract_says_which(
    ambiguous: Literal["first", "second"], expected: str
) -> None:
    spec = TimeSpec(column="t", unit="iso8601")
    berlin = load_zone("Europe/Berlin")
    with pytest.raises(TimeError, match="comes once in Europe/Berlin") as refused:
        compile_time(spec, zone=berlin)("2026-10-25 02:30:00")
    assert refused.value.reason == "time_zone"
    said = compile_time(spec, zone=berlin, ambiguous=ambiguous)("2026-10-25 02:30:00")
    assert said == int(datetime.fromisoformat(expected).timestamp()) * 10**9
    for parse in (compile_time(spec, zone=berlin), compile_time(spec, zone=berlin, ambiguous=ambiguous)):
        assert parse("2026-10-25 01:59:59") == parse("2026-10-25T01:59:59+02:00")
        assert parse("2026-10-25 03:00:00") == parse("2026-10-25T03:00:00+01:00")
        with pytest.raises(TimeError, match="clocks are set forward") as gap:
            parse("2026-03-29 02:30:00")
        assert gap.value.reason == "time_zone"
