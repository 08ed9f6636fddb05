"""A slow or broken network between a page and a real server: a TCP relay that holds, refuses or delays what passes."""

import socket
import threading
import time
from contextlib import suppress


class Gate:
    """Listens at `url`, in front of the server at `port`.

    `ws`, `scene`: what becomes of a request for the stream, for the scene: "pass", "hold" (until it is another word), "refuse".
    `late`: how much later what the server says arrives [s].
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/"
        self.ws = self.scene = "pass"
        self.late = 0.0
        self._open: list[socket.socket] = [self._listening]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._port))
                self._open += [client, server]
                threading.Thread(target=self._up, args=(client, server), daemon=True).start()
                threading.Thread(target=self._down, args=(server, client), daemon=True).start()

    def _may_pass(self, request: bytes) -> bool:
        kind = (
            "ws" if request.startswith(b"GET /ws") else "scene" if b"GET /api/scene" in request[:80] else ""
        )
        while kind and getattr(self, kind) == "hold":
            time.sleep(0.02)
        return not kind or getattr(self, kind) == "pass"

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while (chunk := client.recv(65536)) and self._may_pass(chunk):
                server.sendall(chunk)
        _close(client, server)

    def _down(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while chunk := server.recv(65536):
                if self.late:
                    time.sleep(self.late)
                client.sendall(chunk)
        _close(client, server)

    def end(self) -> None:
        self.ws = self.scene = "refuse"
        _close(*self._open)


def _close(*sockets: socket.socket) -> None:
    for one in sockets:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
