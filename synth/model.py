"""The base of all configuration models here: frozen, nothing unknown, and a near miss for a mistyped field."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
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
            known = {field.alias or name for name, field in cls.model_fields.items()}
            for key in data:
                if key not in cls.model_fields and key not in known:
                    raise unknown_field(key, known)
        return data


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
