"""What a request is without what its translation declares as lost: the oracle of the laws of translation."""

from __future__ import annotations

import json
from collections.abc import Callable

from msgspec import Raw
from msgspec.structs import replace

from backstory.core.translation import (
    Asked,
    Choice,
    Effort,
    Format,
    Function,
    Odd,
    Piece,
    Result,
    Sight,
    Thought,
    Tongue,
    Use,
    Words,
)
from backstory.wires.translation.efforts import effort_for
from backstory.wires.translation.freely import INPUT_SCHEMA
from backstory.wires.translation.in_json import IN_JSON, in_schema
from backstory.wires.translation.schemas import enforceable
from backstory.wires.translation.tongue import budget_of, effort_of

RESPONSES, GEMINI = "openai_responses", "gemini"


def _sampling(**changes: object) -> Callable[[Asked], Asked]:
    return lambda asked: replace(asked, sampling=replace(asked.sampling, **changes))


def _pieces(keep: Callable[[Piece], Piece | None]) -> Callable[[Asked], Asked]:
    def change(asked: Asked) -> Asked:
        said = [replace(one, pieces=tuple([new for piece in one.pieces if (new := keep(piece)) is not None])) for one in asked.said]
        return replace(asked, said=tuple(one for one in said if one.pieces))

    return change


FREE = INPUT_SCHEMA


def _no_custom(asked: Asked) -> Asked:
    def plain(piece: Piece) -> Piece:
        match piece:
            case Use() if piece.custom:
                return replace(piece, custom=False, arguments=json.dumps({"input": piece.arguments}))
            case Result():
                return replace(piece, custom=False)
            case _:
                return piece

    tools = tuple(replace(tool, custom=False, schema=FREE) if isinstance(tool, Function) and tool.custom else tool for tool in asked.tools)
    return _pieces(plain)(replace(asked, tools=tools))


def _no_foreign_thought(wire: str) -> Callable[[Asked], Asked]:
    return _pieces(lambda piece: None if isinstance(piece, Thought) and piece.seal != wire else piece)


def _shown_apart(asked: Asked) -> Asked:
    """What tools show stands behind their results."""
    said = []
    for one in asked.said:
        pieces: list[Piece] = []
        for piece in one.pieces:
            if isinstance(piece, Result):
                pieces.append(replace(piece, parts=tuple(part for part in piece.parts if isinstance(part, Words))))
                pieces += [part for part in piece.parts if isinstance(part, Sight)]
            else:
                pieces.append(piece)
        said.append(replace(one, pieces=tuple(pieces)))
    return replace(asked, said=tuple(said))


def _near(asked: Asked) -> Asked:
    """The effort that is nearest for the model."""
    reasoning = asked.reasoning
    assert reasoning is not None
    if "gpt" in asked.model:
        return replace(asked, reasoning=replace(reasoning, effort=effort_for(asked.model, reasoning.effort)))
    if "gemini-3" in asked.model:
        levels: dict[str, Effort] = {"none": "low", "minimal": "low", "medium": "high", "xhigh": "high"}
        return replace(asked, reasoning=replace(reasoning, effort=levels[reasoning.effort]))
    budget = budget_of(reasoning.effort) or 0
    most, least = (32768, 128) if "pro" in asked.model else (24576, 0)
    return replace(asked, reasoning=replace(reasoning, effort="", budget=max(min(budget, most), least)))


def _unenforced(asked: Asked) -> Asked:
    """Only schemas that OpenAI can enforce are to be enforced."""
    tools = [
        replace(tool, strict=bool(tool.strict) and enforceable(tool.schema)) if isinstance(tool, Function) and not tool.custom else tool
        for tool in asked.tools
    ]
    form = asked.format
    if form is not None and form.strict and not enforceable(form.schema):
        form = replace(form, strict=False)
    return replace(asked, tools=tuple(tools), format=form)


def _told_of_json(asked: Asked, form: Format, wire: str) -> Asked:
    """Gemini is told in place of the format, OpenAI beside it."""
    if wire == GEMINI:
        return replace(asked, format=None, system=(*asked.system, Words(in_schema(form.schema))))
    return replace(asked, system=(*asked.system, Words(IN_JSON)))


def _same(asked: Asked) -> Asked:
    return asked


