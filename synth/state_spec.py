"""`state:` of a recipe: the plant as it is, or as it was at a moment, as what a dataset starts from.

    state: {url: "http://127.0.0.1:8000"}                                  # the live twin, as it is when the run begins
    state: {bindings: bindings.yaml, at: 2026-11-24T09:14:00Z}             # a recording, at a moment
    state: {bindings: b.yaml, contract: c.yaml, telemetry: tuesday.csv, at: 12.5}   # the same, seconds from its beginning
    state: {bindings: bindings.yaml, history: ../history, at: 2026-11-24T09:14:00Z}  # what a served twin kept

`live` turns it into a layer (`synth.start`); the layer is a file of the dataset, so a resume and all workers use the same.
"""

from contextlib import suppress
from datetime import datetime

from pydantic import Field, field_validator, model_validator

from twinstage.synth.model import Model


class StateSpec(Model):
    """Where the start comes from; paths are relative to the recipe's folder.

    Attributes:
        url: of a running twin.
        bindings: bindings.yaml of the twin; without it those that the stage itself holds.
        contract: contract.yaml, if it is not the one that the bindings name.
        telemetry: a recording in place of the contract's own, or one for each source by name.
        history: the folder that `serve --history` filled, in place of recordings.
        at: the moment: a date and time with its zone, or seconds from the beginning of the recording.
    """

    url: str | None = None
    bindings: str | None = None
    contract: str | None = None
    telemetry: str | dict[str, str] | None = None
    history: str | None = None
    at: float | datetime | None = Field(default=None)

    @field_validator("at", mode="before")
    @classmethod
    def _is_a_moment(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        with suppress(ValueError):
            return float(value)
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(
                f"{value!r} is no moment; expected seconds, or a date and time with its zone such as 2026-11-24T09:14:00Z"
            ) from None

    @field_validator("at")
    @classmethod
    def _has_a_zone(cls, value: float | datetime | None) -> float | datetime | None:
        if isinstance(value, datetime) and value.tzinfo is None:
            raise ValueError(f"{value.isoformat()} names no zone; write {value.isoformat()}Z for UTC")
        if isinstance(value, float) and value < 0:
            raise ValueError(f"{value:g} s lies before the recording begins")
        return value

    @model_validator(mode="after")
    def _one_origin(self) -> "StateSpec":
        files = [
            name
            for name in ("bindings", "contract", "telemetry", "history", "at")
            if getattr(self, name) is not None
        ]
        if self.url is not None and files:
            raise ValueError(f"url is the twin as it is now, so {files[0]} cannot be given")
        if self.telemetry is not None and self.history is not None:
            raise ValueError("telemetry and history are two origins; give one")
        if self.url is not None and not self.url.startswith(("http://", "https://")):
            raise ValueError(f"url {self.url!r} does not begin with http:// or https://")
        if self.url is None and not files:
            raise ValueError("give url (a running twin), or bindings and at (a moment of a recording)")
        return self
