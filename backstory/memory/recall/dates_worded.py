"""Dates as people word them, in the words that dates.py reads: "the summer of last year", "Halloween", "letzten Sommer", "il y a trois
semaines", "2026年3月1日".

Rule: what is not known stays as it is. A language is read only where its own small words show that the text is in it: "hier" is
yesterday in French, and here in German.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Iterator, Mapping
from datetime import date

from msgspec import Struct

from backstory.memory.forms import Form
from backstory.memory.months import MONTHS
from backstory.memory.recall.dates_german import GERMAN
from backstory.memory.small_words import spoken
from backstory.memory.text import fold

_SEASON_ENDS = {"spring": 5, "summer": 8, "fall": 11, "autumn": 11, "winter": 2}
_TURNED = f"(?P<part>{'|'.join(MONTHS)}|{'|'.join(_SEASON_ENDS)})"
_OF_YEAR = Form(rf"\b(?P<day>\d{{1,2}} )?{_TURNED}(?: of|,| in)?(?: the)? (?P<which>last|previous|this|next) year\b", re.I)
_LAST_MONTH = Form(rf"\b(?:last|this past|past) (?P<month>{'|'.join(MONTHS)})\b(?!,? (?:of )?\d{{4}})", re.I)
_BEFORE_LAST = Form(rf"\bthe {_TURNED} before last\b", re.I)
_PART_OF = Form(
    rf"\b(?:(?P<where>end|close|start|beginning|middle) of|(?P<short>early|mid|late)(?: in)?)[ -](?P<month>{'|'.join(MONTHS)})\b"
    r"(?P<year>,? \d{4})?",
    re.I,
)
_DAYS_OF = {"end": (21, 31), "close": (21, 31), "late": (21, 31), "middle": (11, 20), "mid": (11, 20)}
_EARLY, _COMMON_YEAR = (1, 10), 2025
_SLASHED = Form(r"\b(\d{1,2})/(\d{1,2})/(\d{4})\b")
_FEASTS = {
    "christmas eve": (12, 24),
    "christmas day": (12, 25),
    "christmas": (12, 25),
    "boxing day": (12, 26),
    "new year's eve": (12, 31),
    "new years eve": (12, 31),
    "new year's day": (1, 1),
    "halloween": (10, 31),
    "valentine's day": (2, 14),
    "valentines day": (2, 14),
}
_CHRISTMAS = "24-26"
"""What people did "at Christmas" they did on one of these days of December."""
_MOVED_FEASTS = ("easter", "good friday", "pentecost", "thanksgiving")
_FEAST_WORDS = frozenset(word for name in (*_FEASTS, *_MOVED_FEASTS) for word in name.replace("'", " ").split() if len(word) > 2)
_FEAST = Form(rf"\b(?P<which>last |this |next )?(?P<feast>{'|'.join(sorted(_FEASTS, key=len, reverse=True))})\b(?P<year>,? \d{{4}})?", re.I)


class _Language(Struct, frozen=True):
    """`months`: twelve, in order, variants with a bar between. `units`: words of days, weeks, weekends,
    months, years, seasons. `ago`, `last`: patterns with the groups count, unit and unit; `days`: words of a day by themselves.
    `parts`: how the beginning, the middle and the end of a month are called. `turned`: what is worded in another way than by these, and how
    English has it, months and units left as they are."""

    months: tuple[str, ...]
    units: Mapping[str, str]
    ago: str
    last: str
    days: Mapping[str, str]
    counts: Mapping[str, int]
    parts: tuple[str, str, str]
    joints: str = ""
    turned: tuple[tuple[Form, str | Callable[[re.Match[str]], str]], ...] = ()


def _months(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _pairs(text: str) -> dict[str, str]:
    return {key.replace("_", " "): value for key, value in (pair.split("=") for pair in text.split())}


def _numbers(text: str) -> dict[str, int]:
    return {word: number for number, words in enumerate(text.split(), 1) for word in words.split("|")}


_LANGUAGES = {
    "de": _Language(
        _months("januar|jänner februar märz april mai juni juli august september oktober november dezember"),
        _pairs(
            "tag=day tage=day tagen=day woche=week wochen=week wochenende=weekend monat=month"
            " monate=month monaten=month jahr=year jahre=year"
            " jahren=year jahres=year frühling=spring frühjahr=spring sommer=summer"
            " herbst=fall winter=winter montag=monday dienstag=tuesday"
            " mittwoch=wednesday donnerstag=thursday freitag=friday samstag=saturday sonntag=sunday"
        ),
        r"vor (?P<count>\w+) (?P<unit>tag|tagen|woche|wochen|monat|monaten|jahr|jahren)",
        r"(?:letzte[nmrs]?|vergangene[nmrs]?|vorige[nmrs]?) (?P<unit>\w+)",
        _pairs(
            "vorgestern=the_day_before_yesterday übermorgen=the_day_after_tomorrow gestern=yesterday heute=today"
            " morgen=tomorrow heute_morgen=this_morning"
            " gestern_morgen=yesterday"
            " guten_morgen=hello weihnachten=christmas heiligabend=christmas_eve silvester=new_year's_eve neujahr=new_year's_day"
            " ostern=Easter karfreitag=Good_Friday ostermontag=Easter_Monday pfingsten=Pentecost"
        ),
        _numbers("ein|einem|einer zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn"),
        (r"anfang", r"mitte", r"ende"),
        turned=GERMAN,
    ),
    "fr": _Language(
        _months("janvier février|fevrier mars avril mai juin juillet août|aout septembre octobre novembre décembre|decembre"),
        _pairs(
            "jour=day jours=day semaine=week semaines=week week-end=weekend mois=month an=year"
            " ans=year année=year années=year printemps=spring"
            " été=summer automne=fall hiver=winter lundi=monday mardi=tuesday"
            " mercredi=wednesday jeudi=thursday vendredi=friday samedi=saturday"
            " dimanche=sunday"
        ),
        r"il y a (?P<count>\w+) (?P<unit>jours?|semaines?|mois|ans?|années?)",
        r"(?:l['’]|la |le )?(?P<unit>[\w-]+) (?:derni(?:er|ère)|passée?)",
        _pairs(
            "avant-hier=the_day_before_yesterday hier=yesterday aujourd'hui=today demain=tomorrow noël=christmas"
            " réveillon_de_noël=christmas_eve nouvel_an=new_year's_day saint-sylvestre=new_year's_eve saint-valentin=valentine's_day"
        ),
        _numbers("un|une deux trois quatre cinq six sept huit neuf dix onze douze"),
        (r"début|commencement", r"mi|milieu", r"fin"),
    ),
    "es": _Language(
        _months("enero febrero marzo abril mayo junio julio agosto septiembre|setiembre octubre noviembre diciembre"),
        _pairs(
            "día=day días=day dia=day dias=day semana=week semanas=week mes=month meses=month"
            " año=year años=year primavera=spring verano=summer"
            " otoño=fall invierno=winter lunes=monday martes=tuesday miércoles=wednesday jueves=thursday viernes=friday sábado=saturday"
            " domingo=sunday"
        ),
        r"hace (?P<count>\w+) (?P<unit>d[ií]as?|semanas?|mes(?:es)?|años?)",
        r"(?:el |la )?(?P<unit>\w+) pasad[oa]",
        _pairs(
            "anteayer=the_day_before_yesterday ayer=yesterday hoy=today navidad=christmas nochebuena=christmas_eve"
            " nochevieja=new_year's_eve año_nuevo=new_year's_day san_valentín=valentine's_day"
        ),
        _numbers("un|una dos tres cuatro cinco seis siete ocho nueve diez once doce"),
        (r"principios?|comienzos?|inicios?", r"mediados", r"final|finales|fines|fin"),
        r"de |del ",
    ),
    "it": _Language(
        _months("gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre"),
        _pairs(
            "giorno=day giorni=day settimana=week settimane=week mese=month mesi=month"
            " anno=year anni=year primavera=spring estate=summer"
            " autunno=fall inverno=winter lunedì=monday martedì=tuesday mercoledì=wednesday"
            " giovedì=thursday venerdì=friday sabato=saturday"
            " domenica=sunday"
        ),
        r"(?P<count>\w+) (?P<unit>giorn[oi]|settiman[ae]|mes[ei]|ann[oi]) fa",
        r"(?:l['’]|la |il )?(?P<unit>\w+) scors[oa]",
        _pairs(
            "ieri=yesterday l'altro_ieri=the_day_before_yesterday oggi=today domani=tomorrow natale=christmas"
            " vigilia_di_natale=christmas_eve capodanno=new_year's_day san_valentino=valentine's_day"
        ),
        _numbers("un|uno|una due tre quattro cinque sei sette otto nove dieci undici dodici"),
        (r"inizio|inizi", r"metà", r"fine"),
    ),
    "ru": _Language(
        _months(
            "январ[ьяе] феврал[ьяе] март[ае]? апрел[ьяе] ма[йяе] июн[ьяе]"
            " июл[ьяе] август[ае]? сентябр[ьяе] октябр[ьяе] ноябр[ьяе] декабр[ьяе]"
        ),
        _pairs(
            "день=day дня=day дней=day неделе=week неделю=week недели=week недель=week"
            " месяце=month месяц=month месяца=month месяцев=month"
            " году=year год=year года=year лет=year весной=spring летом=summer осенью=fall зимой=winter"
        ),
        r"(?P<count>\w+) (?P<unit>дн\w+|недел\w+|месяц\w*|год\w*|лет) назад",
        r"(?:на |в )?прошл(?:ой|ом|ым|ую) (?P<unit>\w+)",
        _pairs("позавчера=the_day_before_yesterday вчера=yesterday сегодня=today завтра=tomorrow"),
        _numbers("один|одну два|две три четыре пять шесть семь восемь девять десять"),
        (r"начал[ео]", r"середин[еу]", r"кон(?:це|ец)"),
    ),
    "ar": _Language(
        _months("يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر"),
        _pairs(
            "الأسبوع=week الشهر=month العام=year السنة=year الصيف=summer الشتاء=winter الربيع=spring"
            " الخريف=fall أيام=day أسابيع=week أشهر=month"
        ),
        r"قبل (?P<count>\w+) (?P<unit>أيام|أسابيع|أشهر)",
        r"(?P<unit>\w+) الماضية?",
        _pairs("أمس=yesterday اليوم=today غدا=tomorrow"),
        _numbers("واحد اثنين ثلاثة أربعة خمسة ستة سبعة ثمانية تسعة عشرة"),
        (r"بداية", r"منتصف", r"نهاية"),
    ),
    "pt": _Language(
        _months("janeiro fevereiro março|marco abril maio junho julho agosto setembro outubro novembro dezembro"),
        _pairs(
            "dia=day dias=day semana=week semanas=week mês=month mes=month meses=month ano=year anos=year primavera=spring verão=summer"
            " outono=fall inverno=winter segunda-feira=monday terça-feira=tuesday quarta-feira=wednesday quinta-feira=thursday"
            " sexta-feira=friday sábado=saturday domingo=sunday"
        ),
        r"h[áa] (?P<count>\w+) (?P<unit>dias?|semanas?|m[eê]s(?:es)?|anos?)",
        r"(?:na |no |o |a )?(?P<unit>[\w-]+) passad[oa]",
        _pairs(
            "anteontem=the_day_before_yesterday ontem=yesterday hoje=today amanhã=tomorrow natal=christmas "
            "véspera_de_natal=christmas_eve ano_novo=new_year's_day"
        ),
        _numbers("um|uma dois|duas três quatro cinco seis sete oito nove dez onze doze"),
        (r"início|começo|princípio", r"meados", r"fim|final|finais"),
        r"de |do ",
    ),
    "nl": _Language(
        _months("januari februari maart april mei juni juli augustus september oktober november december"),
        _pairs(
            "dag=day dagen=day week=week weken=week weekend=weekend maand=month maanden=month jaar=year jaren=year lente=spring"
            " voorjaar=spring zomer=summer herfst=fall winter=winter maandag=monday dinsdag=tuesday woensdag=wednesday donderdag=thursday"
            " vrijdag=friday zaterdag=saturday zondag=sunday"
        ),
        r"(?P<count>\w+) (?P<unit>dag|dagen|week|weken|maand|maanden|jaar|jaren) geleden",
        r"(?:vorige?|afgelopen|verleden) (?P<unit>\w+)",
        _pairs(
            "eergisteren=the_day_before_yesterday gisteren=yesterday vandaag=today kerst=christmas"
            " kerstmis=christmas kerstavond=christmas_eve oudejaarsavond=new_year's_eve nieuwjaar=new_year's_day"
        ),
        _numbers("een|één twee drie vier vijf zes zeven acht negen tien elf twaalf"),
        (r"begin", r"midden|half|medio", r"eind|einde"),
    ),
    "pl": _Language(
        _months(
            "stycz(?:eń|nia|niu) lut(?:y|ego|ym) mar(?:zec|ca|cu) kwie(?:cień|tnia|tniu) maj[au]? czerw(?:iec|ca|cu) lip(?:iec|ca|cu)"
            " sierp(?:ień|nia|niu) wrze(?:sień|śnia|śniu) październik[aiu]? listopad(?:a|zie)? grud(?:zień|nia|niu)"
        ),
        _pairs(
            "dzień=day dni=day tydzień=week tygodnie=week tygodni=week tygodniu=week miesiąc=month miesiące=month"
            " miesięcy=month miesiącu=month"
            " rok=year roku=year lata=year lat=year wiosnę=spring wiosną=spring lato=summer latem=summer jesień=fall"
            " jesienią=fall zimę=winter"
            " zimą=winter poniedziałek=monday wtorek=tuesday środę=wednesday czwartek=thursday piątek=friday sobotę=saturday"
            " niedzielę=sunday"
        ),
        r"(?P<count>\w+) (?P<unit>dni|dzień|tydzień|tygodnie|tygodni|miesiąc|miesiące|miesięcy|rok|lata|lat) temu",
        r"(?:w |we )?(?:zeszł|ubiegł|minion)\w+ (?P<unit>\w+)",
        _pairs("przedwczoraj=the_day_before_yesterday wczoraj=yesterday dzisiaj=today dziś=today jutro=tomorrow"),
        _numbers("jeden|jedną dwa|dwie trzy cztery pięć sześć siedem osiem dziewięć dziesięć"),
        (r"początk\w+", r"połow\w+", r"końc\w+|koniec"),
    ),
}

_CJK = Form(r"[年月日週周昨今前去上先년월일]|지난|어제|오늘|작년")
_CJK_DATE = Form(r"(\d{4})\s*[年년]\s*(\d{1,2})\s*[月월]\s*(\d{1,2})\s*[日号號일]?")
_CJK_MONTH = Form(r"(\d{4})\s*[年년]\s*(\d{1,2})\s*[月월]")
_CJK_DAY = Form(r"(\d{1,2})\s*[月월]\s*(\d{1,2})\s*[日号號일]")
_CJK_BARE = Form(r"(?<![\d个個ヶか])(\d{1,2})\s*[月월](?![前間])")
_CJK_AGO = Form(r"(\d{1,2}|[一二两兩三四五六七八九十])\s*(天|日|周|週間?|星期|个月|個月|ヶ月|か月|年)之?前")
_FEAST_SIGNS = ("christmas", "halloween", "new year", "boxing", "valentine")
_PART_SIGNS = ("last", "past", "end of", "close of", "start of", "beginning of", "middle of", "early", "mid", "late")
_CJK_COUNTS = {sign: number for number, signs in enumerate(_months("一 二两兩 三 四 五 六 七 八 九 十"), 1) for sign in signs}
_CJK_UNITS = {"天": "day", "日": "day", "周": "week", "週": "week", "週間": "week", "星期": "week", "年": "year"}
_CJK_YEAR_PART = Form(r"(去年|昨年|作年|작년|今年)的?\s*(春|夏|秋|冬|봄|여름|가을|겨울)天?")
_CJK_SEASONS = {
    "春": "spring",
    "夏": "summer",
    "秋": "fall",
    "冬": "winter",
    "봄": "spring",
    "여름": "summer",
    "가을": "fall",
    "겨울": "winter",
}
_CJK_WORDS = (
    (Form("前天|一昨日|그저께"), " the day before yesterday "),
    (Form("昨天|昨日|어제"), " yesterday "),
    (Form("今天|今日|오늘"), " today "),
    (Form("上个?個?(?:周末|週末)|先週末|지난 ?주말"), " last weekend "),
    (Form("上(?:个|個)?(?:周|週|星期)|先週|지난 ?주"), " last week "),
    (Form("上(?:个|個)?月|先月|지난 ?달"), " last month "),
    (Form("去年|昨年|작년"), " last year "),
)
_ON_DAY = Form(r"\b(on|am|vom|zum|dem|den|bis|seit|ab|dnia|od|do) (\d{1,2})\.(\d{1,2})\.(?![\d\w])", re.I)
_COMPILED: dict[str, tuple[Form, ...]] = {}
_WORD = Form(r"[^\W\d_]+")
# A day as a time by itself: among other words it may be a version.
_DOTTED = Form(r"^\s*(\d{1,2})\.(\d{1,2})\.?\s*$")


def plain(text: str, today: date) -> str:
    """The text with dates in dates.py's words."""
    if _CJK.search(text) is not None:
        text = _cjk(text)
    if "." in text:
        text = _ON_DAY.sub(lambda match: f"{match[1]}{_numbered(match[0], match[3], '', match[2])}", text)
    language = _LANGUAGES.get(spoken(_WORD.findall(fold(text))))
    if language is not None:
        text = _translated(text, language)
    low = text.lower()
    if any(sign in low for sign in _FEAST_SIGNS):
        text = _FEAST.sub(lambda match: _feast(match, today), text)
    if " year" in low:
        text = _OF_YEAR.sub(lambda match: _of_year(match, today), text)
    if any(sign in low for sign in _PART_SIGNS):
        text = _LAST_MONTH.sub(lambda match: _last_month(match, today), text)
        text = _BEFORE_LAST.sub(lambda match: _before_last(match, today), text)
        text = _PART_OF.sub(_part_of, text)
    return _SLASHED.sub(r"\3-\1-\2 \3-\2-\1", text) if "/" in text else text


