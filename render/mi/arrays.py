"""Arrays of Dr.Jit that keep their place.

Dr.Jit orders the operands of sums and products by the numbers of its variables. With a new array in place of an old one the
same program can become another kernel, which has to be compiled; values written into the old array change nothing.
"""

from typing import Any


def rewritten(dr: Any, old: Any, new: Any) -> Any:
    """The array `old` with the values of `new`, where it is of that type and length; else `new` itself."""
    if old is None or type(old) is not type(new) or dr.width(old) != dr.width(new):
        return new
    dr.scatter(old, new, dr.arange(dr.uint32_array_t(type(old)), dr.width(new)))
    dr.eval(old)
    return old


def rewrite_attributes(dr: Any, old: object | None, new: object) -> None:
    """Let `new` have the arrays of `old`, an object of the same class, with its own values; also those in tuples."""
    if old is None:
        return
    before = vars(old)
    for name, value in vars(new).items():
        last = before.get(name)
        if dr.is_array_v(value):
            setattr(new, name, rewritten(dr, last, value))
        elif isinstance(value, tuple) and isinstance(last, tuple) and len(value) == len(last):
            parts = zip(last, value, strict=True)
            setattr(new, name, tuple(rewritten(dr, a, b) if dr.is_array_v(b) else b for a, b in parts))
