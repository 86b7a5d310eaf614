"""Anthropic Messages for translation: requests, read and written.

Rule: what the API is known to refuse is not sent, and is told as a loss.
Source: https://docs.claude.com/en/api/messages, .../build-with-claude/extended-thinking, .../adaptive-thinking, .../structured-outputs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from msgspec import Raw

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
from backstory.wires.anthropic import tongue_marks as marks
from backstory.wires.anthropic.tongue_losses import LOSSES
from backstory.wires.anthropic.tongue_models import ADAPTIVE, ALWAYS, COLD, EFFORTS, HIGHEST, MOST, OLD, THINKS, UNTHINKING
from backstory.wires.anthropic.tongue_pieces import OWN, blocks, pieces, words
from backstory.wires.anthropic.tongue_schema import for_claude, in_words
from backstory.wires.anthropic.tongue_told import losses as told_losses
from backstory.wires.lowering import encode
from backstory.wires.translation.efforts import wanted_effort
from backstory.wires.translation.fields import Fields
from backstory.wires.translation.freely import INPUT_SCHEMA, described
from backstory.wires.translation.tongue import Json, Losses, allowed, budget_of, effort_of, placed, short_name

_MOST_USER = 256
_LEAST_BUDGET, _ROOM = 1024, 4096
_LEAST_TOP_P = 0.95
"""What the API takes beside thinking. `_ROOM`: tokens, some pages; of smaller limits it is a quarter."""
_FILLER = "."
_GO_ON = "Go on."
_EMPTY_SCHEMA = Raw(b'{"type":"object","properties":{}}')
_SPEAKERS: dict[str, Speaker] = {"user": "user", "assistant": "assistant", "system": "system"}
_READ_EFFORTS: dict[str, Effort] = {"low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "xhigh"}
_THINKING = frozenset({"enabled", "adaptive", "disabled"})
_TIERS = {"auto": "auto", "standard_only": "standard_only", "default": "standard_only"}


# --- read


def read(body: bytes) -> Asked:
    """A request."""
    fields = Fields(body)
    model, stream = fields.text("model"), bool(fields.flag("stream"))
    if fields.kind("messages") != "array":
        raise DocumentError("a request without messages")
    system = _read_system(fields)
    said = _named([_read_said(raw, fields.unread) for raw in fields.objects("messages")])
    choice, parallel = _read_choice(fields)
    reasoning, form = _read_config(fields)
    user, metadata = _read_metadata(fields)
    thread = fields.inner("thread")
    return Asked(
        model,
        stream,
        system,
        said,
        tools=tuple([_read_tool(raw, fields.unread) for raw in fields.elements("tools")]),
        choice=choice,
        parallel=parallel,
        format=form,
        reasoning=reasoning,
        sampling=Sampling(
            most=fields.count("max_tokens"),
            temperature=fields.number("temperature"),
            top_p=fields.number("top_p"),
            top_k=fields.count("top_k"),
            stop=fields.texts("stop_sequences"),
        ),
        user=user,
        metadata=metadata,
        tier=fields.text("service_tier"),
        previous=thread.text("previous_message_id") if thread is not None else "",
        others=fields.rest(),
        wire=OWN,
        unread=tuple(fields.unread),
        lost=told_losses(said),
    )


def _read_system(fields: Fields) -> tuple[Words, ...]:
    if fields.kind("system") == "string":
        text = fields.text("system")
        return (Words(text),) if text else ()
    found = []
    for block in fields.objects("system"):
        if block.text("type") == "text":
            found.append(words(block))
        else:
            block.unread["system.content"] = None
    return tuple(found)


def _read_said(fields: Fields, unread: dict[str, None]) -> Said:
    speaker = _SPEAKERS.get(fields.text("role"))
    if speaker is None:
        raise DocumentError("a message whose role is neither user nor assistant")
    if fields.kind("content") == "string":
        found: tuple[Piece, ...] = (Words(fields.text("content")),)
    else:
        found = pieces(fields.elements("content"), "messages.content", unread)
    fields.done()
    return Said(speaker, found)


def _named(said: Sequence[Said]) -> tuple[Said, ...]:
    """Results know the names of the tools that were called."""
    names = {piece.id: piece.name for one in said for piece in one.pieces if isinstance(piece, Use)}
    if not names:
        return tuple(said)
    return tuple([Said(one.speaker, tuple([_with_name(piece, names) for piece in one.pieces])) for one in said])


def _with_name(piece: Piece, names: dict[str, str]) -> Piece:
    if isinstance(piece, Result):
        return Result(piece.id, names.get(piece.id, ""), piece.parts, piece.error, piece.custom, piece.cached)
    return piece


def _read_tool(raw: Raw, unread: dict[str, None]) -> Function | Builtin:
    fields = Fields(raw, "tools", unread)
    kind = fields.text("type")
    if kind not in {"", "custom"}:
        return Builtin(kind, raw)
    schema = fields.raw("input_schema")
    found = Function(
        fields.text("name"),
        fields.text("description"),
        b"" if schema is None else bytes(schema),
        fields.flag("strict"),
        cached=fields.raw("cache_control"),
    )
    fields.done()
    return found


def _read_choice(fields: Fields) -> tuple[Choice | None, bool | None]:
    found = fields.inner("tool_choice")
    if found is None:
        return None, None
    alone, kind, name = found.flag("disable_parallel_tool_use"), found.text("type"), found.text("name")
    parallel = None if alone is None else not alone
    found.done()
    match kind:
        case "auto" | "any" | "none" as mode:
            return Choice(mode), parallel
        case "tool":
            return Choice("tool", name), parallel
        case kind:
            raise DocumentError(f"tool_choice of type {kind}")


def _read_config(fields: Fields) -> tuple[Reasoning | None, Format | None]:
    """Thinking, effort and the format of the answer, which share a member."""
    config, thinking = fields.inner("output_config"), fields.inner("thinking")
    form = _read_format(config.inner("format") if config is not None else None) or _read_format(fields.inner("output_format"))
    effort: Effort = ""
    if config is not None:
        effort = _READ_EFFORTS.get(config.word("effort", _READ_EFFORTS), "")
        config.done()
    kind = "" if thinking is None else thinking.word("type", _THINKING)
    if thinking is None or not kind:
        return (Reasoning(effort) if effort else None), form
    budget, display = thinking.count("budget_tokens"), thinking.text("display")
    thinking.done()
    if kind == "disabled":
        return Reasoning("none"), form
    return Reasoning(effort, budget, display != "omitted"), form


def _read_format(fields: Fields | None) -> Format | None:
    if fields is None or not fields.word("type", ("json_schema",)):
        return None
    schema = fields.raw("schema")
    fields.done()
    return Format(b"" if schema is None else bytes(schema), strict=True)


def _read_metadata(fields: Fields) -> tuple[str, Raw | None]:
    """The user's id, and all else."""
    if fields.kind("metadata") != "object":
        return "", fields.raw("metadata")
    found = fields.inner("metadata")
    if found is None:
        return "", None
    user, rest = found.text("user_id"), dict(found.rest())
    return user, Raw(encode(rest)) if rest else None


