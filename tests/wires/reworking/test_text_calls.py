"""Calls of tools between tags: what each shape says, and what values are."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.core.translation import Function
from backstory.wires.reworking.scan import Scanner, Spoken
from backstory.wires.reworking.text_calls import Shapes, TextCall, Tool, tool_of

SCHEMA = {
    "type": "object",
    "properties": {
        "path": {"type": "string"},
        "content": {"type": "string"},
        "lines": {"type": "integer"},
        "deep": {"type": "boolean"},
        "edits": {"type": "array"},
        "maybe": {"type": ["string", "null"]},
        "any": {},
    },
    "required": ["path"],
}
EDIT = tool_of(Function("edit", "", json.dumps(SCHEMA).encode()))
PATCH = tool_of(Function("patch", "", b"", custom=True))
FREE = tool_of(Function("free", "", b'{"type":"object"}'))
NONE = tool_of(Function("none", "", b'{"type":"object","properties":{},"additionalProperties":false}'))


def calls(text: str) -> list[TextCall]:
    scanner = Scanner("keep", Shapes((EDIT, PATCH, FREE, NONE)))
    return [call for span in (*scanner.feed(text), *scanner.end()) if isinstance(span, Spoken) for call in span.calls]


def arguments(text: str) -> object:
    (call,) = calls(text)
    return json.loads(call.arguments)


@pytest.mark.parametrize(
    "text",
    [
        "<edit><path>a.py</path><lines>3</lines></edit>",
        "<edit>\n<path>a.py</path>\n<lines>\n3\n</lines>\n</edit>",
        '<edit>{"path": "a.py", "lines": 3}</edit>',
        '<invoke name="edit"><parameter name="path">a.py</parameter><parameter name="lines">3</parameter></invoke>',
        "<function_calls>\n<invoke name='edit'>\n<parameter name='path'>a.py</parameter>\n"
        "<parameter name='lines'>3</parameter>\n</invoke>\n</function_calls>",
        '<x:function_calls><x:invoke name="edit"><x:parameter name="path">a.py</x:parameter>'
        '<x:parameter name="lines">3</x:parameter></x:invoke></x:function_calls>',
        '<function_calls><invoke name="edit"><parameter name="path">a.py</parameter><parameter name="lines">3</parameter></invoke>',
        '<tool_call>\n{"name": "edit", "arguments": {"path": "a.py", "lines": 3}}\n</tool_call>',
        '<tool_call>{"name": "edit", "arguments": "{\\"path\\":\\"a.py\\",\\"lines\\":3}"}</tool_call>',
        '<tool_calls>[{"function": {"name": "edit", "arguments": {"path": "a.py", "lines": 3}}}]</tool_calls>',
        '<function_call>{"name": "edit", "parameters": {"path": "a.py", "lines": 3}}</function_call>',
        "<tool_call>\n<function=edit>\n<parameter=path>\na.py\n</parameter>\n<parameter=lines>\n3\n</parameter>\n</function>\n</tool_call>",
        "<function=edit><parameter=path>a.py</parameter><parameter=lines>3</parameter></function>",
        "<tool_call>edit\n<arg_key>path</arg_key>\n<arg_value>a.py</arg_value>\n<arg_key>lines</arg_key>\n<arg_value>3</arg_value>\n</tool_call>",
        '<invoke name="functions.edit"><parameter name="path">a.py</parameter><parameter name="lines">3</parameter></invoke>',
    ],
)
def test_every_shape_says_the_same(text: str) -> None:
    (call,) = calls(text)
    assert call.name == "edit"
    assert json.loads(call.arguments) == {"path": "a.py", "lines": 3}


def test_tags_in_values_are_part_of_them() -> None:
    inside = "<div><content>old</content></div>\n</edit> and <path>x</path> </content>"
    assert arguments(f"<edit><content>{inside} end</content><path>p</path></edit>") == {"content": f"{inside} end", "path": "p"}
    nested = '<invoke name="edit"><parameter name="path">x</parameter></invoke>'
    text = f'<invoke name="edit"><parameter name="content">see {nested} there</parameter><parameter name="path">p</parameter></invoke>'
    assert arguments(text) == {"content": f"see {nested} there", "path": "p"}


def test_cdata_is_taken_as_it_stands() -> None:
    inner = "a && b < c </content></edit> &lt; ]] >"
    assert arguments(f"<edit><path>p</path><content>\n<![CDATA[{inner}]]>\n</content></edit>") == {"path": "p", "content": inner}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("a &amp;&amp; b &lt; c", "a && b < c"),
        ("&quot;x&quot; &#65;&#x42; &apos;", '"x" AB \''),
        ("a && b", "a && b"),
        ("a & b &lt; c", "a & b &lt; c"),
        ("<b>Tom &amp; Jerry</b>", "<b>Tom &amp; Jerry</b>"),
        ("&nbsp;", "&nbsp;"),
    ],
)
def test_entities_are_read_where_all_of_a_value_is_xml(written: str, meant: str) -> None:
    assert arguments(f"<edit><path>{written}</path></edit>") == {"path": meant}


def test_values_have_the_types_of_their_parameters() -> None:
    text = "<edit><path>12</path><lines>12</lines><deep>True</deep><edits>[1, {}]</edits><maybe>null</maybe><any>[1]</any></edit>"
    assert arguments(text) == {"path": "12", "lines": 12, "deep": True, "edits": [1, {}], "maybe": None, "any": [1]}
    assert arguments("<edit><path>p</path><lines>many</lines><any>7</any></edit>") == {"path": "p", "lines": "many", "any": "7"}


def test_line_breaks_beside_tags_are_not_part_of_a_value() -> None:
    text = "<edit>\n<path>\n a.py \n</path>\n<content>\n\n  a\n  b\n\n</content>\n</edit>"
    assert arguments(text) == {"path": "a.py", "content": "\n  a\n  b\n"}
    spaced = '<invoke name="edit"><parameter name="path"> a </parameter><parameter name="content">\n b\n</parameter></invoke>'
    assert arguments(spaced) == {"path": " a ", "content": "\n b\n"}


def test_tools_of_free_text_get_it() -> None:
    patch = "*** Begin Patch\n-<a>\n+<b>\n*** End Patch"
    assert calls(f"<patch>\n{patch}\n</patch>") == [TextCall("patch", patch, custom=True)]


def test_tools_without_a_schema_take_everything_and_those_with_none_nothing() -> None:
    assert arguments("<free><a>1</a><b>x</b></free>") == {"a": "1", "b": "x"}
    assert arguments("<none></none>") == {}
    assert calls("<none><a>1</a></none>") == []


def test_a_schema_that_cannot_be_read_allows_everything() -> None:
    assert tool_of(Function("a", "", b"{nonsense")) == Tool("a", {}, others=True)


@given(st.text(st.characters(codec="utf-8", exclude_characters="<&")), st.text(st.characters(codec="utf-8", exclude_characters="<&")))
def test_values_come_through(one: str, two: str) -> None:
    text = f'<invoke name="edit"><parameter name="path">{one}</parameter><parameter name="content">{two}</parameter></invoke>'
    assert arguments(text) == {"path": one, "content": two}
