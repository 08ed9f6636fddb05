"""Units as people read them: UCUM codes in print. Pure; the viewer writes them so, too (`viewer/src/core/units.ts`).

Files, messages and whatever a program reads keep the code; so do sentences that say what to write into a file.
"""

import re

_PRINTED = {
    "1": "",
    "Cel": "°C",
    "[degF]": "°F",
    "[degRe]": "°Ré",
    "deg": "°",
    "'": "′",
    "''": "″",
    "Ohm": "Ω",
    "[psi]": "psi",
    "[in_i]": "in",
    "[ft_i]": "ft",
    "[yd_i]": "yd",
    "[mi_i]": "mi",
    "[lb_av]": "lb",
    "[oz_av]": "oz",
    "[lbf_av]": "lbf",
    "[gal_us]": "gal",
    "[pH]": "pH",
    "[ppm]": "ppm",
    "[ppth]": "‰",
    "m[H2O]": "mH₂O",
    "m[Hg]": "mHg",
    "dB[SPL]": "dB",
    "B[SPL]": "B",
}
"""UCUM codes that are not printed as they are written (ucum.org)."""
_PREFIXES = "YZEPTGMkhdcmunpfazy"
_MICRO = re.compile(r"^u(?=(m|g|s|A|V|W|F|H|L|l|C|N|Pa|Hz|S|T|bar|mol|rad|Ohm)$)")
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def printed_unit(code: str) -> str:
    """`Cel` is °C, `m3/h` m³/h, `{rev}/min` rev/min, "1" nothing."""
    whole = _PRINTED.get(code)
    if whole is not None:
        return whole
    parts = re.split(r"([./()])", code)
    text = "".join("·" if part == "." else part if part in "/()" else _factor(part) for part in parts)
    return f"1{text}" if text.startswith("/") else text


def with_unit(value: str, code: str) -> str:
    """A value and its unit: `92.1 °C`, `90°`, `0.5` where there is none."""
    unit = printed_unit(code)
    return f"{value}{'' if unit in ('', '°') else ' '}{unit}"


def _factor(text: str) -> str:
    power = re.match(r"^10[*^]([+-]?\d+)$", text)
    if power:
        return "10" + _raised(power[1])
    found = re.match(r"^(.*?)([+-]?\d+)?(\{[^}]*\})?$", text)
    bare, exponent, note = found.groups() if found is not None else (text, None, None)
    if bare == "":
        return exponent or (note or "")[1:-1]
    return _atom(bare) + _raised(exponent or "")


def _atom(text: str) -> str:
    known = _PRINTED.get(text)
    if known is not None:
        return known
    if len(text) > 2 and text[0] in _PREFIXES and text[1:] in _PRINTED:
        return ("µ" if text[0] == "u" else text[0]) + _PRINTED[text[1:]]
    inner = re.match(r"^\[([A-Za-z0-9]+)(?:_[a-z]+)?\]$", text)
    return inner[1] if inner else _MICRO.sub("µ", text)


def _raised(digits: str) -> str:
    return digits.removeprefix("+").translate(_RAISED)