def feast(word: str) -> bool:
    """Whether a word is one of a feast day's name: "Halloween"."""
    return word.casefold() in _FEAST_WORDS


def readings(text: str) -> Iterator[str]:
    """What a few words without any small ones may mean where they are only a time: as each language reads them that has one of them."""
    text = _DOTTED.sub(lambda match: _numbered(match[0], match[2], "", match[1]), text)
    for language in _LANGUAGES.values():
        made = _translated(text, language)
        if made != text:
            yield made
    yield text


def _translated(text: str, language: _Language) -> str:
    for pattern, words in language.turned:
        text = pattern.sub(words, text)
    ago, last, months, days = _expressions(language)
    text = days.sub(lambda match: language.days[" ".join(match[0].casefold().split())].replace("_", " "), text)
    text = ago.sub(lambda match: _ago(match, language), text)
    text = last.sub(lambda match: _last(match, language), text)
    return months.sub(lambda match: _dated(match, language), text)


def _dated(match: re.Match[str], language: _Language) -> str:
    """A month with the day or the part of it that stands before it, and its year."""
    month = f"{_month(match['month'], language)} {match['year'] or ''}"
    if match["day"]:
        return f"{match['day']} {month}"
    part = next((name for name in ("beginning", "middle", "end") if match[name]), "")
    return f" {part} of {month}" if part else f" {month}"


