"""Whether "no, Wednesday" answers what an assistant has just asked, and so says nothing of what was stated before.

Rule: a question is about something else where it asks for a value of this kind, or proposes one, and names nothing of the statement.
"""

from __future__ import annotations

import re

from backstory.core.records import Fact, Turn
from backstory.memory.facts.alike import classes, key
from backstory.memory.forms import Form
from backstory.memory.reading.sentences import parts

_END_CHARS = 400
_FOR_A_DAY = Form(
    r"\b(?:when|wann|quand|cuándo|(?:which|what|welche[rnm]?|quel|quelle|qué) (?:day|date|time|week|month|year|tag|datum|uhrzeit|jour|heure"
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
_NAME = Form(r"[^\W_a-z][\w'-]+")
_WORDS = {"lives in": "live home", "works at": "work job company", "works as": "work job", "is called": "name call", "is aged": "old age"}
_LIKE_WORDS = re.compile(r"[^\W_]+")


def question(turn: Turn | None) -> str:
    """The question that an assistant's turn ends with, or (the last but one sentence) asks before a closing word; "" for none."""
    if turn is None or turn.role != "assistant" or turn.kind != "spoken" or "?" not in turn.text[-_END_CHARS:]:
        return ""
    said = [part.strip() for line in turn.text[-_END_CHARS:].splitlines() for part in parts(line)]
    return next((part for part in reversed(said[-2:]) if part.endswith("?")), "")


def answers(asked: str, fact: Fact, subject: str, relation: str, stated: str) -> bool:
    """Whether this correction answers the question rather than that it corrects what was stated (`subject`, `relation`, `stated`: of the
    fact that it would be about)."""
    if not asked or fact.replaces:
        return False
    heard = set(key(asked))
    _, mark, thing = subject.rpartition("'s ")
    himself = () if mark or not _YOU.search(asked) else key(_WORDS.get(relation, "is"))
    if heard & {*key(thing), *himself} or heard.issuperset(key(stated)):
        return False
    kinds = classes(fact.object)
    if kinds & {"day", "time"}:
        return bool(classes(asked) & {"day", "time"}) or _FOR_A_DAY.search(asked) is not None
    if "number" in kinds:
        return any(sign.isdigit() for sign in asked) or _FOR_A_NUMBER.search(asked) is not None
    named = _NAME.search(asked, len(_LIKE_WORDS.split(asked)[0]) + 1) is not None
    return named or _FOR_A_NAME.search(asked) is not None
