"""In-chat commands at the door of the house: what a request is without them, and how one is answered in the client's own wire."""

from __future__ import annotations

from backstory.commands import sign
from backstory.commands.grammar import Asked
from backstory.core.document import Document
from backstory.core.edits import DropMessages, Edit, SetParam
from backstory.core.exchange import Exchange, Head, Headers
from backstory.core.message import Opening, Prompt, Text
from backstory.core.plan import Answer
from backstory.core.wire import Wire
from backstory.errors import DocumentError
from backstory.memory.identity.side import side_request
from backstory.stages.erase import Eraser

# How OpenAI's Responses API names what a request builds on; the only wire whose provider keeps replies by id.
# https://platform.openai.com/docs/api-reference/responses/create
_PREVIOUS = "previous_response_id"


class Plain:
    """A request without its commands. `body` is the client's own where nothing had to be taken out, else `came` is that. `conversation`:
    the one that an answer of ours in its history names, "" without. `asked`: the command that it is, or ends with."""

    __slots__ = ("asked", "body", "came", "conversation")

    def __init__(self, body: bytes, conversation: str, asked: Asked | None) -> None:
        self.body = body
        self.came = b""
        self.conversation = conversation
        self.asked = asked


class Commanding:
    """Finds commands with this prefix."""

    def __init__(self, prefix: str) -> None:
        self._eraser = Eraser(prefix)

    def suspects(self, opening: Opening) -> bool:
        """Whether a first message may hold a command, so that a closer look is needed. Some us."""
        return self._eraser.suspects(memoryview(opening.items[-1]))

    def asides(self, body: bytes, prompt: Prompt, wire: Wire) -> frozenset[int]:
        """The places of commands and of our answers to them, which are no part of the conversation. Raises DocumentError."""
        cleaned = self._eraser.clean(body, prompt, wire)
        gone = () if cleaned is None else [edit for edit in cleaned.edits if isinstance(edit, DropMessages)]
        return frozenset([place for edit in gone for place in range(edit.start, edit.stop)])

    def plain(self, head: Head, document: Document, prompt: Prompt, wire: Wire) -> Plain | None:
        """None where there is nothing of a command: the usual case; or where a message cannot be read. Raises DocumentError for what cannot
        be edited."""
        try:
            cleaned = self._eraser.clean(document.raw, prompt, wire)
        except DocumentError:
            return None
        builds_on = sign.of_reply_id(prompt.previous) if wire.stateful and prompt.previous else None
        if cleaned is None and builds_on is None:
            return None
        edits: list[Edit] = [] if cleaned is None else cleaned.edits
        asked = None if cleaned is None else cleaned.asked
        conversation = "" if cleaned is None else cleaned.conversation
        if asked is not None and not _meant(asked, head, document, prompt, wire):
            asked = None
        if builds_on is not None:
            conversation = conversation or builds_on[0]
            value = b'"%b"' % builds_on[1].encode() if builds_on[1] else b"null"
            edits = [*edits, SetParam(_PREVIOUS, value)]
        body = wire.render(document, prompt, edits) if edits else document.came
        return Plain(body, conversation, asked)


def answer(exchange: Exchange, headers: Headers) -> Answer:
    """The exchange's answer of our own, whole or as a stream, as its client expects it. Raises DocumentError."""
    wire, prompt, reply = exchange.wire, exchange.prompt, exchange.answer
    assert wire is not None
    assert prompt is not None
    assert reply is not None
    streams = wire.streams(exchange.head.path, exchange.head.query, prompt)
    body = wire.write(reply, streams)
    kind = b"text/event-stream" if streams else b"application/json"
    if streams and exchange.head.path.endswith("streamGenerateContent") and "alt=sse" not in exchange.head.query:
        # Without alt=sse a Gemini stream is a JSON array: https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent
        frames = wire.reader("text/event-stream").feed(body)
        kind, body = b"application/json", b"[" + b",\r\n".join(frame.data for frame in frames) + b"]"
    return Answer(200, ((b"content-type", kind), *headers), body)


def told(exchange: Exchange) -> str:
    """What our own answer says."""
    assert exchange.answer is not None
    return "".join(part.text for part in exchange.answer.parts if isinstance(part, Text))


def _meant(asked: Asked, head: Head, document: Document, prompt: Prompt, wire: Wire) -> bool:
    """Whether it is a person's command to us: not where a client asks on its own behalf; and where a client expects JSON, or builds on a
    reply by an id that we cannot stand in for, nothing can be answered in text."""
    if not asked.before and (prompt.structured or (prompt.previous and not wire.stateful)):
        return False
    count = len(prompt.items)
    places = dict.fromkeys((0, count - 1))
    messages = [wire.message(prompt.items[place], (*prompt.items_at, place)) for place in places]
    return not side_request(head, prompt, document, messages)
