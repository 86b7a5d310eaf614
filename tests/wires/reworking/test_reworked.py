"""Answers made over, in each wire: thoughts and calls become what they are, whole and in pieces; everything else passes byte for byte."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.core.message import Text, Thinking, ToolCall
from backstory.core.reply import Reply, Usage
from backstory.core.stream import gather
from backstory.core.translation import Answered, Asked, Begun, Closed, Ended, Event, Function, More, Opened, Said, Sampling, Use, Words
from backstory.wires.reworking.reworked import Reworked
from backstory.wires.reworking.scan import Think
from backstory.wires.translation.translate import events_of
from tests.wires.translation.test_tongues_recorded import TONGUE, WIRE, each

PATHS = {
    "anthropic": "/v1/messages",
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
    "gemini": "/v1beta/models/m:streamGenerateContent",
}
QUERIES = {"gemini": "alt=sse"}
WIRES = pytest.mark.parametrize("name", WIRE)
RUN = Function("run", "Runs it.", b'{"type":"object","properties":{"cmd":{"type":"string"}},"required":["cmd"]}')
ASKED = Asked("m", True, (), (Said("user", (Words("Hi."),)),), (RUN,), sampling=Sampling(most=99))
LS, PWD = "<run><cmd>ls</cmd></run>", '<invoke name="run"><parameter name="cmd">pwd</parameter></invoke>'


def asking(name: str, **more: object) -> bytes:
    body = json.loads(TONGUE[name].ask(ASKED)[0])
    return json.dumps({**body, **more}).encode()


def reworked(name: str, think: Think = "reasoning", calls: bool = True, body: bytes = b"") -> Reworked:
    one = Reworked(TONGUE[name], WIRE[name], PATHS[name], QUERIES.get(name, ""), think, calls)
    body = body or asking(name)
    assert one.ask(body) == body
    return one


def stream(name: str, texts: list[str], finish: str = "stop") -> bytes:
    """A stream that says these texts."""
    asked = TONGUE[name].asked(asking(name), PATHS[name], QUERIES.get(name, ""))
    teller = TONGUE[name].teller(asked)
    events: list[Event] = [Begun("id_1", "m", None, 5), Opened(0, Words(""))]
    events += [*[More(0, text) for text in texts], Closed(0, Words("".join(texts))), Ended(finish, Usage(3, 4))]  # type: ignore[arg-type]
    return b"".join([teller.tell(event) for event in events]) + teller.end()


def passed(one: Reworked, name: str, data: bytes, pieces: list[int] | None = None) -> bytes:
    mode, _ = one.begin(200, ((b"Content-Type", b"text/event-stream"),))
    assert mode == "stream"
    cuts = [0, *(pieces or []), len(data)]
    return b"".join([one.chunk(data[start:stop]) for start, stop in itertools.pairwise(cuts) if stop > start]) + one.tail()


def read(name: str, data: bytes) -> Reply:
    reader = WIRE[name].reader("text/event-stream")
    return gather([delta for frame in (*reader.feed(data), *reader.close()) for delta in WIRE[name].deltas(frame)])


def said(reply: Reply) -> tuple[str, str, list[tuple[str, object]]]:
    words = "".join([part.text for part in reply.parts if isinstance(part, Text)])
    thoughts = "".join([part.text for part in reply.parts if isinstance(part, Thinking)])
    return words, thoughts, [(part.name, json.loads(part.arguments)) for part in reply.parts if isinstance(part, ToolCall)]


TEXT = f"<think>\nHm ✓\n</think>\n\nFirst `<think>`.\n{LS}\nThen.\n{PWD}\n"
MEANT = ("First `<think>`.\nThen.\n", "Hm ✓\n", [("run", {"cmd": "ls"}), ("run", {"cmd": "pwd"})])


@WIRES
@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_stream_says_what_its_text_means_however_it_comes(name: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(TEXT) - 1), max_size=8)))
    texts = [TEXT[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(TEXT)], strict=True)]
    raw = stream(name, texts)
    pieces = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=8)))
    out = passed(reworked(name), name, raw, pieces)
    assert said(read(name, out)) == MEANT
    assert out == passed(reworked(name), name, raw)
    assert read(name, out).usage == Usage(3, 4)
    assert read(name, out).finish in {"tool_calls", "stop" if name == "gemini" else "tool_calls"}


@WIRES
def test_byte_by_byte_is_the_same(name: str) -> None:
    raw = stream(name, list(TEXT))
    assert passed(reworked(name), name, raw, list(range(1, len(raw)))) == passed(reworked(name), name, raw)


@WIRES
@pytest.mark.parametrize(
    "text", ["Plain.", "1 < 2 and <b>bold</b>", "`<think>`", "```\n<run><cmd>ls</cmd></run>\n```", "<run><cmd>", "<thi", " \n"]
)
def test_what_has_nothing_in_it_passes_byte_for_byte(name: str, text: str) -> None:
    raw = stream(name, list(text))
    assert passed(reworked(name), name, raw, list(range(0, len(raw), 7))) == raw
    whole = TONGUE[name].answer(Answered("id_1", "m", (Words(text),), "stop", Usage(3, 4)), ASKED)
    one = reworked(name)
    one.begin(200, ((b"Content-Type", b"application/json"),))
    assert one.whole(whole) == (200, whole)


@each("*.stream.sse")
def test_recorded_streams_pass_byte_for_byte(name: str, path: Any) -> None:
    raw = path.read_bytes()
    assert passed(reworked(name), name, raw, list(range(0, len(raw), 100))) == raw


@each("*.reply.json")
def test_recorded_answers_pass_byte_for_byte(name: str, path: Any) -> None:
    raw = path.read_bytes()
    one = reworked(name)
    one.begin(200, ((b"Content-Type", b"application/json"),))
    assert one.whole(raw) == (200, raw)


@WIRES
def test_a_whole_answer_says_the_same_and_keeps_what_it_had(name: str) -> None:
    whole = json.loads(TONGUE[name].answer(Answered("id_1", "m", (Words(TEXT),), "stop", Usage(3, 4)), ASKED)) | {"odd": [1]}
    one = reworked(name)
    one.begin(200, ((b"Content-Type", b"application/json"),))
    status, out = one.whole(json.dumps(whole).encode())
    reply = WIRE[name].reply(out)
    assert status == 200
    assert said(reply) == MEANT
    assert json.loads(out)["odd"] == [1]
    assert [part.id for part in reply.parts if isinstance(part, ToolCall)] == _ids(name)


def _ids(name: str) -> list[str]:
    return [part.id for part in read(name, passed(reworked(name), name, stream(name, [TEXT]))).parts if isinstance(part, ToolCall)]


@WIRES
def test_what_comes_before_the_first_of_them_is_not_touched(name: str) -> None:
    raw = stream(name, ["Before. ", "Then ", LS])
    first = raw[: raw.index(b"Then ")]
    out = passed(reworked(name), name, raw)
    assert out.startswith(first)
    assert said(read(name, out)) == ("Before. Then ", "", [("run", {"cmd": "ls"})])


def test_what_is_told_anew_goes_on_with_ids_and_numbers() -> None:
    """Responses: events are numbered, and name the item that they belong to."""
    raw = stream("openai_responses", ["Before. ", "Then ", LS, " End."])
    raw = raw.replace(b'"msg_id_1_0"', b'"msg_abc"')
    out = passed(reworked("openai_responses"), "openai_responses", raw)
    events = [json.loads(line[6:]) for line in out.decode().splitlines() if line.startswith("data: ")]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert {event["item_id"] for event in events if event.get("output_index") == 0 and "item_id" in event} == {"msg_abc"}
    assert events[-1]["response"]["output"][0]["id"] == "msg_abc"
    assert [event["output_index"] for event in events if event["type"] == "response.output_item.added"] == [0, 1, 2]


def test_an_array_of_gemini_stays_one() -> None:
    path, tongue = PATHS["gemini"], TONGUE["gemini"]
    teller = tongue.teller(tongue.asked(asking("gemini"), path, ""))
    texts = ["Before. ", "Then ", LS, " End."]
    events: list[Event] = [
        Begun("id_1", "m"),
        Opened(0, Words("")),
        *[More(0, text) for text in texts],
        Closed(0, Words("")),
        Ended("stop"),
    ]
    raw = b"".join([teller.tell(event) for event in events]) + teller.end()
    for start in (raw, raw.replace(b"Before. ", b"").replace(b"Then ", b"")):
        one = Reworked(tongue, WIRE["gemini"], path, "", "reasoning", calls=True)
        one.ask(asking("gemini"))
        assert one.begin(200, ((b"Content-Type", b"application/json"),))[0] == "stream"
        out = b"".join([one.chunk(start[at : at + 9]) for at in range(0, len(start), 9)]) + one.tail()
        parts = [part for chunk in json.loads(out) for part in chunk["candidates"][0]["content"]["parts"]]
        assert [part["functionCall"]["name"] for part in parts if "functionCall" in part] == ["run"]


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("anthropic", {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}}),
        ("openai_chat", {"response_format": {"type": "json_object"}}),
        ("openai_chat", {"n": 2}),
        ("openai_responses", {"text": {"format": {"type": "json_object"}}}),
        ("gemini", {"generationConfig": {"responseMimeType": "application/json"}}),
    ],
)
def test_json_and_several_answers_are_left_alone(name: str, more: dict[str, object]) -> None:
    one = reworked(name, body=asking(name, **more))
    assert one.idle
    assert one.begin(200, ((b"Content-Type", b"text/event-stream"),))[0] == "pass"


@WIRES
def test_errors_and_coded_bodies_pass(name: str) -> None:
    one = reworked(name)
    for status, headers in (
        (500, ((b"Content-Type", b"application/json"),)),
        (200, ((b"Content-Type", b"text/event-stream"), (b"Content-Encoding", b"gzip"))),
        (200, ((b"Content-Type", b"text/html"),)),
    ):
        assert one.begin(status, headers) == ("pass", headers)


@WIRES
def test_a_stream_that_breaks_off_loses_nothing(name: str) -> None:
    raw = stream(name, ["Before. ", "<run><cmd>l"])
    cut = raw[: raw.rindex(b"<cmd>l") + 200]
    one = reworked(name)
    one.begin(200, ((b"Content-Type", b"text/event-stream"),))
    out = one.chunk(cut)
    assert out + one.rest() == cut
    assert one.rest() == b""


@WIRES
def test_what_cannot_be_read_passes(name: str) -> None:
    """A stream that breaks its format before anything was changed passes as it comes from there on."""
    begun = stream(name, ["Before. "])
    first = begun[: begun.index(b"Before") + 200]
    raw = first[: first.rindex(b"\n\n") + 2] + b"data: {broken\n\n" + stream(name, [TEXT])
    assert passed(reworked(name), name, raw, list(range(0, len(raw), 50))) == raw
    one = reworked(name)
    one.begin(200, ((b"Content-Type", b"application/json"),))
    assert one.whole(b"{nonsense") == (200, b"{nonsense")


@WIRES
def test_tools_that_may_not_be_called_are_not(name: str) -> None:
    choices: dict[str, dict[str, object]] = {
        "anthropic": {"tool_choice": {"type": "none"}},
        "openai_chat": {"tool_choice": "none"},
        "openai_responses": {"tool_choice": "none"},
        "gemini": {"toolConfig": {"functionCallingConfig": {"mode": "NONE"}}},
    }
    none = choices[name]
    raw = stream(name, [LS])
    assert passed(reworked(name, body=asking(name, **none)), name, raw) == raw


@WIRES
def test_real_calls_beside_text_stay_what_they_are(name: str) -> None:
    asked = TONGUE[name].asked(asking(name), PATHS[name], QUERIES.get(name, ""))
    teller = TONGUE[name].teller(asked)
    pieces = (Words(f"<think>hm</think>Look. {LS}"), Use("call_1", "run", '{"cmd":"real"}'))
    events = events_of(Answered("id_1", "m", pieces, "tool_calls", Usage(1, 2)))
    raw = b"".join([teller.tell(event) for event in events]) + teller.end()
    words, thoughts, calls = said(read(name, passed(reworked(name), name, raw)))
    assert (words, thoughts) == ("Look. ", "hm")
    assert calls == [("run", {"cmd": "ls"}), ("run", {"cmd": "real"})]


@WIRES
def test_models_that_think_first_are_known_by_their_names(name: str) -> None:
    raw = stream(name, list("hm\n</think>\n\nFine."))
    for first, meant in ((("m*",), ("Fine.", "hm\n", [])), (("x", "?m"), ("hm\n</think>\n\nFine.", "", []))):
        one = Reworked(TONGUE[name], WIRE[name], PATHS[name], QUERIES.get(name, ""), "reasoning", calls=True, first=first)
        one.ask(asking(name))
        assert said(read(name, passed(one, name, raw))) == meant


@pytest.mark.parametrize(("think", "visible"), [("keep", "<think>a</think>\n\nb"), ("remove", "b")])
def test_thoughts_are_kept_or_removed(think: Think, visible: str) -> None:
    for name in WIRE:
        raw = stream(name, list("<think>a</think>\n\nb"))
        assert said(read(name, passed(reworked(name, think), name, raw))) == (visible, "", [])


NOISE = st.lists(
    st.one_of(
        st.binary(max_size=8),
        st.sampled_from(
            [b"\n\n", b"\r\n\r\n", b"data: ", b"event: message_start\n", b"data: {}\n\n", b"data: [DONE]\n\n", b": ping\n\n", b"[", b"]"]
        ),
        st.sampled_from(
            [b'data: {"choices":[{"delta":{"content":"<run"}}]}\n\n', b'data: {"candidates":[{"content":{"parts":[{"text":"<run"}]}}]}\n\n']
        ),
        st.sampled_from([b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"<ru"}}\n\n']),
        st.sampled_from([b'data: {"type":"response.output_text.delta","delta":"<ru","output_index":0}\n\n', b'data: {"choices":7}\n\n']),
    ),
    max_size=12,
).map(b"".join)


@WIRES
@settings(max_examples=150, deadline=None)
@given(NOISE, st.integers(1, 40))
def test_whatever_comes_passes_if_there_is_nothing_in_it(name: str, raw: bytes, size: int) -> None:
    assert passed(reworked(name), name, raw, list(range(size, len(raw), size))) == raw


@WIRES
@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=30)
    | st.sampled_from([b"{}", b"[]", b"null", b'{"choices":[{}]}', b'{"content":[7]}', b'{"candidates":[]}', b'{"output":[{}]}'])
)
def test_whatever_a_whole_answer_is_it_passes(name: str, raw: bytes) -> None:
    one = reworked(name)
    one.begin(200, ((b"Content-Type", b"application/json"),))
    assert one.whole(raw) == (200, raw)


@WIRES
@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=30)
    | st.sampled_from([b"{}", b"[]", b"null", b'{"messages":7}', b'{"input":[7]}', b'{"messages":[{"role":7}]}', b'{"contents":[]}'])
)
def test_a_request_that_cannot_be_read_goes_up_as_it_came(name: str, raw: bytes) -> None:
    one = Reworked(TONGUE[name], WIRE[name], PATHS[name], QUERIES.get(name, ""), "reasoning", calls=True, spells=True)
    assert one.ask(raw) == raw
    assert one.ask(raw + b"backstory:tag: rs_tag_ ") == raw + b"backstory:tag: rs_tag_ "
