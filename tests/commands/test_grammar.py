"""What is a command, and what only looks like one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.commands import COMMANDS
from backstory.commands.command import Command
from backstory.commands.glance import Glance
from backstory.commands.grammar import find, nearest

FOUND = {
    "VCSTATUS": ("status", ""),
    "vcstatus": ("status", ""),
    "  VcStatus \n": ("status", ""),
    "VCLABEL": ("label", ""),
    "VCLABEL my own talk": ("label", "my own talk"),
    "VCRECALL what is (really) new?": ("recall", "what is (really) new?"),
    "vcmerge into work": ("merge", "into work"),
    "VCMERGESTATUS": ("mergestatus", ""),
    "VCFORGET #12": ("forget", "#12"),
    "VCFORGET": ("forget", ""),
    "VCFORGET\tthe zebra": ("forget", "the zebra"),
    "VCFORGET\u00a0the zebra": ("forget", "the zebra"),
    "!/status": ("status", ""),
    "!/STATUS": ("status", ""),
    "!/status()": ("status", ""),
    "!/label( x )": ("label", "x"),
    "!/recall(who (if any) knows)": ("recall", "who (if any) knows"),
    "!/memory(off)": ("memory", "off"),
    "!/stauts": ("stauts", ""),
    "!/top_k(5)": ("top_k", "5"),
    "!/gpt4(x)": ("gpt4", "x"),
    "VCSTAUS": ("vcstaus", ""),
    "VCSTAUTS": ("vcstauts", ""),
    "VCRECAL": ("vcrecal", ""),
    "VCOMPACT": ("vcompact", ""),
    "VCHLEP": ("vchlep", ""),
    "VCLISTS": ("vclists", ""),
    "VCMERGSTAUS": ("vcmergstaus", ""),
    "!/create-failover-route(name=a,policy=k)": ("create-failover-route", "name=a,policy=k"),
}
BARE = {
    "!/model x)": ("model", "x"),
    "!/model (x": ("model", "x"),
    "!/model gpt-4o": ("model", "gpt-4o"),
    "!/Model  groq:llama ": ("model", "groq:llama"),
    "!/model(gpt-4o": ("model", "gpt-4o"),
    "!/model( hybrid:[a:b, c:d]": ("model", "hybrid:[a:b, c:d]"),
    "!/model (gpt-4o)": ("model", "gpt-4o"),
    "!/set temperature=0.5": ("set", "temperature=0.5"),
    "!/label(my talk": ("label", "my talk"),
}
ENDING = {
    "Go on. !/memory(off)": ("memory", "off"),
    "Go on.\n!/memory(ON)  \n": ("memory", "ON"),
    "Go on.\n\n  !/project(a b)": ("project", "a b"),
    "See:\n```\nx\n```\n!/label(y)": ("label", "y"),
    "``` is a fence? !/label(y)\n```\nx\n``` !/label(z)": None,
}
LEFT_ALONE = (
    "",
    " ",
    "VCSTATUS please",
    "VCSTATUS\nVCSTATUS",
    "What does VCSTATUS do?",
    "VC",
    "VCFOO",
    "VCR",
    "VCS",
    "VCPU",
    "VCENTER",
    "VCHIST",
    "VCSTAUS please",
    "vcstaus",
    "VcStaus",
    "VCSTAUS?",
    "VCSIM",
    "VCVARS",
    "VCARD",
    "VCFORMAT",
    "VCORE",
    "VCAL",
    "VCRUNTIME",
    "VCLIP",
    "VCLS",
    "VCST",
    "VCALL",
    "VCOMPARE",
    "VCSTATE",
    "VCMERGESORT",
    "vcpkg install",
    "VCRECALL one\ntwo",
    "VCRECALL " + "x" * 2000,
    "!/",
    "!/usr/bin/env python",
    "!/model is how I choose a model",
    "!/model what?",
    "!/model?",
    "!/model (x) is wrong",
    "!/model(x) is wrong",
    "!/max tokens",
    "!/model(",
    "!/model(x\ny",
    "!/unheard of",
    "!/unheard(of",
    "What does !/model x do",
    "What does !/model(x",
    "!/bin/sh",
    "#!/bin/sh",
    "!/status now",
    "!/status(",
    "!/status) or so",
    "!/foo_bar",
    "x!/memory(off)",
    "`!/memory(off)`",
    "Type `x !/memory(off)`",
    "Go on. !/status",
    "Go on. !/unheard(of)",
    "Go on. !/memory(perhaps)",
    "Go on. !/memory(status)",
    "Go on. !/memory",
    "Go on. !/label()",
    "!/memory(off) is what?",
    "```\n!/memory(off)",
    "Like this:\n    !/memory(off)",
    "~~~\ncode\n!/project(x)",
    "Go on. !/memory(off)\nAnd then?",
)


@pytest.mark.parametrize("text", FOUND)
def test_a_message_that_is_nothing_but_a_command_is_one(text: str) -> None:
    found = find(text, "!/")
    assert found is not None
    assert (found.name, found.argument) == FOUND[text]
    assert not found.before
    assert found.written == text.strip()


@pytest.mark.parametrize("text", BARE)
def test_a_bracket_that_was_forgotten_makes_a_command_of_the_wrong_form(text: str) -> None:
    found = find(text, "!/")
    assert found is not None
    assert (found.name, found.argument, found.before, found.accepted) == (*BARE[text], False, False)
    assert found.written == text.strip()


@pytest.mark.parametrize("text", ENDING)
def test_a_setting_may_end_a_longer_message(text: str) -> None:
    found = find(text, "!/")
    if ENDING[text] is None:
        assert found is None
        return
    assert found is not None
    assert (found.name, found.argument) == ENDING[text]
    assert found.before
    assert found.accepted
    assert text.rstrip().endswith(found.written)


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_what_only_looks_like_a_command_is_left_alone(text: str) -> None:
    assert find(text, "!/") is None


@pytest.mark.parametrize("prefix", ["!/", "//", "%", ";;", "$."])
def test_the_prefix_may_be_another(prefix: str) -> None:
    found = find(f"{prefix}label(x)", prefix)
    assert found is not None
    assert found.argument == "x"
    ending = find(f"Go on. {prefix}memory(off)", prefix)
    assert ending is not None
    assert ending.before
    if prefix != "!/":
        assert find("!/label(x)", prefix) is None


def test_an_unknown_name_is_told_from_a_known_one() -> None:
    unknown = find("!/stauts", "!/")
    assert unknown is not None
    assert unknown.command is None
    assert not unknown.accepted
    like = nearest("stauts")
    assert like is not None
    assert like.name == "status"
    assert nearest("vcrecal") == nearest("recall")
    assert nearest("xyzzy") is None


def test_what_a_command_takes_is_checked() -> None:
    assert [find(text, "!/").accepted for text in ("!/status(x)", "VCFORGET", "!/memory(perhaps)", "VCATTACH")] == [False] * 4  # type: ignore[union-attr]
    assert [find(text, "!/").accepted for text in ("!/status()", "VCFORGET x", "!/memory(OFF)", "!/memory")] == [True] * 4  # type: ignore[union-attr]


def test_names_and_words_are_no_two_commands() -> None:
    names = [command.name for command in COMMANDS]
    words = [command.word for command in COMMANDS if command.word]
    assert len(set(names)) == len(names)
    assert len(set(words)) == len(words)
    assert all(word.startswith("VC") and word == word.upper() for word in words)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_is_found_as_its_usage_says(command: Command) -> None:
    typed = f"!/{command.name}" + ("(on)" if command.takes != "nothing" else "")
    found = find(typed, "!/")
    assert found is not None
    assert found.command is command
    assert found.accepted
    assert command.usage("!/").endswith(f"!/{command.name}" + typed_usage(command))


def typed_usage(command: Command) -> str:
    return {"nothing": "", "maybe": f"[({command.argument})]", "something": f"({command.argument})"}[command.takes]


@given(st.text(), st.sampled_from([*FOUND, *ENDING]), st.booleans())
def test_a_glance_never_misses_a_command(around: str, text: str, escaped: bool) -> None:
    """Whatever a client wraps around it, in whatever spelling of JSON."""
    raw = json.dumps({"role": "user", "content": f"<system-reminder>{around}</system-reminder>\n{text}"}, ensure_ascii=escaped).encode(
        "utf-8", "surrogatepass"
    )
    glance = Glance("!/")
    assert glance.command(raw)
    assert glance.command(memoryview(raw.replace(b"/", b"\\/")))


@given(st.text())
def test_nothing_a_person_writes_breaks_it(text: str) -> None:
    found = find(text, "!/")
    assert found is None or text.strip().endswith(found.written)


def test_a_glance_sees_settings_and_answers_anywhere() -> None:
    glance = Glance("!/")
    raw = b'..."Go on. !\\/Memory(off)"... ~vc:1'
    assert glance.setting(raw, 0, len(raw))
    assert not glance.setting(raw, 0, 10)
    assert glance.answer(raw, 0, len(raw), False)
    assert not glance.answer(raw, 0, 20, False)
    reference = b'{"type":"item_reference","id":"msg_vc-1"}'
    assert glance.answer(reference, 0, len(reference), True)
    assert not glance.answer(reference, 0, len(reference), False)
    assert not glance.setting(b"#!/bin/sh !/usr !/memory", 0, 24)
