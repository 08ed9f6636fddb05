"""The seeded corpus: operators x targets x magnitudes on good twins. Each fault knows which codes name it properly, and where.

An operator is given a copy of a twin and a random generator, changes the copy, and returns the fault, or None where that twin
has no target for it. A change that leaves no trace in files or recording (the sign of a joint with symmetric limits) is no
fault that anybody could find, so operators choose targets where there is one; these are written down in `marks`.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from doctor_twins import Twin

Rng = np.random.Generator


@dataclass(frozen=True)
class Fault:
    """`codes`: any of them names it properly. `places`: any of them in a finding's path or message, () for the file."""

    operator: str
    text: str
    codes: frozenset[str]
    places: tuple[str, ...] = ()


Operator = Callable[[Twin, Rng], Fault | None]
OPERATORS: dict[str, Operator] = {}


def operator(function: Operator) -> Operator:
    """Register under its name."""
    OPERATORS[function.__name__] = function
    return function


TWINS = ("gantry", "fleet", "process", "workcell", "palletizer")


def draw(seed: int, build: Callable[[str], Twin], twins: tuple[str, ...] = TWINS) -> tuple[str, Twin, Fault]:
    """Twin, its faulty copy and the fault of a seed: operators in turn, everything else by chance."""
    rng = np.random.Generator(np.random.Philox(key=seed))
    names = sorted(OPERATORS)
    for attempt in range(1000):
        name = names[(seed + attempt * 7) % len(names)] if attempt else names[seed % len(names)]
        order = [str(n) for n in rng.permutation(twins)]
        for twin_name in order:
            twin = build(twin_name)
            fault = OPERATORS[name](twin, rng)
            if fault is not None:
                return twin_name, twin, fault
    raise AssertionError("no operator fits")


# --- helpers ------------------------------------------------------------------------------------------------------


def pick(rng: Rng, items: Any) -> Any:
    items = list(items)
    return items[int(rng.integers(len(items)))] if items else None


def typo(rng: Rng, word: str) -> str:
    """The word with one letter doubled, dropped or exchanged."""
    letters = [k for k, c in enumerate(word) if c.isalpha()]
    k = letters[int(rng.integers(len(letters)))]
    kind = int(rng.integers(3))
    if kind == 0:
        return word[:k] + word[k] + word[k:]
    if kind == 1 and len(word) > 2:
        return word[:k] + word[k + 1 :]
    return word[:k] + ("q" if word[k] != "q" else "z") + word[k + 1 :]


def at(twin: Twin, kind: str | tuple[str, ...], having: str = "") -> list[int]:
    """Numbers of the bindings of a kind."""
    kinds = (kind,) if isinstance(kind, str) else kind
    return [k for k, b in enumerate(twin.bindings) if b["kind"] in kinds and (not having or having in b)]


def where(twin: Twin, number: int) -> str:
    """How messages speak of that binding: its line in bindings.yaml."""
    return f"bindings.yaml:{number + 4}:"


def used_signals(twin: Twin) -> list[str]:
    """Signals that a binding without placeholders names in `signal`."""
    return [b["signal"] for b in twin.bindings if isinstance(b.get("signal"), str) and "{" not in b["signal"]]


def with_stage(twin: Twin, change: Callable[[Any], bool], name: str = "") -> bool:
    """Change a layer of the twin through Sdf; False leaves it as it was."""
    from pxr import Sdf

    name = name or twin.stage
    content = twin.files[name]
    text = (content if isinstance(content, bytes) else content.read_bytes()).decode()
    layer = Sdf.Layer.CreateAnonymous(".usda")
    layer.ImportFromString(text)
    if not change(layer):
        return False
    twin.files[name] = layer.ExportToString().encode()
    return True


def text_of(twin: Twin, name: str) -> str:
    content = twin.files[name]
    return (content if isinstance(content, bytes) else content.read_bytes()).decode()


# --- bindings -----------------------------------------------------------------------------------------------------


@operator
def prim_typo(twin: Twin, rng: Rng) -> Fault | None:
    k = pick(rng, [k for k, b in enumerate(twin.bindings) if "prim" in b])
    if k is None:
        return None
    owner, _, name = twin.bindings[k]["prim"].rpartition("/")
    twin.bindings[k]["prim"] = f"{owner}/{typo(rng, name)}"
    return Fault(
        "prim_typo",
        f"{where(twin, k)} names {twin.bindings[k]['prim']}",
        frozenset({"binding.prim"}),
        (where(twin, k),),
    )


@operator
def pattern_typo(twin: Twin, rng: Rng) -> Fault | None:
    k = pick(rng, [k for k, b in enumerate(twin.bindings) if "pattern" in b])
    if k is None:
        return None
    head, brace, tail = twin.bindings[k]["pattern"].partition("{")
    owner, _, name = head.rstrip("_").rpartition("/")
    twin.bindings[k]["pattern"] = f"{owner}/{typo(rng, name)}_{brace}{tail}"
    return Fault(
        "pattern_typo", twin.bindings[k]["pattern"], frozenset({"binding.pattern"}), (where(twin, k),)
    )


@operator
def signal_typo(twin: Twin, rng: Rng) -> Fault | None:
    k = pick(rng, [k for k, b in enumerate(twin.bindings) if isinstance(b.get("signal"), str)])
    if k is None:
        return None
    twin.bindings[k]["signal"] = typo(rng, twin.bindings[k]["signal"])
    return Fault("signal_typo", twin.bindings[k]["signal"], frozenset({"binding.signal"}), (where(twin, k),))