MINUS: dict[str, Callable[[Asked], Asked]] = {
    "stop": _sampling(stop=()),
    "top_k": _sampling(top_k=None),
    "seed": _sampling(seed=None),
    "presence_penalty": _sampling(presence=None),
    "frequency_penalty": _sampling(frequency=None),
    "logit_bias": _sampling(logit_bias=None),
    "temperature": _sampling(temperature=None),
    "top_p": _sampling(top_p=None),
    "max_tokens": _sampling(most=16),
    "cache_control": _same,
    "detail": _same,
    "filename": _pieces(lambda piece: replace(piece, name="") if isinstance(piece, Sight) else piece),
    "parallel_tool_calls": lambda asked: replace(asked, parallel=None),
    "user": lambda asked: replace(asked, user=""),
    "metadata": lambda asked: replace(asked, metadata=None),
    "service_tier": lambda asked: replace(asked, tier=""),
    "store": lambda asked: replace(asked, store=None),
    "tools.strict": _same,
    "strict": _unenforced,
    "tools.custom": _no_custom,
    "tool_choice.allowed_tools": lambda asked: replace(asked, choice=Choice("auto")),
    "tool_result.media": _shown_apart,
    "some_field": lambda asked: replace(asked, others=()),
    "reasoning.effort": _near,
    "reasoning": lambda asked: replace(asked, reasoning=None),
}


def minus(asked: Asked, tongue: Tongue) -> Asked:
    if asked.model == "gpt-4o" and asked.reasoning is not None and asked.reasoning.effort == "none":
        asked = replace(asked, reasoning=None)  # it does not reason anyway
    for loss in tongue.ask(asked)[1]:
        assert loss.how != "refused", loss
        if loss.what == "thinking":
            asked = _no_foreign_thought(tongue.name)(asked)
        elif loss.what == "stop" and loss.how == "changed":
            asked = _sampling(stop=asked.sampling.stop[:5])(asked)
        elif loss.what == "response_format" and asked.format is not None:
            asked = _told_of_json(asked, asked.format, tongue.name)
        else:
            asked = MINUS[loss.what](asked)
    return asked


def _parsed(raw: bytes | Raw | None) -> object:
    return json.loads(bytes(raw)) if raw else None


def plain_piece(piece: Piece) -> object:
    match piece:
        case Use():
            given = piece.arguments if piece.custom else json.loads(piece.arguments)
            return ("use", piece.id, piece.name, given, piece.custom, piece.sealed)
        case Thought():
            return replace(piece, id="")
        case Words():
            return replace(piece, cached=None)
        case Odd():
            return (piece.wire, piece.kind, _parsed(piece.raw))
        case _:
            return piece


def meaning(asked: Asked, wire: str) -> dict[str, object]:
    """What a request says, in a form that does not depend on how it is cut."""
    said: list[tuple[str, list[object]]] = []
    for one in asked.said:
        if not said or said[-1][0] != one.speaker:
            said.append((one.speaker, []))
        said[-1][1].extend(map(plain_piece, one.pieces))
    system = [one.text for one in asked.system]
    reasoning = asked.reasoning
    effort: object = None
    if reasoning is not None:
        told = reasoning.effort or ("" if reasoning.budget is None else effort_of(reasoning.budget))
        if wire == GEMINI and told == "xhigh":
            told = "high"  # tokens do not tell them apart
        effort = (told, reasoning.shown) if told or reasoning.shown else None
    tools = [(t.name, t.description, _parsed(t.schema), t.custom) for t in asked.tools if isinstance(t, Function)]
    sampling = asked.sampling
    form = asked.format
    return {
        "model": asked.model,
        "stream": asked.stream,
        "system": "\n\n".join(system) if wire == RESPONSES else system,
        "said": said,
        "tools": tools,
        "strict": [bool(tool.strict) for tool in asked.tools if isinstance(tool, Function)] if wire == RESPONSES else None,
        "choice": asked.choice,
        "parallel": asked.parallel if wire == RESPONSES else None,
        "format": None if form is None else (_parsed(form.schema), form.strict),
        "effort": effort,
        "sampling": replace(sampling, presence=sampling.presence or None, frequency=sampling.frequency or None),
        "user": asked.user,
        "metadata": _parsed(asked.metadata),
        "tier": asked.tier,
        "store": bool(asked.store),
        "others": [(name, _parsed(raw)) for name, raw in asked.others],
    }
