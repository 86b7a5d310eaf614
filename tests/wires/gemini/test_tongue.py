"""The tongue of Gemini against recorded bytes and the official SDK."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from google.genai import types
from msgspec import Raw

from backstory.core.reply import Usage
from backstory.core.translation import (
    Answered,
    Asked,
    Builtin,
    Choice,
    Event,
    Format,
    Function,
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
from backstory.errors import DocumentError
from backstory.wires import WIRES
from backstory.wires.gemini.tongue import GeminiTongue
from backstory.wires.gemini.tongue_schema import from_gemini
from backstory.wires.translation.translate import events_of, gathered
from tests.growth import MOST, growth

CASSETTES = Path(__file__).parents[2] / "cassettes" / "gemini"
TONGUE = GeminiTongue()
WIRE = next(wire for wire in WIRES if wire.name == TONGUE.name)
PATH = "/v1beta/models/gemini-2.5-flash:generateContent"
PLAIN = Asked("m", True, (), ())
ARRAY = Asked("m", True, (), (), array=True)
SIGNATURE = "bW9jay1zaWc6mraX926oMw=="


def asked(path: str = PATH, query: str = "", **body: object) -> Asked:
    return TONGUE.asked(json.dumps({"contents": [{"parts": [{"text": "hi"}]}], **body}).encode(), path, query)


def written(request: Asked) -> tuple[dict[str, Any], dict[str, str]]:
    body, losses = TONGUE.ask(request)
    return json.loads(body), {loss.what: loss.how for loss in losses}


def heard(stream: bytes, kind: str = "text/event-stream") -> list[Event]:
    reader, listener = WIRE.reader(kind), TONGUE.listener()
    return [event for frame in [*reader.feed(stream), *reader.close()] for event in listener.events(frame)] + [*listener.over()]


def stream_of(*chunks: dict[str, object]) -> bytes:
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)


def parts(*found: dict[str, object], finish: str = "") -> dict[str, object]:
    ended = {"finishReason": finish} if finish else {}
    return {
        "candidates": [{"content": {"role": "model", "parts": list(found)}, "index": 0, **ended}],
        "responseId": "r",
        "modelVersion": "m",
    }


def told(events: Sequence[Event], request: Asked = PLAIN) -> bytes:
    teller = TONGUE.teller(request)
    return b"".join([teller.tell(event) for event in events]) + teller.end()


def test_a_call_without_an_id_gets_one_that_is_found_again() -> None:
    calls = parts({"functionCall": {"name": "f", "args": {"a": 1}}}, {"functionCall": {"name": "f", "args": {"a": 1}}}, finish="STOP")
    first, again = TONGUE.answered(json.dumps(calls).encode()), gathered(heard(stream_of(calls)))
    assert first == again
    assert isinstance(first, Answered)
    assert first.finish == "tool_calls"
    one, two = first.pieces
    assert isinstance(one, Use)
    assert isinstance(two, Use)
    assert one.id != two.id
    other = TONGUE.answered(json.dumps({**calls, "responseId": "s"}).encode())
    assert isinstance(other, Answered)
    assert other.pieces[0] != one
    results = Said("user", tuple(Result(use.id, "f", (Words(use.id),)) for use in (one, two)))
    body, _ = written(Asked("gemini-2.5-pro", False, (), (Said("assistant", (one, two)), results)))
    assert body["contents"][0]["parts"] == [{"functionCall": {"name": "f", "args": {"a": 1}}}] * 2
    assert [part["functionResponse"]["response"]["output"] for part in body["contents"][1]["parts"]] == [one.id, two.id]


def test_results_find_their_calls() -> None:
    model = {"role": "model", "parts": [{"functionCall": {"name": name, "args": {}}} for name in ("f", "g", "f")]}
    results = [("g", {"result": "G"}), ("f", {"error": "one"}), ("f", {"output": "two"})]
    answers = [{"functionResponse": {"name": name, "response": response}} for name, response in results]
    request = asked(contents=[model, {"role": "user", "parts": answers}])
    uses = request.said[0].pieces
    found = request.said[1].pieces
    assert [piece.id for piece in found if isinstance(piece, Result)] == [uses[1].id, uses[0].id, uses[2].id]  # type: ignore[union-attr]
    assert found[1] == Result(uses[0].id, "f", (Words("one"),), error=True)  # type: ignore[union-attr]
    assert asked(contents=[model, {"role": "user", "parts": answers}]) == request
    own = {"functionCall": {"id": "x", "name": "f", "args": {}}}
    request = asked(contents=[{"role": "model", "parts": [own]}, {"parts": {"functionResponse": {"name": "f", "response": {"a": [1]}}}}])
    assert request.said[1].pieces == (Result("x", "f", (Words('{"a": [1]}'),)),)


def test_a_request_is_understood_in_both_spellings() -> None:
    camel: dict[str, object] = {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": "aGk="}}, {"fileData": {"fileUri": "gs://a"}}]}
        ],
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}, {"googleSearch": {}}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        "generationConfig": {
            "maxOutputTokens": 9,
            "topK": 4.0,
            "stopSequences": ["x"],
            "responseMimeType": "application/json",
            "responseSchema": {"type": "STRING", "nullable": True},
            "thinkingConfig": {"thinkingBudget": 0, "includeThoughts": True},
        },
    }

    def snake(value: object) -> object:
        if isinstance(value, dict):
            return {"".join(f"_{c.lower()}" if c.isupper() else c for c in key): snake(one) for key, one in value.items()}
        return [snake(one) for one in value] if isinstance(value, list) else value

    request = TONGUE.asked(json.dumps(camel).encode(), PATH, "")
    assert request.system == (Words("Be brief."),)
    assert request.said == (Said("user", (Sight("image", "image/png", "aGk="), Sight("document", file="gs://a"))),)
    assert request.tools[0] == Function("f", "", b'{"type":"object"}')
    assert isinstance(request.tools[1], Builtin)
    assert request.choice == Choice("tool", "f")
    assert request.sampling == Sampling(9, top_k=4, stop=("x",))
    assert request.format == Format(b'{"type":["string","null"]}')
    assert request.reasoning == Reasoning("", 0, True)
    assert (request.model, request.stream, request.lost, request.others) == ("gemini-2.5-flash", False, (), ())
    other = TONGUE.asked(json.dumps(snake(camel)).encode(), PATH, "")
    assert other.tools[0] == request.tools[0]
    assert (other.said, other.choice, other.sampling, other.format, other.reasoning) == (
        (request.said, request.choice, request.sampling, request.format, request.reasoning)
    )


def test_schemas_are_understood_as_googles_sdk_spells_them() -> None:
    members = {
        "a": {"any_of": [{"type": "INTEGER"}, {"type": "STRING", "max_length": "5"}], "nullable": True},
        "b": {"type": "ARRAY", "items": {"ref": "#/defs/c"}, "min_items": 1, "max_items": 4},
        "min_items": {"type": "OBJECT", "additional_properties": {"type": "NUMBER"}},
    }
    own = {"type": "OBJECT", "properties": members, "property_ordering": ["a", "b"], "defs": {"c": {"type": "BOOLEAN"}}}
    request = asked(
        contents=[{"parts": [{"text": "hi"}]}],
        tools=[{"functionDeclarations": [{"name": "f", "parameters": own}]}],
        generationConfig={"responseMimeType": "application/json", "responseSchema": own},
    )
    plain = {
        "properties": {
            "a": {"anyOf": [{"type": "integer"}, {"type": "string", "maxLength": 5}, {"type": "null"}]},
            "b": {"type": "array", "items": {"$ref": "#/$defs/c"}, "minItems": 1, "maxItems": 4},
            "min_items": {"type": "object", "additionalProperties": {"type": "number"}},
        },
        "$defs": {"c": {"type": "boolean"}},
        "type": "object",
    }
    assert request.format is not None
    assert json.loads(request.format.schema) == plain
    assert isinstance(request.tools[0], Function)
    assert json.loads(request.tools[0].schema) == plain


def test_a_union_of_googles_sdk_is_what_its_choices_are() -> None:
    choices = [{"type": "INTEGER"}, {"type": "STRING", "max_length": 4}]
    plain = [{"type": "integer"}, {"type": "string", "maxLength": 4}]
    members = {"type": "OBJECT", "any_of": [{"type": "OBJECT", "required": ["a"]}]}
    for given, expected in (
        ({"type": "OBJECT", "any_of": choices}, {"anyOf": plain}),
        ({"type": "OBJECT", "any_of": choices, "nullable": True}, {"anyOf": [*plain, {"type": "null"}]}),
        ({"type": "TYPE_UNSPECIFIED", "any_of": choices, "nullable": True}, {"anyOf": [*plain, {"type": "null"}]}),
        (members, {"type": "object", "anyOf": [{"type": "object", "required": ["a"]}]}),
    ):
        assert json.loads(from_gemini(json.dumps(given).encode())) == expected


@pytest.mark.parametrize("number", ["\u00b2", "9" * 5000, "-1", ""])
def test_a_limit_that_is_no_number_stays_as_it_is(number: str) -> None:
    given = {"type": "array", "maxItems": number}
    assert json.loads(from_gemini(json.dumps(given).encode())) == given


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/v1beta/models/gpt-4o:streamGenerateContent", "alt=sse", ("gpt-4o", True, False)),
        ("/v1beta/models/a%2Fb:streamGenerateContent", "key=k", ("a/b", True, True)),
        ("/v1/projects/p/locations/l/publishers/google/models/m:generateContent", "", ("m", False, False)),
    ],
)
def test_model_and_verb_stand_in_the_path(path: str, query: str, expected: tuple[str, bool, bool]) -> None:
    request = asked(path, query)
    assert (request.model, request.stream, request.array) == expected
    assert TONGUE.stream_type(request).startswith(b"application/json" if request.array else b"text/event-stream")


def test_where_a_request_goes() -> None:
    assert TONGUE.place("", Asked("a/b", True, (), ())) == "/v1beta/models/a%2Fb:streamGenerateContent?alt=sse"
    assert TONGUE.place("/v1", Asked("models/m", False, (), ())) == "/v1/models/m:generateContent"


def test_what_has_no_place_is_named() -> None:
    request = asked(
        safetySettings=[],
        cachedContent="cachedContents/1",
        toolConfig={"functionCallingConfig": {"mode": "VALIDATED"}, "retrievalConfig": {}},
        generationConfig={
            "speechConfig": {},
            "responseModalities": ["TEXT", "IMAGE"],
            "thinkingConfig": {"new": 1},
            "responseMimeType": "text/x.enum",
        },
        contents=[{"role": "user", "parts": [{"text": "hi", "videoMetadata": {}}], "extra": 1}],
    )
    assert {loss.what: loss.how for loss in request.lost} == {
        "contents.parts.videoMetadata": "dropped",
        "contents.extra": "dropped",
        "cachedContent": "refused",
        "toolConfig.retrievalConfig": "dropped",
        "toolConfig.functionCallingConfig.mode": "changed",
        "generationConfig.responseMimeType": "changed",
        "generationConfig.thinkingConfig.new": "dropped",
        "generationConfig.responseModalities": "dropped",
        "generationConfig.speechConfig": "dropped",
    }
    assert [name for name, _ in request.others] == ["safetySettings"]
    said = (Said("user", (Sight("document", file="file_1", name="a.pdf"), Sight("image", url="https://a/b.png", detail="high"))),)
    tools = (Function("f", "", b'{"type":"object","not":{}}', strict=True), Builtin("web_search", Raw(b"{}")))
    body, losses = written(Asked("gemini-2.5-pro", True, (), said, tools, previous="resp_1", sampling=Sampling(count=2, temperature=3)))
    assert losses == {
        "filename": "dropped",
        "file_id": "refused",
        "detail": "dropped",
        "tools.strict": "dropped",
        "tools.parameters.not": "dropped",
        "tools.web_search": "dropped",
        "temperature": "changed",
        "previous_response_id": "refused",
    }
    assert body["contents"] == [{"role": "user", "parts": [{"fileData": {"fileUri": "https://a/b.png", "mimeType": "image/png"}}]}]


def test_a_search_is_the_provider_s_own_where_there_are_no_functions() -> None:
    body, losses = written(Asked("m", False, (), (), (Builtin("web_search", Raw(b"{}")), Builtin("code_interpreter", Raw(b"{}")))))
    assert body["tools"] == [{"googleSearch": {}}, {"codeExecution": {}}]
    assert losses == {"tools": "changed"}


def test_a_tool_of_free_text_tells_its_grammar() -> None:
    form = b'{"type":"grammar","syntax":"lark","definition":"start: X"}'
    body, losses = written(Asked("m", False, (), (), (Function("patch", "Patches.", form, custom=True),)))
    (declared,) = body["tools"][0]["functionDeclarations"]
    assert declared["description"] == "Patches.\n\nIts input is text of this Lark grammar:\nstart: X"
    assert declared["parametersJsonSchema"]["required"] == ["input"]
    assert losses == {"tools.custom": "changed"}


def test_schemas_lose_what_gemini_refuses() -> None:
    schema = {
        "$schema": "x",
        "type": "object",
        "properties": {
            "a": {"const": 1},
            "b": {"type": "integer", "exclusiveMinimum": 0, "multipleOf": 2},
            "c": {"allOf": [{"$ref": "#/definitions/d"}], "description": "c"},
            "const": {"type": "array", "items": {"type": "string", "uniqueItems": True}},
        },
        "definitions": {"d": {"oneOf": [{"type": "string"}, {"type": "null"}]}},
        "additionalProperties": False,
    }
    body, losses = written(Asked("m", False, (), (), (Function("f", "", json.dumps(schema).encode()),)))
    assert body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"] == {
        "type": "object",
        "properties": {
            "a": {"enum": [1]},
            "b": {"type": "integer", "minimum": 1},
            "c": {"description": "c", "$ref": "#/$defs/d"},
            "const": {"type": "array", "items": {"type": "string"}},
        },
        "$defs": {"d": {"oneOf": [{"type": "string"}, {"type": "null"}]}},
        "additionalProperties": False,
    }
    assert losses == {"tools.parameters.multipleOf": "dropped", "tools.parameters.uniqueItems": "dropped"}


@pytest.mark.parametrize(
    ("model", "reasoning", "config"),
    [
        ("gemini-2.5-flash", Reasoning("none"), {"thinkingBudget": 0}),
        ("gemini-2.5-pro", Reasoning("none", shown=True), {"thinkingBudget": 128, "includeThoughts": True}),
        ("gemini-2.5-flash", Reasoning("", 99999), {"thinkingBudget": 24576}),
        ("gemini-2.5-pro", Reasoning("high"), {"thinkingBudget": 24576}),
        ("gemini-3-pro-preview", Reasoning("", 1024), {"thinkingLevel": "LOW"}),
        ("gemini-3-pro-preview", Reasoning("medium"), {"thinkingLevel": "HIGH"}),
        ("gemini-3.1-pro-preview", Reasoning("medium"), {"thinkingLevel": "MEDIUM"}),
        ("gemini-3-flash-preview", Reasoning("", 1024), {"thinkingLevel": "MINIMAL"}),
        ("gemini-2.5-flash-lite", Reasoning("", 100), {"thinkingBudget": 512}),
        ("gemini-2.5-flash-lite", Reasoning("none"), {"thinkingBudget": 0}),
        ("my-own-model", Reasoning("", 100), {"thinkingBudget": 100}),
        ("gemini-3-pro-preview", Reasoning("xhigh"), {"thinkingLevel": "HIGH"}),
    ],
)
def test_thinking_is_said_as_the_model_understands_it(model: str, reasoning: Reasoning, config: dict[str, object]) -> None:
    body, _ = written(Asked(model, False, (), (), reasoning=reasoning))
    assert body["generationConfig"]["thinkingConfig"] == config


def test_calls_of_other_models_bear_the_seal_that_stands_for_none() -> None:
    pieces = (Thought("hm", "sig", "anthropic"), Use("c", "f", "{}"), Use("d", "g", "[1]"))
    body, losses = written(Asked("gemini-3-pro", False, (), (Said("assistant", pieces),)))
    first, second = body["contents"][0]["parts"]
    assert first["thoughtSignature"] == "skip_thought_signature_validator"
    assert second == {"functionCall": {"id": "d", "name": "g", "args": {"input": "[1]"}}}
    assert losses == {"thinking": "dropped", "arguments": "changed"}
    request = asked(contents=body["contents"])
    assert request.said[0].pieces[0] == Use("c", "f", "{}")


def test_roles_take_turns_and_results_stand_apart() -> None:
    said = (
        Said("user", (Words("a"),)),
        Said("user", (Words("b"), Words(""))),
        Said("assistant", (Use("c", "f", "{}"),)),
        Said("assistant", (Use("d", "f", "{}"),)),
        Said("user", (Result("c", "f", (Words("1"),)),)),
        Said("user", (Result("d", "f", ()), Words("and?"))),
        Said("system", (Words("In French."),)),
    )
    body, _ = written(Asked("gemini-2.5-pro", False, (), said))
    assert [(content["role"], len(content["parts"])) for content in body["contents"]] == [
        ("user", 2),
        ("model", 2),
        ("user", 2),
        ("user", 2),
    ]
    assert "In French." in body["contents"][-1]["parts"][1]["text"]


def test_what_responses_sealed_comes_back_from_a_client_that_keeps_calls_only() -> None:
    pieces = (Thought("hm", "gAAA-_", "openai_responses", False, "rs_1"), Words("Look"), Use("c", "f", "{}"), Use("d", "f", "{}"))
    content = json.loads(TONGUE.answer(Answered("r", "m", pieces, "tool_calls"), PLAIN))["candidates"][0]["content"]
    kept = types.Content.model_validate(content).model_dump(mode="json", exclude_none=True, by_alias=True)
    assert asked(contents=[kept]).said[0].pieces == pieces
    kept["parts"] = [part for part in kept["parts"] if "functionCall" in part]
    assert asked(contents=[kept]).said[0].pieces == (Thought("", "gAAA-_", "openai_responses", True, "rs_1"), *pieces[2:])


def test_what_cannot_be_read_is_an_error() -> None:
    for body in (
        b"[]",
        b'{"contents":[7]}',
        b'{"contents":[{"parts":[7]}]}',
        b'{"generationConfig":7}',
        b'{"tools":[{"functionDeclarations":[7]}]}',
    ):
        with pytest.raises(DocumentError):
            TONGUE.asked(body, PATH, "")


def test_files_of_gemini_s_own_go_to_gemini_only() -> None:
    link = "https://generativelanguage.googleapis.com/v1beta/files/abc"
    request = asked(contents=[{"parts": [{"fileData": {"fileUri": link, "mimeType": "image/png"}}]}])
    assert request.said[0].pieces == (Sight("image", "image/png", file=link),)
    body, losses = written(request)
    assert (body["contents"][0]["parts"][0]["fileData"]["fileUri"], losses) == (link, {})


def test_what_is_told_otherwise_is_declared() -> None:
    said = (Said("assistant", (Refusal("No."), Use("c", "f", "not json"))), Said("system", (Words("Be kind."),)))
    assert written(Asked("m", False, (), said))[1] == {"refusal": "changed", "arguments": "changed", "system messages": "changed"}


def test_a_plain_document_is_text() -> None:
    data = b64encode(b"hello").decode()
    request = asked(contents=[{"parts": [{"inlineData": {"mimeType": "text/plain", "data": data}}]}])
    assert request.said[0].pieces == (Sight("document", "text/plain", "hello", plain=True),)
    assert written(request)[0]["contents"][0]["parts"] == [{"inlineData": {"mimeType": "text/plain", "data": data}}]


def test_a_thought_that_a_client_kept_in_pieces_is_one_with_the_seal_after_it() -> None:
    """As google-genai keeps a stream: each part for itself, the seal of another wire in an empty one."""
    thought = Thought("First look north.", "c2VhbA==", "anthropic")
    whole = Answered("id", "m", (thought, Words("Let me look.")), "stop", Usage(2, 3))
    body = told(events_of(whole))
    chunks = [json.loads(line.removeprefix("data: ")) for line in body.decode().splitlines() if line]
    kept = [part for chunk in chunks for part in chunk["candidates"][0].get("content", {}).get("parts", [])]
    cut = [{"text": letter, "thought": True} for letter in "First look north."]
    assert kept[0] == {"text": "First look north.", "thought": True}
    for found in (kept, [*cut, *kept[1:]]):
        said = asked(contents=[{"role": "user", "parts": [{"text": "Hi"}]}, {"role": "model", "parts": found}]).said[1]
        assert [piece for piece in said.pieces if isinstance(piece, Thought)] == [thought]


def test_results_of_thousands_of_calls_at_once_are_written_in_little_time() -> None:
    def writing(count: int) -> Callable[[], object]:
        calls = tuple([Use(f"call_{number}", "f", "{}") for number in range(count)])
        said = (Said("assistant", calls), *(Said("user", (Result(one.id, "f", (Words("r"),)),)) for one in calls))
        return lambda: written(Asked("gemini-2.5-flash", False, (), (Said("user", (Words("Go."),)), *said)))[0]

    assert growth(writing, 15_000) < MOST
    assert len(writing(15_000)()["contents"][-1]["parts"]) == 15_000  # type: ignore[index]
