"""Gemini, for translation: requests to a provider of this wire.

Rule: messages of one speaker that follow each other are one content, results of tools in one of their own. What a provider of this wire
cannot be told stands in LOSSES.
"""

from __future__ import annotations

import re

from msgspec import Raw
from msgspec.structs import replace

from backstory.core.translation import (
    Asked,
    Choice,
    Function,
    Loss,
    Odd,
    Piece,
    Refusal,
    Result,
    Said,
    Sight,
    Thought,
    Use,
    Words,
)
from backstory.wires.gemini.tongue_read import NO_SEAL, OWN_FILES, WIRE, is_made
from backstory.wires.gemini.tongue_schema import for_gemini
from backstory.wires.gemini.tongue_thinking import generation, thinking_of
from backstory.wires.lowering import encode
from backstory.wires.translation.fields import Fields
from backstory.wires.translation.freely import INPUT_SCHEMA, described
from backstory.wires.translation.in_json import in_schema
from backstory.wires.translation.media import base64_of, mime_of, sniffed
from backstory.wires.translation.more import Losing, arguments_object, joined
from backstory.wires.translation.tongue import Json, letter_name, object_text, placed

_NO_PLACE = "Gemini has no such parameter"
LOSSES: tuple[Loss, ...] = (
    Loss("modalities", "refused", "an answer that is spoken has no place in Gemini's wire as it is asked for"),
    Loss("logit_bias", "dropped", _NO_PLACE),
    Loss("top_logprobs", "dropped", "told only with logprobs, which were not asked for"),
    Loss("parallel_tool_calls", "dropped", "Gemini has no switch for it"),
    Loss("user", "dropped", _NO_PLACE),
    Loss("metadata", "dropped", _NO_PLACE),
    Loss("service_tier", "dropped", "tiers are each provider's own"),
    Loss("store", "dropped", "Gemini keeps no answers that could be fetched"),
    Loss("previous_response_id", "refused", "Gemini keeps no answers, and this one is not known here, or not any more"),
    Loss("stop", "changed", "Gemini takes five stop sequences: the first five are sent"),
    Loss("temperature", "changed", "Gemini takes 2 at most"),
    Loss("max_tokens", "changed", "as many as the model is known to give"),
    Loss("reasoning", "dropped", "the model does not think"),
    Loss("reasoning.effort", "changed", "as near as the model can be told"),
    Loss("reasoning.summary", "changed", "thoughts are shown or not, in whatever length"),
    Loss("thinking", "dropped", "reasoning that another provider sealed is of no use to this one"),
    Loss("cache_control", "dropped", "the provider caches by itself"),
    Loss(
        "tool names",
        "changed",
        "longer than 64 letters, or with others than letters, digits, _ and -, or not begun by a letter; answers have the client's name",
    ),
    Loss("refusal", "changed", "a refusal in an earlier answer is text"),
    Loss("arguments", "changed", "arguments that are no JSON object become one"),
    Loss("system messages", "changed", "instructions between messages are told in the user's name, between tags"),
    Loss("name", "dropped", "messages have no name of a speaker"),
    Loss("citations", "dropped", "citations in earlier answers have no place"),
    Loss("file_id", "refused", "the file is kept by another provider"),
    Loss("filename", "dropped", "files have no name here"),
    Loss("detail", "dropped", "how closely to look is the provider's choice"),
    Loss("tools.strict", "dropped", "Gemini has no switch for it"),
    Loss("tools.custom", "changed", "a tool of free text is offered as a function of one string, its grammar in the description"),
    Loss("tool_result.media", "changed", "models before Gemini 3 take what a tool shows behind its result only"),
    Loss("tools", "changed", "the provider's own tool of the same use takes its place"),
    Loss("tool_choice.allowed_tools", "dropped", "Gemini can only be held to some tools where it has to call one"),
    Loss("response_format", "changed", "an instruction: models before Gemini 3 do not answer in JSON where they have functions"),
    Loss("messages", "changed", "instructions without a message are one; results stand right behind their calls"),
    Loss("response_format.description", "dropped", "a schema has no description of its own"),
)
"""What does not get through to a provider of this wire, whatever the client's."""