@operator
def expression_typo(twin: Twin, rng: Rng) -> Fault | None:
    k = pick(rng, at(twin, ("joint", "visibility", "attribute", "style", "label"), "signal"))
    if (
        k is None
        or "{" in str(twin.bindings[k]["signal"])
        or isinstance(twin.bindings[k].get("labels"), dict)
    ):
        return None
    signal = twin.bindings[k].pop("signal")
    text = pick(
        rng,
        [
            f"{signal} +",
            f"squareroot({signal})",
            f"{signal} ** ",
            f"({signal}",
            f"{signal}; 1",
            f"lambda: {signal}",
            f"clamp({signal}, 0)",
        ],
    )
    twin.bindings[k]["expr"] = text
    return Fault("expression_typo", text, frozenset({"binding.expression"}), (where(twin, k),))


@operator
def unknown_field(twin: Twin, rng: Rng) -> Fault | None:
    k = int(rng.integers(len(twin.bindings)))
    field = pick(rng, ["singal", "units", "axes", "colour", "offest", "frames", "min"])
    twin.bindings[k][field] = "x"
    return Fault("unknown_field", field, frozenset({"binding.file"}), (where(twin, k)[:-1],))


@operator
def unknown_kind(twin: Twin, rng: Rng) -> Fault | None:
    k = int(rng.integers(len(twin.bindings)))
    twin.bindings[k]["kind"] = typo(rng, twin.bindings[k]["kind"])
    return Fault(
        "unknown_kind", twin.bindings[k]["kind"], frozenset({"binding.file"}), (where(twin, k)[:-1],)
    )


@operator
def wrong_type_of_prim(twin: Twin, rng: Rng) -> Fault | None:
    """A pose on a joint, a joint on a plain prim, an instance on no instancer."""
    joints = at(twin, "joint")
    if joints and rng.random() < 0.5:
        k = pick(rng, joints)
        signal = twin.bindings[k].get("signal")
        if signal is None:
            return None
        twin.bindings[k] = {"kind": "pose", "prim": twin.bindings[k]["prim"], "position": {"x": 0.5}}
        return Fault("wrong_type_of_prim", "pose on a joint", frozenset({"binding.type"}), (where(twin, k),))
    path = twin.marks["free"]
    if rng.random() < 0.5 and joints:
        twin.bindings.append(
            {
                "kind": "joint",
                "prim": path,
                "signal": pick(
                    rng, [twin.bindings[j]["signal"] for j in joints if "signal" in twin.bindings[j]]
                ),
            }
        )
        return Fault(
            "wrong_type_of_prim",
            "joint on a plain prim",
            frozenset({"binding.axis", "binding.type"}),
            (where(twin, len(twin.bindings) - 1),),
        )
    twin.bindings.append({"kind": "instance", "prim": path, "id": 0, "position": {"x": 1.0}})
    return Fault(
        "wrong_type_of_prim",
        "instance on no instancer",
        frozenset({"binding.type"}),
        (where(twin, len(twin.bindings) - 1),),
    )


@operator
def duplicate_target(twin: Twin, rng: Rng) -> Fault | None:
    k = pick(rng, at(twin, ("joint", "pose", "style", "attribute", "visibility", "label", "instance")))
    if k is None:
        return None
    copy = json.loads(json.dumps(twin.bindings[k]))
    if copy["kind"] == "joint" and rng.random() < 0.5:
        copy["offset"] = 0.1
    twin.bindings.append(copy)
    return Fault(
        "duplicate_target",
        copy["kind"],
        frozenset({"binding.duplicate"}),
        (where(twin, len(twin.bindings) - 1),),
    )


@operator
def wrong_dimension(twin: Twin, rng: Rng) -> Fault | None:
    """The signal of a joint or a position in the contract gets a unit of another kind."""
    names = [b["signal"] for b in twin.bindings if b["kind"] == "joint" and "signal" in b]
    for b in twin.bindings:
        if b["kind"] in ("pose", "instance") and isinstance(b.get("position"), dict):
            names += [
                str(v)
                for v in b["position"].values()
                if str(v) in {s["id"] for s in twin.contract["signals"]}
            ]
    name = pick(rng, names)
    if name is None:
        return None
    angle = twin.signal(name).get("unit") in ("deg", "rad")
    twin.signal(name)["unit"] = pick(
        rng, ["mm", "m", "Cel", "kg", "m/s"] if angle else ["deg", "Cel", "s", "kg", "bar"]
    )
    return Fault(
        "wrong_dimension", f"{name} in {twin.signal(name)['unit']}", frozenset({"binding.unit"}), (name,)
    )


@operator
def unit_missing(twin: Twin, rng: Rng) -> Fault | None:
    names = [b["signal"] for b in twin.bindings if b["kind"] == "joint" and "signal" in b]
    for b in twin.bindings:
        if b["kind"] == "pose" and isinstance(b.get("position"), dict):
            names += [
                str(v)
                for v in b["position"].values()
                if str(v) in {s["id"] for s in twin.contract["signals"]}
            ]
    name = pick(rng, names)
    if name is None:
        return None
    twin.signal(name).pop("unit")
    return Fault("unit_missing", name, frozenset({"binding.unitless"}), (name,))


@operator
def vector_without_unit(twin: Twin, rng: Rng) -> Fault | None:
    """A position from a vec[3] signal whose contract says no unit."""
    if "jsonl" not in twin.marks:
        return None
    source = twin.marks["jsonl"][0]
    twin.contract["signals"].append(
        {"id": "gate.position", "source": source, "field": ["x", "y", "battery"], "type": "vec[3]"}
    )
    k = next(k for k, b in enumerate(twin.bindings) if b.get("prim") == "/World/Gate" and b["kind"] == "pose")
    twin.bindings[k] = {"kind": "pose", "prim": "/World/Gate", "position": "gate.position"}
    return Fault("vector_without_unit", "gate.position", frozenset({"binding.unitless"}), ("gate.position",))


