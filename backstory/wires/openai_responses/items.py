"""OpenAI Responses: items and whole responses, decoded.

Rule: an item or part of a type that is not listed here is Opaque, whatever it holds.
Shapes: https://platform.openai.com/docs/api-reference/responses.
"""

from __future__ import annotations

import re

import msgspec
from msgspec import Raw, Struct, structs

from backstory.core.images import dimensions, fingerprint
from backstory.core.message import SCREENSHOT, Media, MediaKind, Message, Opaque, Part, Path, Role, Text, Thinking, ToolCall, ToolResult
from backstory.core.reply import Finish, Reply, Usage
from backstory.errors import DocumentError
from backstory.wires.counted import count, counts_of, inside
from backstory.wires.lowering import decode
from backstory.wires.strict import members

_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system", "developer": "system"}
ENDS = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})
"""The last events of a stream."""
CALLS = frozenset({"function_call", "custom_tool_call"})
_RESULTS = frozenset({"function_call_output", "custom_tool_call_output"})
OWN_CALLS = {"local_shell_call": "action", "shell_call": "action", "apply_patch_call": "operation", "computer_call": "action"}
"""Calls of tools that the provider defines and the client executes, and the member with what is to be done."""
_OWN_RESULTS = frozenset(f"{kind}_output" for kind in OWN_CALLS)
_OF_ALL = frozenset({"", "item_reference", "compaction", "compaction_summary", "compaction_trigger", "additional_tools", "mcp_list_tools"})
_ANSWERS = ("_output", "_response")
_TEXTS = frozenset({"input_text", "output_text", "text", "summary_text", "reasoning_text"})
_REASONS: dict[str, Finish] = {"content_filter": "refusal"}
_STATUSES: dict[str, Finish] = {"failed": "error", "cancelled": "error", "in_progress": "", "queued": ""}
"""A response's `status`, as the ResponseStatus of OpenAI's SDK has them."""
_LONGEST_DATA_HEAD = 200
_DATA_URL = re.compile(rb'"data:([^;,"]*)[^,"]*,')


class _Tool(Struct):
    type: object = ""
    name: object = ""


TOOLS = msgspec.json.Decoder(list[_Tool])
"""Of tools, type and name, whatever they are."""
_raws = msgspec.json.Decoder(list[Raw])


class _Part(Struct):
    type: str = ""
    text: object = None
    refusal: object = None
    image_url: Raw = Raw()
    file_url: Raw = Raw()
    file_data: Raw = Raw()
    file_id: object = None
    input_audio: Raw = Raw()
    detail: object = None


class _Own(Struct):
    call_id: str | None = None
    id: str | None = None
    action: Raw = Raw(b"{}")
    actions: Raw = Raw(b"")
    operation: Raw = Raw(b"{}")
    output: Raw = Raw(b"null")


class _Printed(Struct):
    stdout: str = ""
    stderr: str = ""


class _Shot(Struct):
    image_url: Raw = Raw()
    file_id: object = None


class _Item(Struct):
    type: str | None = None
    role: str | None = None
    content: Raw = Raw()
    call_id: object = None
    name: object = None
    arguments: object = None
    input: object = None
    output: Raw = Raw()
    summary: Raw = Raw()
    encrypted_content: Raw = Raw()


class _Audio(Struct):
    data: Raw = Raw()
    format: str = ""


class _Incomplete(Struct):
    reason: str | None = None


class _Kind(Struct):
    type: str = ""


class _Named(Struct):
    id: object = None


class _Head(Struct):
    type: str = ""
    content: list[_Kind] | str | None = None


class Response(Struct):
    """The part of a response object that tells how it ended. `output` is None where the provider left it out; `store` is false where
    the provider keeps nothing of it."""

    id: str = ""
    model: str = ""
    status: str | None = None
    output: list[Raw] | None = None
    usage: Raw = Raw()
    incomplete_details: _Incomplete | None = None
    store: bool | None = None


_item = msgspec.json.Decoder(_Item)
_content = msgspec.json.Decoder(str | list[_Part] | None)
_string = msgspec.json.Decoder(str)
_own = msgspec.json.Decoder(_Own)
_printed = msgspec.json.Decoder(list[_Printed])
_shot = msgspec.json.Decoder(_Shot)
_role = msgspec.json.Decoder(str | None)
_audio = msgspec.json.Decoder(_Audio)
_named = msgspec.json.Decoder(_Named)
_head = msgspec.json.Decoder(_Head)
_response = msgspec.json.Decoder(Response)


