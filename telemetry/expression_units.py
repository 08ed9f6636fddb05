"""What an expression measures, where that can be known: dimensional analysis of its shape.

Bare numbers may carry any unit (`jaw - 0.30` takes 0.30 for metres), so they fit everything, and a product or quotient with
one measures something unknown. Only what cannot be right is refused: a length plus an angle, the sine of a length.
"""

from twinstage.telemetry.expressions import Node

Powers = tuple[tuple[str, int], ...]
"""Base units with their exponents, sorted; () is a ratio."""
ANY: None = None
"""Unknown: fits everything."""

SAME = ("+", "-", "min", "max", "//", "%", "hypot")
KEEP = ("neg", "abs", "floor", "ceil", "round")
ANGLE_IN = ("sin", "cos", "tan")
ANGLE_OUT = ("asin", "acos", "atan")
TRUTH = ("<", "<=", ">", ">=", "==", "!=", "and", "or", "not", "sign")


class Mismatch(ValueError):
    """Two parts of an expression do not go together; the message says which."""


def powers_of(dimension: str) -> Powers:
    """`m.s-1` as (("m", 1), ("s", -1)); `1` as ()."""
    if dimension == "1":
        return ()
    out = []
    for part in dimension.split("."):
        name = part.rstrip("-0123456789")
        out.append((name, int(part[len(name) :] or 1)))
    return tuple(sorted(out))


def dimension_of(powers: Powers) -> str:
    """The inverse of `powers_of`."""
    return ".".join(f"{name}{power if power != 1 else ''}" for name, power in powers) or "1"


def infer(shape: Node, dimensions: tuple[str, ...]) -> str | None:
    """The dimension of a shape whose k-th signal has `dimensions[k]`; None where it cannot be known.

    Raises Mismatch for parts that cannot be added, compared or put into a function.
    """
    found = _infer(shape, tuple(powers_of(d) for d in dimensions))
    return None if found is ANY else dimension_of(found)


def _infer(node: Node, signals: tuple[Powers, ...]) -> Powers | None:
    kind = node[0]
    if kind == "num":
        return ANY
    if kind == "sig":
        return signals[node[1]]
    parts = [_infer(part, signals) for part in node[1:]]
    if kind in SAME or kind == "clamp":
        return _common(kind, parts)
    if kind in KEEP:
        return parts[0]
    if kind in ("*", "/"):
        if parts[0] is None or parts[1] is None:
            return ANY
        return _product(parts[0], parts[1], 1 if kind == "*" else -1)
    if kind == "if":
        return _common("if ... else", parts[1:])
    if kind == "lerp":
        return _common(kind, parts[:2])
    if kind in TRUTH:
        if kind not in ("and", "or", "not", "sign"):
            _common(kind, parts)
        return ()
    if kind in ANGLE_IN:
        if parts[0] not in (ANY, (), (("rad", 1),)):
            raise Mismatch(f"it takes the {kind} of {dimension_of(parts[0] or ())}, and an angle is needed")
        return ()
    if kind == "atan2":
        _common(kind, parts)
        return (("rad", 1),)
    if kind in ANGLE_OUT:
        return (("rad", 1),)
    return ANY


def _common(kind: str, parts: list[Powers | None]) -> Powers | None:
    """The dimension that all known parts share. A ratio fits an angle, as radians are ratios."""
    known = list(dict.fromkeys(part for part in parts if part is not None))
    if len(known) > 1 and set(known) != {(), (("rad", 1),)}:
        first, second = known[:2]
        raise Mismatch(f"{kind!r} joins {dimension_of(first)} and {dimension_of(second)}")
    if len(known) > 1:
        return (("rad", 1),)
    return known[0] if known else ANY


def _product(a: Powers, b: Powers, sign: int) -> Powers:
    total = dict(a)
    for name, power in b:
        total[name] = total.get(name, 0) + sign * power
    return tuple(sorted((name, power) for name, power in total.items() if power))
