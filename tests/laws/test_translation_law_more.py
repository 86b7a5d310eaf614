"""Laws of the tongues of OpenAI Responses and Gemini: what is written is read back, but for what is declared as lost; a stream says what
the whole answer says, however it is cut.

The oracle is MINUS (losses.py): for each loss, what a request is without it. A loss that is not there fails, and so does a difference
without a loss.
"""

from __future__ import annotations

import contextlib
import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from pathlib import Path as File

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.structs import replace

from backstory.core.reply import Finish, Usage
from backstory.core.stream import Frame
from backstory.core.translation import (
    Answered,
    Asked,
    Choice,
    Closed,
    Event,
    Failure,
    Format,
    Function,
    More,
    Opened,
    Piece,
    Reasoning,
    Refusal,
    Result,
    Said,
    Sampling,
    Sight,
    Thought,
    Tongue,
    Use,
    Words,
)
from backstory.errors import DocumentError
from backstory.wires import WIRES
from backstory.wires.translation.tongues import TONGUES
from backstory.wires.translation.translate import events_of, gathered
from tests.laws.losses import GEMINI, RESPONSES, meaning, minus, plain_piece

CASSETTES = File(__file__).parent.parent / "cassettes"
MINE = [tongue for tongue in TONGUES if tongue.name in (RESPONSES, GEMINI)]
every_tongue = pytest.mark.parametrize("tongue", MINE, ids=lambda tongue: tongue.name)
SETTINGS = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
names = st.from_regex(r"[a-z_][a-z0-9_-]{0,8}", fullmatch=True)
numbers = st.floats(0, 2, allow_nan=False).map(lambda number: round(number, 3))
arguments = st.dictionaries(texts, st.integers(-9, 9) | texts | st.booleans(), max_size=2).map(json.dumps)
base64s = st.binary(min_size=1, max_size=6).map(lambda data: b64encode(data).decode())
schemas = st.dictionaries(names, st.sampled_from([{"type": "string"}, {"type": "integer", "minimum": 1}]), max_size=2).map(
    lambda found: json.dumps({"type": "object", "properties": found, "required": list(found)}).encode()
)


def sights(detail: bool) -> st.SearchStrategy[Sight]:
    details = st.sampled_from(["", "low", "high"]) if detail else st.just("")
    return st.one_of(
        st.builds(Sight, st.just("image"), st.sampled_from(["image/png", "image/jpeg"]), base64s, detail=details),
        st.builds(Sight, st.just("document"), st.just("application/pdf"), base64s, name=st.just("a.pdf")),
        st.builds(Sight, st.just("document"), st.just("text/plain"), texts, name=st.just("a.txt"), plain=st.just(True)),
        st.builds(Sight, st.just("audio"), st.just("audio/wav"), base64s),
    )


def thoughts(seal: str) -> st.SearchStrategy[Thought]:
    """Sealed by any wire; one without text is sealed."""
    seals = st.sampled_from([seal, "anthropic"])
    shown = st.builds(Thought, texts, base64s, seals)
    hidden = st.builds(Thought, st.just(""), base64s, seals, st.just(True))
    return shown | hidden


@st.composite
def talks(draw: st.DrawFn, wire: str) -> tuple[tuple[Said, ...], tuple[Function, ...]]:
    """Turns of a user and the assistant, with calls that get their results."""
    tools = draw(st.lists(functions(wire), max_size=3, unique_by=lambda tool: tool.name))
    said: list[Said] = []
    count = 0
    for _ in range(draw(st.integers(1, 3))):
        said.append(Said("user", tuple(draw(st.lists(st.builds(Words, texts) | sights(wire == RESPONSES), min_size=1, max_size=3)))))
        pieces: list[Piece] = draw(st.lists(st.builds(Words, texts) | thoughts(wire), max_size=3))
        calls: list[Use] = []
        for tool in draw(st.lists(st.sampled_from(tools), max_size=2)) if tools else []:
            count += 1
            given = draw(texts) if tool.custom else draw(arguments)
            sealed = draw(st.sampled_from(["", "c2ln"])) if wire == GEMINI else ""
            calls.append(Use(f"call_{count}", tool.name, given, tool.custom, sealed))
        if pieces or calls:
            said.append(Said("assistant", (*pieces, *calls)))
        if calls:
            results = [Result(call.id, call.name, draw(outputs(wire)), False, call.custom) for call in calls]
            said.append(Said("user", tuple(results)))
    return tuple(said), tuple(tools)


