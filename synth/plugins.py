"""Lists of plug-ins in a recipe: each item's `kind` is looked up in a registry, and the item validated by that class."""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.json_schema import models_json_schema
from pydantic_core import PydanticCustomError

from twinstage.base.errors import UserError
from twinstage.base.registry import Registry
from twinstage.synth.complaints import sentence


def validate_plugin(registry: Registry[Any]) -> Callable[[Any], Any]:
    """A pydantic validator from `{kind: ..., ...}` to an instance of the registered class of that kind."""

    def validate(data: Any) -> Any:
        if isinstance(data, BaseModel):
            return data
        if not isinstance(data, dict) or not isinstance(data.get("kind"), str):
            known = ", ".join(registry.kinds())
            raise PydanticCustomError(
                "plugin", "a {noun} needs a kind, one of: {known}", {"noun": registry.noun, "known": known}
            )
        try:
            return registry.get(data["kind"]).model_validate(data)
        except UserError as error:
            raise PydanticCustomError("plugin", "{text}", {"text": str(error)}) from None
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise PydanticCustomError(
                first["type"] if first["type"] in ("missing", "unknown_field") else "plugin",
                "{text}",
                {"text": sentence(first), "loc": (*first["loc"], *_inner_loc(first))},
            ) from None

    return validate


def _inner_loc(error: Any) -> tuple[Any, ...]:
    return tuple(error.get("ctx", {}).get("loc", ()))


def plugin_schemas(registry: Registry[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The JSON Schema of one item of that list, and the definitions it refers to."""
    classes = list(registry)
    refs, schema = models_json_schema(
        [(cls, "validation") for cls in classes], ref_template="#/$defs/{model}"
    )
    definitions: dict[str, Any] = _with_single_words(schema.get("$defs", {}))
    return {"oneOf": [refs[(cls, "validation")] for cls in classes]}, definitions


def _with_single_words(schema: Any) -> Any:
    """The schema with one word allowed wherever a list of words is: plug-ins read `prims: /A` as `prims: [/A]`."""
    if isinstance(schema, dict):
        schema = {key: _with_single_words(value) for key, value in schema.items()}
        words = schema.get("type") == "array" and (schema.get("items") or {}).get("type") == "string"
        return {"anyOf": [{"type": "string"}, schema]} if words else schema
    return [_with_single_words(item) for item in schema] if isinstance(schema, list) else schema
