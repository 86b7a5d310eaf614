"""OpenAI Chat Completions for translation: requests, written.

Rule: what OpenAI's API is known to refuse is not sent to its models, and is told as a loss; models of other names are taken to be served by
a compatible provider, which gets what most of them know.
Source: https://platform.openai.com/docs/api-reference/chat/create.
"""

from __future__ import annotations

import hashlib
import re

from msgspec import Raw
from msgspec.structs import replace

from backstory.core.translation import (
    Asked,
    Builtin,
    Choice,
    Function,
    Loss,
    Odd,
    Piece,
    Refusal,
    Result,
    Said,
    Sampling,
    Sight,
    Thought,
    Use,
    Words,
)
from backstory.wires.lowering import encode
from backstory.wires.openai_chat.tongue_habits import BRIDGE, effort_at, exact_id, thoughts_back
from backstory.wires.openai_chat.tongue_losses import LOSSES
from backstory.wires.openai_chat.tongue_pieces import OWN, extra, shown
from backstory.wires.translation.efforts import PLAIN_MODELS, wanted_effort
from backstory.wires.translation.fields import Fields
from backstory.wires.translation.freely import INPUT_SCHEMA, customs, described, nested_format, wrapped
from backstory.wires.translation.in_json import IN_JSON, says_json
from backstory.wires.translation.media import data_url, file_name, plain_text
from backstory.wires.translation.schemas import enforceable, filled
from backstory.wires.translation.tongue import Json, Losses, allowed, safe_id, short_name

_OPENAI = re.compile(r"(?:^|/)(?:o\d|gpt-(?!oss)|chatgpt|codex)")
"""Models of OpenAI."""
_NEWEST = re.compile(r"(?:^|/)gpt-[5-9]")
"""Those that know tools of free text, where OpenAI serves them."""
_COLD = re.compile(r"(?:^|/)(?:o\d|gpt-[5-9](?![\d.]*-chat))")
"""Those that take neither temperature nor top_p."""
_UNTHINKING_TOOLS = re.compile(r"gpt-(?:5\.[2-9]|[6-9])")
"""Models that OpenAI lets call tools over this wire only without reasoning: https://developers.openai.com/api/docs/guides/reasoning."""
_IDS = re.compile(r"[!-~]+")
_MOST_ID = 40
_MOST_STOPS = 4
_MOST_USER = 64
_TIERS = {"standard_only": "default"}
_KNOWN_TIERS = frozenset({"auto", "default", "flex", "priority", "scale"})
_MODES = {"auto": "auto", "none": "none", "any": "required"}
_SAME_METADATA = frozenset({OWN, "openai_responses"})
_ANSWER = "answer"
_EMPTY = Raw(b'{"type":"object","properties":{}}')


def write(asked: Asked) -> tuple[bytes, tuple[Loss, ...]]:
    """The request, and what of it is lost."""
    lost = Losses(LOSSES)
    body: Json = {"model": asked.model, "messages": _Messages(asked, lost).write()}
    _tools(asked, body, lost)
    _sample(asked.sampling, asked.model, body, lost)
    _reason(asked, body, lost)
    _format(asked, body, lost)
    _about(asked, body, lost)
    if asked.stream:
        body["stream"] = True
        if asked.usage:
            body["stream_options"] = {"include_usage": True}
    body |= lost.foreign(asked, OWN)
    return encode(body), lost.told()


