"""Augmented requests: what is done to them in each wire, what is told of it, and that nothing is done where there is nothing to do."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from backstory.app.gateway.augmenting import AugmentingHouse
from backstory.app.server import in_front
from backstory.core.records import Turn
from backstory.core.store import Store
from tests.relay.world import Received, field, run
from tests.rig import PATHS, asking, post, soon
from tests.routed import KEYS, speaking, two

WIRES = list(PATHS)
PROV = "providers:\n  prov: {kind: openai_compatible, url: OTHER, wire: %s, api_key_env: PROV_KEY}\n"
KEY = {"PROV_KEY": "server-key"}
PLAN = "planning: {route: 'prov:strong', turns: 2, set: {temperature: 0.6}}\n"
AUX = "auxiliary: {route: 'prov:cheap'}\n"
PRECISE = "edit_precision: {enabled: true}\n"
OVER = "overrides:\n  - {model: '^m', set: {temperature: 0.25}}\n  - {model: ., set: {temperature: 0.9, max_tokens: 77}}\n"
TEXT = "Answer in verse."
LIMIT = "context: {enforce: true}\nmodels:\n  - {model: 'm*', window: 500}\n"
APPEND = f"first_prompt: {{append: '{TEXT}'}}\n"


def params(received: Received) -> dict[str, Any]:
    """Temperature, top_p and longest answer that a provider was asked for, by common names."""
    body = json.loads(received.body)
    told = body.get("generationConfig", body)
    names = {"temperature": ["temperature"], "top_p": ["top_p", "topP"]}
    names["most"] = ["max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens"]
    return {name: told[one] for name, spelled in names.items() for one in spelled if one in told}


def model_in(received: Received) -> str:
    """The model that a provider was asked for."""
    path = received.head.split(b" ")[1].decode()
    return path.rsplit("/", 1)[1].split(":")[0] if "/models/" in path else str(json.loads(received.body)["model"])


def texts(received: Received) -> list[list[str]]:
    """The texts of each message, as a provider got them."""
    body = json.loads(received.body)
    found = []
    for message in body.get("messages") or body.get("contents") or body["input"]:
        content = message.get("content", message.get("parts", ""))
        found.append([content] if isinstance(content, str) else [one["text"] for one in content if "text" in one])
    return found


def editing(wire: str, report: str, tool: str = "edit", **more: Any) -> bytes:
    """A request whose last message is what a tool that edits gave back."""
    talk: list[Any]
    match wire:
        case "anthropic":
            talk = [
                {"role": "user", "content": "Fix it."},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": tool, "input": {}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": report}]},
            ]
        case "openai_chat":
            call = {"id": "t1", "type": "function", "function": {"name": tool, "arguments": "{}"}}
            talk = [
                {"role": "user", "content": "Fix it."},
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "t1", "content": report},
            ]
        case "openai_responses":
            talk = [
                {"role": "user", "content": "Fix it."},
                {"type": "function_call", "call_id": "t1", "name": tool, "arguments": "{}"},
                {"type": "function_call_output", "call_id": "t1", "output": report},
            ]
        case _:
            talk = [
                {"role": "user", "parts": [{"text": "Fix it."}]},
                {"role": "model", "parts": [{"functionCall": {"name": tool, "args": {}}}]},
                {"role": "user", "parts": [{"functionResponse": {"name": tool, "response": {"error": report}}}]},
            ]
    key = {"openai_responses": "input", "gemini": "contents"}.get(wire, "messages")
    named = {} if wire == "gemini" else {"model": "m"}
    return json.dumps({**named, key: talk, **({"max_tokens": 100} if wire == "anthropic" else {}), **more}).encode()


def history(wire: str, turns: int) -> bytes:
    """So many messages of a user, with answers between them."""
    said = [("user" if index % 2 == 0 else "assistant", f"Message {index}.") for index in range(2 * turns - 1)]
    return asking(wire, said, **({"max_tokens": 100} if wire == "anthropic" else {}))


def all_turns(store: Store) -> list[Turn]:
    """All that is stored."""
    return [turn for record, *_ in store.conversations(None, 9) for turn in store.turns(record.id)]


def test_nothing_stands_in_front_where_nothing_is_set_up(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, "models:\n  - {model: m, window: 10}\nreasoning: []\nplanning: {turns: 3}\n") as one:
            assert in_front(one.config, one.house) is one.house
        async with two(tmp_path, OVER) as one:
            assert isinstance(in_front(one.config, one.house), AugmentingHouse)

    run(scene())


@pytest.mark.parametrize("wire", WIRES)
def test_what_nothing_applies_to_goes_up_as_it_came(tmp_path: Path, wire: str) -> None:
    text = "overrides:\n  - {model: '^x$', set: {temperature: 0.1}}\nreasoning:\n  - {name: deep, set: {temperature: 1}}\n" + PRECISE
    text += PROV % "openai_chat" + AUX + PLAN.replace("turns: 2", "models: '^x$'") + "context: {enforce: true}\n"

    async def scene() -> None:
        async with two(tmp_path, text, KEY) as one:
            body = b' {"model" : "m",  "messages":[{"role":"user","content":"Hi"}], "input":"x", "contents":[{"parts":[]}]}'
            raw = post(one.upstream_port, PATHS[wire], body, KEYS[wire], b"X-Odd:  1")
            await one.client.send(raw)
            await one.client.reply()
            assert one.sent.head + one.sent.body == raw.replace(b"X-Odd:  1", b"X-Odd: 1")
            assert one.failures() == {}

    run(scene())


# --- parameters


@pytest.mark.parametrize("memory", ["true", "false"])
@pytest.mark.parametrize("wire", WIRES)
def test_parameters_of_a_model_take_the_place_of_the_clients(tmp_path: Path, wire: str, memory: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, OVER + f"memory: {{enabled: {memory}}}\n") as one:
            status, _ = await one.ask_for(wire, "m", temperature=1) if wire != "gemini" else await one.ask_for(wire, "m")
            assert status == 200
            assert params(one.sent) == {"temperature": 0.25, "most": 77}
            await one.ask_for(wire, "other")
            assert params(one.sent) == {"temperature": 0.9, "most": 77}
            assert one.failures() == {}
            assert one.engine.metrics.edited["overrides"] == 2

    run(scene())


@pytest.mark.parametrize("wire", WIRES)
def test_of_a_body_nothing_else_changes(tmp_path: Path, wire: str) -> None:
    body = b'{ "odd": {"a" : 1.50 },"model" : "m","messages":[{"role":"user","content":"H\\u00ef"}],"input":[ ],"contents":[ ] }'

    async def scene() -> None:
        async with two(tmp_path, "overrides:\n  - {model: m, set: {top_p: 0.5}}\n") as one:
            await one.ask(PATHS[wire], body, KEYS[wire])
            added = b'"generationConfig":{"topP":0.5}' if wire == "gemini" else b'"top_p":0.5'
            assert one.sent.body == body.replace(b"[ ] }", b"[ ]," + added + b" }")

    run(scene())


@pytest.mark.parametrize("provider", WIRES)
@pytest.mark.parametrize("client", WIRES)
def test_parameters_are_set_for_the_model_and_in_the_wire_that_gets_the_request(tmp_path: Path, client: str, provider: str) -> None:
    text = PROV % provider + "overrides:\n  - {model: '^real$', set: {temperature: 0.3}}\n  - {model: '^alias$', set: {top_p: 0.1}}\n"
    text += "model_aliases:\n  - {pattern: '^alias$', replacement: 'prov:real'}\n"

    async def scene() -> None:
        async with two(tmp_path, text, KEY) as one:
            status, _ = await one.ask_for(client, "alias")
            assert status == 200
            assert speaking(one.got) == provider
            assert {name: value for name, value in params(one.got).items() if name != "most"} == {"temperature": 0.3}

    run(scene())


@pytest.mark.parametrize("provider", WIRES)
@pytest.mark.parametrize("client", WIRES)
def test_parameters_are_set_behind_a_translation_of_every_wire(tmp_path: Path, client: str, provider: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, f"upstream: {{wire: {provider}}}\n" + OVER) as one:
            status, body = await one.ask_for(client, "m")
            assert (status, "Good day." in json.dumps(body)) == (200, True)
            assert speaking(one.sent) == provider
            assert params(one.sent) == {"temperature": 0.25, "most": 77}

    run(scene())


def test_a_selector_knows_better_than_an_override(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROV % "openai_chat" + OVER, KEY) as one:
            await one.ask_for("openai_chat", "prov:m?temperature=1.5")
            assert params(one.got) == {"temperature": 1.5, "most": 77}

    run(scene())


def test_each_way_of_a_failover_has_its_own_parameters(tmp_path: Path) -> None:
    text = "providers:\n  gone: {kind: openai_compatible, url: 'http://127.0.0.1:9'}\n  prov: {kind: openai_compatible, url: OTHER}\n"
    text += "overrides:\n  - {model: '^a$', set: {temperature: 0.1}}\n  - {model: '^b$', set: {top_p: 0.2}}\n"

    async def scene() -> None:
        async with two(tmp_path, text) as one:
            status, _ = await one.ask_for("anthropic", "gone:a|prov:b")
            assert status == 200
            assert params(one.got) == {"top_p": 0.2, "most": 100}

    run(scene())


def test_what_a_wire_has_no_place_for_is_left_out(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, "overrides:\n  - {model: m, set: {top_k: 4, temperature: 0.5, verbosity: low}}\n") as one:
            assert (await one.ask_for("openai_responses", "m"))[0] == 200
            body = json.loads(one.sent.body)
            assert (body["temperature"], body["text"]["verbosity"], "top_k" in body) == (0.5, "low", False)
            assert (await one.ask_for("anthropic", "m"))[0] == 200
            body = json.loads(one.sent.body)
            assert (body["temperature"], body["top_k"], "verbosity" in str(body)) == (0.5, 4, False)
            assert one.failures() == {}

    run(scene())


# --- reasoning

DEEP = (
    "reasoning:\n  - {name: deep, model: '^m', set: {reasoning_effort: high, max_tokens: 30000}}\n"
    "  - {name: deep, set: {reasoning_effort: low}}\n  - {name: calm, set: {temperature: 0.2}}\n"
)


def effort_of(received: Received) -> str:
    body = json.loads(received.body)
    told = {**body, **body.get("generationConfig", {}), **body.get("reasoning", {})}
    thinks = told.get("thinking", told.get("thinkingConfig"))
    return json.dumps(told.get("reasoning_effort") or told.get("effort") or thinks)


@pytest.mark.parametrize(
    ("wire", "high", "low"),
    [
        ("anthropic", '{"type": "enabled", "budget_tokens": 24576}', '{"type": "enabled", "budget_tokens": 4096}'),
        ("openai_chat", '"high"', '"low"'),
        ("openai_responses", '"high"', '"low"'),
        ("gemini", '{"thinkingBudget": 24576}', '{"thinkingBudget": 4096}'),
    ],
)
def test_a_set_is_asked_for_behind_the_model_or_in_a_header(tmp_path: Path, wire: str, high: str, low: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, DEEP) as one:
            assert (await one.ask_for(wire, "m@deep"))[0] == 200
            assert (model_in(one.sent), effort_of(one.sent)) == ("m", high)
            most = {"max_tokens": 9000} if wire == "anthropic" else {}
            assert (await one.ask_for(wire, "other", b"X-VC-Reasoning: deep", **most))[0] == 200
            assert (model_in(one.sent), effort_of(one.sent)) == ("other", low)
            assert field(one.sent.head, b"x-vc-reasoning") is None
            assert (await one.ask_for(wire, "m@20240620"))[0] == 200
            assert (model_in(one.sent), effort_of(one.sent)) == ("m@20240620", "null")
            got, body = await one.ask_for(wire, "m", b"X-VC-Reasoning: depe")
            assert (got, len(one.own.received)) == (400, 3)
            assert "no reasoning set 'depe' (there are deep, calm)" in body["error"]["message"]

    run(scene())


def test_a_set_goes_with_a_selector(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROV % "openai_chat" + DEEP, KEY) as one:
            await one.ask_for("anthropic", "prov:gpt-5@deep?max_tokens=500|prov:m@deep")
            assert (model_in(one.got), effort_of(one.got), params(one.got)["most"]) == ("gpt-5", '"low"', 500)
            got, body = await one.ask_for("anthropic", "prov:m@deep|prov:n@calm")
            assert (got, "one reasoning set for all ways" in body["error"]["message"]) == (400, True)

    run(scene())


# --- precision

REPORTS = {
    "claude code": "<tool_use_error>String to replace not found in file.\nString: x</tool_use_error>",
    "gemini cli": "Failed to edit, 0 occurrences found for old_string in /a. No edits made.",
    "opencode": "Error: Could not find oldString in the file. It must match exactly, including whitespace.",
    "roo": "<error_details>\nNo sufficiently similar match found at line: 3 (40% similar, needs 100%)\n</error_details>",
}


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("client", list(REPORTS))
def test_after_a_failed_edit_a_request_is_cooler(tmp_path: Path, wire: str, client: str) -> None:
    hot: dict[str, Any] = (
        {"generationConfig": {"temperature": 0.8, "topP": 0.9}} if wire == "gemini" else {"temperature": 0.8, "top_p": 0.9}
    )

    async def scene() -> None:
        async with two(tmp_path, PRECISE) as one:
            await one.ask(PATHS[wire], editing(wire, REPORTS[client], **hot), KEYS[wire])
            cool = params(one.sent)
            assert (cool["temperature"], cool["top_p"]) == (0.1, 0.3)
            await one.ask(PATHS[wire], editing(wire, "The file was changed.", **hot), KEYS[wire])
            assert (params(one.sent)["temperature"], params(one.sent)["top_p"]) == (0.8, 0.9)
            await one.ask(PATHS[wire], editing(wire, REPORTS[client], "read", **hot), KEYS[wire])
            assert params(one.sent)["temperature"] == 0.8
            assert one.failures() == {}

    run(scene())


def test_a_model_that_thinks_or_takes_no_temperature_is_left_alone(tmp_path: Path) -> None:
    report = REPORTS["claude code"]

    async def scene() -> None:
        async with two(tmp_path, PRECISE) as one:
            thinking: dict[str, Any] = {"thinking": {"type": "enabled", "budget_tokens": 2000}, "max_tokens": 4000}
            body = editing("anthropic", report, **thinking)
            await one.ask(PATHS["anthropic"], body, KEYS["anthropic"])
            assert one.sent.body == body
            body = editing("openai_responses", report, model="gpt-5")
            await one.ask(PATHS["openai_responses"], body, KEYS["openai_responses"])
            assert one.sent.body == body
            assert "edit_precision" not in one.engine.metrics.edited
            await soon(lambda: one.engine.metrics.identical == 2)
            assert one.engine.metrics.differing == 0

    run(scene())


def test_a_cool_request_stays_as_cool_as_it_is(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PRECISE) as one:
            body = editing("openai_chat", REPORTS["opencode"], temperature=0)
            await one.ask(PATHS["openai_chat"], body, KEYS["openai_chat"])
            assert one.sent.body == body

    run(scene())


# --- all together


@pytest.mark.parametrize("wire", WIRES)
def test_a_request_that_goes_past_memory_is_augmented_too(tmp_path: Path, wire: str) -> None:
    async def scene() -> None:
        async with two(tmp_path, APPEND + OVER + PRECISE) as one:
            await one.ask(PATHS[wire], history(wire, 2), KEYS[wire], b"X-VC-Memory: off")
            assert (TEXT in str(texts(one.sent)[0]), params(one.sent)) == (True, {"temperature": 0.25, "most": 77})
            assert one.failures() == {}

    run(scene())


def test_a_parameter_of_the_client_that_is_none_does_no_harm(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROV % "openai_chat" + OVER, KEY) as one:
            for model in ("m", "prov:m"):
                status, _ = await one.ask_for("openai_chat", model, temperature="hot")
                assert status == 200
            assert json.loads(one.own.received[0].body)["temperature"] == json.loads(one.other.received[0].body)["temperature"] == "hot"
            assert one.failures() == {}

    run(scene())


def test_a_prompt_that_is_a_text_alone_gets_its_text(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, APPEND) as one:
            await one.ask(PATHS["openai_responses"], b'{"model":"m","input":"Hello."}', KEYS["openai_responses"])
            assert TEXT in json.dumps(json.loads(one.sent.body)["input"])
            environment = {
                "role": "user",
                "content": [{"type": "input_text", "text": "<environment_context>\n<cwd>/a</cwd>\n</environment_context>"}],
            }
            items = [environment, {"role": "user", "content": [{"type": "input_text", "text": "Fix it."}]}]
            await one.ask(PATHS["openai_responses"], json.dumps({"model": "m", "input": items}).encode(), KEYS["openai_responses"])
            assert [TEXT in str(message) for message in texts(one.sent)] == [False, True]

    run(scene())


def test_a_body_with_a_coding_is_read_and_goes_up_without(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, APPEND + OVER) as one:
            packed = gzip.compress(history("openai_chat", 1))
            await one.ask(PATHS["openai_chat"], packed, KEYS["openai_chat"], b"Content-Encoding: gzip")
            assert field(one.sent.head, b"content-encoding") is None
            assert (texts(one.sent)[0][0].endswith(TEXT), params(one.sent)["most"]) == (True, 77)

    run(scene())


def test_what_cannot_be_read_goes_up_as_it_came(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, APPEND + OVER + PRECISE + LIMIT + DEEP) as one:
            for body in (b"{", b"[]", b'{"model":1}', b'{"model":"m","messages":7}', b'{"model":"x","model":"m@deep","messages":[]}'):
                await one.ask(PATHS["openai_chat"], body, KEYS["openai_chat"])
                assert one.sent.body.startswith(body[:-1])

    run(scene())


def test_what_was_done_is_told_with_the_request(tmp_path: Path) -> None:
    text = PROV % "openai_chat" + PLAN + OVER + APPEND + DEEP

    async def scene() -> None:
        async with two(tmp_path, text, KEY) as one:
            head, _ = await one.ask(PATHS["anthropic"], history("anthropic", 1).replace(b'"m"', b'"m@deep"'), KEYS["anthropic"])
            request = (field(head, b"x-vc-request") or b"").decode()
            found = await one.engine.why(request)
            assert found.notes == (
                "planning: message 1 of 2: it goes to prov:strong with temperature=0.6",
                "first_prompt: 16 bytes appended to message 1",
                "overrides: temperature=0.9, max_tokens=77 for strong",
                "reasoning: the set deep is reasoning_effort=low for strong",
            )
            await soon(lambda: one.engine.metrics.differing == 1)
            assert one.engine.metrics.identical == 0
            proof = dict(part.split("=") for part in (field(head, b"x-vc-proof") or b"").decode().split(","))
            assert proof["in"] != proof["out"]

    run(scene())


@pytest.mark.parametrize("wire", WIRES)
def test_what_breaks_is_counted_and_the_request_goes_up_as_it_came(tmp_path: Path, wire: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> str:
        raise RuntimeError("broken")

    monkeypatch.setattr("backstory.app.gateway.augmenting.side_request", broken)
    monkeypatch.setattr("backstory.app.gateway.augment.estimated", broken)
    monkeypatch.setattr("backstory.app.gateway.augment.steering.with_fitting", broken)

    async def scene() -> None:
        async with two(tmp_path, APPEND + OVER + "context: {enforce: true, default_window: 1}\n") as one:
            body = history(wire, 1)
            await one.ask(PATHS[wire], body, KEYS[wire])
            assert one.sent.body == body
            assert one.failures() == {"augment": 1, "context": 1, "parameters": 1}

    run(scene())


@pytest.mark.parametrize("client", ["anthropic", "openai_chat"])
@pytest.mark.parametrize("how", ["selector", "overrides", "planning"])
def test_an_effort_does_not_make_claude_refuse_a_tool_loop(tmp_path: Path, client: str, how: str) -> None:
    text = (
        PROV % "anthropic"
        + {
            "selector": "",
            "overrides": "overrides:\n  - {model: claude, set: {reasoning_effort: high}}\n",
            "planning": "planning: {route: 'prov:claude-sonnet-4-5', turns: 3, set: {reasoning_effort: high}}\n",
        }[how]
    )
    model = "prov:claude-sonnet-4-5" + ("?reasoning_effort=high" if how == "selector" else "")
    tool: dict[str, Any] = {"name": "f", "input_schema": {"type": "object"}}
    go = {"role": "user", "content": "go"}
    use, gave = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}, {"type": "tool_result", "tool_use_id": "t1", "content": "r"}
    loop: list[dict[str, Any]] = [go, {"role": "assistant", "content": [use]}, {"role": "user", "content": [gave]}]
    if client == "openai_chat":
        tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
        call = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        loop = [go, {"role": "assistant", "content": None, "tool_calls": [call]}, {"role": "tool", "tool_call_id": "t1", "content": "r"}]

    async def scene() -> None:
        async with two(tmp_path, text, KEY) as one:
            for messages, thinks in (([go], True), (loop, False)):
                assert (await one.ask_for(client, model, messages=messages, tools=[tool], max_tokens=9000))[0] == 200
                assert ("thinking" in json.loads(one.other.received[-1].body)) is thinks
            if how == "selector":
                body = json.dumps({"model": model, "messages": loop, "tools": [tool], "max_tokens": 9000}).encode()
                head, _ = await one.ask(PATHS[client], body, KEYS[client])
                assert b"reasoning_effort dropped" in (field(head, b"x-vc-losses") or b""), head

    run(scene())
