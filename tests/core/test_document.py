"""Splices give the value that the same edit of a Python value gives, and touch no byte that they do not name."""

from __future__ import annotations

import json
import re
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.core.document import Cut, Document, Extend, Insert, Put, Splice, Strike, distinct, distinct_elements
from backstory.core.layout import Layouts
from backstory.core.message import Path
from backstory.errors import DocumentError

Json: TypeAlias = bool | int | str | list["Json"] | dict[str, "Json"] | None
Place: TypeAlias = tuple[Path, Json]

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SPACE = st.text(" \t\n\r", max_size=2)
VALUES: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
RULES = settings(max_examples=150, deadline=None)


@st.composite
def spelled(draw: st.DrawFn, value: Json) -> str:
    """Some JSON text of this value: any white space, any escapes."""
    before, after = draw(SPACE), draw(SPACE)
    if isinstance(value, dict):
        members = [draw(spelled(key)) + ":" + draw(spelled(inner)) for key, inner in value.items()]
        return before + "{" + (",".join(members) or draw(SPACE)) + "}" + after
    if isinstance(value, list):
        return before + "[" + (",".join(draw(spelled(inner)) for inner in value) or draw(SPACE)) + "]" + after
    if isinstance(value, str):
        return before + '"' + "".join(draw(character(letter)) for letter in value) + '"' + after
    return before + json.dumps(value) + after


@st.composite
def character(draw: st.DrawFn, letter: str) -> str:
    """A character of a JSON string, escaped where it must be and sometimes where it need not."""
    if draw(st.integers(0, 3)) == 0:
        units = letter.encode("utf-16-be")
        return "".join(f"\\u{units[at]:02x}{units[at + 1]:02X}" for at in range(0, len(units), 2))
    return json.dumps(letter, ensure_ascii=draw(st.booleans()))[1:-1]


def places(value: Json, path: Path = ()) -> list[Place]:
    """Every value inside this one, with its path."""
    found: list[Place] = [(path, value)]
    if isinstance(value, dict):
        for key, inner in value.items():
            found += places(inner, (*path, key))
    if isinstance(value, list):
        for index, inner in enumerate(value):
            found += places(inner, (*path, index))
    return found


@st.composite
def documents(draw: st.DrawFn) -> tuple[Json, bytes]:
    value = draw(VALUES)
    return value, draw(spelled(value)).encode()


def changed(value: Json, path: Path, splice: Splice) -> Json:
    """The same edit, the obvious way; `path` is what is still to go of the splice's path."""
    if not path:
        return renewed(value, splice)
    step, rest = path[0], path[1:]
    if isinstance(value, list) and isinstance(step, int):
        if not rest and isinstance(splice, Cut):
            return value[:step] + value[step + 1 :]
        if not rest and isinstance(splice, Insert):
            return [*value[:step], json.loads(splice.value), *value[step:]]
        return [*value[:step], changed(value[step], rest, splice), *value[step + 1 :]]
    assert isinstance(value, dict)
    assert isinstance(step, str)
    if not rest and isinstance(splice, Cut):
        return {key: inner for key, inner in value.items() if key != step}
    return {**value, step: changed(value.get(step), rest, splice)}


def renewed(value: Json, splice: Splice) -> Json:
    match splice:
        case Put(_, new):
            return json.loads(new)  # type: ignore[no-any-return]
        case Extend(_, text, front) if isinstance(value, str):
            return text + value if front else value + text
        case Strike(_, text) if isinstance(value, str):
            return value.replace(text, "") if text else value
        case _:
            raise AssertionError(splice)


@st.composite
def edited(draw: st.DrawFn) -> tuple[Json, bytes, Splice]:
    """A document and one edit that can be done to it."""
    value, raw = draw(documents())
    path, found = draw(st.sampled_from(places(value)))
    choices: list[Splice] = [Put(path, json.dumps(draw(VALUES)).encode())]
    if path:
        choices.append(Cut(path))
    if isinstance(found, list):
        choices.append(Insert((*path, draw(st.integers(0, len(found)))), json.dumps(draw(VALUES)).encode()))
    if isinstance(found, dict):
        choices.append(Put((*path, draw(TEXT)), b'"new"'))
    if isinstance(found, str):
        start = draw(st.integers(0, len(found)))
        part = draw(st.sampled_from([found[start : start + 2], found[:1], draw(TEXT)]))
        choices += [Extend(path, draw(TEXT), draw(st.booleans())), Strike(path, part)]
    return value, raw, draw(st.sampled_from(choices))


@RULES
@given(documents())
def test_no_splices_keep_every_byte(case: tuple[Json, bytes]) -> None:
    _, raw = case
    assert Document(raw).apply([]) is raw


