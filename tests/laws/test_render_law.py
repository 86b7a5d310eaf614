"""Laws of every wire: no edits are the same bytes, edits mean what they say and touch nothing else, chunks make no difference,
a mark is one insertion, and what is written is read back.

The oracle is `apply_edits`: the meaning of the edits on plain lists of texts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path as File

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from backstory.core.document import Document
from backstory.core.edits import (
    AddMessage,
    AddSystem,
    AddTools,
    AppendText,
    DropMessages,
    Edit,
    PrependText,
    SetModel,
    SetParam,
    SetText,
    StrikeText,
)
from backstory.core.message import Message, Path, Prompt, Text, ToolCall
from backstory.core.reply import Reply, Usage
from backstory.core.stream import Frame, gather
from backstory.core.wire import Wire
from backstory.wires import WIRES

CASSETTES = File(__file__).parent.parent / "cassettes"
MARK = "\n\n<!-- é -->"
PATHS = {
    "anthropic": "/v1/messages",
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
    "gemini": "/v1beta/models/m:generateContent",
}
TOOLS = {
    "anthropic": {"name": "t", "input_schema": {}},
    "openai_chat": {"type": "function", "function": {"name": "t"}},
    "openai_responses": {"type": "function", "name": "t"},
    "gemini": {"functionDeclarations": [{"name": "t"}]},
}
SETTINGS = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
every_wire = pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)


class Said(Struct):
    """A message in the oracle's eyes: its texts, and whether they are one string or parts. `raw` is its bytes, b"" once edited."""

    role: str
    texts: list[str]
    single: bool
    raw: bytes = b""


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
SAID = st.one_of(
    st.builds(Said, st.sampled_from(["user", "assistant"]), st.lists(TEXT, min_size=1, max_size=1), st.just(True)),
    st.builds(Said, st.sampled_from(["user", "assistant"]), st.lists(TEXT, min_size=1, max_size=3), st.just(False)),
)


def blocks(kind: str, texts: Sequence[str]) -> list[object]:
    return [{"type": kind, "text": text, "extra": {"text": "x"}} for text in texts]


def anthropic_body(system: Said | None, said: Sequence[Said]) -> dict[str, object]:
    listed = [{"role": one.role, "content": one.texts[0] if one.single else blocks("text", one.texts)} for one in said]
    head = {} if system is None else {"system": system.texts[0] if system.single else blocks("text", system.texts)}
    return {"model": "m", **head, "messages": listed}


def chat_body(system: Said | None, said: Sequence[Said]) -> dict[str, object]:
    leading = [Said("system", system.texts, system.single)] if system is not None else []
    return {"model": "m", **anthropic_body(None, [*leading, *said])}


def responses_body(system: Said | None, said: Sequence[Said]) -> dict[str, object]:
    kinds = {"user": "input_text", "assistant": "output_text"}
    listed = [
        {"type": "message", "role": one.role, "content": one.texts[0] if one.single else blocks(kinds[one.role], one.texts)} for one in said
    ]
    return {"model": "m", **({} if system is None else {"instructions": "\n\n".join(system.texts)}), "input": listed}


def gemini_body(system: Said | None, said: Sequence[Said]) -> dict[str, object]:
    roles = {"user": "user", "assistant": "model"}
    listed = [{"role": roles[one.role], "parts": [{"text": text} for text in one.texts]} for one in said]
    return {"contents": listed, **({} if system is None else {"systemInstruction": {"parts": [{"text": text} for text in system.texts]}})}


BODIES: dict[str, Callable[[Said | None, Sequence[Said]], dict[str, object]]] = {
    "anthropic": anthropic_body,
    "openai_chat": chat_body,
    "openai_responses": responses_body,
    "gemini": gemini_body,
}


@st.composite
def spelled_bodies(draw: st.DrawFn, wire: Wire) -> tuple[bytes, Said | None, list[Said]]:
    system = draw(st.none() | SAID)
    said = draw(st.lists(SAID, max_size=5))
    body = {**BODIES[wire.name](system, said), "future": {"messages": [1.50, "é"], "input": [1], "contents": [2]}}
    separators = draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    raw = json.dumps(body, ensure_ascii=draw(st.booleans()), separators=separators, indent=draw(st.sampled_from([None, None, 1])))
    return raw.encode(), system, said


