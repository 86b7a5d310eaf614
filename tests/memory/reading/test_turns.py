"""Lines and hashes: the same words are the same, however they are written."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.core.message import Media, Message, Opaque, Part, Text, Thinking, ToolCall, ToolResult
from backstory.memory.identity.marker import marker
from backstory.memory.reading.turns import chain, content_hash, kind, line, root

_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
REMINDER = "<system-reminder>\nx\n</system-reminder>"


def _user(*parts: str | Part) -> Message:
    return Message("user", tuple(Text(part) if isinstance(part, str) else part for part in parts))


def _assistant(*parts: str | Part) -> Message:
    return Message("assistant", tuple(Text(part) if isinstance(part, str) else part for part in parts))


def test_kinds() -> None:
    assert kind(_user("Hi")) == kind(_assistant("Hi")) == "spoken"
    assert kind(_user(Media("image", "image/png", 10))) == "spoken"
    assert kind(_assistant("Running it.", ToolCall("1", "sh", "{}"))) == "spoken"
    assert kind(_user(ToolResult("1", "sh", "ok"), "and now?")) == "spoken"
    assert kind(_assistant(ToolCall("1", "sh", "{}"))) == "tool"
    assert kind(_user(ToolResult("1", "sh", "ok"), REMINDER)) == "tool"
    assert kind(Message("tool", (ToolResult("1", "sh", "ok"),))) == "tool"
    assert kind(Message("system", (Text("Be brief."),))) == "none"
    assert kind(_user(REMINDER)) == kind(_user("")) == kind(_assistant(Thinking("hm", True))) == "none"
    assert kind(Message("other", (Opaque("compaction"),))) == "none"


def test_a_line_has_words_provenance_calls_and_size() -> None:
    found = line(_user("[Telegram Alice id:1 2026-11-20 16:46] Hi", ToolResult("c1", "sh", "out", error=True)))
    assert (found.text, found.sender, found.channel, found.at) == ("Hi", "Alice", "telegram", 1795193160.0)
    assert msgspec.json.decode(found.calls) == [{"id": "c1", "name": "sh", "arguments": None, "result": "out", "error": True}]
    assert found.chars == len("[Telegram Alice id:1 2026-11-20 16:46] Hi") + len("out")
    tool = line(Message("tool", (ToolResult("c1", "sh", "out"), ToolResult("c2", "sh", "more"))))
    assert (tool.text, tool.role, tool.kind) == ("out\nmore", "tool", "tool")
    assert line(_assistant("Hi")).calls == ""
    assert line(_assistant(ToolCall("1", "f", "{}"), Thinking("hm"))).chars == 5


def test_the_answer_to_what_a_client_says_by_itself_is_none_of_the_conversation() -> None:
    filler = line(_user("I am not sharing any files that you can edit yet."))
    assert line(_assistant("Ok."), filler).kind == "none"
    assert line(_assistant("Ok.")).kind == line(_assistant("Ok."), line(_user("Do it"))).kind == "spoken"
    context = line(_user("<session_context>\nx\n</session_context>"))
    assert line(_assistant("Got it. Thanks for the context!"), context).kind == "none"
    assert line(_assistant("The task is done."), context).kind == "spoken"


def test_a_stored_item_named_by_its_id_is_noted() -> None:
    assert line(Message("other", (Opaque("item_reference"),))).note == "reference"
    assert line(Message("other", (Opaque("reasoning"),))).note == ""
    assert line(Message("user", (Opaque("item_reference"), Text("see there")))).note == ""


@pytest.mark.parametrize("kind", ["compaction", "compaction_summary"])
def test_a_history_in_the_providers_own_form_counts_as_a_summary(kind: str) -> None:
    assert line(Message("other", (Opaque(kind),))).note == "summary"
    assert line(Message("assistant", (Opaque(kind), Text("Go on.")))).note == "summary"


_WORDS = st.lists(st.sampled_from(["one", "two", "drei", "\u56db", "e\u0301"]), min_size=1, max_size=6)
_SPACE = st.sampled_from(["", " ", "\n", "  \n", "\t"])


@given(_WORDS, _SPACE, _SPACE)
def test_a_string_a_list_and_white_space_at_the_ends_are_the_same(words: list[str], before: str, after: str) -> None:
    text = " ".join(words)
    want = content_hash(_user(text))
    assert content_hash(_user(before + text + after)) == want
    assert content_hash(_user(Text(text, ("messages", 3, "content", 0, "text")))) == want
    assert content_hash(_user(REMINDER, text)) == content_hash(_user(text, REMINDER)) == want
    assert content_hash(_user("[Fri 2026-11-20 16:46 UTC] " + text)) == want
    assert content_hash(_user(*words)) == content_hash(_user("\n".join(words)))
    assert content_hash(_assistant(text)) != want


@given(_WORDS)
def test_markers_comments_and_thinking_are_no_words(words: list[str]) -> None:
    text = " ".join(words)
    want = content_hash(_assistant(text))
    assert content_hash(_assistant(text + marker(_ID))) == want
    assert content_hash(_assistant(Thinking("hm", True), text)) == want
    assert content_hash(_assistant(text + " <!-- lost on restore -->")) == want
    assert content_hash(_assistant(text, ToolCall("1", "sh", "{}"))) == want


@given(_WORDS, _WORDS)
def test_other_words_are_another_content(one: list[str], other: list[str]) -> None:
    same = one == other
    assert (content_hash(_user(" ".join(one))) == content_hash(_user(" ".join(other)))) == same


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab\u00e9 ", max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text("abc", max_size=2), _JSON, max_size=4))
def test_calls_are_known_by_name_and_arguments_not_by_id_key_order_or_spacing(arguments: dict[str, object]) -> None:
    plain = msgspec.json.encode(arguments).decode()
    turned = msgspec.json.format(msgspec.json.encode(dict(reversed(arguments.items())))).decode()
    want = content_hash(_assistant(ToolCall("toolu_1", "sh", plain)))
    assert content_hash(_assistant(ToolCall("toolu1", "sh", turned))) == want
    assert content_hash(_assistant(ToolCall("toolu_1", "other", plain))) != want


def test_results_are_known_by_text_and_a_doubled_one_counts_once() -> None:
    want = content_hash(Message("tool", (ToolResult("c1", "sh", "ok"),)))
    assert content_hash(_user(ToolResult("", "", "ok\n"), ToolResult("x", "sh", "ok"))) == want
    assert content_hash(_user(ToolResult("c1", "sh", "ok\n\n" + REMINDER))) == want
    assert content_hash(_user(ToolResult("c1", "sh", "no"))) != want


def test_arguments_that_are_no_json_are_taken_as_they_are() -> None:
    deep = "[" * 100_000
    assert content_hash(_assistant(ToolCall("1", "exec", "print(1)"))) == content_hash(_assistant(ToolCall("2", "exec", "print(1)\n")))
    assert content_hash(_assistant(ToolCall("1", "exec", "print(2)"))) != content_hash(_assistant(ToolCall("1", "exec", deep)))


def test_media_are_part_of_what_is_said() -> None:
    plain = content_hash(_user("Look"))
    assert content_hash(_user("Look", Media("image", "image/png", 10))) != plain
    assert content_hash(_user("Look", Media("image", "", 10))) == content_hash(_user("Look", Media("image", "image/png", 10)))


def test_text_that_is_no_valid_unicode_has_a_hash() -> None:
    broken = _user("\ud800", ToolResult("1", "\ud800", "\ud800"))
    assert len(content_hash(broken)) == len(content_hash(_assistant(ToolCall("1", "\ud800", '"\ud800"')))) == 16
    assert line(broken).calls == ""


@given(st.text(max_size=3), st.text(max_size=3), st.text(max_size=3), st.text(max_size=3))
def test_no_two_principals_or_scopes_share_a_chain(one: str, scope: str, other: str, another: str) -> None:
    same = (one, scope) == (other, another)
    assert (root(one, scope) == root(other, another)) == same
    assert (chain(root(one, scope), b"x" * 16) == chain(root(other, another), b"x" * 16)) == same


def test_a_chain_depends_on_everything_before() -> None:
    begin = root("", "")
    assert chain(chain(begin, b"a" * 16), b"b" * 16) != chain(chain(begin, b"b" * 16), b"a" * 16)
    assert len(chain(begin, b"a" * 16)) == 16


def test_a_comment_that_never_ends_is_text() -> None:
    assert content_hash(_user("a <!-- b")) != content_hash(_user("a"))