def read_item(raw: bytes | memoryview | Raw, at: Path) -> Message:
    """One input or output item. The addresses of its parts start with `at`."""
    fields = members(raw, "content", "output", "summary")
    if "role" in fields and ("type" not in fields or bytes(fields["type"]) == b'"message"'):
        return _message(fields, at)
    item = decode(_item, raw)
    kind = item.type or ("message" if item.role is not None else "")
    if kind == "message":
        return _message(fields, at)
    if kind == "reasoning":
        signed = bytes(item.encrypted_content) not in (b"", b"null", b'""')
        return Message("assistant", (Thinking(_summary(item), signed, at),), at)
    if kind in CALLS:
        arguments = item.arguments if kind == "function_call" else item.input
        call = ToolCall(_text(item.call_id, kind), _text(item.name, kind), _text(arguments, kind), at)
        return Message("assistant", (call,), at)
    if kind in _RESULTS:
        shown = tuple([part for part in _content_parts(_output(item.output), (*at, "output")) if isinstance(part, Media)])
        result = ToolResult(_text(item.call_id, kind), "", "\n".join(_texts(item.output)), (*at, "output"), False, shown)
        return Message("tool", (result,), at)
    if kind in OWN_CALLS or kind in _OWN_RESULTS:
        return _own_item(kind, decode(_own, raw), at)
    return Message(_side(kind, item.role), (Opaque(kind, at),), at)


def _side(kind: str, role: str | None) -> Role:
    """Whose an item is that is not understood: the assistant's, like calls of tools that the provider runs itself, unless it says
    otherwise, is a client's answer to one, or belongs to the history as a whole."""
    if role is not None:
        return _ROLES.get(role, "other")
    if kind in _OF_ALL:
        return "other"
    return "tool" if kind.endswith(_ANSWERS) else "assistant"


def _own_item(kind: str, own: _Own, at: Path) -> Message:
    """A call of a tool that the provider defines, or what the client gave back."""
    name = own.call_id or own.id or ""
    if kind in OWN_CALLS:
        what = own.operation if OWN_CALLS[kind] == "operation" else own.action
        asked = bytes(own.actions or what).decode("utf-8", "replace")
        return Message("assistant", (ToolCall(name, kind.removesuffix("_call"), asked, at),), at)
    place, first = (*at, "output"), bytes(memoryview(own.output)[:1])
    if first == b"[":
        texts = [text for part in decode(_printed, own.output) for text in (part.stdout, part.stderr) if text]
        return Message("tool", (ToolResult(name, "", "\n".join(texts), place),), at)
    if first == b"{":
        shot = decode(_shot, own.output)
        shown = _media("image", shot.image_url, shot.file_id, place, SCREENSHOT)
        return Message("tool", (ToolResult(name, "", "", place, False, (shown,) if isinstance(shown, Media) else ()),), at)
    text = decode(_string, own.output) if first == b'"' else ""
    return Message("tool", (ToolResult(name, "", text, place),), at)


def read_response(raw: bytes | memoryview | Raw) -> Response:
    """A response object. DocumentError if it is none."""
    return decode(_response, raw)


def reply_of(response: Response) -> Reply:
    """The reply in a response object."""
    parts: list[Part] = []
    for item in response.output or ():
        parts.extend(structs.replace(part, at=()) for part in read_item(item, ()).parts)
    return Reply(tuple(parts), finish_of(response), usage_of(response.usage), response.id, response.model, kept(response))


def kept(response: Response) -> tuple[str, ...]:
    """Ids of the items that the provider keeps: a later request may hold an `item_reference` in place of any of them."""
    if response.store is False:
        return ()
    ids = [decode(_named, item).id for item in response.output or ()]
    return tuple(item_id for item_id in ids if isinstance(item_id, str) and item_id)


def cut_by(reason: str) -> Finish:
    """What `incomplete_details.reason` says. Whatever it is (`max_output_tokens`, `max_messages`, `steered`), the answer was cut off."""
    return _REASONS.get(reason, "length")


