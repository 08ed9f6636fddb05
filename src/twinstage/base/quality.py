"""OPC UA StatusCode as a u32, and its three-level view (OPC UA Part 4, section 7.39: bits 31 and 30)."""

GOOD = 0x00000000
UNCERTAIN = 0x40000000
UNCERTAIN_LAST_USABLE = 0x40900000
"""Uncertain_LastUsableValue: the source stopped updating; the value is the last usable one."""
UNCERTAIN_RANGE_EXCEEDED = 0x40940000
"""Uncertain_EngineeringUnitsExceeded: the value lies outside of what was set for it."""
BAD = 0x80000000
BAD_NO_DATA = 0x809B0000
BAD_OUT_OF_RANGE = 0x803C0000

NAMES = {
    "good": GOOD,
    "ok": GOOD,
    "good_localoverride": 0x00960000,
    "uncertain": UNCERTAIN,
    "stale": UNCERTAIN_LAST_USABLE,
    "uncertain_nocommunicationlastusablevalue": 0x408F0000,
    "uncertain_lastusablevalue": UNCERTAIN_LAST_USABLE,
    "uncertain_substitutevalue": 0x40910000,
    "uncertain_initialvalue": 0x40920000,
    "uncertain_sensornotaccurate": 0x40930000,
    "uncertain_engineeringunitsexceeded": UNCERTAIN_RANGE_EXCEEDED,
    "uncertain_subnormal": 0x40950000,
    "bad": BAD,
    "bad_communicationerror": 0x80050000,
    "bad_timeout": 0x800A0000,
    "bad_waitingforinitialdata": 0x80320000,
    "bad_outofrange": BAD_OUT_OF_RANGE,
    "bad_notconnected": 0x808A0000,
    "bad_devicefailure": 0x808B0000,
    "bad_sensorfailure": 0x808C0000,
    "bad_outofservice": 0x808D0000,
    "bad_nodata": BAD_NO_DATA,
}
"""StatusCodes by name, in small letters (OPC UA Part 8, section 6.3.2, and Part 4, section 7.39)."""


def status_named(text: str) -> int | None:
    """The StatusCode of a name, such as `Bad_SensorFailure`; None where there is none of that name."""
    return NAMES.get(text.strip().lower())


def level(status: int) -> str:
    """`good`, `uncertain` or `bad`; 0b11 is reserved by OPC UA and counts as bad."""
    return ("good", "uncertain", "bad", "bad")[(status >> 30) & 3]


def is_bad(status: int) -> bool:
    """Whether a value of this status may not move anything."""
    return bool(status & 0x80000000)