@operator
def wrong_unit_field(twin: Twin, rng: Rng) -> Fault | None:
    """`unit` of a style, attribute or visibility measures something else."""
    k = pick(rng, [k for k in at(twin, ("style", "attribute", "visibility")) if "unit" in twin.bindings[k]])
    if k is None:
        return None
    now = twin.bindings[k]["unit"]
    twin.bindings[k]["unit"] = pick(rng, [u for u in ("m", "kg", "s", "deg", "Cel") if u != now])
    return Fault(
        "wrong_unit_field",
        f"{now} -> {twin.bindings[k]['unit']}",
        frozenset({"binding.unit", "binding.unitless"}),
        (where(twin, k),),
    )


SCALES = {"mm": ("m", "cm"), "m": ("km", "mm"), "deg": ("rad",), "rad": ("deg",)}


@operator
def wrong_scale(twin: Twin, rng: Rng) -> Fault | None:
    """mm declared as m, deg declared as rad, m declared as mm, ...: the recording stays what it is."""
    name = pick(rng, twin.marks["scaled"])
    if name is None:
        return None
    now = twin.signal(name)["unit"]
    twin.signal(name)["unit"] = pick(rng, SCALES[now])
    codes = frozenset({"range.scale", "range.bounds", "limits.scale", "limits.exceeded"})
    drives = _driven(twin, name)
    return Fault("wrong_scale", f"{name}: {now} -> {twin.signal(name)['unit']}", codes, (name, *drives))


def _driven(twin: Twin, name: str) -> tuple[str, ...]:
    """Prims whose bindings name that signal, with placeholders filled in."""
    out = []
    for k, b in enumerate(twin.bindings):
        text = json.dumps(b)
        if (
            name in text
            or re.sub(r"\d+", "{n}", name, count=1) in text
            or re.sub(r"\d+", "{id}", name, count=1) in text
        ):
            out.append(where(twin, k))
    return tuple(out)


@operator
def swapped_axes(twin: Twin, rng: Rng) -> Fault | None:
    k = pick(rng, twin.marks["pairs"])
    if k is None:
        return None
    p = twin.bindings[k]["position"]
    p["x"], p["y"] = p["y"], p["x"]
    return Fault(
        "swapped_axes",
        str(p),
        frozenset({"axis.swap", "axis.name", "axis.handedness", "range.bounds"}),
        (where(twin, k),),
    )


def anonymous(twin: Twin) -> None:
    """Give all signals names that say nothing, so that only units and recordings speak."""
    text = json.dumps(twin.bindings)
    for number, spec in enumerate(sorted(twin.contract["signals"], key=lambda s: -len(s["id"]))):
        text = re.sub(rf"(?<![\w.]){re.escape(spec['id'])}(?![\w.])", f"s{number}", text)
        spec["id"] = f"s{number}"
    twin.bindings = json.loads(text)


def _plain_pairs(twin: Twin) -> None:
    """Bindings with a pattern, written out for each prim, so that signals can be renamed."""
    out = []
    for b in twin.bindings:
        if "pattern" in b and "{n}" in b["pattern"]:
            out += [
                json.loads(json.dumps({**b, "prim": b["pattern"]}).replace("{n}", n)) for n in ("1", "2", "3")
            ]
            for made in out[-3:]:
                del made["pattern"]
        else:
            out.append(b)
    twin.bindings = out


@operator
def swapped_axes_without_names(twin: Twin, rng: Rng) -> Fault | None:
    """Only the recording can tell."""
    if twin.name not in ("fleet", "process", "workcell"):
        return None
    path = {"fleet": "/World/Fleet/AGV_1", "process": "/World/Crane", "workcell": "/WorkCell/AGVs/AGV_3"}[
        twin.name
    ]
    _plain_pairs(twin)
    k = next(k for k, b in enumerate(twin.bindings) if b["kind"] == "pose" and b["prim"] == path)
    p = twin.bindings[k]["position"]
    p["x"], p["y"] = p["y"], p["x"]
    if twin.name == "workcell":  # others are named by {id}, which anonymous names cannot answer
        twin.bindings = [b for b in twin.bindings if b["kind"] != "instance"]
        k = twin.bindings.index(next(b for b in twin.bindings if b["kind"] == "pose" and b["prim"] == path))
    anonymous_safe = [b for b in twin.bindings if b["kind"] not in ("instance", "entity")]
    k = anonymous_safe.index(twin.bindings[k])
    twin.bindings = anonymous_safe
    anonymous(twin)
    return Fault(
        "swapped_axes_without_names", path, frozenset({"axis.swap", "range.bounds"}), (where(twin, k), path)
    )


@operator
def metadata_wrong_in_all_layers(twin: Twin, rng: Rng) -> Fault | None:
    """Units or up axis wrong everywhere, so that no layer contradicts: only geometry and recordings speak."""
    if twin.name in ("palletizer", "workcell"):
        return None
    names = [n for n in twin.files if n.endswith(".usda")]
    if rng.random() < 0.5:
        factor = float(pick(rng, [100.0, 1000.0, 0.001, 0.01]))
        for name in names:
            with_stage(twin, lambda layer: _scale_units(layer, factor), name)
        codes = {"stage.size", "range.scale", "range.bounds", "limits.scale", "limits.exceeded"}
        return Fault("metadata_wrong_in_all_layers", f"x {factor:g}", frozenset(codes), ())
    for name in names:
        with_stage(twin, _flip, name)
    codes = {"stage.ground", "axis.swap", "range.bounds"}
    return Fault("metadata_wrong_in_all_layers", "upAxis", frozenset(codes), ())


def _scale_units(layer: Any, factor: float) -> bool:
    layer.pseudoRoot.SetInfo("metersPerUnit", layer.pseudoRoot.GetInfo("metersPerUnit") * factor)
    return True


