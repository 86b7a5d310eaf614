"""Server-sent events: a stream cut into frames, and frames written. The format is https://html.spec.whatwg.org/multipage/server-sent-events.html.

Rule: the `raw` of all frames, joined, is the stream byte for byte, and the cuts do not depend on the chunks in which it came.
"""

from __future__ import annotations

import re

from backstory.core.stream import Frame

_BOM = b"\xef\xbb\xbf"
_END = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")
"""A line's end and an empty line. Atomic: CR LF is never taken for two line ends."""
_NAMES = 64
"""More names of events than any wire has; a stream that invents them does not fill the memory."""
_LINE_END = re.compile(rb"\r\n|\n|\r")


class SSEReader:
    """Cuts a stream into frames. One reader for one stream."""

    __slots__ = ("_begun", "_names", "_rest")

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._begun = False
        self._names: dict[bytes, str] = {}

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that this chunk completes. A chunk without a line end is only put by, so long events cost no more than their length.

        A frame that ends in CR waits for the next chunk, because a LF might belong to it.
        """
        if not chunk:
            return []
        if self._rest:
            waits = self._rest[-1][-1:] == b"\r"
            self._rest.append(chunk)
            if not waits and b"\n" not in chunk and b"\r" not in chunk:
                return []
            chunk = b"".join(self._rest)
            self._rest = []
        if b"\r" in chunk:
            return self._feed_any(chunk)
        blocks = chunk.split(b"\n\n")
        rest = blocks.pop()
        if rest:
            self._rest = [rest]
        return self._feed_plain(blocks)

    def close(self) -> list[Frame]:
        """What is left over when the stream has ended: at most one frame, which lacks its end."""
        raw = b"".join(self._rest)
        self._rest = []
        return [self._frame(raw, raw)] if raw else []

    def _feed_plain(self, blocks: list[bytes]) -> list[Frame]:
        """Frames of a stream without CR. The two usual forms are cut here: a line of data, alone or after a line of event."""
        names = self._names
        frames: list[Frame] = []
        for block in blocks:
            if block[:6] == b"data: ":
                if b"\n" not in block:
                    frames.append(Frame(block + b"\n\n", "", block[6:]))
                    continue
            else:
                head, _, data = block.partition(b"\ndata: ")
                if head in names and b"\n" not in data:
                    frames.append(Frame(block + b"\n\n", names[head], data))
                    continue
            self._begun = self._begun or bool(frames)
            frames.append(self._frame(block, block + b"\n\n"))
        self._begun = self._begun or bool(frames)
        return frames

    def _feed_any(self, chunk: bytes) -> list[Frame]:
        frames: list[Frame] = []
        at = 0
        for match in _END.finditer(chunk):
            end = match.end()
            if end == len(chunk) and chunk[-1:] == b"\r":
                break
            frames.append(self._frame(chunk[at : match.start()], chunk[at:end]))
            at = end
        if at < len(chunk):
            self._rest = [chunk[at:]]
        return frames

    def _frame(self, block: bytes, raw: bytes) -> Frame:
        """Any frame, line by line. A first line that names an event is remembered, so that the next frame like it is cut quickly."""
        if not self._begun:
            self._begun = True
            block = block.removeprefix(_BOM)
        head, found, _ = block.partition(b"\ndata: ")
        if found and head[:7] == b"event: " and not _LINE_END.search(head) and len(self._names) < _NAMES:
            self._names[head] = head[7:].decode("utf-8", "replace")
        name, data = _fields(block)
        return Frame(raw, name, data)


def event(data: bytes, name: str = "") -> bytes:
    """One event in the bytes of a stream. `data` is a single line (JSON as it is usually written)."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data) if name else b"data: %b\n\n" % data


def replaced(frame: Frame, data: bytes) -> bytes:
    """The bytes of the frame with other data; all else stays where its data is one line."""
    if frame.raw.count(frame.data) == 1:
        return frame.raw.replace(frame.data, data)
    return event(data, frame.event)


def _fields(block: bytes) -> tuple[str, bytes]:
    """Name and data of any frame: comments and unknown fields are passed over, lines of data joined by newlines."""
    name = b""
    data: list[bytes] = []
    for line in _LINE_END.split(block):
        field, _, value = line.partition(b":")
        value = value[1:] if value[:1] == b" " else value
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    return name.decode("utf-8", "replace"), b"\n".join(data)
