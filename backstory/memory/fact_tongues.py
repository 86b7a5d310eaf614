"""Facts in German, French, Spanish and Chinese: names, homes, appointments, likes, what somebody has, where somebody works.

Rule: a whole sentence has the form, or it gives none: no clause is cut out of one, so what is said under a condition or of somebody else
is no fact. Objects are names, days and hours, or a few plain words. Verbs are named as in English, so that later facts supersede these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from backstory.core.records import FactKind, Stance
from backstory.memory.fact_rules import Form

_UP = "A-ZÀ-ÖØ-Þ"
_NAME = rf"[{_UP}][\w'.&-]*(?: (?:(?:de|del|la|el|am|an der|von|van|sur) )?[{_UP}][\w'.&-]*){{0,3}}"
_NOT_IN = {
    "de": "ich|er|sie|es|wir|ihr|du|dass|was|wer|wo|wenn|und|oder|aber|nicht|kein|keine|ist|sind|war",
    "fr": "je|tu|il|elle|on|nous|vous|ils|qui|que|où|dont|si|et|ou|mais|pas|plus|est|sont|quand|idée|façon|fait|manière",
    "es": "yo|tú|él|ella|nosotros|que|quien|donde|si|y|o|pero|no|es|son|cuando|idea|forma|manera|hecho",
}


_DE_NO_PLACE = (
    r"(?!(?:\w+(?:heit|keit|ung|schaft|mut)|Angst|Frieden|Sünde|Luxus|Ruhe|Not|Elend|Teilzeit|Vollzeit|Miete|Untermiete|Schichten|Gefahr"
    r"|Harmonie|Panik|Sorge|Stille|Träumen|Gedanken|Regen|Hitze|Kälte|Nacht|Tag|Licht|Musik|Geld|Spaß|Freunden|Sie|Dich|Euch|Ihn|Ihnen|Dir"
    r"|Es|Mama|Oma|Papa|Opa|Python|Java|Linux|Windows|Excel|Word)\b)"
)
"""German nouns have capitals, too: "Ich lebe in Angst" names no home."""
_NO_WORK = r"(?!(?:Navidad|Noël|Semana|Internet|Excel|Word|Photoshop|Python|Java|JavaScript|Rust|Go|Linux|Windows|Casa|Remoto)\b)"


def _plain(tongue: str, least: int = 1, most: int = 4) -> str:
    """A few words, none of which is one that makes a sentence of its own."""
    word = rf"(?!(?i:{_NOT_IN[tongue]})\b)[\w'-]+\.?"
    return rf"{word}(?: {word}){{{least - 1},{most - 1}}}?"


def _when(days: str, months: str, before: str, hour: str) -> str:
    unit = (
        rf"(?:(?i:{days})|\d{{1,2}}(?:\.|er|º)? (?:de )?(?i:{months})(?: (?:de )?\d{{4}})?|\d{{1,2}}\.\d{{1,2}}\.(?:\d{{4}})?"
        rf"|\d{{1,2}}/\d{{1,2}}(?:/\d{{4}})?|{hour}|\d{{1,2}}:\d\d(?: Uhr)?)"
    )
    return rf"(?:(?i:{before}) )*{unit}(?:,?(?: (?i:{before}))* {unit}){{0,3}}(?: (?i:prochain|próximo))?"


_DE_DAYS = r"montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonnabend|sonntag|heute|morgen|übermorgen"
_FR_DAYS = r"lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|aujourd'hui|demain|après-demain"
_ES_DAYS = r"lunes|martes|miércoles|miercoles|jueves|viernes|sábado|sabado|domingo|hoy|mañana|pasado mañana"
_DE_MONTHS = r"januar|februar|märz|april|mai|juni|juli|august|september|oktober|november|dezember"
_FR_MONTHS = r"janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre"
_ES_MONTHS = r"enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre"
_DE_HOUR, _FR_HOUR, _ES_HOUR = r"\d{1,2} Uhr(?: \d\d)?", r"\d{1,2} ?h(?: ?\d\d)?(?!\w)", r"las \d{1,2}(?::\d\d)?"
_DE_WHEN = _when(_DE_DAYS, _DE_MONTHS, "am|um|den|dem|der|nächsten|kommenden|diesen|erst|jetzt|ab|bis|schon", _DE_HOUR)
_FR_WHEN = _when(_FR_DAYS, _FR_MONTHS, "le|à|au|ce|dès|maintenant|pour", _FR_HOUR)
_ES_WHEN = _when(_ES_DAYS, _ES_MONTHS, "el|al|a|este|próximo|para|ahora|por la", _ES_HOUR)
_DE_KIN = (
    r"(?:Hund|Hündin|Katze|Kater|Pferd|Hamster|Kaninchen|Papagei|Bruder|Schwester|Mutter|Vater|Frau|Mann|Sohn|Tochter|Freund|Freundin"
    r"|Chef|Chefin|Nachbar|Nachbarin|Partner|Partnerin|Oma|Opa|Tante|Onkel)"
)
_FR_KIN = (
    r"(?:chien|chienne|chat|chatte|cheval|lapin|frère|sœur|soeur|mère|père|femme|mari|fils|fille|ami|amie|copain|copine|chef|cheffe|patron"
    r"|voisin|voisine|tante|oncle|grand-mère|grand-père)"
)
_ES_KIN = (
    r"(?:perro|perra|gato|gata|caballo|conejo|hermano|hermana|madre|padre|mujer|esposa|marido|esposo|hijo|hija|amigo|amiga|novio|novia"
    r"|jefe|jefa|vecino|vecina|tía|tío|abuela|abuelo)"
)
_DE_OWNED = (
    r"(?:Hunde?|Katzen?|Kater|Pferde?|Kind(?:er)?|Sohn|Söhne|Tochter|Töchter|Br[uü]der|Schwestern?|Autos?|Haus|Wohnung|Fahrrad|Garten)"
)
_FR_OWNED = r"(?:chiens?|chats?|chevaux|cheval|enfants?|fils|filles?|frères?|sœurs?|soeurs?|voitures?|maison|appartement|vélos?|jardin)"
_ES_OWNED = (
    r"(?:perr[oa]s?|gat[oa]s?|caballos?|hij[oa]s?|niñ[oa]s|hermanos?|hermanas?|coches?|carros?|casas?|piso|apartamento|bicicletas?|jardín)"
)
_DE_NO_PRONOUN = r"(?!(?:keine?n?|deine?n?|eure?n?|ihre?n?|diese?n?|seine?n?|alle|viele|Sie|Dich|Euch|Ihn|Ihnen|Es)\b)"
_DE_NOUN = rf"(?:[a-zäöüß]+e[nrs]? )?[{_UP}][\wäöüß-]+"
_CALLED = {
    "de": rf"(?: namens {_NAME})?",
    "fr": rf"(?: (?:qui s'appelle|nommée?) {_NAME})?",
    "es": rf"(?: (?:que se llama|llamad[oa]) {_NAME})?",
}
_FIX = {
    "de": r"(?:ach )?(?:nein|quatsch|falsch|korrektur|sorry|entschuldigung|moment|halt|doch nicht|stimmt nicht)",
    "fr": r"(?:ah )?(?:non|pardon|correction|désolée?|erreur|en fait|finalement)",
    "es": r"(?:ay )?(?:no|perdón|perdona|corrección|en realidad|espera|mejor)",
}
_IT_IS = {
    "de": r"(?:(?:es|er|sie|das|der termin) (?:ist|war|wäre) |doch |erst |eher |ich meinte )*",
    "fr": r"(?:c'est |c'était |ce sera |il est |elle est |plutôt |je voulais dire )*",
    "es": r"(?:es |era |será |mejor |quise decir )*",
}
_NAMED = {"de": r"(?:er|sie|es) hei(?:ß|ss)t ", "fr": r"(?:il|elle) s'appelle ", "es": r"se llama "}
_OFF = r"abgesagt|ausgefallen|annulée?|cancelad[oa]"


class Stated(Struct, frozen=True):
    """A fact in the making: `subject` "" = who speaks; `owned`: it is a thing of that one's. Spans are in the turn's text."""

    kind: FactKind
    verb: str
    stance: Stance
    subject: str
    owned: bool
    object: tuple[int, int]
    replaces: tuple[int, int]


class _Rule(Struct, frozen=True):
    kind: FactKind
    verb: str
    form: Form
    stance: Stance = "stated"
    owned: bool = False


def _rules(*rows: tuple[FactKind, str, str]) -> tuple[_Rule, ...]:
    """`verb` with "-" before it is a denial, with "+" a plan, with "'" of a thing of the speaker's own."""
    marks: Mapping[str, Stance] = {"-": "negated", "+": "planned"}
    return tuple(
        _Rule(kind, verb.lstrip("-+'"), Form(pattern), marks.get(verb[0], "stated"), verb.startswith("'")) for kind, verb, pattern in rows
    )