def _flip(layer: Any) -> bool:
    root = layer.pseudoRoot
    root.SetInfo("upAxis", "Y" if root.GetInfo("upAxis") == "Z" else "Z")
    return True


@operator
def slightly_out_of_limits(twin: Twin, rng: Rng) -> Fault | None:
    """An offset that is small against the joint's travel."""
    k = pick(rng, twin.marks["limited_joints"] if twin.name == "gantry" else [])
    if k is None:
        return None
    travel = [6.0, 4.0, 1.6, 4.0][k]
    size = round(travel * float(pick(rng, [0.1, 0.2, 0.4])) * float(pick(rng, [1, -1])), 3)
    twin.bindings[k]["offset"] = size
    codes = frozenset({"limits.offset", "limits.exceeded", "limits.sign"})
    return Fault("slightly_out_of_limits", f"{size:g}", codes, (twin.bindings[k]["prim"],))


@operator
def axis_confused(twin: Twin, rng: Rng) -> Fault | None:
    """y feeds z, as from a Y-up source."""
    k = pick(rng, twin.marks["pairs"])
    if k is None:
        return None
    p = twin.bindings[k]["position"]
    twin.bindings[k]["position"] = (
        {"x": p["x"], "z": p["y"]} if "z" not in p else {"x": p["x"], "y": p["z"], "z": p["y"]}
    )
    return Fault(
        "axis_confused",
        str(twin.bindings[k]["position"]),
        frozenset({"axis.name", "axis.swap", "axis.handedness"}),
        (where(twin, k),),
    )


@operator
def wrong_sign(twin: Twin, rng: Rng) -> Fault | None:
    k = pick(rng, twin.marks["signed_joints"])
    if k is None:
        return None
    twin.bindings[k]["sign"] = -1
    return Fault(
        "wrong_sign",
        twin.bindings[k]["prim"],
        frozenset({"limits.sign", "limits.exceeded"}),
        (twin.bindings[k]["prim"],),
    )


@operator
def wrong_offset(twin: Twin, rng: Rng) -> Fault | None:
    k = pick(rng, twin.marks["limited_joints"])
    if k is None:
        return None
    size = float(pick(rng, [5.0, 7.0, 12.0, 90.0]) * pick(rng, [1, -1]))
    twin.bindings[k]["offset"] = size
    return Fault(
        "wrong_offset",
        f"{size:g}",
        frozenset({"limits.offset", "limits.exceeded", "limits.sign"}),
        (twin.bindings[k]["prim"],),
    )


@operator
def frame_missing(twin: Twin, rng: Rng) -> Fault | None:
    k = pick(rng, at(twin, "attach"))
    if k is None:
        return None
    owner, _, name = twin.bindings[k]["frame"].rpartition("/")
    twin.bindings[k]["frame"] = f"{owner}/{typo(rng, name)}"
    return Fault("frame_missing", twin.bindings[k]["frame"], frozenset({"binding.prim"}), (where(twin, k),))


@operator
def candidates_missing(twin: Twin, rng: Rng) -> Fault | None:
    k = pick(rng, at(twin, "attach"))
    if k is None:
        return None
    twin.bindings[k]["candidates"] = [pick(rng, ["/World/Boxen/*", "/Nowhere/*", "/World/*/*/Nothing"])]
    return Fault(
        "candidates_missing",
        twin.bindings[k]["candidates"][0],
        frozenset({"binding.pattern"}),
        (where(twin, k),),
    )


@operator
def zero_axis(twin: Twin, rng: Rng) -> Fault | None:
    signal = pick(rng, [s["id"] for s in twin.contract["signals"] if s.get("unit") in ("deg", "rad")])
    if signal is None:
        return None
    twin.bindings.append({"kind": "joint", "prim": twin.marks["free"], "signal": signal, "axis": [0, 0, 0]})
    return Fault("zero_axis", signal, frozenset({"binding.axis"}), (where(twin, len(twin.bindings) - 1),))


@operator
def wrong_attribute(twin: Twin, rng: Rng) -> Fault | None:
    name = pick(rng, ["sized", "visibility", "purpose", "xformOpOrder", "temperature", "twn:level"])
    signal = pick(rng, [s["id"] for s in twin.contract["signals"] if s.get("type", "f64") == "f64"])
    twin.bindings.append(
        {"kind": "attribute", "prim": twin.marks["attribute_numbers"], "attribute": name, "signal": signal}
    )
    return Fault(
        "wrong_attribute", name, frozenset({"binding.attribute"}), (where(twin, len(twin.bindings) - 1),)
    )


@operator
def colors_out_of_range(twin: Twin, rng: Rng) -> Fault | None:
    k = pick(rng, at(twin, "style"))
    if k is None:
        return None
    shift = float(pick(rng, [300, 1000, 1e6, -1000]))
    twin.bindings[k]["colormap"] = [[v + shift, c] for v, c in twin.bindings[k]["colormap"]]
    target = twin.bindings[k].get("prim") or twin.bindings[k]["pattern"].partition("{")[0]
    return Fault("colors_out_of_range", f"{shift:+g}", frozenset({"style.range"}), (target,))


@operator
def style_on_nothing(twin: Twin, rng: Rng) -> Fault | None:
    made: list[str] = []

    def change(layer: Any) -> bool:
        from pxr import Sdf

        root = layer.rootPrims[0]
        spec = Sdf.PrimSpec(root, "Empty", Sdf.SpecifierDef, str(pick(rng, ["Xform", "Scope"])))
        made.append(str(spec.path))
        return True

    signal = pick(rng, [s["id"] for s in twin.contract["signals"] if s.get("type", "f64") == "f64"])
    with_stage(twin, change)
    twin.bindings.append(
        {"kind": "style", "prim": made[0], "signal": signal, "colormap": [[0, "#000000"], [1, "#ffffff"]]}
    )
    return Fault("style_on_nothing", made[0], frozenset({"binding.style-nothing"}), (made[0],))


