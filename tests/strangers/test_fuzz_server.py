"""20,000 messages that no good client sends, to sessions and through real sockets: each ends one connection at most."""

import asyncio
import tracemalloc

from tests.strangers.fuzz_session import fuzz_sessions
from tests.strangers.fuzz_socket import fuzz_sockets


def test_sessions_end_with_a_code_and_the_good_client_goes_on() -> None:
    heard = fuzz_sessions(18_000, seed=1)
    assert heard.failures == []
    assert heard.cases == 18_000 and heard.compared > 30
    assert {4400, 4409} <= set(heard.codes) and heard.codes[0] > 20, heard.codes


def test_sockets_end_with_a_code_and_the_good_client_goes_on() -> None:
    met = asyncio.run(asyncio.wait_for(fuzz_sockets(280, seed=1), 120))
    assert met.failures == []
    assert met.messages > 2_000 and met.digests == 35 and met.grown_mib < 10
    assert {"1002", "1007", "1009", "4400", "4409", "open"} <= set(met.ends), met.ends


def test_the_same_seed_says_the_same() -> None:
    first, again, other = fuzz_sessions(300, 7), fuzz_sessions(300, 7), fuzz_sessions(300, 8)
    assert first.codes == again.codes and first.sessions == again.sessions
    assert first.codes != other.codes


def test_memory_stays_flat() -> None:
    fuzz_sessions(300, seed=2)
    tracemalloc.start()
    try:
        fuzz_sessions(500, seed=3)
        before = tracemalloc.get_traced_memory()[0]
        fuzz_sessions(1_000, seed=4)
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert after - before < 200_000