_DE_NAME = _DE_NO_PLACE + _NAME
_DE_THING = rf"(?i:der|die|das|meine?|unsere?) (?P<s>[{_UP}][\w-]+(?: {_plain('de')})?)"
_FR_COUNT, _FR_KIND = r"(?:une?|deux|trois|quatre|cinq|\d+)", r"(?: (?!à\b|de\b|qui\b)\w+)?"
_FR_THING = rf"(?i:(?:le|la|mon|ma|notre) |l')(?P<s>{_plain('fr', 1, 5)})"
_ES_THING = rf"(?i:el|la|mi|nuestro|nuestra) (?P<s>{_plain('es', 1, 5)})"
_ES_MOVED = r"(?:se ha (?:movido|aplazado|pospuesto|cambiado)|se (?:movió|aplazó|pospuso|cambió)|ha sido (?:movid|aplazad|pospuest)[oa])"
_GERMAN = _rules(
    ("identity", "is called", rf"(?i:ich hei(?:ß|ss)e|mein name ist) (?P<o>{_DE_NAME})"),
    ("relation", "'is called", rf"(?i:meine?|unsere?) (?P<s>{_DE_KIN}) (?i:hei(?:ß|ss)t) (?P<o>{_DE_NAME})"),
    ("identity", "lives in", rf"(?i:ich (?:wohne|lebe)(?: jetzt| nun| inzwischen| derzeit| zurzeit)? in) (?P<o>{_DE_NAME})"),
    ("identity", "lives in", rf"(?i:ich bin (?:\w+ ){{0,2}}nach) (?P<o>{_DE_NAME}) (?i:(?:um)?gezogen)"),
    ("plan", "+will live in", rf"(?i:ich ziehe (?:\w+ ){{0,2}}nach) (?P<o>{_DE_NAME})(?: um)?"),
    ("identity", "-lives in", rf"(?i:ich (?:wohne|lebe) nicht mehr in) (?P<o>{_DE_NAME})"),
    ("identity", "works at", rf"(?i:ich arbeite(?: jetzt| nun)? (?:bei|für)(?: der| dem)?) (?P<o>{_DE_NAME})"),
    ("identity", "-works at", rf"(?i:ich arbeite nicht mehr (?:bei|für)(?: der| dem)?) (?P<o>{_DE_NAME})"),
    ("preference", "likes", rf"(?i:ich (?:mag|liebe)(?: sehr)?) (?P<o>{_DE_NO_PRONOUN}{_DE_NOUN})"),
    ("preference", "-likes", rf"(?i:ich mag keine?n?) (?P<o>{_DE_NO_PRONOUN}{_DE_NOUN})"),
    ("preference", "dislikes", rf"(?i:ich hasse) (?P<o>{_DE_NO_PRONOUN}{_DE_NOUN})"),
    (
        "possession",
        "has",
        rf"(?i:ich habe|wir haben) (?P<o>(?:einen?|zwei|drei|vier|fünf|\d+) (?:[a-zäöüß]+ )?{_DE_OWNED}{_CALLED['de']})",
    ),
    (
        "schedule",
        "is",
        rf"{_DE_THING} (?:ist|findet|beginnt|startet)(?: jetzt| doch)? (?P<o>{_DE_WHEN})(?: statt)?",
    ),
    ("schedule", "is", rf"{_DE_THING} (?:ist|wurde) (?P<o>{_OFF})"),
    (
        "schedule",
        "is",
        rf"{_DE_THING} (?:ist|wurde) auf (?P<o>{_DE_WHEN}) (?:verschoben|verlegt)",
    ),
)
_FRENCH = _rules(
    ("identity", "is called", rf"(?i:je m'appelle|mon nom est) (?P<o>{_NAME})"),
    ("relation", "'is called", rf"(?i:mon|ma|notre) (?P<s>{_FR_KIN}) (?i:s'appelle) (?P<o>{_NAME})"),
    ("identity", "lives in", rf"(?i:(?:j'habite|je vis)(?: maintenant| actuellement)? (?:à|au|en|aux)) (?P<o>{_NAME})"),
    ("identity", "lives in", rf"(?i:j'ai déménagé (?:à|au|en)) (?P<o>{_NAME})"),
    ("plan", "+will live in", rf"(?i:je (?:déménage|vais déménager) (?:à|au|en)) (?P<o>{_NAME})"),
    ("identity", "-lives in", rf"(?i:je (?:n'habite|ne vis) plus (?:à|au|en)) (?P<o>{_NAME})"),
    ("identity", "works at", rf"(?i:je travaille (?:maintenant )?(?:chez|pour)) (?P<o>{_NO_WORK}{_NAME})"),
    ("identity", "-works at", rf"(?i:je ne travaille plus (?:chez|pour)) (?P<o>{_NO_WORK}{_NAME})"),
    ("preference", "likes", rf"(?i:j'(?:aime|adore)(?: beaucoup)?) (?P<o>(?:le |la |les |l'){_plain('fr', 1, 3)})"),
    ("preference", "-likes", rf"(?i:je n'aime (?:pas|plus)) (?P<o>(?:le |la |les |l'){_plain('fr', 1, 3)})"),
    ("preference", "dislikes", rf"(?i:je déteste) (?P<o>(?:le |la |les |l'){_plain('fr', 1, 3)})"),
    (
        "possession",
        "has",
        rf"(?i:j'ai|nous avons|on a) (?P<o>{_FR_COUNT} (?:\w+ )?{_FR_OWNED}{_FR_KIND}{_CALLED['fr']})",
    ),
    (
        "schedule",
        "is",
        rf"{_FR_THING} (?:est|a lieu|aura lieu|commence|sera) (?P<o>{_FR_WHEN})",
    ),
    ("schedule", "is", rf"{_FR_THING} (?:est|a été) (?P<o>{_OFF})"),
    (
        "schedule",
        "is",
        rf"{_FR_THING} (?:est|a été) (?:déplacée?|reportée?|décalée?|avancée?)"
        rf" (?P<o>(?:à |au ){_FR_WHEN})",
    ),
)
_SPANISH = _rules(
    ("identity", "is called", rf"(?i:me llamo|mi nombre es) (?P<o>{_NAME})"),
    ("relation", "'is called", rf"(?i:mi|nuestro|nuestra) (?P<s>{_ES_KIN}) se llama (?P<o>{_NAME})"),
    ("identity", "lives in", rf"(?i:(?:yo )?vivo(?: ahora| actualmente)? en) (?P<o>{_NAME})"),
    ("identity", "lives in", rf"(?i:me (?:he mudado|mudé) a) (?P<o>{_NAME})"),
    ("plan", "+will live in", rf"(?i:me (?:mudo|voy a mudar) a) (?P<o>{_NAME})"),
    ("identity", "-lives in", rf"(?i:ya no vivo en) (?P<o>{_NAME})"),
    ("identity", "works at", rf"(?i:(?:yo )?trabajo(?: ahora)? (?:en|para)) (?P<o>{_NO_WORK}{_NAME})"),
    ("identity", "-works at", rf"(?i:ya no trabajo (?:en|para)) (?P<o>{_NAME})"),
    ("preference", "likes", rf"(?i:me (?:gustan?|encantan?)(?: mucho)?) (?P<o>(?:el|la|los|las) {_plain('es', 1, 3)})"),
    ("preference", "-likes", rf"(?i:(?:ya )?no me gustan?) (?P<o>(?:el|la|los|las) {_plain('es', 1, 3)})"),
    ("preference", "dislikes", rf"(?i:odio|detesto) (?P<o>(?:el|la|los|las) {_plain('es', 1, 3)})"),
    (
        "possession",
        "has",
        rf"(?i:tengo|tenemos) (?P<o>(?:una?|dos|tres|cuatro|cinco|\d+) {_ES_OWNED}(?: (?!que\b|para\b|a\b|de\b)\w+)?{_CALLED['es']})",
    ),
    ("schedule", "is", rf"{_ES_THING} (?:es|será|empieza) (?P<o>{_ES_WHEN})"),
    ("schedule", "is", rf"{_ES_THING} (?:está|fue|ha sido|queda) (?P<o>{_OFF})"),
    (
        "schedule",
        "is",
        rf"{_ES_THING} {_ES_MOVED} (?P<o>(?:a |al |para ){_ES_WHEN})",
    ),
)
_THEM = _rules(
    ("identity", "lives in", rf"(?P<s>{_NAME}) (?:wohnt|lebt)(?: jetzt)? in (?P<o>{_DE_NAME})"),
    ("identity", "works at", rf"(?P<s>{_NAME}) arbeitet(?: jetzt)? bei (?P<o>{_DE_NAME})"),
    ("identity", "lives in", rf"(?P<s>{_NAME}) (?:habite|vit)(?: maintenant)? (?:à|au|en) (?P<o>{_NAME})"),
    ("identity", "works at", rf"(?P<s>{_NAME}) travaille(?: maintenant)? chez (?P<o>{_NAME})"),
    ("identity", "lives in", rf"(?P<s>{_NAME}) vive(?: ahora)? en (?P<o>{_NAME})"),
    ("identity", "works at", rf"(?P<s>{_NAME}) trabaja(?: ahora)? (?:en|para) (?P<o>{_NO_WORK}{_NAME})"),
)
_HAN = r"\u4e00-\u9fff"
_SURNAMES = (
    "李王张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金"
    "陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文張劉陳楊趙黃吳孫馬羅鄭謝韓馮蕭鄧許呂盧蔣賈魏葉閻鍾譚鄒陸顧龍錢湯喬賀賴龔"
)
_PLACE_HAN = rf"(?:(?![这那哪你我他她它的里裡边邊旁附家吗嗎呢吧楼樓了一个個不])[{_HAN}]){{2,6}}"
_CHINESE = _rules(
    ("identity", "is called", rf"(?:我叫|我的名字(?:是|叫))(?P<o>[{_SURNAMES}][{_HAN}]{{1,2}})"),
    ("identity", "lives in", rf"我(?:现在|現在|目前)?(?:住在|住)(?P<o>{_PLACE_HAN})"),
    ("identity", "lives in", rf"我(?:已经|已經|刚|剛)?搬(?:到|去)(?P<o>{_PLACE_HAN})(?:来|來|去)?了"),
    ("identity", "-lives in", rf"我(?:已经|已經)?不住在?(?P<o>{_PLACE_HAN})了"),
)
_BY_WORD: Mapping[str, Sequence[_Rule]] = {
    **dict.fromkeys(("ich", "mein", "meine", "unser", "unsere", "wir", "der", "die", "das"), _GERMAN),
    **dict.fromkeys(("je", "mon", "ma", "notre", "le", "nous", "on"), _FRENCH),
    **dict.fromkeys(("me", "mi", "yo", "vivo", "ya", "trabajo", "no", "odio", "detesto", "tengo", "tenemos", "el", "nuestro"), _SPANISH),
    **dict.fromkeys(("nuestra",), _SPANISH),
    "la": (*_FRENCH, *_SPANISH),
}
_THEIR_VERBS = re.compile(r" (?:wohnt|lebt|arbeitet|habite|vit|travaille|vive|trabaja) ")
_WHENS = {"de": _DE_WHEN, "fr": _FR_WHEN, "es": _ES_WHEN}
_CORRECTIONS = {
    tongue: Form(rf"(?i:{_FIX[tongue]})[,.!:;–-]* (?:(?i:{_IT_IS[tongue]})(?P<o>{_WHENS[tongue]})|(?i:{_NAMED[tongue]})(?P<name>{_NAME}))")
    for tongue in _FIX
}
_AFTER = {tongue: Form(rf"(?i:{_IT_IS[tongue]})(?P<o>{_WHENS[tongue]})|(?i:{_NAMED[tongue]})(?P<name>{_NAME})") for tongue in _FIX}
_NOT_BUT = (
    Form(rf"(?i:(?:nein, )?(?:es ist )?nicht) (?P<x>{_DE_WHEN}),? sondern (?P<o>{_DE_WHEN})"),
    Form(rf"(?i:(?:non, )?(?:ce n'est )?pas) (?P<x>{_FR_WHEN}),? mais (?P<o>{_FR_WHEN})"),
    Form(rf"(?i:no (?:es )?)(?P<x>{_ES_WHEN}),? sino (?P<o>{_ES_WHEN})"),
)
_FIRST_FIX = re.compile(
    r"(?:ach|nein|quatsch|falsch|korrektur|sorry|entschuldigung|moment|halt|doch|stimmt|nicht|es|er|sie|ah|non|pardon|correction|désolée?"
    r"|erreur|en|finalement|pas|ce|c'est|il|elle|ay|no|perdón|perdona|corrección|espera|mejor|se)\b",
    re.I,
)
_GREETED = re.compile(
    r"(?:(?:hallo|hi|hey|ja|also|übrigens|bonjour|salut|oui|au fait|hola|sí|bueno|por cierto)[,!.] |(?:你好|您好)[,，!！])+", re.I
)
_FIRST = re.compile(r"[^\W\d_]+")
_DAY = re.compile(rf"\b(?:{_DE_DAYS}|{_FR_DAYS}|{_ES_DAYS}|\d{{1,2}}\.? (?:de )?(?:{_DE_MONTHS}|{_FR_MONTHS}|{_ES_MONTHS}))\b", re.I)
_TIME = re.compile(rf"\b(?:{_DE_HOUR}|{_FR_HOUR}|{_ES_HOUR})", re.I)
_OFF_WHOLE = re.compile(_OFF, re.I)


