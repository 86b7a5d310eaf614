"""A request with what another model has thought about it, and the answer to it, which begins with that thought. Implements
core.plan.Translation: the client's wire on both sides.

Rule: of the request nothing changes but that the reasoning is added behind what was said last, so what is before it stays the same from
request to request. What the client brings back of such thoughts does not go up again. An answer that cannot be read passes as it came.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from backstory.core.document import Document, Put, Splice
from backstory.core.edits import AddMessage, AppendText
from backstory.core.exchange import Headers
from backstory.core.message import Path, Prompt
from backstory.core.translation import (
    Asked,
    Begun,
    Cited,
    Closed,
    Ended,
    Event,
    Failure,
    More,
    Opened,
    Sealed,
    Thought,
    Tongue,
)
from backstory.core.wire import Wire
from backstory.errors import DocumentError
from backstory.wires.reworking.brought_back import OTHERS, TAG, brought_back
from backstory.wires.reworking.filtered import ABOUT_THE_BODY, Filtered, put
from backstory.wires.reworking.reworked import SEALINGS
from backstory.wires.reworking.sieve import Sealing

_WORDS = """Another model has thought about this before you. Use its reasoning as far as it is sound, and answer what was asked yourself.
<reasoning>
%s
</reasoning>"""
_SEALING = Sealing(OTHERS, TAG)
_THOUGHTS = "thoughtsTokenCount"
"""Not there where the model has none of its own."""
_COUNTED: dict[str, tuple[Path, ...]] = {
    "anthropic": (("usage", "output_tokens"),),
    "openai_chat": (
        ("usage", "completion_tokens"),
        ("usage", "total_tokens"),
        ("usage", "completion_tokens_details", "reasoning_tokens"),
    ),
    "openai_responses": (
        ("usage", "output_tokens"),
        ("usage", "total_tokens"),
        ("usage", "output_tokens_details", "reasoning_tokens"),
    ),
    "gemini": (("usageMetadata", _THOUGHTS), ("usageMetadata", "totalTokenCount")),
}
"""Where a whole answer counts thoughts."""


_number = msgspec.json.Decoder(int)


class _Shared(Struct):
    """`told`: the client has the thought. Shared by the ways of one request."""

    told: bool = False


class Reasoned(Filtered):
    """One exchange. `path`, `query`: of the client's request. `thought`: "" where there is none, and nothing is added. `tokens`: what it
    counts. `note`: a header of ours for the answer."""

    done = False

    def __init__(self, tongue: Tongue, wire: Wire, path: str, query: str, thought: str, tokens: int, note: tuple[bytes, bytes]) -> None:
        super().__init__(tongue, wire)
        self._path = path
        self._query = query
        self._thought = thought
        self._tokens = tokens
        self._note = note
        self._edit: AppendText | AddMessage | None = None
        self._asked: Asked | None = None
        self._shared = _Shared()
        self._later = False

    def ask(self, body: bytes) -> bytes:
        """See Translation. Asked once more, it is for a later leg of the answer. Raises DocumentError."""
        self._later = self._shared.told
        body = brought_back(self._wire.name, body)
        if not self._thought:
            return body
        document = Document(body)
        prompt = self._wire.read(document, self._path)
        if self._edit is None:
            self._asked = replace(self._tongue.asked(body, self._path, self._query), usage=True, as_is=True)
            self._edit = self._placed(prompt)
        return self._wire.render(document, prompt, [self._edit])

    def _placed(self, prompt: Prompt) -> AppendText | AddMessage:
        """Behind what the user, or a tool, has said last."""
        text = _WORDS % self._thought
        last = len(prompt.items) - 1
        messages = [self._wire.message(prompt.items[at], (*prompt.items_at, at)) for at in range(max(0, last - 1), last + 1)]
        if messages and messages[-1].role == "user":
            return AppendText(last, text)
        if len(messages) > 1 and messages[-1].role == "assistant" and messages[-2].role == "user":
            return AppendText(last - 1, text)  # the answer is to go on from what the client has put into its mouth
        return AddMessage(len(prompt.items), "user", text)

    def begin(self, status: int, headers: Headers) -> tuple[Literal["stream", "whole", "pass"], Headers]:
        """See Translation."""
        self._stream = None
        named = {key.lower(): value.strip().lower() for key, value in headers}
        asked, kind = self._asked, named.get(b"content-type", b"")
        coded = named.get(b"content-encoding", b"identity") not in {b"", b"identity"}
        if status != 200 or self._later:
            return "pass", headers
        noted = (*headers, self._note)
        if asked is None or coded or asked.sampling.count > 1:
            return "stream", noted
        kept = (*(pair for pair in headers if pair[0].lower() not in ABOUT_THE_BODY), self._note)
        json = kind.startswith(b"application/json")
        if kind.startswith(b"text/event-stream") or (json and asked.array):
            self._filter(kind, asked, Prefix(self._piece(asked), self._tokens, self._shared))
            return "stream", kept
        return ("whole", kept) if json else ("stream", noted)

    def whole(self, body: bytes) -> tuple[int, bytes]:
        """See Translation."""
        asked = self._asked
        if asked is None:
            return 200, body
        try:
            answered = self._tongue.answered(body)
            if isinstance(answered, Failure) or answered.more:
                return 200, body
            made = replace(answered, pieces=(self._piece(asked), *answered.pieces))
            body = _counted(self._wire.name, put(self._wire.name, body, self._tongue.answer(made, asked)), self._tokens)
        except DocumentError:
            return 200, body
        self._shared.told = True
        return 200, body

    def _piece(self, asked: Asked) -> Thought:
        """The thought, marked so that it is known again when the client brings it back."""
        sealing = SEALINGS.get(self._wire.name, _SEALING if self._wire.name == "openai_chat" else Sealing())
        made = blake2b(f"{len(asked.said)} {asked.previous} {self._thought}".encode("utf-8", "replace"), digest_size=12).hexdigest()
        return Thought(self._thought, sealing.sealed, sealing.seal, id=f"{sealing.id}{made}" if sealing.id else "")


class Prefix:
    """The events of an answer, with a thought in front. `changed`, `holds`: as of Sieve."""

    def __init__(self, thought: Thought, tokens: int, shared: _Shared) -> None:
        self._thought = thought
        self._tokens = tokens
        self._shared = shared
        self.changed = False
        self.holds = False

    def feed(self, event: Event) -> list[Event]:
        """What is told for this event."""
        match event:
            case Begun():
                return [event, *self._first()]
            case Opened() | More() | Sealed() | Cited() | Closed():
                return [*self._first(), replace(event, index=event.index + 1)]
            case Ended(usage=usage):
                first = self._first()
                if usage is not None:
                    usage = replace(usage, output_tokens=usage.output_tokens + self._tokens)
                return [*first, replace(event, usage=usage, thoughts=event.thoughts + self._tokens)]
            case _:
                return [event]

    def flush(self) -> list[Event]:
        """Nothing is held."""
        return []

    def _first(self) -> list[Event]:
        if self.changed:
            return []
        self.changed = self._shared.told = True
        piece = self._thought
        sealed: list[Event] = [Sealed(0, piece.sealed, piece.seal)] if piece.sealed else []
        return [Opened(0, Thought("", id=piece.id)), More(0, piece.text), *sealed, Closed(0, piece)]


def _counted(wire: str, body: bytes, tokens: int) -> bytes:
    """The answer, whose usage counts the thought as well."""
    document = Document(body)
    splices: list[Splice] = []
    for path in _COUNTED[wire]:
        if document.has(path) and document.get(path)[:1].isdigit():
            splices.append(Put(path, b"%d" % (_number.decode(document.get(path)) + tokens)))
        elif path[-1] == _THOUGHTS and document.has(path[:-1]):
            splices.append(Put(path, b"%d" % tokens))
    return document.apply(splices) if splices else body
