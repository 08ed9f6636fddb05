"""What values in one unit look like in another: the changes of unit that plants really see."""

from dataclasses import dataclass
from functools import lru_cache

from twinstage.base.errors import UserError
from twinstage.telemetry.printed import printed_unit
from twinstage.telemetry.units import compile_unit, convert


@dataclass(frozen=True, slots=True)
class Change:
    """`new = old * scale + offset`; `unit`: the UCUM code that the values seem to be in now, `was` the declared one."""

    scale: float
    offset: float
    was: str
    unit: str

    @property
    def words(self) -> str:
        """For people: `bar became psi (x 14.5038)`."""
        if not self.was:
            return f"values became {self.unit} times as large"
        was, now = (printed_unit(unit) or unit for unit in (self.was, self.unit))
        if self.offset:
            return f"{was} became {now} (x {self.scale:.6g} {'+-'[self.offset < 0]} {abs(self.offset):.6g})"
        return f"{was} became {now} (x {self.scale:.6g})"


COMMON = (
    "K", "Cel", "[degF]",
    "Pa", "hPa", "kPa", "MPa", "bar", "mbar", "[psi]",
    "m", "mm", "cm", "um", "km", "[in_i]", "[ft_i]",
    "m/s", "mm/s", "cm/s", "km/h", "m/min", "[ft_i]/s", "[mi_i]/h", "[kn_i]",
    "rad", "deg", "rad/s", "deg/s", "circ/min", "Hz", "kHz", "/min", "m/s2", "[g]", "mm/s2",
    "s", "ms", "us", "min", "h",
    "kg", "g", "t", "[lb_av]", "N", "kN", "[lbf_av]", "N.m", "N.mm", "kN.m",
    "A", "mA", "V", "mV", "kV", "W", "kW", "MW", "[HP]", "J", "kJ", "MJ", "W.h", "kW.h",
    "m3", "L", "mL", "[gal_us]", "m3/s", "m3/h", "L/s", "L/min", "[gal_us]/min",
    "kg/s", "kg/h", "1", "%",
)  # fmt: skip

_CLASSIC = (("Cel", "[degF]"), ("Cel", "K"), ("bar", "[psi]"), ("kPa", "[psi]"), ("rad", "deg"), ("[in_i]", "mm"),
            ("m", "[ft_i]"), ("m/s", "km/h"), ("kg", "[lb_av]"))  # fmt: skip

_BARE = (1000.0, 0.001, 100.0, 0.01)


@lru_cache(maxsize=1)
def _by_dimension() -> dict[str, tuple[str, ...]]:
    out: dict[str, tuple[str, ...]] = {}
    for code in COMMON:
        try:
            dimension = compile_unit(code).dimension
        except UserError:  # a code that the UCUM table does not have
            continue
        out[dimension] = (*out.get(dimension, ()), code)
    return out


@lru_cache(maxsize=1024)
def changes_from(unit: str | None) -> tuple[Change, ...]:
    """All known changes from a unit. From one that nobody declared: the classic ones, by 1000 and by 100, both ways."""
    codes = _by_dimension().get(compile_unit(unit).dimension, ()) if unit is not None else ()
    pairs = [(unit or "", code) for code in codes]
    if unit is None or compile_unit(unit).dimension == "1":
        pairs += [pair for one, other in _CLASSIC for pair in ((one, other), (other, one))]
    out: dict[tuple[float, float], Change] = {}
    for was, code in pairs:
        line = convert(was, code)
        key = (float(f"{line.scale:.9g}"), round(line.offset, 9))
        if key not in ((1.0, 0.0), *out):
            out[key] = Change(line.scale, line.offset, was, code)
    for scale in _BARE if len(pairs) != len(codes) or len(codes) < 2 else ():
        if all(abs(change.scale / scale - 1) > 0.05 or change.offset for change in out.values()):
            out[(scale, 0.0)] = Change(scale, 0.0, "", f"{scale:g}")
    return tuple(out.values())
