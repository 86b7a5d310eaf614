"""Days that a question tells by their weekday alone, and weekends: "on Monday", "over the weekend", "am Samstag".

Rule: of what has been, the newest such day before the question's own is meant; of what is to come, the next one; both where the question
does not tell. A day of every week ("on Mondays", "montags"), one that is part of a name ("Black Friday", "the Sunday Times") and what
stands in quotes is none. Nothing here raises.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from datetime import date, timedelta

from msgspec import Struct

from backstory.memory.forms import Form
from backstory.memory.months import WEEKDAYS
from backstory.memory.recall.telling import PASTS
from backstory.memory.small_words import spoken
from backstory.memory.text import fold

_SATURDAY, _WEEK = 5, 7
DAYTIME = (
    r"(?: (?:early )?(?:morning|evening|night|afternoon|noon|abend|nachmittag|vormittag|mittag|früh|nacht|matin|soir|après-midi|midi"
    r"|por la (?:mañana|tarde|noche)|mattina|sera|pomeriggio|notte|avond|ochtend|middag|à (?:noite|tarde)|de manhã)\b)?"
)
"""A pattern of what may follow a day to tell a part of it."""
_WORD = re.compile(r"[^\W_]+")
_FEW_WORDS = 3
"""So few words may ask something without a verb: "And on Monday?"."""


class _Language(Struct, frozen=True):
    """`days`: patterns of the weekdays, in order. `named`: forms with the group `day`, or without one for a weekend; the groups `next` and
    `last` where the question says which. `past`: what shows that it asks about what has been. `ahead`: what shows the contrary, whatever
    else it has. `often`: what shows that no single day is meant.
    `between`: what tells a first day, before the last one."""

    days: tuple[Form, ...]
    named: tuple[Form, ...]
    past: Form
    ahead: Form
    often: Form
    between: Form | None = None


def _language(days: str, named: tuple[str, ...], past: str, ahead: str, often: str, between: str = "") -> _Language:
    """`named`: with DAY where any of the weekdays may stand."""
    patterns = days.split()
    day = f"(?P<day>{'|'.join(patterns)})"
    return _Language(
        tuple(Form(pattern, re.I) for pattern in patterns),
        tuple(Form(form.replace("DAY", day), re.I) for form in named),
        Form(rf"\b(?:{past})\b", re.I),
        Form(rf"(?<!\w)(?:{ahead})\b", re.I),
        Form(rf"\b(?:{often})\b", re.I),
        Form(rf"\b{between.replace('DAY', day)} (?P<to>{'|'.join(patterns)})\b", re.I) if between else None,
    )


_PART = r"(?: (?:morning|evening|night|afternoon|noon))?"
# "the Sunday Times": in English a capital goes on with a name.
_NO_NAME = r"(?!['’]s|\w| (?-i:(?!I\b)[A-Z]))"
_OFTEN = r"always|usually|normally|typically|often|every|each|generally|regularly"
_PRESENT = r"am|is|are|do|does|will|can|should|shall|must|may|might"
_DID = r"did|didn['’]?t|was|wasn['’]?t|were|weren['’]?t|had|hadn['’]?t|happened"
_EN = _language(
    " ".join(WEEKDAYS),
    (
        r"\b(?:on|by|since|from|until|till|for|(?P<last>this past)|during) (?:the )?(?:(?:morning|evening|night) of )?"
        rf"DAY{_PART}{_NO_NAME}",
        rf"\b(?P<before>\w+) DAY{_PART}(?=\s*(?:[?!.,;:]|$)| (?:and|or|at|in|with|when|before|after|during)\b)",
        r"\b(?:at|on|over|during|for|since|(?P<last>this past)) (?:the|this) weekend\b(?!['’]s| [A-Z])",
        r"\b(?:the|my|our|your|his|her|their) weekend(?=\s*(?:[?!.,;:]|$| (?:with|in|at|and|when|go|like)\b))",
    ),
    rf"(?<!\bis )(?<!\bare )(?<!\bbe )(?:\w{{2,}}[^\We]ed|{'|'.join(PASTS)})",
    r"will|['’]ll|going to|gonna|planned|scheduled|upcoming|coming|due|would|supposed to|tomorrow|['’]s \w+ing"
    r"|for (?:the )?(?:weekend|\w+day)",
    _OFTEN,
    r"(?:from|between) DAY (?:and|to|till|until|through)",
)
_DE_PART = r"(?:(?: |-)?(?:abend|morgen|früh|nachmittag|vormittag|mittag|nacht))?"
_DE_NEXT = r"(?P<next>(?:kommende[nmrs]?|nächste[nmrs]?) )?"
_LANGUAGES = {
    "de": _language(
        "montag dienstag mittwoch donnerstag freitag samstag|sonnabend sonntag",
        (
            rf"\b(?:am|an diesem|diesen|seit|bis|bis zum|ab|vom|von|für|zum) {_DE_NEXT}DAY{_DE_PART}\b",
            rf"\b(?:war|waren|ist|hatten?|gab es|ich|du|er|sie|es|wir|ihr|man|und|oder|(?P<next>kommenden|nächsten)) DAY{_DE_PART}\b",
            r"\bDAY(?:abend|morgen|nachmittag|vormittag|mittag|nacht)\b",
            rf"\b(?:am|übers|über das|das|dieses|seit dem|zum|fürs|vom) {_DE_NEXT}wochenende\b",
            r"\b(?P<next>kommendes|nächstes) wochenende\b",
        ),
        r"war|waren|warst|wart|hatte|hatten|hattest|wurde|wurden|ging|gab|kam|kamen|lief|passierte|geschah|machte|machten|sagte|erzählte"
        r"|(?:hat|habe|hab|hast|haben|habt|bin|ist|sind|seid) .{0,80}(?<!zu )(?<!für )(?:\w*(?<!en)ge\w{2,}(?:t|en)|\w{3,}iert"
        r"|(?:be|ver|er|ent|zer|über|unter|miss)\w{2,}(?:t|en)|los|dran|passiert)",
        r"werden?|wirst|wird|geplant|vor|an|bevor|ansteht|vorhabe|vorhaben|anstehen|kommende[nmrs]?|nächste[nmrs]?|morgen",
        r"immer|jede[nmrs]?|gewöhnlich|normalerweise|meistens?|üblicherweise|regelmäßig|oft",
        r"(?:von|vom|zwischen) DAY (?:und|bis|bis zum)",
    ),
    "fr": _language(
        "lundi mardi mercredi jeudi vendredi samedi dimanche",
        (
            r"(?<!\ble )(?<!\bles )(?<!\bchaque )\bDAY(?: (?:matin|soir|midi|après-midi))?(?P<next> prochain)?\b",
            r"\b(?:ce|le|au|du|pendant le) week-?end(?P<next> prochain)?\b",
        ),
        r"était|étaient|étais|avait|avais|avaient|fait|passée?|a eu"
        r"|(?:ai|as|a|avons|avez|ont|suis|es|est|sommes|êtes|sont) .{0,80}\w(?:é|ée|és|ées)"
        r"|(?:ai|as|a|avons|avez|ont) .{0,80}(?:vu|dit|pris|mis|bu|lu|mangé|acheté|reçu|voulu|pu|dû|été|eu|écrit)",
        r"prévue?s?|vais|vas|va|allons|allez|vont|prochaine?|demain|sera|aurai|ferai",
        r"toujours|chaque|d['’]habitude|habituellement|tous les|souvent",
    ),
    "es": _language(
        "lunes martes miércoles|miercoles jueves viernes sábado|sabado domingo",
        (
            r"\b(?:el|este|del|desde el|para el) (?P<next>próximo )?DAY\b(?P<following> que viene)?",
            r"\b(?:el|este|del|durante el) (?P<next>próximo )?(?:fin de semana|finde)\b",
        ),
        r"hice|hizo|hicimos|hicieron|hiciste|fue|fui|fuimos|fueron|fuiste|tuve|tuvo|tuvimos|estuve|estuvo|dije|dijo|era|había|vi|vimos"
        r"|(?!qué\b)\w{2,}(?:é|ó|aste|iste|asteis|aron|ieron)|(?:he|has|ha|hemos|han) \w+(?:ado|ido|cho|sto|to)",
        r"voy|vas|va|vamos|van|planeado|previsto|próximo|viene|mañana|haré|tendré|será",
        r"siempre|cada|normalmente|todos los|suelo|sueles|suele|usualmente",
    ),
    "it": _language(
        "luned[ìi] marted[ìi] mercoled[ìi] gioved[ìi] venerd[ìi] sabato domenica",
        (
            r"(?<!\bil )(?<!\bla )(?<!\bdi )(?<!\bogni )\bDAY(?: (?:mattina|sera|pomeriggio|notte))?(?P<next> prossim[oa])?(?!\w)",
            r"\b(?:nel|durante il|questo|il|lo scorso) (?:weekend|week-end|fine settimana)(?P<next> prossimo)?\b",
        ),
        r"ero|era|erano|aveva|avevo|fatto|successo|(?:ho|hai|ha|abbiamo|avete|hanno|sono|sei|è|siamo) .{0,80}\w(?:at|ut|it|tt|st|s)[oaie]",
        r"previst[oa]|prossim[oa]|domani|sarà|farò|avrò|devo|programma",
        r"sempre|ogni|di solito|normalmente|spesso",
    ),
    "nl": _language(
        "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag",
        (
            r"(?<!\bde )(?<!\been )(?<!\belke )\b(?P<next>(?:volgende|komende|aanstaande) )?DAY(?:ochtend|middag|avond|nacht)?\b",
            r"\b(?:in|van|dit|het|tijdens) (?:het )?(?P<next>(?:volgende|komende|volgend|komend) )?weekend\b",
        ),
        r"was|waren|had|hadden|deed|deden|ging|gingen|zei|gebeurde|kwam"
        r"|(?:heb|hebt|heeft|hebben|ben|bent|is|zijn) .{0,80}(?:\w*ge\w{2,}|(?:be|ver|ont|her)\w{2,}(?:d|t|en))",
        r"gepland|volgende?|komende?|aanstaande|morgen|zal|zullen|ga|gaan|moet",
        r"altijd|elke|meestal|normaal|vaak|gewoonlijk",
    ),
    "pt": _language(
        "segunda terça|terca quarta quinta sexta sábado|sabado domingo",
        (
            r"\b(?:na|no|nesta|neste|desde a|desde o|para a|para o) (?P<next>próxim[oa] )?DAY(?:-feira)?\b"
            # Most of these days are ordinals as well: "na quarta temporada".
            r"(?:(?<=feira)|(?<=bado)|(?<=mingo)|(?=\s*(?:[?!.,;:]|$)| (?:à|de manhã|passada|que|e|ou|em|no|na|ao|com|antes|depois)\b))",
            r"\b(?:no|neste|durante o|o) (?P<next>próximo )?(?:fim de semana|final de semana)\b",
        ),
        r"fiz|fez|fizemos|fizeram|fui|foi|fomos|foram|estive|esteve|disse|tive|teve|era|havia|tinha|aconteceu|vi|viu"
        r"|\w{2,}(?:ei|ou|eu|iu|aram|eram|iram)",
        r"vou|vais|vai|vamos|vão|planejado|planeado|marcado|previsto|próxim[oa]|vem|amanhã|será|farei|terei",
        r"sempre|cada|normalmente|todas? as|todos os|costumo|geralmente",
    ),
}
_NOT_BEFORE_WORDS = "the a an every each about of is it s this that next last my your our his her their good black"
_NOT_BEFORE = frozenset(_NOT_BEFORE_WORDS.split())
_QUOTES = ('"', "“", "„", "«")
_SIGN_WORDS = """
    fim weekend woche wochenende week semana finde settimana
    lundi mardi mercredi jeudi vendredi samedi dimanche lunes martes miércoles miercoles jueves viernes sábado sabado domingo
    lunedì martedì mercoledì giovedì venerdì lunedi martedi mercoledi giovedi venerdi sabato domenica
    segunda terça terca quarta quinta sexta
