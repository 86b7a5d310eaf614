"""OpenAI Responses, for translation: requests to a provider of this wire.

Rule: each piece is an item, or a part of a message. What a provider of this wire cannot be told stands in LOSSES.
"""

from __future__ import annotations

import re
from hashlib import blake2b

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
    Reasoning,
    Refusal,
    Result,
    Said,
    Sight,
    Thought,
    Use,
    Words,
)
from backstory.wires.lowering import encode
from backstory.wires.openai_responses.tongue_about import about, foreign
from backstory.wires.openai_responses.tongue_items import WIRE
from backstory.wires.openai_responses.tongue_losses import LOSSES
from backstory.wires.openai_responses.tongue_read import LOGPROBS_INCLUDE, SEALED_INCLUDE
from backstory.wires.translation.efforts import PLAIN_MODELS, effort_for, wanted_effort
from backstory.wires.translation.fields import Fields
from backstory.wires.translation.in_json import IN_JSON, says_json
from backstory.wires.translation.media import data_url, file_name, link_of
from backstory.wires.translation.more import Losing, is_object, loose_text, value
from backstory.wires.translation.schemas import enforceable, filled
from backstory.wires.translation.seals import wrapped
from backstory.wires.translation.tongue import Json, effort_of, safe_id, short_name

_LEAST_TOKENS = 16
_IDS = re.compile(r".*", re.DOTALL)
_MOST_ID = 64
_SAME_FILES = frozenset({WIRE, "openai_chat"})
"""Wires of the provider that keeps the files of this one."""
_OWN_TOOLS = re.compile(
    r"web_search|web_search_preview\w*|file_search|code_interpreter|image_generation|mcp|local_shell|shell|apply_patch|computer\w*"
    r"|namespace|tool_search|programmatic_tool_calling"
)
_ALIKE: tuple[tuple[re.Pattern[str], Json], ...] = (
    (re.compile(r"googleSearch|google_search\w*|googleSearchRetrieval|web_search_\d+"), {"type": "web_search"}),
    (
        re.compile(r"codeExecution|code_execution\w*"),
        {"type": "code_interpreter", "container": {"type": "auto"}},
    ),
)
_REASONS_ALONE = re.compile(r"(?:.*/)?(?:o\d|gpt-5|codex|gpt-oss)(?!.*chat)")
_AUDIO = {"audio/mp3": "mp3", "audio/mpeg": "mp3", "audio/wav": "wav", "audio/x-wav": "wav"}
_ANNOTATIONS = frozenset({"url_citation", "file_citation", "container_file_citation", "file_path"})


def write_asked(asked: Asked) -> tuple[bytes, tuple[Loss, ...]]:
    """A request, and what of it gets lost."""
    losing = Losing(LOSSES)
    body: Json = {"model": asked.model}
    if asked.system:
        body["instructions"] = "\n\n".join(one.text for one in asked.system)
    body["input"] = items = [item for said in asked.said for item in said_items(said, losing)]
    if asked.wire != WIRE:
        _begin(asked, body, items, losing)
    if asked.stream:
        body["stream"] = True
    include: list[str] = []
    body |= _tools(asked, losing) | _sampling(asked, losing, include)
    reasoning = _reasoning(asked, losing)
    if reasoning:
        body["reasoning"] = reasoning
    if _REASONS_ALONE.match(asked.model):
        include.append(SEALED_INCLUDE)
    # A client of another wire knows nothing of answers that are kept.
    body["store"] = bool(asked.store)
    body |= _rest(asked, losing, include)
    losing.all_of(
        {
            "tool names": any(short_name(tool.name) != tool.name for tool in asked.tools if isinstance(tool, Function)),
            "cache_control": _marked(asked),
            "name": any(said.name for said in asked.said),
            "file_id": asked.wire not in _SAME_FILES and _foreign_files(asked),
        }
    )
    return encode(body), losing.told()


def _begin(asked: Asked, body: Json, items: list[Json], losing: Losing) -> None:
    """What the API wants to stand in the input: something, and the word JSON where the answer is to be in JSON without a schema."""
    told = body.get("instructions")
    if not items and told and not asked.previous:
        losing.lose("messages")
        del body["instructions"]
        items.append(_told(told))
    if asked.format is not None and not asked.format.schema and not says_json(asked, bool(items) and "instructions" not in body):
        losing.lose("response_format")
        items.insert(0, _told(IN_JSON))


