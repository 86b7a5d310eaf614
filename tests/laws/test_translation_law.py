"""The law of translation: what a request says reaches a provider of another wire, or is declared as lost; and an answer is the same one,
whole or streamed, however its stream is cut."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from backstory.core.translation import Answered, Asked, Event, Refusal, Thought, Tongue, Use, Words
from backstory.wires import WIRES
from backstory.wires.translation.tongues import TONGUES
from backstory.wires.translation.translate import events_of, gathered
from tests.laws.translated import ANSWERS, requests, said

QUICK = settings(max_examples=60, deadline=None)
MINE = {"anthropic", "openai_chat"}
BOTH = pytest.mark.parametrize("tongue", [tongue for tongue in TONGUES if tongue.name in MINE], ids=lambda tongue: tongue.name)
_IDS = {"tool ids", "tool names"}
_SEEN = {"file_id", "document url", "audio url", "plain documents", "audio", "video", "file"}
# Which losses may explain that a part of a request is not what it was.
EXPLAINED: dict[str, set[str]] = {
    "system": {"response_format", *_SEEN},
    "words": {*_SEEN, "plain documents", "tool_result media", "system messages", "messages", "prefill"},
    "refusals": {"refusal"},
    "calls": {*_IDS, "arguments"},
    "results": {*_IDS, "is_error"},
    "errors": {"is_error"},
    "sights": _SEEN,
    "details": {"detail"},
    "in results": {*_SEEN, "tool_result media"},
    "thoughts": {"thoughts"},
    "citations": {"blank", "citations", "annotations"},
    "names": {"name", *_SEEN},
    "cached": {"cache_control", "blank", "allowed_tools"},
    "tools": {"tool names", "allowed_tools", "custom tools"},
    "tools.strict": {"strict", "allowed_tools"},
    "choice": {"tool names", "allowed_tools"},
    "schema": {"response_format", "schema"},
    "json": {"response_format"},
    "format.strict": {"strict", "response_format"},
    "format.description": {"response_format.description", "response_format"},
    "reasoning": {"reasoning with tools", "reasoning", "reasoning_effort", "thinking"},
    "summary": {"reasoning.summary", "reasoning with tools"},
    "temperature": {"temperature"},
    "top_p": {"top_p"},
    "top_k": {"top_k"},
    "stop": {"stop", "stop_sequences"},
    "seed": {"seed"},
    "penalties": {"presence_penalty", "frequency_penalty"},
    "count": {"n"},
    "logit_bias": {"logit_bias"},
    "logprobs": {"logprobs", "top_logprobs"},
    "user": {"user"},
    "metadata": {"metadata"},
    "tier": {"service_tier"},
    "store": {"store"},
    "previous": {"previous_response_id"},
}


@BOTH
@QUICK
@given(asked=requests())
def test_what_does_not_get_through_is_declared(tongue: Tongue, asked: Asked) -> None:
    body, losses = tongue.ask(asked)
    names = {loss.what for loss in losses}
    assert len(names) == len(losses)
    before, after = said(asked), said(tongue.asked(body, "", ""))
    for part, value in before.items():
        if value == after[part] or names & EXPLAINED.get(part, set()):
            continue
        if part == "builtin" and "allowed_tools" in names:
            continue
        if part in {"others", "unread", "odd", "builtin"}:
            missing = [one for one in value if one not in after[part]]  # type: ignore[attr-defined, operator]
            assert all(any(name.endswith(one) for name in names) for one in missing), (part, names)
            continue
        if part == "most" and value is None:
            continue  # a wire that demands a number gets one
        if part == "reasoning" and asked.model in {"gpt-4o", "claude-3-haiku"} and value == ("none", None):
            continue  # a model that does not reason anyway
        if part == "format.strict" and not value:
            continue  # a wire that always keeps to the schema
        raise AssertionError(f"{part}: {value!r} became {after[part]!r}, and nobody says so: {sorted(names)}")


@BOTH
@QUICK
@given(asked=requests())
def test_a_request_in_the_own_wire_says_the_same_again(tongue: Tongue, asked: Asked) -> None:
    """Once it has been written, nothing more gets lost by reading and writing it."""
    body, _ = tongue.ask(asked)
    first = tongue.asked(body, "", "")
    again, losses = tongue.ask(first)
    assert [loss for loss in losses if loss.how == "refused" and loss.what not in {"file_id"}] == []
    second = tongue.asked(again, "", "")
    assert said(replace(first, reasoning=None)) == said(replace(second, reasoning=None))


@BOTH
@QUICK
@given(asked=requests(), place=st.integers(1, 9))
def test_a_conversation_that_goes_on_is_sent_as_it_was_before(tongue: Tongue, asked: Asked, place: int) -> None:
    """So that the provider's prompt cache lives: messages are only added."""
    place = min(place, len(asked.said) - 1)
    if place < 1 or asked.said[place - 1].speaker != "assistant":
        return
    short = json.loads(tongue.ask(replace(asked, said=asked.said[:place]))[0])
    long = json.loads(tongue.ask(asked)[0])
    begun = short["messages"]
    if begun[-1] == {"role": "user", "content": "Go on."}:
        begun.pop()  # a model that does not go on with an answer that is begun is asked to
    if begun[-1]["role"] == "assistant" and isinstance(begun[-1]["content"], str):
        begun[-1]["content"] = long["messages"][len(begun) - 1]["content"]  # a prefill loses the blanks at its end
    assert long["messages"][: len(begun)] == begun
    assert {name: long.get(name) for name in ("system", "tools")} == {name: short.get(name) for name in ("system", "tools")}