def _expressions(language: _Language) -> tuple[Form, ...]:
    name = language.months[0]
    made = _COMPILED.get(name)
    if made is None:
        month = f"(?P<month>{'|'.join(language.months)})"
        year = rf"(?:,? +(?:{language.joints or 'of '})?(?P<year>\d{{4}}))?"
        joints = f"(?:{language.joints})?" if language.joints else ""
        parts = "|".join(f"(?P<{name}>{words})" for name, words in zip(("beginning", "middle", "end"), language.parts, strict=True))
        before = rf"(?:\b(?P<day>\d{{1,2}})(?:\.|er|º|°)? +{joints}|\b(?:{parts})[ -](?:d[eoi’']l? ?|of )?)?"
        days = "|".join(re.escape(day).replace(r"\ ", r"\s+") for day in sorted(language.days, key=len, reverse=True))
        made = _COMPILED[name] = (
            Form(rf"\b{language.ago}\b", re.I),
            Form(rf"\b{language.last}\b", re.I),
            Form(rf"(?<!\w){before}{month}(?!\w){year}", re.I),
            Form(rf"\b(?:{days})\b", re.I),
        )
    return made


def _month(word: str, language: _Language) -> str:
    for place, pattern in enumerate(language.months):
        if re.fullmatch(pattern, word, re.I):
            return MONTHS[place].title()
    return word