@RULES
@given(documents())
def test_every_value_is_found_at_its_path(case: tuple[Json, bytes]) -> None:
    value, raw = case
    document = Document(raw)
    for path, inner in places(value):
        assert json.loads(document.get(path)) == inner
        if isinstance(inner, dict):
            assert document.keys(path) == tuple(inner)
        if isinstance(inner, list):
            assert [json.loads(bytes(element)) for element in document.elements(path)] == inner
            assert document.length(path) == len(inner)


@settings(max_examples=250, deadline=None)
@given(edited())
def test_a_splice_gives_the_value_that_python_gives(case: tuple[Json, bytes, Splice]) -> None:
    value, raw, splice = case
    assert json.loads(Document(raw).apply([splice])) == changed(value, splice.path, splice)


@settings(max_examples=250, deadline=None)
@given(edited())
def test_a_splice_changes_one_stretch_of_bytes_only(case: tuple[Json, bytes, Splice]) -> None:
    _, raw, splice = case
    document = Document(raw)
    result = document.apply([splice])
    match splice:
        case Put(path, new) if document.has(path):
            start, end = document.span(path)
            assert result == raw[:start] + new + raw[end:]
        case Put(path, new):
            inside = result.index(new)
            assert is_insertion(raw, result)
            assert inside
        case Insert() | Extend():
            assert is_insertion(raw, result)
        case Cut():
            assert is_insertion(result, raw)
        case Strike(path, _):
            start, end = document.span(path)
            assert result[:start] == raw[:start]
            assert result.endswith(raw[end:])
            assert is_subsequence(result[start : len(result) - len(raw) + end], raw[start:end])


def is_insertion(short: bytes, long: bytes) -> bool:
    """Whether `long` is `short` with one stretch put in."""
    front = 0
    while front < len(short) and short[front] == long[front]:
        front += 1
    back = len(short) - front
    return long.endswith(short[front:]) if back else True


def is_subsequence(short: bytes, long: bytes) -> bool:
    letters = iter(long)
    return all(letter in letters for letter in short)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_splices_of_one_list_are_applied_together(data: st.DataObject) -> None:
    """Indexes are those of the document as it was: inserts before i, then i itself unless it was cut, whatever the order of the list."""
    count = data.draw(st.integers(0, 5))
    raw = data.draw(spelled([f"e{index}" for index in range(count)])).encode()
    cut = set(data.draw(st.lists(st.integers(0, count - 1), max_size=4))) if count else set()
    put = set(data.draw(st.lists(st.integers(0, count - 1), max_size=2))) if count else set()
    inserts = data.draw(st.lists(st.integers(0, count), max_size=4))
    splices: list[Splice] = [Cut((index,)) for index in cut]
    splices += [Put((index,), b'"p%d"' % index) for index in put]
    splices += [Insert((place,), b'"n%d"' % number) for number, place in enumerate(inserts)]
    wanted: list[str] = []
    for index in range(count + 1):
        wanted += [f"n{number}" for number, place in enumerate(inserts) if place == index]
        if index < count and index not in cut:
            wanted.append(f"p{index}" if index in put else f"e{index}")
    order = data.draw(st.permutations([splice for splice in splices if not isinstance(splice, Insert)]))
    result = Document(raw).apply([*order, *(splice for splice in splices if isinstance(splice, Insert))])
    assert json.loads(result) == wanted


def test_an_edit_inside_what_is_cut_or_put_is_void() -> None:
    raw = b'{"a": [ {"t": "x"} , {"t": "y"} ], "b": {"c": "z", "d": "e"}}'
    splices: list[Splice] = [
        Extend(("a", 0, "t"), "!"),
        Cut(("a", 0)),
        Extend(("b", "c"), "!"),
        Put(("b",), b"1"),
        Put(("a", 1, "new"), b"2"),
    ]
    assert Document(raw).apply(splices) == b'{"a": [ {"t": "y","new":2} ], "b": 1}'


def test_the_last_of_two_puts_counts() -> None:
    assert Document(b'{"a":1}').apply([Put(("a",), b"2"), Put(("a",), b"3"), Put(("b",), b"4"), Put(("b",), b"5")]) == b'{"a":3,"b":5}'


def test_texts_at_one_place_are_put_on_in_order() -> None:
    splices: list[Splice] = [Extend(("t",), "b"), Strike(("t",), "x"), Extend(("t",), "c"), Extend(("t",), "a", True)]
    assert Document('{"t":"x\\u0078é"}'.encode()).apply(splices) == '{"t":"aébc"}'.encode()