def read(wire: Wire, raw: bytes) -> tuple[Prompt, list[Message]]:
    prompt = wire.read(Document(raw), PATHS[wire.name])
    return prompt, [wire.message(item, (*prompt.items_at, index)) for index, item in enumerate(prompt.items)]


def leading(found: Sequence[Message]) -> int:
    """How many messages the system prompt is made of, in a wire that has it among the messages."""
    return next((index for index, message in enumerate(found) if message.role != "system"), len(found))


def texts(message: Message) -> list[str]:
    return [part.text for part in message.parts if isinstance(part, Text)]


def oracle_of(wire: Wire, raw: bytes, said: Sequence[Said]) -> list[Said]:
    """The messages as they were sent, each with its bytes. Where a wire knows parts only, none is a single string."""
    prompt, found = read(wire, raw)
    skipped = leading(found)
    single = wire.name != "gemini"
    return [
        Said(one.role, list(one.texts), one.single and single, bytes(item)) for one, item in zip(said, prompt.items[skipped:], strict=True)
    ]


def apply_edits(
    messages: Sequence[Said], offset: int, places: dict[Path, tuple[int, int]], edits: Sequence[Edit], lone: bool
) -> list[Said]:
    """What the edits mean. `offset` is the index of the first message; `places` says which message and part a path names; `lone`: a list
    of one text is written on as a string is."""
    changed = [Said(one.role, list(one.texts), one.single, one.raw) for one in messages]
    for edit in edits:
        match edit:
            case SetText(at, text):
                index, part = places[at]
                changed[index].texts[part] = text
                changed[index].raw = b""
            case StrikeText(at, text):
                index, part = places[at]
                if text in changed[index].texts[part]:
                    changed[index].texts[part] = changed[index].texts[part].replace(text, "")
                    changed[index].raw = b""
            case _:
                pass
    for index, one in enumerate(changed):
        fronts = [edit.text for edit in edits if isinstance(edit, PrependText) and edit.index - offset == index]
        backs = [edit.text for edit in edits if isinstance(edit, AppendText) and edit.index - offset == index]
        if fronts or backs:
            alone = one.single or (lone and len(one.texts) == 1)
            one.texts = [*fronts, *one.texts, *backs]
            one.texts = ["\n\n".join(one.texts)] if alone else one.texts
            one.raw = b""
    gone = {index - offset for edit in edits if isinstance(edit, DropMessages) for index in range(edit.start, edit.stop)}
    out: list[Said] = []
    for index in range(len(changed) + 1):
        out += [Said(edit.role, [edit.text], False) for edit in edits if isinstance(edit, AddMessage) and edit.index - offset == index]
        if index < len(changed) and index not in gone:
            out.append(changed[index])
    return out


@st.composite
def edit_lists(draw: st.DrawFn, wire: Wire, prompt: Prompt, found: Sequence[Message]) -> list[Edit]:
    first, count = leading(found), len(found)
    edits: list[Edit] = []
    parts = [part for message in found[first:] for part in message.parts if isinstance(part, Text)]
    for part in draw(st.lists(st.sampled_from(parts), max_size=2, unique_by=lambda part: part.at)) if parts else []:
        changes: list[Edit] = [SetText(part.at, draw(TEXT)), StrikeText(part.at, part.text[:2])]
        edits.append(draw(st.sampled_from(changes)))
    for _ in range(draw(st.integers(0, 3))) if count > first else ():
        index, text = draw(st.integers(first, count - 1)), draw(TEXT)
        edits.append(PrependText(index, text) if draw(st.booleans()) else AppendText(index, text))
    for _ in range(draw(st.integers(0, 2))):
        edits.append(AddMessage(draw(st.integers(first, count)), draw(st.sampled_from(["user", "assistant"])), draw(TEXT)))
    if draw(st.booleans()):
        start = draw(st.integers(first, count))
        edits.append(DropMessages(start, draw(st.integers(start, count))))
    edits += [AddSystem(text) for text in draw(st.lists(TEXT, max_size=2))]
    if draw(st.booleans()) and wire.name != "gemini":
        edits.append(SetModel(draw(TEXT)))
    if draw(st.booleans()):
        edits.append(SetParam("labels", json.dumps({"a": draw(TEXT)}).encode()))
    if draw(st.booleans()):
        edits.append(AddTools((json.dumps(TOOLS[wire.name]).encode(),) * 2))
    return edits


