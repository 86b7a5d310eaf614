"""What is known of how statements are worded in a language other than English.

Rule: everything here is source text; expressions are compiled when a sentence may be in the language.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from backstory.core.records import FactKind, Stance
from backstory.memory.forms import Form

UP = "A-ZÀ-ÖØ-ÞĄĆĘŁŃÓŚŹŻА-ЯЁ"
NAME = rf"[{UP}][\w'.&+#-]*(?: (?:(?:de|del|da|do|della|di|la|el|am|aan|an der|von|van|sur) )?[{UP}][\w'.&+#-]*){{0,3}}"
VERSION = r"(?: v?\d+(?:\.\d+)*)?"
_VERSIONED = frozenset({"uses", "switched to"})
NO_WORK = (
    r"(?!(?:Navidad|Noël|Natal|Natale|Semana|Internet|Excel|Word|Photoshop|Python|Java|JavaScript|Rust|Go|Linux|Windows|Casa|Remoto)\b)"
)


NO_THING = (
    r"(?!(?:vie|temps|jour|journée|monde|vida|día|tiempo|mundo|vita|giorno|tempo|mondo|dia|semana|dag|tijd|leven|wereld|week|Leben|Tag|Zeit|Welt"
    r"|Woche|Sommer|Winter|été|hiver|verano|invierno|estate|inverno|verão|zomer)\b)"
)
"""What is no appointment."""


class Rule(Struct, frozen=True):
    """`subject`: "" = who speaks, or from group `s`. `owned`: it is a thing of the speaker's. `elided`: the form without its pronoun, for a
    clause that goes on from one that had it."""

    kind: FactKind
    verb: str
    form: Form
    stance: Stance = "stated"
    subject: str = ""
    owned: bool = False
    elided: Form | None = None


class Tongue(Struct, frozen=True):
    """`hedge`: what makes a sentence no statement of its author's own. `cut`: between two clauses. `lead`: what a clause may begin with.
    `under`: with which words a sentence begins whose first clause is subordinate. `fix`: words of a correction; `it_is`, `named`: what may
    stand before its object; `when`: a day or an hour; `after`: what may stand behind. `not_but`: groups x and o. `points`: what says of
    "it" that it has changed, or takes the last value back: a fact only right after what it is about. `fixing`: words of a correction in
    front of a whole statement. `rather`: of one name, or word, in the place of another (value_forms.py)."""

    rules: tuple[Rule, ...]
    hedge: Form
    cut: Form
    lead: Form
    under: Form
    corrects: Form
    goes_on: Form
    not_but: tuple[Form, ...]
    points: tuple[Form, ...] = ()
    fixing: Form = Form(r"(?!)")
    rather: tuple[Form, ...] = ()


def rules(pronoun: str, *rows: tuple[FactKind, str, str]) -> tuple[Rule, ...]:
    """`verb` with "-" before it is a denial, with "+" a plan, with "'" of a thing of the speaker's own, with "~" of "we".
    `pronoun`: a word with which forms begin that can go without it; where words are not set apart, the source of it."""
    marks: Mapping[str, Stance] = {"-": "negated", "+": "planned"}
    made: list[Rule] = []
    for kind, marked, source in rows:
        verb = marked.lstrip("-+'~")
        signs = marked[: len(marked) - len(verb)]
        stance = next((marks[sign] for sign in signs if sign in marks), "stated")
        pattern = source.replace(f"(?P<o>{NAME})", f"(?P<o>{NAME}{VERSION})") if verb in _VERSIONED else source
        gist = pattern.replace(NAME, "[n]")
        begins, instead = (pronoun, "") if pattern.startswith(pronoun) else (f"(?i:{pronoun} ", "(?i:")
        elided = None
        if pronoun and pattern.startswith(begins):
            elided = Form(instead + pattern[len(begins) :], gist=instead + gist[len(begins) :])
        made.append(Rule(kind, verb, Form(pattern, gist=gist), stance, "we" if "~" in signs else "", "'" in signs, elided))  # type: ignore[arg-type]
    return tuple(made)


def plain(no: str, least: int = 1, most: int = 4) -> str:
    """A few words, none of which is one of these."""
    word = rf"(?!(?i:{no})\b)[\w'-]+\.?"
    return rf"{word}(?: {word}){{{least - 1},{most - 1}}}?"


def when(days: str, months: str, before: str, hour: str, after: str = "") -> str:
    """A day, an hour, or several of these."""
    unit = (
        rf"(?:(?i:{days})|\d{{1,2}}(?:\.|er|º)? (?:de )?(?i:{months})(?: (?:de )?\d{{4}})?|\d{{1,2}}\.\d{{1,2}}\.(?:\d{{4}})?"
        rf"|\d{{1,2}}/\d{{1,2}}(?:/\d{{4}})?|{hour}|\d{{1,2}}:\d\d(?: Uhr)?)"
    )
    behind = rf"(?: (?i:{after}))?" if after else ""
    return rf"(?:(?i:{before}) )*{unit}(?:,?(?: (?i:{before}))* {unit}){{0,3}}{behind}"


def tongue(
    made: tuple[Rule, ...],
    *,
    hedge: str,
    cut: str,
    lead: str,
    under: str,
    fix: str,
    it_is: str,
    named: str,
    time: str,
    not_but: str,
    no: str = "",
    behind: str = "",
    closing: str = "",
    points: tuple[str, ...] = (),
    rather: tuple[str, ...] = (),
) -> Tongue:
    """Of the sources of its expressions. `no`: between a value and the one that it takes the place of; `behind`: words behind a value by
    which it does; `closing`: what is said with it behind a value that is put right."""
    value = rf"(?:(?i:{it_is})(?P<o>{time})|(?i:{named})(?P<name>{NAME}))"
    spoken = rf"(?:,? (?i:{behind}))?" if behind else ""
    spoken += rf"(?:,? (?i:{closing}))?" if closing else ""
    return Tongue(
        made,
        Form(rf"(?i:\b(?:{hedge})\b)"),
        Form(rf"(?i:{cut})|;| [–—-] |\s\("),
        Form(rf"(?i:{lead})"),
        Form(rf"(?i:(?:{under}))"),
        Form(rf"(?i:{fix})(?:[,.!:;–-]* (?i:{fix}))?(?: ?[,.!:;–—-]+)? {value}{spoken}"),
        Form(value),
        (Form(not_but), *((Form(rf"(?i:{it_is})(?P<o>{time}),? (?i:{no}) (?P<x>{time})"),) if no else ())),
        (
            *((Form(rf"(?i:{it_is})(?P<o>{time}),? (?i:{behind})"),) if behind else ()),
            *(Form(source) for source in points),
        ),
        Form(rf"(?i:{fix})(?:[,.!:;–-]+ ?(?i:{fix}))?(?:[,.!:;…]+| [–-]) ?"),
        tuple(Form(source, re.I) for source in rather),
    )
