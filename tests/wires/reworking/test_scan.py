"""Text of a model as it comes, looked through for thoughts and calls: what is found, what is left alone, and that pieces do not matter."""

from __future__ import annotations

import re
from functools import partial

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backstory.wires.reworking.scan import MOST, Gone, Inner, Plain, Scanner, Span, Spoken, Think
from backstory.wires.reworking.text_calls import Shapes, TextCall, Tool
from tests.growth import cost

RUN = Tool("run", {"cmd": ("string",)}, needed=True)
WRITE = Tool("write", {"path": ("string",), "content": ("string",), "lines": ("integer",)})
TOOLS = (RUN, WRITE)
LS = TextCall("run", '{"cmd":"ls"}')


def scan(parts: list[str], think: Think = "reasoning", begun: bool = False) -> list[Span]:
    """All spans, those that belong together as one."""
    scanner = Scanner(think, Shapes(TOOLS), begun=begun)
    out: list[Span] = []
    for span in [span for part in parts for span in scanner.feed(part)] + scanner.end():
        last = out[-1] if out else None
        match last, span:
            case Plain(before), Plain(after):
                out[-1] = Plain(before + after)
            case Inner(before, False), Inner(after, over):
                out[-1] = Inner(before + after, over)
            case _:
                out.append(span)
    assert not scanner.holds
    return out


def said(spans: list[Span]) -> str:
    return "".join([span.text for span in spans if isinstance(span, Plain)])


_TAGS = (
    "<think> </think> <thinking> </thinking> [THINK] [/THINK] <think>t</think> ` `` ``` ~~~ a ü✓ < > ls &lt; & <run> </run> <cmd> </cmd> "
    "<write> </write> <content> </content> <path> </path> <run><cmd>ls</cmd></run> <function_calls> </function_calls> </invoke> <n: "
    "</parameter> <tool_call> </tool_call> <function=run> <parameter=cmd> </function> <![CDATA[ ]]>"
)
PARTS = st.sampled_from(
    [
        *_TAGS.split(),
        "\n",
        " ",
        "  ",
        "\r",
        '<invoke name="run">',
        '<parameter name="cmd">',
        '{"name":"run","arguments":{}}',
        "<b class='a'>",
    ]
)
TEXTS = st.lists(PARTS, max_size=14).map("".join)


