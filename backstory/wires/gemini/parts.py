"""Gemini: contents and whole responses, decoded, in camelCase and in snake_case.

Rule: a part that has none of the fields listed here is Opaque. Shapes: ai.google.dev/api/generate-content.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct, field, structs

from backstory.core.document import Document, Insert, Put
from backstory.core.images import dimensions, fingerprint
from backstory.core.message import Media, MediaKind, Message, Opaque, Part, Path, Role, Text, Thinking, ToolCall, ToolResult
from backstory.core.reply import Finish, Reply, Usage
from backstory.errors import DocumentError
from backstory.wires.counted import count, counts_of
from backstory.wires.legs import raw_members
from backstory.wires.lowering import decode
from backstory.wires.strict import members

_ROLES: dict[str, Role] = {"user": "user", "model": "assistant", "function": "tool"}
_MEDIA: dict[str, MediaKind] = {"image": "image", "audio": "audio", "video": "video"}
FINISHES: dict[str, Finish] = {
    "FINISH_REASON_UNSPECIFIED": "",
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "refusal",
    "RECITATION": "refusal",
    "LANGUAGE": "refusal",
    "BLOCKLIST": "refusal",
    "PROHIBITED_CONTENT": "refusal",
    "SPII": "refusal",
    "IMAGE_SAFETY": "refusal",
    "IMAGE_PROHIBITED_CONTENT": "refusal",
    "IMAGE_RECITATION": "refusal",
    "MODEL_ARMOR": "refusal",
    "ESCALATION": "refusal",
    "PUP_LIMITED_DISABLED": "refusal",
    "CONTINUATION": "length",
    "MALFORMED_FUNCTION_CALL": "error",
    "MALFORMED_RESPONSE": "error",
    "UNEXPECTED_TOOL_CALL": "error",
    "TOO_MANY_TOOL_CALLS": "error",
    "MISSING_THOUGHT_SIGNATURE": "error",
}
"""Gemini's and Vertex AI's `finishReason`, as the FinishReason of google-genai has them. OTHER, IMAGE_OTHER and NO_IMAGE are "other", as is
any that comes later."""
_ANSWER_NAMES = ("output", "result", "content", "error")
"""The member under which clients put the text of a function's answer when it is nothing but text."""
_ABOUT_PARTS = frozenset(
    {"thought", "thoughtSignature", "thought_signature", "videoMetadata", "video_metadata", "mediaResolution", "partMetadata"}
)


class Call(Struct):
    """A function call; `args` stay raw."""

    id: str | None = None
    name: str | None = None
    args: Raw = Raw()


class _Answer(Struct):
    id: str | None = None
    name: str | None = None
    response: Raw = Raw()


class _Blob(Struct):
    mime: str | None = field(name="mimeType", default=None)
    mime_type: str | None = None
    data: Raw = Raw()
    uri: str | None = field(name="fileUri", default=None)
    file_uri: str | None = None


class ReplyPart(Struct):
    """A part as it stands in the JSON."""

    text: str | None = None
    thought: bool | None = None
    signature: str | None = field(name="thoughtSignature", default=None)
    thought_signature: str | None = None
    call: Call | None = field(name="functionCall", default=None)
    function_call: Call | None = None
    answer: _Answer | None = field(name="functionResponse", default=None)
    function_response: _Answer | None = None
    inline: _Blob | None = field(name="inlineData", default=None)
    inline_data: _Blob | None = None
    file: _Blob | None = field(name="fileData", default=None)
    file_data: _Blob | None = None


class Content(Struct):
    """One content. `parts` may be one part without brackets."""

    role: str | None = None
    parts: list[ReplyPart] | ReplyPart | None = None


class Candidate(Struct):
    """One of the answers; only index 0 is read."""

    content: Content | None = None
    finish: str | None = field(name="finishReason", default=None)
    index: int = 0


class _Feedback(Struct):
    block: str | None = field(name="blockReason", default=None)


