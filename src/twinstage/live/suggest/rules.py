"""What signals could mean in a stage, rule by rule. Each rule takes the signals it can explain out of the pool."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from twinstage.live.suggest.model import Suggestion
from twinstage.live.suggest.names import likeness, numbers, stem, words
from twinstage.scene.joints import TYPES, joint_limits
from twinstage.scene.snapshot import Snapshot
from twinstage.scene.stage import OpenedStage
from twinstage.telemetry.contract import Contract, SignalSpec

POSITION = {"x": "x", "y": "y", "z": "z"}
TURNS = {"roll": "roll", "pitch": "pitch", "yaw": "yaw"}
HANDS = ("gripper", "tcp", "tool", "hand", "flange")
GOODS = frozenset(
    {
        "box",
        "tote",
        "crate",
        "parcel",
        "part",
        "pallet",
        "workpiece",
        "item",
        "carton",
        "tray",
        "bin",
        "panel",
        "can",
        "pick",
    }
)
LIQUIDS = frozenset({"liquid", "level", "fill", "fluid", "water", "content"})
FAULTS = frozenset({"fault", "light", "beacon", "andon", "indicator", "door", "open", "on"})


@dataclass
class Workbench:
    """The stage and the contract, and which signals still wait for a meaning."""

    opened: OpenedStage
    snapshot: Snapshot
    contract: Contract
    out: list[Suggestion] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    claimed: set[str] = field(default_factory=set)

    @property
    def waiting(self) -> list[SignalSpec]:
        return [s for s in self.contract.signals if s.id not in self.taken]

    def add(self, data: dict[str, Any], confidence: float, reason: str, *signals: str) -> None:
        """Note a suggestion; the signals are explained by it."""
        self.out.append(Suggestion(data, round(min(confidence, 0.99), 2), reason))
        self.taken.update(signals)

    def movable(self) -> Iterable[str]:
        """Paths of prims that could be moved: transforms that are no gprims below another candidate's mesh, and no joints."""
        prims = self.snapshot.prims
        return [
            p
            for p, t in zip(prims.path, prims.type_name, strict=True)
            if t in ("Xform", "Mesh", "Cube", "Cylinder", "Sphere")
        ]


def suggest_joints(bench: Workbench) -> None:
    """Angles for revolute, lengths for prismatic joints, by name; each joint and each signal once, best first."""
    prims = bench.snapshot.prims
    joints = [p for p, t in zip(prims.path, prims.type_name, strict=True) if t in TYPES]
    pairs = []
    for signal in bench.waiting:
        dimension = signal.compiled_unit.dimension
        if dimension not in ("rad", "m") or signal.type not in ("f64", "i64"):
            continue
        for path in joints:
            motion = TYPES[prims.type_name[prims.index_of[path]]]
            if motion == ("rotate" if dimension == "rad" else "slide"):
                like = max(likeness(signal.id, path), likeness(".".join(signal.field), path))
                pairs.append((like + 0.1 * _limits_agree(bench, signal, path), signal, path))
    for score, signal, path in sorted(pairs, key=lambda row: (-row[0], row[1].id, row[2])):
        if signal.id in bench.taken or path in bench.claimed or score < 0.3:
            continue
        bench.claimed.add(path)
        data: dict[str, Any] = {"kind": "joint", "prim": path, "signal": signal.id}
        does = "turns" if signal.compiled_unit.dimension == "rad" else "slides"
        reason = f"{signal.id} in {signal.unit}, and {path.rpartition('/')[2]} {does}"
        other = _relative_to(bench, signal)
        if other:
            data["coupling"] = {other: 1.0}
            reason += f"; its field {signal.field[0]!r} says that it counts from {other}"
        bench.add(data, 0.4 + 0.6 * score, reason, signal.id)


def _limits_agree(bench: Workbench, signal: SignalSpec, path: str) -> float:
    """1 where the declared range is about the joint's limits, 0 where either is missing, -1 where they are far apart."""
    limits = joint_limits(bench.opened.stage.GetPrimAtPath(path), bench.opened.meters_per_unit)
    if limits is None or signal.range is None or not np.isfinite(limits).all():
        return 0.0
    low, high = sorted(signal.compiled_unit.to_si(v) for v in signal.range)
    span = max(limits[1] - limits[0], 1e-9)
    apart = (abs(low - limits[0]) + abs(high - limits[1])) / span
    return 1.0 if apart < 0.2 else -1.0 if apart > 3 else 0.0


def _relative_to(bench: Workbench, signal: SignalSpec) -> str:
    """The signal that a field such as `J3_deg_rel_J2` counts from."""
    head, _, tail = signal.field[0].lower().partition("rel")
    if not tail or not head:
        return ""
    own = numbers(tail)
    for other in bench.contract.signals:
        if (
            other.id != signal.id
            and other.source == signal.source
            and own
            and numbers(other.id) == own
            and _siblings(other.id, signal.id)
        ):
            return other.id
    return ""