def finish_of(response: Response) -> Finish:
    """Why it ended; "" for one that is still at work."""
    if response.status == "incomplete":
        reason = response.incomplete_details.reason if response.incomplete_details else None
        return cut_by(reason or "")
    if response.status not in (None, "completed"):
        return _STATUSES.get(response.status, "other")
    kinds = [decode(_head, item) for item in response.output or ()]
    if any(kind.type in CALLS or kind.type in OWN_CALLS for kind in kinds):
        return "tool_calls"
    refused = any(part.type == "refusal" for kind in kinds if isinstance(kind.content, list) for part in kind.content)
    return "refusal" if refused else "stop"


def usage_of(raw: Raw) -> Usage | None:
    """`input_tokens` of this wire includes cached input. None where nothing is told."""
    found = counts_of(raw)
    if found is None:
        return None
    details = inside(found, "input_tokens_details")
    read, written = count(details, "cached_tokens"), count(details, "cache_write_tokens")
    return Usage(count(found, "input_tokens"), count(found, "output_tokens"), read, written)


def _message(fields: dict[str, Raw], at: Path) -> Message:
    role = decode(_role, fields["role"]) if "role" in fields else None
    content = decode(_content, fields["content"]) if "content" in fields else None
    return Message(_ROLES.get(role or "", "other"), _content_parts(content, (*at, "content")), at)


def _content_parts(content: str | list[_Part] | None, at: Path) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (Text(content, at),)
    return tuple([_part(part, (*at, index)) for index, part in enumerate(content or ())])


def _part(part: _Part, at: Path) -> Part:
    kind = part.type
    if kind in _TEXTS:
        return Text(_text(part.text, kind), (*at, "text"))
    if kind == "refusal":
        return Text(_text(part.refusal, kind), (*at, "refusal"))
    if kind == "input_image":
        return _media("image", part.image_url, part.file_id, at, part.detail if isinstance(part.detail, str) else "")
    if kind == "input_file":
        return _media("document", part.file_data if bytes(part.file_data) else part.file_url, part.file_id, at)
    if kind == "input_audio":
        audio = decode(_audio, part.input_audio)
        data = memoryview(audio.data)[1:-1]
        return Media("audio", f"audio/{audio.format}" if audio.format else "", data.nbytes, "", at, content=fingerprint(data))
    return Opaque(kind, at)


def _output(raw: Raw) -> str | list[_Part] | None:
    """A result's list of parts; None for a string, which shows nothing."""
    return decode(_content, raw) if bytes(memoryview(raw)[:1]) == b"[" else None


def _media(kind: MediaKind, raw: Raw, file_id: object, at: Path, detail: str = "") -> Part:
    """A file as a data URL, a link, or the id of an uploaded one. The data itself is never decoded."""
    view = bytes(memoryview(raw)[:_LONGEST_DATA_HEAD])
    match = _DATA_URL.match(view)
    if match:
        mime = match.group(1).replace(b"\\/", b"/").decode("latin-1")
        data = memoryview(raw)[match.end() : -1]
        width, height = dimensions(data) if kind == "image" else (0, 0)
        return Media(kind, mime, data.nbytes, "", at, width, height, detail, fingerprint(data))
    if view[:1] == b'"' and kind == "document" and b"://" not in view:
        return Media(kind, "", memoryview(raw).nbytes - 2, "", at, content=fingerprint(memoryview(raw)[1:-1]))
    if view[:1] == b'"':
        return Media(kind, "", 0, decode(_string, raw), at, detail=detail)
    return Media(kind, "", 0, file_id if isinstance(file_id, str) else "", at, detail=detail)


def _summary(item: _Item) -> str:
    return "\n".join([*_texts(item.summary), *_texts(item.content)])


def _texts(raw: Raw) -> list[str]:
    """The texts of a list of parts, or of a string."""
    content = decode(_content, raw) if memoryview(raw).nbytes else None
    if isinstance(content, str):
        return [content]
    return [_text(part.text, part.type) for part in content or () if part.type in _TEXTS]


def _text(value: object, kind: str) -> str:
    if not isinstance(value, str):
        raise DocumentError(f"a {kind} without its text")
    return value


def without_tools(tools: Raw, ours: frozenset[str]) -> list[Raw] | None:
    """A response's tools without those of ours; None where it tells of none. Raises DocumentError."""
    if bytes(tools)[:1] != b"[":
        return None
    rows, named = decode(_raws, tools), decode(TOOLS, tools)
    theirs = [raw for raw, tool in zip(rows, named, strict=True) if tool.type != "function" or tool.name not in ours]
    return theirs if len(theirs) < len(rows) else None
