"""A recipe -> every number that it draws: which randomizer and field, which distribution, how a recipe file writes it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from twinstage.synth.distributions import (
    Choice,
    Conditional,
    Constant,
    Copula,
    Halton,
    Integers,
    Linear,
    LogUniform,
    Normal,
    NumberSource,
    Sequence,
    Sobol,
    Uniform,
)
from twinstage.synth.randomizers import Randomizer
from twinstage.synth.recipe import Recipe

PARAMETERS: dict[type[NumberSource], tuple[str, ...]] = {
    Constant: ("value",),
    Uniform: ("low", "high"),
    LogUniform: ("low", "high"),
    Integers: ("low", "high"),
    Halton: ("low", "high"),
    Sobol: ("low", "high"),
    Normal: ("mean", "std", "low", "high"),
    Linear: ("slope", "offset", "noise", "low", "high"),
    Copula: ("rho",),
}
"""Numbers of a distribution that can be turned one by one."""

_NOT_DRAWN = ("kind", "name", "when")


@dataclass(frozen=True, slots=True)
class Range:
    """A number that is drawn. `path`: fields below the randomizer, as `--set` goes; `of`: what it depends on, if anything."""

    randomizer: str
    path: tuple[str, ...]
    source: NumberSource
    of: str = ""

    @property
    def id(self) -> str:
        """`lamps.intensity`."""
        return ".".join((self.randomizer, *self.path))

    @property
    def parameters(self) -> dict[str, float | None]:
        """Its numbers by name."""
        return {name: getattr(self.source, name) for name in PARAMETERS.get(type(self.source), ())}

    @property
    def form(self) -> dict[str, Any]:
        """The full form, which a recipe file may have, too."""
        return self.source.model_dump(mode="json", exclude_none=True)

    @property
    def written(self) -> str:
        """The short form, as people write it in YAML."""
        return shown(short_form(self.source))


def ranges_of(randomizer: Randomizer) -> list[Range]:
    """All numbers that a randomizer draws, in the order of its fields."""
    return list(_ranges(randomizer.name, (), randomizer))


def settings_of(randomizer: Randomizer) -> dict[str, str]:
    """What else a recipe says of it, as YAML: patterns, files, switches; what is as usual is left out."""
    data = randomizer.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    drawn = {found.path[0] for found in ranges_of(randomizer)}
    return {
        key: shown(value) for key, value in data.items() if key not in drawn and key not in ("kind", "name")
    }


def all_ranges(recipe: Recipe) -> list[Range]:
    """Of all randomizers, in order."""
    return [found for randomizer in recipe.randomize for found in ranges_of(randomizer)]


def _ranges(name: str, path: tuple[str, ...], value: Any) -> Iterator[Range]:
    if isinstance(value, NumberSource):
        yield Range(name, path, value, getattr(value, "of", "") or getattr(value, "condition", ""))
        return
    if isinstance(value, BaseModel):
        for field, info in type(value).model_fields.items():
            if path or field not in _NOT_DRAWN:
                yield from _ranges(name, (*path, info.alias or field), getattr(value, field))
    elif isinstance(value, tuple | list) and any(
        isinstance(item, NumberSource | BaseModel) for item in value
    ):
        for place, item in enumerate(value):
            yield from _ranges(name, (*path, str(place)), item)


def short_form(source: NumberSource) -> Any:
    """What a recipe file would hold: the shortest that means the same."""
    s: Any = source
    match source:
        case Constant():
            return _plain(s.value)
        case Uniform():
            return [_plain(s.low), _plain(s.high)]
        case LogUniform() | Integers():
            return {s.kind: [_plain(s.low), _plain(s.high)]}
        case Halton() | Sobol():
            more = {"base": s.base} if isinstance(s, Halton) else {"dimension": s.dimension}
            return {s.kind: [_plain(s.low), _plain(s.high)], **more}
        case Normal():
            return _normal(s)
        case Choice() if s.weights:
            return {"choice": {_plain(v): _plain(w) for v, w in zip(s.values, s.weights, strict=True)}}
        case Choice() | Sequence():
            every = {"every": s.every} if isinstance(s, Sequence) and s.every > 1 else {}
            return {s.kind: [_plain(v) for v in s.values], **every}
        case Conditional():
            return {"if": s.condition, "then": short_form(s.then), "else": short_form(s.otherwise)}
        case Copula():
            return {"kind": s.kind, "of": s.of, "rho": _plain(s.rho), "like": short_form(s.like)}
    return source.model_dump(mode="json", exclude_none=True, exclude_defaults=False)


def _normal(s: Normal) -> Any:
    if s.low is not None and s.high is not None:
        return {"truncated": [_plain(v) for v in (s.mean, s.std, s.low, s.high)]}
    ends = {name: _plain(v) for name, v in (("low", s.low), ("high", s.high)) if v is not None}
    return {"normal": [_plain(s.mean), _plain(s.std)], **ends}


def _plain(value: float) -> float | int:
    """3 for 3.0."""
    return int(value) if float(value).is_integer() and abs(value) < 1e15 else value


def shown(value: Any) -> str:
    """YAML on one line, as people write it: `{loguniform: [0.5, 2]}`."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{shown(key)}: {shown(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(shown, value)) + "]"
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int | float):
        return repr(value)
    text = str(value)
    plain = text.replace("_", "").replace(".", "").replace("/", "").isalnum() and not text[0].isdigit()
    return text if plain and text.lower() not in _YAML_WORDS else json.dumps(text, ensure_ascii=False)


_YAML_WORDS = ("true", "false", "yes", "no", "on", "off", "null", "y", "n")
