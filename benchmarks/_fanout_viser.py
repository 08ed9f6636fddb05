"""viser with the motion of `sync_fanout`: a server process, and a client that reads all that it is sent.

`nodes`: a box for each prim, position and orientation set in an atomic block, as its documentation has it for things that
can be picked and moved one by one. `batched`: one batched mesh, two arrays a tick: no prim can be told from another there.
"""

import asyncio
import json
import resource
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from _fanout_motion import Motion, make_motion, path_of

CUBE = np.array([[x, y, z] for x in (-0.25, 0.25) for y in (-0.25, 0.25) for z in (-0.25, 0.25)])
FACES = np.array([[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]])
FACES = np.concatenate([FACES, [[2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]])


# ------------------------------------------------------------------------------------------ the server


def nodes(server: Any, motion: Motion) -> Callable[[int], None]:
    """One handle a prim; what moves them."""
    where, turn = motion.pose(0)
    boxes = [
        server.scene.add_box(path_of(i), dimensions=(0.5, 0.5, 0.5), position=where[i], wxyz=turn[i])
        for i in range(motion.prims)
    ]

    def move(tick: int) -> None:
        where, turn = motion.pose(tick)
        with server.atomic():
            for i, box in enumerate(boxes):
                box.position = where[i]
                box.wxyz = turn[i]

    return move


def batched(server: Any, motion: Motion) -> Callable[[int], None]:
    """All prims in one batched mesh."""
    where, turn = motion.pose(0)
    mesh = server.scene.add_batched_meshes_simple("/plant", CUBE, FACES, turn, where.astype(np.float32))

    def move(tick: int) -> None:
        where, turn = motion.pose(tick)
        with server.atomic():
            mesh.batched_positions = where.astype(np.float32)
            mesh.batched_wxyzs = turn

    return move


def serve(way: str, prims: int, hz: float) -> None:
    """Each line on standard input is a tick; answered by the processor time so far. A marker tells the client of its end."""
    import viser

    server = viser.ViserServer(host="127.0.0.1", port=0, verbose=False)
    move = {"nodes": nodes, "batched": batched}[way](server, make_motion(prims, hz))
    marker = server.scene.add_frame("/marker", show_axes=False)
    print(json.dumps({"port": server.get_port(), "version": viser.__version__}), flush=True)
    for line in sys.stdin:
        tick = int(line)
        if tick:
            move(tick)
            marker.position = (float(tick), 0.0, 0.0)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        print(json.dumps({"cpu": usage.ru_utime + usage.ru_stime}), flush=True)


# ------------------------------------------------------------------------------------------ the client


class Seen:
    """What a client has come to."""

    def __init__(self) -> None:
        self.bytes = 0
        self.tick = 0
        """Newest tick that is complete."""
        self.replayed = asyncio.Event()
        self.news = asyncio.Event()

    async def until(self, tick: int) -> None:
        """Waits until that tick is complete."""
        while self.tick < tick:
            self.news.clear()
            await self.news.wait()


async def follow(port: int, version: str, seen: Seen) -> None:
    """Reads until cancelled."""
    import msgspec
    import zstandard
    from websockets.asyncio.client import connect
    from websockets.typing import Subprotocol

    inflate = zstandard.ZstdDecompressor()
    async with connect(
        f"ws://127.0.0.1:{port}",
        subprotocols=[Subprotocol(f"viser-v{version}")],
        compression=None,
        max_size=None,
        proxy=None,
    ) as socket:
        while True:
            message = await socket.recv(decode=False)
            size = int.from_bytes(message[8:16], "little")
            told = msgspec.msgpack.decode(inflate.decompress(message[16 : 16 + size]))
            seen.bytes += len(message)
            for each in told["messages"]:
                kind = each["type"]
                if kind == "SetPositionMessage" and each["name"] == "/marker":
                    seen.tick = round(each["position"][0])
                    seen.news.set()
                elif kind == "ReplayDoneMessage":
                    seen.replayed.set()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