@operator
def threshold_out_of_range(twin: Twin, rng: Rng) -> Fault | None:
    k = pick(rng, [k for k in at(twin, ("visibility", "attach")) if "expr" not in twin.bindings[k]])
    if k is None:
        return None
    twin.bindings[k]["threshold"] = float(pick(rng, [1e4, 1e6, 5000.0]))
    target = twin.bindings[k].get("prim") or twin.bindings[k]["frame"]
    return Fault("threshold_out_of_range", target, frozenset({"switch.range"}), (target,))


@operator
def label_unknown(twin: Twin, rng: Rng) -> Fault | None:
    k = pick(rng, [k for k in at(twin, "label") if isinstance(twin.bindings[k]["labels"], dict)])
    if k is None:
        return None
    labels = twin.bindings[k]["labels"]
    name = pick(rng, list(labels))
    labels[pick(rng, [name + "ing", "broken", typo(rng, name), "yes"])] = labels.pop(name)
    return Fault("label_unknown", str(labels), frozenset({"binding.label-map"}), (where(twin, k),))


@operator
def point_missing(twin: Twin, rng: Rng) -> Fault | None:
    k = twin.marks.get("points")
    if k is None:
        return None
    twin.bindings[k] = {**twin.bindings[k], "id": int(rng.integers(100, 10_000)), "position": {"x": 1.0}}
    return Fault(
        "point_missing", str(twin.bindings[k]["id"]), frozenset({"binding.point"}), (where(twin, k),)
    )


@operator
def frames_in_a_circle(twin: Twin, rng: Rng) -> Fault | None:
    if len(twin.marks["two"]) < 2 or twin.name == "fleet":
        return None
    a, b = twin.marks["two"]
    signal = pick(rng, [s["id"] for s in twin.contract["signals"] if s.get("unit") in ("m", "mm")])
    twin.bindings += [
        {"kind": "pose", "prim": a, "frame": b, "position": {"x": f"0 * {signal}"}},
        {"kind": "pose", "prim": b, "frame": a, "position": {"x": f"0 * {signal}"}},
    ]
    twin.bindings = [x for x in twin.bindings if x["kind"] != "attach"]
    return Fault("frames_in_a_circle", f"{a} and {b}", frozenset({"binding.cycle"}), (a, b))


@operator
def bound_below_instance(twin: Twin, rng: Rng) -> Fault | None:
    path = twin.marks["below_instance"]
    if path is None:
        return None
    signal = pick(rng, [s["id"] for s in twin.contract["signals"] if s.get("unit") in ("m", "mm", "%")])
    unit = twin.signal(signal)["unit"]
    twin.bindings.append(
        {"kind": "pose", "prim": path, "scale": {"z": signal}}
        if unit == "%"
        else {"kind": "visibility", "prim": path, "signal": signal, "threshold": 1e-3}
    )
    return Fault(
        "bound_below_instance", path, frozenset({"binding.instance"}), (path, path.rpartition("/")[0])
    )


# --- contract and recordings --------------------------------------------------------------------------------------


@operator
def signal_deleted(twin: Twin, rng: Rng) -> Fault | None:
    name = pick(rng, used_signals(twin))
    if name is None:
        return None
    twin.contract["signals"] = [s for s in twin.contract["signals"] if s["id"] != name]
    return Fault("signal_deleted", name, frozenset({"binding.signal"}), (name,))


@operator
def dead_signal(twin: Twin, rng: Rng) -> Fault | None:
    """A signal that nothing is bound to, or all of whose bindings are gone."""
    name = pick(rng, [n for n in used_signals(twin) if sum(n in json.dumps(b) for b in twin.bindings) == 1])
    if name is None:
        return None
    twin.bindings = [b for b in twin.bindings if name not in json.dumps(b)]
    return Fault("dead_signal", name, frozenset({"signal.unbound"}), (name,))


@operator
def field_typo(twin: Twin, rng: Rng) -> Fault | None:
    signal = pick(rng, [s for s in twin.contract["signals"] if isinstance(s["field"], str)])
    signal["field"] = typo(rng, signal["field"])
    codes = {"signal.silent", "source.columns", "source.unread"}
    if "columns" in twin.contract["sources"][signal["source"]]["reader"]:
        codes.add("contract.file")  # a contract that lists the columns is wrong in itself then
    return Fault(
        "field_typo", f"{signal['id']}: {signal['field']}", frozenset(codes), (signal["field"], signal["id"])
    )


@operator
def where_typo(twin: Twin, rng: Rng) -> Fault | None:
    signal = pick(rng, [s for s in twin.contract["signals"] if "where" in s])
    if signal is None:
        return None
    key = next(iter(signal["where"]))
    signal["where"] = {key: typo(rng, signal["where"][key])}
    return Fault("where_typo", str(signal["where"]), frozenset({"signal.silent"}), (signal["id"],))


@operator
def type_wrong(twin: Twin, rng: Rng) -> Fault | None:
    names = [n for n in used_signals(twin) if twin.signal(n).get("type", "f64") == "f64"]
    name = pick(rng, names)
    if name is None:
        return None
    spec = twin.signal(name)
    for key in ("unit", "range"):
        spec.pop(key, None)
    spec["type"] = pick(rng, ["string", "quat"])
    if spec["type"] == "quat":
        spec["field"] = [spec["field"]] * 4
        if twin.contract["sources"][spec["source"]]["reader"]["layout"] == "long":
            spec["type"], spec["field"] = "string", spec["field"][0]
    return Fault("type_wrong", f"{name}: {spec['type']}", frozenset({"binding.signal-type"}), (name,))


