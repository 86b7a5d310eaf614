"""How many tokens a prompt has, for a client whose provider speaks another wire: asked of the provider where its wire has such a question,
else estimated. Implements core.plan.Translation. Pure: bytes in, bytes out.

Rule: a guess says that it is one: `X-VC-Count` is `provider` or `estimate`.
Source: https://docs.claude.com/en/api/messages-count-tokens, https://ai.google.dev/api/tokens, https://platform.openai.com/docs/api-reference.
"""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import quote

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from backstory.core.exchange import Headers
from backstory.core.images import dimensions
from backstory.core.tokens import estimate
from backstory.core.translation import Asked, Builtin, Function, Odd, Piece, Refusal, Result, Said, Sight, Thought, Tongue, Use, Words
from backstory.errors import DocumentError
from backstory.wires.bodies import Inflate, beside, inflating
from backstory.wires.kept import joined
from backstory.wires.lowering import decode, encode

ASKED = re.compile(
    r"(?P<anthropic>(?:/anthropic)?/v1/messages/count_tokens)|(?P<openai_responses>(?:/v1)?/responses/input_tokens)"
    r"|(?P<gemini>/v\d\w*/(?:[^:?]+/)?models/[^/:]+(?::|%3[Aa])countTokens)"
)
"""The paths at which clients ask, by their wire."""
_VERB = re.compile(r"(:|%3[Aa])countTokens\Z")
_SAID = {"anthropic": "input_tokens", "openai_responses": "input_tokens", "gemini": "totalTokens"}
# What of a request the API counts: it refuses what has nothing to do with that.
_COUNTED = {
    "anthropic": frozenset({"model", "messages", "system", "tools", "tool_choice", "thinking"}),
    "openai_responses": frozenset({"model", "input", "instructions", "tools", "tool_choice", "text", "reasoning", "parallel_tool_calls"}),
}
# Compatible providers of the wire do not all have the question.
NO_SUCH_QUESTION = frozenset({404, 405, 501})
# Around a message and a tool stand tokens of the model's own.
_MESSAGE, _TOOL, _PROMPT = 4, 8, 3
_PIXELS_PER_TOKEN, _MOST_PIXELS = 750, 1568 * 1568
_IMAGE = 1500
# A page of a PDF is about 1,500 to 3,000 tokens and 50 KB; a second of sound is 32 tokens and some 8 KB, of film 263 and 100 KB.
_BYTES_PER_TOKEN = {"document": 25, "audio": 250, "video": 400}
_UNSEEN = 1500

_members = msgspec.json.Decoder(dict[str, Raw])


class _Counted(Struct):
    input_tokens: int | None = None
    totalTokens: int | None = None  # noqa: N815 (the wire's)


_counted = msgspec.json.Decoder(_Counted)


