"""The prims of the stage, with where they are now."""

from typing import Any, Protocol

from pydantic import ConfigDict, Field

from twinstage.sync.api.operation import Glob, Model, Operation, Page, PageAsk, Text, Vector
from twinstage.sync.api.records import AssetRecord
from twinstage.sync.api.values import Value

AttributeValue = bool | int | float | str | tuple[float, ...] | None
Row = tuple[float, float, float, float]


_POSE: dict[str, Any] = {
    "matrix": [[1, 0, 0, 2.5], [0, 1, 0, -1], [0, 0, 1, 0], [0, 0, 0, 1]],
    "translation": [2.5, -1, 0],
    "rotation": [1, 0, 0, 0],
    "scale": [1, 1, 1],
}


class Pose(Model):
    """Where something is: metres, Z up, right-handed."""

    model_config = ConfigDict(json_schema_extra={"examples": [_POSE]})

    matrix: tuple[Row, Row, Row, Row] = Field(
        description="Four rows of four; for column vectors: p_outer = M p_own."
    )
    translation: Vector
    rotation: Row | None = Field(description="Unit quaternion w, x, y, z; null where the matrix is sheared.")
    scale: Vector | None = Field(description="Null where the matrix is sheared.")


class Prim(Model):
    """One prim."""

    path: str = Field(examples=["/Cell/AGV1"])
    node: int = Field(ge=0, description="Its number in frames of the stream, within one epoch and revision.")
    parent: str = Field(description="Path of the prim above it; empty at the top.")
    type: str = Field(description="Name of its USD schema.", examples=["Xform"])
    kind: str = Field(description="Of the model hierarchy; empty for none.", examples=["component"])
    purpose: str = Field(examples=["default"])
    labels: tuple[str, ...] = Field(description="Class labels on the prim itself.")
    visible: bool = Field(description="Whether it is shown now, everything above it counted in.")
    signals: tuple[str, ...] = Field(description="Ids of the signals that move or change it.")


class Attribute(Model):
    """An attribute that has a value of its own on this prim."""

    name: str = Field(examples=["radius"])
    type: str = Field(description="Name of its USD type.", examples=["double"])
    authored: AttributeValue = Field(
        description="In the designers' files; null where they say nothing. Vectors and matrices are lists of numbers, row by "
        "row; an array of more than 64 numbers is null, and `size` says how many elements it has."
    )
    live: AttributeValue = Field(description="What the twin has now; the same where nothing changes it.")
    size: int | None = Field(None, description="Elements of an array; null for a single value.")
    animated: bool = Field(False, description="Whether the files give it values over time.")
    changed: bool = Field(False, description="Whether the twin says something of its own.")
    si_factor: float = Field(1.0, description="The stage's number times this is in SI, which `set` takes.")
    locked: str | None = Field(
        None, description="Why nobody can set it by hand (docs/commands.md), in a sentence; null: `set` may."
    )


class VariantSet(Model):
    """A choice that the prim offers."""

    name: str = Field(examples=["gripper"])
    variants: tuple[str, ...] = Field(description="At most 200.")
    selected: str = Field(description="Empty for none.")


class Metadatum(Model):
    """Something that the stage says about the prim, beside its attributes."""

    name: str = Field(examples=["documentation"])
    value: str


class PrimDetail(Prim):
    """One prim with where it is now and what it holds. Units of attributes are the stage's."""

    local: Pose = Field(description="To its parent, now.")
    world: Pose = Field(description="To the world, now.")
    authored: Pose = Field(description="To its parent, as in the files.")
    moved: bool = Field(description="Whether the twin has moved it.")
    children: tuple[str, ...] = Field(description="Paths of the prims directly below it; at most 1000.")
    child_count: int = Field(ge=0)
    points: int = Field(ge=0, description="Of a PointInstancer, its points.")
    attributes: tuple[Attribute, ...] = Field(description="By name; at most 500.")
    values: tuple[Value, ...] = Field(description="Values of its signals now; at most 1000.")
    variant_sets: tuple[VariantSet, ...] = Field((), description="Choices that the prim offers.")
    material: str | None = Field(None, description="Path of the material bound to it, itself or from above.")
    metadata: tuple[Metadatum, ...] = Field(
        (), description="By name: documentation, asset, references, schemas."
    )
    pose_locked: str | None = Field(None, description="Why it cannot be moved by hand; null: it can.")
    visibility_locked: str | None = Field(None, description="Why it cannot be shown and hidden by hand.")
    asset: AssetRecord | None = Field(description="Its asset record, where there is one.")


class PrimsAsk(PageAsk):
    """Which prims."""

    path: Glob | None = Field(
        None,
        description="Pattern of paths: `*` stays within one name, `**` is any number of names.",
        examples=["/Cell/**"],
    )
    kind: Text | None = Field(None, description="Only those of this kind.")
    type: Text | None = Field(None, description="Only those of this USD schema.")
    label: Text | None = Field(None, description="Only those that bear this class label themselves.")
    bound: bool | None = Field(
        None, description="Only those that signals move or change, or only the others."
    )


class PrimAsk(Model):
    """Which prim."""

    path: Text = Field(description="Its path; the first slash may be left out.", examples=["Cell/AGV1"])


class PrimPage(Page):
    """Prims in the order of the stage's paths, parents first."""

    revision: int = Field(ge=0, description="Of the scene; pages of two revisions do not go together.")
    prims: tuple[Prim, ...]


class PrimSource(Protocol):
    """Who knows the prims. Belongs to the server's event loop."""

    async def list_prims(self, asked: PrimsAsk) -> PrimPage:
        """A page of prims. Raises Refused (422) for an `after` that is no prim."""
        ...

    def get_prim(self, asked: PrimAsk) -> PrimDetail:
        """One prim. Raises Refused (404)."""
        ...


OPERATIONS = (
    Operation(
        "listPrims",
        "/api/v1/prims",
        "Prims",
        "Prims of the stage",
        asks=PrimsAsk,
        answer=PrimPage,
        errors=(503,),
    ),
    Operation(
        "getPrim",
        "/api/v1/prims/{path:path}",
        "Prims",
        "One prim: where it is now, what it holds, what moves it",
        asks=PrimAsk,
        answer=PrimDetail,
        errors=(404,),
    ),
)
