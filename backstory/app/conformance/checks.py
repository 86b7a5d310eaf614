"""What has to hold of an answer. Each check yields what is wrong, nothing where all is well."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

import msgspec

from backstory.app.conformance import plays
from backstory.app.conformance.asking import Seen
from backstory.app.conformance.values import Ask, Call, Finish, Heard, Image, Json, Result, Text, Usage, dumped, object_of

Check: TypeAlias = Callable[[Seen, Ask], Iterable[str]]
"""Of what came back, and of what was asked."""

_MARK = re.compile(r"\s*<!-- vc:.*?-->", re.DOTALL)
_CODES = {
    "anthropic": {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"},
    "gemini": {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"},
}
_STATUSES = {500: range(500, 505), 503: (503, 529), 529: (503, 529)}
_SEALING = ("anthropic", "openai_responses", "gemini")
_ENDS = {
    "anthropic": ("message_start", "message_stop"),
    "openai_chat": ("chunk", "usage [DONE]"),
    "openai_responses": ("response.created", "response.completed"),
    "gemini": ("chunk", "chunk"),
}


def fine(seen: Seen, typed: bool = True) -> Iterator[str]:
    """A regular answer, in the right order of events. `typed`: of the right content type."""
    got = seen.got
    if seen.status != 200 or got.error:
        yield f"status {seen.status}, {got.error or seen.raw[:200]!r}"
        return
    kind = "text/event-stream" if seen.stream else "application/json"
    if typed and seen.kind != kind:
        yield f"content type {seen.kind!r}, not {kind!r}"
    if seen.broken or not got.over:
        yield "has no regular end"
    yield from got.faults


def says(text: str, finish: Finish = "stop") -> Check:
    """It says this, and ends for this reason."""

    def check(seen: Seen, ask: Ask) -> Iterator[str]:
        yield from fine(seen)
        yield from _same("text", plain(seen.got.text), text)
        yield from _same("finish", seen.got.finish, finish)

    return check


def calls(wanted: Sequence[Call], text: str = "") -> Check:
    """It calls these tools, in this order."""

    def check(seen: Seen, ask: Ask) -> Iterator[str]:
        yield from says(text, "tool_calls")(seen, ask)
        found = [(call.name, object_of(call.arguments)) for call in seen.got.calls]
        yield from _same("calls", found, [(call.name, object_of(call.arguments)) for call in wanted])
        names = [call.id for call in seen.got.calls]
        if seen.client != "gemini" and (len({*names}) < len(wanted) or "" in names):
            yield f"ids of calls: {names}"

    return check


def thinks(seen: Seen, ask: Ask) -> Iterator[str]:
    """Thoughts stand in their own place."""
    yield from says("It is blue.")(seen, ask)
    yield from _same("thoughts", seen.got.thoughts, plays.THOUGHTS)


def counts(seen: Seen, ask: Ask) -> Iterator[str]:
    """Usage is told whole: cached tokens too, and what both wires have a place for."""
    yield from says("Counted.")(seen, ask)
    told = plays.PLAYS["usage"].usage
    both = seen.client == seen.provider == "anthropic"
    thoughts = told.thoughts if "anthropic" not in (seen.client, seen.provider) else 0
    found = seen.got.usage or Usage()
    if not both:
        found = msgspec.structs.replace(found, written=0)
    yield from _same("usage", found, Usage(told.input, told.output, told.cached, told.written if both else 0, thoughts))


def stops(seen: Seen, ask: Ask) -> Iterator[str]:
    """Which sequence it was is told where both wires can say it."""
    both = seen.client == seen.provider == "anthropic"
    yield from says("Up to here ", "sequence" if both else "stop")(seen, ask)
    yield from _same("stop_sequence", seen.got.sequence, "END" if both else "")


def declines(seen: Seen, ask: Ask) -> Iterator[str]:
    """A refusal is one for the client too, in the model's words where there are any."""
    yield from fine(seen)
    if not seen.got.refused:
        yield f"is no refusal for the client: finish {seen.got.finish!r}, text {seen.got.text!r}"
    if seen.provider != "gemini" and plays.DECLINED not in seen.got.text + seen.got.refusal:
        yield f"the words are lost: {seen.got.text + seen.got.refusal!r}"


def ordered(seen: Seen, ask: Ask) -> Iterator[str]:
    """The stream begins and ends as its wire has it, and came in pieces."""
    yield from says(plays.LONG)(seen, ask)
    first, last = _ENDS[seen.client]
    events = seen.got.events
    yield from _same("first and last events", (events[:1], " ".join(events[-len(last.split()) :])), ([first], last))
    if seen.got.pieces < 10:
        yield f"came in {seen.got.pieces} pieces"


