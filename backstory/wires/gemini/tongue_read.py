"""Gemini, for translation: what a request says, and what a part of a request or of an answer is.

Rule: names are read in camelCase and in snake_case. A call without an id gets one that is made from what it says and where it stands, the
same each time; a result without an id belongs to the first call of its name that has none yet.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from hashlib import blake2b
from urllib.parse import unquote

from msgspec import Raw, Struct
from msgspec.structs import replace

from backstory.core.translation import (
    Asked,
    Builtin,
    Choice,
    Effort,
    Format,
    Function,
    Loss,
    Odd,
    Piece,
    Reasoning,
    Result,
    Said,
    Sampling,
    Sight,
    Thought,
    Use,
    Words,
)
from backstory.wires.gemini.tongue_schema import from_gemini
from backstory.wires.lowering import encode
from backstory.wires.translation.fields import Fields
from backstory.wires.translation.media import held, kind_of, mime_of
from backstory.wires.translation.more import Losing, is_object, is_string, string
from backstory.wires.translation.seals import unwrapped, wrapped

WIRE = "gemini"
NO_SEAL = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
"""What stands for the seal of a call that another model made (ai.google.dev/gemini-api/docs/thought-signatures)."""
_PATH = re.compile(r"/([^/:]+)(?::|%3[Aa])(generateContent|streamGenerateContent)\Z")
OWN_FILES = re.compile(r"gs://|https://generativelanguage\.googleapis\.com/|files/")
"""Links that only this provider can follow."""
_MADE = re.compile(r"call_g[0-9a-f]{24}")
_TEXT_NAMES = ("output", "result", "content", "error")
"""The member under which clients put the text of a function's answer when it is nothing but text."""
_LEVELS: dict[str, Effort] = {"minimal": "minimal", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh"}
_MODES = frozenset({"", "MODE_UNSPECIFIED", "AUTO", "ANY", "NONE"})
_JSON_MIME = "application/json"
_CACHED = Loss("cachedContent", "refused", "what is cached is known to its own provider only")
_SHOWN = Loss("responseModalities", "refused", "no other wire answers in pictures or sound alone")
_VALIDATED = Loss("toolConfig.functionCallingConfig.mode", "changed", "VALIDATED becomes AUTO")
_ENUM = Loss("generationConfig.responseMimeType", "changed", "a bare value of an enum becomes JSON")


class Part(Struct):
    """A part: what it holds, and the seal on it."""

    piece: Piece
    sealed: str = ""


def read_asked(body: bytes, path: str, query: str) -> Asked:
    """A request; model and verb stand in the path."""
    fields = Fields(body)
    losing = Losing()
    match = _PATH.search(path)
    fields.raw("model")
    system = _system(fields.raw("systemInstruction", "system_instruction"), losing)
    talk = Talk(losing)
    for raw in fields.items("contents"):
        talk.content(raw)
    generation = fields.inner("generationConfig", "generation_config")
    stream = match is not None and match.group(2) == "streamGenerateContent"
    if fields.raw("cachedContent", "cached_content") is not None:
        losing.add(_CACHED)
    asked = Asked(
        unquote(match.group(1)) if match else "",
        stream,
        system,
        tuple(talk.said),
        tuple(tool for raw in fields.items("tools") for tool in _tools(raw, losing)),
        _choice(fields.inner("toolConfig", "tool_config"), losing),
        format=_format(generation, losing),
        reasoning=_reasoning(generation, losing),
        sampling=_sampling(generation, losing),
        tier=fields.text("serviceTier", "service_tier"),
        store=fields.flag("store"),
        array=stream and "alt=sse" not in query,
    )
    losing.rest(generation, "generationConfig")
    return replace(asked, others=fields.rest(), wire=WIRE, lost=losing.told())


class Talk:
    """Contents, gathered into messages; calls and results find each other."""

    def __init__(self, losing: Losing) -> None:
        self.said: list[Said] = []
        self._losing = losing
        self._waiting: list[Use] = []
        self._count = 0

    def content(self, raw: Raw) -> None:
        """One content."""
        if is_string(raw):
            self.said.append(Said("user", (Words(string(raw)),)))
            return
        fields = Fields(raw)
        assistant = fields.text("role") == "model"
        pieces: list[Piece] = []
        sealed: set[str] = set()
        results: dict[str, list[Result]] = {}
        for part in fields.items("parts"):
            for piece in pieces_of(read_part(part, self._losing)):
                if isinstance(piece, Thought) and piece.seal != WIRE and piece.sealed in sealed:
                    continue  # it stands on the thought and on the call after it
                found = self._known(piece)
                if isinstance(found, Thought) and found.sealed:
                    sealed.add(found.sealed)
                if isinstance(found, Result):
                    if found in (alike := results.setdefault(found.id, [])):
                        continue
                    alike.append(found)
                pieces.append(found)
        self._losing.rest(fields, "contents")
        self.said.append(Said("assistant" if assistant else "user", _thought_through(pieces)))

    def _known(self, piece: Piece) -> Piece:
        """The piece with its id."""
        match piece:
            case Use():
                self._count += 1
                found = piece if piece.id else replace(piece, id=made_id(self._count, piece.name, piece.arguments))
                self._waiting.append(found)
                return found
            case Result():
                call = next((use for use in self._waiting if (use.id == piece.id if piece.id else use.name == piece.name)), None)
                if call is not None:
                    self._waiting.remove(call)
                    return replace(piece, id=call.id, name=piece.name or call.name)
                return piece if piece.id else replace(piece, id=made_id("", piece.name))
            case _:
                return piece


def _thought_through(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """A client keeps the parts of a stream as they came: a thought in pieces, and its seal in one without text after them. That is one."""
    out: list[Piece] = []
    for piece in pieces:
        before = out[-1] if out else None
        if isinstance(piece, Thought) and isinstance(before, Thought) and not before.sealed and not (piece.sealed and piece.text):
            out[-1] = replace(piece, text=before.text + piece.text, hidden=False)
        else:
            out.append(piece)
    return tuple(out)


def made_id(*parts: object) -> str:
    """An id for a call that has none; the same for the same parts."""
    return "call_g" + blake2b(repr(parts).encode("utf-8", "replace"), digest_size=12).hexdigest()


def is_made(call: str) -> bool:
    """Whether it is such an id."""
    return _MADE.fullmatch(call) is not None


def foreign_seal(piece: Thought) -> str:
    """What another wire sealed as a thought signature, which clients hold to be base64."""
    return b64encode(wrapped(piece.seal, piece.sealed, piece.id).encode("utf-8", "replace")).decode()


def thought(text: str, signature: str) -> Thought:
    """Reasoning with this signature, whoever's it is."""
    try:
        seal, sealed, name = unwrapped(b64decode(signature.replace("-", "+").replace("_", "/"), validate=True).decode())
    except (binascii.Error, ValueError):
        seal, sealed, name = "", "", ""
    if seal:
        return Thought(text, sealed, seal, not text, name)
    return Thought(text, signature, WIRE if signature else "", not text)


def read_part(raw: Raw, losing: Losing) -> Part:
    """One part."""
    fields = Fields(raw)
    thinks = fields.flag("thought")
    sealed = fields.text("thoughtSignature", "thought_signature")
    text = fields.raw("text")
    call = fields.inner("functionCall", "function_call")
    answer = fields.inner("functionResponse", "function_response")
    media = fields.raw("inlineData", "inline_data"), fields.raw("fileData", "file_data")
    if call is not None:
        piece: Piece = _call(call, losing)
    elif answer is not None:
        piece = _answer(answer, losing)
    elif media[0] is not None or media[1] is not None:
        piece = _seen(media[0] or media[1] or raw)
    elif text is None:
        return Part(Odd(WIRE, next((name for name, _ in fields.rest()), ""), raw), sealed)
    else:
        piece = Thought(string(text)) if thinks else Words(string(text))
    losing.rest(fields, "contents.parts")
    return Part(piece, "" if sealed in NO_SEAL else sealed)


def pieces_of(part: Part) -> list[Piece]:
    """A part by itself, as pieces: a seal on text is a piece of its own."""
    piece, sealed = part.piece, part.sealed
    if not sealed:
        return [] if piece == Words("") else [piece]
    found = thought("", sealed)
    match piece:
        case Thought(text):
            return [thought(text, sealed)]
        case Use():
            return [replace(piece, sealed=sealed)] if found.seal == WIRE else [found, piece]
        case Words(""):
            return [found]
        case _:
            return [piece, found] if found.seal == WIRE else [found, piece]


def _call(fields: Fields, losing: Losing) -> Use:
    args = fields.raw("args")
    found = Use(fields.text("id"), fields.text("name"), "{}" if args is None else bytes(args).decode("utf-8", "replace"))
    losing.rest(fields, "functionCall")
    return found


def _answer(fields: Fields, losing: Losing) -> Result:
    call, name, given = fields.text("id"), fields.text("name"), fields.raw("response")
    text, error = _given(given)
    parts: list[Words | Sight] = [] if text is None else [Words(text)]
    for raw in fields.items("parts"):
        inner = read_part(raw, losing).piece
        if isinstance(inner, Words | Sight):
            parts.append(inner)
        else:
            losing.lose("functionResponse.parts")
    losing.rest(fields, "functionResponse")
    return Result(call, name, tuple(parts), error)


def _given(raw: Raw | None) -> tuple[str | None, bool]:
    """A function's answer: its one text, or its JSON; and whether it tells of an error."""
    if raw is None or bytes(raw) == b"{}":
        return None, False
    if is_string(raw):
        return string(raw), False
    members = Fields(raw).rest() if is_object(raw) else ()
    if len(members) == 1 and members[0][0] in _TEXT_NAMES and is_string(members[0][1]):
        return string(members[0][1]), members[0][0] == "error"
    return bytes(raw).decode("utf-8", "replace"), any(name == "error" for name, _ in members)


def _seen(raw: Raw) -> Sight:
    fields = Fields(raw)
    mime, name = fields.text("mimeType", "mime_type"), fields.text("displayName", "display_name")
    url, data = fields.text("fileUri", "file_uri"), fields.text("data")
    if not url:
        return held(kind_of(mime), mime, data, name)
    kind = kind_of(mime or mime_of(url))
    return Sight(kind, mime, file=url, name=name) if OWN_FILES.match(url) else Sight(kind, mime, url=url, name=name)


def _system(raw: Raw | None, losing: Losing) -> tuple[Words, ...]:
    if raw is None:
        return ()
    if is_string(raw):
        return (Words(string(raw)),)
    found = [piece for part in Fields(raw).items("parts") for piece in pieces_of(read_part(part, losing))]
    if not all(isinstance(piece, Words) for piece in found):
        losing.lose("systemInstruction.parts")
    return tuple(piece for piece in found if isinstance(piece, Words))


def _tools(raw: Raw, losing: Losing) -> list[Function | Builtin]:
    fields = Fields(raw)
    found: list[Function | Builtin] = []
    for one in fields.items("functionDeclarations", "function_declarations"):
        declared = Fields(one)
        own, schema = declared.raw("parameters"), declared.raw("parametersJsonSchema", "parameters_json_schema")
        parameters = b"" if own is None else from_gemini(bytes(own))
        found.append(
            Function(declared.text("name"), declared.text("description"), parameters if schema is None else bytes(schema)),
        )
        losing.rest(declared, "tools.functionDeclarations")
    return found + [Builtin(name, Raw(encode({name: inner}))) for name, inner in fields.rest()]


def _choice(config: Fields | None, losing: Losing) -> Choice | None:
    if config is None:
        return None
    calling = config.inner("functionCallingConfig", "function_calling_config")
    losing.rest(config, "toolConfig")
    if calling is None:
        return None
    mode, allowed = calling.text("mode").upper(), calling.texts("allowedFunctionNames", "allowed_function_names")
    losing.rest(calling, "toolConfig.functionCallingConfig")
    if mode == "VALIDATED":
        losing.add(_VALIDATED)
    elif mode not in _MODES:
        losing.lose("toolConfig.functionCallingConfig.mode")
    match mode:
        case "ANY" if len(allowed) == 1:
            return Choice("tool", allowed[0])
        case "ANY":
            return Choice("any", "", allowed)
        case "NONE":
            return Choice("none")
        case "AUTO" | "VALIDATED":
            return Choice("auto", "", allowed)
        case _:
            return None


def _format(generation: Fields | None, losing: Losing) -> Format | None:
    if generation is None:
        return None
    mime = generation.text("responseMimeType", "response_mime_type")
    own = generation.raw("responseSchema", "response_schema")
    schema = generation.raw("responseJsonSchema", "response_json_schema", "_responseJsonSchema")
    if mime == "text/x.enum":
        losing.add(_ENUM)
    elif mime not in ("", "text/plain", _JSON_MIME):
        losing.lose("generationConfig.responseMimeType")
        return None
    if schema is not None:
        return Format(bytes(schema))
    if own is not None:
        return Format(from_gemini(bytes(own)))
    return Format() if mime == _JSON_MIME else None


def _reasoning(generation: Fields | None, losing: Losing) -> Reasoning | None:
    config = generation.inner("thinkingConfig", "thinking_config") if generation is not None else None
    if config is None:
        return None
    budget, level = config.count("thinkingBudget", "thinking_budget"), config.text("thinkingLevel", "thinking_level").lower()
    shown = bool(config.flag("includeThoughts", "include_thoughts"))
    losing.rest(config, "generationConfig.thinkingConfig")
    if level not in {"", "thinking_level_unspecified", *_LEVELS}:
        losing.lose("generationConfig.thinkingConfig.thinkingLevel")
    # -1: as much as the model likes, as where nothing is said.
    return Reasoning(_LEVELS.get(level, ""), None if budget is None or budget < 0 else budget, shown)


def _sampling(generation: Fields | None, losing: Losing) -> Sampling:
    if generation is None:
        return Sampling()
    top_k = generation.number("topK", "top_k")
    wanted = {one.upper() for one in generation.texts("responseModalities", "response_modalities")}
    if wanted and "TEXT" not in wanted:
        losing.add(_SHOWN)
    elif wanted > {"TEXT"}:
        generation.leave("responseModalities")
    return Sampling(
        generation.count("maxOutputTokens", "max_output_tokens"),
        generation.number("temperature"),
        generation.number("topP", "top_p"),
        None if top_k is None else int(top_k),
        generation.texts("stopSequences", "stop_sequences"),
        generation.count("seed"),
        generation.number("presencePenalty", "presence_penalty"),
        generation.number("frequencyPenalty", "frequency_penalty"),
        generation.count("candidateCount", "candidate_count") or 1,
        None,
        bool(generation.flag("responseLogprobs", "response_logprobs")),
        generation.count("logprobs"),
    )
