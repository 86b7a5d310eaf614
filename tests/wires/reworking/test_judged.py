"""Answers that are watched, in each wire: what is allowed passes byte for byte; calls become other calls, or text; an answer ends early."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.core.extending import Allow, End, Instead, Recast, Verdict
from backstory.core.legs import Call
from backstory.core.message import Text, ToolCall
from backstory.core.reply import Finish, Reply, Usage
from backstory.core.stream import gather
from backstory.core.translation import (
    Answered,
    Asked,
    Begun,
    Closed,
    Ended,
    Event,
    Function,
    More,
    Opened,
    Piece,
    Said,
    Sampling,
    Use,
    Words,
)
from backstory.errors import DocumentError
from backstory.wires.reworking.judged import Judged
from backstory.wires.translation.translate import events_of
from tests.wires.reworking.test_reworked import PATHS, QUERIES
from tests.wires.translation.test_tongues_recorded import TONGUE, WIRE, each

WIRES = pytest.mark.parametrize("name", WIRE)
RUN = Function("run", "Runs it.", b'{"type":"object","properties":{"cmd":{"type":"string"}},"required":["cmd"]}')
ASKED = Asked("m", True, (), (Said("user", (Words("Hi."),)),), (RUN,), sampling=Sampling(most=99))
SSE, JSON = ((b"Content-Type", b"text/event-stream"),), ((b"Content-Type", b"application/json"),)


class Watching:
    """Says what it was told to say, and keeps what it hears."""

    def __init__(self, verdict: Verdict | None = None, ending: str = "", end_at: str = "", note: str = "") -> None:
        self.verdict = verdict or Allow()
        self.ending = ending
        self.end_at = end_at
        self.note = note
        self.texts: list[str] = []
        self.calls: list[Call] = []
        self.finish: list[Finish] = []

    def heard(self, text: str, thought: bool) -> Allow | End:
        self.texts.append(text)
        return End(self.ending) if self.end_at and self.end_at in text else Allow()

    def called(self, call: Call) -> Verdict:
        self.calls.append(call)
        return Allow() if call.arguments == '{"cmd":"ls"}' else self.verdict

    def over(self, finish: Finish) -> str:
        self.finish.append(finish)
        return self.note


def use(cmd: str, number: int = 0) -> Use:
    return Use(f"call_{number}", "run", json.dumps({"cmd": cmd}, separators=(",", ":")))


def stream(name: str, *pieces: Piece, finish: Finish = "tool_calls") -> bytes:
    """A stream that says these, in small pieces."""
    asked = TONGUE[name].asked(TONGUE[name].ask(ASKED)[0], PATHS[name], QUERIES.get(name, ""))
    teller = TONGUE[name].teller(asked)
    events: list[Event] = []
    for event in events_of(Answered("id_1", "m", pieces, finish, Usage(3, 4), created=5)):
        if isinstance(event, More) and len(event.text) > 4 and name != "gemini":
            events += [More(event.index, event.text[:4]), More(event.index, event.text[4:])]
        else:
            events.append(event)
    return b"".join([teller.tell(event) for event in events]) + teller.end()


def whole(name: str, *pieces: Piece, finish: Finish = "tool_calls") -> bytes:
    asked = TONGUE[name].asked(TONGUE[name].ask(ASKED)[0], PATHS[name], QUERIES.get(name, ""))
    return TONGUE[name].answer(Answered("id_1", "m", pieces, finish, Usage(3, 4), created=5), asked)


def judged(
    name: str, watch: Watching | None, body: bytes = b"", ours: frozenset[str] = frozenset(), faults: list[str] | None = None
) -> Judged:
    def unread(error: DocumentError) -> None:
        assert faults is not None, str(error)
        faults.append(str(error))

    body = body or TONGUE[name].ask(ASKED)[0]
    return Judged(TONGUE[name], WIRE[name], (PATHS[name], QUERIES.get(name, "")), body, bytes, lambda: watch, ours, (), unread)


def passed(one: Judged, data: bytes, cuts: list[int] | None = None) -> bytes:
    """The stream as a client gets it: nothing more once the answer is done, as the relay does it."""
    mode, _ = one.begin(200, SSE)
    assert mode == "stream"
    out = b""
    for start, stop in itertools.pairwise([0, *(cuts or []), len(data)]):
        if stop > start and not one.done:
            out += one.chunk(data[start:stop])
    return out + one.tail()


def reply(name: str, data: bytes) -> Reply:
    reader = WIRE[name].reader("text/event-stream")
    return gather([delta for frame in (*reader.feed(data), *reader.close()) for delta in WIRE[name].deltas(frame)])


def said(found: Reply) -> list[Any]:
    return [
        part.text if isinstance(part, Text) else (part.name, json.loads(part.arguments))
        for part in found.parts
        if isinstance(part, Text | ToolCall)
    ]


@WIRES
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_what_is_allowed_passes_byte_for_byte_however_it_is_cut(name: str, data: st.DataObject) -> None:
    came = stream(name, Words("Let me look."), use("ls"), use("pwd", 1))
    cuts = sorted(data.draw(st.lists(st.integers(1, len(came) - 1), max_size=8)))
    watch = Watching()
    assert passed(judged(name, watch), came, cuts) == came
    assert "".join(watch.texts) == "Let me look."
    assert [call.arguments for call in watch.calls] == ['{"cmd":"ls"}', '{"cmd":"pwd"}']


@WIRES
def test_a_whole_answer_that_is_allowed_keeps_its_bytes(name: str) -> None:
    came = whole(name, Words("Let me look."), use("ls"))
    one = judged(name, Watching())
    assert one.begin(200, JSON)[0] == "whole"
    assert one.whole(came) == (200, came)


@WIRES
def test_text_is_never_held_back_and_a_call_is_until_it_is_whole(name: str) -> None:
    came = stream(name, Words("Let me look."), use("rm"))
    watch = Watching()
    one = judged(name, watch)
    one.begin(200, SSE)
    out = held = b""
    for at in range(len(came)):
        out += one.chunk(came[at : at + 1])
        if not watch.calls:
            held = out
    assert b"Let" in held.replace(b'"', b"")
    assert held
    assert not [one for one in said(reply(name, held)) if not isinstance(one, str)]
    assert out + one.tail() == came


@WIRES
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_a_refused_call_is_a_text_and_nothing_of_it_is_seen(name: str, data: st.DataObject) -> None:
    came = stream(name, Words("Let me look."), use("rm -rf /"))
    cuts = sorted(data.draw(st.lists(st.integers(1, len(came) - 1), max_size=8)))
    out = passed(judged(name, Watching(Instead("That was not run."))), came, cuts)
    found = reply(name, out)
    assert said(found) == ["Let me look.", "That was not run."] or said(found) == ["Let me look.That was not run."]
    assert found.finish == "stop"
    assert b"rm -rf" not in out
    assert not found.cut


@WIRES
def test_one_of_two_calls_is_refused_and_the_other_is_made(name: str) -> None:
    out = passed(judged(name, Watching(Instead("No."))), stream(name, use("ls"), use("rm", 1)))
    found = reply(name, out)
    assert ("run", {"cmd": "ls"}) in said(found)
    assert "No." in said(found)
    assert found.finish == "tool_calls" or name == "gemini"  # whose word is STOP for calls, too
    assert ("run", {"cmd": "rm"}) not in said(found)


@WIRES
@pytest.mark.parametrize("streamed", [True, False])
def test_a_call_becomes_another_one(name: str, streamed: bool) -> None:
    one = judged(name, Watching(Recast("run", '{"cmd":"echo no"}')))
    if streamed:
        found = reply(name, passed(one, stream(name, Words("So."), use("rm"))))
    else:
        one.begin(200, JSON)
        found = WIRE[name].reply(one.whole(whole(name, Words("So."), use("rm")))[1])
    assert said(found) == ["So.", ("run", {"cmd": "echo no"})]
    assert found.finish == "tool_calls" or name == "gemini"  # whose word is STOP for calls, too


@WIRES
def test_a_refused_call_of_a_whole_answer_is_a_text(name: str) -> None:
    one = judged(name, Watching(Instead("That was not run.")))
    one.begin(200, JSON)
    status, body = one.whole(whole(name, use("rm")))
    found = WIRE[name].reply(body)
    assert (status, said(found), found.finish) == (200, ["That was not run."], "stop")
    assert found.usage == Usage(3, 4)


@WIRES
def test_an_answer_that_goes_in_circles_ends(name: str) -> None:
    asked = TONGUE[name].asked(TONGUE[name].ask(ASKED)[0], PATHS[name], QUERIES.get(name, ""))
    teller = TONGUE[name].teller(asked)
    texts = ["one ", "two ", "again ", "again ", "never"]
    events: list[Event] = [Begun("id_1", "m", None, 5), Opened(0, Words("")), *[More(0, text) for text in texts]]
    events += [Closed(0, Words("".join(texts))), Ended("stop", Usage(3, 4))]
    frames = [teller.tell(event) for event in events]
    one = judged(name, Watching(ending="(It went in circles.)", end_at="again"))
    one.begin(200, SSE)
    out = b""
    for frame in frames:
        out += one.chunk(frame)
        if one.done:
            break
    else:
        pytest.fail("it never ended")
    out += one.tail()
    found = reply(name, out)
    assert "".join(said(found)).startswith("one two ")
    assert "".join(said(found)).endswith("(It went in circles.)")
    assert b"never" not in out
    assert found.finish == "stop"
    assert not found.cut


@WIRES
@pytest.mark.parametrize("streamed", [True, False])
def test_a_note_stands_at_the_end(name: str, streamed: bool) -> None:
    watch = Watching(note="(Checked.)")
    one = judged(name, watch)
    if streamed:
        found = reply(name, passed(one, stream(name, Words("Done."), finish="stop")))
    else:
        one.begin(200, JSON)
        found = WIRE[name].reply(one.whole(whole(name, Words("Done."), finish="stop"))[1])
    assert "".join(said(found)) == "Done.(Checked.)"
    assert watch.finish == ["stop"]


@WIRES
def test_calls_of_our_own_tools_are_nobodys_to_judge(name: str) -> None:
    came = stream(name, use("rm"))
    watch = Watching(Instead("No."))
    assert passed(judged(name, watch, ours=frozenset({"run"})), came) == came
    assert not watch.calls
    assert not watch.finish


@WIRES
def test_a_call_in_an_answer_that_breaks_off_was_not_made(name: str) -> None:
    came = stream(name, Words("So."), use("rm"))
    watch = Watching()
    one = judged(name, watch)
    one.begin(200, SSE)
    out, at = b"", 0
    while not (one.holds or watch.calls):
        out, at = out + one.chunk(came[at : at + 1]), at + 1
    if name != "gemini":  # where a call comes whole
        assert one.rest() == b""
        assert not watch.calls
        assert said(reply(name, out)) == ["So."]


@WIRES
def test_what_cannot_be_read_passes_and_is_told(name: str) -> None:
    faults: list[str] = []
    one = judged(name, Watching(Instead("No.")), body=b"no JSON", faults=faults)
    assert one.begin(200, SSE) == ("pass", SSE)
    coded = (*SSE, (b"Content-Encoding", b"br"))
    assert judged(name, Watching(), faults=faults).begin(200, coded) == ("pass", coded)
    assert len(faults) == 2


@WIRES
@pytest.mark.parametrize(("status", "headers"), [(429, JSON), (200, ((b"Content-Type", b"text/html"),))])
def test_what_is_no_answer_is_not_watched(name: str, status: int, headers: tuple[tuple[bytes, bytes], ...]) -> None:
    asked: list[int] = []
    watches: Callable[[], Watching | None] = lambda: asked.append(1)  # noqa: E731
    one = Judged(TONGUE[name], WIRE[name], (PATHS[name], ""), b"{}", bytes, watches, (), ((b"X-VC-Notes", b"so"),), lambda _: None)
    assert one.begin(status, headers) == ("pass", (*headers, (b"X-VC-Notes", b"so")))
    assert not asked


@each("*.stream.*")
@pytest.mark.parametrize("size", [1, 700, 100_000])
def test_a_recorded_stream_that_is_allowed_keeps_its_bytes(name: str, path: Path, size: int) -> None:
    """Every call in it is asked about, and every word is heard."""
    came = path.read_bytes()
    kind = b"text/event-stream" if path.suffix == ".sse" else b"application/json"
    watch = Watching()
    query = "alt=sse" if path.suffix == ".sse" else ""
    one = Judged(TONGUE[name], WIRE[name], (PATHS[name], query), TONGUE[name].ask(ASKED)[0], bytes, lambda: watch, (), (), _never)
    assert one.begin(200, ((b"Content-Type", kind),))[0] == "stream"
    out = b"".join([one.chunk(came[at : at + size]) for at in range(0, len(came), size)])
    reader = WIRE[name].reader(kind.decode())
    found = gather([delta for frame in (*reader.feed(came), *reader.close()) for delta in WIRE[name].deltas(frame)])
    whole = found.finish not in {"", "error", "other"}
    assert out + (one.tail() if whole else one.tail() or one.rest()) == came
    if whole:
        assert "".join([part.text for part in found.parts if isinstance(part, Text)]) in "".join(watch.texts)
        calls = [(part.name, plain(part.arguments)) for part in found.parts if isinstance(part, ToolCall)]
        assert [(call.name, plain(call.arguments)) for call in watch.calls] == calls


@each("*.reply.json")
def test_a_recorded_answer_that_is_allowed_keeps_its_bytes(name: str, path: Path) -> None:
    came = path.read_bytes()
    one = Judged(TONGUE[name], WIRE[name], (PATHS[name], ""), TONGUE[name].ask(ASKED)[0], bytes, Watching, (), (), _never)
    if name != "gemini":
        assert one.begin(200, JSON)[0] == "whole"
        assert one.whole(came) == (200, came)


def plain(arguments: str) -> object:
    """What the arguments say; of a tool that takes free text, that."""
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return arguments


def _never(error: DocumentError) -> None:
    raise AssertionError(error)
