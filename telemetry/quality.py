"""Quality as sources write it, turned into OPC UA StatusCodes (u32).

Names work everywhere. Integers mean different things in different worlds (0 is good in OPC UA and bad in Sparkplug), so
the contract's `quality_codes` says which world it is, and an integer that cannot be of that world is refused.
"""

from twinstage.base.quality import BAD, BAD_NO_DATA, BAD_OUT_OF_RANGE, GOOD, UNCERTAIN, UNCERTAIN_LAST_USABLE
from twinstage.telemetry.values import Reject

NAMES = {
    "good": GOOD,
    "ok": GOOD,
    "uncertain": UNCERTAIN,
    "stale": UNCERTAIN_LAST_USABLE,
    "uncertain_lastusablevalue": UNCERTAIN_LAST_USABLE,
    "bad": BAD,
    "bad_nodata": BAD_NO_DATA,
    "bad_outofrange": BAD_OUT_OF_RANGE,
}

SPARKPLUG = {192: GOOD, 0: BAD, 500: UNCERTAIN_LAST_USABLE}


class QualityMap:
    """A function from a cell or JSON value to a StatusCode; absent means good. Raises Reject."""

    def __init__(self, codes: str) -> None:
        self._sparkplug = codes == "sparkplug"
        self._known: dict[object, int] = {None: GOOD, "": GOOD}

    def __call__(self, raw: object) -> int:
        if type(raw) in (str, int, type(None)):
            known = self._known.get(raw)
            if known is None:
                known = self._translate(raw)
                if len(self._known) < 1024:
                    self._known[raw] = known
            return known
        raise Reject("quality", self._expected())

    def _translate(self, raw: object) -> int:
        if isinstance(raw, str):
            name = raw.strip().lower()
            if name in NAMES:
                return NAMES[name]
            try:
                raw = int(name, 0)
            except ValueError:
                raise Reject("quality", self._expected()) from None
        assert isinstance(raw, int)
        if self._sparkplug:
            if raw in SPARKPLUG:
                return SPARKPLUG[raw]
            raise Reject("quality", self._expected())
        # A StatusCode with severity and sub-code 0 is plain Good; bits below must then be 0, too.
        if 0 <= raw < 1 << 32 and (raw == 0 or raw >> 16):
            return raw
        hint = "; 192, 0 and 500 are Sparkplug's: set quality_codes: sparkplug" if raw in SPARKPLUG else ""
        raise Reject("quality", self._expected() + hint)

    def _expected(self) -> str:
        return "192, 0, 500 or a name" if self._sparkplug else "an OPC UA StatusCode or a name"