@settings(max_examples=400)
@given(TEXTS, st.data(), st.sampled_from(["keep", "reasoning", "remove"]))
def test_pieces_do_not_matter(text: str, data: st.DataObject, think: Think) -> None:
    begun = data.draw(st.booleans())
    whole = scan([text], think, begun)
    assert scan(list(text), think, begun) == whole
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
    parts = [text[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert scan(parts, think, begun) == whole


@settings(max_examples=400)
@given(TEXTS, st.sampled_from(["keep", "reasoning", "remove"]))
@example("<think>", "reasoning")
def test_nothing_is_lost_and_nothing_comes_twice(text: str, think: Think) -> None:
    """All that is told, with the text of calls in place of them, is the text, but for the tags of thoughts and white space beside cuts."""
    spans = scan([text], think)
    told = "".join([span.source if isinstance(span, Spoken) else "" if isinstance(span, Gone) else span.text for span in spans])
    bare = "".join(told.split())
    rest = iter("".join(text.split()))
    assert all(sign in rest for sign in bare), "what is told stands in the text, in this order"
    if not any(isinstance(span, Inner | Gone) for span in spans):
        assert bare == "".join(text.split())
    if all(isinstance(span, Plain) for span in spans):
        assert told == text


@given(st.text(st.sampled_from("ab `\n~*_#"), max_size=60))
def test_text_without_tags_is_told_at_once(text: str) -> None:
    """All but a run of ` or ~ at its end, and white space before the first word."""
    scanner = Scanner("reasoning", Shapes(TOOLS))
    now = said(scanner.feed(text))
    bare = re.sub(r"`+\Z|~+\Z", "", text)
    assert now == (bare if bare.strip() else "")
    assert now + said(scanner.end()) == text


def test_a_thought_at_the_beginning_is_told_as_it_comes() -> None:
    scanner = Scanner("reasoning", None)
    assert scanner.feed("\n<think>Let me") == [Inner(""), Inner("Let me")]
    assert scanner.feed(" see.</th") == [Inner(" see.")]
    assert scanner.feed("ink>\n\n") == [Inner("", over=True)]
    assert scanner.feed("Here.") == [Plain("Here.")]


@pytest.mark.parametrize("tag", ["think", "thinking", "Thought", "reasoning", "seed:think"])
def test_every_tag_of_thoughts_is_known(tag: str) -> None:
    text = f"<{tag}>a</{tag}>\n\nb"
    assert scan([text]) == [Inner("a", over=True), Plain("b")]
    assert scan([text], "remove") == [Gone(), Plain("b")]
    assert scan([text], "keep") == [Plain(text)]


@pytest.mark.parametrize("text", ["\nhm\n</think>\n\nFine.", "<think>hm\n</think>Fine."])
def test_an_answer_may_begin_within_a_thought(text: str) -> None:
    first, *rest = scan([text], begun=True)
    assert isinstance(first, Inner)
    assert first.text.strip() == "hm"
    assert rest == [Plain("Fine.")]
    assert scan([text], "remove", begun=True)[-1:] == [Plain("Fine.")]
    assert scan([text], "keep", begun=True) == [Plain(text)]


def test_one_that_never_ends_is_all_thought_or_all_text() -> None:
    assert scan(["`so` far"], begun=True) == [Inner("`so` far", over=True)]
    assert scan(["`<think>` so far"], "remove", begun=True) == [Plain("`<think>` so far")]


@pytest.mark.parametrize(("opening", "closing"), [("[THINK]", "[/THINK]"), ("◁think▷", "◁/think▷")])
def test_signs_of_thoughts_are_known(opening: str, closing: str) -> None:
    assert scan([f"{opening}a{closing}b"]) == [Inner("a", over=True), Plain("b")]


def test_a_thought_in_the_middle_is_cut_out() -> None:
    assert scan(["Yes.<think>hm</think> No."]) == [Plain("Yes."), Inner("hm", over=True), Plain(" No.")]
    assert said(scan(["Yes.<think>hm</think> No."], "remove")) == "Yes. No."


def test_an_answer_that_is_cut_off_in_its_thought_stays_one() -> None:
    assert scan(["<think>so far"]) == [Inner("so far", over=True)]
    assert scan(["<think>so far"], "remove") == [Plain("<think>so far")]
    assert scan(["Text. <think>so far"]) == [Plain("Text. <think>so far")]
    assert scan(["<thin"]) == [Plain("<thin")]


@pytest.mark.parametrize(
    "text",
    [
        "Use `<think>` and `<run><cmd>ls</cmd></run>` for that </think>.",
        "``<think>`</think>``",
        "```xml\n<run>\n<cmd>ls</cmd>\n</run>\n```",
        "~~~~\n<think>a</think>\n~~~\n<run><cmd>ls</cmd></run>\n~~~~\n",
        "  ```\n<think>a</think>\n``\n```x\n<think>a</think>",
        "> ```\n> <run><cmd>ls</cmd></run>\n> ```",
    ],
)
def test_code_is_left_alone(text: str) -> None:
    assert scan([text]) == [Plain(text)]


def test_behind_code_calls_are_found_again() -> None:
    assert scan(["```\n<run>\n```\n<run><cmd>ls</cmd></run>"])[1:] == [Spoken((LS,), "<run><cmd>ls</cmd></run>")]
    assert scan(["`a` <run><cmd>ls</cmd></run>"])[1:] == [Spoken((LS,), "<run><cmd>ls</cmd></run>")]
    assert scan(["an odd ` tick\n<run><cmd>ls</cmd></run>"])[1:] == [Spoken((LS,), "<run><cmd>ls</cmd></run>")]


def test_calls_in_thoughts_are_thoughts() -> None:
    assert scan(["<think><run><cmd>ls</cmd></run></think>ok"]) == [Inner("<run><cmd>ls</cmd></run>", over=True), Plain("ok")]


def test_two_calls_and_the_text_between_them() -> None:
    one, two = "<run><cmd>ls</cmd></run>", "<write>\n<path>a</path>\n<content>b</content>\n</write>"
    spans = scan([f"First.\n{one}\nThen.\n{two}\n"])
    assert spans == [
        Plain("First.\n"),
        Spoken((LS,), one),
        Plain("Then.\n"),
        Spoken((TextCall("write", '{"path":"a","content":"b"}'),), two),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "<run><cmd>ls</run>",
        "<run><cmd>ls</cmd>",
        "<run><cmd>ls</cmd> and so on</run>",
        "<run><other>ls</other></run>",
        "<run><cmd>a</cmd><cmd>b</cmd></run>",
        "<run></run>",
        "<run>ls</run>",
        "<walk><cmd>ls</cmd></walk>",
        '<invoke name="walk"><parameter name="cmd">ls</parameter></invoke>',
        '<invoke><parameter name="cmd">ls</parameter></invoke>',
        "<tool_call>{not json}</tool_call>",
        '<tool_call>{"name":"walk","arguments":{}}</tool_call>',
        "<function=run><parameter=cmd>ls</function>",
    ],
)
def test_what_is_no_whole_call_is_text(text: str) -> None:
    assert scan([text]) == [Plain(text)]


def test_a_call_may_be_very_long_and_costs_what_it_is_long() -> None:
    """A closing tag of the call in every line of it, and pieces of every size."""
    content = "x = '</content>'; # <content>\n" * 60_000
    text = f"<write><path>a</path><content>{content}</content></write>"
    pieces = [text[at : at + 50] for at in range(0, len(text), 50)]
    assert cost(lambda: scan(pieces), 5) < 5
    (spoken,) = scan(pieces)
    assert isinstance(spoken, Spoken)
    assert spoken.calls[0].arguments.count("x = ") == 60_000


def test_a_call_that_never_ends_is_given_up() -> None:
    scanner = Scanner("keep", Shapes(TOOLS))
    assert scanner.feed("<run><cmd>") == []
    assert said(scanner.feed("x" * MOST)) == "<run><cmd>" + "x" * MOST


def test_tags_without_end_cost_what_they_are_long() -> None:
    for text in ("<run><cmd>" * 5000 + "</cmd>" * 5000 + "<think>" * 5000, "<run><cmd>" * 3000 + "x</run>" * 3000):
        assert cost(partial(scan, ["a", text]), 5) < 5
        assert said(scan(["a", text])) == "a" + text
