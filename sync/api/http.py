"""Operations as routes of the app: reads what is asked, calls, and answers with the model as JSON or with `error`."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, get_origin

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ValidationError

from twinstage.base.errors import UserError, did_you_mean
from twinstage.sync.api.calls import Call, Calls
from twinstage.sync.api.operation import MOST_BYTES, Model, Operation, Refused
from twinstage.sync.api.table import BY_ID

M = TypeVar("M", bound=Model)
_FRESH = {"cache-control": "no-store"}


def add_calls(app: FastAPI, calls: Calls) -> None:
    """Routes for all operations that someone answers."""
    for name, call in calls.items():
        add_call(app, BY_ID[name], call)


def add_call(app: FastAPI, operation: Operation, call: Call) -> None:
    """The routes of one operation."""

    async def endpoint(request: Request) -> Response:
        asked = asked_of(operation.asks, request.path_params, request.query_params.multi_items())
        if operation.body is None:
            return answered(operation, await called(call, asked))
        return answered(operation, await called(call, asked, await body_of(request, operation.body)))

    methods: list[str] = ["GET", "HEAD"] if operation.method == "GET" else [operation.method]
    for path in operation.paths:
        app.add_api_route(path, endpoint, methods=methods)


async def called(call: Call, *asked: Model) -> BaseModel:
    """The answer. Raises Refused, also for what is the caller's mistake."""
    try:
        return await call(*asked)
    except UserError as error:
        raise Refused(422, str(error)) from None


def answered(operation: Operation, answer: BaseModel) -> Response:
    """A model as JSON."""
    ready = getattr(answer, "ready", True)
    text = answer.model_dump_json(by_alias=True)
    return Response(text, status_code=200 if ready else 503, media_type="application/json", headers=_FRESH)


async def refused(request: Request, error: Exception) -> Response:
    """What a Refused looks like."""
    assert isinstance(error, Refused)
    again = {"retry-after": str(error.retry_after)} if error.retry_after else {}
    return JSONResponse(
        {"error": str(error), **error.more}, status_code=error.status, headers={**_FRESH, **again}
    )


def asked_of(model: type[M], names: Mapping[str, Any], query: Iterable[tuple[str, str]]) -> M:
    """What a path and a query ask. Raises Refused: 404 for a name in the path, 422 for anything in the query."""
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    data: dict[str, Any] = dict(names)
    for key, value in query:
        if key not in fields or key in names:
            raise Refused(
                422, f"there is no parameter {key!r}{did_you_mean(key, fields.keys() - names.keys())}"
            )
        if get_origin(fields[key].annotation) is tuple:
            data.setdefault(key, []).append(value)
        elif key in data:
            raise Refused(422, f"{key} is given twice")
        else:
            data[key] = value
    return valid(lambda: model.model_validate(data), missing=names)


async def body_of(request: Request, model: type[M]) -> M:
    """A JSON body of bounded size. Raises Refused: 413, 415, 422."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":  # also: no form of a foreign page can send this without asking first
        raise Refused(415, "the body must be application/json")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise Refused(413, f"the body is longer than {MOST_BYTES} bytes")
    return valid(lambda: model.model_validate_json(bytes(body)))


def valid(make: Callable[[], M], missing: Mapping[str, Any] | None = None) -> M:
    """What `make` gives; Refused with the first thing that is wrong. `missing`: fields for which that is a 404."""
    try:
        return make()
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"])) or "the body"
        status = 404 if missing and str(first["loc"][:1] and first["loc"][0]) in missing else 422
        raise Refused(status, f"{place}: {first['msg']}") from None
