"""Everything whose answer is a file, a picture or an open object: models of what is asked, and operations."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from twinstage.sync.api.operation import Model, Operation, Text

Digest = Annotated[str, Field(max_length=200, examples=["9f86d081884c7d659a2feaa0c55ad015"])]


class DigestAsk(Model):
    """Which file, by the hash of its content."""

    digest: Digest


class CameraAsk(Model):
    """Which camera, and how large."""

    camera: Text = Field(description="Name or path, without the first slash.", examples=["Overview"])
    w: int = Field(640, ge=16, le=1920, description="Width [px].")
    h: int | None = Field(None, ge=16, le=1920, description="Height [px]; by default as the lens has it.")
    fps: float = Field(5.0, ge=0.1, le=30, description="Most pictures a second, of a stream.")


class Camera(Model):
    """Where pictures of a camera are."""

    name: str
    path: str
    jpg: str = Field(examples=["/camera/Cell/Overview.jpg"])
    mjpg: str


class Cameras(Model):
    """Cameras of the stage."""

    cameras: tuple[Camera, ...]


class Status(Model):
    """How the server is; more fields where the twin has telemetry, alarms, a history."""

    model_config = ConfigDict(extra="allow")
    protocol: str = Field(examples=["twin.v1"])
    epoch: str = Field(description="Names this run.")
    revision: int = Field(description="Of the scene.")
    seq: int = Field(description="Of the newest tick.")
    clients: int = Field(ge=0)
    ticks_per_second: float
    uptime_seconds: float
    counters: dict[str, float]
    sources: dict[str, dict[str, Any]]


_CHECKED = "Has an ETag and answers 304 to If-None-Match; gzip where it is accepted."
_FOREVER = "Named by its content, so it may be cached for ever. " + _CHECKED

OPERATIONS = (
    Operation(
        "getScene",
        "/api/v1/scene",
        "Scene",
        "The scene for viewers, as JSON",
        media=("application/json",),
        aliases=("/api/scene",),
        description=f"What it holds is in docs/protocol.md, section 2. {_CHECKED}",
    ),
    Operation(
        "getGeometry",
        "/glb/{digest}.glb",
        "Scene",
        "Geometry of a prototype",
        asks=DigestAsk,
        media=("model/gltf-binary",),
        errors=(404,),
        description=_FOREVER,
    ),
    Operation(
        "getTexture",
        "/texture/{digest}",
        "Scene",
        "An image of the stage",
        asks=DigestAsk,
        media=("image/*",),
        errors=(404,),
        description=_FOREVER,
    ),
    Operation(
        "getOverlays",
        "/api/v1/overlays",
        "Scene",
        "What programs draw over the scene, and their controls",
        media=("application/json",),
        errors=(404,),
        description="What it holds is in docs/protocol.md, section 4, Overlays.",
    ),
    Operation(
        "getOverlayData",
        "/api/v1/overlays/{digest}",
        "Scene",
        "An array or a picture of an overlay",
        asks=DigestAsk,
        media=("application/octet-stream", "image/*"),
        errors=(404,),
        description="Named by its content, so it may be cached for ever. It goes a short time after its overlay.",
    ),
    Operation(
        "getState",
        "/api/v1/state",
        "Scene",
        "What the twin says over the designers' files, as a USD layer",
        media=("model/vnd.usda",),
        aliases=("/api/state",),
    ),
    Operation(
        "getPackage",
        "/api/v1/stage.usdz",
        "Scene",
        "The whole stage as it is now, as one USD package",
        media=("model/vnd.usdz+zip",),
        errors=(413, 503),
        aliases=("/stage.usdz",),
        description="The stage with its live layer, flattened, and the images that it names. It is made anew where something "
        "changed since the last one, which takes some seconds; who asks meanwhile waits for the same one.",
    ),
    Operation(
        "listCameras",
        "/api/v1/cameras",
        "Cameras",
        "Cameras",
        answer=Cameras,
        aliases=("/api/cameras",),
        rpc=False,
    ),
    Operation(
        "getPicture",
        "/camera/{camera:path}.jpg",
        "Cameras",
        "What a camera sees now",
        asks=CameraAsk,
        media=("image/jpeg",),
        errors=(400, 404, 503),
    ),
    Operation(
        "getPictures",
        "/camera/{camera:path}.mjpg",
        "Cameras",
        "What a camera sees, as a stream",
        asks=CameraAsk,
        media=("multipart/x-mixed-replace",),
        errors=(400, 404, 503),
    ),
    Operation(
        "getStatus",
        "/api/v1/status",
        "Server",
        "How the server is",
        answer=Status,
        aliases=("/api/status",),
        rpc=False,
    ),
    Operation(
        "getMetrics",
        "/metrics",
        "Server",
        "Figures for Prometheus",
        media=("application/openmetrics-text",),
    ),
    Operation(
        "getOpenapi",
        "/openapi.json",
        "Server",
        "This document",
        role="anyone",
        media=("application/json",),
    ),
    Operation(
        "getDocs",
        "/api/docs",
        "Server",
        "This document as a page",
        role="anyone",
        media=("text/html",),
    ),
    Operation("getViewer", "/", "Server", "The viewer", media=("text/html",)),
)
