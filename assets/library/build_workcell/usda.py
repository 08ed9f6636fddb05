"""USD prims as text: a small tree that prints itself in the `usda` format."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

Vector = Sequence[float]
WIDTH = 116


def num(value: float, digits: int = 4) -> str:
    """A number with at most that many decimals and no needless zeros."""
    text = f"{float(value):.{digits}f}".rstrip("0").rstrip(".") if digits else f"{round(value)}"
    return "0" if text in ("-0", "") else text


def tup(values: Iterable[float], digits: int = 4) -> str:
    """`(1, 2.5, 3)`."""
    return "(" + ", ".join(num(v, digits) for v in values) + ")"


def tuples(rows: Iterable[Vector], digits: int = 4) -> str:
    """A wrapped array of tuples."""
    return _wrap(["(" + ",".join(num(v, digits) for v in row) + ")" for row in rows])


def numbers(values: Iterable[float], digits: int = 4) -> str:
    """A wrapped array of numbers."""
    return _wrap([num(v, digits) for v in values])


def strings(values: Iterable[str]) -> str:
    """`["a", "b"]`."""
    return "[" + ", ".join(f'"{v}"' for v in values) + "]"


def _wrap(items: list[str]) -> str:
    lines, line = [], ""
    for item in items:
        if line and len(line) + len(item) + 1 > WIDTH:
            lines.append(line)
            line = ""
        line += item + ","
    lines.append(line.rstrip(","))
    return "[" + lines[0] + "]" if len(lines) == 1 else "[\n" + "\n".join(lines) + "]"


@dataclass
class Prim:
    """One prim spec. `meta` and `props` are lines of usda; `variants` maps set -> variant -> a nameless prim."""

    name: str
    type: str = ""
    spec: str = "def"
    apis: list[str] = field(default_factory=list)
    meta: list[str] = field(default_factory=list)
    props: list[str] = field(default_factory=list)
    children: list["Prim"] = field(default_factory=list)
    variants: dict[str, dict[str, "Prim"]] = field(default_factory=dict)
    selection: dict[str, str] = field(default_factory=dict)
    comment: str = ""

    def add(self, *children: "Prim") -> "Prim":
        """Append children; returns self."""
        self.children.extend(children)
        return self

    def set(self, *lines: str) -> "Prim":
        """Append property lines; returns self."""
        self.props.extend(lines)
        return self

    def kind(self, kind: str) -> "Prim":
        """Author the model kind; returns self."""
        self.meta.append(f'kind = "{kind}"')
        return self

    def api(self, *names: str) -> "Prim":
        """Apply API schemas; returns self."""
        self.apis.extend(n for n in names if n not in self.apis)
        return self

    def label(self, *labels: str) -> "Prim":
        """Author class labels (UsdSemantics); returns self."""
        self.api("SemanticsLabelsAPI:class")
        return self.set(f"token[] semantics:labels:class = {strings(labels)}")

    def place(
        self,
        translate: Vector | None = None,
        rotate_z: float | None = None,
        rotate: Vector | None = None,
        orient: Vector | None = None,
        scale: Vector | None = None,
    ) -> "Prim":
        """Author transform ops in the usual order; angles in degrees, `orient` as wxyz; returns self."""
        ops = []
        if translate is not None:
            self.set(f"double3 xformOp:translate = {tup(translate)}")
            ops.append("xformOp:translate")
        if rotate_z is not None:
            self.set(f"double xformOp:rotateZ = {num(rotate_z)}")
            ops.append("xformOp:rotateZ")
        if rotate is not None:
            self.set(f"float3 xformOp:rotateXYZ = {tup(rotate)}")
            ops.append("xformOp:rotateXYZ")
        if orient is not None:
            self.set(f"quatf xformOp:orient = {tup(orient, 7)}")
            ops.append("xformOp:orient")
        if scale is not None:
            self.set(f"float3 xformOp:scale = {tup(scale)}")
            ops.append("xformOp:scale")
        return self.set(f"uniform token[] xformOpOrder = {strings(ops)}")

    def lines(self, depth: int = 0) -> list[str]:
        """The prim as lines of usda."""
        pad = "    " * depth
        out = [f"{pad}# {line}" for line in self.comment.splitlines()]
        out.append(
            pad + " ".join(filter(None, [self.spec, self.type, f'"{self.name}"'])) + self._metadata(pad)
        )
        return [*out, pad + "{", *self._body(depth + 1), pad + "}"]

    def _metadata(self, pad: str) -> str:
        meta = list(self.meta)
        if self.apis:
            meta.insert(0, f"prepend apiSchemas = {strings(self.apis)}")
        if self.selection:
            meta.append("variants = {")
            meta.extend(f'    string {name} = "{choice}"' for name, choice in self.selection.items())
            meta.append("}")
        if self.variants:
            meta.append(f"prepend variantSets = {strings(self.variants)}")
        return " (\n" + "".join(f"{pad}    {line}\n" for line in meta) + pad + ")" if meta else ""

    def _body(self, depth: int) -> list[str]:
        pad = "    " * depth
        out = [
            pad + line if i == 0 else line for prop in self.props for i, line in enumerate(prop.split("\n"))
        ]
        for name, choices in self.variants.items():
            out += ["", f'{pad}variantSet "{name}" = {{']
            for choice, body in choices.items():
                out += [f'{pad}    "{choice}" {{', *body._body(depth + 2), f"{pad}    }}"]
            out.append(pad + "}")
        for child in self.children:
            out += (["", *child.lines(depth)]) if out else child.lines(depth)
        return out


def xform(name: str, *children: Prim) -> Prim:
    """An Xform prim with those children."""
    return Prim(name, "Xform").add(*children)


def reference(name: str, asset: str, type_name: str = "Xform") -> Prim:
    """A prim that references the default prim of that file."""
    prim = Prim(name, type_name)
    prim.meta.append(f"prepend references = @./{asset}@")
    return prim


def over(name: str, *children: Prim) -> Prim:
    """An `over` on a prim that a reference brings in."""
    return Prim(name, spec="over").add(*children)


def layer(root: Prim, doc: str, extra: Sequence[str] = (), others: Sequence[Prim] = ()) -> str:
    """A whole file: metres, kilograms, Z-up, `root` as the default prim."""
    head = [
        "#usda 1.0",
        "(",
        f'    defaultPrim = "{root.name}"',
        f'    doc = """{doc}"""',
        "    kilogramsPerUnit = 1",
        "    metersPerUnit = 1",
        '    upAxis = "Z"',
        *(f"    {line}" for line in extra),
        ")",
        "",
    ]
    body: list[str] = []
    for prim in [root, *others]:
        body += [*prim.lines(), ""]
    return "\n".join(head + body)