def early(seen: Seen, ask: Ask) -> Iterator[str]:
    """What the provider has said is with the client while the provider still works."""
    yield from says("Early. Late.")(seen, ask)
    if seen.span_s < plays.PAUSE_S / 2:
        yield f"all of it came within {seen.span_s * 1000:.0f} ms, though the provider rested {plays.PAUSE_S * 1000:.0f} ms in its middle"


# --- what reached the provider

# Made once: several threads must not make it at the same time.
_heard = msgspec.json.Decoder(Heard).decode


def heard(check: Callable[[Heard, Seen, Ask], Iterable[str]]) -> Check:
    """`check` of what the provider says reached it."""

    def found(seen: Seen, ask: Ask) -> Iterator[str]:
        yield from fine(seen)
        if seen.status == 200:
            try:
                told = _heard(plain(seen.got.text))
            except (msgspec.DecodeError, msgspec.ValidationError):
                yield f"the provider's answer is not what it was: {seen.got.text[:200]!r}"
            else:
                yield from _same("the provider's wire", told.wire, seen.provider)
                yield from check(told, seen, ask)

    return found


def hears_system(told: Heard, seen: Seen, ask: Ask) -> Iterator[str]:
    if ask.system not in told.system:
        yield f"system prompt: {told.system!r}"


def hears_turns(told: Heard, seen: Seen, ask: Ask) -> Iterator[str]:
    """Every text in its order, by who said it."""
    yield from hears_system(told, seen, ask)
    sent = [(turn.role, part.text) for turn in ask.turns for part in turn.parts if isinstance(part, Text)]
    yield from _same("turns", _merged(told.turns), _merged(sent))


def hears_images(told: Heard, seen: Seen, ask: Ask) -> Iterator[str]:
    yield from _same("images", told.images, tuple(part for turn in ask.turns for part in turn.parts if isinstance(part, Image)))


def hears_tools(told: Heard, seen: Seen, ask: Ask) -> Iterator[str]:
    found = [(tool.name, tool.description, normal(tool.schema)) for tool in told.tools]
    yield from _same("tools", found, [(tool.name, tool.description, normal(tool.schema)) for tool in ask.tools])


def hears_choice(told: Heard, seen: Seen, ask: Ask) -> Iterator[str]:
    """A tool that is the only one may as well be any."""
    if told.choice != ask.choice and not (ask.choice == "none" and not told.tools):
        yield f"tool choice {told.choice!r}, not {ask.choice!r}"


def hears_lone(told: Heard, seen: Seen, ask: Ask) -> Iterator[str]:
    yield from _carried(not told.parallel, seen, "no parallel calls", "parallel", "tool_choice")


def hears_results(told: Heard, seen: Seen, ask: Ask) -> Iterator[str]:
    """Each result belongs to its call."""
    sent = [part for turn in ask.turns for part in turn.parts if isinstance(part, Result)]
    found = {dumped(one.arguments): one.text for one in told.results}
    yield from _same("number of results", len(told.results), len(sent))
    for result in sent:
        call = next(call for call in (*plays.CALLS, plays.BARE) if result.text.endswith(call.id))
        text = found.get(dumped(object_of(call.arguments)), "")
        if result.text not in text and result.text not in object_of(text).values():
            yield f"the result of {call.arguments} is {text!r}, not {result.text!r}"
        if result.failed and "error" not in text.lower() and "[failed]" not in text:
            yield f"nothing says that the tool failed: {text!r}"


def hears_round(told: Heard, seen: Seen, ask: Ask) -> Iterator[str]:
    """The answer comes back as it was said, and the results with it."""
    yield from hears_results(told, seen, ask)
    yield from _same("what was said", "".join(text for role, text in told.turns if role == "assistant"), plays.SPOKEN)


def hears_thoughts(told: Heard, seen: Seen, ask: Ask) -> Iterator[str]:
    """Reasoning goes back to the provider that sealed it, with its seal, beside the results."""
    yield from hears_round(told, seen, ask)
    if seen.provider in _SEALING and not any(one.signature == plays.SIGNATURE for one in told.thoughts):
        yield f"the reasoning did not go back: {told.thoughts}"


def hears_schema(told: Heard, seen: Seen, ask: Ask) -> Iterator[str]:
    yield from _same("schema", normal(told.schema), normal(ask.schema))


def hears_stop(told: Heard, seen: Seen, ask: Ask) -> Iterator[str]:
    yield from _carried(told.stop == ask.stop, seen, f"stop sequences {told.stop}", "stop")


def hears_most(told: Heard, seen: Seen, ask: Ask) -> Iterator[str]:
    yield from _same("output tokens", told.most, ask.most)


def hears_temperature(told: Heard, seen: Seen, ask: Ask) -> Iterator[str]:
    yield from _carried(told.temperature == ask.temperature, seen, f"temperature {told.temperature}", "temperature")


