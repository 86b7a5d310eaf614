"""OpenAI Chat Completions for translation: requests, read.

Source: https://platform.openai.com/docs/api-reference/chat/create.
"""

from __future__ import annotations

import re

from msgspec import Raw

from backstory.core.translation import (
    Asked,
    Builtin,
    Choice,
    Effort,
    Format,
    Function,
    Piece,
    Reasoning,
    Result,
    Said,
    Sampling,
    Sight,
    Speaker,
    Use,
    Words,
)
from backstory.errors import DocumentError
from backstory.wires.openai_chat.tongue_pieces import OWN, content_pieces, made_id, message_pieces
from backstory.wires.translation.fields import Fields
from backstory.wires.translation.freely import flat_format
from backstory.wires.translation.tongue import EFFORTS

_DEPLOYMENT = re.compile(r"/deployments/([^/]+)/")
"""Azure names the model in the path."""
_SYSTEM = frozenset({"system", "developer"})
_CHOICES = {"auto": Choice("auto"), "none": Choice("none"), "required": Choice("any"), "any": Choice("any")}


_WORDS = frozenset({*EFFORTS, "max"})


def read(body: bytes, path: str) -> Asked:
    """A request."""
    fields = Fields(body)
    if fields.kind("messages") != "array":
        raise DocumentError("a request without messages")
    found = _DEPLOYMENT.search(path)
    model = fields.text("model") or (found.group(1) if found else "")
    system, said = _Messages().read(fields.objects("messages"))
    tools, choice, legacy = _tools(fields)
    options = fields.inner("stream_options")
    usage = bool(options.flag("include_usage")) if options is not None else False
    if options is not None:
        options.done("include_obfuscation")
    return Asked(
        model,
        bool(fields.flag("stream")),
        system,
        said,
        tools=tools,
        choice=choice,
        parallel=False if legacy else fields.flag("parallel_tool_calls"),
        format=_format(fields),
        reasoning=_reasoning(fields),
        sampling=_sampling(fields),
        user=fields.text("user") or fields.text("safety_identifier"),
        metadata=fields.raw("metadata"),
        tier=fields.text("service_tier"),
        store=fields.flag("store"),
        usage=usage,
        legacy=legacy,
        others=_others(fields),
        wire=OWN,
        unread=tuple(fields.unread),
    )


def _others(fields: Fields) -> tuple[tuple[str, Raw], ...]:
    """What has no place, but for what says only what is so anyway."""
    return tuple([(name, raw) for name, raw in fields.rest() if (name, bytes(raw)) != ("modalities", b'["text"]')])


class _Messages:
    """The messages of one request. `_called`: names of calls by id; `_lone`: id and name of the newest legacy call."""

    def __init__(self) -> None:
        self._called: dict[str, str] = {}
        self._lone = ("", "")
        self._count = 0

    def read(self, messages: list[Fields]) -> tuple[tuple[Words, ...], tuple[Said, ...]]:
        """(the leading system messages, the others)."""
        system: list[Words] = []
        said: list[Said] = []
        results: list[Piece] = []
        for fields in messages:
            role, name = fields.text("role"), fields.text("name")
            self._count += 1
            if role in {"tool", "function"}:
                results.append(self._result(fields, name))
                fields.done()
                continue
            if results:
                said.append(Said("user", tuple(results)))
                results = []
            if role in _SYSTEM:
                words = [piece for piece in content_pieces(fields) if isinstance(piece, Words)]
                if said:
                    said.append(Said("system", tuple(words), name))
                else:
                    system += words
            else:
                said.append(self._said(fields, role, name))
            fields.done()
        if results:
            said.append(Said("user", tuple(results)))
        return tuple(system), tuple(said)

    def _said(self, fields: Fields, role: str, name: str) -> Said:
        if role not in {"user", "assistant"}:
            raise DocumentError(f"a message of role {role}")
        speaker: Speaker = "user" if role == "user" else "assistant"
        found = message_pieces(fields) if role == "assistant" else tuple(content_pieces(fields))
        if not found and role == "user":
            found = (Words(""),)  # an empty message stands between others all the same
        return Said(speaker, tuple([self._known(piece) for piece in found]), name)

    def _known(self, piece: Piece) -> Piece:
        if not isinstance(piece, Use):
            return piece
        if not piece.id:
            piece = Use(made_id(piece.name, self._count), piece.name, piece.arguments)
            self._lone = (piece.id, piece.name)
        self._called[piece.id] = piece.name
        return piece

    def _result(self, fields: Fields, name: str) -> Result:
        called = fields.text("tool_call_id") or self._lone[0]
        parts = [piece for piece in content_pieces(fields) if isinstance(piece, Words | Sight)]
        return Result(called, name or self._called.get(called, ""), tuple(parts))


