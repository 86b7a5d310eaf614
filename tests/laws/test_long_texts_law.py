"""Law: what strangers write takes time in proportion to its length, whatever it is. All requests wait while one text is looked through.

Shown with texts that are full of beginnings without an end: each would be looked for up to the end of the text, were they taken one by one.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from backstory.app.gateway import beside
from backstory.core.exchange import Head
from backstory.core.records import Turn
from backstory.core.tokens import estimate
from backstory.core.translation import Asked, Function, Words
from backstory.memory.folding.continuity import still_open
from backstory.memory.reading.sentences import parts
from backstory.memory.tags.vocabulary import Vocabulary
from backstory.providers import upstreams
from backstory.stages.continuity import summary_keys
from backstory.wires import WIRES, steering
from backstory.wires.anthropic.tongue_models import ADAPTIVE, COLD, THINKS
from backstory.wires.reworking.declared import declared
from backstory.wires.reworking.text_calls import Kind, Shapes, tool_of
from backstory.wires.translation.tongue import failed_plainly
from tests.growth import cost
from tests.memory.chats import turn

LONG = 100_000
MOST_S = 1.0
"""Each of these takes some hundredths of a second, and would take many seconds, or hours, where beginnings were taken one by one."""
BASE = upstreams.base("https://api.test/v1")
SHAPES = Shapes([tool_of(Function("edit", "", b"{}"))])


def claimed(path: str) -> object:
    return [wire.claims("POST", path) for wire in WIRES]


def chosen(path: str) -> object:
    return steering.in_path(path), steering.path_with(path, "model")


def counted(path: str) -> object:
    return beside._counts(Head("POST", path, "", ()))


def sent(path: str) -> object:
    return upstreams.target(BASE, path, "")


def refused(text: str) -> object:
    return failed_plainly(502, text.encode())


def thinks(model: str) -> object:
    return [names.search(model) for names in (ADAPTIVE, COLD, THINKS)]


def called(body: str) -> object:
    return SHAPES.read(Kind("invoke", "</invoke>", "edit"), body)


def declares(usage: str) -> object:
    return declared(Asked("m", False, (Words(f"## read\nUsage:\n<read>{usage}</read>\n"),), ()))


def split(text: str) -> object:
    return list(parts(text))


def defined(text: str) -> object:
    vocabulary = Vocabulary()
    vocabulary.defines(text)
    return vocabulary


def left_open(text: str) -> object:
    said: list[Turn] = [turn(number, text, "assistant") for number in range(1, 4)]
    return still_open(said, [], 500, estimate)


@pytest.mark.parametrize(
    ("read", "before", "again", "after"),
    [
        (claimed, "", "/v1/a", ""),
        (claimed, "", "/v1", ":generateContent"),
        (chosen, "", "/v1/a", ":generateContent"),
        (chosen, "", "/v1/models/a", ""),
        (chosen, "", "/v1/models/a:", ""),
        (counted, "", "/models/a", ""),
        (counted, "", "/models/a", ":countTokensX"),
        (sent, "/v", "1", "x"),
        (refused, "", "<style", ""),
        (refused, "", "<", ""),
        (thinks, "", "claude-", ""),
        (thinks, "claude", "-a", ""),
        (called, "<parameter ", " ", "<"),
        (called, '<parameter name="a">', "</parameter> ", "x"),
        (declares, "", "<a>", ""),
        (split, "", ".", "x"),
        (split, "", ".'", "x"),
        (defined, "(", "a", ""),
        (defined, "(", "a-", ""),
        (defined, "(", "aa ", ""),
        (summary_keys, "", "<analysis>a", ""),
        (summary_keys, "", "<analysis>a<scratchpad>", ""),
        (left_open, "", "+/", ""),
        (left_open, "/", "+a/", ""),
    ],
)
def test_a_text_full_of_beginnings_is_gone_through_once(read: Callable[[str], object], before: str, again: str, after: str) -> None:
    text = before + again * (LONG // len(again)) + after
    assert cost(lambda: read(text), MOST_S) < MOST_S


def test_what_is_said_in_too_many_brackets_is_no_plan() -> None:
    deep = "[" * 20_000
    calls = f'[{{"id":"1","name":"TodoWrite","arguments":"{deep}"}}]'
    for told in (calls, deep):
        said = turn(1, "", "assistant", kind="tool")
        assert still_open([replace(said, calls=told)], [], 500, estimate).text == ""