@every_wire
@SETTINGS
@given(st.data())
def test_edits_mean_the_same_in_bytes_and_in_messages(wire: Wire, data: st.DataObject) -> None:
    raw, system, said = data.draw(spelled_bodies(wire))
    prompt, found = read(wire, raw)
    first = leading(found)
    before = oracle_of(wire, raw, said)
    places = {
        part.at: (index, number)
        for index, message in enumerate(found[first:])
        for number, part in enumerate(part for part in message.parts if isinstance(part, Text))
    }
    assert [texts(message) for message in found[first:]] == [one.texts for one in before]
    edits = data.draw(edit_lists(wire, prompt, found))
    result = wire.render(Document(raw), prompt, edits)
    wanted = apply_edits(before, first, places, edits, wire.name != "gemini")
    after, messages = read(wire, result)
    skipped = leading(messages)
    assert [(message.role, texts(message)) for message in messages[skipped:]] == [(one.role, one.texts) for one in wanted]
    for item, one in zip(after.items[skipped:], wanted, strict=True):
        assert one.raw in (b"", bytes(item)), "a message that no edit names keeps its bytes"
    added = [edit.text for edit in edits if isinstance(edit, AddSystem)]
    systems = [part.text for part in after.system if isinstance(part, Text)]
    systems += [text for message in messages[:skipped] for text in texts(message)]
    assert "\n\n".join(systems) == "\n\n".join([*(system.texts if system else ()), *added])
    check_the_rest(wire, raw, result, prompt, after, edits)


def check_the_rest(wire: Wire, raw: bytes, result: bytes, before: Prompt, after: Prompt, edits: Sequence[Edit]) -> None:
    """Model, tools and parameters; and every top-level member that no edit names has its old bytes."""
    old, new = Document(raw), Document(result)
    models = [edit.model for edit in edits if isinstance(edit, SetModel)]
    assert after.model == (models[-1] if models else before.model)
    assert after.tools == before.tools + 2 * sum(isinstance(edit, AddTools) for edit in edits)
    for edit in edits:
        if isinstance(edit, SetParam):
            assert new.get((edit.name,)) == edit.value
    named = {str(before.items_at[0]), "system", "instructions", "systemInstruction"} | ({"model"} if models else set())
    for name in old.keys():  # noqa: SIM118
        if name not in named:
            assert new.get((name,)) == old.get((name,))


@every_wire
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_edits_are_the_same_bytes(wire: Wire, data: st.DataObject) -> None:
    raw, _, _ = data.draw(spelled_bodies(wire))
    document = Document(raw)
    assert wire.render(document, wire.read(document, PATHS[wire.name]), []) == raw


@every_wire
def test_recorded_requests_keep_their_bytes_without_edits_and_most_of_them_with(wire: Wire) -> None:
    for file in sorted((CASSETTES / wire.name).glob("*.request.json")):
        raw = file.read_bytes()
        document = Document(raw)
        prompt, found = read(wire, raw)
        assert wire.render(document, prompt, []) == raw
        result = wire.render(document, prompt, [AddMessage(len(found), "user", "new")])
        again, messages = read(wire, result)
        assert messages[-1].text == "new"
        assert [bytes(item) for item in again.items[:-1]] == [bytes(item) for item in prompt.items] or len(found) == 1


def tapes(pattern: str) -> list[tuple[Wire, File]]:
    return [(wire, file) for wire in WIRES for file in sorted((CASSETTES / wire.name).glob(pattern))]


def frames(wire: Wire, file: File, chunks: Sequence[bytes]) -> list[Frame]:
    reader = wire.reader("text/event-stream" if file.suffix == ".sse" else "application/json")
    return [frame for chunk in chunks for frame in reader.feed(chunk)] + reader.close()


every_stream = pytest.mark.parametrize(("wire", "file"), tapes("*.stream.*"), ids=lambda value: value.name)


@every_stream
@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, 10**6), max_size=30))
def test_any_chunking_gives_the_same_frames_and_deltas(wire: Wire, file: File, cuts: list[int]) -> None:
    stream = file.read_bytes()
    edges = sorted({0, len(stream), *(cut % len(stream) for cut in cuts)})
    whole = frames(wire, file, [stream])
    assert b"".join(frame.raw for frame in whole) == stream
    assert frames(wire, file, [stream[start:end] for start, end in pairwise(edges)]) == whole
    assert frames(wire, file, [stream[at : at + 1] for at in range(len(stream))]) == whole


