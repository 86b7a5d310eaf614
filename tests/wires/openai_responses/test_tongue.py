"""The tongue of OpenAI Responses against recorded bytes and the official SDK."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from msgspec import Raw

from backstory.core.reply import Usage
from backstory.core.stream import Frame
from backstory.core.translation import (
    Answered,
    Asked,
    Begun,
    Broke,
    Builtin,
    Choice,
    Closed,
    Ended,
    Event,
    Failure,
    Format,
    Function,
    More,
    Odd,
    Reasoning,
    Refusal,
    Result,
    Said,
    Sampling,
    Sight,
    Thought,
    Use,
    Waits,
    Words,
)
from backstory.errors import DocumentError
from backstory.wires import WIRES
from backstory.wires.openai_responses.tongue import OpenAIResponsesTongue
from backstory.wires.translation.translate import events_of, gathered

CASSETTES = Path(__file__).parents[2] / "cassettes" / "openai_responses"
TONGUE = OpenAIResponsesTongue()
WIRE = next(wire for wire in WIRES if wire.name == TONGUE.name)
PLAIN = Asked("m", True, (), ())


def asked(**body: object) -> Asked:
    return TONGUE.asked(json.dumps({"model": "m", "input": "hi", **body}).encode(), "/v1/responses", "")


def heard(stream: bytes) -> list[Event]:
    reader, listener = WIRE.reader("text/event-stream"), TONGUE.listener()
    return [event for frame in [*reader.feed(stream), *reader.close()] for event in listener.events(frame)] + [*listener.over()]


def stream_of(*events: Mapping[str, object]) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


def told(events: Sequence[Event], request: Asked = PLAIN) -> bytes:
    teller = TONGUE.teller(request)
    return b"".join([teller.tell(event) for event in events]) + teller.end()


def written(request: Asked) -> tuple[dict[str, Any], dict[str, str]]:
    body, losses = TONGUE.ask(request)
    return json.loads(body), {loss.what: loss.how for loss in losses}


@pytest.mark.parametrize("name", ["text", "tools", "refusal", "incomplete"])
def test_a_recorded_stream_says_what_the_whole_answer_says(name: str) -> None:
    whole = TONGUE.answered((CASSETTES / f"{name}.reply.json").read_bytes())
    assert gathered(heard((CASSETTES / f"{name}.stream.sse").read_bytes())) == whole
    assert isinstance(whole, Answered)
    assert whole.usage == Usage(120, 33, 64)
    assert whole.thoughts == 9


def test_an_answer_has_its_pieces() -> None:
    whole = TONGUE.answered((CASSETTES / "tools.reply.json").read_bytes())
    assert isinstance(whole, Answered)
    thought, *others = whole.pieces
    assert isinstance(thought, Thought)
    assert (thought.text, thought.sealed, thought.seal) == ("I should call\n\nthe shell", "enc_1", "openai_responses")
    assert others == [
        Words("Running it now."),
        Use("call_1", "exec_command", '{"cmd": "echo né"}'),
        Use("call_2", "apply_patch", "*** Begin Patch\n*** End Patch", custom=True),
    ]
    assert (whole.finish, whole.created > 0) == ("tool_calls", True)


def test_items_that_only_the_last_event_has_are_told() -> None:
    message = {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]}
    call = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"}
    done = {"type": "response.completed", "response": {"id": "r", "model": "m", "output": [message, call]}}
    expected = (Words("Hello"), Use("c", "f", "{}"))
    for events in ([done], [{"type": "response.created", "response": {"id": "r", "model": "m"}}, done]):
        found = gathered(heard(stream_of(*events)))
        assert isinstance(found, Answered)
        assert (found.pieces, found.finish, found.id) == (expected, "tool_calls", "r")
    begun = {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "item_id": "msg_9", "delta": "Hel"}
    found = gathered(heard(stream_of(begun, done)))
    assert isinstance(found, Answered)
    assert found.pieces == expected


def test_nothing_is_told_twice_where_the_last_event_names_items_anew() -> None:
    delta = {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "item_id": "a", "delta": "Hello"}
    item = {"type": "message", "id": "a", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]}
    done = {"type": "response.output_item.done", "output_index": 1, "item": item}
    last = {"type": "response.completed", "response": {"id": "r", "model": "m", "output": [{**item, "id": "b"}]}}
    found = gathered(heard(stream_of(delta, done, last)))
    assert isinstance(found, Answered)
    assert found.pieces == (Words("Hello"),)


def test_arguments_come_split_and_interleaved() -> None:
    events: list[dict[str, object]] = []
    for index in (0, 1):
        item = {"type": "function_call", "id": f"fc_{index}", "call_id": f"c{index}", "name": "f", "arguments": ""}
        events.append({"type": "response.output_item.added", "output_index": index, "item": item})
    for piece in ('{"a"', ":1}"):
        for index in (0, 1):
            events.append({"type": "response.function_call_arguments.delta", "output_index": index, "delta": piece})
    events.append({"type": "response.completed", "response": {"id": "r", "model": "m"}})
    found = gathered(heard(stream_of(*events)))
    assert isinstance(found, Answered)
    assert found.pieces == (Use("c0", "f", '{"a":1}'), Use("c1", "f", '{"a":1}'))
    assert found.finish == "tool_calls"


def test_failures_in_a_stream_end_it() -> None:
    failed = heard((CASSETTES / "failed.stream.sse").read_bytes())
    assert failed[-1] == Broke(Failure(500, "server", "The model failed to generate a response.", "server_error"))
    error = {"type": "error", "code": "rate_limit_exceeded", "message": "slow down", "sequence_number": 1}
    late = {"type": "response.output_text.delta", "output_index": 0, "delta": "x"}
    assert heard(stream_of(error, late)) == [Begun("", ""), Broke(Failure(429, "rate_limit", "slow down", "rate_limit_exceeded"))]
    nested = {"type": "error", "error": {"code": None, "message": "broken"}}
    assert heard(stream_of(nested))[-1] == Broke(Failure(500, "server", "broken", ""))


def test_a_stream_without_an_end_has_none() -> None:
    whole = (CASSETTES / "text.stream.sse").read_bytes()
    cut = heard(whole[: whole.index(b"event: response.completed")])
    assert isinstance(cut[-1], Closed)
    assert not any(isinstance(event, Ended | Broke) for event in cut)
    with pytest.raises(DocumentError):
        gathered(cut)
    assert heard(b": keep-alive\n\n") == [Waits()]
    assert heard(b"data: [DONE]\n\n") == []
    with pytest.raises(DocumentError):
        heard(b"data: <html>\n\n")


def test_a_failed_response_is_a_failure_whatever_its_status() -> None:
    body = json.dumps({"id": "r", "status": "failed", "error": {"code": "invalid_prompt", "message": "no"}, "output": []}).encode()
    assert TONGUE.answered(body) == Failure(400, "invalid_request", "no", "invalid_prompt")
    with pytest.raises(DocumentError):
        TONGUE.answered(b'{"object":"list"}')


def test_errors_are_read_whatever_they_look_like() -> None:
    body = b'{"error":{"message":"too long","type":"invalid_request_error","param":"input","code":"context_length_exceeded"}}'
    assert TONGUE.failed(400, body) == Failure(400, "context_length", "too long", "context_length_exceeded")
    page = TONGUE.failed(502, b"<html><head><title>Bad</title></head><body><h1>502 Bad Gateway</h1></body></html>")
    assert page == Failure(502, "server", "Bad 502 Bad Gateway", "")
    assert TONGUE.failed(503, b"").code == "overloaded"
    assert TONGUE.failed(404, b'{"detail":"Not Found"}').message == "Not Found"
    assert TONGUE.failed(429, b'{"error":"slow down"}') == Failure(429, "rate_limit", "slow down", "")
    assert TONGUE.failed(500, b'{"error":{"code":7,"message":null}}').code == "server"


@pytest.mark.parametrize(
    ("code", "status"), [("authentication", 401), ("rate_limit", 429), ("overloaded", 503), ("context_length", 400), ("server", 500)]
)
def test_errors_are_written_so_that_they_read_the_same(code: str, status: int) -> None:
    found, body = TONGUE.failure(Failure(529 if code == "overloaded" else status, code, "well"))
    assert found == status
    again = TONGUE.failed(found, body)
    assert (again.code, again.message) == (code, "well")


def test_a_request_is_understood() -> None:
    request = TONGUE.asked((CASSETTES / "codex.request.json").read_bytes(), "/v1/responses", "")
    assert request.system[0].text.startswith("You are a coding agent")
    assert [said.speaker for said in request.said] == ["user", "user", "assistant", "user", "assistant", "user"]
    assert isinstance(request.said[-1].pieces[0], Result)
    assert request.said[-1].pieces[0].name == "exec_command"
    assert request.wire == "openai_responses"
    assert [tool.type for tool in request.tools if isinstance(tool, Builtin)] == ["web_search"]
    assert [tool.name for tool in request.tools if isinstance(tool, Function)] == ["exec_command", "agents__spawn", "apply_patch"]


def test_tools_that_travel_as_an_item_are_tools() -> None:
    request = TONGUE.asked((CASSETTES / "codex-codemode.request.json").read_bytes(), "/v1/responses", "")
    assert request.tools == (Function("exec", "", b"", custom=True),)
    assert request.system[0].text.startswith("You are a coding agent")
    kinds = [piece.kind for said in request.said for piece in said.pieces if isinstance(piece, Odd)]
    assert kinds == ["compaction", "web_search_call", "item_reference", "compaction_trigger"]


def test_a_tool_in_a_namespace_is_called_there() -> None:
    inner = [{"type": "function", "name": "spawn", "parameters": {}}, {"type": "custom", "name": "note"}]
    call = {"type": "function_call", "call_id": "c", "namespace": "agents", "name": "spawn", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "c", "output": "done"}
    request = asked(tools=[{"type": "namespace", "name": "agents", "description": "", "tools": inner}], input=[call, output])
    assert request.said[0].pieces == (Use("c", "agents__spawn", "{}"),)
    assert request.said[1].pieces == (Result("c", "agents__spawn", (Words("done"),)),)
    assert request.lost == ()
    pieces = (Use("d", "agents__spawn", '{"a":1}'), Use("e", "agents__note", '{"input":"hm"}'))
    answered = Answered("resp_1", "m", pieces, "tool_calls")
    output = json.loads(TONGUE.answer(answered, request))["output"]
    assert [(item["type"], item["namespace"], item["name"]) for item in output] == [
        ("function_call", "agents", "spawn"),
        ("custom_tool_call", "agents", "note"),
    ]
    stream = told(events_of(answered), request)
    assert json.loads(stream.rstrip().split(b"\ndata: ")[-1])["response"]["output"] == output
    again = gathered(heard(stream))
    assert isinstance(again, Answered)
    assert again.pieces == (pieces[0], Use("e", "agents__note", "hm", custom=True))


def test_items_become_messages() -> None:
    def call(number: int) -> dict[str, object]:
        return {"type": "function_call", "call_id": f"c{number}", "name": "f", "arguments": "{}", "id": f"fc_{number}"}

    picture = {"type": "input_image", "image_url": "data:image/png;base64,aGk=", "detail": "high"}
    output: list[object] = [{"type": "input_text", "text": "seen"}, picture]
    request = asked(
        input=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "input_file", "filename": "a.txt", "file_data": "data:text/plain;base64,aGk="}]},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "enc"},
            {
                "type": "message",
                "id": "msg_1",
                "status": "completed",
                "role": "assistant",
                "content": [{"type": "refusal", "refusal": "No."}],
            },
            call(1),
            call(2),
            {"type": "function_call_output", "call_id": "c1", "output": output},
            {"type": "function_call_output", "call_id": "c2", "output": "plain"},
            {"role": "developer", "content": "Now in French."},
            {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        ]
    )
    assert request.system == (Words("Be brief."),)
    odd = request.said[-1].pieces[0]
    assert isinstance(odd, Odd)
    assert odd.kind == "web_search_call"
    assert request.said[:-1] == (
        Said("user", (Sight("document", "text/plain", "hi", name="a.txt", plain=True),)),
        Said(
            "assistant",
            (
                Thought("", "enc", "openai_responses", True, "rs_1"),
                Refusal("No."),
                Use("c1", "f", "{}"),
                Use("c2", "f", "{}"),
            ),
        ),
        Said(
            "user",
            (
                Result("c1", "f", (Words("seen"), Sight("image", "image/png", "aGk=", detail="high"))),
                Result("c2", "f", (Words("plain"),)),
            ),
        ),
        Said("system", (Words("Now in French."),)),
    )


def test_settings_are_understood() -> None:
    schema = {"type": "object"}
    request = asked(
        tool_choice={"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
        text={"format": {"type": "json_schema", "name": "n", "schema": schema, "strict": True}, "verbosity": "low"},
        reasoning={"effort": "xhigh", "summary": "detailed"},
        include=["reasoning.encrypted_content", "file_search_call.results"],
        max_output_tokens=5,
        truncation="auto",
        conversation={"id": "conv_1"},
        parallel_tool_calls=False,
        background=True,
        prompt={"id": "pmpt_1"},
        new_field=[1],
    )
    assert request.choice == Choice("any", "", ("f",))
    assert request.format == Format(b'{"type": "object"}', "n", "", True)
    assert request.reasoning == Reasoning("xhigh", None, True, "detailed")
    assert request.sampling == Sampling(5)
    assert (request.previous, request.conversation, request.parallel) == ("conv_1", True, False)
    assert {name for name, _ in request.others} == {"include", "truncation", "verbosity", "new_field"}
    assert {loss.what: loss.how for loss in request.lost} == {"background": "refused", "prompt": "refused"}


def test_what_cannot_be_read_is_an_error() -> None:
    bodies: list[bytes] = [
        b"[]",
        b'{"input":7}',
        b'{"input":[7]}',
        b'{"input":[{"type":7}]}',
        b"\xff",
        b'{"input":[{"role":"user","content":7}]}',
    ]
    for body in [*bodies, b'{"tools":[7]}', b'{"temperature":"x"}', b'{"reasoning":7}', b'{"model":"a","model":"b"}']:
        with pytest.raises(DocumentError):
            TONGUE.asked(body, "/v1/responses", "")


def test_what_is_asked_of_a_reasoning_model_brings_its_seals_back() -> None:
    body, losses = written(Asked("gpt-5.1", False, (), (Said("user", (Words("hi"),)),), sampling=Sampling(4, 0.5)))
    assert body["include"] == ["reasoning.encrypted_content"]
    assert (body["store"], body["max_output_tokens"]) == (False, 16)
    assert losses == {"temperature": "dropped", "max_tokens": "changed"}
    body, losses = written(Asked("gpt-4o", False, (), (), sampling=Sampling(99, 0.5)))
    assert ("include" in body, body["temperature"], losses) == (False, 0.5, {})


def test_verbosity_is_said_where_it_belongs() -> None:
    chat = Asked("m", False, (), (), others=(("verbosity", Raw(b'"low"')), ("prediction", Raw(b"{}"))), wire="openai_chat")
    body, losses = written(chat)
    assert body["text"] == {"verbosity": "low"}
    assert losses == {"prediction": "dropped"}


def test_what_has_no_place_is_named() -> None:
    said = (
        Said("user", (Sight("video", "video/mp4", "aGk="), Sight("audio", "audio/ogg", "aGk=")), name="Ann"),
        Said(
            "assistant",
            (Thought("hm", "sig", "anthropic"), Sight("image", "image/png", "aGk="), Odd("gemini", "executableCode", Raw(b"{}"))),
        ),
        Said("user", (Result("c", "f", (Words("bad"),), error=True),)),
    )
    sampling = Sampling(stop=("a",), top_k=1, seed=1, count=2)
    body, losses = written(Asked("m", False, (), said, sampling=sampling, tools=(Builtin("google_maps", Raw(b"{}")),), wire="gemini"))
    assert losses == {
        "video": "refused",
        "audio": "changed",
        "thinking": "dropped",
        "assistant.media": "dropped",
        "executableCode": "dropped",
        "tool_result.is_error": "changed",
        "stop": "dropped",
        "top_k": "dropped",
        "seed": "dropped",
        "n": "refused",
        "name": "dropped",
        "tools.google_maps": "dropped",
    }
    assert body["input"][-1]["output"] == "Error: bad"
    known = {loss.what for loss in TONGUE.losses}
    assert losses.keys() - known == {"executableCode", "tools.google_maps"}


CUSTOM = Asked("m", True, (), (), (Function("patch", "", b"", custom=True), Function("f", "", b"{}")))


@pytest.mark.parametrize("arguments", ['{"input":"*** Begin"}', "*** Begin"])
def test_a_tool_of_free_text_is_called_with_free_text(arguments: str) -> None:
    answered = Answered("resp_1", "m", (Use("c", "patch", arguments), Use("d", "f", "")), "tool_calls")
    found = TONGUE.answered(TONGUE.answer(answered, CUSTOM))
    assert isinstance(found, Answered)
    assert found.pieces == (Use("c", "patch", "*** Begin", custom=True), Use("d", "f", "{}"))
    assert gathered(heard(told(events_of(answered), CUSTOM))) == found


def test_citations_of_every_wire_become_annotations() -> None:
    own = {"type": "url_citation", "start_index": 0, "end_index": 2, "title": "T", "url": "https://a"}
    chat = {"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 2, "title": "T", "url": "https://a"}}
    anthropic = {"type": "web_search_result_location", "url": "https://a", "title": "T", "encrypted_index": "x", "cited_text": "c"}
    page = {"type": "char_location", "document_index": 0}
    raws = tuple(Raw(json.dumps(one).encode()) for one in (own, chat, anthropic, page))
    answered = Answered("resp_1", "m", (Words("hi", citations=raws),), "stop")
    (item,) = json.loads(TONGUE.answer(answered, PLAIN))["output"]
    assert item["content"][0]["annotations"] == [own, own, {**own, "end_index": 0}]
    stream = told(events_of(answered))
    last = json.loads(stream.rstrip().split(b"\ndata: ")[-1])
    assert last["response"]["output"] == [item]


class _Stream(httpx2.BaseTransport):
    def __init__(self, stream: bytes) -> None:
        self._stream = stream

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"Content-Type": "text/event-stream"}, content=self._stream)


def test_the_official_sdk_takes_a_stream() -> None:
    usage = Usage(10, 9, 4, 1)
    pieces = (Thought("hm", "sig", "gemini"), Words("Hällo"), Refusal("No."), Use("c", "f", '{"a":1}', sealed="s"), Use("d", "patch", "x"))
    answered = Answered("resp_1", "gpt", pieces, "tool_calls", usage, 3, "", 7)
    with (
        openai.OpenAI(
            api_key="k",
            base_url="http://x/v1",
            max_retries=0,
            http_client=httpx2.Client(transport=_Stream(told(events_of(answered), CUSTOM))),
        ) as sdk,
        sdk.responses.stream(model="m", input="hi") as events,
    ):
        kinds = [event.type for event in events]
        final = events.get_final_response()
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    assert kinds.count("response.output_item.added") == kinds.count("response.output_item.done") == 6
    assert final.output_text == "Hällo"
    assert [item.type for item in final.output] == ["reasoning", "message", "message", "reasoning", "function_call", "custom_tool_call"]
    assert final.usage is not None
    assert (final.usage.input_tokens_details.cached_tokens, final.usage.output_tokens_details.reasoning_tokens) == (4, 3)


def test_every_stream_begins_and_ends() -> None:
    cases: tuple[tuple[list[Event], str], ...] = (
        ([Ended("length", Usage(1, 2))], "response.incomplete"),
        ([Broke(Failure(429, "rate_limit", "slow down"))], "response.failed"),
        ([Begun("resp_1", "m"), Ended("refusal")], "response.incomplete"),
        ([Begun("resp_1", "m"), Ended("error")], "response.failed"),
    )
    for events, kind in cases:
        found = [json.loads(line[6:]) for line in told(events).split(b"\n") if line.startswith(b"data: ")]
        assert [one["type"] for one in found] == ["response.created", "response.in_progress", kind]
        assert found[0]["response"]["id"] == found[-1]["response"]["id"] != ""
    assert Frame(told([Waits()]), "", b"").raw == b": waiting\n\n"


def test_a_drawn_picture_is_an_item() -> None:
    answered = Answered("resp_1", "m", (Sight("image", "image/jpeg", "aGk="),), "stop")
    assert TONGUE.answered(TONGUE.answer(answered, PLAIN)) == answered
    assert gathered(heard(told(events_of(answered)))) == answered


def test_a_closed_piece_is_what_was_told() -> None:
    for path in sorted(CASSETTES.glob("*.stream.sse")):
        texts: dict[int, str] = {}
        for event in heard(path.read_bytes()):
            match event:
                case More(index, text):
                    texts[index] = texts.get(index, "") + text
                case Closed(index, Words(text) | Refusal(text) | Thought(text) | Use(_, _, text)):
                    assert texts.get(index, "") == text
                case _:
                    pass
