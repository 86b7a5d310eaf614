"""OpenAI Chat Completions: answers, whole and streamed, read and written.

Rule: only choice 0 is read, and an answer of several choices is never marked.
Source: https://platform.openai.com/docs/api-reference/chat-streaming; `reasoning_content` and `reasoning` are what compatible
providers add for the model's thoughts.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from backstory.core.document import Document, Extend, Put
from backstory.core.message import Text, Thinking, ToolCall
from backstory.core.reply import Delta, Ending, Finish, Meter, Reply, Started, TextDelta, ThoughtDelta, ToolDelta, Usage
from backstory.core.stream import Frame
from backstory.errors import DocumentError
from backstory.wires.counted import count, counts_of, inside
from backstory.wires.lowering import quote
from backstory.wires.sse import event, replaced

FINISHES: dict[str, Finish] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "refusal",
    "eos": "stop",
    "model_length": "length",
    "error": "error",
    "sensitive": "refusal",
    "network_error": "error",
    "model_context_window_exceeded": "length",
    "insufficient_system_resource": "error",
    "abort": "error",
    "function_call_filter": "error",
}
"""Why a model stopped: OpenAI's five words, and what compatible providers have beside them: Together (`eos`; its SDK's types), Mistral
(`model_length`, `error`; its OpenAPI), Z.ai (`sensitive`, `network_error`, `model_context_window_exceeded`; docs.z.ai, API reference),
DeepSeek (`insufficient_system_resource`; api-docs.deepseek.com), vLLM (`abort`; RequestFinishedReason), Google's endpoint for OpenAI's SDKs
(`function_call_filter: MALFORMED_FUNCTION_CALL`, `content_filter: PROHIBITED_CONTENT`: Gemini's own word stands behind a colon)."""
_REASON: dict[Finish, str] = {"length": "length", "tool_calls": "tool_calls", "refusal": "content_filter"}
_OWN_ID = "chatcmpl-backstory"
"""Stands for an id where a reply of our own has none: clients require one."""
_REFUSAL = 1
"""Index of a refusal's text, apart from that of the answer."""
_DONE = b"[DONE]"
_NULL = Raw(b"null")


class _Function(Struct, gc=False):
    name: str | None = None
    arguments: str | None = None


class _Custom(Struct, gc=False):
    name: str | None = None
    input: str | None = None


class _Call(Struct, gc=False):
    index: int = 0
    id: str | None = None
    function: _Function | None = None
    custom: _Custom | None = None


class _Delta(Struct, gc=False):
    role: str | None = None
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None
    function_call: _Function | None = None


class _Choice(Struct, gc=False):
    index: int = 0
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(Struct, gc=False):
    id: str | None = None
    model: str | None = None
    choices: list[_Choice] | None = None
    usage: Raw = _NULL
    error: Raw = _NULL


_chunk = msgspec.json.Decoder(_Chunk)
_encode = msgspec.json.Encoder().encode


def finish_of(reason: str) -> Finish:
    """The neutral name of a finish reason."""
    return FINISHES.get(reason.partition(":")[0], "other")


def usage_of(raw: Raw) -> Usage | None:
    """`prompt_tokens` of this wire includes cached input. None where nothing is told."""
    found = counts_of(raw)
    if found is None:
        return None
    details = inside(found, "prompt_tokens_details")
    read = count(details, "cached_tokens") or count(found, "prompt_cache_hit_tokens")
    return Usage(count(found, "prompt_tokens"), count(found, "completion_tokens"), read, count(details, "cache_write_tokens"))


def deltas(frame: Frame) -> list[Delta]:
    """What a chunk adds. The id comes with the first chunk, and again with the last one."""
    chunk = _read(frame)
    if chunk is None:
        return []
    out: list[Delta] = []
    choice = _first(chunk)
    if choice is not None:
        delta = choice.delta
        if (delta is not None and delta.role) or choice.finish_reason:
            out.append(Started(chunk.id or "", chunk.model or ""))
        if delta is not None:
            _pieces(delta, out)
        if choice.finish_reason:
            out.append(Ending(finish_of(choice.finish_reason)))
    if (usage := usage_of(chunk.usage)) is not None:
        out.append(Meter(usage))
    if chunk.error != _NULL:
        out.append(Ending("error"))
    return out


def mark_frame(frame: Frame, text: str, state: dict[str, str]) -> bytes | None:
    """One more chunk of text before the chunk that ends the answer; where that one brings text itself, its text goes on."""
    if "done" in state:
        return None
    chunk = _read(frame)
    if chunk is None or not chunk.choices:
        return None
    if any(choice.index != 0 for choice in chunk.choices):
        state["done"] = "1"
        return None
    choice = chunk.choices[0]
    content = choice.delta.content if choice.delta is not None else None
    if content:
        state["text"] = "1"
    if not choice.finish_reason:
        return None
    state["done"] = "1"
    if "text" not in state:
        return None
    try:
        if content:
            return replaced(frame, Document(frame.data).apply([Extend(("choices", 0, "delta", "content"), text)]))
        return _text_chunk(frame.data, text) + frame.raw
    except DocumentError:
        return None


def write_whole(reply: Reply) -> bytes:
    """A chat.completion object."""
    texts = [part.text for part in reply.parts if isinstance(part, Text)]
    thoughts = [part.text for part in reply.parts if isinstance(part, Thinking)]
    calls = [_call(part) for part in reply.parts if isinstance(part, ToolCall)]
    message = b'{"role":"assistant","content":' + (quote("".join(texts)) if texts or not calls else b"null") + b',"refusal":null'
    if thoughts:
        message += b',"reasoning_content":' + quote("".join(thoughts))
    if calls:
        message += b',"tool_calls":[' + b",".join(b"{" + call + b"}" for call in calls) + b"]"
    choice = b'{"index":0,"message":' + message + b'},"logprobs":null,"finish_reason":' + _reason(reply) + b"}"
    return _envelope(reply, b"chat.completion") + b',"choices":[' + choice + b'],"usage":' + _counts(reply.usage) + b"}"


def write_stream(reply: Reply) -> bytes:
    """All chunks of a completion, usage and [DONE] included."""
    pieces = [b'{"role":"assistant","content":""}']
    call_index = 0
    for part in reply.parts:
        match part:
            case Text(text):
                pieces.append(b'{"content":' + quote(text) + b"}")
            case Thinking(text):
                pieces.append(b'{"reasoning_content":' + quote(text) + b"}")
            case ToolCall():
                pieces.append(b'{"tool_calls":[{"index":%d,' % call_index + _call(part) + b"}]}")
                call_index += 1
            case _:
                pass
    head = _envelope(reply, b"chat.completion.chunk")
    out = [event(head + b',"choices":[' + _choice(piece, b"null") + b"]}") for piece in pieces]
    out.append(event(head + b',"choices":[' + _choice(b"{}", _reason(reply)) + b"]}"))
    if reply.usage is not None:
        out.append(event(head + b',"choices":[],"usage":' + _counts(reply.usage) + b"}"))
    return b"".join([*out, event(_DONE)])


def _read(frame: Frame) -> _Chunk | None:
    if frame.data[:1] != b"{":
        return None
    try:
        return _chunk.decode(frame.data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _first(chunk: _Chunk) -> _Choice | None:
    """Choice 0, wherever it stands."""
    for choice in chunk.choices or ():
        if choice.index == 0:
            return choice
    return None


def _pieces(delta: _Delta, out: list[Delta]) -> None:
    """Thoughts come before the text of the same chunk; of two names for them the first one counts."""
    thought = delta.reasoning_content or delta.reasoning
    if thought:
        out.append(ThoughtDelta(thought))
    if delta.content:
        out.append(TextDelta(delta.content))
    if delta.refusal:
        out.append(TextDelta(delta.refusal, _REFUSAL))
    for call in delta.tool_calls or ():
        name, arguments = _called(call)
        out.append(ToolDelta(call.index, call.id or "", name, arguments))
    if delta.function_call is not None:
        out.append(ToolDelta(0, "", delta.function_call.name or "", delta.function_call.arguments or ""))


def _called(call: _Call) -> tuple[str, str]:
    if call.custom is not None:
        return call.custom.name or "", call.custom.input or ""
    function = call.function or _Function()
    return function.name or "", function.arguments or ""


def _text_chunk(data: bytes, text: str) -> bytes:
    """A chunk like this one, but for its choices: these are one of text; and it has no usage."""
    document = Document(data)
    names = document.keys()
    splices = [Put(("choices",), b"[" + _choice(b'{"content":' + quote(text) + b"}", b"null") + b"]")]
    if "usage" in names:
        splices.append(Put(("usage",), b"null"))
    return event(document.apply(splices).replace(b"\n", b""))


def _choice(delta: bytes, reason: bytes) -> bytes:
    return b'{"index":0,"delta":' + delta + b',"logprobs":null,"finish_reason":' + reason + b"}"


def _envelope(reply: Reply, kind: bytes) -> bytes:
    """An object of this kind without its choices and its last brace. Time is not known here: 0."""
    return b'{"id":' + quote(reply.id or _OWN_ID) + b',"object":"' + kind + b'","created":0,"model":' + quote(reply.model)


def _reason(reply: Reply) -> bytes:
    return quote(_REASON.get(reply.finish, "stop"))


def _call(call: ToolCall) -> bytes:
    function = b'{"name":' + quote(call.name) + b',"arguments":' + quote(call.arguments) + b"}"
    return b'"id":' + quote(call.id) + b',"type":"function","function":' + function


def _counts(usage: Usage | None) -> bytes:
    found = usage or Usage()
    written = {"cache_write_tokens": found.cache_write_tokens} if found.cache_write_tokens else {}
    return _encode(
        {
            "prompt_tokens": found.input_tokens,
            "completion_tokens": found.output_tokens,
            "total_tokens": found.input_tokens + found.output_tokens,
            "prompt_tokens_details": {"cached_tokens": found.cache_read_tokens, **written},
        }
    )