_MOST_STOPS = 5
_USUAL = {"image": "image/png", "audio": "audio/wav", "video": "video/mp4"}
_ALIKE: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"web_search\w*"), "googleSearch"),
    (re.compile(r"code_interpreter|code_execution_\d+"), "codeExecution"),
)
_OWN_TOOLS = frozenset(
    {"googleSearch", "google_search", "googleSearchRetrieval", "codeExecution", "code_execution", "urlContext", "url_context"}
    | {"googleMaps", "google_maps", "fileSearch", "file_search", "computerUse", "computer_use", "enterpriseWebSearch", "retrieval"}
)


def write_asked(asked: Asked) -> tuple[bytes, tuple[Loss, ...]]:
    """A request, and what of it gets lost."""
    losing = Losing(LOSSES)
    body: Json = {}
    tools, told = _tools(asked, losing), [one.text for one in asked.system]
    form = _format(asked, losing)
    if form and any(isinstance(tool, Function) for tool in asked.tools) and 0 < generation(asked.model) < 3:
        losing.lose("response_format")
        told.append(in_schema(b"" if asked.format is None else asked.format.schema))
        form = {}
    contents = contents_of(asked, losing)
    if told and not contents:
        losing.lose("messages")
        contents, told = [{"role": "user", "parts": [{"text": one} for one in told]}], []
    if told:
        body["systemInstruction"] = {"parts": [{"text": one} for one in told]}
    body["contents"] = contents
    body |= tools
    config = _sampling(asked, losing) | form | thinking_of(asked, losing)
    if config:
        body["generationConfig"] = config
    body |= losing.foreign(asked, WIRE)
    _lost(asked, losing)
    return encode(body), losing.told()


def contents_of(asked: Asked, losing: Losing) -> list[Json]:
    """The messages."""
    sealed = bool(generation(asked.model) >= 3)
    found: list[tuple[str, bool, list[Json]]] = []
    for said in _behind(placed(asked.said), losing):
        role = "model" if said.speaker == "assistant" else "user"
        for results, pieces in _runs(said):
            parts = [part for piece in pieces for part in _parts(piece, sealed, losing)]
            if not parts:
                continue
            if found and found[-1][0] == role and found[-1][1] == results:
                found[-1][2].extend(parts)
            else:
                found.append((role, results, parts))
    return [{"role": role, "parts": _with_seal(parts) if sealed and role == "model" else parts} for role, _, parts in found]


def _behind(talk: tuple[Said, ...], losing: Losing) -> list[Said]:
    """The messages, results right behind their calls: what a user said in between comes after them."""
    out: list[Said] = []
    begun = 0  # where what the user says after the last answer begins
    mixed = False  # whether anything but results stands there
    for said in talk:
        results = tuple([piece for piece in said.pieces if isinstance(piece, Result)])
        if said.speaker == "assistant":
            out.append(said)
            begun, mixed = len(out), False
        elif results and mixed:
            losing.lose("messages")
            out.insert(begun, replace(said, pieces=results))
            begun += 1
            rest = tuple([piece for piece in said.pieces if not isinstance(piece, Result)])
            out += [replace(said, pieces=rest)] if rest else []
        else:
            out.append(said)
            mixed = mixed or len(results) < len(said.pieces)
    return out


def _runs(said: Said) -> list[tuple[bool, list[Piece]]]:
    """Its pieces, results apart from all else."""
    runs: list[tuple[bool, list[Piece]]] = []
    for piece in said.pieces:
        results = isinstance(piece, Result)
        if not runs or runs[-1][0] != results:
            runs.append((results, []))
        runs[-1][1].append(piece)
    return runs