class Response(Struct):
    """A whole response or an element of a stream."""

    candidates: list[Candidate] = []
    usage: Raw = field(name="usageMetadata", default=Raw())
    feedback: _Feedback | None = field(name="promptFeedback", default=None)
    model: str | None = field(name="modelVersion", default=None)
    id: str | None = field(name="responseId", default=None)
    error: object = None


_content = msgspec.json.Decoder(Content)
_members = msgspec.json.Decoder(dict[str, Raw])
_objects = msgspec.json.Decoder(list[dict[str, Raw]])
_string = msgspec.json.Decoder(str)
response_decoder = msgspec.json.Decoder(Response)
"""Raises what msgspec raises: the reader of deltas is in a hurry. Others use `read_response`."""


def read_content(raw: bytes | memoryview | Raw, at: Path) -> Message:
    """One content. A part without brackets is read as a list of one."""
    fields = members(raw, "parts")
    content = decode(_content, raw)
    role: Role = "user" if content.role is None else _ROLES.get(content.role, "other")
    parts = content.parts
    if parts is None:
        return Message(role, (), at)
    if isinstance(parts, ReplyPart):
        alone = _understood(parts, (*at, "parts")) or Opaque(_named(decode(_members, fields["parts"])), (*at, "parts"))
        return Message(role, (alone,), at)
    found: list[Part] = []
    told: set[ToolResult] = set()  # Gemini CLI sends each function response twice after a resumed session
    names: list[dict[str, Raw]] | None = None
    for index, part in enumerate(parts):
        where: Path = (*at, "parts", index)
        one = _understood(part, where)
        if one is None:
            names = decode(_objects, fields["parts"]) if names is None else names
            one = Opaque(_named(names[index]), where)
        elif isinstance(one, ToolResult):
            plain = structs.replace(one, at=())
            if plain in told:
                continue
            told.add(plain)
        found.append(one)
    return Message(role, tuple(found), at)


def read_response(raw: bytes | memoryview | Raw) -> Response:
    """A whole response. DocumentError if it is none."""
    return decode(response_decoder, raw)


def candidate_of(response: Response) -> Candidate | None:
    """The answer with index 0."""
    if response.candidates and response.candidates[0].index == 0:
        return response.candidates[0]
    for candidate in response.candidates:
        if candidate.index == 0:
            return candidate
    return None


def parts_of(candidate: Candidate | None) -> list[ReplyPart]:
    """Its parts, () where it has none."""
    parts = candidate.content.parts if candidate is not None and candidate.content is not None else None
    return [parts] if isinstance(parts, ReplyPart) else parts or []


def is_thought(part: ReplyPart) -> bool:
    """Whether the text of this part is reasoning; one that is empty but signed only carries the signature."""
    return bool(part.thought) or (not part.text and bool(part.signature or part.thought_signature))


def is_text(part: ReplyPart) -> bool:
    """Whether this part is text that a user sees."""
    return part.text is not None and part.call is None and part.function_call is None and not is_thought(part)


def plain_part(part: ReplyPart) -> Part:
    """A part of a reply, without address; what is not understood has no kind."""
    return _understood(part, ()) or Opaque("")


def reply_of(response: Response) -> Reply:
    """The reply in a whole response."""
    parts = tuple(structs.replace(plain_part(part), at=()) for part in parts_of(candidate_of(response)))
    finish = finish_of(response)
    if finish == "stop" and any(isinstance(part, ToolCall) for part in parts):
        finish = "tool_calls"
    return Reply(parts, finish, usage_of(response.usage), response.id or "", response.model or "")


def finish_of(response: Response) -> Finish:
    """Why it ended; "" where it did not, or not yet."""
    candidate = candidate_of(response)
    if candidate is not None and candidate.finish is not None:
        return FINISHES.get(candidate.finish, "other")
    if response.feedback is not None and response.feedback.block is not None:
        return "refusal"
    return "error" if response.error is not None else ""


