"""An expression that is compiled when it is needed finds what it would have found, and is not compiled where it can find nothing."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.memory.facts import alike, asked, correction_forms
from backstory.memory.facts import change_forms as fact_changes
from backstory.memory.facts import ending_forms as fact_endings
from backstory.memory.facts import extraction as facts
from backstory.memory.facts import objects as fact_objects
from backstory.memory.facts import rules as fact_rules
from backstory.memory.facts.tongues import _TONGUES
from backstory.memory.folding import plans
from backstory.memory.forms import Form, needed
from backstory.memory.reading import sentences
from backstory.memory.recall import asking, dates, dates_worded
from tests.memory.facts import table as fact_table
from tests.memory.facts import table_corrections as corrections
from tests.memory.facts import test_extraction as test_facts

_MODULES = (
    asked,
    alike,
    correction_forms,
    asking,
    dates,
    dates_worded,
    fact_changes,
    fact_endings,
    fact_objects,
    fact_rules,
    facts,
    plans,
    sentences,
)


def forms() -> list[Form]:
    """Those of the rules, of every language, and of the modules that look at each message."""
    found = [value for module in _MODULES for value in vars(module).values() if isinstance(value, Form)]
    found += [rule.pattern for rules in (*fact_rules._BY_WORD.values(), fact_rules._OTHERS) for rule in rules]
    found += [rule.pattern for module in (fact_changes, fact_endings) for rules in module._BY_WORD.values() for rule in rules]
    for tongue in (make() for make in _TONGUES.values()):
        found += [tongue.hedge, tongue.cut, tongue.lead, tongue.under, tongue.corrects, tongue.goes_on]
        found += [*tongue.not_but, *tongue.points]
        found += [form for rule in tongue.rules for form in (rule.form, rule.elided) if form is not None]
    return list({id(form): form for form in found}.values())


FORMS = forms()
TEXTS = [
    *(*fact_table.NOTHING, *(text for text, _, _ in fact_table.STATED), *(text for texts, _ in fact_table.CHANGED for text in texts)),
    *(text for texts in (*corrections.UNCHANGED, *(texts for texts, _ in corrections.CORRECTED)) for text in texts),
    *(*test_facts.NOTHING, *(text for text, _ in test_facts.STATED)),
]


def test_what_is_not_given_to_an_expression_has_no_match() -> None:
    """`needed` is also right for what a search may begin anywhere: no sentence
    of the tables is kept from an expression that finds some of it."""
    for form in FORMS:
        fresh = Form(form.pattern, form._flags, form._gist)
        passed = [text for text in TEXTS if not fresh.may_match(text, 0, len(text))]
        assert fresh._made is None
        found = re.compile(form.pattern, form._flags)
        assert [text for text in passed if found.search(text) is not None] == []


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (r"i (?:really ){0,3}use (?P<o>.+)", ("use",)),
        (r"(?:like|love)s? it", ("like", "love")),
        (r"(?:a|of) b", ()),
        (r"colou?r", ("colo",)),
        (r"(?:maybe)?", ()),
        (r"(?!never)x\w+", ()),
        (r"[abc]def|ghi", ("def", "ghi")),
        (r"[abc]def|\d+", ()),
        (r"\bword\b{2}", ("word",)),
        (r"x{2,300}yes", ("yes",)),
        (r"[^\]a]tail", ("tail",)),
        (r"\(open\)", ("open",)),
        ("", ()),
    ],
)
def test_words_that_each_match_has(source: str, words: tuple[str, ...]) -> None:
    assert needed(source) == words


_PIECES = st.sampled_from(
    ["ab", "cde", "(?:fg|hij)", "(?:kl)?", "m?", "[xyz]", ".", "(?P<n>op|q)", "(?!no)", r"\w", " rs", "tu+", "(?:vw|x|yz)"]
)


@given(st.lists(_PIECES, min_size=1, max_size=6, unique=True), st.text("abcdefghijklmopqrstuvwxyz ", max_size=30), st.booleans())
def test_any_expression_finds_the_same(pieces: list[str], text: str, bar: bool) -> None:
    source = ("|" if bar else "").join(pieces)
    compiled, form = re.compile(source), Form(source)
    one, other = compiled.search(text), form.search(text)
    assert (one and one.span()) == (other and other.span())
    assert [match.span() for match in Form(source).finditer(text)] == [match.span() for match in compiled.finditer(text)]
    assert Form(source).sub("-", text) == compiled.sub("-", text)
    assert Form(source).split(text) == compiled.split(text)
    assert Form(source).findall(text) == compiled.findall(text)


def test_what_meets_none_of_its_words_is_never_compiled() -> None:
    form = Form("unbalanced and never met(")
    assert form.search("some other text") is None
    with pytest.raises(re.error, match="missing"):
        form.search("this is UNBALANCED and never met")