def test_striking_keeps_the_spelling_of_the_rest() -> None:
    raw = b'{"t":"\\u00e9\\/ <m> \\ud83d\\ude00 \\u003cm> \\n"}'
    assert Document(raw).apply([Strike(("t",), "<m>")]) == b'{"t":"\\u00e9\\/  \\ud83d\\ude00  \\n"}'


def test_striking_does_not_reach_into_an_escape() -> None:
    assert json.loads(Document(b'{"t":"\\u0041u"}').apply([Strike(("t",), "u")])) == {"t": "A"}


def test_an_escaped_backslash_is_not_half_of_a_newline() -> None:
    assert json.loads(Document(b'{"t":"a\\\\nb\\nc"}').apply([Strike(("t",), "\n")])) == {"t": "a\\nbc"}


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":1,"a":2}',
        b'{"a":1,"b":2,"a":3}',
        b'{"a":1,"\\u0061":2}',
        b'{"a":[1,2],"b":1,"a":[1,2]}',
        b'{"a": 1 , "a" : 1 }',
        b'{"a":[1],"a":[1]}',
        '{"é":1,"é":2}'.encode(),
    ],
)
def test_duplicate_keys_are_refused(raw: bytes) -> None:
    for question in (lambda: Document(raw).keys(), lambda: Document(raw).apply([Put(("b",), b"1")]), lambda: distinct(raw)):
        with pytest.raises(DocumentError):
            question()
    with pytest.raises(DocumentError):
        Document(raw).elements(("a",))
    with pytest.raises(DocumentError):
        distinct_elements(b"[{}," + raw + b"]")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"\xef\xbb\xbf{}",
        b"{",
        b'{"a":1}x',
        b'{"a":tru}',
        b'{"a":01}',
        b'{"a" 1}',
        b'{"a":"\n"}',
        b"[1,2",
        b'{"\\ud800":1}',
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"\xff":1}',
    ],
)
def test_what_is_not_json_is_refused(raw: bytes) -> None:
    document = Document(raw)
    for splice in (Put(("a",), b"1"), Cut(("a",)), Insert(("a", 0), b"1"), Extend(("a",), "x"), Strike((0,), "x")):
        with pytest.raises(DocumentError):
            document.apply([splice])
    with pytest.raises(DocumentError):
        document.elements(("a",))


@pytest.mark.parametrize(
    "splice",
    [
        Cut(()),
        Insert((), b"1"),
        Cut(("none",)),
        Cut(("list", 3)),
        Cut(("list", -1)),
        Cut(("list", "0")),
        Cut((0,)),
        Insert(("list", 4), b"1"),
        Insert(("list", -1), b"1"),
        Insert(("text", 0), b"1"),
        Insert(("object", "a"), b"1"),
        Insert(("none", 0), b"1"),
        Put(("list", 3), b"1"),
        Put(("list", "a"), b"1"),
        Put(("none", "a"), b"1"),
        Put(("text", "a"), b"1"),
        Put((0,), b"1"),
        Extend(("list",), "x"),
        Extend(("none",), "x"),
        Extend(("text",), "\ud800"),
        Put(("\ud800",), b"1"),
        Strike(("number",), "x"),
        Strike(("bad",), "x"),
        Extend(("bad",), "x"),
    ],
)
def test_an_edit_of_what_is_not_there_is_refused(splice: Splice) -> None:
    with pytest.raises(DocumentError):
        Document(b'{"list":[1,2,3],"text":"t","object":{},"number":1e400,"bad":"\xff"}').apply([splice])