"""
_GERMAN = ("montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag", "sonnabend", "sonntag")
_GERMAN_PARTS = ("", "abend", "morgen", "früh", "nachmittag", "vormittag", "mittag", "nacht")
_DUTCH = ("maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag")
_SIGNS = frozenset(_SIGN_WORDS.split()).union(
    (day + part for day in _GERMAN for part in _GERMAN_PARTS), (day + part for day in _DUTCH for part in ("", "ochtend", "middag", "avond"))
)
_DAYS = {
    word: name
    for name, words in {
        "de": "montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag wochenende",
        "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche",
        "es": "lunes martes miercoles jueves viernes",
        "it": "lunedi martedi mercoledi giovedi venerdi sabato domenica",
        "nl": "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag",
    }.items()
    for word in words.split()
}
"""Words that only one language has for its days: short questions show no other sign of it."""


def names_day(words: Collection[str]) -> bool:
    """Whether one of these words in small letters is a weekday or of a weekend, in another language than English."""
    return not _SIGNS.isdisjoint(words)


def weekdays(text: str, question: str, here: date, week: date | None, when: str | None = None) -> tuple[list[tuple[date, int]], str]:
    """Days, each with how many it stands for, and the text without their words. `text`: the question without the times that are read
    already. `week`: the first day of the week that is told beside them. `when`: the tense, where that is known (see `tense`)."""
    language = _read_in(question)
    if language.often.search(question) is not None:
        return [], text
    if when is None:
        when = tense(question, language)
    found: list[tuple[date, int]] = []
    for match in list(language.between.finditer(text)) if language.between is not None else []:
        found += _from_to(match, language, here, week, when)
        text = text[: match.start()] + " " * (match.end() - match.start()) + text[match.end() :]
    for form in language.named:
        for match in list(form.finditer(text)):
            if _meant(text, match):
                found += _dated(match, language, here, week, when)
                text = text[: match.start()] + " " * (match.end() - match.start()) + text[match.end() :]
    return sorted(set(found)), text


def looking_back(text: str) -> str:
    """The question with "this weekend" and "this Friday" as it has them where they have been."""
    return _THIS.sub(lambda match: f"over the {match[1]}" if match[1].lower() == "weekend" else f"on {match[1]}", text)


def language_of(words: Sequence[str]) -> str:
    """The language ("de") of these folded words, by those of its days where they show no other sign of it; "" for English."""
    return spoken(words) or next((_DAYS[word] for word in words if word in _DAYS), "")


def _read_in(question: str) -> _Language:
    return _LANGUAGES.get(language_of(_WORD.findall(fold(question))), _EN)


def tense(question: str, language: _Language | None = None) -> str:
    """ "past" where it asks about what has been, "ahead" about what is to come, "" where that is not told."""
    if language is None:
        language = _read_in(question)
    ahead = language.ahead.search(question) is not None
    if language is _EN:
        past = _english_past(question)
    else:
        past = language.past.search(question) is not None
        if language is _LANGUAGES["de"] and ahead and past:
            return "ahead" if _GERMAN_AHEAD.search(question) is not None else "past"
    if past == ahead:
        return "" if past or len(question.split()) <= _FEW_WORDS else "ahead"
    return "past" if past else "ahead"


_THIS = Form(rf"\bthis (weekend|{'|'.join(WEEKDAYS)})\b", re.I)
_GERMAN_AHEAD = Form(r"\b(?:vor|an|bevor)\s*[?!.]*\s*$|\bgeplant\b", re.I)
_ASKED_TO = Form(r"\b(?:do|can|could|would|will) you (?:please )?(?:remember|recall|know|tell|remind|list|show|say|find)\b", re.I)
_HAVE = r"(?:(?:have|has) (?:i|you|we|they|he|she|it|(?-i:[A-Z])\w+)|['’]ve)"
_HAS_DID = Form(rf"\b(?:{_DID}|since|{_HAVE} (?:\w+ )?(?:done|been|seen|\w+ed|{'|'.join(PASTS)}))\b", re.I)
_HAS_PRESENT = Form(rf"\b(?:{_PRESENT})\b", re.I)


def _english_past(question: str) -> bool:
    """An auxiliary of the past, or a past with none of the present: "is it closed"."""
    question = _ASKED_TO.sub(" ", question)
    if _HAS_DID.search(question) is not None:
        return True
    return _HAS_PRESENT.search(question) is None and _EN.past.search(question) is not None


def _meant(text: str, match: re.Match[str]) -> bool:
    """Whether it is no part of a name and of no quotation."""
    before = match.groupdict().get("before")
    if before is not None and (before.lower() in _NOT_BEFORE or before[0].isupper()):
        return False
    ahead = text[: match.start()]
    return ahead.count('"') % 2 == 0 and not any(ahead.rfind(sign) > max(ahead.rfind("”"), ahead.rfind("»")) for sign in _QUOTES[1:])


def _from_to(match: re.Match[str], language: _Language, here: date, week: date | None, when: str) -> Iterator[tuple[date, int]]:
    """From one weekday to another: of what has been, those that ended last."""
    first, last = (_number(match[name], language) for name in ("day", "to"))
    length = (last - first) % _WEEK + 1
    today = here.weekday()
    if week is not None:
        yield week + timedelta(days=(first - week.weekday()) % _WEEK), length
        return
    if when != "ahead":
        yield here - timedelta(days=(today - last) % _WEEK + length - 1), length
    if when != "past":
        yield here + timedelta(days=(first - today - 1) % _WEEK + 1), length


def _number(name: str, language: _Language) -> int:
    return next(at for at, day in enumerate(language.days) if day.fullmatch(name))


def _dated(match: re.Match[str], language: _Language, here: date, week: date | None, when: str) -> Iterator[tuple[date, int]]:
    told = match.groupdict()
    name = told.get("day")
    first = _SATURDAY if name is None else _number(name, language)
    length = 2 if name is None else 1
    if week is not None:
        yield week + timedelta(days=(first - week.weekday()) % _WEEK), length
        return
    if told.get("next") or told.get("following"):
        when = "ahead"
    elif told.get("last"):
        when = "past"
    today = here.weekday()
    if when != "ahead":
        # A weekend that has begun is the newest, unless it began today.
        back = (today - first - 1) % _WEEK + 1 if name is not None else (today - first) % _WEEK
        yield here - timedelta(days=back), length
        if name is None and not back:
            yield here - timedelta(days=_WEEK), length
    if when != "past":
        yield here + timedelta(days=(first - today - 1) % _WEEK + 1 if name is not None else (first - today) % _WEEK), length
