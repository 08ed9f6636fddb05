"""`twinstage openapi`: the description of the HTTP API, or of its gRPC twin."""

from pathlib import Path
from typing import Annotated

import typer

from twinstage.cli.common import print_or_write


def openapi(
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write it to this file instead of printing it.", show_default=False),
    ] = None,
    proto: Annotated[
        bool, typer.Option("--proto", help="The gRPC service as a .proto file instead.")
    ] = False,
) -> None:
    """Print the OpenAPI 3.1 document of what a served twin answers. A running server has it at /openapi.json and /api/docs."""
    if proto:
        from twinstage.sync.rpc.proto import proto_text

        print_or_write(proto_text(), out)
        return
    from twinstage.sync.api.openapi import document_text

    print_or_write(document_text(), out)
