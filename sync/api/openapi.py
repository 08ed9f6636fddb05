"""The table of operations as an OpenAPI 3.1 document."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from twinstage.sync.api.examples import example_of
from twinstage.sync.api.operation import Error, Operation
from twinstage.sync.api.table import OPERATIONS

Json = dict[str, Any]
VERSION = "1.0.0"
"""Of the API: the first number is that in the paths; the second grows when something is added."""

_ABOUT = """What a running twin answers over HTTP. Over gRPC, `serve --grpc-port` answers the same questions; commands are
over HTTP and the websocket alone.

- JSON with names in camel case; fields may be added, so ignore those that you do not know.
- Values are in SI, lengths in metres, Z up, matrices for column vectors, quaternions w, x, y, z.
- Times are ISO 8601 in UTC and, exactly, nanoseconds since 1970 as a text of digits (`...Ns`).
- Listings come in pages: `next` of one is `after` of the next.
- Errors are `{"error": "one sentence"}`. A parameter that there is not is an error, too.
- `x-role` is the least role that may ask: anyone, viewer, operator, engineer.

Changes are not polled for: `GET /ws` (subprotocol `twin.v1`, docs/protocol.md) streams them."""

_TAGS = {
    "Prims": "What the stage consists of, and where it is.",
    "Values": "Signals now.",
    "History": "Signals as they were.",
    "Alarms": "In the words of ISA-18.2 (docs/alarms.md).",
    "Bindings": "What moves what.",
    "Asset records": "What a CMDB or ERP says.",
    "Catalogue": "Assets that can be placed (docs/catalogue.md).",
    "Datasets": "Labelled training data that was made.",
    "Preview": "A recipe before a dataset is made of it.",
    "Edits": "What people change (docs/commands.md).",
    "Scene": "What viewers load, and the stage as files.",
    "Cameras": "Pictures of the running twin.",
    "Playback": "A recording that is played (docs/recording.md).",
    "Server": "Health, figures, this document.",
    "Session": "Who asks, where the server asks for tokens (docs/access.md).",
}
_MEANS = {
    400: "a parameter is wrong",
    401: "a token is needed",
    403: "who asks may not do this",
    404: "there is no such thing",
    409: "this cannot be done now",
    413: "too large",
    415: "the body is no JSON",
    422: "what is asked is wrong",
    429: "too often; ask again later",
    503: "not now; ask again",
}


def document() -> Json:
    """The document, as plain data."""
    schemas, refs = _schemas()
    paths: Json = {}
    for operation in OPERATIONS:
        for number, path in enumerate(operation.paths):
            paths.setdefault(plain_path(path), {})[operation.method.lower()] = _operation(
                operation, number, schemas, refs
            )
    used = {op.tag for op in OPERATIONS}
    asks = {op.asks.__name__ for op in OPERATIONS}  # their fields are the parameters
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Twinstage",
            "version": VERSION,
            "summary": "A live twin: its prims, values, history, alarms, datasets.",
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items() if name in used],
        "paths": paths,
        "components": {
            "schemas": {name: s for name, s in schemas.items() if name not in asks},
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "`twinstage token create` makes one. Servers of this machine alone need none.",
                }
            },
        },
        "security": [{}, {"token": []}],
    }


@cache
def document_text() -> str:
    """The document, as JSON."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def plain_path(path: str) -> str:
    """A path as OpenAPI writes it."""
    return re.sub(r"\{(\w+):\w+\}", r"{\1}", path)


def _models() -> Iterator[tuple[type[BaseModel], str]]:
    yield Error, "serialization"
    for operation in OPERATIONS:
        yield operation.asks, "validation"
        if operation.body is not None:
            yield operation.body, "validation"
        if operation.answer is not None:
            yield operation.answer, "serialization"


def _schemas() -> tuple[Json, Any]:
    """Schemas by name, and the reference of each model."""
    models: Any = list(dict.fromkeys(_models()))
    refs, whole = models_json_schema(models, by_alias=True, ref_template="#/components/schemas/{model}")
    schemas: Json = whole["$defs"]
    bodies = {op.body.__name__ for op in OPERATIONS if op.body is not None}
    for name, schema in schemas.items():
        if name not in bodies and schema.get("additionalProperties") is False:
            del schema["additionalProperties"]  # of answers: fields may be added
        if "description" in schema:
            schema["description"] = " ".join(schema["description"].split())
    return schemas, refs


def _operation(operation: Operation, number: int, schemas: Json, refs: Any) -> Json:
    """`number`: 0 for its own path, 1 and more for aliases."""
    notes = [] if not number else [f"The same as `{plain_path(operation.path)}`."]
    out: Json = {
        "operationId": operation.id + (f"Alias{number}" if number else ""),
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": " ".join([*notes, operation.description]).strip() or operation.summary + ".",
        "x-role": operation.role,
        "parameters": list(_parameters(operation, schemas)),
        "responses": _responses(operation, refs, schemas),
    }
    if operation.role == "anyone":
        out["security"] = []
    if operation.body is not None:
        out["requestBody"] = {
            "required": True,
            "content": _content(refs[operation.body, "validation"], schemas),
        }
    return out


def _parameters(operation: Operation, schemas: Json) -> Iterator[Json]:
    schema = schemas[operation.asks.__name__]
    inside = re.findall(r"\{(\w+)(?::\w+)?\}", operation.path)
    for name, described in schema.get("properties", {}).items():
        told = dict(described)
        if told.get("anyOf", [{}])[-1] == {"type": "null"}:  # a parameter is there or not, and never null
            rest = [one for one in told.pop("anyOf") if one != {"type": "null"}]
            told = (rest[0] | told) if len(rest) == 1 else {"anyOf": rest, **told}
            if told.get("default", 0) is None:
                del told["default"]
        text, examples = told.pop("description", None), told.get("examples", [])
        told.pop("title", None)
        yield {
            "name": name,
            "in": "path" if name in inside else "query",
            "required": name in inside or name in schema.get("required", ()),
            "description": text or name,
            "schema": told,
            **({"example": examples[0]} if examples else {}),
        }


def _content(schema: Json, schemas: Json) -> Json:
    return {"application/json": {"schema": schema, "example": example_of(schema, schemas)}}


def _responses(operation: Operation, refs: Any, schemas: Json) -> Json:
    if operation.answer is not None:
        content = _content(refs[operation.answer, "serialization"], schemas)
    else:
        content = {kind: {"schema": _file(kind)} for kind in operation.media}
    out: Json = {"200": {"description": operation.summary, "content": content}}
    if not content:
        out = {"204": {"description": "Done."}}
    doors = () if operation.role == "anyone" else (401, 403)
    error = _content(refs[Error, "serialization"], schemas)
    asks_something = bool(operation.asks.model_fields or operation.body) and not operation.media
    for status in sorted({*operation.errors, *doors, *((422,) if asks_something else ())}):
        text = _MEANS[status]
        same = operation.id == "getReadiness"
        out[str(status)] = {"description": text, "content": content if same else error}
    return out


def _file(kind: str) -> Json:
    """Schema of content that is no JSON of a model."""
    if kind == "application/json":
        return {"type": "object"}
    return {"type": "string"} if kind.startswith(("text/", "application/", "model/vnd.usda")) else {}
