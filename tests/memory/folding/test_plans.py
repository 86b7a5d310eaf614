"""What plans, decisions and constraints look like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.memory.folding.plans import BOUND, DECIDED, in_order, written


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("The plan:\n1. write tests\n2. refactor it\n3. update docs", ["write tests", "refactor it", "update docs"]),
        ("Plan: 1. write tests in a.py 2. refactor b.py 3. update c.md.", ["write tests in a.py", "refactor b.py", "update c.md."]),
        ("My plan: 1. move the table 2. drop the index. We use Go. Mind src/a.py.", ["move the table", "drop the index."]),
        ("Plan: 1) ask Dr. Who; 2) mend it, e.g. with tape! Then: tea.", ["ask Dr. Who", "mend it, e.g. with tape!"]),
        ("План: 1. написать тесты 2. обновить код. Мы решили взять Go.", ["написать тесты", "обновить код."]),
        ("Here is my plan:\n\n- Write tests\n- Refactor\n\nShall I start?", ["Write tests", "Refactor"]),
        ("**Next steps:**\n* this one\n* that one\nAnd so on.", ["this one", "that one"]),
        ("Der Plan:\n1. Tests schreiben\n2. Klasse umbauen\n\nFertig.", ["Tests schreiben", "Klasse umbauen"]),
        ("计划：\n1. 写测试\n2. 重构代码", ["写测试", "重构代码"]),
        ("The plan:\n1. old one\n2. old two\n\nNo, the new plan:\n1. new one\n2. new two", ["new one", "new two"]),
        ("TODO:\n- [x] done\n- [ ] open", []),
        ("What is the plan: red or blue?", []),
        ("The plan: just one thing.", []),
        ("Ingredients:\n1. flour\n2. eggs", []),
    ],
)
def test_the_last_plan_that_is_written_out(text: str, steps: list[str]) -> None:
    assert written(text) == steps


@pytest.mark.parametrize(
    "text",
    [
        "First we migrate the table, then we backfill.",
        "Zuerst bauen wir um, dann testen wir.",
        "D'abord on migre la table, ensuite on teste.",
        "My plan: first migrate the table, then drop the index.",
        "Unser Plan für heute: zuerst bauen wir um, dann testen wir.",
    ],
)
def test_one_thing_after_another(text: str) -> None:
    assert in_order(text)
    assert not in_order("First of all, thank you very much for that.")


@pytest.mark.parametrize(
    "text",
    [
        "Wir dürfen das nie und niemals anfassen",
        "Il ne faut jamais toucher à ça",
        "No uses esa biblioteca",
        "不要修改这个文件",
        "必ずテストを書くこと",
    ],
)
def test_constraints_in_other_languages(text: str) -> None:
    assert BOUND.search(text)


@pytest.mark.parametrize(
    "text", ["Wir haben uns für Decimal entschieden", "On a choisi Postgres", "Hemos decidido usar Go", "我们决定改用 Go"]
)
def test_decisions_in_other_languages(text: str) -> None:
    assert DECIDED.search(text)


@given(st.text(max_size=300))
def test_nothing_raises_and_steps_are_words_of_the_text(text: str) -> None:
    assert all(step in text for step in written(text))
