"""An answer in another form is known for it; another answer is not."""

from __future__ import annotations

import json

import pytest

from backstory.memory.identity.retold import likeness

LONG = "The harbour of the old town was built in 1873, and its lantern has burnt every night since then, but for the two wars."


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("Hello!", "<think>They greet me.</think>\n\nHello!"),
        ("Hello!", "They greet me.</think>Hello!"),
        ("Hello!", "Hello! <!-- vc -->"),
        ("  Hello,\n\nyou ", "Hello, you"),
        ('{\n  "b": 1,\n  "a": "Ü"\n}', '{"a": "\\u00dc", "b": 1}'),
        ('{"a": 1}', '```json\n{"a":1}\n```'),
        ("A bold word, and a link.", "A **bold** word, and a [link](https://example.org/page)."),
        ("<p>A <b>bold</b> word &amp; more</p>", "A **bold** word & more"),
        ("👍", "👍 "),
        ("<think>They greet me.</think>Hello!", "They greet me.</think> Hello!"),
        ("<think></think>Hello!", "<think>They greet me.</think>Hello!"),
        ("<think>First.</think>Hello!", "<think>First.</think>Hello!<think>Second.</think> <!-- vc -->"),
        ("<think>They  greet me.</think>Hello!", "<!-- a --><think>They greet <b>me</b>.</think>Hello!"),
    ],
)
def test_the_same_words_are_the_same_answer(sent: str, kept: str) -> None:
    assert likeness(sent, kept) == "same"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (LONG[:60], LONG),
        (LONG[:60] + "... [58 characters cut]", LONG),
        (LONG[:40] + " [...] " + LONG[-40:], LONG),
        (LONG.replace("in 1873, ", "").replace("every night ", ""), LONG),
        (f"Mate: {LONG}", LONG),
        ("Bot: It is soup 3", "It is soup 3, and nothing"[:12]),
        (f"<think>{LONG[:60]}...", f"<think>{LONG}</think>Yes."),
        (f"<think>{LONG[:60]} [...]</think>Yes.", f"<think>{LONG}</think>Yes."),
        (f"{LONG}<!-- {LONG[:60]} -->", f"{LONG}<!-- {LONG} -->"),
    ],
)
def test_a_part_of_it_is_known(sent: str, kept: str) -> None:
    assert likeness(sent, kept) == "part"


def test_a_note_in_its_place_is_brief() -> None:
    assert likeness("(An earlier answer was left out.)", LONG * 2) == "brief"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("No.", "Yes."),
        ("Yes, it is.", "Yes."),
        (LONG.replace("1873", "1911"), LONG),
        (LONG.replace("every night", "on no night"), LONG),
        (json.dumps({"a": 2, "text": LONG}), json.dumps({"a": 1, "text": LONG})),
        ("", LONG),
        ("👎", "👍"),
        (f"<think>Once more.</think>{LONG}", f"<think>They want me to go on.</think>{LONG}"),
        (f"<think>me</think>{LONG}", f"<think>They want me to go on.</think>{LONG}"),
        (f"Once more.</think>{LONG}", f"<think>They want me to go on.</think>{LONG}"),
        (f"{LONG} <!-- seen 1 -->", f"{LONG} <!-- seen 2 -->"),
    ],
)
def test_an_edited_answer_is_another(sent: str, kept: str) -> None:
    assert likeness(sent, kept) == "other"
