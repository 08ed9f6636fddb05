"""Files made beside the renderer: encoded by a few threads, written in the order in which they were handed over.

Compression gives the interpreter away while it works, so a picture is compressed while the next one is traced. What is in
flight is bounded, so that a slow disc slows the renderer down instead of filling the memory.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from types import TracebackType
from typing import Self

Write = Callable[[bytes], object]


class Encoder:
    """A pool of `workers` encoding threads and one that writes; at most `bound` files in flight.

    The first error ends the writing: it is raised by the next `put` or by `close`, and nothing after it is written, so
    that the files that exist are always those of a prefix. With no workers everything happens in `put`.
    """

    def __init__(self, workers: int = 1, bound: int = 8) -> None:
        self._bound = max(bound, 1)
        self._pool = ThreadPoolExecutor(workers, "encode") if workers > 0 else None
        self._queue: Queue[tuple[Future[bytes], Write] | None] = Queue()
        self._room = threading.Semaphore(self._bound)
        self._error: BaseException | None = None
        self._writer: threading.Thread | None = None
        if self._pool is not None:
            self._writer = threading.Thread(target=self._write, name="write", daemon=True)
            self._writer.start()

    def put(self, encode: Callable[[], bytes], write: Path | Write) -> None:
        """Encode and write, later and in order; waits while too much is in flight. Raises what went wrong before."""
        sink = write.write_bytes if isinstance(write, Path) else write
        self._raise()
        if self._pool is None:
            sink(encode())
            return
        self._room.acquire()
        self._queue.put((self._pool.submit(encode), sink))

    def close(self) -> None:
        """Wait for everything; raises what went wrong."""
        if self._pool is not None and self._writer is not None:
            self._queue.put(None)
            self._writer.join()
            self._pool.shutdown()
            self._pool = self._writer = None
        self._raise()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except BaseException:
            if error is None:  # the error that ended the block says more
                raise

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _write(self) -> None:
        while (item := self._queue.get()) is not None:
            future, sink = item
            try:
                data = future.result()
                if self._error is None:
                    sink(data)
            except BaseException as error:
                self._error = self._error or error
            finally:
                self._room.release()