@operator
def period_absurd(twin: Twin, rng: Rng) -> Fault | None:
    signal = pick(
        rng, [s for s in twin.contract["signals"] if "period" in s and s.get("type", "f64") == "f64"]
    )
    signal["period"] = float(signal["period"] * pick(rng, [20.0, 1000.0, 1e6, 0.02, 1e-4]))
    return Fault(
        "period_absurd",
        f"{signal['id']}: {signal['period']:g} s",
        frozenset({"signal.period", "signal.max-age"}),
        (signal["id"],),
    )


@operator
def max_age_absurd(twin: Twin, rng: Rng) -> Fault | None:
    signal = pick(
        rng, [s for s in twin.contract["signals"] if "period" in s and s.get("type", "f64") == "f64"]
    )
    signal["max_age"] = float(signal["period"] * pick(rng, [0.5, 0.1, 1e-3]))
    return Fault(
        "max_age_absurd",
        f"{signal['id']}: {signal['max_age']:g} s",
        frozenset({"signal.max-age"}),
        (signal["id"],),
    )


@operator
def lateness_absurd(twin: Twin, rng: Rng) -> Fault | None:
    name = pick(rng, twin.contract["sources"])
    twin.contract["sources"][name]["lateness"] = float(pick(rng, [30.0, 500.0, 1e4, 1e6]))
    return Fault("lateness_absurd", name, frozenset({"source.lateness"}), (name,))


@operator
def source_missing(twin: Twin, rng: Rng) -> Fault | None:
    name = pick(rng, twin.contract["sources"])
    spec = twin.contract["sources"][name]
    kind = int(rng.integers(3))
    if kind == 0:
        spec["uri"] = spec["uri"] + ".bak"
    elif kind == 1:
        spec["uri"] = "flie:" + spec["uri"].partition(":")[2]
    else:
        twin.files[spec["uri"].partition(":")[2]] = b""
    return Fault("source_missing", spec["uri"], frozenset({"source.missing", "source.kind"}), (name,))


@operator
def time_column_wrong(twin: Twin, rng: Rng) -> Fault | None:
    name = pick(rng, twin.contract["sources"])
    time = twin.contract["sources"][name]["reader"]["time"]
    key = "column" if "column" in time else "field"
    if rng.random() < 0.5:
        time[key] = typo(rng, time[key]) + "_utc"
    else:
        time["unit"] = "iso8601" if time["unit"] != "iso8601" else "ms"
        if time["unit"] == "iso8601":
            time.pop("epoch", None)
        else:
            time["epoch"] = "unix"
    codes = frozenset({"source.columns", "source.unread", "source.rejected", "contract.file"})
    return Fault("time_column_wrong", str(time), codes, ())


@operator
def range_shifted(twin: Twin, rng: Rng) -> Fault | None:
    signal = pick(rng, [s for s in twin.contract["signals"] if "range" in s])
    low, high = signal["range"]
    away = (high - low) * float(pick(rng, [2.0, 10.0, 1000.0]))
    signal["range"] = [low + away, high + away]
    return Fault(
        "range_shifted", f"{signal['id']}: {signal['range']}", frozenset({"signal.range"}), (signal["id"],)
    )


@operator
def delimiter_wrong(twin: Twin, rng: Rng) -> Fault | None:
    names = [n for n, s in twin.contract["sources"].items() if s["reader"]["format"] == "csv"]
    name = pick(rng, names)
    if name is None:
        return None
    reader = twin.contract["sources"][name]["reader"]
    now = reader.get("delimiter", ",")
    reader["delimiter"] = pick(
        rng, [d for d in (",", ";", "|", "\t") if d != now and d != reader.get("decimal", ".")]
    )
    return Fault(
        "delimiter_wrong",
        repr(reader["delimiter"]),
        frozenset({"source.columns", "source.unread", "source.rejected"}),
        (name,),
    )


@operator
def column_renamed_in_the_file(twin: Twin, rng: Rng) -> Fault | None:
    topic = next((t for t in ("csv", "jsonl", "long") if t in twin.marks), None)
    if topic is None:
        return None
    source, name, column = twin.marks[topic]
    text = text_of(twin, name)
    new = typo(rng, column)
    old, fresh = (f'"{column}":', f'"{new}":') if topic == "jsonl" else (column, new)
    twin.files[name] = text.replace(old, fresh).encode()
    ids = tuple(s["id"] for s in twin.contract["signals"] if s["field"] == column)
    return Fault(
        "column_renamed_in_the_file", new, frozenset({"source.columns", "signal.silent"}), (source, *ids)
    )


@operator
def contract_broken(twin: Twin, rng: Rng) -> Fault | None:
    kind = int(rng.integers(3))
    signal = pick(rng, twin.contract["signals"])
    if kind == 0:
        signal["unit"] = pick(rng, ["meters", "degrees", "C°", "percent"])
    elif kind == 1:
        signal["source"] = signal["source"] + "x"
    else:
        signal["fields"] = "x"
    return Fault("contract_broken", str(signal), frozenset({"contract.file"}), ("contract.yaml",))


# --- stage --------------------------------------------------------------------------------------------------------


@operator
def prim_renamed_in_the_stage(twin: Twin, rng: Rng) -> Fault | None:
    path = pick(rng, twin.marks["renamable"])
    name = path.rpartition("/")[2]
    new = pick(rng, [name + "_v2", typo(rng, name), "Node_17"])

    def change(layer: Any) -> bool:
        spec = layer.GetPrimAtPath(path)
        if not spec:
            return False
        spec.name = new
        return True

    if not with_stage(twin, change):
        return None
    codes = frozenset({"binding.prim", "binding.pattern", "binding.joint", "binding.entity"})
    return Fault("prim_renamed_in_the_stage", f"{path} -> {new}", codes, (path,))