class TokenCount:
    """One question. `client`, `provider`: the tongues; `path`, `query`: of the client's request."""

    done = False

    def __init__(self, client: Tongue, provider: Tongue, path: str, query: str) -> None:
        self._client = client
        self._provider = provider
        self._path = path
        self._query = query
        self.asked = Asked("", False, (), ())
        """The prompt that is to be counted, once it was read."""
        self._status = 0
        self._inflate: Inflate | None = None
        self.learnt: Headers = ()

    def read(self, body: bytes) -> Asked:
        """Read the prompt."""
        if self._client.name == "gemini":
            held = decode(_members, body).get("generateContentRequest")
            body = body if held is None else bytes(held)
        self.asked = self._client.asked(body, _VERB.sub(r"\1generateContent", self._path), self._query)
        return self.asked

    def goes_on(self, before: tuple[Said, ...]) -> None:
        """The prompt builds on an answer: this was said up to that."""
        self.asked = replace(self.asked, said=joined(before, self.asked.said), previous="", conversation=False)

    def ask(self, body: bytes) -> bytes:
        """See Translation: the provider's question, for the prompt that was read; b"" where its wire has none."""
        out, _ = self._provider.ask(replace(self.asked, stream=False))
        match self._provider.name:
            case "gemini":
                asked: dict[str, object] = {"model": f"models/{self.asked.model.removeprefix('models/')}"}
                members = decode(_members, out)
                asked.update(members)
                return encode({"generateContentRequest": asked})
            case "anthropic" | "openai_responses" as wire:
                return encode({name: value for name, value in decode(_members, out).items() if name in _COUNTED[wire]})
            case _:
                return b""

    def place(self) -> str:
        """Where that question is asked."""
        match self._provider.name:
            case "gemini":
                return f"/v1beta/models/{quote(self.asked.model.removeprefix('models/'), safe='')}:countTokens"
            case "anthropic":
                return "/v1/messages/count_tokens"
            case _:
                return "/v1/responses/input_tokens"

    def begin(self, status: int, headers: Headers) -> tuple[Literal["pass", "whole"], Headers]:
        """See Translation."""
        self._status, self._inflate = status, inflating(headers)
        return "whole", (*beside(headers), (b"Content-Type", b"application/json"))

    def chunk(self, data: bytes) -> bytes:
        """See Translation. It is never a stream."""
        return b""

    def tail(self) -> bytes:
        """See Translation."""
        return b""

    def rest(self) -> bytes:
        """See Translation. It is never a stream."""
        return b""

    def whole(self, body: bytes) -> tuple[int, bytes]:
        """See Translation. What is no count, and no error either, comes from one who does not know the question."""
        if self._inflate is not None:
            body = self._inflate.more(body)
        if self._status >= 400 and self._status not in NO_SUCH_QUESTION:
            return self._client.failure(self._provider.failed(self._status, body))
        found = _told(body) if self._status < 400 else None
        return 200, self.answer(estimated(self.asked), True) if found is None else self.answer(found, False)

    def answer(self, tokens: int, guessed: bool) -> bytes:
        """So many, in the client's wire; `learnt` says how they were found."""
        self.learnt = ((b"X-VC-Count", b"estimate" if guessed else b"provider"),)
        said = {_SAID[self._client.name]: tokens}
        return encode({"object": "response.input_tokens", **said} if self._client.name == "openai_responses" else said)


def _told(body: bytes) -> int | None:
    try:
        found = decode(_counted, body)
    except DocumentError:
        return None
    return found.totalTokens if found.input_tokens is None else found.input_tokens


def estimated(asked: Asked) -> int:
    """About so many tokens, rather too many than too few, as `core.tokens.estimate` finds them. 0.1 ms for a thousand tokens."""
    total = _PROMPT + sum(estimate(one.text) + _MESSAGE for one in asked.system)
    total += sum(_MESSAGE + sum(map(_of, said.pieces)) for said in asked.said)
    for tool in asked.tools:
        match tool:
            case Function():
                total += _TOOL + estimate(f"{tool.name} {tool.description}") + estimate(_text(tool.schema))
            case Builtin():
                total += _TOOL + estimate(_text(tool.raw))
    return total + (estimate(_text(asked.format.schema)) if asked.format is not None else 0)


def _of(piece: Piece) -> int:
    match piece:
        case Words(text) | Refusal(text) | Thought(text):
            return estimate(text)
        case Use():
            return _TOOL + estimate(piece.name) + estimate(piece.arguments)
        case Result():
            return _TOOL + sum(map(_of, piece.parts))
        case Sight():
            return _sight(piece)
        case Odd():
            return estimate(_text(piece.raw))


def _sight(sight: Sight) -> int:
    if sight.plain:
        return estimate(sight.data)
    if sight.kind != "image":
        return max(_UNSEEN, len(sight.data) * 3 // 4 // _BYTES_PER_TOKEN[sight.kind])
    width, height = dimensions(sight.data)
    return -(-min(width * height, _MOST_PIXELS) // _PIXELS_PER_TOKEN) or _IMAGE


def _text(raw: bytes | Raw) -> str:
    return bytes(raw).decode("utf-8", "replace")
