"""Clients that read calls as tags in text, before providers with real tools: requests, histories, answers, in each wire."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.core.message import Text, ToolCall, ToolResult
from backstory.core.reply import Usage
from backstory.core.translation import Answered, Asked, Event, Function, Piece, Said, Sampling, Use, Words
from backstory.wires.reworking.declared import declared, natively
from backstory.wires.reworking.reworked import Reworked
from backstory.wires.reworking.spelled import spell
from backstory.wires.reworking.text_calls import Shapes, Tool
from backstory.wires.translation.translate import events_of
from tests.wires.reworking.test_reworked import PATHS, QUERIES, WIRES, passed, read, said
from tests.wires.translation.test_tongues_recorded import TONGUE, WIRE

INSTRUCTIONS = """You are an agent.

====

TOOL USE

You use tools in XML-style tags:

<actual_tool_name>
<parameter1_name>value1</parameter1_name>
</actual_tool_name>

# Tools

## execute_command
Description: Request to execute a CLI command on the system.
Parameters:
- command: (required) The CLI command to execute.
- requires_approval: (optional) Whether to ask first.
Usage:
<execute_command>
<command>Your command here</command>
<requires_approval>true or false</requires_approval>
</execute_command>

## read_file
Description: Request to read files.

Parameters:
- args: Contains one or more file elements

Usage:
<read_file>
<args>
  <file>
    <path>path/to/file</path>
  </file>
</args>
</read_file>

# Tool Use Examples

## Example 1: Requesting to execute a command

<execute_command>
<command>npm run dev</command>
</execute_command>

