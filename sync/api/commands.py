"""Changes by people: models and operations; `sync.edits` says who answers. The websocket's `command` has the same fields."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints

from twinstage.sync.api.alarms import Action, AlarmId, Comment, Person
from twinstage.sync.api.operation import Glob, Model, Operation, Utc

MOST_EDITS = 100
"""Edits of one transaction."""
MOST_SHOWN = 1000

Path = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"^/")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[\x21-\x7e]+$")]
AssetName = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Kind = Literal["move", "set", "visibility", "variant", "clear", "bind", "unbind", "place", "remove"]
Numbers = Annotated[tuple[float, ...], Field(max_length=7)]
Code = Literal["conflict", "refused", "invalid", "forbidden"]


class _Fields(Model):
    model_config = ConfigDict(allow_inf_nan=False)
    path: Path | None = Field(None, description="Of the prim.", examples=["/Cell/Table"])
    position: Numbers | None = Field(None, description="x, y, z [m]; of `move` and `place`.")
    rotation: Numbers | None = Field(None, description="w, x, y, z; of `move` and `place`.")
    scale: Numbers | None = Field(None, description="Along x, y, z; of `move`.")
    frame: Literal["parent", "world"] = Field(
        "parent", description="What a pose is in; of `move` and `place`."
    )
    property: Name | None = Field(
        None, description="Name in USD; of `set` and `clear`.", examples=["inputs:intensity"]
    )
    value: Any = Field(None, description="In SI; of `set`.")
    value_type: Name | None = Field(None, description="USD type of a new attribute; of `set`.")
    visible: bool | None = Field(None, description="Of `visibility`.")
    variant_set: Name | None = Field(None, description="Of `variant`.")
    variant: Annotated[str, Field(max_length=200)] | None = Field(None, description="Of `variant`.")
    key: Name | None = Field(
        None, description="Of a binding (docs/commands.md); of `unbind`, and of `bind` to change one."
    )
    binding: dict[str, Any] | None = Field(None, description="As in a bindings file; of `bind`.")
    asset: AssetName | None = Field(
        None, description="`LIBRARY/file`; of `place`.", examples=["starter/pump.usda"]
    )
    parent: Path | None = Field(
        None, description="Prim below which it is placed, null: the default prim; of `place`."
    )
    name: Name | None = Field(None, description="Of the new prim, null: the asset's; of `place`.")
    label: Name | None = Field(None, description="Semantic class of the new prim; of `place`.")


class Edit(_Fields):
    """One change of a transaction."""

    kind: Kind


class Command(_Fields):
    """What somebody wants: one change, several at once (`transaction`), to take back, or to answer alarms."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"id": "7f3a", "kind": "move", "base": 4, "path": "/Cell/Table", "position": [1.0, 0.5, 0.0]}
            ]
        }
    )
    id: Id = Field(description="Made by the client, never used again: what comes twice is done once.")
    kind: Kind | Literal["transaction", "undo", "redo", "alarm"]
    base: int | None = Field(
        None, ge=0, le=1 << 53, description="Version that the client knows; null: whatever there is."
    )
    edits: Annotated[tuple[Edit, ...], Field(max_length=MOST_EDITS)] = Field(
        (), description="Of `transaction`: all or nothing."
    )
    of: int | None = Field(None, ge=1, le=1 << 53, description="Version to take back, or to do again.")
    alarms: Annotated[tuple[AlarmId, ...], Field(max_length=MOST_EDITS)] = Field(
        (), description="Of `alarm`."
    )
    action: Action | None = Field(None, description="Of `alarm`.")
    by: Person | None = Field(None, description="Who it is, beside the token's name; of `alarm`.")
    comment: Comment = ""
    seconds: Annotated[float, Field(gt=0)] | None = Field(None, description="Of `alarm` with `shelve`.")