class _Messages:
    """The messages of one request. What was sent once is sent again as it was, for the provider's prompt cache."""

    def __init__(self, asked: Asked, lost: Losses) -> None:
        self._asked = asked
        self._lost = lost
        self._native = _free(asked)

    def write(self) -> list[Json]:
        """The system prompt is one message."""
        out: list[Json] = []
        system = [self._words(one).text for one in self._asked.system]
        if system:
            out.append({"role": "system", "content": "\n\n".join(system)})
        group: list[Said] = []
        for one in self._asked.said:
            if one.speaker == "user":
                group.append(one)
                continue
            out += self._users(group)
            group = []
            if one.speaker == "system":
                text = "\n\n".join([self._words(piece).text for piece in one.pieces if isinstance(piece, Words)])
                out.append(_named({"role": "system", "content": text}, one.name))
            else:
                out += self._assistant(one)
        return out + self._users(group)

    def _users(self, group: list[Said]) -> list[Json]:
        """What users say one after the other: the results of calls come first, then what these show, then the rest."""
        results = [piece for one in group for piece in one.pieces if isinstance(piece, Result)]
        out = [self._result(piece) for piece in results]
        behind = len(out)
        seen: list[Json] = []
        for result in results:
            found = [part for sight in shown(result) if (part := self._sight(sight)) is not None]
            if found:
                self._lost.note("tool_result media")
                seen += [{"type": "text", "text": f"[shown by {result.name or 'the tool'}, call {self._id(result.id)}]"}, *found]
        if seen:
            out.append({"role": "user", "content": seen})
        for one in group:
            parts = [part for piece in one.pieces if (part := self._part(piece)) is not None]
            if parts:
                out.append(_named({"role": "user", "content": _content(parts)}, one.name))
            elif any(isinstance(piece, Words) for piece in one.pieces):
                out.append(_named({"role": "user", "content": ""}, one.name))
        if 0 < behind < len(out) and self._asked.habits.bridged:
            self._lost.note("results")
            out.insert(behind, {"role": "assistant", "content": BRIDGE})
        return out

    def _result(self, piece: Result) -> Json:
        text = "\n".join([part.text for part in piece.parts if isinstance(part, Words)])
        for part in piece.parts:
            if isinstance(part, Words):
                self._words(part)
        if piece.error:
            self._lost.note("is_error")
            text = text if text.lower().startswith("error") else f"Error: {text}"
        if piece.cached is not None:
            self._lost.note("cache_control")
        return {"role": "tool", "tool_call_id": self._id(piece.id), "content": text}

    def _part(self, piece: Piece) -> Json | None:
        match piece:
            case Words():
                text = self._words(piece).text
                return {"type": "text", "text": text} if text else None
            case Refusal(text):
                return {"type": "text", "text": text}
            case Sight():
                return self._sight(piece)
            case Odd():
                return self._odd(piece)
            case _:
                return None

    def _odd(self, piece: Odd) -> Json | None:
        if piece.wire != OWN:
            self._lost.note("odd", f"messages.content.{piece.kind}")
            return None
        return dict(Fields(piece.raw).rest())

    def _words(self, piece: Words) -> Words:
        if piece.cached is not None:
            self._lost.note("cache_control")
        if piece.citations:
            self._lost.note("citations")
        return piece

    def _sight(self, piece: Sight) -> Json | None:
        if piece.cached is not None:
            self._lost.note("cache_control")
        if piece.file and (self._asked.wire != OWN or piece.kind != "document"):
            self._lost.note("file_id")
            return None
        match piece.kind:
            case "image" | "video":
                link: Json = {"url": piece.url or data_url(piece, "image/png" if piece.kind == "image" else "video/mp4")}
                if piece.detail:
                    link["detail"] = piece.detail
                kind = f"{piece.kind}_url"
                return {"type": kind, kind: link}
            case "audio":
                if piece.url:
                    self._lost.note("audio url")
                    return None
                sort = piece.mime.removeprefix("audio/").removeprefix("x-").replace("mpeg", "mp3") or "wav"
                return {"type": "input_audio", "input_audio": {"data": piece.data, "format": sort}}
            case "document":
                return self._document(piece)

    def _document(self, piece: Sight) -> Json | None:
        if piece.url:
            self._lost.note("document url")
            return None
        if piece.file:
            return {"type": "file", "file": {"file_id": piece.file, **({"filename": piece.name} if piece.name else {})}}
        text = plain_text(piece) if piece.plain or self._asked.wire != OWN else None
        if text is not None:
            self._lost.note("plain documents")
            title = f" title={encode(piece.name).decode()}" if piece.name else ""
            return {"type": "text", "text": f"<document{title}>\n{text}\n</document>"}
        own = self._asked.wire == OWN
        name = piece.name if own else file_name(piece) if piece.name else "document.pdf"
        return {"type": "file", "file": {**({"filename": name} if name else {}), "file_data": data_url(piece, "application/pdf")}}

    def _assistant(self, one: Said) -> list[Json]:
        text = "".join([self._words(piece).text for piece in one.pieces if isinstance(piece, Words)])
        refused = "".join([piece.text for piece in one.pieces if isinstance(piece, Refusal)])
        calls = [self._call(piece) for piece in one.pieces if isinstance(piece, Use)]
        for piece in one.pieces:
            if isinstance(piece, Odd):
                self._odd(piece)
        thought = thoughts_back([piece for piece in one.pieces if isinstance(piece, Thought)], self._asked, bool(calls), self._lost)
        if not (text or refused or calls):
            if thought:
                self._lost.note("thoughts")
            return []
        out: Json = {"role": "assistant", "content": text or (None if calls or refused else "")}
        if refused:
            out["refusal"] = refused
        out |= thought
        if calls:
            out["tool_calls"] = calls
        return [_named(out, one.name)]

    def _call(self, piece: Use) -> Json:
        if piece.cached is not None:
            self._lost.note("cache_control")
        head: Json = {"id": self._id(piece.id)}
        if piece.custom and self._native:
            return {**head, "type": "custom", "custom": {"name": self._name(piece.name), "input": piece.arguments}}
        given = wrapped(piece.arguments) if piece.custom else piece.arguments or "{}"
        out: Json = {**head, "type": "function", "function": {"name": self._name(piece.name), "arguments": given}}
        if piece.sealed and self._asked.habits.thoughts:
            self._lost.note("thoughts")
        elif piece.sealed and not _OPENAI.search(self._asked.model):
            out["extra_content"] = extra(piece.sealed)
        return out

    def _id(self, name: str) -> str:
        length = self._asked.habits.id_length
        found = exact_id(name, length) if length else safe_id(name, _IDS, _MOST_ID)
        if found != name:
            self._lost.note("tool ids")
        return found

    def _name(self, name: str) -> str:
        return _short(name, self._lost)


