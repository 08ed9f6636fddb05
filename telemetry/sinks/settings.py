"""The file that says whom to tell of alarms.

notify: 1
sinks:
  - {kind: webhook, url: "https://hooks.example.com/twin", secret: env:HOOK_SECRET, least: high}
  - {kind: email, host: smtp.example.com, user: twin, password: file:/run/secrets/smtp, sender: twin@example.com,
     to: [shift@example.com], what: [raised]}
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model

from twinstage.base.errors import UserError
from twinstage.telemetry.sinks.base import SINKS, Sink
from twinstage.telemetry.yamlfile import load_model

MOST_SINKS = 32


def _known_kind(data: object) -> object:
    """In words of our own: pydantic's would show what was written, and that may be a secret."""
    if not isinstance(data, dict) or not isinstance(data.get("kind"), str):
        raise ValueError(f"a sink has a kind; one of {', '.join(SINKS.kinds())} was expected")
    try:
        SINKS.get(data["kind"])
    except UserError as error:
        raise ValueError(str(error)) from None
    return data


def settings_model() -> type[BaseModel]:
    """Model of the whole file, with the kinds of sinks that are registered by now."""
    kinds: Any = Annotated[Union[tuple(SINKS)], Field(discriminator="kind"), BeforeValidator(_known_kind)]  # noqa: UP007
    sinks: Any = Annotated[tuple[kinds, ...], Field(max_length=MOST_SINKS)]
    config = ConfigDict(frozen=True, extra="forbid")
    made: type[BaseModel] = create_model(
        "NotifySettings", __config__=config, notify=(Literal[1], ...), sinks=(sinks, ...)
    )
    return made


def load_sinks(path: Path) -> tuple[Sink, ...]:
    """The sinks of a file, checked. Raises UserError, one sentence, for any mistake, and for a secret that is not there."""
    settings: Any = load_model(path, settings_model(), "settings of alarm sinks")
    if not settings.sinks:
        raise UserError(f"{path}: sinks is empty; at least one was expected")
    for place, sink in enumerate(settings.sinks):
        try:
            sink.check()
        except UserError as error:
            raise UserError(f"{path}: sinks[{place}]: {error}") from None
    return tuple(settings.sinks)