def outputs(wire: str) -> st.SearchStrategy[tuple[Words | Sight, ...]]:
    seen = st.builds(Sight, st.just("image"), st.just("image/png"), base64s)
    return st.builds(lambda text, shown: (text, *shown), st.builds(Words, texts), st.lists(seen, max_size=2))


def functions(wire: str) -> st.SearchStrategy[Function]:
    usual = st.builds(Function, names, texts, schemas, st.sampled_from([None, True, False]))
    return usual | st.builds(Function, names.map(lambda name: f"c{name}"), texts, st.just(b""), custom=st.just(True))


samplings = st.builds(
    Sampling,
    st.none() | st.integers(1, 9999),
    st.none() | numbers,
    st.none() | numbers,
    st.none() | st.integers(1, 40),
    st.lists(texts, max_size=7).map(tuple),
    st.none() | st.integers(0, 999),
    st.none() | numbers,
    st.none() | numbers,
    st.just(1),
    st.none() | st.just(Raw(b'{"5":1}')),
)


@st.composite
def askeds(draw: st.DrawFn, wire: str) -> Asked:
    said, tools = draw(talks(wire))
    named = [tool.name for tool in tools]
    choices: list[Choice | None] = [None]
    if tools:
        choices += [Choice("auto"), Choice("none"), Choice("any"), Choice("tool", named[0])]
    if len(tools) > 1:
        choices += [Choice("any", "", tuple(named[:2])), Choice("auto", "", tuple(named[:2]))]
    formats = st.none() | st.just(Format()) | st.builds(Format, schemas, st.just("answer"))
    reasonings = st.none() | st.builds(
        Reasoning,
        st.sampled_from(["", "none", "minimal", "low", "medium", "high", "xhigh"]),
        st.just(None),
        st.booleans(),
    )
    models = {GEMINI: ["gemini-2.5-flash", "gemini-2.5-pro", "gemini-3-pro"], RESPONSES: ["gpt-4o", "gpt-5.1", "o/gpt-5"]}
    return Asked(
        draw(st.sampled_from(models[wire])),
        draw(st.booleans()),
        tuple(draw(st.lists(st.builds(Words, texts, st.none() | st.just(Raw(b"{}"))), max_size=2))),
        said,
        tools,
        draw(st.sampled_from(choices)),
        draw(st.sampled_from([None, True, False])),
        draw(formats),
        draw(reasonings),
        draw(samplings),
        draw(st.sampled_from(["", "somebody"])),
        draw(st.none() | st.just(Raw(b'{"a":"b"}'))),
        draw(st.sampled_from(["", "flex"])),
        draw(st.sampled_from([None, True, False])),
        others=draw(st.sampled_from([(), (("some_field", Raw(b"1")),)])),
        wire=draw(st.sampled_from(["", wire])),
    )


# --- requests


@every_tongue
@SETTINGS
@given(st.data())
def test_a_request_is_read_back_but_for_what_is_declared_lost(tongue: Tongue, data: st.DataObject) -> None:
    asked = data.draw(askeds(tongue.name))
    body, _ = tongue.ask(asked)
    path, _, query = tongue.place("", asked).partition("?")
    read = tongue.asked(body, path, query)
    assert read.unread == ()
    assert read.lost == ()
    assert meaning(read, tongue.name) == meaning(minus(asked, tongue), tongue.name)
    assert tongue.ask(asked)[0] == body


# --- answers


@st.composite
def answereds(draw: st.DrawFn, wire: str) -> Answered:
    calls = st.builds(Use, st.just(""), names, arguments, sealed=st.sampled_from(["", "c2ln"]))
    seals = st.sampled_from([RESPONSES, GEMINI, "anthropic", "openai_chat"])
    thought = st.builds(Thought, texts) | st.builds(Thought, texts, base64s, seals)
    thought |= st.builds(Thought, st.just(""), base64s, seals, st.just(True))
    kinds: st.SearchStrategy[Piece] = st.builds(Words, texts) | calls | thought
    if wire == RESPONSES:
        kinds |= st.builds(Refusal, texts)
    drawn = draw(st.lists(kinds, max_size=5))
    pieces = [replace(piece, id=f"call_{index}") if isinstance(piece, Use) else piece for index, piece in enumerate(drawn)]
    finish: Finish = draw(st.sampled_from(["stop", "length"]))
    if finish == "stop" and any(isinstance(piece, Use) for piece in pieces):
        finish = "tool_calls"
    elif finish == "stop" and any(isinstance(piece, Refusal) for piece in pieces):
        finish = "refusal"
    used, cached = draw(st.integers(0, 99)), draw(st.integers(0, 9))
    reasoned = draw(st.integers(0, used))
    usage = draw(st.none() | st.just(Usage(draw(st.integers(9, 99)), used, cached)))
    created = draw(st.integers(0, 9)) if wire == RESPONSES else 0
    return Answered("resp_1", "m", tuple(pieces), finish, usage, 0 if usage is None else reasoned, "", created)


