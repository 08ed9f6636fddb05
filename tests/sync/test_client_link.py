"""A client whose link goes while it asks for something."""

import asyncio
import gc

import pytest

from twinstage.sync.client import Client, LinkError


def test_a_link_that_goes_while_the_question_is_sent_is_a_link_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A send that waits, on a thin line, ends when the connection is taken down, which has dropped all questions by then."""

    async def main() -> None:
        lost: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: lost.append(context))
        client = Client("http://127.0.0.1:1", ("pose",), None)

        async def send(message: object) -> bool:
            client._drop_asked()
            return False

        monkeypatch.setattr(client, "_send", send)
        with pytest.raises(LinkError, match="no link"):
            await client.digest()
        gc.collect()
        assert client._asked == [] and lost == []

    asyncio.run(main())
