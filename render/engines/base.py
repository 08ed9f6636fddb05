"""What an engine is: a class with a `kind` that is opened with settings and turns a snapshot and a camera into a picture.

Engines are registered under their kind, here or by another distribution through the entry point group
`twinstage.engines`. All state that an engine keeps between calls is a cache: the same snapshot, camera and settings
give the same bytes, whatever was rendered before.
"""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from twinstage.base.registry import Registry
from twinstage.render.aovs import Seen
from twinstage.render.capture import Camera, Capture
from twinstage.render.color import ToneMap
from twinstage.render.motion import Motion
from twinstage.scene.snapshot import Snapshot

Output = Literal["rgb", "linear"]
Variant = Literal["auto", "llvm", "cuda", "scalar"]

_LATER = ("tone_map", "denoise", "outputs", "variant", "threads", "motion_samples")
"""Fields that recipes of the first version did not have: left out of files at their defaults, so that bytes stay."""


class EngineSettings(BaseModel):
    """How to make pictures; the `engine:` part of a recipe.

    Attributes:
        kind: which engine.
        spp: samples a pixel; engines may round it up to a number that stratifies well.
        seed: of the sampling noise.
        max_depth: longest path, in segments, of engines that follow light from surface to surface.
        exposure: [EV], a factor of 2^exposure on linear light before the tone map.
        auto_exposure: choose the exposure from the picture itself (mean luminance to middle grey), then add `exposure`.
        clamp: greatest radiance of one sample after exposure, against fireflies; 0 for none.
        largest_texture, largest_map: longest side of material textures and dome maps [px]; larger ones are shrunk.
        tone_map: how light becomes colour; see `render.color`.
        denoise: take the noise out by Open Image Denoise (extra `denoise`); `linear` is denoised, too.
        outputs: AOVs of the Capture.
        variant: of Mitsuba; `auto` takes CUDA where there is an NVIDIA GPU, else LLVM, else scalar.
        threads: for tracing and denoising, a setting of the whole process; 0 leaves it as it is. It changes no byte.
        motion_samples: most moments at which a moving scene is looked at while the shutter is open.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str = "direct"
    spp: Annotated[int, Field(ge=1, le=65536)] = 8
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    max_depth: Annotated[int, Field(ge=1, le=64)] = 5
    exposure: Annotated[float, Field(ge=-30, le=30)] = 0.0
    auto_exposure: bool = False
    clamp: Annotated[float, Field(ge=0)] = 5.0
    largest_texture: Annotated[int, Field(ge=1, le=16384)] = 1024
    largest_map: Annotated[int, Field(ge=1, le=16384)] = 2048
    tone_map: ToneMap = "soft"
    denoise: bool = False
    outputs: tuple[Output, ...] = ("rgb",)
    variant: Variant = "auto"
    threads: Annotated[int, Field(ge=0, le=1024)] = 0
    motion_samples: Annotated[int, Field(ge=1, le=256)] = 8

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        out: dict[str, Any] = handler(self)
        fields = type(self).model_fields
        return {k: v for k, v in out.items() if k not in _LATER or getattr(self, k) != fields[k].default}


@runtime_checkable
class Engine(Protocol):
    """A maker of pictures. Classes are constructed with their settings; heavy libraries load at the first render."""

    kind: ClassVar[str]

    def __init__(self, settings: EngineSettings) -> None: ...

    def render(
        self, snapshot: Snapshot, camera: Camera, *, seed: int | None = None, motion: Motion | None = None
    ) -> Capture:
        """A Capture with the AOVs of `settings.outputs`; `seed` takes the place of the settings' one.

        `motion`: how the scene moves while the camera's shutter is open; `snapshot` is then the scene at time 0.
        """
        ...


@runtime_checkable
class Expecting(Protocol):
    """An engine that sorts a scene by what changes, and can be told so instead of finding out."""

    def expect(self, snapshot: Snapshot, examples: Sequence[Snapshot]) -> None:
        """What follows differs from `snapshot` in what the examples show moving, hidden or recoloured.

        From then on nothing is learnt from what is rendered. So the inner order of a scene is the same whatever came
        before, and with it which of two surfaces in exactly the same place is hit. Changes that no example shows are
        rendered right, but slowly.
        """
        ...


@runtime_checkable
class FromHits(Protocol):
    """An engine that can start from what a label pass has found."""

    def render_seen(self, seen: Seen, *, seed: int | None = None) -> Capture:
        """`render` of the scene and the camera of those first hits, where nothing moves: the same picture, sooner."""
        ...


ENGINES: Registry[Any] = Registry("engine", group="twinstage.engines")
"""Engine classes by kind."""


def open_engine(settings: EngineSettings | None = None, **fields: Any) -> Engine:
    """The engine of those settings (or of settings made from the fields); raises UserError for an unknown kind."""
    chosen = settings if settings is not None else EngineSettings(**fields)
    engine: Engine = ENGINES.get(chosen.kind)(chosen)
    return engine