def usage_of(raw: Raw) -> Usage | None:
    """Thoughts are output; the prompt includes cached input. None where nothing is told."""
    found = counts_of(raw)
    if found is None:
        return None
    into = count(found, "promptTokenCount") + count(found, "toolUsePromptTokenCount")
    return Usage(into, count(found, "candidatesTokenCount") + count(found, "thoughtsTokenCount"), count(found, "cachedContentTokenCount"))


def arguments_of(call: Call) -> str:
    """The arguments as they stand in the bytes."""
    raw = bytes(call.args)
    if raw in (b"", b"null"):
        return "{}"
    try:
        return raw.decode()
    except UnicodeDecodeError as cause:
        raise DocumentError("arguments that are not UTF-8") from cause


def _named(fields: dict[str, Raw]) -> str:
    """What a part that is not understood calls itself."""
    return next((name for name in fields if name not in _ABOUT_PARTS), "")


def _understood(part: ReplyPart, at: Path) -> Part | None:
    call = part.call or part.function_call
    if call is not None:
        return ToolCall(call.id or "", call.name or "", arguments_of(call), at)
    answer = part.answer or part.function_response
    if answer is not None:
        name, text, error = _answer_text(answer.response)
        where: Path = (*at, "functionResponse" if part.answer else "function_response", "response")
        return ToolResult(answer.id or "", answer.name or "", text, (*where, name) if name else where, error)
    inline = part.inline or part.inline_data
    if inline is not None:
        mime = inline.mime or inline.mime_type or ""
        data = memoryview(inline.data)[1:-1]
        kind = _media_kind(mime)
        width, height = dimensions(data) if kind == "image" else (0, 0)
        return Media(kind, mime, data.nbytes, "", at, width, height, content=fingerprint(data))
    file = part.file or part.file_data
    if file is not None:
        mime = file.mime or file.mime_type or ""
        return Media(_media_kind(mime), mime, 0, file.uri or file.file_uri or "", at)
    if part.text is None:
        return None
    if is_thought(part):
        return Thinking(part.text, bool(part.signature or part.thought_signature), at)
    return Text(part.text, (*at, "text"))


def _media_kind(mime: str) -> MediaKind:
    return _MEDIA.get(mime.partition("/")[0], "document")


def _answer_text(raw: Raw) -> tuple[str, str, bool]:
    """A function's answer: the name and text of its one member where that is a string under a usual name, else "" and its JSON; and
    whether it tells of an error."""
    json = bytes(raw)
    if json in (b"", b"null"):
        return "", "", False
    answer = decode(_members, json) if json[:1] == b"{" else {}
    if len(answer) == 1:
        name, value = next(iter(answer.items()))
        if name in _ANSWER_NAMES and bytes(memoryview(value)[:1]) == b'"':
            return name, decode(_string, value), name == "error"
    try:
        return "", json.decode(), "error" in answer
    except UnicodeDecodeError as cause:
        raise DocumentError("an answer that is not UTF-8") from cause


def joined(data: bytes, ends: Sequence[bytes]) -> bytes:
    """A streamed response (JSON, its candidate has parts) with all that these, which follow it, say besides: their parts behind its own,
    empty texts left out, and of each other member the latest. DocumentError where one has no candidate."""
    at: Path = ("candidates", 0, "content", "parts")
    document = Document(data)
    told: dict[Path, bytes] = {}
    parts: list[bytes] = []
    for end in ends:
        told |= {(key,): bytes(value) for key, value in raw_members(end).items() if key != "candidates"}
        found = Document(end)
        candidate = raw_members(found.get(("candidates", 0)))
        told |= {("candidates", 0, key): bytes(value) for key, value in candidate.items() if key not in ("content", "index")}
        count = found.length(at) if found.has(at) and found.get(at)[:1] == b"[" else 0
        parts += [raw for place in range(count) if not _is_empty(raw := found.get((*at, place)))]
    last = document.length(at)
    return document.apply([*[Put(path, value) for path, value in told.items()], *[Insert((*at, last), raw) for raw in parts]])


def _is_empty(part: bytes) -> bool:
    members = raw_members(part)
    return members.keys() <= {"text", "thought"} and bytes(members.get("text", b"")) == b'""'
