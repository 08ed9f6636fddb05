"""Commands -> the values that properties are to have. A refusal is a UserError, `Invalid` for a command that lacks something.

Edits of one transaction see those before them.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from twinstage.base.errors import UserError
from twinstage.live.commands.placing import (
    check_room,
    checked_name,
    checked_parent,
    free_name,
    name_of,
    names_below,
    place_value,
)
from twinstage.live.commands.wires import (
    PREFIX,
    REMOVED,
    checked_binding,
    known_key,
    new_key,
)
from twinstage.scene.columns import F8, PoseColumns
from twinstage.scene.transforms import compose_trs
from twinstage.scene.ui_layer import ASSET, LABELS, POSE, VARIANT, VISIBILITY, below
from twinstage.sync.api.commands import Command, Edit
from twinstage.sync.codec import snap_pose

if TYPE_CHECKING:
    from twinstage.live.commands.effects import Effects
    from twinstage.sync.commands.ledger import Ledger

_NEEDS = {
    "move": ("path",),
    "set": ("path", "property"),
    "visibility": ("path", "visible"),
    "variant": ("path", "variant_set", "variant"),
    "clear": ("path", "property"),
    "bind": ("binding",),
    "unbind": ("key",),
    "place": ("asset",),
    "remove": ("path",),
}
_WORDS = {"variant_set": "variantSet"}


class Invalid(UserError):
    """A command that lacks something, or says what does not belong there."""


class Orders:
    """Reads the edits of one transaction."""

    def __init__(self, effects: "Effects", ledger: "Ledger") -> None:
        self._effects = effects
        self._rules = effects.rules()
        self._standing = ledger.values()
        self.values: dict[tuple[str, str], Any] = {}

    def read(self, edits: Sequence[Edit | Command]) -> dict[tuple[str, str], Any]:
        """Values by property, None for a cleared one."""
        for edit in edits:
            missing = [name for name in _NEEDS[edit.kind] if getattr(edit, name) is None]
            if missing:
                word = _WORDS.get(missing[0], missing[0])
                raise Invalid(f"a command of kind {edit.kind} needs {word}")
            self._wait_for_placed(edit)
            getattr(self, f"_{edit.kind}")(edit)
        return self.values

    def _wait_for_placed(self, edit: Edit | Command) -> None:
        """UserError for an edit of what edits before it place: the scene has that prim only when all of them are done."""
        named = edit.parent if edit.kind == "place" and edit.path is None else edit.path
        if named is None or edit.kind in ("remove", "clear"):
            return
        for at, name in self.values:
            new = name == ASSET and self.values[at, name] is not None and (at, name) not in self._standing
            if new and below([named], at):
                raise UserError(
                    f"{at} is placed by the same transaction and is there only after it: give `place` its position, rotation "
                    "and label, and do the rest in the next command"
                )

    def _all(self) -> dict[tuple[str, str], Any]:
        return {**self._standing, **self.values}

    def _put(self, path: str, name: str, value: Any) -> None:
        if value is not None:
            complaint = self._effects.bound.complaint(path, name)
            if complaint:
                raise UserError(complaint)
        self.values[path, name] = value

    # ------------------------------------------------------------------ one kind each

    def _move(self, edit: Any) -> None:
        path = edit.path
        self._rules.prim(path)
        above = self._world_of_parent(path) if edit.frame == "world" else None
        t, q, s = self._rules.pose(
            path,
            self._local(path),
            above,
            position=edit.position,
            rotation=edit.rotation,
            scale=edit.scale,
        )
        index = np.zeros(1, np.uint32)
        snapped = snap_pose(PoseColumns(0, 0, index, t[None], q[None].astype(np.float32)))
        parts = (snapped.translation[0], snapped.rotation[0], s.astype(np.float32))
        self._put(path, POSE, [float(v) for part in parts for v in part])

    def _local(self, path: str) -> F8:
        pose = self.values.get((path, POSE))
        if pose is None:
            return self._effects.local(path)
        numbers = np.array(pose)[None]
        matrix: F8 = compose_trs(numbers[:, :3], numbers[:, 3:7], numbers[:, 7:])[0]
        return matrix

    def _world_of_parent(self, path: str) -> F8:
        out = np.eye(4)
        while not self._effects.in_world(path):
            path = path.rpartition("/")[0]
            out = self._local(path) @ out
        return out

    def _set(self, edit: Any) -> None:
        path, name = self._rules.place(edit.path, edit.property)
        if edit.value is None:
            raise Invalid("a command of kind set needs a value; clear takes an edit away")
        if name.startswith("xformOp:") and self._all().get((path, POSE)) is not None:
            raise UserError(f"{path} was moved as a whole; clear its pose to set {name}")
        self._put(path, name, self._rules.attribute(edit.path, name, edit.value, edit.value_type))

    def _visibility(self, edit: Any) -> None:
        self._put(edit.path, VISIBILITY, self._rules.visibility(edit.path, edit.visible))

    def _variant(self, edit: Any) -> None:
        value = self._rules.variant(edit.path, edit.variant_set, edit.variant)
        self._put(edit.path, f"{VARIANT}{edit.variant_set}", value)

    def _clear(self, edit: Any) -> None:
        path, name = self._rules.place(edit.path, edit.property)
        if name == ASSET:
            self._remove(edit)
            return
        if self._all().get((path, name)) is None:
            raise UserError(f"there is no edit of {name} of {path}")
        self.values[path, name] = None

    def _place(self, edit: Any) -> None:
        if edit.path is not None and (edit.parent is not None or edit.name is not None):
            raise Invalid("a command of kind place takes a path, or a parent and a name, not both")
        parent, wanted = edit.parent, edit.name
        if edit.path is not None:
            above, _, wanted = edit.path.rpartition("/")
            parent = above or "/"
        effects = self._effects
        asset = effects.asset(edit.asset)
        parent = checked_parent(effects.opened, effects.snapshot, parent)
        standing = self._all()
        check_room(asset, [found for found in effects.placed(standing) if found is not None])
        edited = {path for path, _ in standing if path}
        name = free_name(
            name_of(asset) if wanted is None else checked_name(wanted),
            names_below(effects.opened, parent, edited),
        )
        path = f"{'' if parent == '/' else parent}/{name}"
        world = self._world_of_parent(path) if edit.frame == "world" and parent != "/" else None
        self.values[path, ASSET] = place_value(
            asset, path, world, effects.world, position=edit.position, rotation=edit.rotation
        )
        if edit.label is not None:
            self.values[path, f"{LABELS}class"] = [edit.label]

    def _remove(self, edit: Any) -> None:
        path, standing = edit.path, self._all()
        if standing.get((path, ASSET)) is None:
            raise UserError(f"{path} was not placed by hand, so it cannot be removed; hide it instead")
        bound = below(self._effects.bound.signals, path)
        if bound:
            raise UserError(f"{bound[0]} is driven by a binding; unbind it to remove {path}")
        for at, name in standing:
            if below([at], path) and standing[at, name] is not None:
                self.values[at, name] = None

    def _bind(self, edit: Any) -> None:
        file = self._wired()
        data, values = checked_binding(edit.binding), self._all()
        key = new_key(file, values, data) if edit.key is None else edit.key
        if edit.key is not None and key.isdecimal():
            known_key(file, values, key)
        self.values["", PREFIX + key] = data

    def _unbind(self, edit: Any) -> None:
        file = self._wired()
        key = known_key(file, self._all(), edit.key)
        of_file = key.isdecimal() and int(key) < len(file.bindings)
        self.values["", PREFIX + key] = REMOVED if of_file else None

    def _wired(self) -> Any:
        if self._effects.file is None:
            raise UserError("this twin has no telemetry to bind; `twinstage serve --bindings` connects some")
        return self._effects.file
