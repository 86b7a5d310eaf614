"""Whether a message asks for anything: a question, or something to be done. Thanks, greetings and remarks do not.

Rule: only an English message is judged. Whatever cannot be told is taken for a question.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from backstory.memory.forms import Form
from backstory.memory.recall import oneself
from backstory.memory.recall.question import looked_at
from backstory.memory.text import STOP_WORDS, words

# From this share of stop words on a message is English. Exclamations have few of them.
_ENGLISH_SHARE = 0.2
_MARKS = ("?", "\uff1f", "\u061f", "\u037e")
_SENTENCE_END = Form(r"(?<=[.!;:\n])\s+|\n+")
_BEFORE = " \t\"'*->(\u2022\u2013\u2014"
# What stands before what a sentence says: greetings, thanks, a name that is set off.
_LEAD = Form(
    r"(?:(?:hey|hi|hello|oh|ah|wow|ok|okay|yes|yeah|yep|no|nope|well|so|and|but|now|then|also|thanks|thank you|please|great|good|cool"
    r"|sure|right|anyway|by the way|btw|actually|honestly|quick question|question)\b(?:[,!.:\s\u2013\u2014-]+|$)"
    r"|[a-z][\w'\u2019]*[,!:](?:\s+|$))",
    re.IGNORECASE,
)
_WHO = r"(?:i|you|we|he|she|it|they|there|this|that|these|those|the|an?|my|your|our|his|her|their|any\w*|some\w*|every\w*|(?-i:[A-Z])\w+)"
_QUESTION = Form(
    r"(?:(?:(?:in|at|by|on|for|to|from|with|of|about) (?:what|which|when|whom?)|which|who|whom|whose|where|why"
    r"|any (?:idea|chance|news|other))\b"
    rf"|(?:do|does|did|is|are|am|was|were|can|could|would|will|should|shall|may|might) {_WHO}\b"
    r"|(?:have|has|had) (?:i|you|we|he|she|it|they|any\w*|(?-i:[A-Z])\w+)\b"
    rf"|when\b(?! {_WHO}\b)|(?:what|how)\b(?! an?\b)(?!.*!$))",
    re.IGNORECASE | re.DOTALL,
)
_REQUEST = Form(
    r"(?:tell|remind|list|show|give|find|recall|describe|explain|summari[sz]e|recap|name|look (?:up|for|at|into)|search|check|compare"
    r"|suggest|recommend|help|write|draft|plan|make|create|build|fix|change|update|add|remove|delete|run|use|set|put|send|call|book"
    r"|order|calculate|count|translate|continue|go (?:on|back|ahead)|let(?:['\u2019]?s| us) (?:see|check|look|continue|go back"
    r"|talk|discuss|plan|write|build|review|use)|read|open|review|refactor|implement"
    r"|prepare|pick|choose|test|print|return|rewrite|rephrase|convert|generate|design|organi[sz]e|sort|pretend|imagine|assume"
    r"|answer|reply|respond|fill|schedule|estimate|analy[sz]e|verify|install|debug|deploy|merge|commit)\b(?!['\u2019](?:d|s)\b)",
    re.IGNORECASE,
)
_WANTS = Form(
    r"\b(?:i(?:['\u2019]d| would)? (?:like|love|want|need|wish) (?:you )?to (?:know|hear|see|ask|find|remember)"
    r"|i (?:want|need) (?:you|the|an?|my|your|some)|i(?:['\u2019]m| am) (?:wondering|curious|asking|looking for|trying to)"
    r"|i wonder|i (?:forgot|forget|can['\u2019]?t remember|cannot remember|don['\u2019]?t remember|don['\u2019]?t know)"
    r"|(?:tell|remind) me|you remember|remember (?:when|what|how)"
    r"|(?:can|could|would) you|do you know|(?:as|what) (?:we|i|you) (?:said|discussed|agreed|decided|talked about)|please)\b",
    re.IGNORECASE,
)


def asks(message: str) -> bool:
    """Whether it asks, or may. Cost grows with its length."""
    if any(mark in message for mark in _MARKS) or _WANTS.search(message) is not None:
        return True
    said = words(message)
    if sum(map(STOP_WORDS.__contains__, said)) < _ENGLISH_SHARE * len(said):
        return bool(_said(message))
    sentences = (_said(sentence) for sentence in _SENTENCE_END.split(message))
    return any(_QUESTION.match(sentence) or _REQUEST.match(sentence) for sentence in sentences)


def wants(message: str, aspects: Collection[str] | None = None) -> bool:
    """Whether a person's message is to be answered with something, as far as it is read for that (question.looked_at): it asks, or names
    what its sender has told of themselves ("My home town"). `aspects`: which of that (oneself.asked), where it is known already."""
    return bool(oneself.asked(message) if aspects is None else aspects) or asks(looked_at(message)[1])


def _said(sentence: str) -> str:
    """A sentence from where it begins to say something."""
    sentence = sentence.lstrip(_BEFORE)
    while (lead := _LEAD.match(sentence)) is not None:
        sentence = sentence[lead.end() :].lstrip(_BEFORE)
    return sentence