def _answer(answered: Answered | Failure, wire: str) -> object:
    """What an answer says: Gemini has no borders between texts, nor between thoughts of which the first bears no seal."""
    assert isinstance(answered, Answered)
    pieces: list[Piece] = []
    for piece in answered.pieces:
        last = pieces[-1] if pieces else None
        if wire == GEMINI and isinstance(piece, Words) and isinstance(last, Words):
            pieces[-1] = Words(last.text + piece.text)
        elif wire == GEMINI and isinstance(piece, Thought) and isinstance(last, Thought) and not last.sealed and piece.text:
            pieces[-1] = replace(piece, text=last.text + piece.text)
        else:
            pieces.append(piece)
    return replace(answered, pieces=()), [plain_piece(piece) for piece in pieces]


@every_tongue
@SETTINGS
@given(st.data())
def test_an_answer_is_read_back(tongue: Tongue, data: st.DataObject) -> None:
    answered = data.draw(answereds(tongue.name))
    if tongue.name == GEMINI:
        answered = replace(answered, pieces=tuple(piece for piece in answered.pieces if not _foreign(piece)))
    read = tongue.answered(tongue.answer(answered, Asked("m", False, (), ())))
    assert _answer(read, tongue.name) == _answer(answered, tongue.name)


def _foreign(piece: Piece) -> bool:
    return isinstance(piece, Thought) and piece.seal not in ("", GEMINI)


@SETTINGS
@given(answereds(GEMINI))
def test_what_another_wire_sealed_comes_back_from_a_client_of_gemini(answered: Answered) -> None:
    tongue = next(tongue for tongue in MINE if tongue.name == GEMINI)
    content = json.loads(tongue.answer(answered, Asked("m", False, (), ())))["candidates"][0]["content"]
    read = tongue.asked(json.dumps({"contents": [content]}).encode(), "/v1beta/models/m:generateContent", "")
    found = [piece for piece in read.said[0].pieces if isinstance(piece, Thought)]
    sealed = {piece.sealed: piece.seal for piece in answered.pieces if isinstance(piece, Thought) and piece.sealed}
    assert {piece.sealed: piece.seal for piece in found if piece.sealed}.keys() == sealed.keys()
    calls = [(piece.id, json.loads(piece.arguments)) for piece in answered.pieces if isinstance(piece, Use)]
    assert [(piece.id, json.loads(piece.arguments)) for piece in read.said[0].pieces if isinstance(piece, Use)] == calls


@SETTINGS
@given(answereds(RESPONSES))
def test_what_another_wire_sealed_comes_back_from_a_client_of_responses(answered: Answered) -> None:
    tongue = next(tongue for tongue in MINE if tongue.name == RESPONSES)
    output = json.loads(tongue.answer(answered, Asked("m", False, (), ())))["output"]
    read = tongue.asked(json.dumps({"model": "m", "input": output}).encode(), "/v1/responses", "")
    assert [plain_piece(piece) for said in read.said for piece in said.pieces] == [plain_piece(piece) for piece in answered.pieces]
    assert read.unread == ()
    assert read.lost == ()


def _cut(events: Sequence[Event], size: int) -> list[Event]:
    """The same stream with its texts in pieces of this many characters."""
    found: list[Event] = []
    for event in events:
        if isinstance(event, More):
            found += [More(event.index, event.text[at : at + size]) for at in range(0, len(event.text), size)]
        else:
            found.append(event)
    return found


def _heard(tongue: Tongue, stream: bytes, kind: bytes, size: int) -> list[Event]:
    wire = next(wire for wire in WIRES if wire.name == tongue.name)
    reader, listener = wire.reader(kind.decode()), tongue.listener()
    frames = [frame for at in range(0, len(stream), size) for frame in reader.feed(stream[at : at + size])] + reader.close()
    return [event for frame in frames for event in listener.events(frame)] + [*listener.over()]


