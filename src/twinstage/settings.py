"""How fast and how much: the numbers that a deployment may want to change, in one frozen model."""

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Rates and limits of a live twin."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tick_hz: float = Field(
        default=60.0, gt=0, le=240, description="Ticks a second: ingest, bindings, stream."
    )
    usd_hz: float = Field(
        default=5.0, gt=0, le=60, description="Most writes a second into the USD live layer."
    )