class Current(Model):
    """What stands in the way of a change."""

    path: str = Field(description="Of the prim; empty for a binding.")
    property: str
    value: Any = Field(description="Null where there is no edit of it.")
    version: int = Field(ge=0, description="In which it was changed last.")
    author: str = Field(description="Who changed it.")


class Answer(Model):
    """What became of a command."""

    id: str
    ok: bool
    version: int = Field(ge=0, description="Of the transaction; where nothing was changed, the newest.")
    undo: int = Field(default=0, ge=0, description="How many transactions the author can take back.")
    redo: int = Field(default=0, ge=0, description="How many of those taken back the author can do again.")
    kept: bool = Field(default=True, description="False: done, but the journal could not be written yet.")
    code: Code | None = None
    error: str | None = Field(default=None, description="One sentence; null where it was done.")
    current: Current | None = None
    placed: tuple[str, ...] = Field(default=(), description="Prims that it placed.")
    note: str | None = Field(
        default=None, description="What was made up for: units and axes of an asset; null for nothing."
    )


class EditsAsk(Model):
    """Which edits."""

    prim: Glob | None = Field(None, description="Pattern of paths: `*` in one part, `**` across.")
    limit: int = Field(MOST_SHOWN, ge=1, le=MOST_SHOWN)


class Edits(Model):
    """The edits that stand."""

    version: int = Field(ge=0, description="Of the newest transaction.")
    total: int = Field(ge=0)
    edits: tuple[Current, ...]


class Changed(Model):
    """A property that a transaction changed."""

    path: str
    property: str
    before: Any
    after: Any


class Transaction(Model):
    """One accepted transaction."""

    version: int = Field(ge=1)
    at: Utc
    author: str
    id: str
    did: Literal["edit", "undo", "redo"]
    of: int | None = Field(description="What an undo or redo is of.")
    changes: tuple[Changed, ...]


class TransactionsAsk(Model):
    """Which transactions."""

    limit: int = Field(100, ge=1, le=MOST_SHOWN)


class Transactions(Model):
    """The last transactions, the newest first."""

    transactions: tuple[Transaction, ...]


OPERATIONS = (
    Operation(
        "sendCommand",
        "/api/v1/commands",
        "Edits",
        "Change something",
        role="operator",
        method="POST",
        body=Command,
        answer=Answer,
        errors=(403, 409, 413, 415),
        rpc=False,
        description="Engineers edit, operators answer alarms. 403 forbidden, 409 conflict or refused, 422 invalid: the "
        "fields of the answer stand beside `error`.",
    ),
    Operation(
        "listEdits", "/api/v1/edits", "Edits", "Edits that stand", asks=EditsAsk, answer=Edits, rpc=False
    ),
    Operation(
        "listTransactions",
        "/api/v1/edits/journal",
        "Edits",
        "What was changed, by whom",
        asks=TransactionsAsk,
        answer=Transactions,
        rpc=False,
    ),
    Operation(
        "getEditLayer",
        "/api/v1/edits/layer.usda",
        "Edits",
        "The edits as a USD layer",
        media=("model/vnd.usda",),
        description="The twin's `ui` layer alone, for a designer to look at or to put above the stage. Poses are in the "
        "ops that the stage has; `?who=true` says who edited each prim last, and when. What was placed refers to "
        "`./LIBRARY/file`.",
    ),
    Operation(
        "getPlacedAssets",
        "/api/v1/edits/assets.zip",
        "Edits",
        "The files of placed assets",
        role="engineer",
        media=("application/zip",),
        errors=(404, 413),
        description="All files that placed assets are made of, in the folders of their libraries; they belong beside the "
        "layer.",
    ),
    Operation(
        "getBindingsFile",
        "/api/v1/edits/bindings.yaml",
        "Edits",
        "The bindings as a file, edits included",
        media=("application/yaml",),
        errors=(404,),
    ),
)


def shown_value(value: Any) -> Any:
    """The value of an edit without its USD type."""
    return value["value"] if isinstance(value, dict) and value.keys() == {"type", "value"} else value
