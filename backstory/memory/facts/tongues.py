"""Facts in languages other than English: names, homes, work, likes, what somebody has, uses or has switched to, appointments, corrections.

Rule: a sentence, or a clause of it, has the form whole, or it gives none; a sentence with a word of doubt, of a condition or of somebody
else's speech in it gives none at all. Objects are names, days and hours, or a few plain words. Verbs are named as in English, so that
later facts supersede these. A language is looked at only where a word of it stands in the sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache

from msgspec import Struct
from msgspec.structs import replace

from backstory.core.records import FactKind, Stance
from backstory.memory.facts import tongues_east, tongues_germanic, tongues_romance
from backstory.memory.facts.choices import is_choice
from backstory.memory.facts.correction_forms import POINTED, RATHER
from backstory.memory.facts.tongue import Rule, Tongue
from backstory.memory.facts.value_forms import rather
from backstory.memory.forms import Sieve

_TONGUES: dict[str, Callable[[], Tongue]] = {
    "de": tongues_germanic.german,
    "nl": tongues_germanic.dutch,
    "fr": tongues_romance.french,
    "es": tongues_romance.spanish,
    "it": tongues_romance.italian,
    "pt": tongues_romance.portuguese,
    "pl": tongues_east.polish,
    "ru": tongues_east.russian,
    "zh": tongues_east.chinese,
    "ja": tongues_east.japanese,
}
# Words of which every sentence that has a form has one. None is a common English one.
_SIGNS = {
    "de": "ich mein meine meiner meinem unser unsere wir ist wurde findet beginnt startet wohnt lebt arbeitet nein nee ne nö nicht heißt"
    " heisst quatsch falsch"
    f" doch es sie meinte fällt entschuldigung nutzen verwenden benutzen auf statt sondern beträgt lautet liegt kostet esse"
    f" {tongues_germanic.DE_DAYS}",
    "nl": f"ik mijn onze wij gebruiken heet woont werkt nee niet overgestapt overgegaan gemigreerd oeps wacht geannuleerd"
    f" afgelast afgezegd verplaatst verzet"
    f" begint {tongues_germanic.NL_DAYS}",
    "fr": f"je j mon ma notre nous c l ça utilise utilisons migré remplacé est été aura habite vit travaille non pardon désolé désolée"
    f" pas finalement {tongues_romance.FR_DAYS}",
    "es": "llamo gusta gustan encanta encantan mudé mudado mudo mi yo vivo trabajo tengo tenemos soy estoy ahora usamos uso"
    " hemos nos pasamos cambiamos migramos odio detesto es"
    " vive trabaja está fue dejado dejé renuncié renunciado fui ido despedido despidieron"
    f" perdón queda será empieza nuestro nuestra bebo como ha se la lo me equivoqué quería quise {tongues_romance.ES_DAYS}",
    "it": "mi io mio mia nostro nostra abito vivo lavoro amo adoro odio detesto non sono ho abbiamo usiamo uso siamo è sarà"
    " inizia abita vive lavora"
    f" scusa anzi {tongues_romance.IT_DAYS}",
    "pt": "eu meu minha nosso nossa chamo moro vivo mudei trabalho gosto adoro odeio detesto sou estou tenho temos usamos"
    " uso não já mudamos mudámos"
    f" saí deixei pedi demiti fui"
    f" passamos passámos migramos é será foi está mora vive trabalha desculpa aliás afinal {tongues_romance.PT_DAYS}",
    "pl": "ja się mam mamy mój moja nasz nasza mieszkam mieszka przeprowadziłem przeprowadziłam przeprowadzam pracuję pracuje"
    " lubię uwielbiam nie jestem"
    " odszedłem odeszłam zwolniłem zwolniłam był"
    " nienawidzę używamy używam korzystamy korzystam przeszliśmy zmigrowaliśmy jest będzie został została zostało przepraszam jednak"
    f" {tongues_east.PL_DAYS}",
}
_LIKE_WORDS = re.compile(r"[^\W\d_]+")
_LONGEST = 320


class Stated(Struct, frozen=True):
    """A fact in the making: `subject` "" = who speaks; `owned`: it is a thing of that one's. Spans are in the turn's text.
    `fixes`: it is said as a correction."""

    kind: FactKind
    verb: str
    stance: Stance
    subject: str
    owned: bool
    object: tuple[int, int]
    replaces: tuple[int, int]
    fixes: bool = False


def stated(text: str, start: int, end: int, *, corrects: bool) -> list[Stated]:
    """The facts that these words of a sentence state. `corrects`: the sentence before it was "no" alone. Costs next to nothing for a
    sentence without a word of another language."""
    for name in _candidates(text, start, min(end, start + _LONGEST)):
        tongue = _TONGUES[name]()
        begins = low = _led(tongue, text, start, end)
        if (fixing := tongue.fixing.match(text, begins, end)) is not None:
            low = _led(tongue, text, fixing.end(), end)
        likely = _sieve(name).likely(text[low:end].lower())
        found = [] if not likely or tongue.hedge.search(text, low, end) is not None else list(_clauses(tongue, likely, text, low, end))
        if not found and (fixed := _correction(tongue, text, begins, end, corrects)) is not None:
            found = [fixed]
        if found:
            return [replace(one, fixes=True) for one in found] if corrects or fixing is not None else found
    return []


def kinds_of(text: str) -> frozenset[str]:
    """Whether an object names a day, a time, or (what is called off) both."""
    day, time, off = _kinds()
    if off.fullmatch(text):
        return frozenset({"day", "time"})
    return frozenset(name for name, pattern in (("day", day), ("time", time)) if pattern.search(text))


def is_off(text: str) -> bool:
    """Whether these words say that something does not take place."""
    return _kinds()[2].fullmatch(text) is not None


@cache
def _kinds() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    west, romance, east = tongues_germanic, tongues_romance, tongues_east
    days = "|".join(
        (west.DE_DAYS, west.NL_DAYS, romance.FR_DAYS, romance.ES_DAYS, romance.IT_DAYS, romance.PT_DAYS, east.PL_DAYS, east.RU_DAYS)
    )
    months = "|".join(
        (
            *(west.DE_MONTHS, west.NL_MONTHS, romance.FR_MONTHS, romance.ES_MONTHS, romance.IT_MONTHS, romance.PT_MONTHS),
            *(east.PL_MONTHS, east.RU_MONTHS),
        )
    )
    hours = "|".join((west.DE_HOUR, west.NL_HOUR, romance.FR_HOUR, romance.ES_HOUR, romance.IT_HOUR, romance.PT_HOUR, r"\d{1,2} час"))
    return (
        re.compile(rf"\b(?:{days}|\d{{1,2}}\.? (?:de )?(?:{months}))\b|{east.HAN_DAY}|{east.JA_DAY}", re.I),
        re.compile(rf"\b(?:{hours})|{east.HAN_HOUR}|{east.JA_HOUR}", re.I),
        re.compile(rf"{west.DE_OFF}|{west.DE_FALLS}|{west.NL_OFF}|{romance.OFF}|{east.OFF}", re.I),
    )


@cache
def _sieve(name: str) -> Sieve[Rule]:
    # A form without its pronoun has the words of the form with it, but for that.
    return Sieve(_TONGUES[name]().rules, lambda rule: rule.elided or rule.form)


@cache
def _by_sign() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, signs in _SIGNS.items():
        for sign in signs.replace("|", " ").split():
            found[sign] = (*found.get(sign, ()), name)
    return found


def _candidates(text: str, start: int, end: int) -> Iterator[str]:
    """The languages of which a word stands in these words, those with most of them first."""
    if not text.isascii():
        said = text[start:end]
        if any("\u3040" <= sign <= "\u30ff" for sign in said):
            yield "ja"
        elif any("\u4e00" <= sign <= "\u9fff" for sign in said):
            yield "zh"
        elif any("\u0400" <= sign <= "\u04ff" for sign in said):
            yield "ru"
    signs = _by_sign()
    votes: dict[str, int] = {}
    for word in _LIKE_WORDS.findall(text, start, end):
        for name in signs.get(word.lower(), ()):
            votes[name] = votes.get(name, 0) + 1
    yield from sorted(votes, key=lambda name: -votes[name])


def _led(tongue: Tongue, text: str, start: int, end: int) -> int:
    """Where a clause begins behind "hallo, ", "merk dir, dass "."""
    for _ in range(4):
        match = tongue.lead.match(text, start, end)
        if match is None:
            break
        start = match.end()
    return start


def _clauses(tongue: Tongue, likely: Sequence[Rule], text: str, start: int, end: int) -> Iterator[Stated]:
    """What the whole says, or what each of its clauses does."""
    start, end = _bare(text, start, end)
    whole = _of(likely, text, start, end, goes_on=False)
    if whole is not None:
        yield whole
        return
    under = tongue.under.match(text, start, end)
    if under is not None and (comma := text.find(",", under.end(), end)) > 0:
        first = _of(likely, text, *_bare(text, under.end(), comma), goes_on=False)
        if first is not None:
            yield first
        start = comma + 1
    last: Stated | None = None
    while start < end:
        cut = tongue.cut.search(text, start, end)
        stop = cut.start() if cut is not None else end
        begins, stops = _bare(text, _led(tongue, text, start, stop), stop)
        found = _of(likely, text, begins, stops, goes_on=last is not None and not last.subject)
        if found is not None:
            yield found
            last = found
        start = max(cut.end(), start + 1) if cut is not None else end


def _bare(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start] in " ,;:，；：、":
        start += 1
    while end > start and text[end - 1] in " ,;:.!，；：。！、":
        end -= 1
    return start, end


def _of(likely: Sequence[Rule], text: str, start: int, end: int, *, goes_on: bool) -> Stated | None:
    for rule in likely:
        match = rule.form.fullmatch(text, start, end)
        if match is None and goes_on and rule.elided is not None:
            match = rule.elided.fullmatch(text, start, end)
        if match is not None and (found := _found(rule, match)) is not None:
            return found
    return None


def _found(rule: Rule, match: re.Match[str]) -> Stated | None:
    groups = match.groupdict()
    replaced = match.span("x") if groups.get("x") else (0, 0)
    if rule.verb == "switched to" and not (is_choice(match["o"]) or is_choice(groups.get("x") or "")):
        return None
    return Stated(rule.kind, rule.verb, rule.stance, groups.get("s") or rule.subject, rule.owned, match.span("o"), replaced)


def _correction(tongue: Tongue, text: str, start: int, end: int, corrects: bool) -> Stated | None:
    start, end = _bare(text, start, end)
    firm = (*tongue.not_but, tongue.corrects, *((tongue.goes_on,) if corrects else ()))
    for form in (*firm, *tongue.points):
        match = form.fullmatch(text, start, end)
        if match is not None:
            groups = match.groupdict()
            span = match.span("o") if groups.get("o") else match.span("name")
            verb = "is" if form in firm else POINTED
            return Stated("correction", verb, "stated", "", False, span, match.span("x") if groups.get("x") else (0, 0))
    if tongue.rather and (instead := rather(text, start, end, tongue.rather)) is not None:
        return Stated("correction", RATHER, "stated", "", False, instead.object, instead.replaces)
    return None
