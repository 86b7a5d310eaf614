"""A provider that answers by a script, on a free port of the loopback: for the demo and the tests. It speaks all four wires, whole and
streamed, and keeps what it received.

Its answers are made by the wires' own `write`, so that shapes of events stand in one place. `quoting` is a model that knows nothing but
what reached it: it answers a question with the line of the prompt that fits best.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable

from msgspec import Struct
from msgspec.structs import replace

from backstory.app.loopback import Loopback
from backstory.core.document import Document
from backstory.core.exchange import Head
from backstory.core.message import Message, Prompt, Text, ToolResult
from backstory.core.reply import Reply, Usage
from backstory.core.tokens import estimate
from backstory.core.wire import Wire
from backstory.errors import DocumentError
from backstory.wires import WIRES

_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found"}
# Streams leave in pieces of this many bytes, so that events are cut anywhere.
_PIECE = 700
_WORD = re.compile(r"\w+")
_COMMON = frozenset(
    _WORD.findall(
        "a about again an and are as at be been but by can could did do does exactly for from had has have how i in is it many me more "
        "much my not of on once or our please said say should tell that the this to us was we were what when where which who why will with "
        "would you your"
    )
)


class Received(Struct, frozen=True):
    """One request as it reached the provider. `messages` are decoded, without the system prompt."""

    head: Head
    body: bytes
    wire: Wire
    prompt: Prompt
    messages: tuple[Message, ...]

    @property
    def system(self) -> str:
        """The system prompt's text."""
        return "\n".join(part.text for part in self.prompt.system if isinstance(part, Text))

    @property
    def text(self) -> str:
        """All text that reached the model: system prompt, messages, tool results; one line break between parts."""
        parts = (part.text for message in self.messages for part in message.parts if isinstance(part, Text | ToolResult))
        return "\n".join(filter(None, (self.system, *parts)))


Answer = Callable[[Received], Reply]


def says(text: str) -> Reply:
    """A reply of one text."""
    return Reply((Text(text),), "stop")


def echo(received: Received) -> Reply:
    """The newest message's text, with its length in front."""
    newest = received.messages[-1].text if received.messages else ""
    return says(f"You said {len(newest)} characters: {newest}")


def scripted(replies: Iterable[Reply], after: Answer = echo) -> Answer:
    """These replies, one for each request; then what `after` answers."""
    waiting = iter(replies)

    def answer(received: Received) -> Reply:
        found = next(waiting, None)
        return after(received) if found is None else found

    return answer


def quoting(received: Received) -> Reply:
    """Answers the newest user message's first paragraph with the sentence, anywhere else in what was received, that shares at least half
    of its words; of several the one with the rarest. Says so where there is none."""
    asked = next((message.text for message in reversed(received.messages) if message.role == "user"), "")
    question = asked.strip().split("\n\n", 1)[0]
    wanted = _stems(question)
    lines = [line.strip() for line in re.split(r"\n|(?<=[.!?])\s+", received.text) if line.strip() and line.strip() not in question]
    stems = [_stems(line) for line in lines]
    common = {word: sum(word in found for found in stems) for word in wanted}
    best, score = "", 0.0
    for line, found in zip(lines, stems, strict=True):
        reached = sum(1 / common[word] for word in wanted & found)
        shared = len(wanted & found)
        if 2 * shared >= len(wanted) and reached > score and not line.endswith("?"):
            best, score = line, reached
    return says(f'It was said: "{best}"' if best else "Nothing that reached me answers that.")


class ScriptedProvider(Loopback):
    """Serves between `start` and `stop`. `received` grows with every conversation request."""

    def __init__(self, answer: Answer = echo) -> None:
        super().__init__()
        self.answer = answer
        self.received: list[Received] = []

    async def respond(self, writer: asyncio.StreamWriter, head: Head, body: bytes) -> None:
        """See Loopback."""
        wire = next((one for one in WIRES if one.claims(head.method, head.path)), None)
        if wire is None:
            await _send(writer, 404, "application/json", b'{"error":{"message":"no such endpoint"}}', False)
            return
        try:
            received = _understood(head, body, wire)
            reply = self._completed(received)
        except DocumentError as error:
            await _send(writer, 400, "application/json", wire.error(400, "invalid_request", str(error)), False)
            return
        streams = wire.streams(head.path, head.query, received.prompt)
        content = wire.write(reply, streams)
        kind = "text/event-stream" if streams else "application/json"
        if streams and wire.name == "gemini" and "alt=sse" not in head.query:
            kind, frames = "application/json", wire.reader(kind).feed(content)
            content = b"[" + b",\r\n".join(frame.data for frame in frames) + b"]"
        await _send(writer, 200, kind, content, streams)

    def _completed(self, received: Received) -> Reply:
        """The answer with id, model and token counts where it has none."""
        self.received.append(received)
        reply = self.answer(received)
        said = "".join(part.text for part in reply.parts if isinstance(part, Text))
        return replace(
            reply,
            id=reply.id or f"reply_{len(self.received)}",
            model=reply.model or received.prompt.model,
            usage=reply.usage or Usage(estimate(received.text), estimate(said)),
        )


def _understood(head: Head, body: bytes, wire: Wire) -> Received:
    prompt = wire.read(Document(body), head.path)
    messages = tuple(wire.message(raw, (*prompt.items_at, index)) for index, raw in enumerate(prompt.items))
    return Received(head, body, wire, prompt, messages)


async def _send(writer: asyncio.StreamWriter, status: int, kind: str, content: bytes, streams: bool) -> None:
    head = f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: {kind}\r\n"
    if not streams:
        writer.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        await writer.drain()
        return
    writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
    for start in range(0, len(content), _PIECE):
        piece = content[start : start + _PIECE]
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        await writer.drain()
        await asyncio.sleep(0)
    writer.write(b"0\r\n\r\n")
    await writer.drain()


def _stems(text: str) -> set[str]:
    """Words without the common ones, cut to five letters."""
    return {word[:5] for word in _WORD.findall(text.lower()) if word not in _COMMON}