def _ago(match: re.Match[str], language: _Language) -> str:
    count, unit = match["count"].casefold(), match["unit"].casefold()
    number = int(count) if count.isdecimal() else language.counts.get(count, 0)
    named = language.units.get(unit) or language.units.get(unit.rstrip("s"))
    return f"{number} {named}s ago" if number and named else match[0]


def _last(match: re.Match[str], language: _Language) -> str:
    word = match["unit"].casefold()
    named = language.units.get(word) or (word if word in _FEASTS else "")
    return f"last {named}" if named else match[0]


def _cjk(text: str) -> str:
    text = _CJK_DATE.sub(r" \1-\2-\3 ", text)
    text = _CJK_MONTH.sub(lambda match: _numbered(match[0], match[2], match[1]), text)
    text = _CJK_DAY.sub(lambda match: _numbered(match[0], match[1], "", match[2]), text)
    text = _CJK_AGO.sub(_cjk_ago, text)
    text = _CJK_BARE.sub(lambda match: _numbered(match[0], match[1], ""), text)
    text = _CJK_YEAR_PART.sub(lambda match: f" {_CJK_SEASONS[match[2]]} of {'this' if match[1] == '今年' else 'last'} year ", text)
    for pattern, words in _CJK_WORDS:
        text = pattern.sub(words, text)
    return text


