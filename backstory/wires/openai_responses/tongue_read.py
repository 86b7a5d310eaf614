"""OpenAI Responses, for translation: what a request or an answer says.

Rule: items of the assistant that follow each other are one message, and so are results of tools; what names an item or its state at the
provider (`id`, `status`) means nothing elsewhere and is passed over, all else is told as lost.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from backstory.core.translation import (
    Asked,
    Builtin,
    Choice,
    Effort,
    Format,
    Function,
    Loss,
    Piece,
    Reasoning,
    Result,
    Said,
    Sampling,
    Speaker,
    Thought,
    Use,
    Words,
)
from backstory.errors import DocumentError
from backstory.wires.lowering import decode, encode
from backstory.wires.openai_responses.tongue_items import WIRE, items_of, passed_over, read_content, read_item, spaced
from backstory.wires.translation.fields import Fields
from backstory.wires.translation.more import Losing, is_object, is_string, string

SEALED_INCLUDE = "reasoning.encrypted_content"
LOGPROBS_INCLUDE = "message.output_text.logprobs"
_EFFORTS: dict[str, Effort] = {one: one for one in ("none", "minimal", "low", "medium", "high", "xhigh")}
_MODES: dict[str, Choice] = {"auto": Choice("auto"), "none": Choice("none"), "required": Choice("any")}
# What the provider keeps of earlier requests: without it the answer would not be what was asked for.
_KEPT = {
    "prompt": Loss("prompt", "refused", "a stored prompt is known to its own provider only"),
    "background": Loss("background", "refused", "the provider does not answer in the background"),
}
_strings = msgspec.json.Decoder(list[str])


def read_asked(body: bytes) -> Asked:
    """A request."""
    fields = Fields(body)
    losing = Losing()
    instructions = fields.raw("instructions")
    talk = Talk(losing)
    if instructions is not None and is_string(instructions):
        talk.system.append(Words(string(instructions)))
    else:
        talk.items([] if instructions is None else [instructions] if is_object(instructions) else items_of(instructions))
    given = fields.raw("input")
    if given is not None:
        talk.items(items_of(given))
    said = talk.said()
    sampling, others = _sampling(fields)
    for name in ("prompt", "background"):
        found = fields.raw(name)
        if found is not None and bytes(found) != b"false":
            losing.add(_KEPT[name])
    shown, verbosity = _text(fields, losing)
    asked = Asked(
        fields.text("model"),
        bool(fields.flag("stream")),
        tuple(talk.system),
        said,
        (*(tool for raw in fields.items("tools") for tool in read_tools(raw, losing)), *talk.tools),
        _choice(fields.raw("tool_choice"), losing),
        fields.flag("parallel_tool_calls"),
        shown,
        _reasoning(fields.inner("reasoning"), losing),
        sampling,
        fields.text("user"),
        fields.raw("metadata"),
        fields.text("service_tier"),
        fields.flag("store"),
    )
    asked = _building(asked, fields)
    return replace(asked, others=(*others, *verbosity, *fields.rest()), wire=WIRE, lost=losing.told())


class Talk:
    """Items, gathered into messages."""

    def __init__(self, losing: Losing) -> None:
        self.system: list[Words] = []
        self.tools: list[Function | Builtin] = []
        self._said: list[tuple[Speaker, list[Piece]]] = []
        self._losing = losing
        self._names: dict[str, str] = {}
        self._seals: dict[str, str] = {}

    def items(self, raws: list[Raw]) -> None:
        """These, after those before."""
        for raw in raws:
            if is_string(raw):
                self._add("user", [Words(string(raw))])
                continue
            fields = Fields(raw)
            kind = fields.text("type") or "message"
            if kind == "message" and not (fields.kind("role") or fields.kind("content")):
                raise DocumentError("an item of the input says neither its type nor its role")
            if kind == "message":
                self._message(fields)
            elif kind == "additional_tools":
                self.tools += [tool for one in fields.items("tools") for tool in read_tools(one, self._losing)]
            else:
                self._add(*read_item(kind, fields, raw, self._losing))

    def said(self) -> tuple[Said, ...]:
        """All messages, with the seals where they belong."""
        return tuple(Said(speaker, tuple(map(self._sealed, pieces))) for speaker, pieces in self._said)

    def _message(self, fields: Fields) -> None:
        role = fields.text("role") or "user"
        pieces = read_content(fields.raw("content"), self._losing)
        passed_over(fields, "message", self._losing)
        if role == "assistant":
            self._add("assistant", pieces)
        elif role == "user":
            self._add("user", pieces)
        else:
            words: list[Piece] = [piece for piece in pieces if isinstance(piece, Words)]
            self._losing.all_of({"input.message.content": len(words) < len(pieces)})
            if self._said:
                self._add("system", words)
            else:
                self.system += [piece for piece in pieces if isinstance(piece, Words)]

    def _add(self, speaker: Speaker, pieces: list[Piece]) -> None:
        found = [piece for piece in pieces if not self._seal(piece)]
        for piece in found:
            if isinstance(piece, Use):
                self._names[piece.id] = piece.name
        last = self._said[-1] if self._said else None
        if not found and pieces:
            return
        if last is not None and last[0] == speaker and (speaker == "assistant" or (_results(last[1][-1:]) and _results(found))):
            last[1].extend(found)
        else:
            self._said.append((speaker, found))

    def _seal(self, piece: Piece) -> bool:
        """Whether it only carries the seal of a call."""
        if not isinstance(piece, Thought) or not piece.seal.startswith("call "):
            return False
        self._seals[piece.seal.removeprefix("call ")] = piece.sealed
        return True

    def _sealed(self, piece: Piece) -> Piece:
        match piece:
            case Use() if piece.id in self._seals:
                return replace(piece, sealed=self._seals[piece.id])
            case Result() if piece.id in self._names:
                return replace(piece, name=self._names[piece.id])
            case _:
                return piece


def read_tools(raw: Raw, losing: Losing, space: str = "") -> list[Function | Builtin]:
    """A tool, or all tools of a namespace."""
    fields = Fields(raw)
    kind, name = fields.text("type"), fields.text("name")
    if kind == "namespace":
        found = [tool for one in fields.items("tools") for tool in read_tools(one, losing, name)]
        losing.all_of({"tools.namespace.description": bool(fields.text("description"))})
        losing.rest(fields, "tools.namespace")
        return found
    if kind not in ("function", "custom"):
        return [Builtin(kind, raw)]
    custom = kind == "custom"
    schema = fields.raw("format" if custom else "parameters")
    description, strict = fields.text("description"), fields.flag("strict")
    losing.rest(fields, "tools")
    whole = spaced(space, name)
    return [Function(whole, description, b"" if schema is None else bytes(schema), strict, custom, None, space if whole != name else "")]


def _results(pieces: list[Piece]) -> bool:
    return bool(pieces) and all(isinstance(piece, Result) for piece in pieces)


def _sampling(fields: Fields) -> tuple[Sampling, tuple[tuple[str, Raw], ...]]:
    """How to choose tokens; what else `include` and `stream_options` ask for is handed on by name."""
    raw = fields.raw("include")
    include = decode(_strings, raw) if raw is not None else []
    others = tuple(one for one in include if one not in (SEALED_INCLUDE, LOGPROBS_INCLUDE))
    sampling = Sampling(
        fields.count("max_output_tokens"),
        fields.number("temperature"),
        fields.number("top_p"),
        logprobs=LOGPROBS_INCLUDE in include,
        top_logprobs=fields.count("top_logprobs"),
    )
    return sampling, (("include", Raw(encode(list(others)))),) if others else ()


def _text(fields: Fields, losing: Losing) -> tuple[Format | None, tuple[tuple[str, Raw], ...]]:
    """The form of the answer; and `verbosity`, as Chat Completions calls it, among the other members."""
    options = fields.inner("text")
    if options is None:
        return None, ()
    form, verbosity = options.inner("format"), options.raw("verbosity")
    losing.rest(options, "text")
    return _format(form, losing), () if verbosity is None else (("verbosity", verbosity),)


def _format(form: Fields | None, losing: Losing) -> Format | None:
    kind = "" if form is None else form.text("type")
    if kind not in ("", "text", "json_object", "json_schema"):
        losing.lose(f"text.format.{kind}")
    if form is None or kind not in ("json_object", "json_schema"):
        return None
    if kind == "json_object":
        return Format()
    schema = form.raw("schema")
    found = Format(b"{}" if schema is None else bytes(schema), form.text("name"), form.text("description"), form.flag("strict"))
    losing.rest(form, "text.format")
    return found


def _reasoning(fields: Fields | None, losing: Losing) -> Reasoning | None:
    if fields is None:
        return None
    effort, summary, older = fields.text("effort"), fields.text("summary"), fields.text("generate_summary")
    if effort and effort not in _EFFORTS:
        losing.lose("reasoning.effort")
    losing.rest(fields, "reasoning")
    shown = summary or older
    return Reasoning(_EFFORTS.get(effort, ""), None, bool(shown), shown)


def _choice(raw: Raw | None, losing: Losing) -> Choice | None:
    if raw is None:
        return None
    if is_string(raw):
        mode = string(raw)
        if mode not in _MODES:
            losing.lose("tool_choice")
        return _MODES.get(mode)
    fields = Fields(raw)
    kind, name = fields.text("type"), fields.text("name")
    if kind in ("function", "custom") and name:
        losing.rest(fields, "tool_choice")
        return Choice("tool", name)
    if kind == "allowed_tools":
        named = [Fields(one).text("name") for one in fields.items("tools")]
        if not all(named):
            losing.lose("tool_choice.tools")
        return Choice("any" if fields.text("mode") == "required" else "auto", "", tuple(filter(None, named)))
    losing.lose(f"tool_choice.{kind}")
    return None


def _building(asked: Asked, fields: Fields) -> Asked:
    """The request, with what it builds on."""
    found, raw = fields.text("previous_response_id"), fields.raw("conversation")
    if raw is None or found:
        return replace(asked, previous=found)
    return replace(asked, previous=string(raw) if is_string(raw) else Fields(raw).text("id"), conversation=True)