@every_tongue
@SETTINGS
@given(st.data(), st.integers(1, 5), st.sampled_from([1, 7, 64, 4096]), st.booleans())
def test_a_stream_says_what_the_whole_answer_says(tongue: Tongue, data: st.DataObject, cut: int, size: int, array: bool) -> None:
    answered = data.draw(answereds(tongue.name))
    if tongue.name == GEMINI:
        answered = replace(answered, pieces=tuple(piece for piece in answered.pieces if not _foreign(piece)))
    asked = Asked("m", True, (), (), array=array)
    teller = tongue.teller(asked)
    stream = b"".join([teller.tell(event) for event in _cut(events_of(answered), cut)]) + teller.end()
    events = _heard(tongue, stream, tongue.stream_type(asked), size)
    assert _answer(gathered(events), tongue.name) == _answer(answered, tongue.name)
    _in_order(events)
    if tongue.name == RESPONSES:
        last = [json.loads(line[6:]) for line in stream.split(b"\n") if line.startswith(b"data: ")]
        assert [event["sequence_number"] for event in last] == list(range(len(last)))
        assert last[-1]["response"] == json.loads(tongue.answer(answered, asked))


def _in_order(events: Sequence[Event]) -> None:
    """Each piece is opened once, told of while it is open, and closed once with what was told."""
    told: dict[int, str] = {}
    open_now: set[int] = set()
    for event in events:
        match event:
            case Opened(index):
                assert index == len(told)
                told[index] = ""
                open_now.add(index)
            case More(index, text):
                assert index in open_now
                told[index] += text
            case Closed(index, piece):
                open_now.remove(index)
                text = piece.arguments if isinstance(piece, Use) else getattr(piece, "text", "")
                assert text == told[index]
            case _:
                pass
    assert not open_now


# --- whatever comes

ODD_VALUES: list[object] = [None, True, 7, -1.5, "x", "data:,", [], {}, [7], {"type": 7}, [[]], "\ud83d", [{"text": None}], 1 << 70]


def _values(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from _values(one, (*path, key))


def _with(value: object, path: tuple[str | int, ...], new: object) -> object:
    if not path:
        return new
    if isinstance(value, dict):
        return {key: _with(one, path[1:], new) if key == path[0] else one for key, one in value.items()}
    assert isinstance(value, list)
    return [_with(one, path[1:], new) if index == path[0] else one for index, one in enumerate(value)]


def _recorded(tongue: Tongue, pattern: str) -> list[object]:
    found: list[object] = []
    for path in sorted((CASSETTES / tongue.name).glob(pattern)):
        data = path.read_bytes()
        if path.suffix == ".sse":
            found += [json.loads(line[6:]) for line in data.replace(b"\r", b"").split(b"\n") if line.startswith(b"data: {")]
        else:
            found.append(json.loads(data))
    return found


@pytest.mark.parametrize("what", ["request", "reply", "stream"])
@pytest.mark.parametrize("tongue", TONGUES, ids=lambda tongue: tongue.name)
@SETTINGS
@given(st.data())
def test_what_cannot_be_read_is_a_document_error_and_nothing_else(tongue: Tongue, what: str, data: st.DataObject) -> None:
    recorded = data.draw(st.sampled_from(_recorded(tongue, f"*.{what}.*")))
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from([*_values(recorded)]))
        recorded = _with(recorded, path, data.draw(st.sampled_from(ODD_VALUES)))
    body = json.dumps(recorded).encode()
    with contextlib.suppress(DocumentError):
        match what:
            case "request":
                asked = tongue.asked(body, "/v1beta/models/m:generateContent", "")
                for other in TONGUES:
                    with contextlib.suppress(DocumentError):
                        other.ask(asked)
            case "reply":
                answered = tongue.answered(body)
                if isinstance(answered, Answered):
                    for other in TONGUES:
                        other.answer(answered, Asked("m", False, (), ()))
            case _:
                listener = tongue.listener()
                events = [*listener.events(Frame(body, "", body)), *listener.over()]
                for other in TONGUES:
                    teller = other.teller(Asked("m", True, (), ()))
                    with contextlib.suppress(DocumentError):
                        for event in events:
                            teller.tell(event)
    tongue.failed(500, body)
