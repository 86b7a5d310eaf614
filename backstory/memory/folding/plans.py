"""What plans, decisions and constraints look like in what people and models say. Expressions only; continuity.py says what they are for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from backstory.memory.forms import Form

_HEAD = Form(
    r"^[ \t#*]*(?P<head>[^\n]{0,80}?\b(?:plan|plans|steps|roadmap|to-?dos?|schritte|ablauf|vorgehen|étapes|pasos|passi|план"
    r"|шаги)\b[^\n:：]{0,40}"
    r"|[^\n:：]{0,20}(?:计划|步骤|計画|手順|계획)[^\n:：]{0,10})[*_]*[:：][*_]*[ \t]*(?P<rest>[^\n]*)$",
    re.IGNORECASE | re.MULTILINE,
)
_STEP = Form(r"[ \t]*(?:\d{1,2}[.)、]|[-*•])[ \t]*(?!\[[ xX]\])(?P<text>\S.{2,300})")
_INLINE = Form(r"(?:^|(?<=\s))\d{1,2}[.)]\s+")
_STEP_ENDS = re.compile(r"(?<=[^\W\d_]{2}[.!?])\s+(?=(?P<next>\w))")
_SEQUENCE = Form(
    r"^(?:[^\n:]{0,30}\b(?:plan|plans|steps|schritte|pasos|план)\b[^\n:]{0,30}:\s*)?"
    r"(?:first(?:ly)?\b.{8,}\b(?:then|after that|next)\b|(?:zuerst|erst(?:ens)?)\b.{8,}\b(?:dann|danach)\b"
    r"|d['’]abord\b.{8,}\b(?:ensuite|puis)\b"
    r"|primero\b.{8,}\b(?:luego|después)\b|сначала\b.{8,}\b(?:потом|затем)\b|先.{2,}(?:然后|再|次に|その後))",
    re.IGNORECASE,
)
OPEN = Form(
    r"^(?:TODO|next(?: steps?)?|remaining|left to do|open)\b ?[:-]|\b(?:still (?:need|have) to|next,? (?:i|we)(?:'ll| will)|remains to be"
    r"|is still (?:missing|open|failing)|not yet (?:done|implemented|fixed)|noch (?:offen|zu tun|nicht fertig)|als nächstes"
    r"|reste à faire|queda por hacer|осталось)\b|还需要|まだ",
    re.IGNORECASE,
)
DECIDED = Form(
    r"\b(?:we(?:'ve| have)? decided|decided (?:to|on|against|that)|agreed (?:to|on|that)|settled on|let'?s (?:use|go with|keep|drop)"
    r"|go(?:ing)? with|switch(?:ed|ing)? to|we(?:'ll| will) use|instead of|the decision is|approved|i(?:'ve| have)? (?:chosen|chose|picked)"
    r"|entschieden|beschlossen|wir (?:nehmen|verwenden|nutzen|bleiben bei)|einig(?:en|ten) uns|stattdessen"
    r"|(?:avons|ai|on a) (?:décidé|choisi)|on (?:utilise|prend|garde)|au lieu de"
    r"|(?:hemos |he )?decidi(?:do|mos)|usaremos|vamos a usar|en lugar de|elegimos|решили|решено|вместо)\b"
    r"|决定|改用|采用|決めた|決定|採用|にします",
    re.IGNORECASE,
)
BOUND = Form(
    r"^keep\b|\b(?:must(?:n'?t| not)?|never|always|do not|don'?t|only (?:use|touch|change|if)|without (?:changing|touching|breaking)"
    r"|no (?:new|more)|is not allowed|are not allowed|required to|make sure|keep to|at most|at least|no later than|deadline"
    r"|niemals|immer|d(?:arf|arfst|ürfen|ürft) (?:\w+ ){0,3}(?:nicht|nur|keine?[nrms]?|niemals)|muss|müssen|keine? (?:neuen?|weiteren?)"
    r"|spätestens|höchstens|mindestens|nicht (?:anfassen|ändern|verwenden|benutzen)"
    r"|ne (?:\w+ ){0,3}jamais|toujours|il (?:ne )?faut|doi(?:t|vent)|interdit|au plus tard|au moins"
    r"|nunca|siempre|no (?:debes|uses|toques|se puede)|deben?|hay que|prohibido|como máximo|al menos"
    r"|никогда|всегда|нельзя|обязательно|должн[аоы]?)\b|不要|不得|必须|始终|禁止|只能|必ず|絶対に|しないで|いけない",
    re.IGNORECASE,
)


def written(text: str) -> list[str]:
    """The steps of the last plan that is written out in a text, as lines or in one line; without those that have a box. At most 20."""
    found: list[str] = []
    for match in _HEAD.finditer(text):
        own = _inline(match["rest"]) if match["rest"].strip() else list(_lines(text[match.end() :]))
        found = own if len(own) > 1 else found
    return found[:20]


def in_order(sentence: str) -> bool:
    """Whether a sentence tells one thing after another: "First we migrate, then we backfill"."""
    return _SEQUENCE.match(sentence) is not None


def _inline(rest: str) -> list[str]:
    """Steps in one line; behind the sentence in which the last one stands, something else begins."""
    pieces = [piece.strip(" ;,") for piece in _INLINE.split(rest)]
    if len(pieces) < 3 or pieces[0]:
        return []
    end = next((match.start() for match in _STEP_ENDS.finditer(pieces[-1]) if match["next"].isupper()), len(pieces[-1]))
    pieces[-1] = pieces[-1][:end]
    return [piece for piece in pieces[1:] if piece]


def _lines(after: str) -> Iterator[str]:
    begun = False
    for line in after.splitlines():
        match = _STEP.match(line)
        if match is not None:
            begun = True
            yield match["text"].strip()
        elif line.strip() and (begun or not line[:1].isspace()):
            return
