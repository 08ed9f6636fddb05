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


_WRITTEN = {
    GOOD: "Good",
    0x00960000: "Good_LocalOverride",
    UNCERTAIN: "Uncertain",
    0x408F0000: "Uncertain_NoCommunicationLastUsableValue",
    UNCERTAIN_LAST_USABLE: "Uncertain_LastUsableValue",
    0x40910000: "Uncertain_SubstituteValue",
    0x40920000: "Uncertain_InitialValue",
    0x40930000: "Uncertain_SensorNotAccurate",
    UNCERTAIN_RANGE_EXCEEDED: "Uncertain_EngineeringUnitsExceeded",
    0x40950000: "Uncertain_SubNormal",
    BAD: "Bad",
    0x80050000: "Bad_CommunicationError",
    0x800A0000: "Bad_Timeout",
    0x80320000: "Bad_WaitingForInitialData",
    BAD_OUT_OF_RANGE: "Bad_OutOfRange",
    0x808A0000: "Bad_NotConnected",
    0x808B0000: "Bad_DeviceFailure",
    0x808C0000: "Bad_SensorFailure",
    0x808D0000: "Bad_OutOfService",
    BAD_NO_DATA: "Bad_NoData",
}
"""Names as OPC UA writes them."""


def status_name(status: int) -> str:
    """The name of a StatusCode, whatever its lower 16 bits say; its hexadecimal digits where we know none."""
    return _WRITTEN.get(status & 0xFFFF0000, f"0x{status:08X}")


def level(status: int) -> str:
    """`good`, `uncertain` or `bad`; 0b11 is reserved by OPC UA and counts as bad."""
    return ("good", "uncertain", "bad", "bad")[(status >> 30) & 3]


def is_bad(status: int) -> bool:
    """Whether a value of this status may not move anything."""
    return bool(status & 0x80000000)
