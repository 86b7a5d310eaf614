"""The forms of German sentences that give a thing a value, or another one: "Die Miete ist ab Juli 950 Euro", "Das Budget wurde auf 15.000
Euro gekürzt", "Meine Tochter ist gestern 7 geworden".

Rule: as in facts/tongues.py. What may as well be said of a moment ("steigt auf 5") is a correction: a fact only where the thing is known.
"""

from __future__ import annotations

from backstory.core.records import FactKind
from backstory.memory.facts.foods import DE_FISH, DE_FROM_ANIMALS, DE_MEAT, either
from backstory.memory.facts.tongue import NAME, NO_THING, UP

_UNIT = (
    rf"(?:[{UP}][\w-]*(?:/\w+)?|%|€|\$|km/h|kmh|m/s|m²|qm|km|cm|mm|m|kg|mg|g|ml|l|kWh|kW|ms|px|min|h|s|euro|cent|tage|stunden|minuten|sekunden|monate"
    r"|wochen|jahre|prozent|mal pro)(?!\w)"
)
"""A noun, or a sign; "3 Tage krank" and "80 % voll" are how something is."""
_AMOUNT = (
    rf"(?:(?i:port|version|nummer|etwa|rund|ca\.?|circa|ungefähr) )*[€$#]?\d[\w.,:/-]*(?: ?{_UNIT}){{0,2}}(?: (?:pro|je|im|/) ?{_UNIT})?"
)
_MONTHS = "januar|februar|märz|april|mai|juni|juli|august|september|oktober|november|dezember"
_DAYS = "montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag|heute|morgen|übermorgen"
_SINCE = (
    r"(?: (?:ab|seit) (?:(?:anfang|mitte|ende|dem|nächste[mrn]|kommende[mrn]) )*"
    rf"(?:{_MONTHS}|{_DAYS}|jahr|monat|woche|quartal|sofort|20\d\d|\d{{1,2}}\.(?: ?(?:{_MONTHS}|\d{{1,2}}\.?)?)?)(?: (?:an|20\d\d))?)"
)
_VALUE = rf"(?P<o>{_AMOUNT}(?i:{_SINCE})?)"
_FROM = rf"(?: von (?P<x>{_AMOUNT}))?"
_VAGUE = (
    r"(?!(?:Antwort|Ergebnis|Lösung|Frage|Summe|Zahl|Wert|Fehler|Zeile|Ausgabe|Grund|Rest|Titel|Test\w*|Index|Länge|Status|Problem|Fall"
    r"|Unterschied|Differenz|Rückgabe\w*|Durchschnitt|Mittelwert|Quersumme|Wurzel|Variable|Funktion|Methode|Schleife|Beispiel|Text|Code"
    r"|Satz)\b)"
)
"""Of these a number says nothing that lasts."""
_SET_TO = (
    r"(?:gekürzt|erhöht|gesenkt|angehoben|reduziert|gesetzt|hochgesetzt|heruntergesetzt|verringert|herabgesetzt|aufgestockt|geändert"
    r"|angepasst|gestiegen|gesunken|gefallen|verkürzt|verlängert|vergrößert|verkleinert|korrigiert|hochgestuft|aktualisiert)"
)
_LATELY = "(?: jetzt| nun| doch| inzwischen| aktuell| eigentlich| nur| leider| gerade)*"
_NOUN = rf"(?P<s>{NO_THING}[{UP}][\w-]+)"
_DID = rf"(?i:wir haben|ich habe|sie haben|man hat|(?:der|die|mein|meine|unser|unsere) [{UP}][\w-]+ hat|(?-i:[{UP}][\w-]+) hat){_LATELY}"
_ANY = rf"(?i:der|die|das|den|meine?n?|unsere?n?) {_NOUN}"
_COLOUR = (
    r"(?:dunkel|hell|knall|himmel|oliv|wein|stein)?"
    r"(?:rot|blau|grün|schwarz|weiß|weiss|gelb|grau|rosa|pink|lila|braun|beige|türkis|silbern|golden|violett|orange)"
)
_OPENING = rf"(?i:das|der|die|meine?|unsere?) (?P<s>[{UP}][\w-]*(?:asswort|ode|PIN|[Ss]chlüssel)|PIN)"
_STEADY = (
    r"(?!(?i:\w*bildschirm|\w*lampe|\w*licht|\w*anzeige|status|pipeline|build|gesicht|nase|wangen?|haut|zunge|lippen|ampel|taste|button|text|schrift"
    r"|hintergrund|linie|zeile|zelle|icon|tests?|ergebnis|display|monitor|akku|kurve|terminal|konsole|urin|stuhl|himmel"
    r"|augen?|ohren?|kopf|hände?|finger|füße|zähne|laune|tag|tee|wein|leben|rahmen|kasten|kreis|quadrat)\b)"
)
"""What is red today may be green tomorrow."""
_LATER = r"(?: (?:gestern|heute|vorgestern|letzte Woche|letzten \w+|am \w+|im \w+|gerade|jetzt|schon|neulich|kürzlich))"
_PAST = rf"{_LATER}*"
_COMING = r"(?: (?:heute|morgen|übermorgen|nächste Woche|nächsten \w+|am \w+|im \w+|bald|am \d+\. ?\w+|in \w+ (?:Tagen|Wochen)))"
_OLD = r"(?: Jahre?(?: alt)?)?"
_BECOME = r"(?:Jahre (?:alt )?)?geworden"


