"""Whether "no, Wednesday" answers what an assistant has just asked, and so says nothing of what was stated before.

Rule: a question is about something else where it asks for a value of this kind, or proposes one, and names nothing of the statement.
"""

from __future__ import annotations

import re

from backstory.core.records import Fact, Turn
from backstory.memory.facts.alike import HOUR, classes, key
from backstory.memory.facts.clock import EN_HOUR
from backstory.memory.forms import ALWAYS, Form
from backstory.memory.reading.sentences import parts

_END_CHARS = 400
_FOR_A_DAY = Form(
    r"\b(?:when|wann|wie spät|wie ?viel uhr"
    r"|quand|cuándo|(?:which|what|welche[rnm]?|quel|quelle|qué) (?:day|date|time|week|month|year|tag|datum|uhrzeit|jour|heure"
    r"|día|fecha|hora))\b",
    re.I,
)
_FOR_A_NUMBER = Form(
    r"\b(?:how (?:many|much|long|old|big|often|far)|wie ?viele?|wie lange|wie oft|combien|cuánt[oa]s?"
    r"|(?:which|what|welche[rnms]?|quel|quelle|qué)(?:'s| is| are)?(?: the| your| ist| est| es)? (?!else\b|next\b|would\b|can\b"
    r"|should\b|do\b)\w+)\b",
    re.I,
)
_FOR_A_NAME = Form(
    r"\b(?:who|whom|where|(?:which|what) colou?rs?|welche farbe"
    r"|wer|wen|wo|qui|où|quién|dónde|(?:which|welche[rnms]?|quel|quelle|cuál)|what(?:'s| is| are) (?:the|your|his"
    r"|her|its|their)"
    r"|wie hei(?:ß|ss)t|comment s'appelle|cómo se llama)\b",
    re.I,
)
_YOU = Form(r"\b(?:you|your|du|dein\w*|sie|ihr\w*|tu|ton|ta|vous|votre|tú|usted)\b", re.I)
_OF_THAT = Form(
    r"\b(?:is|are|was|ist|sind|war) (?:the|your|our|der|die|das|dein\w*|euer|eure|ihr\w*) (?:[\w'-]+ ){1,3}?"
    r"(?:also |too |auch )?(?:on|at|in|by|am|um)\b",
    re.I,
)
"""Names a thing, and proposes a value of it."""
_OF_YOU = Form(
    r"\b(?:are|will|would|can|could) you (?:come|coming|free|available|around|there|home|join|joining)\b|\b(?:do|will) you have time\b"
    r"|\b(?:kommst|kannst|bist|hast) du (?:\w+ ){0,3}?(?:frei|da|zeit|dabei|kommen|zuhause)\b|\bkommst du\b",
    re.I,
)
"""Asks what somebody does then."""
_OF_NOW = Form(
    r"\b(?:is it|is today|day is it|date is it|ist heute|haben wir heute|tag ist)\b.*\b(?:today|heute)\b|\b(?:is today|ist heute)\b", re.I
)
_HOUR_IN = Form(rf"\d|\bat {EN_HOUR}", re.I, ALWAYS)
_NAME = Form(r"[^\W_a-z][\w'-]+")
_WORDS = {"lives in": "live home", "works at": "work job company", "works as": "work job", "is called": "name call", "is aged": "old age"}
_LIKE_WORDS = re.compile(r"[^\W_]+")


def question(turn: Turn | None) -> str:
    """The question that an assistant's turn ends with, or (the last but one sentence) asks before a closing word; "" for none."""
    if turn is None or turn.role != "assistant" or turn.kind != "spoken" or "?" not in turn.text[-_END_CHARS:]:
        return ""
    said = [part.strip() for line in turn.text[-_END_CHARS:].splitlines() for part in parts(line)]
    asked = next((part for part in reversed(said[-2:]) if part.endswith("?")), "")
    # "What day is it today? Monday?" is one question.
    if asked and " " not in asked and len(said) > 1 and said[-1] == asked and said[-2].endswith("?"):
        return f"{said[-2]} {asked}"
    return asked


def answers(asked: str, fact: Fact, subject: str, relation: str, stated: str) -> bool:
    """Whether this correction answers the question rather than that it corrects what was stated (`subject`, `relation`, `stated`: of the
    fact that it would be about)."""
    if not asked or fact.replaces:
        return False
    heard = set(key(asked))
    _, mark, thing = subject.rpartition("'s ")
    himself = () if mark or not _YOU.search(asked) else key(_WORDS.get(relation, "is"))
    if heard & {*key(thing), *himself}:
        return False
    other = any(form.search(asked) is not None for form in (_OF_THAT, _OF_YOU, _OF_NOW))
    if heard.issuperset(key(stated)) and not other:
        return False
    kinds = classes(fact.object)
    hour = HOUR.fullmatch(fact.object) is not None and "time" in classes(stated)
    if kinds & {"day", "time"} or hour:
        timed = bool(classes(asked.rstrip(" ?")) & {"day", "time"}) or _FOR_A_DAY.search(asked) is not None
        return timed or (hour and (_FOR_A_NUMBER.search(asked) is not None or _HOUR_IN.search(asked) is not None))
    if "number" in kinds:
        return any(sign.isdigit() for sign in asked) or _FOR_A_NUMBER.search(asked) is not None
    named = _NAME.search(asked, len(_LIKE_WORDS.split(asked)[0]) + 1) is not None
    return named or _FOR_A_NAME.search(asked) is not None
