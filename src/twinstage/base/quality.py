"""OPC UA StatusCode as a u32, and its three-level view (OPC UA Part 4, section 7.39: bits 31 and 30)."""

GOOD = 0x00000000
UNCERTAIN = 0x40000000
UNCERTAIN_LAST_USABLE = 0x40900000
"""Uncertain_LastUsableValue: the source stopped updating; the value is the last usable one."""
BAD = 0x80000000
BAD_NO_DATA = 0x809B0000
BAD_OUT_OF_RANGE = 0x803C0000


def level(status: int) -> str:
    """`good`, `uncertain` or `bad`; 0b11 is reserved by OPC UA and counts as bad."""
    return ("good", "uncertain", "bad", "bad")[(status >> 30) & 3]


def is_bad(status: int) -> bool:
    """Whether a value of this status may not move anything."""
    return bool(status & 0x80000000)
