"""Where tools of ours are offered, how they are written, and how usage adds up."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backstory.core.document import Document
from backstory.core.edits import AddTools
from backstory.core.legs import Offer
from backstory.memory.recall import paging
from backstory.wires.legs import gap, summed
from tests.paging import BY_NAME, NAMES, tools
from tests.rig import PATHS, asking

OURS = paging.tools()
ALL = frozenset(tool.name for tool in OURS)
every_wire = pytest.mark.parametrize("name", NAMES)


def offered(name: str, **more: Any) -> tuple[Offer, dict[str, Any]]:
    """What is offered beside this request, and the request with it."""
    wire = BY_NAME[name]
    document = Document(asking(name, [("user", "Hello.")], **{"tools": tools(name), **more}))
    prompt = wire.read(document, PATHS[name])
    offer = wire.tools(document, prompt, OURS)
    return offer, json.loads(wire.render(document, prompt, [AddTools(offer.definitions)] if offer.names else []))


@every_wire
def test_all_are_written_after_the_clients_own(name: str) -> None:
    offer, sent = offered(name)
    assert offer.names == ALL
    assert sent["tools"][0] == tools(name)[0]
    assert all(f'"{tool}"' in json.dumps(sent["tools"][1:]) for tool in ALL)
    assert offered(name)[0] == offer, "the same list every time"


def test_a_tool_has_the_form_of_its_wire() -> None:
    schema = json.loads(OURS[1].schema)
    common = {"name": "vc_find_quote", "description": OURS[1].description}
    assert offered("anthropic")[1]["tools"][2] == {**common, "input_schema": schema}
    assert offered("openai_chat")[1]["tools"][2] == {"type": "function", "function": {**common, "parameters": schema}}
    assert offered("openai_responses")[1]["tools"][2] == {"type": "function", **common, "parameters": schema, "strict": False}
    declared = offered("gemini")[1]["tools"][1]["functionDeclarations"]
    assert declared[1] == {**common, "parameters": schema}
    assert "parameters" not in declared[2], "an object without properties is refused"


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("anthropic", {"tool_choice": {"type": "any"}}),
        ("anthropic", {"thread": {"id": "t"}}),
        ("openai_chat", {"tool_choice": "required"}),
        ("openai_chat", {"functions": [{"name": "look"}]}),
        ("openai_chat", {"audio": {"voice": "x"}}),
        ("openai_chat", {"n": 2}),
        ("openai_chat", {"tools": tools("openai_chat", *[f"t{number}" for number in range(121)])}),
        ("openai_responses", {"tool_choice": "required"}),
        ("openai_responses", {"background": True}),
        ("openai_responses", {"previous_response_id": "resp_1"}),
        ("openai_responses", {"conversation": "conv_1"}),
        ("openai_responses", {"prompt": {"id": "pmpt_1"}}),
        ("openai_responses", {"tools": tools("openai_responses", *[f"t{number}" for number in range(121)])}),
        ("gemini", {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}),
        ("gemini", {"tool_config": {"function_calling_config": {"mode": "any"}}}),
        ("gemini", {"tools": [{"googleSearch": {}}]}),
        ("gemini", {"cachedContent": "cachedContents/1"}),
        ("gemini", {"generationConfig": {"candidateCount": 2}}),
    ],
)
def test_none_is_offered_where_it_would_change_the_answer(name: str, more: dict[str, Any]) -> None:
    assert offered(name, **more)[0] == Offer()


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("anthropic", {"tool_choice": {"type": "tool", "name": "look"}}),
        ("anthropic", {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}),
        ("openai_chat", {"tool_choice": {"type": "function", "function": {"name": "look"}}}),
        ("openai_chat", {"tools": tools("openai_chat", *[f"t{number}" for number in range(120)])}),
        ("openai_responses", {"tool_choice": {"type": "function", "name": "look"}}),
        ("openai_responses", {"tools": [{"type": "web_search"}]}),
        ("gemini", {"toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["look"]}}}),
        ("gemini", {"tools": {"function_declarations": [{"name": "look"}]}}),
        ("gemini", {"generationConfig": {"candidateCount": 1, "temperature": 0.5}}),
    ],
)
def test_they_are_offered_where_no_call_of_ours_could_be_meant(name: str, more: dict[str, Any]) -> None:
    assert offered(name, **more)[0].names == ALL


@every_wire
def test_a_name_that_the_client_uses_is_left_out(name: str) -> None:
    offer, sent = offered(name, tools=tools(name, "vc_recall_all", "look"))
    assert offer.names == ALL - {"vc_recall_all"}
    assert json.dumps(sent["tools"]).count('"vc_recall_all"') == 1


def test_usage_of_two_legs_is_added_up() -> None:
    one = {"input": 3, "details": {"cached": 1}, "tier": "a", "rows": [{"modality": "TEXT", "tokenCount": 2}], "flag": True, "none": None}
    two = {"input": 4, "details": {"cached": 2, "new": 5}, "tier": "b", "rows": [{"modality": "TEXT", "tokenCount": 3}], "flag": False}
    assert summed(one, two) == {
        "input": 7,
        "details": {"cached": 3, "new": 5},
        "tier": "b",
        "rows": [{"modality": "TEXT", "tokenCount": 5}],
        "flag": False,
        "none": None,
    }
    rows = [{"modality": "TEXT", "tokenCount": 1}, {"modality": "IMAGE", "tokenCount": 9}]
    assert summed({"rows": rows}, {"rows": rows[:1]}) == {"rows": [{"modality": "TEXT", "tokenCount": 2}, rows[1]]}
    assert summed({"rows": [1]}, {"rows": [2]}) == {"rows": [2]}
    assert summed({}, two) == two


def test_an_empty_line_stands_only_between_words() -> None:
    assert gap("One.", "Two.") == "\n\n"
    for before, after in (("", "Two."), ("One.", ""), ("One.\n", "Two."), ("One.", " Two.")):
        assert gap(before, after) == ""