@every_stream
def test_a_mark_adds_its_text_to_one_text_of_a_stream(wire: Wire, file: File) -> None:
    whole = frames(wire, file, [file.read_bytes()])
    state: dict[str, str] = {}
    sent = [wire.mark_frame(frame, MARK, state) or frame.raw for frame in whole]
    before = gather(delta for frame in whole for delta in wire.deltas(frame))
    after = gather(delta for frame in frames(wire, file, [b"".join(sent)]) for delta in wire.deltas(frame))
    assert len(after.parts) == len(before.parts)
    changed = [(old, new) for old, new in zip(before.parts, after.parts, strict=True) if old != new]
    assert len(changed) <= 1
    assert all(isinstance(old, Text) and new == Text(old.text + MARK) for old, new in changed)
    assert (after.finish, after.usage, after.id, after.model) == (before.finish, before.usage, before.id, before.model)
    assert changed or sent == [frame.raw for frame in whole]


@pytest.mark.parametrize(("wire", "file"), tapes("*.reply.json"), ids=lambda value: value.name)
def test_a_mark_is_one_insertion_into_a_whole_answer(wire: Wire, file: File) -> None:
    """Most often into a text; into the list of parts where a text is signed."""
    body = file.read_bytes()
    marked = wire.mark(body, MARK)
    added = len(marked) - len(body)
    encoded = json.dumps(MARK, ensure_ascii=False)[1:-1].encode()
    assert any(body == marked[:at] + marked[at + added :] for at in range(len(body) + 1))
    assert marked.count(encoded) == (1 if added else 0)
    if added:
        before, after = wire.reply(body), wire.reply(marked)
        assert "".join(texts(Message("assistant", after.parts))) == "".join(texts(Message("assistant", before.parts))) + MARK
        assert [part for part in after.parts if not isinstance(part, Text)] == [part for part in before.parts if not isinstance(part, Text)]


CALLS = st.builds(ToolCall, st.just("call_1"), st.sampled_from(["n", "get_x"]), st.sampled_from(["{}", '{"a":1}', '{"a":"é\\n"}']))
REPLIES = st.builds(
    Reply,
    st.tuples(st.lists(st.builds(Text, TEXT), max_size=1), st.lists(CALLS, max_size=2)).map(lambda lists: (*lists[0], *lists[1])),
    st.sampled_from(["stop", "length", "tool_calls"]),
    st.builds(Usage, st.integers(50, 99), st.integers(1, 9), st.integers(0, 9)),
    st.just("id_1"),
    st.just("m"),
)


@every_wire
@settings(max_examples=60, deadline=None)
@given(reply=REPLIES)
def test_what_is_written_is_read_back_as_the_same_reply(wire: Wire, reply: Reply) -> None:
    calls = any(isinstance(part, ToolCall) for part in reply.parts)
    assume(reply.parts and (calls if reply.finish == "tool_calls" else not calls))
    stream = wire.write(reply, True)
    reader = wire.reader("text/event-stream")
    streamed = gather(delta for frame in [*reader.feed(stream), *reader.close()] for delta in wire.deltas(frame))
    for found in (wire.reply(wire.write(reply, False)), streamed):
        assert [said(part) for part in found.parts] == [said(part) for part in reply.parts]
        assert (found.finish, found.usage, found.id, found.model) == (reply.finish, reply.usage, reply.id, reply.model)


def said(part: object) -> object:
    """A part as all wires can tell it: an empty object of arguments may be no text at all."""
    match part:
        case Text(text):
            return text
        case ToolCall(call_id, name, arguments):
            return call_id, name, json.loads(arguments or "{}")
        case _:
            return part


@every_wire
@pytest.mark.parametrize("status", [400, 401, 413, 429, 500, 502, 504])
def test_an_error_is_json_that_tells_what_is_wrong_and_is_no_reply(wire: Wire, status: int) -> None:
    body = wire.error(status, "short_name", "é is wrong")
    assert "é is wrong" in json.loads(body)["error"]["message"]


def test_no_two_wires_claim_one_request() -> None:
    for path in PATHS.values():
        assert [wire.name for wire in WIRES if wire.claims("POST", path)] == [name for name, own in PATHS.items() if own == path]
    for path in ("/", "/v1/models", "/v1/messages/count_tokens", "/v1/embeddings", "/v1beta/models/m:countTokens"):
        assert not any(wire.claims("POST", path) for wire in WIRES)