def _named(message: Json, name: str) -> Json:
    if name:
        message["name"] = name
    return message


def _content(parts: list[Json]) -> object:
    return parts[0]["text"] if len(parts) == 1 and parts[0].get("type") == "text" and len(parts[0]) == 2 else parts


def _short(name: str, lost: Losses) -> str:
    found = short_name(name)
    if found != name:
        lost.note("tool names")
    return found


def _free(asked: Asked) -> bool:
    """Whether tools of free text are known. A provider that shares only a model's name with OpenAI refuses them."""
    return asked.habits.own_tools and bool(_NEWEST.search(asked.model))


def _tools(asked: Asked, body: Json, lost: Losses) -> None:
    native = _free(asked)
    openai = asked.habits.own_tools and bool(_OPENAI.search(asked.model))
    offered = asked.tools if openai else allowed(asked, lost)
    tools = [tool for one in offered if (tool := _tool(one, asked, native, lost)) is not None]
    if not tools:
        return
    body["tools"] = tools
    if asked.choice is not None:
        takes = customs(asked) if native else frozenset()
        body["tool_choice"] = _choice(asked.choice, takes, openai, lost)
    if asked.parallel is not None:
        body["parallel_tool_calls"] = asked.parallel


def _tool(tool: Function | Builtin, asked: Asked, native: bool, lost: Losses) -> Json | None:
    if isinstance(tool, Builtin):
        if asked.wire == OWN:
            return dict(Fields(tool.raw).rest())
        lost.note("tools", f"tools.{tool.type}")
        return None
    if tool.cached is not None:
        lost.note("cache_control")
    free = tool.custom and native
    out: Json = {"name": _short(tool.name, lost)}
    if description := tool.description if free else described(tool):
        out["description"] = description
    if free:
        return {"type": "custom", "custom": {**out, **({"format": nested_format(tool.schema)} if tool.schema else {})}}
    if tool.custom:
        lost.note("custom tools")
    schema = INPUT_SCHEMA if tool.custom else tool.schema
    out["parameters"] = Raw(schema if asked.wire == OWN else filled(schema)) if schema else _EMPTY
    if tool.strict is not None:
        out["strict"] = tool.strict if asked.wire == OWN else _strict(tool.strict, schema, lost)
    return {"type": "function", "function": out}


def _choice(choice: Choice, takes: frozenset[str], openai: bool, lost: Losses) -> object:
    """`takes`: the tools of free text."""
    if choice.mode == "tool":
        return _one(choice.name, takes, lost)
    if choice.allowed and openai:
        only = {"mode": _MODES[choice.mode], "tools": [_one(name, takes, lost) for name in choice.allowed]}
        return {"type": "allowed_tools", "allowed_tools": only}
    return _MODES[choice.mode]


def _one(name: str, takes: frozenset[str], lost: Losses) -> Json:
    kind = "custom" if name in takes else "function"
    return {"type": kind, kind: {"name": _short(name, lost)}}


def _strict(wanted: bool, schema: bytes, lost: Losses) -> bool:
    """Whether the schema is to be enforced: OpenAI takes only those whose objects are closed and whose members are all required."""
    if not wanted:
        return False
    found = bool(schema) and enforceable(schema)
    if not found:
        lost.note("strict")
    return found


