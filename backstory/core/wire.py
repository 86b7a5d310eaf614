"""What a wire format can do: the eleven functions that each of the four gives. Pure: bytes in, values out, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from backstory.core.document import Document
from backstory.core.edits import Edit
from backstory.core.legs import Kept, Offer, Talk, Tool
from backstory.core.message import Message, Opening, Path, Prompt
from backstory.core.reply import Delta, Reply
from backstory.core.stream import Frame


class StreamReader(Protocol):
    """Cuts a reply's bytes into frames, whatever the chunking."""

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that this chunk completes."""
        ...

    def close(self) -> list[Frame]:
        """What is left over when the stream has ended: at most one unfinished frame."""
        ...


class Wire(Protocol):
    """One wire format. Every method raises DocumentError for what it cannot read, and nothing else."""

    name: str
    """anthropic | openai_chat | openai_responses | gemini"""

    stateful: bool
    """Whether the provider keeps replies that a later request builds on by id."""

    def claims(self, method: str, path: str) -> bool:
        """1. Whether a request of this method and path (no query) is a conversation in this wire."""
        ...

    def streams(self, path: str, query: str, prompt: Prompt) -> bool:
        """Whether the reply to it will be a stream."""
        ...

    def read(self, document: Document, path: str = "") -> Prompt:
        """2. What the request asks for. `path` is needed where it names the model and the verb (Gemini)."""
        ...

    def opening(self, body: bytes, path: str) -> Opening | None:
        """2b. The request at a glance, a tenth of the cost of `read`: None where it is, or may be, more than an opening, builds on what
        the provider keeps, may name its conversation in a member of its own, or cannot be read so. Raises nothing."""
        ...

    def message(self, raw: bytes | memoryview, at: Path) -> Message:
        """3. One message of `Prompt.items`, decoded."""
        ...

    def render(self, document: Document, prompt: Prompt, edits: Sequence[Edit]) -> bytes:
        """4. The request with these edits, every other byte as it was."""
        ...

    def reply(self, body: bytes) -> Reply:
        """5. A whole (not streamed) answer. Raises DocumentError for an error body."""
        ...

    def echo(self, reply: Reply) -> tuple[Message, ...]:
        """5b. The messages by which clients of this wire send this reply back in the next request (Responses: an item for each part)."""
        ...

    def reader(self, content_type: str) -> StreamReader:
        """6a. A reader of frames for a stream of this content type."""
        ...

    def deltas(self, frame: Frame) -> list[Delta]:
        """6b. What a frame adds; an empty list for what is not understood."""
        ...

    def mark(self, body: bytes, text: str) -> bytes:
        """7a. A whole answer with `text` put at the end of its last text part; unchanged where it has none."""
        ...

    def mark_frame(self, frame: Frame, text: str, state: dict[str, str]) -> bytes | None:
        """7b. Called for each frame of a stream, in order. Where the text is about to close: the bytes to send in place of `frame`
        (the added text and the frame itself, changed only where it repeats the whole text). None for: send the frame as it is.
        `state` is a dict of the wire's own, empty at the start of a stream."""
        ...

    def write(self, reply: Reply, stream: bool) -> bytes:
        """8. A reply of our own (local answers) in this wire: a body, or the whole sequence of events."""
        ...

    def error(self, status: int, code: str, message: str) -> bytes:
        """9. An error of our own in this wire's error shape."""
        ...

    def tools(self, document: Document, prompt: Prompt, offered: Sequence[Tool]) -> Offer:
        """10. These tools of ours in this wire, in this order, less those whose names the client uses itself. Empty where
        they would change what the client asked for (a call is demanded, the answer is not to be plain text)."""
        ...

    def talk(self, body: bytes, ours: frozenset[str], query: str) -> Talk:
        """11. The legs of the answer to this request, in which tools of these names are offered."""
        ...

    def mend(self, document: Document, prompt: Prompt, kept: Mapping[str, Kept]) -> tuple[Edit, ...]:
        """11b. What a history needs that has an answer of several legs in it: items that must not go up again are dropped, and what the
        provider keeps (`kept`, by the id that the client has) is named as the provider knows it."""
        ...