def _siblings(a: str, b: str) -> bool:
    return words(a)[:-1] == words(b)[:-1]


def suggest_poses(bench: Workbench) -> None:
    """Groups such as agv1.x, agv1.y, agv1.heading for the prim of that name."""
    groups: dict[str, dict[str, SignalSpec]] = {}
    for signal in bench.waiting:
        last = words(signal.id)[-1:] or ("",)
        part = (
            POSITION.get(last[0])
            if signal.compiled_unit.dimension == "m"
            else TURNS.get(last[0])
            if signal.compiled_unit.dimension == "rad"
            else None
        )
        if part:
            groups.setdefault(stem(signal.id, signal.id.rpartition(".")[2]), {})[part] = signal
    for name, parts in groups.items():
        axes = [a for a in "xyz" if a in parts]
        if not axes:
            continue
        path, score = best_prim(bench, name, bench.movable())
        if path is None or path in bench.claimed:
            continue
        data: dict[str, Any] = {"kind": "pose", "prim": path, "position": {a: parts[a].id for a in axes}}
        turns = {t: parts[t].id for t in TURNS if t in parts}
        if turns:
            data["rotation"] = turns
        bench.claimed.add(path)
        bench.add(
            data,
            0.3 + 0.7 * score,
            f"{name} gives {', '.join(parts)}, and the name is that of {path}",
            *(s.id for s in parts.values()),
        )


def suggest_vectors(bench: Workbench) -> None:
    """Poses and positions that come whole."""
    for signal in bench.waiting:
        if signal.type not in ("pose", "vec[3]") or signal.compiled_unit.dimension != "m":
            continue
        path, score = best_prim(bench, signal.id, bench.movable())
        if path is None or path in bench.claimed:
            continue
        data = {
            "kind": "pose",
            "prim": path,
            **({"signal": signal.id} if signal.type == "pose" else {"position": signal.id}),
        }
        bench.claimed.add(path)
        bench.add(
            data,
            0.2 + 0.7 * score,
            f"{signal.id} is a {signal.type} in {signal.unit}, and the name is that of {path}",
            signal.id,
        )


def suggest_instances(bench: Workbench) -> None:
    """A length for each of a series of numbers, and a PointInstancer with these ids."""
    prims, points = bench.snapshot.prims, bench.snapshot.points
    for path, kind in zip(prims.path, prims.type_name, strict=True):
        if kind != "PointInstancer":
            continue
        rows = np.flatnonzero(points.instancer == prims.index_of[path])
        ids = {str(k) for k in points.point_id[rows].tolist()}
        series: dict[str, dict[str, SignalSpec]] = {}
        for signal in bench.waiting:
            own = numbers(signal.id)
            if (
                signal.compiled_unit.dimension == "m"
                and len(own) == 1
                and own[0] in ids
                and set(words(signal.id)) & set(words(path.rpartition("/")[2]))
            ):
                series.setdefault(signal.id.replace(own[0], "{id}", 1), {})[own[0]] = signal
        for template, members in series.items():
            if len(members) < 2:
                continue
            local = points.local[rows][:, :3, 3]
            axis = "xyz"[int(np.argmax(local.max(0) - local.min(0)))]
            chosen: Any = "all" if set(members) == ids else sorted(int(k) for k in members)
            data = {"kind": "instance", "prim": path, "id": chosen, "position": {axis: template}}
            reason = f"{len(members)} signals {template}, and {path} has {len(ids)} points with these ids, spread along {axis}"
            bench.add(data, 0.85, reason, *(s.id for s in members.values()))


def suggest_levels(bench: Workbench) -> None:
    """A ratio called level scales what is called liquid."""
    for signal in bench.waiting:
        if (
            signal.compiled_unit.dimension not in ("1", "m")
            or not set(words(signal.id)) & LIQUIDS
            or signal.type not in ("f64", "i64")
        ):
            continue
        owner = ".".join(w for w in words(signal.id) if w not in LIQUIDS)
        filled = [p for p in bench.movable() if set(words(p.rpartition("/")[2])) & LIQUIDS]
        path, score = best_prim(bench, owner, filled, above=True)
        if path is not None and path not in bench.claimed:
            bench.claimed.add(path)
            bench.add(
                {"kind": "pose", "prim": path, "scale": {"z": signal.id}},
                0.3 + 0.6 * score,
                f"{signal.id} is a level, and {path} is what fills",
            )
            bench.taken.discard(signal.id)  # it may be shown as a number, too


