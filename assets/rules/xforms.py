"""Rules about transforms. The subject is an xformable prim with what was read of it once (`XformFacts`)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from twinstage.assets.rules.table import Fault, rule

RESET = "!resetXformStack!"


@dataclass(frozen=True, slots=True)
class XformFacts:
    """`order`: names in xformOpOrder; `ops`: names of authored xformOps; `matrix` f8[4, 4]; `values` of ops by name."""

    order: tuple[str, ...]
    ops: tuple[str, ...]
    matrix: np.ndarray
    values: dict[str, np.ndarray]


def read_xform(prim: Any) -> XformFacts | None:
    """Facts about a prim, None for one that has no transform of its own."""
    from pxr import Usd, UsdGeom, Vt

    if not prim.IsA(UsdGeom.Xformable):
        return None
    authored = [name for name in prim.GetAuthoredPropertyNames() if name.startswith("xformOp")]
    if not authored:
        return None
    xformable = UsdGeom.Xformable(prim)
    order = xformable.GetXformOpOrderAttr().Get()
    time = Usd.TimeCode.EarliestTime()
    ops = tuple(name for name in authored if name.startswith("xformOp:"))
    values = {}
    for name in ops:
        value = prim.GetAttribute(name).Get(time)
        try:
            real = value.GetReal(), *value.GetImaginary()
        except AttributeError:
            real = value
        try:
            values[name] = np.asarray(real, np.float64)
        except (TypeError, ValueError):
            continue
    return XformFacts(
        tuple(order) if isinstance(order, Vt.TokenArray) else (),
        ops,
        np.array(xformable.GetLocalTransformation(time)),
        values,
    )


def _op(name: str) -> str:
    return name.removeprefix("!invert!")


@rule(
    "xform", "xform.missing-op", "error", "The transform names a step that is not there",
    "author the step, or take its name out of xformOpOrder", property="xformOpOrder",
)  # fmt: skip
def missing_op(facts: XformFacts) -> Iterator[Fault]:
    """Every name in xformOpOrder is an authored attribute."""
    missing = [_op(n) for n in facts.order if n != RESET and _op(n) not in facts.ops]
    if missing:
        yield Fault(f"xformOpOrder names {missing[0]!r}, which is not authored")


@rule(
    "xform", "xform.duplicate-op", "error", "The transform names one step twice",
    "give each step a name of its own: xformOp:translate:pivot", property="xformOpOrder",
)  # fmt: skip
def duplicate_op(facts: XformFacts) -> Iterator[Fault]:
    """A step occurs once; with its inverse it may occur again."""
    names = [n for n in facts.order if n != RESET]
    twice = next((n for k, n in enumerate(names) if n in names[:k]), None)
    if twice:
        yield Fault(f"xformOpOrder names {twice!r} twice")


@rule(
    "xform", "xform.unused-op", "warning", "A step of the transform has no effect",
    "name it in xformOpOrder, or delete it", property="xformOpOrder",
)  # fmt: skip
def unused_op(facts: XformFacts) -> Iterator[Fault]:
    """Every authored step is named in xformOpOrder."""
    used = {_op(name) for name in facts.order}
    unused = [name for name in facts.ops if name not in used]
    if unused:
        yield Fault(
            f"{', '.join(unused[:3])} is authored, but xformOpOrder does not name it, so it has no effect"
        )


@rule(
    "xform", "xform.not-finite", "error", "The transform holds numbers that are none",
    "type the transform anew", property="xformOpOrder",
)  # fmt: skip
def not_finite(facts: XformFacts) -> Iterator[Fault]:
    """No NaN or infinity in the matrix or a step."""
    bad = [name for name, value in facts.values.items() if not np.isfinite(value).all()]
    if bad or not np.isfinite(facts.matrix).all():
        yield Fault(f"{bad[0] if bad else 'its transform'} holds values that are not finite")


@rule(
    "xform", "xform.flat", "warning", "A scale of 0 makes it vanish",
    "to hide it, use visibility; else correct the scale", property="xformOpOrder",
)  # fmt: skip
def flat(facts: XformFacts) -> Iterator[Fault]:
    """The matrix has an inverse."""
    part = facts.matrix[:3, :3]
    if not np.isfinite(part).all():
        return
    lengths = np.linalg.norm(part, axis=1)
    if lengths.min() == 0 or abs(np.linalg.det(part / max(lengths.max(), 1e-300))) < 1e-18:
        yield Fault("its transform has no inverse: a scale is 0, or a matrix is flat")


@rule(
    "xform", "xform.quaternion", "warning", "A rotation is written as a quaternion that is none",
    "write a quaternion of length 1, real part first: (1, 0, 0, 0)", property="xformOpOrder",
)  # fmt: skip
def quaternion(facts: XformFacts) -> Iterator[Fault]:
    """xformOp:orient has length 1, within half precision."""
    for name, value in facts.values.items():
        if name.startswith("xformOp:orient") and np.isfinite(value).all():
            length = float(np.linalg.norm(value))
            if abs(length - 1) > 0.01:
                yield Fault(f"{name} has length {length:.3g}, where 1 was expected")
                return