def _sample(given: Sampling, model: str, body: Json, lost: Losses) -> None:
    temperature, top_p = given.temperature, given.top_p
    if _COLD.search(model):
        for name, value in (("temperature", temperature), ("top_p", top_p)):
            if value is not None and value != 1:
                lost.note(name)
        temperature = top_p = None
        for name, there in _unreasoned(given):
            if there:
                lost.note(name)
        given = replace(given, presence=None, frequency=None, logit_bias=None, logprobs=False, top_logprobs=None)
    if given.top_k is not None:
        lost.note("top_k")
    stop = list(given.stop[:_MOST_STOPS])
    if len(stop) < len(given.stop):
        lost.note("stop_sequences")
    found: Json = {
        "max_completion_tokens" if _OPENAI.search(model) else "max_tokens": given.most,
        "temperature": temperature,
        "top_p": top_p,
        "stop": stop or None,
        "seed": given.seed,
        "presence_penalty": given.presence,
        "frequency_penalty": given.frequency,
        "n": given.count if given.count != 1 else None,
        "logit_bias": given.logit_bias,
        "logprobs": given.logprobs or None,
        "top_logprobs": given.top_logprobs,
    }
    if given.top_logprobs is not None and not given.logprobs:
        # OpenAI Responses takes it alone, and tells nothing.
        lost.note("top_logprobs")
        del found["top_logprobs"]
    body |= {name: value for name, value in found.items() if value is not None}


def _unreasoned(given: Sampling) -> tuple[tuple[str, bool], ...]:
    """What models that reason do not take, and whether it is there."""
    return (
        ("presence_penalty", bool(given.presence)),
        ("frequency_penalty", bool(given.frequency)),
        ("logit_bias", given.logit_bias is not None),
        ("logprobs", given.logprobs),
        ("top_logprobs", given.top_logprobs is not None and not given.logprobs),
    )


def _reason(asked: Asked, body: Json, lost: Losses) -> None:
    wanted = asked.reasoning
    if wanted is not None and wanted.summary:
        lost.note("reasoning.summary")
    if "tools" in body and _UNTHINKING_TOOLS.match(asked.model) and not PLAIN_MODELS.search(asked.model):
        if wanted is None or (wanted.effort != "none" and wanted.budget != 0):
            lost.note("reasoning with tools")
        body["reasoning_effort"] = "none"
        return
    if wanted is None:
        return
    effort = wanted_effort(wanted)
    if not effort:
        return
    found = "" if PLAIN_MODELS.search(asked.model) else effort_at(asked.habits, asked.model, effort)
    if not found:
        if effort != "none":
            lost.note("thinking")
        return
    if found != effort or wanted.budget:
        lost.note("reasoning_effort")
    body["reasoning_effort"] = found


def _format(asked: Asked, body: Json, lost: Losses) -> None:
    form = asked.format
    if form is None:
        return
    if not form.schema:
        body["response_format"] = {"type": "json_object"}
        if asked.wire != OWN and not says_json(asked, True):
            lost.note("response_format")
            _say_json(body)
        if form.description:
            lost.note("response_format.description")
        return
    inner: Json = {"name": form.name or _ANSWER, "schema": Raw(form.schema if asked.wire == OWN else filled(form.schema))}
    if form.description:
        inner["description"] = form.description
    if form.strict is not None:
        inner["strict"] = form.strict if asked.wire == OWN else _strict(form.strict, form.schema, lost)
    body["response_format"] = {"type": "json_schema", "json_schema": inner}


def _say_json(body: Json) -> None:
    """In the system prompt."""
    messages = body["messages"]
    assert isinstance(messages, list)
    if messages and messages[0]["role"] == "system":
        messages[0]["content"] += f"\n\n{IN_JSON}"
    else:
        messages.insert(0, {"role": "system", "content": IN_JSON})


def _about(asked: Asked, body: Json, lost: Losses) -> None:
    user = asked.user
    if len(user) > _MOST_USER:
        lost.note("user")
        user = hashlib.sha256(user.encode("utf-8", "surrogatepass")).hexdigest()
    if user:
        body["user"] = user
    if asked.metadata is not None:
        if asked.wire in _SAME_METADATA:
            body["metadata"] = asked.metadata
        else:
            lost.note("metadata")
    tier = _TIERS.get(asked.tier, asked.tier)
    if tier in _KNOWN_TIERS or (tier and asked.wire == OWN):
        body["service_tier"] = tier
    elif tier:
        lost.note("service_tier")
    if asked.store is not None:
        body["store"] = asked.store
    if asked.previous:
        lost.note("previous_response_id")