def changed_rows(thing: str, time: str, put: str, *, tool: str, over: str, on: str, kin: str) -> tuple[tuple[FactKind, str, str], ...]:
    """Rows for `tongue.rules`. `thing`: what has a value, `time`: a day or an hour, `put`, `over`: "moved", "migrated", `tool`: the name of
    what is used, `on`: words between, `kin`: as in tongues_germanic.py."""
    valued = thing.replace(NO_THING, NO_THING + _VAGUE)
    of_mine = rf"(?i:meine?|unsere?) (?P<s>{kin})"
    food = rf"(?i:{either(DE_MEAT, DE_FISH, DE_FROM_ANIMALS, 'gluten zucker weizen')})\b"
    eaten = rf"(?P<o>{food}(?: und {food})?)"
    return (
        ("identity", "'is", rf"{of_mine} (?i:ist(?: jetzt| inzwischen| schon)?) (?P<o>\d{{1,3}}){_OLD}"),
        ("identity", "'is", rf"{of_mine} ist{_PAST} (?P<o>\d{{1,3}}) {_BECOME}"),
        ("identity", "'is", rf"{of_mine} wurde{_LATER}+ (?P<o>\d{{1,3}}){_OLD}"),
        ("identity", "'is", rf"{of_mine} wird{_COMING} (?P<o>\d{{1,3}}){_OLD}"),
        ("identity", "is aged", rf"(?i:ich bin){_PAST} (?P<o>[1-9]\d{{1,2}}) {_BECOME}"),
        ("preference", "eats", rf"(?i:ich esse (?:jetzt |inzwischen )?wieder) {eaten}"),
        ("preference", "eats", rf"(?i:(?:seit \w+(?: \w+)?|inzwischen|jetzt|mittlerweile) esse ich wieder) {eaten}"),
        ("preference", "eats", rf"(?i:ich habe (?:\w+ )?wieder angefangen,?) {eaten} zu essen"),
        ("identity", "is", rf"(?i:meine?|unsere?) {_STEADY}{_NOUN} (?i:ist|sind){_LATELY} (?P<o>{_COLOUR})(?: gestrichen| lackiert)?"),
        ("setting", "is", rf"{valued} (?i:ist|beträgt|lautet|liegt(?: jetzt)? bei|kostet){_LATELY}(?i:{_SINCE})? {_VALUE}"),
        ("setting", "is", rf"(?i:{_SINCE[4:-1]}) (?i:ist|beträgt|liegt|kostet) {valued} (?i:bei )?(?P<o>{_AMOUNT})"),
        ("correction", "is", rf"(?i:{_SINCE[4:-1]}) (?i:steigt|sinkt|fällt) {valued}{_FROM} auf (?P<o>{_AMOUNT})"),
        ("setting", "is", rf"{_OPENING} (?i:ist|lautet){_LATELY} (?P<o>(?=\S*\d)[\w#*!$&+@-]+)"),
        ("correction", "is", rf"{_NOUN}(?: ist| wurde)?{_LATELY} (?i:verschoben|verlegt|vorgezogen|verlängert) (?i:auf|bis) (?P<o>{time})"),
        ("correction", "is", rf"{_NOUN} (?i:auf|bis) (?P<o>{time}) (?:{put}|verlängert)"),
        ("decision", "switched to", rf"{thing} (?i:läuft (?:jetzt|nun|inzwischen)) (?i:auf|mit|über) (?P<o>{tool})"),
        ("setting", "is", rf"{valued} (?i:ist|wurde|wird){_LATELY}{_FROM} auf {_VALUE} {_SET_TO}(?: worden)?"),
        (
            "correction",
            "is",
            rf"{valued} (?i:steigt|sinkt|fällt|stieg|sank|fiel|klettert|geht|ging){_LATELY}(?i:{_SINCE})?{_FROM}"
            rf"(?: hoch| runter)? auf {_VALUE}",
        ),
        ("correction", "is", rf"{_DID} {_ANY}{_LATELY}{_FROM} (?i:auf) {_VALUE} {_SET_TO}"),
        ("correction", "is", rf"{_DID} {_ANY}{_LATELY}(?: von \w+)? (?i:auf) (?P<o>{time}) (?:{put}|verlängert)"),
        (
            "schedule",
            "is",
            rf"{thing} (?:ist|wurde|wird){_LATELY}(?: um \w+ \w+)? auf (?P<o>{time}) (?:{put}|verlängert|geschoben)(?: worden)?",
        ),
        ("schedule", "is", rf"{thing} (?:ist|wurde){_LATELY} (?:verschoben|verlegt|vorgezogen|verlängert) (?i:auf) (?P<o>{time})"),
        (
            "decision",
            "switched to",
            rf"(?i:wir haben|ich habe){on} (?:(?:alle|die|den|das|unsere?n?|meine?n?) )?{_NOUN}{on}(?: von (?P<x>{NAME}))?"
            rf" (?i:auf|zu|nach) (?P<o>{tool}) (?:{over}|portiert)",
        ),
    )