def suggest_grips(bench: Workbench) -> None:
    """A truth called grip: the hand of that robot takes the nearest of the goods."""
    for signal in bench.waiting:
        if signal.type != "bool" or "gripper" not in words(f"{signal.id}.{signal.field[0]}"):
            continue
        ranked = []
        for path in bench.movable():
            own = words(path.rpartition("/")[2])
            rank = max((len(HANDS) - HANDS.index(w) for w in own if w in HANDS), default=0)
            if rank:
                ranked.append((path.count("/"), rank, path))
        goods = _goods(bench, [path for _, _, path in ranked])
        if not ranked or not goods:
            continue
        frame = max(ranked)[2]
        data = {"kind": "attach", "frame": frame, "signal": signal.id, "candidates": goods, "radius": 0.3}
        bench.add(
            data,
            0.55,
            f"{signal.id} closes something, and {frame.rpartition('/')[2]} is the last prim of the hand; radius: a guess",
            signal.id,
        )


def _goods(bench: Workbench, hands: list[str]) -> list[str]:
    """Patterns of groups of things that could be picked: most members first, one group."""
    groups: dict[str, int] = {}
    for path in bench.movable():
        owner, _, name = path.rpartition("/")
        if (
            set(words(name)) & GOODS
            and set(words(owner.rpartition("/")[2])) & GOODS
            and not any(h.startswith(f"{path}/") for h in hands)
        ):
            groups[owner] = groups.get(owner, 0) + 1
    several = [owner for owner, count in groups.items() if count > 1]
    picked = sorted(
        several, key=lambda o: (not {"pick", "tote"} & set(words(o.rpartition("/")[2])), -groups[o], o)
    )
    return [f"{picked[0]}/*"] if picked else []


def suggest_switches(bench: Workbench) -> None:
    """Truths called fault or alarm show what is called so."""
    for signal in bench.waiting:
        if signal.type != "bool":
            continue
        named = [
            p for p in bench.movable() if set(words(p.rpartition("/")[2])) & FAULTS & set(words(signal.id))
        ]
        if not named:
            continue
        path = sorted(named, key=lambda p: (-_relation(signal.id, p), p))[0]
        bench.add(
            {"kind": "visibility", "prim": path, "signal": signal.id},
            0.55,
            f"{signal.id} is a truth, and {path} is named after it",
            signal.id,
        )


def _relation(signal: str, path: str) -> float:
    """Words of a path that a signal names, and how near they are to its end."""
    return float(len(set(words(signal)) & set(words(path))))


def suggest_numbers(bench: Workbench) -> None:
    """Everything else that is a number becomes an attribute of the prim of that name; temperatures colour it, too."""
    prims = bench.snapshot.prims
    nodes = [
        p
        for p, t in zip(prims.path, prims.type_name, strict=True)
        if t in ("Xform", "Mesh", "Scope", "Cube", "Cylinder", "Sphere", "PointInstancer")
    ]
    for signal in bench.waiting:
        if signal.type not in ("f64", "i64", "enum"):
            continue
        last = signal.id.rpartition(".")[2]
        path, score = best_prim(bench, stem(signal.id, last), nodes)
        if path is None:
            continue
        data: dict[str, Any] = {
            "kind": "attribute",
            "prim": path,
            "attribute": f"twin:{''.join(c if c.isalnum() else '_' for c in last)}",
            "signal": signal.id,
        }
        if signal.unit != "1":
            data["unit"] = signal.unit
        moves = signal.compiled_unit.dimension in ("m", "rad")
        confidence = (0.2 if moves else 0.3) + (0.25 if moves else 0.6) * score
        bench.add(data, confidence, f"{signal.id} is a number of {path}", signal.id)
        if signal.compiled_unit.dimension == "K" and signal.range is not None:
            low, high = signal.range
            filled = [
                p for p in nodes if p.startswith(f"{path}/") and set(words(p.rpartition("/")[2])) & LIQUIDS
            ]
            shown = sorted(filled)[0] if filled else path
            bench.add(
                {
                    "kind": "style",
                    "prim": shown,
                    "signal": signal.id,
                    "unit": signal.unit,
                    "colormap": [[float(low), "#2060ff"], [float(high), "#ff3020"]],
                },
                0.25 + 0.5 * score,
                f"{signal.id} is a temperature; the stops are its declared range, which is too wide for good colours",
                signal.id,
            )


def best_prim(
    bench: Workbench, name: str, paths: Iterable[str], *, above: bool = False
) -> tuple[str | None, float]:
    """The prim that answers a name best, and how well; None where nothing does. `above`: only the owners' names count."""
    best, score = None, 0.0
    for path in paths:
        like = likeness(name, path.rpartition("/")[0]) if above else likeness(name, path)
        like -= 0.002 * path.count("/")
        if like > score + 1e-9:
            best, score = path, like
    return (best, score) if score >= 0.4 else (None, 0.0)