# --- written


def write(asked: Asked) -> tuple[bytes, tuple[Loss, ...]]:
    """The request, and what of it is lost."""
    lost = Losses(LOSSES)
    marked = marks.ours(asked)
    body: Json = {"model": asked.model, "max_tokens": 0}
    system = _system(asked, lost)
    if system:
        body["system"] = system if marked else _plainly(system)
    body["messages"] = _messages(asked, lost, marked)
    tools = [tool for one in allowed(asked, lost) if (tool := _tool(one, asked, lost)) is not None]
    if tools:
        body["tools"] = tools
    _choose(asked, body, lost)
    _sample(asked, body, _think(asked, body, lost), lost)
    _format(asked, body, lost)
    _about(asked, body, lost)
    if asked.stream:
        body["stream"] = True
    body |= lost.foreign(asked, OWN)
    if marked:
        marks.place(body, asked)
    return encode(body), lost.told()


def _plainly(content: list[Json]) -> str | list[Json]:
    """Content that is a single text, as a string."""
    return str(content[0]["text"]) if len(content) == 1 and set(content[0]) == {"type", "text"} else content


def _system(asked: Asked, lost: Losses) -> list[Json]:
    found = [block for one in asked.system for block in blocks(one, asked.wire, lost)]
    if words := in_words(asked):
        found.append({"type": "text", "text": words})
    return found


def _messages(asked: Asked, lost: Losses, marked: bool) -> list[Json]:
    """Speakers alternate, but where one said nothing that is sent; the results of calls stand first in a user's message. `marked`: all
    content is blocks, so that it stays the same when its mark moves on. What stands for a beginning that is not sent goes by that alone."""
    if any(one.speaker == "system" for one in asked.said) and asked.wire != OWN:
        lost.note("system messages")
    turns: list[tuple[Speaker, list[Piece]]] = []
    for one in asked.said if asked.wire == OWN else placed(asked.said):
        if one.name:
            lost.note("name")
        if turns and turns[-1][0] == one.speaker:
            turns[-1][1].extend(one.pieces)
        else:
            turns.append((one.speaker, list(one.pieces)))
    out, begun = list[Json](), False
    for at, (speaker, found) in enumerate(turns):
        found.sort(key=lambda piece: not isinstance(piece, Result))
        content = [block for piece in found for block in blocks(piece, asked.wire, lost)]
        if content:
            out.append({"role": speaker, "content": content if marked else _plainly(content)})
            begun |= at == 0 and speaker == "user"
    if not begun:
        lost.note("messages")
        out.insert(0, {"role": "user", "content": _FILLER})
    _trim(out, asked.model, lost)
    return out