def _numbered(whole: str, month: str, year: str, day: str = "") -> str:
    return f" {day} {MONTHS[int(month) - 1].title()} {year} ".replace("  ", " ") if 1 <= int(month) <= 12 else whole


def _cjk_ago(match: re.Match[str]) -> str:
    count = int(match[1]) if match[1].isdecimal() else _CJK_COUNTS[match[1]]
    return f" {count} {_CJK_UNITS.get(match[2], 'month')}s ago "


def _feast(match: re.Match[str], today: date) -> str:
    month, day = _FEASTS[match["feast"].casefold()]
    which = (match["which"] or "").strip().casefold()
    year = (match["year"] or "").strip(", ")
    if not year and which:
        past = (today.month, today.day) > (month, day)
        year = str(today.year - (not past) if which == "last" else today.year + past)
    named = _CHRISTMAS if match["feast"].casefold() == "christmas" else str(day)
    return f"{named} {MONTHS[month - 1].title()} {year}".strip()


def _of_year(match: re.Match[str], today: date) -> str:
    step = {"this": 0, "next": 1}.get(match["which"].casefold(), -1)
    part = match["part"]
    return f"{match['day'] or ''}{'' if part.casefold() in MONTHS else 'in '}{part} {today.year + step}"


def _last_month(match: re.Match[str], today: date) -> str:
    over = MONTHS.index(match["month"].casefold()) + 1 < today.month
    return f"{match['month']} {today.year - (not over)}"


def _before_last(match: re.Match[str], today: date) -> str:
    part = match["part"].casefold()
    ends = MONTHS.index(part) + 1 if part in MONTHS else _SEASON_ENDS[part]
    last = today.year - (today.month <= ends) - (part == "winter")
    return f"{'' if part in MONTHS else 'in '}{match['part']} {last - 1}"


def _part_of(match: re.Match[str]) -> str:
    year = (match["year"] or "").strip(", ")
    where = (match["where"] or match["short"]).casefold()
    first, last = _DAYS_OF.get(where, _EARLY)
    month = MONTHS.index(match["month"].casefold()) + 1
    # February of any year.
    last = min(last, monthrange(int(year) if year else _COMMON_YEAR, month)[1])
    return f"{first}-{last} {match['month']} {year}".strip()
