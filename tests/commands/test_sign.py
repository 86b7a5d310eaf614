"""Our answers are known again, and nothing else is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.commands.sign import ANSWER, REFERENCE, conversation_of, of_reply_id, referred, reply_id, signed

NAME = "8b0bd3a7-7b3b-4a72-9a5b-0d3d8f5f2f10"
WORDS = st.text(min_size=1, max_size=60)


@given(WORDS, WORDS)
def test_an_answer_is_known_again(command: str, answer: str) -> None:
    said = signed(NAME, command, answer)
    assert conversation_of(command, said) == NAME
    assert said.startswith(answer)
    assert ANSWER.search(said.encode("utf-8", "surrogatepass"))


@given(WORDS, WORDS)
def test_white_space_may_change_on_the_way(command: str, answer: str) -> None:
    said = signed(NAME, command, answer)
    assert conversation_of(f" {command}\n", "  " + said.replace("\n", "\r\n\r\n") + "\n\n") == NAME


@pytest.mark.parametrize(
    ("command", "change"),
    [
        ("VCLIST", lambda said: said),
        ("VCSTATUS", lambda said: "Also: " + said),
        ("VCSTATUS", lambda said: said + " And more."),
        ("VCSTATUS", lambda said: said.replace("turns", "terms")),
        ("VCSTATUS", lambda said: said.replace(NAME, NAME.replace("8b0b", "8b0c"))),
        ("VCSTATUS", lambda said: said.split("\n\n")[0]),
        ("VCSTATUS", lambda said: said.split("\n\n")[1]),
        ("VCSTATUS", lambda _: ""),
    ],
)
def test_what_was_changed_or_copied_is_not_ours(command: str, change: object) -> None:
    said = signed(NAME, "VCSTATUS", "- 3 turns")
    assert callable(change)
    assert conversation_of(command, change(said)) == ""


@given(WORDS, st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60))
def test_an_id_tells_what_it_stands_for(command: str, previous: str) -> None:
    name = reply_id(NAME, command, previous)
    assert of_reply_id(name) == (NAME, previous)
    item = f"msg_{name.removeprefix('resp_')}_0"
    assert REFERENCE.search(item.encode())
    assert referred(command, item) == NAME
    assert referred(command + "x", item) == ""


@pytest.mark.parametrize("name", ["", "resp_68a1", "msg_1", "resp_vc-", "resp_vc-" + "0" * 43, "vc-" + "g" * 44])
def test_an_id_of_the_providers_is_not_ours(name: str) -> None:
    assert of_reply_id(name) is None
    assert referred("VCSTATUS", name) == ""