def _trim(messages: list[Json], model: str, lost: Losses) -> None:
    """An answer that is begun must not end in blanks; later models do not go on with one at all."""
    last = messages[-1]
    content = last["content"]
    if last["role"] != "assistant":
        return
    if ADAPTIVE.search(model):
        lost.note("prefill")
        messages.append({"role": "user", "content": _GO_ON})
    elif isinstance(content, str) and content != content.rstrip():
        lost.note("prefill")
        last["content"] = content.rstrip()
    elif isinstance(content, list) and content[-1]["type"] == "text" and content[-1]["text"] != content[-1]["text"].rstrip():
        lost.note("prefill")
        content[-1]["text"] = content[-1]["text"].rstrip()


def _tool(tool: Function | Builtin, asked: Asked, lost: Losses) -> Json | None:
    if isinstance(tool, Builtin):
        if asked.wire == OWN:
            return dict(Fields(tool.raw).rest())
        lost.note("tools", f"tools.{tool.type}")
        return None
    if tool.custom:
        lost.note("custom tools")
    schema = INPUT_SCHEMA if tool.custom else tool.schema
    name = short_name(tool.name)
    if name != tool.name:
        lost.note("tool names")
    out: Json = {"name": name, "input_schema": Raw(schema) if schema else _EMPTY_SCHEMA}
    if description := described(tool):
        out["description"] = description
    if tool.strict is not None and asked.wire == OWN:
        out["strict"] = tool.strict
    elif tool.strict:
        lost.note("strict")
    if tool.cached is not None:
        out["cache_control"] = tool.cached
    return out


def _choose(asked: Asked, body: Json, lost: Losses) -> None:
    if "tools" not in body:
        return
    choice = asked.choice
    if choice is None and asked.parallel is None:
        return
    out: Json = {"type": "auto" if choice is None else choice.mode}
    if choice is not None and choice.mode == "tool":
        out["name"] = short_name(choice.name)
    if asked.parallel is not None and out["type"] != "none":
        out["disable_parallel_tool_use"] = not asked.parallel
    body["tool_choice"] = out


def _think(asked: Asked, body: Json, lost: Losses) -> bool:
    """Whether there will be thinking. `max_tokens` is settled here as well."""
    most = asked.sampling.most or next(number for pattern, number in MOST if pattern.search(asked.model))
    most = min(most, asked.limit or most)
    body["max_tokens"] = most
    wanted = asked.reasoning
    if wanted is None:
        return False
    if wanted.summary:
        lost.note("reasoning.summary")
    if UNTHINKING.search(asked.model):
        if wanted_effort(wanted) != "none":
            lost.note("thinking")
        return False
    if wanted.effort == "none" or wanted.budget == 0:
        return _unthinking(asked.model, body, lost)
    if asked.choice is not None and asked.choice.mode in {"any", "tool"} and "tools" in body:
        lost.note("reasoning")
        return _unthinking(asked.model, body, lost) if THINKS.search(asked.model) else False
    if ADAPTIVE.search(asked.model):
        _adapt(wanted, asked.model, body, lost)
        return True
    return _budgeted(asked, wanted, most, body, lost)