def _with_seal(parts: list[Json]) -> list[Json]:
    """The first call of a message has to bear a seal: one that another model made gets the one that stands for none."""
    calls = [part for part in parts if "functionCall" in part]
    if not calls or any("thoughtSignature" in part for part in calls):
        return parts
    first = calls[0]
    return [{**part, "thoughtSignature": NO_SEAL[0]} if part is first else part for part in parts]


def _parts(piece: Piece, nested: bool, losing: Losing) -> list[Json]:
    """A piece of a request. `nested`: what a tool shows stands inside its result, as newer models take it, not behind it."""
    match piece:
        case Words(text, _, citations):
            losing.all_of({"citations": bool(citations)})
            return [{"text": text}] if text else []
        case Refusal(text):
            losing.lose("refusal")
            return [{"text": text}] if text else []
        case Thought(text, sealed, seal):
            if seal not in ("", WIRE) or not (text or sealed):
                losing.lose("thinking")
                return []
            return [thought_part(text, sealed)]
        case Use():
            losing.all_of({"arguments": not piece.custom and object_text(piece.arguments) is None})
            return [call_part(replace(piece, name=letter_name(piece.name)))]
        case Result():
            return _result(piece, nested, losing)
        case Sight():
            part = seen_part(piece, losing)
            return [] if part is None else [part]
        case Odd():
            if piece.wire == WIRE:
                return [dict(Fields(piece.raw).rest())]
            losing.lose(piece.kind or "content")
            return []


def thought_part(text: str, sealed: str) -> Json:
    """Reasoning; what is only a seal stands on an empty text."""
    found: Json = {"text": text, "thought": True} if text else {"text": text}
    return {**found, "thoughtSignature": sealed} if sealed else found


def call_part(piece: Use) -> Json:
    """A call. Arguments that are no object become one."""
    call: Json = {} if not piece.id or is_made(piece.id) else {"id": piece.id}
    args: object = {"input": piece.arguments} if piece.custom else arguments_object(piece.arguments, "input")
    found: Json = {"functionCall": {**call, "name": piece.name, "args": args}}
    return {**found, "thoughtSignature": piece.sealed} if piece.sealed else found


def _result(piece: Result, nested: bool, losing: Losing) -> list[Json]:
    call: Json = {} if not piece.id or is_made(piece.id) else {"id": piece.id}
    text = joined(piece.parts)
    answer: Json = {"error" if piece.error else "output": text}
    shown = [part for one in piece.parts if isinstance(one, Sight) and (part := seen_part(one, losing)) is not None]
    inner: Json = {**call, "name": letter_name(piece.name or "tool"), "response": answer}
    if nested and shown:
        return [{"functionResponse": {**inner, "parts": shown}}]
    losing.all_of({"tool_result.media": bool(shown)})
    return [{"functionResponse": inner}, *shown]


def seen_part(seen: Sight, losing: Losing) -> Json | None:
    losing.all_of({"filename": bool(seen.name), "detail": seen.detail not in ("", "auto")})
    if seen.file and not OWN_FILES.match(seen.file):
        losing.lose("file_id")
        return None
    link = seen.file or seen.url
    if link:
        mime = seen.mime or mime_of(link)
        return {"fileData": {"fileUri": link} | ({"mimeType": mime} if mime else {})}
    return {"inlineData": {"mimeType": sniffed(seen) or _USUAL.get(seen.kind, "application/pdf"), "data": base64_of(seen)}}


def _tools(asked: Asked, losing: Losing) -> Json:
    declared = [_function(tool, losing) for tool in asked.tools if isinstance(tool, Function)]
    tools: list[object] = [{"functionDeclarations": declared}] if declared else []
    for tool in asked.tools:
        if isinstance(tool, Function):
            continue
        alike = next((own for pattern, own in _ALIKE if pattern.fullmatch(tool.type)), "")
        if tool.type in _OWN_TOOLS:
            tools.append(tool.raw)
        elif alike and not declared:
            # Most models refuse their own tools beside functions.
            tools.append({alike: {}})
            losing.lose("tools")
        else:
            losing.lose(f"tools.{tool.type}")
    found: Json = {"tools": tools} if tools else {}
    if asked.choice is not None and declared:
        found["toolConfig"] = {"functionCallingConfig": _choice(asked.choice, losing)}
    return found