@operator
def prim_deleted_in_the_stage(twin: Twin, rng: Rng) -> Fault | None:
    path = pick(rng, twin.marks["renamable"])

    def change(layer: Any) -> bool:
        spec = layer.GetPrimAtPath(path)
        if not spec:
            return False
        if rng.random() < 0.5:
            spec.SetInfo("active", False)
        else:
            del spec.nameParent.nameChildren[spec.name]
        return True

    if not with_stage(twin, change):
        return None
    return Fault("prim_deleted_in_the_stage", path, frozenset({"binding.prim", "binding.pattern"}), (path,))


@operator
def up_axis_flipped(twin: Twin, rng: Rng) -> Fault | None:
    def change(layer: Any) -> bool:
        root = layer.pseudoRoot
        root.SetInfo("upAxis", "Y" if root.GetInfo("upAxis") == "Z" else "Z")
        return True

    with_stage(twin, change)
    codes = frozenset({"stage.metrics", "stage.ground", "axis.swap", "range.bounds"})
    return Fault("up_axis_flipped", twin.name, codes, ())


@operator
def meters_per_unit_wrong(twin: Twin, rng: Rng) -> Fault | None:
    factor = float(pick(rng, [100.0, 0.01, 0.001, 1000.0]))

    def change(layer: Any) -> bool:
        layer.pseudoRoot.SetInfo("metersPerUnit", layer.pseudoRoot.GetInfo("metersPerUnit") * factor)
        return True

    with_stage(twin, change)
    codes = frozenset({"stage.metrics", "stage.size", "range.scale", "range.bounds", "limits.scale"})
    return Fault("meters_per_unit_wrong", f"x {factor:g}", codes, ())


@operator
def metadata_missing(twin: Twin, rng: Rng) -> Fault | None:
    name, code = pick(
        rng,
        [
            ("metersPerUnit", "stage.units"),
            ("upAxis", "stage.up-axis"),
            ("defaultPrim", "stage.default-prim"),
        ],
    )

    def change(layer: Any) -> bool:
        layer.pseudoRoot.ClearInfo(name)
        return True

    with_stage(twin, change)
    return Fault("metadata_missing", name, frozenset({code}), ())


@operator
def time_range_reversed(twin: Twin, rng: Rng) -> Fault | None:
    def change(layer: Any) -> bool:
        layer.startTimeCode, layer.endTimeCode = float(pick(rng, [100, 48])), float(pick(rng, [0, 1, -5]))
        return True

    with_stage(twin, change)
    return Fault("time_range_reversed", twin.name, frozenset({"stage.time-range"}), ())


@operator
def reference_missing(twin: Twin, rng: Rng) -> Fault | None:
    paths = [*twin.marks.get("references", []), *twin.marks.get("payloads", [])]
    path = pick(rng, paths)
    if path is None:
        return None
    lost = pick(rng, ["./lost.usda", "./old/part_v3.usd", "./hal.usda"])

    def change(layer: Any) -> bool:
        from pxr import Sdf

        spec = layer.GetPrimAtPath(path)
        if not spec:
            return False
        if path in twin.marks.get("payloads", []):
            spec.payloadList.prependedItems[:] = [Sdf.Payload(lost)]
        else:
            spec.referenceList.prependedItems[:] = [Sdf.Reference(lost)]
        return True

    if not with_stage(twin, change):
        return None
    return Fault(
        "reference_missing", f"{path}: {lost}", frozenset({"asset.unresolved"}), (lost.rpartition("/")[2],)
    )


@operator
def texture_missing(twin: Twin, rng: Rng) -> Fault | None:
    if "texture" not in twin.marks:
        return None
    name, image = twin.marks["texture"]
    if rng.random() < 0.5:
        del twin.files[image]
        lost = image
    else:
        lost = "paint_4k.png"
        twin.files[name] = text_of(twin, name).replace(image, lost).encode()
    return Fault("texture_missing", lost, frozenset({"asset.unresolved", "texture.missing"}), (lost,))


@operator
def transform_not_finite(twin: Twin, rng: Rng) -> Fault | None:
    path = pick(rng, twin.marks["xforms"])
    value = pick(rng, [float("nan"), float("inf"), float("-inf")])

    def change(layer: Any) -> bool:
        from pxr import Gf

        spec = layer.GetPrimAtPath(path)
        if not spec:
            return False
        op = spec.attributes.get("xformOp:translate")
        if op is None:
            return False
        op.default = Gf.Vec3d(0, value, 0)
        return True

    if not with_stage(twin, change):
        return None
    return Fault("transform_not_finite", path, frozenset({"xform.not-finite"}), (path,))


@operator
def transform_op_missing(twin: Twin, rng: Rng) -> Fault | None:
    path = pick(rng, twin.marks["xforms"])

    def change(layer: Any) -> bool:
        from pxr import Vt

        spec = layer.GetPrimAtPath(path)
        if not spec or "xformOpOrder" not in spec.attributes:
            return False
        order = spec.attributes["xformOpOrder"]
        order.default = Vt.TokenArray([*order.default, "xformOp:rotateXYZ:late"])
        return True

    if not with_stage(twin, change):
        return None
    return Fault("transform_op_missing", path, frozenset({"xform.missing-op"}), (path,))


@operator
def transform_flat(twin: Twin, rng: Rng) -> Fault | None:
    path = pick(rng, twin.marks["xforms"])

    def change(layer: Any) -> bool:
        from pxr import Gf, Sdf, Vt

        spec = layer.GetPrimAtPath(path)
        if not spec or "xformOpOrder" not in spec.attributes or "xformOp:scale" in spec.attributes:
            return False
        scale = Sdf.AttributeSpec(spec, "xformOp:scale", Sdf.ValueTypeNames.Float3)
        scale.default = pick(rng, [Gf.Vec3f(1, 0, 1), Gf.Vec3f(0, 0, 0), Gf.Vec3f(1, 1, 0)])
        order = spec.attributes["xformOpOrder"]
        order.default = Vt.TokenArray([*order.default, "xformOp:scale"])
        return True

    if not with_stage(twin, change):
        return None
    return Fault("transform_flat", path, frozenset({"xform.flat", "binding.shear"}), (path,))