def _budgeted(asked: Asked, wanted: Reasoning, most: int, body: Json, lost: Losses) -> bool:
    """Whether there will be thinking, in a budget of tokens. One that nobody named leaves room for the answer."""
    budget = wanted.budget or budget_of(wanted.effort) or budget_of("medium") or 0
    if asked.sampling.most is None and most <= budget:
        most, budget = _roomy(most, budget, asked.limit)
        body["max_tokens"] = most
    settled = (
        max(budget, _LEAST_BUDGET) if (wanted.budget or most) < most else min(max(budget, _LEAST_BUDGET), most - min(most // 4, _ROOM))
    )
    if not _LEAST_BUDGET <= settled < most or _unsigned(asked.said):
        lost.note("reasoning")
        return False
    told = asked.wire == OWN and wanted.effort in EFFORTS
    if told:
        body["output_config"] = {"effort": EFFORTS[wanted.effort]}
    if settled != wanted.budget or wanted.effort == "minimal" or (wanted.effort and not told):
        lost.note("reasoning_effort")
    body["thinking"] = {"type": "enabled", "budget_tokens": settled}
    return True


def _roomy(most: int, budget: int, limit: int) -> tuple[int, int]:
    """Room for an answer of so many tokens after so much thinking: (`max_tokens`, budget). Of what the model is known to give, at least a
    quarter is the answer's."""
    if not limit or most + budget <= limit:
        return most + budget, budget
    return limit, min(budget, limit - limit // 4)


def _unthinking(model: str, body: Json, lost: Losses) -> bool:
    """As little thinking as the model can do. Whether there is some."""
    if not ALWAYS.search(model):
        body["thinking"] = {"type": "disabled"}
        return False
    lost.note("reasoning_effort")
    body["output_config"] = {"effort": "low"}
    return True


def _adapt(wanted: Reasoning, model: str, body: Json, lost: Losses) -> None:
    effort = wanted.effort or (effort_of(wanted.budget) if wanted.budget else "")
    told = EFFORTS.get(effort, "")
    if effort == "xhigh":
        told = next((word for pattern, word in HIGHEST if pattern.search(model)), told)
    if wanted.budget or effort == "minimal" or (effort == "xhigh" and told == "high"):
        lost.note("reasoning_effort")
    body["thinking"] = {"type": "adaptive", "display": "summarized" if wanted.shown else "omitted"}
    if told:
        body["output_config"] = {"effort": told}


def _unsigned(said: Sequence[Said]) -> bool:
    """Whether the calls that are being answered were made, or the answer that is to go on was begun, without thoughts that can go back:
    such may not be answered with thinking on."""
    for at, one in enumerate(reversed(said)):
        if one.speaker == "assistant":
            calls = any(isinstance(piece, Use) for piece in one.pieces)
            return (calls or not at) and not any(isinstance(piece, Thought) and piece.seal == OWN for piece in one.pieces)
        if not any(isinstance(piece, Result) for piece in one.pieces):
            return False
    return False


def _sample(asked: Asked, body: Json, thinks: bool, lost: Losses) -> None:
    given = asked.sampling
    temperature, top_p, top_k = given.temperature, given.top_p, given.top_k
    if thinks or COLD.search(asked.model):
        _gone(temperature, 1, "temperature", lost)
        _gone(top_k, 0, "top_k", lost)
        temperature = top_k = None
    if temperature is not None and temperature > 1:
        lost.note("temperature")
        temperature = 1.0
    if COLD.search(asked.model):
        _gone(top_p, 1, "top_p", lost)
        top_p = None
    alone = temperature is not None and "claude-" in asked.model and not OLD.search(asked.model)
    if alone or (thinks and top_p is not None and top_p < _LEAST_TOP_P):
        _gone(top_p, 1, "top_p", lost)
        top_p = None
    stop = [one for one in given.stop if one.strip()]
    if len(stop) < len(given.stop):
        lost.note("stop")
    found = {"temperature": temperature, "top_p": top_p, "top_k": top_k, "stop_sequences": stop or None}
    body |= {name: value for name, value in found.items() if value is not None}
    _sample_not(given, lost)


def _sample_not(given: Sampling, lost: Losses) -> None:
    absent = {
        "n": given.count > 1,
        "seed": given.seed is not None,
        "presence_penalty": bool(given.presence),
        "frequency_penalty": bool(given.frequency),
        "logit_bias": given.logit_bias is not None and bytes(given.logit_bias) != b"{}",
        "logprobs": given.logprobs or bool(given.top_logprobs),
    }
    for name, asked in absent.items():
        if asked:
            lost.note(name)


def _gone(value: float | None, usual: float, name: str, lost: Losses) -> None:
    if value is not None and value != usual:
        lost.note(name)


def _format(asked: Asked, body: Json, lost: Losses) -> None:
    form = asked.format
    if form is None:
        return
    if form.description:
        lost.note("response_format.description")
    if in_words(asked):
        lost.note("response_format")
        return
    config = body.get("output_config")
    schema = form.schema if asked.wire == OWN else for_claude(form.schema)
    if schema is not form.schema:
        lost.note("schema")
    body["output_config"] = {**(config if isinstance(config, dict) else {}), "format": {"type": "json_schema", "schema": Raw(schema)}}


def _about(asked: Asked, body: Json, lost: Losses) -> None:
    if asked.user:
        user = asked.user
        if len(user) > _MOST_USER:
            lost.note("user")
            user = hashlib.sha256(user.encode("utf-8", "surrogatepass")).hexdigest()
        body["metadata"] = {"user_id": user}
    if asked.metadata is not None:
        if asked.wire == OWN:
            body["metadata"] = {**dict(Fields(asked.metadata).rest()), **({"user_id": asked.user} if asked.user else {})}
        elif bytes(asked.metadata) != b"{}":
            lost.note("metadata")
    if asked.tier:
        tier = _TIERS.get(asked.tier)
        if tier is None:
            lost.note("service_tier")
        else:
            body["service_tier"] = tier
    if asked.store:
        lost.note("store")
    if asked.previous:
        lost.note("previous_response_id")
