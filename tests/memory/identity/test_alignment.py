"""Laying a request beside a stored history gives the answer that a person would give who knows what the client did."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.core.message import Message, Opaque, Text, ToolCall, ToolResult
from backstory.memory.identity.alignment import Alignment, align, anchor, spoken_count
from backstory.memory.reading.turns import Line, line
from tests.growth import cost


def _user(text: str) -> Line:
    return line(Message("user", (Text(text),)))


def _assistant(text: str) -> Line:
    return line(Message("assistant", (Text(text),)))


def _call(name: str, call_id: str = "1") -> Line:
    return line(Message("assistant", (ToolCall(call_id, name, "{}"),)))


def _result(text: str, call_id: str = "1") -> Line:
    return line(Message("tool", (ToolResult(call_id, "", text),)))


SYSTEM = line(Message("system", (Text("Be brief."),)))
SUMMARY = line(Message("user", (Text("This session is being continued from a previous conversation. It was about trips."),)))


def _talk(rounds: int, start: int = 0) -> list[Line]:
    """A conversation in which no two messages are alike."""
    made: list[Line] = []
    for n in range(start, start + rounds):
        made += [_user(f"question number {n} about a town"), _assistant(f"answer number {n}, with the name of a town")]
    return made


def _how(request: list[Line], stored: list[Line]) -> tuple[str, int, int, bool]:
    found = align(request, stored)
    _check(found, request, stored)
    return found.how, found.fresh, found.tip, found.dropped


def _check(found: Alignment, request: list[Line], stored: list[Line]) -> None:
    """What holds of every alignment."""
    assert len(found.matched) == len(request)
    places = [place for place in found.matched if place >= 0]
    assert places == sorted(places)
    assert all(-1 <= place < len(stored) for place in (*found.matched, found.tip, *found.also))
    assert all(place < 0 for place in found.matched[found.fresh :])
    assert not set(found.also) & set(places)
    assert all(place <= found.tip for place in (*places, *found.also))
    assert (found.fresh == len(request)) or request[found.fresh].kind != "none"


_NEW = _user("a new question, never asked before")
_ROUNDS = st.integers(1, 12)


@given(_ROUNDS, st.integers(1, 3), st.booleans())
def test_a_longer_history_extends(rounds: int, more: int, system: bool) -> None:
    stored = _talk(rounds)
    head = [SYSTEM] if system else []
    request = [*head, *stored, *_talk(more, 100)[:-1]]
    found = align(request, stored)
    _check(found, request, stored)
    assert (found.how, found.fresh, found.tip, found.dropped) == ("extend", len(head) + len(stored), len(stored) - 1, False)
    assert align(request, stored, found.matched[: len(head) + 1]) == found


@given(_ROUNDS)
def test_nothing_stored_is_new(rounds: int) -> None:
    request = [SYSTEM, *_talk(rounds)[:-1]]
    assert _how(request, []) == ("new", 1, -1, False)
    assert _how([SYSTEM], []) == ("retry", 1, -1, False)


@given(_ROUNDS, st.booleans())
def test_the_same_request_again_is_a_retry(rounds: int, answered: bool) -> None:
    talk = _talk(rounds)
    request, stored = talk[:-1], talk if answered else talk[:-1]
    assert _how(request, stored) == ("retry", len(request), len(request) - 1, False)


@given(st.integers(2, 12), st.data())
def test_an_edited_question_branches_at_its_place(rounds: int, data: st.DataObject) -> None:
    stored = _talk(rounds)
    at = 2 * data.draw(st.integers(1, rounds - 1))
    assert _how([*stored[:at], _NEW], stored) == ("branch", at, at - 1, False)


@given(st.integers(2, 12), st.data())
def test_an_earlier_question_asked_again_branches_there(rounds: int, data: st.DataObject) -> None:
    stored = _talk(rounds)
    at = 2 * data.draw(st.integers(0, rounds - 2)) + 1
    assert _how(stored[:at], stored) == ("branch", at, at - 1, False)


@given(st.integers(1, 12), st.data())
def test_a_regenerated_answer_branches_at_its_question(rounds: int, data: st.DataObject) -> None:
    stored = _talk(rounds)
    at = 2 * data.draw(st.integers(0, rounds - 1)) + 1
    request = [*stored[:at], _assistant("quite another answer than before"), _NEW]
    assert _how(request, stored) == ("branch", at, at - 1, False)


@given(st.integers(2, 12), st.data())
def test_a_head_that_was_cut_is_truncation(rounds: int, data: st.DataObject) -> None:
    stored = _talk(rounds)
    cut = data.draw(st.integers(1, len(stored) - 1))
    request = [SYSTEM, *stored[cut:], _NEW]
    assert _how(request, stored) == ("truncated", len(request) - 1, len(stored) - 1, True)
    assert align(request, stored).matched[1:-1] == tuple(range(cut, len(stored)))


@given(st.integers(3, 12), st.data())
def test_a_middle_that_was_cut_is_truncation(rounds: int, data: st.DataObject) -> None:
    stored = _talk(rounds)
    first = data.draw(st.integers(1, len(stored) - 4))
    second = data.draw(st.integers(first + 1, len(stored) - 2))
    assert _how([*stored[:first], *stored[second:], _NEW], stored) == ("truncated", first + len(stored) - second, len(stored) - 1, True)


@given(st.integers(2, 12), st.data())
def test_a_cut_head_and_the_same_question_is_a_retry(rounds: int, data: st.DataObject) -> None:
    stored = _talk(rounds)
    cut = data.draw(st.integers(1, len(stored) - 3))
    request = stored[cut:-1]
    assert _how(request, stored) == ("retry", len(request), len(stored) - 2, True)


@given(st.integers(2, 12), st.data())
def test_a_summary_in_place_of_the_history_is_compaction(rounds: int, data: st.DataObject) -> None:
    stored = _talk(rounds)
    kept = data.draw(st.integers(0, 2 * rounds - 1))
    request = [SUMMARY, *stored[len(stored) - kept :], _NEW]
    assert _how(request, stored) == ("compacted", kept + 1, len(stored) - 1, True)


def test_a_summary_that_nobody_knows_is_compaction_too() -> None:
    stored = _talk(6)
    assert _how([_user("Summary: towns were discussed."), *stored[8:], _NEW], stored) == ("compacted", 5, 11, True)
    question = [_user("What did we do so far?"), _assistant("We spoke of many towns.")]
    assert _how([*question, _NEW], stored) == ("compacted", 2, 11, True)


def test_a_summary_behind_the_beginning_stands_for_the_rest() -> None:
    stored = _talk(4)
    assert _how([SYSTEM, *stored[:2], SUMMARY], stored) == ("compacted", 4, 7, True)
    assert _how([SYSTEM, *stored, SUMMARY], stored)[0] == "retry", "nothing came after it"
    assert _how([SUMMARY, *stored[:2]], stored)[0] != "extend"


def test_a_compaction_that_keeps_all_questions_and_no_answer() -> None:
    stored = _talk(4)
    request = [SYSTEM, *stored[::2], SUMMARY, _NEW]
    assert _how(request, stored) == ("compacted", 6, 7, True)
    assert align(request, stored).matched == (-1, 0, 2, 4, 6, -1, -1)


@given(st.integers(2, 12), st.data())
def test_a_message_changed_in_passing_is_no_branch(rounds: int, data: st.DataObject) -> None:
    stored = _talk(rounds)
    at = data.draw(st.integers(0, len(stored) - 2))
    changed = _user("quite other words") if at % 2 == 0 else _assistant("quite other words")
    request = [*stored[:at], changed, *stored[at + 1 :], _NEW]
    assert _how(request, stored) == ("amended", len(stored), len(stored) - 1, False)
    assert align(request, stored).matched[at] == at


@given(st.integers(1, 12), st.data())
def test_an_answer_that_the_client_has_cut_short_is_the_same_answer(rounds: int, data: st.DataObject) -> None:
    stored = _talk(rounds)
    at = 2 * data.draw(st.integers(0, rounds - 1)) + 1
    request = [*stored[:at], _assistant(stored[at].text[:26]), *stored[at + 1 :], _NEW]
    assert _how(request, stored) == ("amended", len(stored), len(stored) - 1, False)


@given(st.integers(1, 8), st.data(), st.booleans())
def test_joined_and_split_messages_are_the_same_messages(rounds: int, data: st.DataObject, joined: bool) -> None:
    stored = _talk(rounds)
    at = 2 * data.draw(st.integers(0, rounds - 1)) + 1
    whole = stored[at].text
    halves = [_assistant(whole[:12]), _assistant(whole[12:])]
    other = [*stored[:at], *halves, *stored[at + 1 :]]
    request, kept = ([*stored, _NEW], other) if joined else ([*other, _NEW], stored)
    found = align(request, kept)
    _check(found, request, kept)
    assert (found.how, found.fresh, found.tip, found.dropped) == ("amended", len(request) - 1, len(kept) - 1, False)
    assert {*(place for place in found.matched if place >= 0), *found.also} == set(range(len(kept)))


def test_an_inserted_message_is_not_taken_for_a_new_one() -> None:
    stored = _talk(4)
    request = [*stored[:4], _user("by the way, said by the client"), *stored[4:], _NEW]
    assert _how(request, stored) == ("amended", 9, 7, False)


def test_short_texts_that_repeat_prove_nothing() -> None:
    stored = [_user("first"), _assistant("one"), _user("second"), _assistant("two"), _user("continue"), _assistant("three")]
    assert _how([*stored[:2], _user("continue")], stored) == ("branch", 2, 1, False)
    assert _how([*stored[:2], _user("other"), _assistant("own"), _user("continue"), _assistant("way"), _NEW], stored)[:3] == (
        "branch",
        2,
        1,
    )


def test_repeated_texts_are_matched_in_order() -> None:
    stored = [_user("continue"), _assistant("ok")] * 5
    assert _how([*stored, _user("continue")], stored) == ("extend", 10, 9, False)
    assert _how([*stored[2:], _NEW], stored)[3] is False


def test_nothing_in_common_goes_on_after_the_last() -> None:
    assert _how([_NEW], _talk(3)) == ("truncated", 0, 5, True)
    assert _how([SYSTEM], _talk(3)) == ("retry", 1, 5, True)
    assert _how([SUMMARY], _talk(3)) == ("compacted", 1, 5, True)
    assert _how([_result("output")], _talk(1)) == ("truncated", 0, 1, True)


TOOLS = [*_talk(1), _user("list the files please"), _call("ls"), _result("a b"), _assistant("There are the files a and b.")]


@given(st.integers(2, len(TOOLS)))
def test_a_tool_loop_extends_step_by_step(steps: int) -> None:
    assert _how(TOOLS[:steps], TOOLS[: steps - 1]) == ("extend", steps - 1, steps - 2, False)


def test_tool_traffic_that_a_client_drops_or_rewrites_is_no_branch() -> None:
    dropped = [line for line in TOOLS if line.kind == "spoken"]
    assert _how([*dropped, _NEW], TOOLS) == ("extend", 4, 5, False)
    rewritten = [_result("[old output cleared]") if line.role == "tool" else line for line in TOOLS]
    assert _how([*rewritten, _NEW], TOOLS) == ("extend", 6, 5, False)
    assert align([*rewritten, _NEW], TOOLS).matched == (0, 1, 2, 3, 4, 5, -1)
    assert _how([*dropped[:-1], _NEW], TOOLS[:-1])[:3] == ("extend", 3, 4)


def test_other_ids_are_the_same_tool_messages() -> None:
    again = [*TOOLS[:3], _call("ls", "toolu1"), _result("a b", "toolu1"), *TOOLS[5:], _NEW]
    assert _how(again, TOOLS) == ("extend", 6, 5, False)


def test_another_tool_call_in_place_of_the_stored_one_branches() -> None:
    assert _how([*TOOLS[:3], _call("find"), _result("c")], TOOLS[:5]) == ("branch", 3, 2, False)


def test_items_kept_by_the_provider_are_not_missing() -> None:
    named = line(Message("other", (Opaque("item_reference"),)))
    stored = _talk(3)
    request = [stored[0], named, stored[2], named, stored[4], named, _NEW]
    found = align(request, stored)
    _check(found, request, stored)
    assert (found.how, found.fresh, found.tip, found.dropped, set(found.also)) == ("extend", 6, 5, False, {1, 3, 5})


_ALPHABET = [
    _user("a"),
    _assistant("a"),
    _user("a longer text to be told by"),
    _assistant("a longer answer to be told by"),
    _call("f"),
    SYSTEM,
    SUMMARY,
]
_ANY = st.lists(st.sampled_from(_ALPHABET), max_size=14)


@settings(max_examples=300)
@given(_ANY, _ANY)
def test_any_two_histories_have_an_alignment_that_holds_together(request: list[Line], history: list[Line]) -> None:
    stored = [line for line in history if line.kind != "none"]
    found = align(request, stored)
    _check(found, request, stored)
    if [line for line in request if line.kind != "none"] == stored:
        assert found.how in ("retry", "new", "compacted")


def test_a_run_anchors_only_when_it_is_long() -> None:
    stored = _talk(5)
    assert anchor([*stored[6:], SYSTEM, _NEW]) == tuple(line.content for line in stored[6:])
    assert anchor([*stored[8:], _NEW]) == (), "two messages are too few"
    assert anchor([_user("continue"), _assistant("ok")] * 4) == (), "short ones say nothing"
    assert anchor([_NEW]) == ()


def test_a_client_that_keeps_only_last_words_goes_on_at_the_end() -> None:
    working = line(Message("assistant", (Text("Let me look that up for you."), ToolCall("1", "look", "{}"))))
    asked, told = _user("What is the weather like in the town of Aveiro?"), _assistant("It rains in Aveiro, and it is rather windy there.")
    stored = [*_talk(1), asked, working, _result("rain"), _assistant("One more look."), _call("look"), _result("wind"), told]
    _, fresh, tip, dropped = _how([*_talk(1), asked, told, _NEW], stored)
    assert (fresh, tip, dropped) == (4, len(stored) - 1, True), "with something left out"


def test_retakes_with_one_answer_keep_what_is_known_where_it_is() -> None:
    """However often a short history goes up again with another last question and gets the same word for an answer."""
    kept = [
        _user("What was the code of my locker at the gym?"),
        _assistant("."),
        _user("Thanks for the code of the locker."),
        _assistant("."),
    ]
    stored = [one for number in range(20) for one in (_user(f"question number {number} about a town"), _assistant("."))] + kept
    start = len(stored) - len(kept)
    for number in range(60):
        question = _user(f"Which one was it on the day number {number}?")
        found = align([*kept, question], stored)
        _check(found, [*kept, question], stored)
        assert found.matched[:3] == (start, start + 1, start + 2), number
        stored = [*stored[: found.tip + 1], question, _assistant(".")]


def test_an_answer_that_was_given_twice_stands_at_its_question() -> None:
    """A client that sends its newest messages edits its last question, and had the same answer to the one before."""
    stored = [*_talk(2), _user("Which boat is it?"), _assistant("Done."), _user("And which harbour?"), _assistant("Done.")]
    request = [*stored[1:6], _user("And which pier?")]
    found = align(request, stored)
    _check(found, request, stored)
    assert (found.matched, found.tip, found.how) == ((1, 2, 3, 4, 5, -1), 5, "branch")
    beats = [*_talk(2), _user("heartbeat"), _assistant("Done."), _user("heartbeat"), _assistant("Done.")]
    pruned = [*beats[:5], beats[5], _user("What now?")]
    assert align(pruned[1:], beats).matched[-3:] == (6, 7, -1), "each with its own question"


def test_many_answers_that_are_alike_cost_little() -> None:
    stored = [one for number in range(3_000) for one in (_user(f"question number {number} about a town"), _assistant("."))]
    request = [*stored[1_000:], _user("And now?"), _assistant("Yes."), *stored[500:1_500], _user("What now?")]
    assert cost(lambda: _check(align(request, stored), request, stored), 2.0) < 2.0


def test_a_call_that_is_repeated_beside_named_items_is_known() -> None:
    reference = line(Message("other", (Opaque("item_reference"),)))
    asked, call = _user("Look for me, please."), _call("look")
    stored = [*_talk(1), asked, _assistant("Let me look."), call]
    request = [stored[0], reference, asked, reference, call, _result("rain")]
    found = align(request, stored)
    _check(found, request, stored)
    assert (found.matched, found.fresh, found.tip, found.how) == ((0, -1, 2, -1, 4, -1), 5, 4, "extend")


def test_a_history_in_the_providers_own_form_goes_on_at_the_end() -> None:
    stored = _talk(3)
    kept = line(Message("other", (Opaque("compaction"),)))
    assert _how([stored[0], stored[2], SYSTEM, stored[4], kept, _NEW], stored) == ("compacted", 5, 5, True)


def test_what_was_new_the_last_time_is_known_once_it_is_stored() -> None:
    stored = _talk(3)
    asked = [*stored, _NEW]
    first = align(asked, stored)
    later = [*stored, _NEW, _assistant("an answer")]
    for request in (asked, [*later, _user("one more")]):
        assert align(request, later, first.matched) == align(request, later)


def test_spoken_messages_are_counted() -> None:
    assert spoken_count([SYSTEM, *TOOLS, SUMMARY]) == 4


def test_long_histories_cost_little() -> None:
    stored = _talk(3000)
    same = [_user("ok"), _assistant("ok")] * 3000
    other = [*stored[:100], _user("other"), *stored[101:3000], *stored[3500:], _NEW]
    ended = [*same, _user("end"), _assistant("of it")]
    request = [*stored, _NEW]
    known = tuple(range(len(stored)))
    assert cost(lambda: (align(other, stored), align([*same[1:], _NEW], ended)), 3.0) < 3.0
    assert cost(lambda: [align(request, stored, known) for _ in range(100)], 1.0) < 1.0


def test_a_second_summary_that_is_taken_in_with_the_same_words_is_one() -> None:
    taken = _assistant("Got it. Thanks for the additional context!")
    stored = [*_talk(4), taken, *_talk(4, 10)]
    found = align([SUMMARY, taken, _NEW], stored)
    assert (found.how, found.tip, found.fresh) == ("compacted", len(stored) - 1, 1), "it goes on after all that was said since"
    assert found.matched == (-1, -1, -1)
    assert _how([SUMMARY, taken, *stored[-2:], _NEW], stored) == ("compacted", 4, len(stored) - 1, True)
    again = [*_talk(4), taken, *_talk(1, 10)]
    assert _how([SUMMARY, taken, _user("question number 10 about another town")], again) == ("branch", 2, 8, True), "an edit stays one"
    assert _how([SUMMARY, *again[8:], _NEW], again) == ("compacted", 4, len(again) - 1, True), "what follows on the first is no second"
