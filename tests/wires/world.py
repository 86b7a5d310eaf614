"""What a wire makes of bytes, as the tests of each wire look at it."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from backstory.core.document import Document
from backstory.core.edits import Edit
from backstory.core.message import Message
from backstory.core.reply import Reply
from backstory.core.stream import Frame, gather
from backstory.core.wire import Wire

MARK = "\n\n<!-- m -->"


class Read:
    """Through `wire`; its requests come to `path`."""

    def __init__(self, wire: Wire, path: str = "") -> None:
        self._wire = wire
        self._path = path

    def messages(self, raw: bytes) -> tuple[Message, ...]:
        prompt = self._wire.read(Document(raw), self._path)
        return tuple(self._wire.message(item, (*prompt.items_at, index)) for index, item in enumerate(prompt.items))

    def rendered(self, raw: bytes, *edits: Edit) -> bytes:
        document = Document(raw)
        return self._wire.render(document, self._wire.read(document, self._path), edits)

    def frames(self, stream: bytes) -> list[Frame]:
        reader = self._wire.reader("text/event-stream")
        return reader.feed(stream) + reader.close()

    def streamed(self, stream: bytes) -> Reply:
        return gather(delta for frame in self.frames(stream) for delta in self._wire.deltas(frame))

    def marked(self, stream: bytes, text: str = MARK) -> bytes:
        state: dict[str, str] = {}
        return b"".join(self._wire.mark_frame(frame, text, state) or frame.raw for frame in self.frames(stream))


def mutations(sources: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """One of these with a few of its bytes replaced by a piece of trouble."""
    pieces = [b"", b"null", b"1e400", b'"\\ud800"', b"\xff", b"{}", b"[]", b"[[", b'"', b"\\", b"-1", b'"type":1,', b"\n\n"]

    def broken(source: bytes, at: float, length: int, piece: bytes) -> bytes:
        start = int(at * len(source))
        return source[:start] + piece + source[start + length :]

    return st.builds(broken, st.sampled_from(sources), st.floats(0, 1), st.integers(0, 12), st.sampled_from(pieces) | st.binary(max_size=4))