def _tools(fields: Fields) -> tuple[tuple[Function | Builtin, ...], Choice | None, bool]:
    """(tools, choice, whether they are legacy functions)."""
    tools = tuple([_tool(raw, fields.unread) for raw in fields.elements("tools")])
    choice = _choice(fields)
    if tools or not fields.kind("functions"):
        return tools, choice, False
    functions = tuple([_function(one) for one in fields.objects("functions")])
    if fields.kind("function_call") == "string":
        choice = _CHOICES.get(fields.text("function_call"))
    elif (named := fields.inner("function_call")) is not None:
        choice = Choice("tool", named.text("name"))
    return functions, choice, True


def _tool(raw: Raw, unread: dict[str, None]) -> Function | Builtin:
    fields = Fields(raw, "tools", unread)
    kind, cached = fields.text("type"), fields.raw("cache_control")
    function, custom = fields.inner("function"), fields.inner("custom")
    if function is None and custom is None:
        return Builtin(kind, raw)
    fields.done()
    if function is not None or custom is None:
        return _function(function or fields, cached)
    form = custom.raw("format")
    return Function(custom.text("name"), custom.text("description"), b"" if form is None else flat_format(form), custom=True, cached=cached)


def _function(fields: Fields, cached: Raw | None = None) -> Function:
    schema = fields.raw("parameters")
    found = Function(fields.text("name"), fields.text("description"), bytes(schema or b""), fields.flag("strict"), cached=cached)
    fields.done()
    return found


def _choice(fields: Fields) -> Choice | None:
    if fields.kind("tool_choice") != "object":
        return _CHOICES.get(fields.word("tool_choice", _CHOICES))
    found = fields.inner("tool_choice") or Fields(b"{}")
    allowed = found.inner("allowed_tools")
    if allowed is not None:
        inner = [one.inner("function") or one.inner("custom") for one in allowed.objects("tools")]
        mode = _CHOICES.get(allowed.text("mode"), Choice("auto")).mode
        return Choice(mode, allowed=tuple([one.text("name") for one in inner if one is not None]))
    named = found.inner("function") or found.inner("custom")
    if named is None:
        found.word("type", ())
        return None
    name = named.text("name")
    found.done("type")
    named.done()
    return Choice("tool", name)


def _format(fields: Fields) -> Format | None:
    found = fields.inner("response_format")
    if found is None:
        return None
    match found.text("type"):
        case "json_object":
            return Format()
        case "json_schema":
            inner = found.inner("json_schema") or Fields(b"{}")
            schema = bytes(inner.raw("schema") or b"")
            form = Format(schema, inner.text("name"), inner.text("description"), inner.flag("strict"))
            inner.done()
            return form
        case kind:
            found.done()
            if kind not in {"", "text"}:
                fields.unread[f"response_format.{kind}"] = None
            return None


def _reasoning(fields: Fields) -> Reasoning | None:
    """`reasoning_effort`, or OpenRouter's `reasoning`."""
    effort = _effort(fields.word("reasoning_effort", _WORDS))
    if fields.kind("reasoning") == "object":
        found = fields.inner("reasoning") or Fields(b"{}")
        effort = _effort(found.word("effort", _WORDS)) or effort
        budget, hidden, enabled = found.count("max_tokens"), found.flag("exclude"), found.flag("enabled")
        found.done()
        if enabled is False:
            effort = "none"
        if effort or budget is not None or enabled:
            return Reasoning(effort, budget, not hidden and effort != "none")
    return Reasoning(effort, None, effort != "none") if effort else None


def _effort(word: str) -> Effort:
    word = "xhigh" if word == "max" else word
    return next((effort for effort in EFFORTS if effort == word), "")


def _sampling(fields: Fields) -> Sampling:
    newer, older = fields.count("max_completion_tokens"), fields.count("max_tokens")
    count = fields.count("n")
    return Sampling(
        most=older if newer is None else newer,
        temperature=fields.number("temperature"),
        top_p=fields.number("top_p"),
        top_k=fields.count("top_k"),
        stop=fields.texts("stop"),
        seed=fields.count("seed"),
        presence=fields.number("presence_penalty"),
        frequency=fields.number("frequency_penalty"),
        count=1 if count is None else count,
        logit_bias=fields.raw("logit_bias"),
        logprobs=bool(fields.flag("logprobs")),
        top_logprobs=fields.count("top_logprobs"),
    )
