"""Joints that copy another, as imports of robots tell them, follow the signal of the joint that they copy."""

from typing import Any

from twinstage.live.suggest.rules import Workbench
from twinstage.scene.joints import TYPES, joint_mimic


def suggest_mimics(bench: Workbench) -> None:
    """For each joint that copies one with a suggestion: the same signal, times the multiplier."""
    prims = bench.snapshot.prims
    led = {
        s.data["prim"]: s for s in list(bench.out) if s.data["kind"] == "joint" and "coupling" not in s.data
    }
    for path, kind in zip(prims.path, prims.type_name, strict=True):
        copied = joint_mimic(bench.opened.stage.GetPrimAtPath(path)) if kind in TYPES else None
        leader = led.get(copied[0]) if copied else None
        if copied is None or leader is None or path in bench.claimed:
            continue
        other, multiplier, offset = copied
        signal = leader.data["signal"]
        data: dict[str, Any] = {"kind": "joint", "prim": path}
        if abs(multiplier) == 1.0:
            data |= {"signal": signal} | ({"sign": -1} if multiplier < 0 else {})
        else:
            data["expr"] = f"{multiplier:g} * {signal}"
        if offset:
            data["offset"] = offset
        bench.claimed.add(path)
        name = other.rpartition("/")[2]
        bench.add(data, leader.confidence, f"{path.rpartition('/')[2]} copies {name}, as its file says")