def stated(text: str, start: int, end: int, *, corrects: bool) -> Stated | None:
    """The fact that these words of a sentence state, None for none. `corrects`: the sentence before it was "no" alone. Costs
    next to nothing for a sentence that begins like none."""
    greeted = _GREETED.match(text, start, end)
    start = greeted.end() if greeted is not None else start
    if text.startswith("我", start):
        return _of(_CHINESE, text, start, _without_mark(text, start, end))
    word = _FIRST.match(text, start, end)
    if word is None:
        return None
    first = word.group().lower()
    rules = _BY_WORD.get(first, ())
    if not rules and first in ("j", "l"):
        rules = _FRENCH
    if not rules and text[start].isupper() and _THEIR_VERBS.search(text, start, min(end, start + 60)):
        rules = _THEM
    return _of(rules, text, start, end) or _correction(text, start, end, corrects)


def kinds_of(text: str) -> frozenset[str]:
    """Whether an object names a day, a time, or (what is called off) both."""
    if _OFF_WHOLE.fullmatch(text):
        return frozenset({"day", "time"})
    return frozenset(name for name, pattern in (("day", _DAY), ("time", _TIME)) if pattern.search(text))


def _without_mark(text: str, start: int, end: int) -> int:
    while end > start and text[end - 1] in "。！!.":
        end -= 1
    return end


def _of(rules: Sequence[_Rule], text: str, start: int, end: int) -> Stated | None:
    for rule in rules:
        match = rule.form.fullmatch(text, start, end)
        if match is not None:
            subject = match.groupdict().get("s") or ""
            return Stated(rule.kind, rule.verb, rule.stance, subject, rule.owned, match.span("o"), (0, 0))
    return None


def _correction(text: str, start: int, end: int, corrects: bool) -> Stated | None:
    if _FIRST_FIX.match(text, start, end) is None and not corrects:
        return None
    for match in _corrections(text, start, end, corrects):
        groups = match.groupdict()
        span = match.span("o") if groups.get("o") else match.span("name")
        return Stated("correction", "is", "stated", "", False, span, match.span("x") if groups.get("x") else (0, 0))
    return None


def _corrections(text: str, start: int, end: int, corrects: bool) -> Iterator[re.Match[str]]:
    for form in (*_NOT_BUT, *_CORRECTIONS.values(), *(_AFTER.values() if corrects else ())):
        match = form.fullmatch(text, start, end)
        if match is not None:
            yield match