## guidelines
Think first.
"""
CALL = "<execute_command>\n<command>ls -l</command>\n</execute_command>"
RESULT = Said(
    "user", (Words("[execute_command for 'ls -l'] Result:"), Words("total 0"), Words("<environment_details>\nnow\n</environment_details>"))
)


def talk(*turns: Said) -> Asked:
    return Asked("m", True, (Words(INSTRUCTIONS),), (Said("user", (Words("Look."),)), *turns), sampling=Sampling(most=99))


def exchange(name: str, asked: Asked) -> tuple[Reworked, bytes]:
    one = Reworked(TONGUE[name], WIRE[name], PATHS[name], QUERIES.get(name, ""), "keep", calls=True, spells=True)
    return one, one.ask(TONGUE[name].ask(asked)[0])


def test_the_tools_that_instructions_declare_are_found() -> None:
    found = declared(talk())
    assert list(found) == ["execute_command", "read_file"]
    command = found["execute_command"]
    assert command.description == "Request to execute a CLI command on the system."
    schema = json.loads(command.schema)
    assert list(schema["properties"]) == ["command", "requires_approval"]
    assert schema["required"] == ["command"]
    assert "<path>path/to/file</path>" in json.loads(found["read_file"].schema)["properties"]["args"]["description"]


def test_instructions_without_tags_declare_none() -> None:
    for text in ("", "## tools\nNone.", "## run\nUsage: run it", "## run\n<run>"):
        assert declared(Asked("m", False, (Words(text),), ())) == {}


def test_clients_with_the_same_real_tools_are_left_alone() -> None:
    assert declared(Asked("m", False, (Words(INSTRUCTIONS),), (), (Function("read_file", "", b"{}"),))) == {}


@WIRES
def test_the_provider_gets_real_tools_calls_and_results(name: str) -> None:
    turns = (Said("assistant", (Words(f"I look.\n{CALL}"),)), RESULT)
    one, out = exchange(name, talk(*turns))
    assert not one.idle
    asked = TONGUE[name].asked(out, PATHS[name], QUERIES.get(name, ""))
    assert [tool.name for tool in asked.tools if isinstance(tool, Function)] == ["execute_command", "read_file"]
    assert "by the interface for function calls" in "".join([part.text for part in asked.system])
    messages = [WIRE[name].message(raw, ()) for raw in _items(name, out)]
    parts = [part for message in messages for part in message.parts]
    (call,) = [part for part in parts if isinstance(part, ToolCall)]
    (result,) = [part for part in parts if isinstance(part, ToolResult)]
    assert json.loads(call.arguments) == {"command": "ls -l"}
    assert "total 0" in result.text
    assert "environment" not in result.text
    assert result.id == call.id or name == "gemini"
    texts = [part.text for part in parts if isinstance(part, Text)]
    assert "I look." in texts
    assert any("environment_details" in text for text in texts)


def _items(name: str, body: bytes) -> list[bytes]:
    key = {"gemini": "contents", "openai_responses": "input"}.get(name, "messages")
    return [json.dumps(one).encode() for one in json.loads(body)[key]]


@WIRES
def test_what_goes_up_only_grows(name: str) -> None:
    turns = [Said("assistant", (Words(f"I look.\n{CALL}"),)), RESULT, Said("assistant", (Words("Twice:\n" + CALL + CALL),)), RESULT]
    turns += [Said("assistant", (Words("`<read_file>` is a tool."),)), Said("user", (Words("Thanks."),))]
    bodies = [exchange(name, talk(*turns[:count]))[1] for count in (0, 2, 4, 6)]
    for before, after in itertools.pairwise(bodies):
        assert _items(name, after)[: len(_items(name, before))] == _items(name, before)


@WIRES
@pytest.mark.parametrize("text", ["I look. ", ""])
def test_calls_come_back_as_text(name: str, text: str) -> None:
    one, out = exchange(name, talk())
    call = Use("call_1", "execute_command", '{"command":"ls -l"}')
    pieces: tuple[Piece, ...] = (Words(text), call) if text else (call,)
    answered = Answered("id_1", "m", pieces, "tool_calls", Usage(3, 4))
    asked = TONGUE[name].asked(out, PATHS[name], QUERIES.get(name, ""))
    teller = TONGUE[name].teller(asked)
    events: list[Event] = events_of(answered)
    raw = b"".join([teller.tell(event) for event in events]) + teller.end()
    made = passed(one, name, raw, list(range(1, len(raw), 5)))
    expected = f"{text}\n\n{CALL}" if text else CALL
    assert said(read(name, made)) == (expected, "", [])
    assert read(name, made).finish == "stop"
    one.begin(200, ((b"Content-Type", b"application/json"),))
    reply = WIRE[name].reply(one.whole(TONGUE[name].answer(answered, asked))[1])
    assert said(reply) == (expected, "", [])
    assert reply.finish == "stop"


@WIRES
def test_text_passes_byte_for_byte(name: str) -> None:
    one, out = exchange(name, talk())
    teller = TONGUE[name].teller(TONGUE[name].asked(out, PATHS[name], QUERIES.get(name, "")))
    raw = b"".join([teller.tell(event) for event in events_of(Answered("id_1", "m", (Words(CALL),), "stop", Usage(3, 4)))]) + teller.end()
    assert passed(one, name, raw, list(range(1, len(raw), 9))) == raw


VALUES = st.text(st.characters(codec="utf-8", exclude_characters="<"))


@settings(max_examples=100)
@given(st.dictionaries(st.sampled_from(["path", "content", "x"]), VALUES, max_size=3))
def test_what_is_written_is_read_back(arguments: dict[str, str]) -> None:
    text = spell("run", json.dumps(arguments))
    shapes = Shapes([Tool("run", {}, others=True)], exact=True)
    kind = shapes.opened("run", "")
    assert kind is not None
    (call,) = shapes.read(kind, text.removeprefix("<run>").removesuffix("</run>"))
    assert json.loads(call.arguments) == arguments


def test_arguments_that_are_no_object_are_written_as_they_are() -> None:
    assert spell("run", "ls") == "<run>\nls\n</run>"
    assert spell("run", "") == "<run>\n</run>"
    assert spell("run", '{"a":[1],"b":"x\\ny"}') == "<run>\n<a>[1]</a>\n<b>\nx\ny\n</b>\n</run>"


def test_anthropic_gets_no_call_behind_a_thought_that_was_lost() -> None:
    asked = TONGUE["anthropic"].asked(
        json.dumps(
            {
                "model": "m",
                "max_tokens": 9000,
                "thinking": {"type": "enabled", "budget_tokens": 2000},
                "system": INSTRUCTIONS,
                "messages": [
                    {"role": "user", "content": "Look."},
                    {"role": "assistant", "content": CALL},
                    {"role": "user", "content": "Result"},
                ],
            }
        ).encode(),
        "/v1/messages",
        "",
    )
    made = natively(asked, declared(asked))
    assert made.said == asked.said