def _as_anthropic(answered: Answered) -> Answered:
    """What Anthropic Messages can say of an answer."""
    refused = any(isinstance(piece, Refusal) for piece in answered.pieces)
    pieces = tuple([Words(piece.text) if isinstance(piece, Refusal) else piece for piece in answered.pieces])
    sequence = answered.sequence
    finish = answered.finish
    if refused and finish == "stop" and not sequence:
        finish = "refusal"
    return replace(answered, id=f"msg_{answered.id}", pieces=pieces, finish=finish, thoughts=0, created=0, sequence=sequence)


def _as_chat(answered: Answered) -> Answered:
    """What Chat Completions can say of an answer: thoughts, one text, a refusal, calls."""
    thoughts = [piece for piece in answered.pieces if isinstance(piece, Thought)]
    if not any(piece.sealed for piece in thoughts):
        thoughts = [Thought(text)] if (text := "".join(piece.text for piece in thoughts)) else []
    texts = [piece for piece in answered.pieces if isinstance(piece, Words)]
    refusals = "".join(piece.text for piece in answered.pieces if isinstance(piece, Refusal))
    calls = [piece for piece in answered.pieces if isinstance(piece, Use)]
    joined = [Words("".join(piece.text for piece in texts))] if texts else []
    pieces = (*thoughts, *joined, *([Refusal(refusals)] if refusals else []), *calls)
    finish = "tool_calls" if calls and answered.finish == "stop" else answered.finish
    usage = replace(answered.usage, cache_write_long_tokens=0) if answered.usage is not None else None
    return replace(answered, id=f"chatcmpl-{answered.id}", pieces=pieces, finish=finish, usage=usage, sequence="")


def _uncited(answered: Answered) -> Answered:
    return replace(answered, pieces=tuple([Words(piece.text) if isinstance(piece, Words) else piece for piece in answered.pieces]))


@BOTH
@QUICK
@given(answered=ANSWERS)
def test_an_answer_is_read_as_it_was_written(tongue: Tongue, answered: Answered) -> None:
    wanted = _as_anthropic(answered) if tongue.name == "anthropic" else _as_chat(answered)
    got = tongue.answered(tongue.answer(answered, Asked("m", False, (), ())))
    assert isinstance(got, Answered)
    assert _uncited(got) == _uncited(wanted)
    cited = sum(len(piece.citations) for piece in answered.pieces if isinstance(piece, Words))
    assert sum(len(piece.citations) for piece in got.pieces if isinstance(piece, Words)) == cited


def _heard(tongue: Tongue, stream: bytes, cuts: list[int]) -> list[Event]:
    """The events of a stream in these pieces."""
    wire = next(wire for wire in WIRES if wire.name == tongue.name)
    reader, listener = wire.reader("text/event-stream"), tongue.listener()
    edges = sorted({0, len(stream), *(place % (len(stream) + 1) for place in cuts)})
    frames = [frame for start, end in pairwise(edges) for frame in reader.feed(stream[start:end])]
    events = [event for frame in (*frames, *reader.close()) for event in listener.events(frame)]
    return [*events, *listener.over()]


@BOTH
@QUICK
@given(answered=ANSWERS, cuts=st.lists(st.integers(0, 5000), max_size=9))
def test_a_stream_says_what_the_whole_answer_says(tongue: Tongue, answered: Answered, cuts: list[int]) -> None:
    answered = answered if tongue.name == "anthropic" else _as_chat(answered)
    asked = Asked("m", True, (), ())
    teller = tongue.teller(asked)
    stream = b"".join([teller.tell(event) for event in events_of(answered)]) + teller.end()
    events = _heard(tongue, stream, cuts)
    assert events == _heard(tongue, stream, [])
    whole = tongue.answered(tongue.answer(answered, asked))
    told = gathered(events)
    assert isinstance(whole, Answered)
    assert isinstance(told, Answered)
    assert _uncited(told) == _uncited(whole)
    _told_in_order(events)


def _told_in_order(events: list[Event]) -> None:
    """Pieces are opened, then added to, then closed, each once; indexes count from 0."""
    opened: list[int] = []
    live: set[int] = set()
    for event in events:
        index = getattr(event, "index", None)
        if index is None:
            continue
        if type(event).__name__ == "Opened":
            assert index == len(opened)
            opened.append(index)
            live.add(index)
        assert index in live
        if type(event).__name__ == "Closed":
            live.remove(index)
    assert not live
    assert type(events[0]).__name__ == "Begun"
    assert type(events[-1]).__name__ == "Ended"
