"""Examples made of a JSON Schema: what its models say, else something plausible for each type."""

from typing import Any

Json = dict[str, Any]


def example_of(schema: Json, schemas: Json, depth: int = 0) -> Any:
    """One value that the schema takes; `schemas`: those that it refers to, by name."""
    if "$ref" in schema:
        found = schemas[schema["$ref"].rpartition("/")[2]]
        return example_of({**found, **{k: v for k, v in schema.items() if k == "examples"}}, schemas, depth)
    if schema.get("examples"):
        return schema["examples"][0]
    for key in ("const", "default"):
        if key in schema and schema[key] is not None:
            return schema[key]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0], schemas, depth)
    return _by_type(schema, schemas, depth)


def _by_type(schema: Json, schemas: Json, depth: int) -> Any:
    kind = schema.get("type")
    if kind == "object":
        return {
            name: example_of(one, schemas, depth + 1) for name, one in schema.get("properties", {}).items()
        }
    if kind == "array":
        if "prefixItems" in schema:
            return [example_of(one, schemas, depth + 1) for one in schema["prefixItems"]]
        items = schema.get("items", {})
        return [example_of(items, schemas, depth + 1)] if depth < 4 else []
    if kind == "string":
        return "text"
    return {"integer": schema.get("minimum", 0), "number": 0.5, "boolean": True}.get(str(kind))
