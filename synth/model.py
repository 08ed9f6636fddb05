"""The base of all configuration models here: frozen, nothing unknown, and a near miss for a mistyped field."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

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
                    hint = did_you_mean(str(key), known)
                    message = f"unknown field {str(key)!r}{hint}".replace("{", "(").replace("}", ")")
                    raise PydanticCustomError("unknown_field", message)
        return data
