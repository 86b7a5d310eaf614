"""Requests for a title or a summary of a conversation that they bring with them: told by their shape, where no known client's words are.

Rule: one message, no tools, nothing that it builds on (see side.py). Either the first sentence of the system prompt sets the task, or it is
set beside a conversation that the message quotes. Who asks about a conversation without quoting one asks memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, TypeAlias

Task: TypeAlias = Literal["title", "summary", ""]

# Things that have the word for a conversation in their names.
_THINGS = r"(?!\s+(?:shows?|apps?|rooms?|bots?|support|windows?|interface|skills?|partners?|starters?))"
_WORDS = {
    # To make something; in scripts whose verbs come last.
    "d": r"(?:generat|creat|writ|produc|provid|suggest|giv|output|craft|mak|devis|return|propos)\w*|(?:respond|reply|com(?:e|ing) up) with"
    r"|erzeug\w*|erstell\w*|schreib\w*|génér\w+|cré\w+|écri\w+|rédig\w+|escrib\w+|crea\w*|scriv\w+|создай\w*|придумай\w*|напиши\w*",
    "c": r"生成|写|起|作成",
    # To sum up.
    "s": r"summari[sz](?:e|es|ing)|zusammenfass(?:en|t)|fasse?|résume[rz]?|resum[ae]\w*|riassum\w*|总结|總結|概括",
    # A title; a summary.
    "n": r"titles?|headlines?|headings?|captions?|subject lines?|name|label|topic|titel|überschrift|titres?|títulos?|titol[oi]|заголов\w+"
    r"|назван\w+|标题|標題|主题|タイトル",
    "u": r"summary|summaries|zusammenfassung|résumé|resumen|riassunto|摘要|要約",
    # A conversation; what shows one.
    "t": r"(?:conversations?|chats?|dialog(?:ue)?s?|transcripts?|(?:coding|this|the) session"
    rf"|user'?s? (?:first )?(?:message|query|question|prompt|input)){_THINGS}"
    r"|gespräch\w*|unterhaltung\w*|conversación|diálogo|conversazione|разговор\w*|диалог\w*|会话|會話|对话|對話|聊天|会話",
    "g": r"based on|from|given|for|read|here is|below is|根据|根據",
}
_TOKEN = re.compile(
    rf"(?<![a-zäöüéèáíóúа-я])(?:{'|'.join(f'(?P<{kind}>{words})' for kind, words in _WORDS.items())})(?![a-zäöüéèáíóúа-я])", re.IGNORECASE
)
# Of kinds in their order: to make a title for a chat, to make a chat's title, to sum up a chat, from a chat make a title.
_TASK = re.compile(r"[dcs]\w*[nu]\w*t|[dcs]\w*t\w*[nu]|s\w*t|t\w*[cs]\w*[nu]|g\w*t\w*[dcs]\w*[nu]")
# Beside a quoted conversation the task need not say of what.
_ORDER = re.compile(r"[dcs]\w*[nu]|s")
_TRADE = re.compile(r"\b(?:conversation|chat|dialogue?|session) (title|name|summary)\w* (?:generator|writer|assistant)", re.IGNORECASE)
# It sets how somebody is answered, who speaks, or a conversation that is to be made up.
_ANSWERS = re.compile(
    r"^answer\b|\b(?:(?:then|and) answer|before (?:you )?(?:answer|reply|respond)|(?:respond|reply)\w* to\b|in (?:each|every)\b"
    r"|(?:provid|giv|writ|generat|produc|creat)\w* (?:an? |the |your )?(?:\w+ ){0,2}(?:answers?|reply|replies|responses?)\b"
    r"|(?:your|its|user'?s?) name\b|(?:writ|generat|creat|mak|invent)\w* (?:an? |some )?(?:\w+ )?(?:conversation|dialog(?:ue)?|chat)s?\b"
    r"(?!['’]?s?\s(?:titles?|names?|topics?|labels?|head\w+|captions?|summar\w+|history|logs?|transcripts?|sessions?)\b))",
    re.IGNORECASE,
)
_APART = re.compile(r"\b(?:with|for|of|in|from|that|which|using)\b", re.IGNORECASE)
"""Between the verb and the title: what is made is something else, which has one."""
_BEGINS = re.compile(r"(?:^|[.!?:\n>`\"])\s*(?:please |now |then |task: ?|bitte )?$", re.IGNORECASE)
_STEM = re.compile(
    "titl|headline|heading|caption|subject line|name|label|topic|summar|titel|überschrift|fass|titre|títul|titol|résum|resum|riassu"
    "|заголов|назван|标题|標題|主题|タイトル|摘要|要約|总结|總結|概括"
)
_ROLE = re.compile(r"^[ \t>*_#\[\"-]{0,6}(user|human|assistant|ai|bot|model|用户|助手)[\]*_\"]{0,3}\s?[:：]", re.IGNORECASE | re.MULTILINE)
_ELEMENT = re.compile(r"<(?:conversation|chat|chat[_-]history|dialog|dialogue|history|messages|transcript|session)>", re.IGNORECASE)
_ASKED = frozenset(("user", "human", "用户"))
_POLITE = re.compile(r"\s{0,9}you are an? [^.\n]{0,60}[.\n]\s{0,9}", re.IGNORECASE)
_SENTENCE = re.compile(r"[.!?。！？\n]")
_BULLETS = " \t\r\n-*#>"
# Words of one task stand so near to each other (characters), on one line.
_NEAR = 90
_SENTENCE_CHARS, _SET_CHARS, _QUOTED_CHARS, _SYSTEM_CHARS, _BEFORE_CHARS = 300, 500, 6_000, 4_000, 24


def naming(system: str, message: str) -> Task:
    """What a request with this system prompt and this one message asks for. Bounded, whatever their size: some microseconds for most."""
    if len(system) <= _SYSTEM_CHARS and (found := _first_set(system)):
        return found
    if not _quotes(message[:_QUOTED_CHARS]):
        return ""
    texts = (system[:_SET_CHARS], message[:_SET_CHARS], message[-_SET_CHARS:])
    return next((found for text in texts if (found := _set(text) or _ordered(text))), "")


def _first_set(system: str) -> Task:
    """What the first sentence sets that sets anything: "You are a helpful assistant." does not."""
    text = system[:_SENTENCE_CHARS].lstrip(_BULLETS)
    if not _speaks(text):
        return ""
    polite = _POLITE.match(text)
    if polite is not None and not _set(polite[0]):
        text = text[polite.end() :].lstrip(_BULLETS)
    first = _SENTENCE.split(text, maxsplit=1)[0]
    return _set(first) if _ANSWERS.search(first) is None else ""


def _speaks(text: str) -> bool:
    """Whether it can be about a title or a summary at all."""
    return _STEM.search(text.lower()) is not None


def _set(text: str) -> Task:
    if not _speaks(text):
        return ""
    trade = _TRADE.search(text)
    if trade is not None:
        return "summary" if trade[1].lower() == "summary" else "title"
    return next((_kind(found[0]) for kinds, _ in _runs(text) if (found := _TASK.search(kinds))), "")


def _ordered(text: str) -> Task:
    """What a sentence that begins with its verb wants."""
    if not _speaks(text):
        return ""
    for kinds, starts in _runs(text):
        for place, start in enumerate(starts):
            found = _ORDER.match(kinds, place)
            if found is None or _BEGINS.search(text[max(0, start - _BEFORE_CHARS) : start]) is None:
                continue
            if _APART.search(text, start, starts[found.end() - 1]) is None:
                return _kind(found[0])
    return ""


def _runs(text: str) -> Iterator[tuple[str, list[int]]]:
    """The kinds of the words that stand near to each other, and where they begin."""
    kinds, starts, end = "", list[int](), 0
    for match in _TOKEN.finditer(text):
        if kinds and (match.start() - end > _NEAR or "\n" in text[end : match.start()]):
            yield kinds, starts
            kinds, starts = "", []
        kinds += match.lastgroup or ""
        starts.append(match.start())
        end = match.end()
    yield kinds, starts


def _kind(kinds: str) -> Task:
    return "title" if "n" in kinds else "summary"


def _quotes(text: str) -> bool:
    """Whether a text brings a conversation with it: in an element of that name, or with both its sides by their roles."""
    if "<" in text and _ELEMENT.search(text):
        return True
    if ":" not in text and "：" not in text:
        return False
    roles = {match[1].lower() for match in _ROLE.finditer(text)}
    return bool(roles & _ASKED) and bool(roles - _ASKED)
