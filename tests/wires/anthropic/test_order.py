"""System messages inside a history stand where the provider wants them, whatever is taken out of it."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from backstory.core.document import Document
from backstory.core.edits import DropMessages, PrependText
from backstory.wires import WIRES

_WIRE = next(wire for wire in WIRES if wire.name == "anthropic")


def history(roles: str) -> list[dict[str, Any]]:
    """A message for each letter: u, a, s."""
    names = {"u": "user", "a": "assistant", "s": "system"}
    return [{"role": names[letter], "content": [{"type": "text", "text": f"{letter}{place}"}]} for place, letter in enumerate(roles)]


def sent(messages: list[dict[str, Any]], *edits: Any) -> list[dict[str, Any]]:
    """What goes up."""
    body = json.dumps({"model": "m", "messages": messages}, separators=(",", ":")).encode()
    document = Document(body)
    made: list[dict[str, Any]] = json.loads(_WIRE.render(document, _WIRE.read(document), edits))["messages"]
    return made


def faults(messages: list[dict[str, Any]]) -> list[int]:
    """System messages that the provider refuses."""
    roles = [message["role"] for message in messages]
    found = []
    for place, role in enumerate(roles):
        if role == "system" and not (place and roles[place - 1] == "user" and (place + 1 == len(roles) or roles[place + 1] == "assistant")):
            found.append(place)
    return found


def texts(messages: list[dict[str, Any]]) -> list[str]:
    return [block["text"] for message in messages for block in message["content"]]


def test_a_stranded_system_message_moves_behind_the_next_human_message() -> None:
    up = sent(history("usauau"), DropMessages(0, 1), DropMessages(2, 3))
    assert [message["role"] for message in up] == ["user", "system", "assistant", "user"]
    assert texts(up) == ["u3", "s1", "a4", "u5"]


def test_it_joins_the_one_that_stands_there_and_keeps_its_members() -> None:
    messages = history("usausau")
    messages[4]["output_config"] = {"effort": "high"}
    up = sent(messages, DropMessages(0, 1), DropMessages(2, 3))
    assert [message["role"] for message in up] == ["user", "system", "assistant", "user"]
    assert up[1]["output_config"] == {"effort": "high"}
    assert texts(up) == ["u3", "s1", "s4", "a5", "u6"]


def test_one_whose_answer_is_gone_moves_on() -> None:
    up = sent(history("usaua"), DropMessages(2, 3), PrependText(3, "digest"))
    assert texts(up) == ["u0", "digest\n\nu3", "s1", "a4"]


def test_what_keeps_its_place_keeps_its_bytes() -> None:
    messages = history("usausau")
    whole = sent(messages)
    assert whole == messages
    assert sent(messages, DropMessages(0, 3)) == messages[3:]


def test_a_string_content_is_joined_too() -> None:
    messages = history("usausau")
    messages[1]["content"] = "note"
    assert texts(sent(messages, DropMessages(0, 1), DropMessages(2, 3)))[1] == "note"


@given(st.data())
def test_no_drop_strands_a_system_message_or_loses_one(data: st.DataObject) -> None:
    rounds = data.draw(st.lists(st.sampled_from(("ua", "usa")), min_size=2, max_size=8))
    roles = "".join(rounds) + data.draw(st.sampled_from(("u", "us")))
    messages = history(roles)
    spoken = [place for place, letter in enumerate(roles) if letter != "s"]
    holder = data.draw(st.sampled_from([place for place in spoken if roles[place] == "u"]))
    until = (
        holder
        if data.draw(st.booleans())
        else data.draw(st.sampled_from([p for p in spoken if p >= holder and roles[p] == "a"] or [holder]))
    )
    gone = {place for place in spoken if place < until and place != holder}
    up = sent(messages, *[DropMessages(place, place + 1) for place in sorted(gone)])
    assert faults(up) == []
    assert sorted(texts(up)) == sorted(text for place, text in enumerate(texts(messages)) if place not in gone)
    assert [message for message in up if message["role"] != "system"] == [messages[place] for place in spoken if place not in gone]
