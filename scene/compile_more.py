"""What the compiler needs for entity and label bindings: requests, and their folding."""

from dataclasses import dataclass

import numpy as np

from twinstage.base.errors import did_you_mean
from twinstage.scene.bindings import LabelBinding
from twinstage.scene.compile_poses import PoseRequest, Scene, pose_mover, uses_of
from twinstage.scene.entities import EntityPool
from twinstage.scene.inputs import InputCompiler
from twinstage.scene.live_labels import LabelMap, LabelSlot, LiveLabels
from twinstage.scene.poses import Drives
from twinstage.scene.problems import BindingProblem
from twinstage.scene.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel of an entity binding: the input row of its id, and where it places what it sees."""

    id: int
    pose: PoseRequest


@dataclass(frozen=True, slots=True)
class EntityRequest:
    """Nodes and paths of the copies, and the channels."""

    nodes: tuple[int, ...]
    slots: tuple[str, ...]
    channels: tuple[Channel, ...]


@dataclass(frozen=True, slots=True)
class LabelRequest:
    """One label binding: its input row, the slot and how it chooses."""

    value: int
    slot: LabelSlot
    map: LabelMap


def build_pools(
    requests: list[EntityRequest], snapshot: Snapshot, inputs: InputCompiler, first_attribute: int
) -> tuple[EntityPool, ...]:
    """The pools; their ids are written as attributes numbered from `first_attribute`."""
    scene = Scene(snapshot)
    pools = []
    for request in requests:
        count = len(request.nodes)
        poses = [channel.pose for channel in request.channels]
        pools.append(
            EntityPool(
                slots=np.array(request.nodes, np.int64),
                attributes=np.arange(first_attribute, first_attribute + count),
                ids=np.array([channel.id for channel in request.channels], np.int64),
                pose=pose_mover(scene, poses),
                drives=Drives.of([uses_of(inputs, pose) for pose in poses]),
                id_drives=Drives.of([inputs.uses(channel.id) for channel in request.channels]),
            )
        )
        first_attribute += count
    return tuple(pools)


def build_labels(requests: list[LabelRequest], drives: Drives) -> LiveLabels:
    """All label bindings, folded."""
    return LiveLabels(
        tuple(r.slot for r in requests),
        np.array([r.value for r in requests], np.int64),
        tuple(r.map for r in requests),
        drives,
    )


def label_map(
    where: str, b: LabelBinding, path: str, kind: str, codes: dict[str, int]
) -> tuple[LabelSlot, LabelMap]:
    """The labels of a binding, and which value means which. Raises BindingProblem for a value that the signal cannot have."""
    if isinstance(b.labels, dict):
        pairs = sorted((float(_code(where, name, kind, codes)), label) for name, label in b.labels.items())
        if len({value for value, _ in pairs}) < len(pairs):
            raise BindingProblem("binding.label-map", where, "two names of the label map mean the same value")
    else:
        if kind in ("bool", "enum"):
            raise BindingProblem(
                "binding.label-map",
                where,
                f"its signal is of type {kind}, so labels is a map and not a list of steps",
            )
        pairs = list(b.labels)
    labels = tuple(dict.fromkeys(label for _, label in pairs))
    steps = not isinstance(b.labels, dict)
    # Every step has its own entry, so that hysteresis knows which step holds, even where two give the same label.
    names = tuple(label for _, label in pairs) if steps else labels
    index = np.arange(len(pairs)) if steps else np.array([labels.index(label) for _, label in pairs])
    values = np.array([value for value, _ in pairs])
    return LabelSlot(path, b.taxonomy, names), LabelMap(values, index.astype(np.int64), steps, b.hysteresis)


def _code(where: str, name: str, kind: str, codes: dict[str, int]) -> int:
    if kind == "enum":
        if name in codes:
            return codes[name]
        if not name.lstrip("-").isdigit() or int(name) not in codes.values():
            raise BindingProblem(
                "binding.label-map",
                where,
                f"the label map names {name!r}, which the signal cannot be{did_you_mean(name, codes)}",
            )
        return int(name)
    if kind == "bool" and name in ("true", "false", "0", "1"):
        return int(name in ("true", "1"))
    if kind == "bool" or not name.lstrip("-").isdigit():
        expected = "true or false" if kind == "bool" else "a whole number"
        raise BindingProblem("binding.label-map", where, f"the label map names {name!r}; expected {expected}")
    return int(name)
