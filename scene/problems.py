"""Why a binding cannot hold: a UserError with a stable code, so that `doctor` can list, sort and explain it."""

from dataclasses import dataclass

from twinstage.base.errors import UserError
from twinstage.base.finding import Finding, Severity


@dataclass(frozen=True, slots=True)
class Rule:
    """What a code means and what to do about it. `severity` is that of a finding of this code."""

    severity: Severity
    meaning: str
    fix: str


RULES: dict[str, Rule] = {
    "binding.file": Rule(
        "error", "The bindings cannot be read: a wrong field, kind, value or YAML.", "correct the line that is named"
    ),
    "binding.origin": Rule(
        "error",
        "A latitude and longitude without the origin that they are metres from.",
        "author twin:origin on the default prim, or give origin",
    ),
    "binding.prim": Rule(
        "error", "A prim, frame or candidate does not exist.", "correct the path; `twinstage bind suggest` lists targets"
    ),
    "binding.pattern": Rule(
        "error", "A pattern or a list of candidates matches no prim.", "compare the pattern with the paths of the stage"
    ),
    "binding.type": Rule(
        "error", "The prim is of a type that this kind of binding cannot drive.",
        "bind a prim of the right type, or use another kind of binding",
    ),
    "binding.style-nothing": Rule(
        "error", "A style is bound where nothing is drawn, so no colour would be seen.", "bind the prim that holds the meshes"
    ),
    "binding.attribute": Rule(
        "error", "The attribute does not exist, or its type is not a number.",
        "correct the name, or use a `twin:` attribute, which is created",
    ),
    "binding.joint": Rule(
        "error", "A joint names no moving body, or one that does not exist.", "set physics:body1 to the prim that moves"
    ),
    "binding.axis": Rule(
        "error", "An axis is missing, has no length, or cannot be given here.", "give axis as X, Y, Z or a vector"
    ),
    "binding.signal": Rule("error", "A signal is not in the contract.", "correct the id, or add the signal to the contract"),
    "binding.signal-type": Rule(
        "error", "A signal's type does not fit what it drives.", "declare the type in the contract, or bind another signal"
    ),
    "binding.unit": Rule(
        "error", "A signal's unit measures something else than what it drives.",
        "correct `unit` of the signal in the contract, or bind another signal",
    ),
    "binding.unitless": Rule(
        "error", "A length or an angle comes from a signal without a unit.",
        "declare `unit` of the signal in the contract, such as mm or deg",
    ),
    "binding.expression": Rule("error", "An expression cannot be read.", "see docs/files.md for what expressions may hold"),
    "binding.duplicate": Rule("error", "Two bindings drive the same thing.", "keep one of them"),
    "binding.cycle": Rule("error", "Frames follow each other in a circle.", "choose another frame for one of them"),
    "binding.shear": Rule(
        "error", "The authored pose is sheared, or a turn would shear it.",
        "move the scale to the prims below the one that moves"
    ),
    "binding.point": Rule("error", "A PointInstancer has no point with that id.", "use one of the ids it has"),
    "binding.label-map": Rule(
        "error", "A label map names a value that the signal cannot have.", "use the enum's names, or numbers"
    ),
    "binding.entity": Rule(
        "error", "An entity binding has no slots, too many, or a prototype that cannot be repeated.",
        "open the stage with these bindings, and keep prototype and parent apart",
    ),
    "binding.instance": Rule(
        "info", "A native instance was made editable, because a prim below it is bound.",
        "nothing; bind the instance itself to keep it shared"
    ),
    "binding.stored": Rule(
        "error", "A binding stored in the stage (`twin:binding:...`) cannot be read.", "write it with `twinstage bind export`"
    ),
}  # fmt: skip
"""Every code that a binding can fail with."""


class BindingProblem(UserError):
    """A binding that cannot hold.

    Attributes:
        code: a key of `RULES`.
        where: file, line, kind and prim.
        complaint: the sentence without `where`.
        node: the node whose binding is to blame, or -1.
    """

    def __init__(self, code: str, where: str, complaint: str, node: int = -1) -> None:
        super().__init__(f"{where}: {complaint}")
        self.code = code
        self.where = where
        self.complaint = complaint
        self.node = node


def as_finding(error: UserError, path: str = "", code: str = "binding.file") -> Finding:
    """A finding of it; `path`: the prim it is about; `code`: for errors that carry none."""
    code = error.code if isinstance(error, BindingProblem) else code
    rule = RULES[code]
    return Finding(code, rule.severity, path, str(error), rule.fix)