def _joint(twin: Twin, rng: Rng, change: Callable[[Any], bool]) -> str | None:
    name = pick(rng, twin.marks["joints"])
    if name is None:
        return None
    path = f"{twin.marks['joint_scope']}/{name}"
    return path if with_stage(twin, lambda layer: change(layer.GetPrimAtPath(path))) else None


@operator
def joint_body_broken(twin: Twin, rng: Rng) -> Fault | None:
    kind = int(rng.integers(3))

    def change(spec: Any) -> bool:
        from pxr import Sdf

        body = spec.relationships["physics:body1" if kind < 2 else "physics:body0"]
        target = str(body.targetPathList.explicitItems[0])
        items = [] if kind == 0 else [Sdf.Path(target + "_old")]
        body.targetPathList.explicitItems = items
        return True

    path = _joint(twin, rng, change)
    return path and Fault(
        "joint_body_broken", f"{path} ({kind})", frozenset({"binding.joint", "joint.frames"}), (path,)
    )


@operator
def joint_body_of_another(twin: Twin, rng: Rng) -> Fault | None:
    def change(spec: Any) -> bool:
        from pxr import Sdf

        spec.relationships["physics:body1"].targetPathList.explicitItems = [Sdf.Path(twin.marks["two"][0])]
        return True

    path = _joint(twin, rng, change)
    codes = frozenset({"joint.frames", "binding.duplicate"})
    return path and Fault("joint_body_of_another", path, codes, (path,))


@operator
def joint_frame_moved(twin: Twin, rng: Rng) -> Fault | None:
    kind = int(rng.integers(3))

    def change(spec: Any) -> bool:
        from pxr import Gf

        if kind == 0:
            spec.attributes["physics:localRot1"].default = Gf.Quatf(0, 0, 0, 0)
        elif kind == 1 and spec.typeName == "PhysicsRevoluteJoint":
            spec.attributes["physics:localPos1"].default = Gf.Vec3f(
                0.0, float(pick(rng, [0.05, 1.0, 50.0])), 0.0
            )
        else:
            spec.attributes["physics:localRot1"].default = Gf.Quatf(
                0.7071068,
                0.7071068 * (spec.attributes["physics:axis"].default != "X"),
                0.7071068 * (spec.attributes["physics:axis"].default == "X"),
                0,
            )
        return True

    path = _joint(twin, rng, change)
    return path and Fault(
        "joint_frame_moved", f"{path} ({kind})", frozenset({"joint.frames", "binding.joint"}), (path,)
    )


@operator
def joint_limits_swapped(twin: Twin, rng: Rng) -> Fault | None:
    def change(spec: Any) -> bool:
        low, high = spec.attributes["physics:lowerLimit"], spec.attributes["physics:upperLimit"]
        low.default, high.default = high.default, low.default
        return True

    path = _joint(twin, rng, change)
    return path and Fault("joint_limits_swapped", path, frozenset({"limits.invalid"}), (path,))


@operator
def joint_limits_too_narrow(twin: Twin, rng: Rng) -> Fault | None:
    factor = float(pick(rng, [0.1, 0.3, 0.5]))

    def change(spec: Any) -> bool:
        for name in ("physics:lowerLimit", "physics:upperLimit"):
            spec.attributes[name].default = spec.attributes[name].default * factor
        return True

    path = _joint(twin, rng, change)
    return path and Fault(
        "joint_limits_too_narrow",
        f"{path} x {factor}",
        frozenset({"limits.exceeded", "limits.scale"}),
        (path,),
    )


def _mesh(twin: Twin, rng: Rng, change: Callable[[Any], bool]) -> str | None:
    path = pick(rng, twin.marks["meshes"])
    if path is None:
        return None
    return (
        path
        if with_stage(
            twin, lambda layer: bool(layer.GetPrimAtPath(path)) and change(layer.GetPrimAtPath(path))
        )
        else None
    )


@operator
def mesh_index_out_of_range(twin: Twin, rng: Rng) -> Fault | None:
    def change(spec: Any) -> bool:
        values = list(spec.attributes["faceVertexIndices"].default)
        values[int(rng.integers(len(values)))] = int(pick(rng, [8, 99, 2**31 - 1, -1]))
        spec.attributes["faceVertexIndices"].default = values
        return True

    path = _mesh(twin, rng, change)
    return path and Fault(
        "mesh_index_out_of_range", path, frozenset({"mesh.index-range", "mesh.topology"}), (path,)
    )


@operator
def mesh_counts_wrong(twin: Twin, rng: Rng) -> Fault | None:
    def change(spec: Any) -> bool:
        counts = list(spec.attributes["faceVertexCounts"].default)
        spec.attributes["faceVertexCounts"].default = pick(
            rng, [[*counts, 4], counts[:-1], [*counts[:-1], 40]]
        )
        return True

    path = _mesh(twin, rng, change)
    return path and Fault("mesh_counts_wrong", path, frozenset({"mesh.counts", "mesh.topology"}), (path,))


@operator
def mesh_points_not_finite(twin: Twin, rng: Rng) -> Fault | None:
    def change(spec: Any) -> bool:
        from pxr import Gf

        points = list(spec.attributes["points"].default)
        points[int(rng.integers(len(points)))] = Gf.Vec3f(
            float(pick(rng, [float("nan"), float("inf")])), 0, 0
        )
        spec.attributes["points"].default = points
        return True

    path = _mesh(twin, rng, change)
    return path and Fault("mesh_points_not_finite", path, frozenset({"mesh.not-finite"}), (path,))