def _told(text: object) -> Json:
    return {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": text}]}


def said_items(said: Said, losing: Losing) -> list[Json]:
    """One message as items, in order."""
    items: list[Json] = []
    parts: list[Json] = []
    role = "developer" if said.speaker == "system" else said.speaker
    for piece in said.pieces:
        part = _part(piece, said.speaker == "assistant", losing)
        if part is not None:
            parts.append(part)
            continue
        item = _item(piece, losing)
        if item is not None:
            if parts:
                items.append({"type": "message", "role": role, "content": parts})
                parts = []
            items.append(item)
    if parts:
        items.append({"type": "message", "role": role, "content": parts})
    return items


def tools_of(asked: Asked, losing: Losing) -> list[object]:
    """The tools, as the API writes them."""
    found: list[object] = []
    for tool in asked.tools:
        if isinstance(tool, Function):
            found.append(_function(tool, asked.wire == WIRE, losing))
            continue
        alike = next((own for pattern, own in _ALIKE if pattern.fullmatch(tool.type)), None)
        if _OWN_TOOLS.fullmatch(tool.type):
            found.append(tool.raw)
        elif alike is not None:
            found.append(alike)
            losing.lose("tools")
        else:
            losing.lose(f"tools.{tool.type}")
    return found


def choice_of(choice: Choice, tools: tuple[Function | Builtin, ...]) -> object:
    """`tool_choice`."""
    custom = {tool.name for tool in tools if isinstance(tool, Function) and tool.custom}

    def named(name: str) -> Json:
        return {"type": "custom" if name in custom else "function", "name": short_name(name)}

    if choice.mode == "tool":
        return named(choice.name)
    if choice.allowed:
        mode = "required" if choice.mode == "any" else "auto"
        return {"type": "allowed_tools", "mode": mode, "tools": [named(name) for name in choice.allowed]}
    return {"auto": "auto", "none": "none", "any": "required"}[choice.mode]


def reasoning_of(reasoning: Reasoning | None) -> Json:
    """`reasoning`, {} where nothing is said of it."""
    if reasoning is None:
        return {}
    effort = reasoning.effort or ("" if reasoning.budget is None else effort_of(reasoning.budget))
    found: Json = {"effort": effort} if effort else {}
    if reasoning.shown or reasoning.summary:
        found["summary"] = reasoning.summary or "auto"
    return found


def format_of(asked: Asked, losing: Losing) -> Json | None:
    """`text.format`, None where the answer may be any text."""
    form = asked.format
    if form is None:
        return None
    if not form.schema:
        return {"type": "json_object"}
    found: Json = {"type": "json_schema", "name": form.name or "answer", "schema": Raw(form.schema)}
    if form.description:
        found["description"] = form.description
    if asked.wire != WIRE:
        found["schema"] = Raw(filled(form.schema))
    return found if form.strict is None else {**found, "strict": _strict(form.strict, form.schema, asked.wire == WIRE, losing)}


def _strict(wanted: bool | None, schema: bytes, own: bool, losing: Losing) -> bool:
    """Whether a schema is to be enforced: what the API cannot enforce it refuses. `own`: its client means this API."""
    found = bool(wanted) and (own or (bool(schema) and enforceable(schema)))
    losing.all_of({"strict": found != bool(wanted)})
    return found


def annotation(citation: Raw) -> object | None:
    """A citation of any wire, as the API writes it; None for what has no place there."""
    if not is_object(citation):
        return None
    fields = Fields(citation)
    kind = fields.text("type")
    inner = fields.inner("url_citation")
    if kind in _ANNOTATIONS and inner is None:
        return citation
    named = inner or fields
    url = loose_text(named, "url", "uri")
    if not url:
        return None
    start, end = named.count("start_index", "startIndex") or 0, named.count("end_index", "endIndex") or 0
    return {"type": "url_citation", "start_index": start, "end_index": end, "title": loose_text(named, "title"), "url": url}


def thought_item(piece: Thought, name: str) -> Json:
    """Reasoning of an answer."""
    item: Json = {"id": piece.id or f"rs_{name}", "type": "reasoning"}
    item["summary"] = [{"type": "summary_text", "text": piece.text}] if piece.text else []
    if piece.sealed:
        item["encrypted_content"] = piece.sealed if piece.seal == WIRE else wrapped(piece.seal, piece.sealed)
    return item


def made_id(*parts: object) -> str:
    """An id that is the same for the same answer."""
    return blake2b(repr(parts).encode("utf-8", "replace"), digest_size=16).hexdigest()


def _part(piece: Piece, assistant: bool, losing: Losing) -> Json | None:
    """A part of a message; None for what is none."""
    match piece:
        case Words(text) if assistant:
            return {"type": "output_text", "text": text, "annotations": [one for raw in piece.citations if (one := annotation(raw))]}
        case Words(text):
            return {"type": "input_text", "text": text}
        case Refusal(text) if assistant:
            return {"type": "refusal", "refusal": text}
        case Refusal(text):
            return {"type": "input_text", "text": text}
        case Sight() if not assistant:
            return _seen(piece, losing)
        case _:
            return None


def _item(piece: Piece, losing: Losing) -> Json | None:
    match piece:
        case Use(call_id, name, arguments):
            losing.all_of({"thought_signature": bool(piece.sealed)})
            call_id = _call_id(call_id, losing)
            if piece.custom:
                return {"type": "custom_tool_call", "call_id": call_id, "name": short_name(name), "input": arguments}
            return {"type": "function_call", "call_id": call_id, "name": short_name(name), "arguments": arguments or "{}"}
        case Result():
            kind = "custom_tool_call_output" if piece.custom else "function_call_output"
            return {"type": kind, "call_id": _call_id(piece.id, losing), "output": _output(piece, losing)}
        case Thought() if piece.sealed and piece.seal == WIRE:
            return thought_item(piece, made_id(piece.sealed))
        case Thought():
            losing.lose("thinking")
        case Odd():
            if piece.wire == WIRE:
                return dict(Fields(piece.raw).rest())
            losing.lose(piece.kind or "content")
        case Sight():
            losing.lose("assistant.media")
        case _:
            pass
    return None


def _call_id(name: str, losing: Losing) -> str:
    """The id of a call as the API takes it: a call and its result get the same one."""
    found = safe_id(name, _IDS, _MOST_ID)
    losing.all_of({"tool ids": found != name})
    return found


def _output(result: Result, losing: Losing) -> object:
    """A tool's result: a string where it is one text."""
    parts = list(result.parts)
    if result.error:
        losing.lose("tool_result.is_error")
        first = parts[0] if parts and isinstance(parts[0], Words) else Words("")
        if not first.text.lower().startswith("error"):
            parts[: 1 if parts and isinstance(parts[0], Words) else 0] = [Words(f"Error: {first.text}")]
    if not parts:
        return ""
    if len(parts) == 1 and isinstance(parts[0], Words):
        return parts[0].text
    return [found for part in parts if (found := _part(part, False, losing)) is not None]


def _seen(seen: Sight, losing: Losing) -> Json | None:
    match seen.kind:
        case "image":
            where: Json = {"file_id": seen.file} if seen.file else {"image_url": link_of(seen, "image/png")}
            return {"type": "input_image", **where, "detail": seen.detail or "auto"}
        case "video":
            losing.lose("video")
            return None
        case "audio" if seen.data and seen.mime in _AUDIO:
            return {"type": "input_audio", "input_audio": {"data": seen.data, "format": _AUDIO[seen.mime]}}
        case "audio":
            losing.lose("audio")
        case _:
            pass
    named: Json = {"filename": seen.name} if seen.name else {}
    if seen.detail:
        named["detail"] = seen.detail
    if seen.file:
        return {"type": "input_file", "file_id": seen.file, **named}
    if seen.url:
        return {"type": "input_file", "file_url": seen.url, **named}
    named["filename"] = file_name(seen)
    return {"type": "input_file", "file_data": data_url(seen, "application/pdf"), **named}


def _function(tool: Function, own: bool, losing: Losing) -> Json:
    if tool.custom:
        found: Json = {"type": "custom", "name": short_name(tool.name), "description": tool.description}
        return {**found, "format": Raw(tool.schema)} if tool.schema else found
    schema = tool.schema if own else filled(tool.schema)
    parameters: object = Raw(schema) if schema else {"type": "object", "properties": {}}
    # The API takes a tool for strict that does not say otherwise.
    return {
        "type": "function",
        "name": short_name(tool.name),
        "description": tool.description,
        "parameters": parameters,
        "strict": _strict(tool.strict, tool.schema, own, losing),
    }


def _tools(asked: Asked, losing: Losing) -> Json:
    tools = tools_of(asked, losing)
    found: Json = {"tools": tools} if tools else {}
    if asked.choice is not None and tools:
        found["tool_choice"] = choice_of(asked.choice, asked.tools)
    if asked.parallel is not None:
        found["parallel_tool_calls"] = asked.parallel
    return found


def _sampling(asked: Asked, losing: Losing, include: list[str]) -> Json:
    sampling = asked.sampling
    losing.all_of(
        {
            "stop": bool(sampling.stop),
            "top_k": sampling.top_k is not None,
            "seed": sampling.seed is not None,
            "presence_penalty": bool(sampling.presence),
            "frequency_penalty": bool(sampling.frequency),
            "logit_bias": sampling.logit_bias is not None,
            "n": sampling.count > 1,
            "max_tokens": sampling.most is not None and sampling.most < _LEAST_TOKENS,
        }
    )
    found: Json = {} if sampling.most is None else {"max_output_tokens": max(sampling.most, _LEAST_TOKENS)}
    thinks = _REASONS_ALONE.match(asked.model) and not (asked.reasoning is not None and asked.reasoning.effort == "none")
    for name, wanted in (("temperature", sampling.temperature), ("top_p", sampling.top_p)):
        if wanted is not None and thinks:
            losing.lose(name)
        elif wanted is not None:
            found[name] = wanted
    if sampling.logprobs:
        include.append(LOGPROBS_INCLUDE)
    return found if sampling.top_logprobs is None else {**found, "top_logprobs": sampling.top_logprobs}


def _rest(asked: Asked, losing: Losing, include: list[str]) -> Json:
    found = about(asked, losing)
    others = foreign(asked, losing)
    form, verbosity = format_of(asked, losing), others.pop("verbosity", None)
    text: Json = {} if form is None else {"format": form}
    if verbosity is not None:
        text["verbosity"] = verbosity
    if text:
        found["text"] = text
    wanted = others.pop("include", None)
    if isinstance(wanted, Raw):
        told = value(wanted)
        include.extend(str(one) for one in (told if isinstance(told, list) else ()))
    found |= others
    return {**found, "include": include} if include else found


def _reasoning(asked: Asked, losing: Losing) -> Json:
    """`reasoning`, as far as the model can be told."""
    wanted = asked.reasoning
    if wanted is None:
        return {}
    effort = wanted_effort(wanted)
    if PLAIN_MODELS.search(asked.model):
        losing.all_of({"reasoning": effort != "none"})
        return {}
    found = effort_for(asked.model, effort) if effort else effort
    losing.all_of({"reasoning.effort": found != effort})
    return reasoning_of(replace(wanted, effort=found, budget=None))


def _foreign_files(asked: Asked) -> bool:
    """Whether anything is a file that another provider keeps."""
    pieces = [piece for said in asked.said for piece in said.pieces]
    shown = [part for piece in pieces if isinstance(piece, Result) for part in piece.parts]
    return any(isinstance(piece, Sight) and piece.file for piece in (*pieces, *shown))


def _marked(asked: Asked) -> bool:
    """Whether anything bears a mark of a cache."""
    marks: list[object] = [one.cached for one in asked.system]
    marks += [tool.cached for tool in asked.tools if isinstance(tool, Function)]
    marks += [piece.cached for said in asked.said for piece in said.pieces if isinstance(piece, Words | Sight | Use | Result)]
    return any(mark is not None for mark in marks)