def _function(tool: Function, losing: Losing) -> Json:
    found: Json = {"name": letter_name(tool.name), "description": tool.description}
    losing.all_of({"tools.strict": bool(tool.strict), "tools.custom": tool.custom})
    if tool.custom:
        return {**found, "description": described(tool), "parametersJsonSchema": Raw(INPUT_SCHEMA)}
    if not tool.schema:
        return found
    return {**found, "parametersJsonSchema": for_gemini(tool.schema, "tools.parameters", losing)}


def _choice(choice: Choice, losing: Losing) -> Json:
    if choice.mode == "tool":
        return {"mode": "ANY", "allowedFunctionNames": [letter_name(choice.name)]}
    if choice.allowed and choice.mode == "any":
        return {"mode": "ANY", "allowedFunctionNames": [letter_name(name) for name in choice.allowed]}
    losing.all_of({"tool_choice.allowed_tools": bool(choice.allowed)})
    return {"mode": {"auto": "AUTO", "none": "NONE", "any": "ANY"}[choice.mode]}


def _sampling(asked: Asked, losing: Losing) -> Json:
    sampling = asked.sampling
    temperature = sampling.temperature
    losing.all_of(
        {
            "top_logprobs": sampling.top_logprobs is not None and not sampling.logprobs,
            "stop": len(sampling.stop) > _MOST_STOPS,
            "logit_bias": sampling.logit_bias is not None,
            "temperature": temperature is not None and temperature > 2,
        }
    )
    wanted: Json = {
        "maxOutputTokens": sampling.most,
        "temperature": None if temperature is None else min(temperature, 2),
        "topP": sampling.top_p,
        "topK": sampling.top_k,
        "stopSequences": list(sampling.stop[:_MOST_STOPS]) or None,
        "seed": sampling.seed,
        "presencePenalty": sampling.presence,
        "frequencyPenalty": sampling.frequency,
        "candidateCount": sampling.count if sampling.count > 1 else None,
        "responseLogprobs": sampling.logprobs or None,
        "logprobs": sampling.top_logprobs if sampling.logprobs else None,
    }
    return {name: one for name, one in wanted.items() if one is not None}


def _format(asked: Asked, losing: Losing) -> Json:
    form = asked.format
    if form is None:
        return {}
    found: Json = {"responseMimeType": "application/json"}
    losing.all_of({"response_format.description": bool(form.description)})
    if not form.schema:
        return found
    return {**found, "responseJsonSchema": for_gemini(form.schema, "response_format.schema", losing)}


def _lost(asked: Asked, losing: Losing) -> None:
    """What has no place at all."""
    pieces = [piece for said in asked.said for piece in said.pieces]
    marks: list[object] = [one.cached for one in asked.system]
    marks += [tool.cached for tool in asked.tools if isinstance(tool, Function)]
    marks += [piece.cached for piece in pieces if isinstance(piece, Words | Sight | Use | Result)]
    losing.all_of(
        {
            "tool names": any(letter_name(tool.name) != tool.name for tool in asked.tools if isinstance(tool, Function)),
            "cache_control": any(mark is not None for mark in marks),
            "system messages": any(said.speaker == "system" for said in asked.said),
            "name": any(said.name for said in asked.said),
            "parallel_tool_calls": asked.parallel is False,
            "user": bool(asked.user),
            "metadata": asked.metadata is not None,
            "service_tier": asked.tier not in ("", "auto", "default"),
            "store": bool(asked.store),
            "previous_response_id": bool(asked.previous),
        }
    )
