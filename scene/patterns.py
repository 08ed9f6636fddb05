"""Bindings by rule: one with a `pattern` becomes one for each prim path that matches, its placeholders filled in."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from twinstage.scene.bindings import MODELS, Bindings, EntityBinding, InstanceBinding, _Binding
from twinstage.scene.problems import BindingProblem
from twinstage.scene.snapshot import Snapshot

_PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")


def path_regex(pattern: str) -> "re.Pattern[str]":
    """A pattern of prim paths: `{name}` captures and `*` passes over characters within one part of the path."""
    out, seen = "", set()
    for piece in re.split(r"(\{[A-Za-z_]\w*\}|\*)", pattern):
        if piece == "*":
            out += "[^/]*"
        elif piece.startswith("{") and piece.endswith("}"):
            name = piece[1:-1]
            out += f"(?P={name})" if name in seen else f"(?P<{name}>[^/]+?)"
            seen.add(name)
        else:
            out += re.escape(piece)
    return re.compile(out)


def match_paths(pattern: str, paths: Iterable[str]) -> list[str]:
    """The paths that match, in their order."""
    regex = path_regex(pattern)
    return [path for path in paths if regex.fullmatch(path)]


def expand(bindings: Bindings, snapshot: Snapshot) -> list[tuple[str, Any]]:
    """All bindings with a prim each, and where each one is written.

    Raises UserError for a pattern that matches no prim.
    """
    return [row for number in range(len(bindings.bindings)) for row in expand_one(bindings, number, snapshot)]


def expand_one(bindings: Bindings, number: int, snapshot: Snapshot) -> list[tuple[str, Any]]:
    """The same for one binding of the file."""
    binding, where = bindings.bindings[number], bindings.where(number)
    found: Sequence[_Binding] = (
        [binding] if binding.pattern is None else _expand_pattern(binding, where, snapshot)
    )
    out: list[tuple[str, Any]] = []
    for one in found:
        ids = _expand_ids(one, where, snapshot) if isinstance(one, InstanceBinding) else [one]
        out += [(where, b) for b in ids]
    return out


def one_channel(binding: EntityBinding, name: str) -> EntityBinding:
    """The binding of that channel alone, `{n}` filled in."""
    data = _fill(binding.model_dump(exclude_unset=True), {"n": name})
    return EntityBinding.model_validate({**data, "channels": [name]})


def _expand_pattern(binding: _Binding, where: str, snapshot: Snapshot) -> list[_Binding]:
    assert binding.pattern is not None
    regex = path_regex(binding.pattern)
    found = []
    data = binding.model_dump(exclude={"pattern", "prim"}, exclude_unset=True)
    for path in snapshot.prims.path:
        match = regex.fullmatch(path)
        if match:
            found.append(_rebuild(binding, {**_fill(data, match.groupdict()), "prim": path}))
    if not found:
        raise BindingProblem(
            "binding.pattern", where, f"the pattern {binding.pattern!r} matches no prim of the stage"
        )
    return found


def _expand_ids(binding: InstanceBinding, where: str, snapshot: Snapshot) -> list[_Binding]:
    """One binding an id, `{id}` filled in."""
    if binding.id == "all":
        prim = snapshot.prims.index_of.get(binding.prim or "", -1)
        ids = snapshot.points.point_id[snapshot.points.instancer == prim].tolist()
    else:
        ids = list(binding.id) if isinstance(binding.id, tuple) else [binding.id]
    data = binding.model_dump(exclude={"id"}, exclude_unset=True)
    return [_rebuild(binding, {**_fill(data, {"id": str(point)}), "id": point}) for point in ids]


def _rebuild(binding: _Binding, data: dict[str, Any]) -> _Binding:
    kind: str = getattr(binding, "kind")  # noqa: B009
    made: _Binding = MODELS[kind].model_validate(data)
    return made


def _fill(value: Any, names: dict[str, str]) -> Any:
    """Texts, also those in lists and as keys, with their placeholders replaced; unknown ones stay."""
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda m: names.get(m.group(1), m.group(0)), value)
    if isinstance(value, dict):
        return {_fill(k, names): _fill(v, names) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_fill(v, names) for v in value)
    return value
