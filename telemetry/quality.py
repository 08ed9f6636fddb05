"""Quality as sources write it, turned into OPC UA StatusCodes (u32).

Names work everywhere. Integers mean different things in different worlds (0 is good in OPC UA and bad in Sparkplug), so
the contract's `quality_codes` says which world it is, and an integer that cannot be of that world is refused.
"""

from collections.abc import Mapping

from twinstage.base.quality import BAD, GOOD, NAMES, UNCERTAIN_LAST_USABLE
from twinstage.telemetry.values import Reject

SPARKPLUG = {192: GOOD, 0: BAD, 500: UNCERTAIN_LAST_USABLE}


class QualityMap:
    """A function from a cell or JSON value to a StatusCode; absent means good. Raises Reject.

    own: StatusCodes of what this source writes, by its text; they come before everything else.
    """

    def __init__(self, codes: str, own: Mapping[str, int] | None = None) -> None:
        self._sparkplug = codes == "sparkplug"
        self._own = {text.strip().lower(): status for text, status in (own or {}).items()}
        self._known: dict[object, int] = {None: self._own.get("", GOOD), "": self._own.get("", GOOD)}

    def __call__(self, raw: object) -> int:
        if type(raw) is bool:
            raw = str(raw).lower()  # True would be found as 1
        if type(raw) in (str, int, type(None)):
            known = self._known.get(raw)
            if known is None:
                known = self._translate(raw)
                if len(self._known) < 1024:
                    self._known[raw] = known
            return known
        raise Reject("quality", self._expected())

    def _translate(self, raw: object) -> int:
        own = self._own.get(str(raw).strip().lower())
        if own is not None:
            return own
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
        known = "192, 0, 500 or a name" if self._sparkplug else "an OPC UA StatusCode or a name"
        return f"{', '.join(list(self._own)[:8])}, {known}" if self._own else known
