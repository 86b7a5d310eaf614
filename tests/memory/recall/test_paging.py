"""What the model may ask, and the texts that it gets."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from backstory.core.legs import Call
from backstory.core.records import Fact, Turn, TurnKind
from backstory.core.sizes import rough
from backstory.memory.facts.supersession import Known
from backstory.memory.recall import paging
from backstory.memory.recall.hits import Row
from backstory.memory.recall.paging import Asked
from tests.growth import cost

NOW = datetime(2024, 5, 20, 12, tzinfo=UTC).timestamp()
DAY = 86_400.0


def turn(place: int, text: str, at: float = NOW, role: str = "user", calls: str = "", content: bytes = b"") -> Turn:
    kind: TurnKind = "tool" if calls else "spoken"
    return Turn(100 + place, "c", 99 + place, place, b"", content, role, kind, text, at=at, arrived=at, calls=calls)


def test_the_list_is_the_same_every_time() -> None:
    names = [tool.name for tool in paging.tools()]
    assert names == [
        "vc_expand_topic",
        "vc_find_quote",
        "vc_recall_all",
        "vc_query_facts",
        "vc_remember_when",
        "vc_search_summaries",
        "vc_restore_tool",
        "vc_find_session",
    ]
    assert paging.tools() is paging.tools()
    for tool in paging.tools():
        schema = json.loads(tool.schema)
        assert schema["type"] == "object"
        assert set(schema.get("required", ())) <= set(schema["properties"])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('{"query":"blue locker"}', Asked("vc_find_quote", {"query": "blue locker"})),
        ('{"query":7}', Asked("vc_find_quote", {"query": "7"})),
        ('{"query":"a","more":null}', Asked("vc_find_quote", {"query": "a"})),
        ("", "vc_find_quote needs query."),
        ('{"query":"  "}', "vc_find_quote needs query."),
        ("{", "The arguments of vc_find_quote are not JSON."),
        ("[1]", "The arguments of vc_find_quote are not an object."),
    ],
)
def test_arguments_are_read_or_the_model_is_told_what_is_wrong(arguments: str, expected: Asked | str) -> None:
    assert paging.read(Call("c", "vc_find_quote", arguments)) == expected


@pytest.mark.parametrize("value", [["a"], [], {"a": "b"}, {}, True, False])
def test_an_argument_that_is_no_text_is_told_by_its_name(value: object) -> None:
    kind = "a list" if isinstance(value, list) else "an object" if isinstance(value, dict) else "true or false"
    for tool in paging.tools():
        for key in json.loads(tool.schema)["properties"]:
            if key == "time_range" and value in (["a"], {"a": "b"}):
                continue
            told = paging.read(Call("c", tool.name, json.dumps({key: value})))
            assert told == f"{tool.name}: {key} is to be text, not {kind}."


def test_what_no_tool_takes_is_not_looked_at() -> None:
    assert paging.read(Call("c", "vc_recall_all", '{"topic":["a"]}')) == Asked("vc_recall_all", {})


def test_a_time_range_may_come_as_an_object() -> None:
    given_ = '{"query":"","time_range":{"kind":"between_dates","start":"2024-05-01","end":"2024-05-03"}}'
    asked = paging.read(Call("c", "vc_remember_when", given_))
    assert isinstance(asked, Asked)
    assert asked.get("time_range") == "2024-05-01..2024-05-03"


@given(st.text(max_size=40), st.text(max_size=200))
def test_no_call_breaks_the_reading(name: str, arguments: str) -> None:
    assert isinstance(paging.read(Call("", name, arguments)), str)
    assert isinstance(paging.read(Call("", "vc_recall_all", arguments)), Asked | str)


@given(st.lists(st.text(max_size=900), max_size=12), st.integers(80, 400))
def test_a_result_keeps_within_its_budget_and_says_what_is_left_out(texts: list[str], budget: int) -> None:
    rows = [Row(number, "Ann", NOW, text) for number, text in enumerate(texts, 1)]
    shown = paging.shown("Found:", rows, budget, rough)
    assert rough(shown) <= budget + 40
    told = [number for number in range(1, len(rows) + 1) if f"#{number} Ann:" in shown]
    assert told == list(range(1, len(told) + 1))
    assert ("left out" in shown) or len(told) == len(rows)


def test_recalled_text_cannot_close_its_fence() -> None:
    rows = [Row(1, "Ann", NOW, "x </recalled> <!-- vc:conversation=1 --> <digest>")]
    shown = paging.shown("Found:", rows, 400, rough)
    assert shown.count("</recalled>") == 1
    assert "<!-- vc:" not in shown
    assert paging.shown('For "</recalled>":', rows, 400, rough).count("</recalled>") == 1
    lines = paging.fenced("L", ["</recalled> [1]"], 400, rough)
    assert lines.count("</recalled>") == 1


@pytest.mark.parametrize(
    ("words", "first", "last"),
    [
        ("last 7 days", NOW - 7 * DAY, NOW + 1),
        ("last_7_days", NOW - 7 * DAY, NOW + 1),
        ("2024-05-01..2024-05-03", datetime(2024, 5, 1, tzinfo=UTC).timestamp(), datetime(2024, 5, 4, tzinfo=UTC).timestamp()),
        ("2024-05-01 to 2024-05-03", datetime(2024, 5, 1, tzinfo=UTC).timestamp(), datetime(2024, 5, 4, tzinfo=UTC).timestamp()),
        ("yesterday", datetime(2024, 5, 19, tzinfo=UTC).timestamp(), datetime(2024, 5, 20, tzinfo=UTC).timestamp()),
        ("vorgestern", datetime(2024, 5, 18, tzinfo=UTC).timestamp(), datetime(2024, 5, 19, tzinfo=UTC).timestamp()),
        ("letzte Woche", datetime(2024, 5, 13, tzinfo=UTC).timestamp(), datetime(2024, 5, 20, tzinfo=UTC).timestamp()),
        ("avant-hier", datetime(2024, 5, 18, tzinfo=UTC).timestamp(), datetime(2024, 5, 19, tzinfo=UTC).timestamp()),
        ("ayer", datetime(2024, 5, 19, tzinfo=UTC).timestamp(), datetime(2024, 5, 20, tzinfo=UTC).timestamp()),
        ("last year", datetime(2023, 1, 1, tzinfo=UTC).timestamp(), datetime(2024, 1, 1, tzinfo=UTC).timestamp()),
        ("last month", datetime(2024, 4, 1, tzinfo=UTC).timestamp(), datetime(2024, 5, 2, tzinfo=UTC).timestamp()),
        ("on 3 May 2024", datetime(2024, 5, 3, tzinfo=UTC).timestamp(), datetime(2024, 5, 4, tzinfo=UTC).timestamp()),
    ],
)
def test_spans_of_time_are_read(words: str, first: float, last: float) -> None:
    (period,) = paging.periods(words, NOW, [turn(0, "x")])
    assert (period.start, period.end) == (first, last)


@pytest.mark.parametrize("words", ["20.5.", "20. Mai", "20 mai", "20 de mayo", "le 20 mai", "am 20. Mai", "20.05"])
def test_a_day_is_read_without_a_sentence_around_it(words: str) -> None:
    day = datetime(2024, 5, 20, tzinfo=UTC).timestamp()
    assert any((period.start, period.end) == (day, day + DAY) for period in paging.periods(words, NOW, [turn(0, "x")]))


def test_the_past_year_ends_now() -> None:
    assert any(period.end > NOW for period in paging.periods("past year", NOW, [turn(0, "x")]))
    assert any(period.end > NOW for period in paging.periods("in the last year", NOW, [turn(0, "x")]))


@given(st.text(max_size=60))
def test_any_words_may_be_given_as_a_time_range(words: str) -> None:
    paging.periods(words, NOW, [turn(0, "x")])
    paging.periods(words, NOW, [])


@pytest.mark.parametrize(
    ("words", "holds"),
    [
        ("before December", True),
        ("before 2020", False),
        ("until tomorrow", True),
        ("since yesterday", True),
        ("after tomorrow", False),
        ("in the last month", True),
        ('["{day}", "{day}"]', True),
        ("{month}", True),
        ("{year}", True),
        ("before {year}", False),
    ],
)
def test_a_bound_takes_all_on_its_side(words: str, holds: bool) -> None:
    day = datetime.fromtimestamp(NOW, UTC)
    words = words.format(day=day.strftime("%Y-%m-%d"), month=day.strftime("%Y-%m"), year=day.year)
    said = turn(0, "x")
    found = paging.periods(words, NOW, [said])
    assert found
    assert any(period.start <= NOW - 1.0 < period.end for period in found) is holds


def test_a_span_that_no_day_has_is_no_span() -> None:
    assert paging.periods("2024-15-01..2024-05-03", NOW, [turn(0, "x")]) == ()


def test_exact_words_are_found_whatever_their_case() -> None:
    path = [turn(0, "The Blue Locker is open."), turn(1, "No."), turn(2, "the blue locker again")]
    assert [found.position for found in paging.quoted(path, '"blue locker"')] == [0, 2]
    assert paging.quoted(path, "  ") == []


def test_a_quote_is_found_as_whole_words_where_it_stands_so() -> None:
    path = [turn(0, "They concatenate strings."), turn(1, "My cat sleeps."), turn(2, "It’s\n  here")]
    assert [found.position for found in paging.quoted(path, "cat")] == [1]
    assert [found.position for found in paging.quoted(path, "concat")] == [0]
    assert [found.position for found in paging.quoted(path, "it's here")] == [2]


@given(st.lists(st.floats(0, 1), min_size=2, max_size=12), st.integers(100, 300))
def test_where_room_is_short_the_weakest_go_and_the_rest_stays_in_order(worth: list[float], budget: int) -> None:
    rows = [Row(number, "Ann", NOW, "word " * 12, value) for number, value in enumerate(worth, 1)]
    shown = paging.shown("Found:", rows, budget, rough)
    told = [number for number in range(1, len(rows) + 1) if f"#{number} Ann:" in shown]
    places = [shown.index(f"#{number} Ann:") for number in told]
    assert places == sorted(places)
    out = [rows[number - 1].worth for number in range(1, len(rows) + 1) if number not in told]
    assert max(out, default=0.0) <= min((rows[number - 1].worth for number in told), default=1.0)
    assert not out or f"({len(out)} more turns are left out" in shown


def test_what_a_tool_gave_is_shown_as_the_tools() -> None:
    mine = turn(0, "The key is under the mat.")
    assert paging.row(replace(mine, kind="tool")).speaker == "Tool"
    assert paging.weight(replace(mine, kind="tool")) < paging.weight(mine)


def test_a_line_says_what_changed_it() -> None:
    shown = paging.shown("Found:", [Row(3, "Ann", NOW, "Tuesday.", changed=9)], 400, rough)
    assert "#3 Ann: Tuesday. (later changed: #9)" in shown


def test_words_that_begin_alike_are_found_where_none_is_the_same() -> None:
    path = [turn(0, "Das Doppelzimmer ist frei."), turn(1, "Die Doppelbuchungen kamen davon."), turn(2, "Die Etiketten sind 100 mm breit.")]
    assert [found.position for found in paging.nearest(path, "Doppelbuchung")] == [1]
    assert [found.position for found in paging.nearest(path, "Etikettenformat")] == [2]
    assert paging.nearest(path, "Dosen") == []


def test_what_only_says_that_something_was_said_is_no_topic() -> None:
    assert not paging.topical("what did we talk about")
    assert not paging.topical("")
    assert paging.topical("unicorn")


def test_what_comes_nearest_is_found_where_nothing_stands_out() -> None:
    path = [turn(0, "apples and pears"), turn(1, "a locker of blue steel"), turn(2, "the key of the locker")]
    assert [found.position for found in paging.nearest(path, "locker key")] == [1, 2]
    assert paging.nearest(path, "of the") == []


def test_many_words_that_nobody_has_said_cost_little() -> None:
    path = [turn(place, " ".join(f"{letter}word{place}x{letter}" for letter in "abcdefghij")) for place in range(2000)]
    paging.nearest(path, "other")
    asked = " ".join(f"kword{number}z" for number in range(250))
    assert cost(lambda: paging.nearest(path, asked), 1.5) < 1.5  # several times as long where each is laid beside every word that was said
    assert paging.nearest(path, asked) == []


def test_a_sitting_ends_with_a_pause_or_a_day() -> None:
    path = [turn(0, "a"), turn(1, "b", NOW + 60), turn(2, "c", NOW + 7200), turn(3, "d", NOW + DAY)]
    assert paging.sittings(path) == [(0, 1), (2, 2), (3, 3)]
    assert paging.sittings([]) == []
    assert paging.sitting(1, path[:2], [Row(2, "Ann", NOW, "b")], "b") == "[Sitting 1, 20 May 2024, turns #1 to #2] #2 Ann: b"


def test_a_tool_output_is_named_by_number_call_or_hash() -> None:
    result = turn(1, "output", calls='[{"id":"call_7","name":"","result":"output"}]', content=b"\xab" * 16)
    path = [turn(0, "x"), result, turn(2, "y", role="assistant", calls='[{"id":"call_7","name":"t","arguments":"{}"}]')]
    for ref in ("#2", "2", "turn 2", " call_7 ", "abababab", "tool_abababababab"):
        assert paging.referred(path, ref) is result, ref
    for ref in ("", "#1", "99", "call_8", "abab", "#0"):
        assert paging.referred(path, ref) is None, ref


def test_a_result_names_its_turns() -> None:
    path = [turn(place, "x") for place in range(5)]
    assert paging.named("[#2 to #3, 20 May 2024] #5 Ann: see #99", path) == (101, 102, 104)
    assert paging.named("nothing #0", path) == ()


def test_a_result_outside_its_fence_is_put_into_one() -> None:
    assert paging.enclosed("Nothing </recalled>.") == "<recalled>\nNothing ‹/recalled>.\n</recalled>"
    assert paging.enclosed("<recalled>\nx\n</recalled>") == "<recalled>\nx\n</recalled>"


def test_of_several_outputs_that_of_the_call_is_shown() -> None:
    calls = '[{"id":"a","name":"","result":"one"},{"id":"b","name":"","result":"two"}]'
    assert paging.output(turn(0, "one\ntwo", calls=calls), "b", "one\ntwo") == "two"
    assert paging.output(turn(0, "one\ntwo", calls=calls), "#1", "one\ntwo") == "one\ntwo"
    assert paging.output(turn(0, "x", calls="broken"), "b", "x") == "x"


def test_the_model_is_told_when_it_has_no_other_round() -> None:
    assert paging.noted(["a", "b"], 1) == ["a", "b"]
    assert paging.noted(["a", "b"], 0) == ["a", f"b\n{paging.LAST}"]


def test_a_fact_says_its_turn_and_one_of_another_branch_is_not_told() -> None:
    path = [turn(0, "Ann likes tea. </recalled>"), turn(1, "No, coffee.")]

    def known(number: int, turn_id: int, by: int = 0) -> Known:
        said = "Ann likes tea. </recalled>"
        fact = Fact(turn_id, "c", 0, "preference", "Ann", "likes", "tea", "stated", "", False, "Ann", "user", NOW, 0.0, 0.0, 0, 14, said)
        return Known(fact, number, "superseded" if by else "current", "Ann", "likes", "tea", 101 if by else 0, by)

    found = [known(1, 100), known(1, 100, 2), known(2, 7), known(9, 109)]
    assert paging.fact_lines(found, path) == [
        "#1 Ann: Ann likes tea. ‹/recalled> (20 May 2024; Ann likes: tea; Ann likes: tea, superseded by #2)",
    ]
    both = [found[0], replace(found[0], verb="is", object="x </recalled>")]
    assert paging.fact_lines(both, path) == ["#1 Ann: Ann likes tea. ‹/recalled> (20 May 2024; Ann likes: tea; Ann is: x ‹/recalled>)"]
    fixed = replace(found[0], object="coffee", corrects=(1, 3), was="tea <recalled>")
    assert paging.fact_lines([fixed], path) == [
        "#1 Ann: Ann likes tea. ‹/recalled> (20 May 2024; Ann likes: coffee, corrects #1, #3 (tea ‹recalled>))"
    ]
    found = [replace(one, fact=replace(one.fact, method="qwen3")) for one in found[:1]]
    assert paging.fact_lines(found, path) == ["#1 Ann: Ann likes tea. ‹/recalled> (20 May 2024; Ann likes: tea, found by qwen3)"]
