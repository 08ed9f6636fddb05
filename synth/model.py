"""The base of all configuration models here: frozen, nothing unknown, and a near miss for a mistyped field."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Literal, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticCustomError

from twinstage.base.errors import did_you_mean


class Model(BaseModel):
    """A frozen pydantic model that refuses unknown fields and says which one was probably meant."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _known_fields(cls, data: Any) -> Any:
        if isinstance(data, dict):
            known = {field.alias or name: field for name, field in cls.model_fields.items()}
            for key in data:
                if key not in cls.model_fields and key not in known:
                    raise unknown_field(key, known)
            refuse_odd_numbers(data, known | cls.model_fields)
        return data


LARGEST = 1e15
"""Numbers with a fraction beyond it are a mistake: no scene is so large, and 32-bit floats would overflow."""


def refuse_odd_numbers(data: Mapping[Any, Any], fields: Mapping[str, FieldInfo]) -> None:
    """Raise pydantic's error for numbers that no field means: too large ones, and true where it would be read as 1."""
    for key, value in data.items():
        if key in fields:
            annotation: Any = fields[key].annotation
            types = _types_in(annotation)
            _refuse_odd(value, (key,), booleans=not types & {bool, Any}, inside=dict in types)


def _refuse_odd(value: Any, loc: tuple[Any, ...], *, booleans: bool, inside: bool) -> None:
    """`booleans`: they are odd, too; `inside`: mappings are plain ones, no models that look at their fields by themselves."""
    if isinstance(value, list | tuple) or (inside and isinstance(value, dict)):
        for place, item in value.items() if isinstance(value, dict) else enumerate(value):
            _refuse_odd(item, (*loc, place), booleans=booleans, inside=inside)
    elif isinstance(value, bool) and booleans:
        raise wrong(f"{'true' if value else 'false'} is given, which is no value of this field", *loc)
    elif isinstance(value, float) and abs(value) > LARGEST:
        raise wrong(f"is {value:g}; expected a number within +-{LARGEST:g}", *loc)


@lru_cache(maxsize=4096)
def _types_in(annotation: Any) -> frozenset[Any]:
    """The plain types that an annotation is made of; dict itself where it is one of numbers or texts."""
    inner, origin = get_args(annotation), get_origin(annotation)
    if origin is Literal:
        return frozenset(type(value) for value in inner)
    found = frozenset[Any]().union(*map(_types_in, inner)) if inner else frozenset({annotation})
    models = any(isinstance(one, type) and issubclass(one, BaseModel) for one in found)
    return found | {dict} if origin is dict and not models else found


class SomeFields(Model):
    """A model of which at least one field has to be given: without any it would do nothing, and say nothing."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        names = list(type(self).model_fields)
        if all(getattr(self, name) is None for name in names):
            raise ValueError(f"is empty; give {', '.join(names[:-1])} or {names[-1]}")
        return self


class AlsoWritten:
    """An annotation for fields whose validator reads shorthands: JSON Schemas of what else may be written there."""

    def __init__(self, *schemas: dict[str, Any]) -> None:
        self.schemas = schemas

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [*self.schemas, handler(core)]}


def unknown_field(key: Any, known: Iterable[str]) -> PydanticCustomError:
    """The complaint about a field that a model does not have."""
    return wrong(f"unknown field {str(key)!r}{did_you_mean(str(key), known)}", key, kind="unknown_field")


def wrong(message: str, *loc: Any, kind: str = "wrong") -> PydanticCustomError:
    """A complaint of a validator about a part of what it got; `loc`: where that is. Parts that the data does not have are
    skipped, so both a name and an index may be given."""
    return PydanticCustomError(kind, "{text}", {"text": message, "loc": loc})
