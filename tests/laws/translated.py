"""Requests and answers of every kind, free of any wire, for the laws of translation; and what a request says, part by part."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st
from msgspec import Raw

from backstory.core.reply import Usage
from backstory.core.translation import (
    Answered,
    Asked,
    Builtin,
    Choice,
    Format,
    Function,
    Odd,
    Piece,
    Reasoning,
    Refusal,
    Result,
    Said,
    Sampling,
    Sight,
    Thought,
    Use,
    Words,
)

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
SOLID = TEXTS.map(lambda text: f"{text}.")
NAMES = st.from_regex(r"[a-z_]{1,9}", fullmatch=True)
JSON = st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | TEXTS, lambda inner: st.lists(inner, max_size=2), max_leaves=4)
OBJECTS = st.dictionaries(NAMES, JSON, max_size=3).map(json.dumps)
IDS = st.from_regex(r"call_[a-zA-Z0-9]{1,9}", fullmatch=True) | st.sampled_from(["functions.look:0", "x" * 70, "ünï"])
CACHED = st.sampled_from([None, None, Raw(b'{"type":"ephemeral"}')])
PNG, PDF = "iVBORw0KGgoAAAANSUhEUg==", "JVBERi0xLjcK"
SIGHTS = st.one_of(
    st.builds(
        Sight, st.just("image"), st.sampled_from(["image/png", "image/webp"]), st.just(PNG), detail=st.sampled_from(["", "low", "auto"])
    ),
    st.builds(Sight, st.just("image"), url=st.just("https://example.com/a.png"), cached=CACHED),
    st.builds(Sight, st.sampled_from(["image", "document"]), file=st.just("file_1")),
    st.builds(Sight, st.just("document"), st.just("application/pdf"), st.just(PDF), name=st.sampled_from(["", "a.pdf"])),
    st.builds(Sight, st.just("document"), st.just("text/plain"), SOLID, name=st.sampled_from(["", "notes"]), plain=st.just(True)),
    st.builds(Sight, st.just("document"), url=st.just("https://example.com/a.pdf")),
    st.builds(Sight, st.just("audio"), st.just("audio/wav"), st.just("UklGRg==")),
    st.builds(Sight, st.just("video"), url=st.just("https://example.com/a.mp4")),
)
CITATIONS = st.sampled_from(
    [
        (),
        (),
        (Raw(b'{"type":"url_citation","url_citation":{"start_index":0,"end_index":1,"title":"T","url":"https://example.com"}}'),),
    ]
)
WORDS = st.builds(Words, TEXTS, CACHED)
SEALS = st.sampled_from(["anthropic", "openai_responses", "gemini"])
THOUGHTS = st.one_of(
    st.builds(Thought, SOLID),
    st.builds(Thought, SOLID, st.just("c2VhbA=="), SEALS),
    st.builds(Thought, st.just(""), st.just("aGlkZGVu"), SEALS, hidden=st.just(True)),
)
_ODD = st.builds(Odd, st.sampled_from(["openai_responses", "gemini"]), NAMES, st.just(Raw(b'{"type":"odd"}')))


@st.composite
def turns(draw: st.DrawFn) -> tuple[Said, ...]:
    """Messages of users and assistants, calls with their results after them, an instruction in the middle."""
    out: list[Said] = []
    for number in range(draw(st.integers(1, 4))):
        user = draw(st.lists(WORDS | SIGHTS, min_size=1, max_size=3))
        out.append(Said("user", tuple(user), draw(st.sampled_from(["", "", "ann"]))))
        if draw(st.integers(0, 9)) == 0:
            out.append(Said("system", (Words(draw(SOLID)),)))
        said: list[Piece] = [*draw(st.lists(THOUGHTS, max_size=2)), Words(draw(TEXTS), None, draw(CITATIONS))]
        said += draw(st.lists(st.builds(Refusal, SOLID) | _ODD, max_size=1))
        bases = draw(st.lists(st.tuples(IDS, st.sampled_from(["look", "read", "a.b" * 30]), OBJECTS | TEXTS), max_size=3))
        calls = [Use(f"{name}_{number}_{place}", tool, given) for place, (name, tool, given) in enumerate(bases)]
        out.append(Said("assistant", (*said, *calls)))
        if calls:
            out.append(Said("user", tuple([draw(results(call)) for call in calls])))
    return tuple(out[: draw(st.integers(1, len(out)))])


@st.composite
def results(draw: st.DrawFn, call: Use) -> Result:
    parts = draw(st.lists(st.builds(Words, SOLID) | SIGHTS, max_size=2))
    return Result(call.id, call.name, tuple(parts), draw(st.booleans()), cached=draw(CACHED))


SCHEMA = b'{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}'
OPEN_SCHEMA = b'{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"object"}}}'
SCHEMAS = st.sampled_from([SCHEMA, OPEN_SCHEMA])
TOOLS = st.lists(
    st.builds(Function, st.sampled_from(["look", "read", "a.b" * 30]), TEXTS, SCHEMAS, st.sampled_from([None, True, False]), cached=CACHED)
    | st.builds(Function, st.just("patch"), SOLID, st.just(b""), custom=st.just(True))
    | st.just(Builtin("web_search", Raw(b'{"type":"web_search"}'))),
    max_size=3,
    unique_by=lambda tool: tool.name if isinstance(tool, Function) else tool.type,
)
FORMATS = st.none() | st.builds(
    Format, st.sampled_from([b"", SCHEMA, OPEN_SCHEMA]), NAMES, st.sampled_from(["", "Said."]), st.sampled_from([None, True])
)
REASONINGS = st.none() | st.builds(
    Reasoning,
    st.sampled_from(["", "none", "minimal", "low", "medium", "high", "xhigh"]),
    st.sampled_from([None, 0, 1024, 9000, 31_999]),
    st.booleans(),
    st.sampled_from(["", "auto"]),
)
SAMPLINGS = st.builds(
    Sampling,
    st.sampled_from([None, 100, 4000, 64_000]),
    st.sampled_from([None, 0.0, 0.7, 1.0, 1.5]),
    st.sampled_from([None, 0.5, 0.97, 1.0]),
    st.sampled_from([None, 40]),
    st.lists(TEXTS.filter(bool), max_size=5).map(tuple),
    st.sampled_from([None, 7]),
    st.sampled_from([None, 0.0, 0.5]),
    st.sampled_from([None, 0.0, 0.5]),
    st.sampled_from([1, 2]),
    st.sampled_from([None, Raw(b"{}"), Raw(b'{"50256":-100}')]),
    st.booleans(),
    st.sampled_from([None, 3]),
)
MODELS = st.sampled_from(["gpt-4o", "gpt-5", "o3", "gpt-5.2", "deepseek-chat", "claude-sonnet-4-5", "claude-opus-4-7", "claude-3-haiku"])


@st.composite
def requests(draw: st.DrawFn) -> Asked:
    """Any request of a client of any wire."""
    tools = tuple(draw(TOOLS))
    named = [tool.name for tool in tools if isinstance(tool, Function)]
    choices: list[Choice | None] = [None, Choice("auto"), Choice("none"), Choice("any"), *[Choice("tool", name) for name in named]]
    choices += [Choice("auto", allowed=tuple(named[:1]))] if named else []
    return Asked(
        draw(MODELS),
        draw(st.booleans()),
        tuple(draw(st.lists(WORDS, max_size=2))),
        draw(turns()),
        tools=tools,
        choice=draw(st.sampled_from(choices)) if named else None,
        parallel=draw(st.sampled_from([None, True, False])) if named else None,
        format=draw(FORMATS),
        reasoning=draw(REASONINGS),
        sampling=draw(SAMPLINGS),
        user=draw(st.sampled_from(["", "ann", "u" * 300])),
        metadata=draw(st.sampled_from([None, Raw(b'{"a":"b"}')])),
        tier=draw(st.sampled_from(["", "auto", "flex", "standard_only"])),
        store=draw(st.sampled_from([None, True, False])),
        previous=draw(st.sampled_from(["", "", "", "resp_1"])),
        usage=draw(st.booleans()),
        others=draw(st.sampled_from([(), (), (("verbosity", Raw(b'"low"')),), (("context_management", Raw(b"{}")),)])),
        wire=draw(st.sampled_from(["anthropic", "openai_chat", "openai_responses", "gemini"])),
        unread=draw(st.sampled_from([(), (), ("messages.content.extra",)])),
    )


PIECES = st.one_of(
    st.builds(Words, SOLID, citations=CITATIONS),
    THOUGHTS,
    st.builds(Refusal, SOLID),
    st.builds(Use, st.from_regex(r"call_[a-z0-9]{4,9}", fullmatch=True), st.sampled_from(["look", "read"]), OBJECTS),
)
ANSWERS = st.builds(
    Answered,
    NAMES,
    NAMES,
    st.lists(PIECES, max_size=6, unique_by=lambda piece: piece.id if isinstance(piece, Use) else id(piece)).map(tuple),
    st.sampled_from(["stop", "length", "refusal"]),
    st.builds(Usage, st.integers(20, 99), st.integers(0, 99), st.integers(0, 9), st.integers(5, 9), st.sampled_from([0, 5])),
    thoughts=st.integers(0, 9),
    created=st.integers(0, 9),
    sequence=st.sampled_from(["", "END"]),
)


def said(asked: Asked) -> dict[str, object]:
    """What a request says, part by part, whatever messages and blocks it stands in."""
    pieces = [(one.speaker, piece) for one in asked.said for piece in one.pieces]
    results = [piece for _, piece in pieces if isinstance(piece, Result)]
    tools = [tool for tool in asked.tools if isinstance(tool, Function)]
    form, given, thinks = asked.format, asked.sampling, asked.reasoning
    return {
        "model": asked.model,
        "stream": asked.stream,
        "system": "".join("".join(one.text.split()) for one in asked.system),
        "words": _words([(speaker, piece.text) for speaker, piece in pieces if isinstance(piece, Words | Refusal)]),
        "refusals": [piece.text for _, piece in pieces if isinstance(piece, Refusal)],
        "calls": [(piece.id, piece.name, _value(piece.arguments)) for _, piece in pieces if isinstance(piece, Use)],
        "results": [(one.id, one.name, "\n".join([part.text for part in one.parts if isinstance(part, Words)])) for one in results],
        "errors": [one.error for one in results],
        "sights": sorted(str(_seen(sight)) for sight in _sights(asked)),
        "details": sorted(sight.detail for sight in _sights(asked) if sight.detail not in {"", "auto"}),
        "in results": [[str(_seen(part)) for part in one.parts if isinstance(part, Sight)] for one in results],
        "thoughts": _thoughts([piece for _, piece in pieces if isinstance(piece, Thought)]),
        "citations": [piece.citations for _, piece in pieces if isinstance(piece, Words) and piece.citations],
        "odd": [piece.kind for _, piece in pieces if isinstance(piece, Odd)],
        "names": [one.name for one in asked.said if one.name],
        "cached": any(getattr(piece, "cached", None) is not None for piece in [*asked.system, *[piece for _, piece in pieces], *tools]),
        "tools": [(tool.name, tool.description, json.loads(tool.schema or b"null"), tool.custom) for tool in tools],
        "tools.strict": [bool(tool.strict) for tool in tools],
        "builtin": [tool.type for tool in asked.tools if isinstance(tool, Builtin)],
        "choice": (asked.choice.mode, asked.choice.name, asked.choice.allowed) if asked.choice is not None else ("auto", "", ()),
        "parallel": None if asked.choice is not None and asked.choice.mode == "none" else asked.parallel,
        "schema": json.loads(form.schema) if form is not None and form.schema else None,
        "json": form is not None,
        "format.strict": form is not None and bool(form.strict) and bool(form.schema),
        "format.description": form.description if form is not None else "",
        "reasoning": _thinking(thinks),
        "summary": thinks.summary if thinks is not None else "",
        "most": given.most,
        "temperature": 1 if given.temperature is None else given.temperature,
        "top_p": given.top_p or 1,
        "top_k": given.top_k,
        "stop": given.stop,
        "seed": given.seed,
        "penalties": (given.presence or 0, given.frequency or 0),
        "count": given.count,
        "logit_bias": json.loads(bytes(given.logit_bias or b"{}")),
        "logprobs": (given.logprobs, given.top_logprobs),
        "user": asked.user,
        "metadata": asked.metadata,
        "tier": asked.tier.replace("standard_only", "default"),
        "store": bool(asked.store),
        "previous": asked.previous,
        "others": [name for name, _ in asked.others],
        "unread": asked.unread,
    }


def _thinking(found: Reasoning | None) -> tuple[str, int | None] | None:
    if found is None or (not found.effort and found.budget is None):
        return None
    return ("none", None) if found.effort == "none" or found.budget == 0 else (found.effort, found.budget)


def _thoughts(found: list[Thought]) -> list[tuple[str, str]]:
    """Those without a seal that follow each other are one."""
    out: list[tuple[str, str]] = []
    for piece in found:
        if out and not piece.sealed and not out[-1][1]:
            out[-1] = (out[-1][0] + piece.text, "")
        else:
            out.append((piece.text, piece.sealed))
    return out


def _words(found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Texts without blanks, those of one speaker together."""
    out: list[tuple[str, str]] = []
    for speaker, text in found:
        bare = "".join(text.split())
        if bare and out and out[-1][0] == speaker:
            out[-1] = (speaker, out[-1][1] + bare)
        elif bare:
            out.append((speaker, bare))
    return out


def _sights(asked: Asked) -> list[Sight]:
    own = [piece for one in asked.said for piece in one.pieces if isinstance(piece, Sight)]
    return own + [
        part for one in asked.said for piece in one.pieces if isinstance(piece, Result) for part in piece.parts if isinstance(part, Sight)
    ]


def _seen(sight: Sight) -> tuple[Any, ...]:
    return sight.kind, sight.mime, sight.data, sight.url, sight.file, sight.name.replace("document.pdf", "")


def _value(arguments: str) -> object:
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return arguments