def hears_thinking(told: Heard, seen: Seen, ask: Ask) -> Iterator[str]:
    yield from _carried(bool(told.thinking), seen, "no thinking asked for", "thinking", "reasoning")


def hears_unknown(told: Heard, seen: Seen, ask: Ask) -> Iterator[str]:
    """What no wire knows reaches its provider, or the client is told that it does not."""
    for name in ask.more:
        yield from _carried(name in told.others, seen, f"{name} is gone", name)


def hears_stream(told: Heard, seen: Seen, ask: Ask) -> Iterator[str]:
    yield from _same("stream asked for", told.stream, seen.stream)


# --- errors


def fails(status: int) -> Check:
    """The error of this status, in the client's wire and in the provider's words."""

    def check(seen: Seen, ask: Ask) -> Iterator[str]:
        got = seen.got
        yield from got.faults
        if seen.status not in _STATUSES.get(status, (status,)):
            yield f"status {seen.status}, the provider's was {status}"
        if plays.TROUBLE not in got.error:
            yield f"says {got.error!r}, the provider said {plays.TROUBLE!r}"
        code = _CODES.get(seen.client, {}).get(status, "")
        if code and got.kind != code:
            yield f"is a {got.kind!r}, not a {code!r}"
        after = plays.PLAYS[f"error-{status}"].retry_after
        if after and seen.retry_after != after:
            yield f"retry-after {seen.retry_after!r}, the provider's was {after!r}"

    return check


def breaks(seen: Seen, ask: Ask) -> Iterator[str]:
    """What was said is with the client, and then the error, as one."""
    yield from seen.got.faults
    if "It begins" not in seen.got.text + (seen.raw.decode("utf-8", "replace") if seen.client == "openai_responses" else ""):
        yield f"what was said before the error is lost: {seen.got.text!r}"
    if plays.TROUBLE not in seen.got.error:
        yield f"the error is not told: {seen.got.error!r}"
    if seen.got.over:
        yield "it ends as if all were well"


def cuts(seen: Seen, ask: Ask) -> Iterator[str]:
    """A stream that was cut is not whole for the client either."""
    if seen.status == 200 and seen.got.over and not seen.got.error and not seen.broken:
        yield "it ends as if all were well"
    if seen.status == 200 and not seen.broken and not seen.got.error and seen.stream and not seen.got.finish and seen.client != "gemini":
        yield "nothing tells that it is not whole"


def odd(seen: Seen, ask: Ask) -> Iterator[str]:
    """What is no answer is none for the client: an error in its wire. Of the same wire it may be the provider's own bytes."""
    if seen.verbatim and not _wrapped(seen):
        return
    if seen.broken and not seen.got.over:
        return
    if seen.status < 500 and not (seen.stream and seen.got.error):
        yield f"status {seen.status}, {seen.raw[:120]!r}"
    yield from seen.got.faults


def understood(text: str) -> Check:
    """An answer in a form that was not expected is understood, or an error."""

    def check(seen: Seen, ask: Ask) -> Iterator[str]:
        if seen.status >= 500:
            yield from seen.got.faults
            return
        yield from fine(seen, not seen.verbatim)
        yield from _same("text", plain(seen.got.text), text)

    return check


# --- values


def plain(text: str) -> str:
    """Without the mark that a proxy with a memory may put at an answer's end."""
    return _MARK.sub("", text)


def normal(schema: object) -> object:
    """A JSON schema as far as every wire can say it."""
    if not isinstance(schema, dict):
        return schema
    out: Json = {}
    for name in ("type", "description", "enum", "required"):
        if name in schema:
            value = schema[name]
            out[name] = value.lower() if isinstance(value, str) and name == "type" else value
    if isinstance(schema.get("properties"), dict):
        out["properties"] = {name: normal(inner) for name, inner in schema["properties"].items()}
    if "items" in schema:
        out["items"] = normal(schema["items"])
    return out


def _wrapped(seen: Seen) -> bool:
    """Whether the gateway made an error of it."""
    return seen.kind == "application/json" and bool(seen.got.error)


def _merged(turns: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    out: list[tuple[str, str]] = []
    for role, text in turns:
        bare = " ".join(text.split())
        if out and out[-1][0] == role:
            out[-1] = (role, f"{out[-1][1]} {bare}")
        else:
            out.append((role, bare))
    return out


def _carried(holds: bool, seen: Seen, what: str, *names: str) -> Iterator[str]:
    """It got through, or the header X-VC-Losses names it."""
    if not holds and not any(name in seen.losses for name in names):
        yield f"{what}, and nothing tells of it (X-VC-Losses: {seen.losses!r})"


def _same(what: str, found: object, wanted: object) -> Iterator[str]:
    if found != wanted:
        yield f"{what}: {found!r:.300}, not {wanted!r:.300}"
