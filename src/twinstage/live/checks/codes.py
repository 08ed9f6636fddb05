"""Codes of what `doctor` finds in telemetry, motion and looks. `scene.problems` holds those of single bindings."""

from twinstage.base.finding import Finding
from twinstage.scene.problems import RULES, Rule

CODES: dict[str, Rule] = {
    "twin.files": Rule("error", "A file of the twin cannot be read at all.", "correct what the sentence names"),
    "contract.file": Rule("error", "The contract cannot be read.", "correct the line that is named"),
    "source.kind": Rule("error", "No source of that kind is known.", "correct the uri"),
    "source.missing": Rule("error", "The file of a source does not exist or is empty.", "correct the uri, or add the file"),
    "source.columns": Rule(
        "error", "The file lacks columns that the contract names.", "correct `field`, `columns` or the time column"
    ),
    "source.rejected": Rule(
        "warning", "Many rows or values of a source cannot be read.", "correct the reader; `serve --quarantine` shows each row"
    ),
    "source.unread": Rule("error", "No value at all can be read from a source.", "correct the reader of that source"),
    "source.lateness": Rule(
        "warning", "`lateness` or `idle_after` holds readings back far longer than the source needs.",
        "set `lateness` to a few periods, and `idle_after` above it",
    ),
    "signal.silent": Rule("warning", "The recording never mentions a signal.", "correct `field`, `record` or `where`"),
    "signal.range": Rule(
        "warning", "Many values lie outside the declared range, so they are refused.", "correct `range` or `unit` of the signal"
    ),
    "signal.period": Rule("warning", "`period` is not that of the recording.", "declare the period that was observed"),
    "signal.max-age": Rule(
        "warning", "Values are stale before the next one can come.", "make `max_age` a few times the period"
    ),
    "signal.unbound": Rule("info", "A signal of the contract moves nothing.", "bind it, or drop it from the contract"),
    "limits.sign": Rule("warning", "A joint leaves its limits, and would not with the other sign.", "change `sign`"),
    "limits.scale": Rule(
        "warning", "A joint's values and its limits differ by a factor of units.", "correct `unit` of the signal"
    ),
    "limits.offset": Rule("warning", "A joint leaves its limits, and would not without its offset.", "correct `offset`"),
    "limits.exceeded": Rule(
        "warning", "A joint leaves its limits.", "compare sign, offset, unit and coupling with the controller's"
    ),
    "limits.invalid": Rule("error", "A joint's lower limit lies above its upper one.", "swap the two limits"),
    "joint.frames": Rule(
        "warning", "The two frames of a joint do not meet at the authored pose.",
        "correct body0, body1, localPos or localRot; the joint turns about the frame on body1",
    ),
    "range.bounds": Rule("warning", "A prim is moved far out of the stage.", "check frame, unit and origin of the signals"),
    "range.scale": Rule(
        "warning", "A prim's positions and the stage differ by a factor of units.",
        "correct `unit` of the signals, or metersPerUnit of the stage",
    ),
    "axis.swap": Rule(
        "warning", "Positions leave the stage as they are bound, and fit with other axes.", "exchange the signals of the axes"
    ),
    "axis.name": Rule(
        "warning", "A signal named after one axis drives another one.", "exchange the signals, or the names if they are wrong"
    ),
    "axis.handedness": Rule(
        "warning", "Two axes are exchanged without a change of sign, which mirrors the motion.", "give one of them a minus"
    ),
    "style.range": Rule(
        "warning", "All values lie on one side of the colour map, so no colour changes.", "correct the stops or their `unit`"
    ),
    "switch.range": Rule("warning", "The threshold is never crossed.", "correct `threshold` or `unit`"),
    "label.range": Rule("warning", "All values lie below the first step of the labels.", "correct the steps or their `unit`"),
    "stage.metrics": Rule(
        "warning", "A layer has other units or another up axis than the stage, which USD does not convert.",
        "scale or turn the prim that references it, or correct the metadata",
    ),
    "stage.size": Rule("warning", "The stage is implausibly small or large.", "correct metersPerUnit"),
    "stage.ground": Rule(
        "warning", "The scene stands on the ground along another axis than the up axis.", "correct upAxis"
    ),
}  # fmt: skip
"""Every code of this folder."""


def finding(code: str, path: str, message: str, fix: str = "") -> Finding:
    """A finding of one of these codes, with the code's severity and advice."""
    rule = CODES.get(code) or RULES[code]
    return Finding(code, rule.severity, path, message, fix or rule.fix)