def test_a_large_array_is_found_at_its_own_name_only() -> None:
    """A name that stands deeper, earlier or in a text does not lead astray."""
    for raw in (
        b'{"tools":{"messages":[1,2]},"messages":[3]}',
        b'{"tools":[{"messages":[3]}],"messages":[3]}',
        b'{"system":"\\"messages\\":[9]","messages":[3],"x":1}',
        b'{"messages": [3],"x":[{"messages":[3]}]}',
        b'{"messages":[ 3 ],"x":1}',
        b'{"messages":[3] ,"x":1}',
        b'{"\\u006dessages":[3]}',
        b'{"a":{"messages":[3]},"\\u006dessages":[3]}',
    ):
        document = Document(raw)
        assert [bytes(element) for element in document.elements(("messages",))] == [b"3"]
        whole = json.loads(raw)
        assert document.keys() == tuple(whole)
        assert {name: json.loads(document.get((name,))) for name in whole} == whole
        assert json.loads(document.apply([Insert(("messages", 1), b"4"), Put(("new",), b"5")])) == {**whole, "messages": [3, 4], "new": 5}
    with pytest.raises(DocumentError):
        Document(b'{"a":[{"messages":[1]}]}').elements(("messages",))
    with pytest.raises(DocumentError):
        Document(b'{"messages":{}}').elements(("messages",))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_the_quick_way_to_a_large_array_finds_what_the_slow_way_finds(data: st.DataObject) -> None:
    names = st.sampled_from(["m", "k", "m", "x"])
    inner: st.SearchStrategy[Json] = st.recursive(
        st.sampled_from([1, "m", '"m":[1]', "]", ",", "}"]), lambda s: st.lists(s, max_size=3) | st.dictionaries(names, s, max_size=2)
    )
    value = data.draw(st.dictionaries(names, inner, max_size=3))
    raw = json.dumps(value, separators=(",", ":")).encode()
    if data.draw(st.booleans()):
        raw = re.sub(rb"([\]\[{},:])", lambda match: match.group(1) + data.draw(st.sampled_from([b"", b" "])), raw)
    try:
        value = json.loads(raw)
    except ValueError:
        return
    quick, slow = Document(raw), Document(raw)
    assert slow.keys() == tuple(value)
    if not isinstance(value.get("m"), list):
        with pytest.raises(DocumentError):
            quick.elements(("m",))
        return
    assert [json.loads(bytes(element)) for element in quick.elements(("m",))] == value["m"]
    assert [quick.span((key,)) for key in value] == [slow.span((key,)) for key in value]
    assert [quick.span(("m", index)) for index in range(len(value["m"]))] == [slow.span(("m", index)) for index in range(len(value["m"]))]


def test_distinct_gives_the_members_of_spaced_objects_too() -> None:
    assert {key: bytes(raw) for key, raw in distinct(b' { "a" : 1 , "b" : [ 2 ] } ').items()} == {"a": b"1", "b": b"[ 2 ]"}
    assert [list(found) for found in distinct_elements(b'[ {"a":1}, 2, {} ]')] == [["a"], []]
    with pytest.raises(DocumentError):
        distinct(b"[1]")
    with pytest.raises(DocumentError):
        distinct_elements(b'{"a":1}')


@given(
    st.integers(0, 9),
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 10)), max_size=4),
    st.lists(st.integers(0, 9), max_size=4),
)
def test_runs_of_elements_go_and_others_come_in_one_pass(count: int, cuts: list[tuple[int, int]], inserts: list[int]) -> None:
    cuts = [(start, stop) for start, stop in cuts if start < count]
    places = [place for place in inserts if place <= count]
    values = list(range(count))
    gone = {at for start, stop in cuts for at in (range(start, min(stop, count)) if stop else (start,))}
    wanted: list[int] = []
    for at in range(count + 1):
        wanted += [100 + number for number, place in enumerate(places) if place == at]
        wanted += [at] if at < count and at not in gone else []
    splices: list[Splice] = [Cut(("a", start), stop) for start, stop in cuts]
    splices += [Insert(("a", place), b"%d" % (100 + number)) for number, place in enumerate(places)]
    assert json.loads(Document(json.dumps({"a": values}).encode()).apply(splices)) == {"a": wanted}


HALVES = b'{"system":"\\udc00","messages":[{"content":"a \\ud83d b","n": 1 },{"content":"\\ud83d\\ude00 \\\\ud83d"}]}'


def test_half_letters_are_read_where_that_is_asked_for_and_stay_where_no_edit_is() -> None:
    with pytest.raises(DocumentError):
        Document(HALVES).elements(("messages",))
    for held in (True, False):
        document = Document(HALVES, Layouts(7), halves=True)
        if held:
            document.hold("messages")
        first, last = (bytes(item) for item in document.elements(("messages",)))
        assert json.loads(first) == {"content": "a \ufffd b", "n": 1}
        assert json.loads(last) == {"content": "\U0001f600 \\ud83d"}
        assert document.apply([]) == HALVES
        made = document.apply([Cut(("messages", 1)), Extend(("system",), "!"), Put(("messages", 0, "n"), b"2")])
        assert made == b'{"system":"\\udc00!","messages":[{"content":"a \\ud83d b","n": 2 }]}'
        made = document.apply([Strike(("messages", 0, "content"), " b"), Extend(("messages", 0, "content"), "c ", front=True)])
        assert made == HALVES.replace(b"a \\ud83d b", b"c a \\ud83d")


@pytest.mark.parametrize("raw", [b'{"a":"\\ud83d', b'["\\ud83d"]', b'{"a":NaN,"b":"\\ud83d"}', b'{"\\ud83d":1,"\\ud83e":2}'])
def test_what_is_no_json_is_not_read_for_its_half_letters(raw: bytes) -> None:
    with pytest.raises(DocumentError):
        Document(raw, halves=True).keys()
