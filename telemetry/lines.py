"""Bytes to lines, the same lines however the bytes are split."""


class LineBuffer:
    """Cuts a byte stream at line feeds; memory is bounded by `max_line`.

    A line longer than `max_line` bytes comes out as its first `max_line + 1` bytes: whoever reads it can tell by the
    length that it is not whole. A carriage return before the line feed is dropped.
    """

    def __init__(self, max_line: int) -> None:
        self.max_line = max_line
        self.line = 1
        """Number of the next line to come out, from 1."""
        self._partial = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that this chunk completes, without their ends; `line` moves on by as many."""
        if b"\n" not in chunk:
            self._keep(chunk)
            return []
        data = self._partial + chunk if self._partial else chunk
        lines = data.split(b"\n")
        self._partial = b""
        self._keep(lines.pop())
        limit = self.max_line
        if len(data) > limit and max(map(len, lines)) > limit:
            lines = [line if len(line) <= limit else line[: limit + 1] for line in lines]
        if b"\r" in data:
            lines = [line[:-1] if line.endswith(b"\r") and len(line) <= limit else line for line in lines]
        self.line += len(lines)
        return lines

    def flush(self) -> list[bytes]:
        """The last line of a stream that ended without a line feed (or nothing)."""
        return self.feed(b"\n") if self._partial else []

    def restart(self) -> None:
        """Begin again at line 1; call `flush` before."""
        self._partial = b""
        self.line = 1

    def _keep(self, part: bytes) -> None:
        if len(self._partial) <= self.max_line:
            self._partial += part[: self.max_line + 1 - len(self._partial)]


def readable(raw: bytes | str, most: int = 80) -> str:
    """The beginning of something refused, on one line and safe on a terminal: what cannot be printed is escaped."""
    text = raw[:most].decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else raw[:most]
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
