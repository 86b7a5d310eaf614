"""Words by which a sentence speaks of something else than what is: a fixture, a log line, a dropdown, what somebody typed or a
program printed.

Rule: what is said of these is no fact of the one who says it. "In the tests" alone does not undo a choice ("we use SQLite in the tests").
"""

from __future__ import annotations

import re

from backstory.memory.forms import ALWAYS, Form

_UNREAL = (
    r"fixtures?|mock(?:s|ed)?(?: (?:data|object|server|up))?|stubs?|snapshots?|seeds?|seed (?:data|script|file)|sample(?:s| data)?"
    r"|examples?|dummy(?: \w+)?|(?:drop-?down|select box|combo ?box|select)(?: (?:list|menu))?|simulat(?:ion|or)|emulator|stor(?:y|ies)"
    r"|novel|tutorial|screenshot|test (?:data|profile|account|user|calendar|case|record|row|set|db|database)"
    r"|demo (?:data|account|profile)|placeholder|game|dream|playground|old client|fork"
)
_SHOWN = (
    rf"{_UNREAL}|tests?|unit tests?|test (?:run|suite)|spec|dialog(?:ue)?s?|form|modal|popup|logs?"
    r"|log (?:output|lines?|files?|entry|entries)|(?:stack )?trace|traceback|(?:\w+ )?dump|output|console|debugger|docs?|documentation"
    r"|readme|manual|rows?|lines?|columns?|cells?|fields?|table|database|db|records?|response|payload|request|json|xml|csv|yaml"
    r"|snippet|assert(?:ion)?s?|regex|parser|serializer|validator|schema|ui|(?:error )?messages?|sandbox|template|diff|patch|merge"
    r"|ticket|issue|pr|commit|header|footer|list|array|build|import|export|mapping|report|title|sheet|spreadsheet|step|image|page"
)
# "In the database team" is where somebody works.
_NOT_OF = r"(?!'| (?:team|group|department|company|room|server|cluster|world|industry|sector|lab|building)\b)"
_THE = r"(?:(?:the|this|that|these|those|my|our|your|their|his|her|its|a|an|some|every|each|all|one|row|line) )"
REPORTED = Form(
    r"[,.”\"] (?:he|she|they|(?!I\b)[A-Z]\w+) (?:said|says|told|wrote|writes|claims|claimed|replied|insists|insisted)\b|\baccording to\b"
    r"|\b(?:reverted|undid|rolled back) (?:it|that|this|the change)\b"
    r"|\b(?:rolled|changed|set|moved|switched|put) (?:it|that|this) back\b(?! to)"
    r"|[,.”\"] said (?:no|every|nobody)|\b[Aa]s (?!I\b)[A-Z][\w.]*(?: [A-Z][\w.]*)* (?:once )?(?:said|says|put it|wrote)\b"
)
"""After a statement: it is somebody else's, or taken back."""
TAKEN_BACK = Form(
    r"\b(?:then|before|until|till|but|later|yet|though)\b.*\b(?:(?:go|gone|going|went|switch\w*|mov\w*|chang\w*|roll\w*|come|came|get|got|put"
    r"|set)(?: \w+)? back|revert\w*|revers\w*|und(?:id|one|o)|downgrad\w*)\b"
    r"|\bby (?:mistake|accident)\b|\b(?:aus versehen|versehentlich)\b"
    r"|\b(?:dann|danach|später|aber|bis|doch)\b.*\b(?:wieder|zurück\w*|rückgängig|widersprochen|abgelehnt|gescheitert|storniert)\b",
    re.I,
)
"""After a change: it holds no more."""
OF_THEN = Form(
    r"\b(?:then|before|until|till|but|later|yet|though)\b.*\b(?:back|again|restor\w*|fell|dropped|rose|contest\w*|reject\w*|refus\w*"
    r"|overrul\w*|objected|recover\w*|falling|rising|cancel\w*)\b"
    r"|\bwhen (?:i|we|he|she|they|it|you|my|our|the)(?:'d)? (?:\w+ )?(?:was|were|had|lived|moved|got|started|left|came)\b"
    r"|\bin (?:19|20)\d\d\b|\bas an? (?:kid|child|baby|boy|girl|teen\w*|student)\b",
    re.I,
)
"""After an amount or an age that something came to: it may be another one now."""
HEDGED = Form(
    r"\b(?:maybe|perhaps|might|possibly|probably|presumably|could|would(?! prefer)|should(?! be (?:moved|called))"
    r"|i think|i guess|i believe|i suppose"
    r"|i assume|not sure|unsure|wonder|whether|suppose|supposing|imagine|imagining|hypothetical\w*|for example"
    r"|for instance|e\.g\.|let's say"
    r"|let's assume|assume|assuming|pretend|as if|in case|what if|wish|unless|as long as|provided|depending|guess"
    r"|apparently|supposedly|allegedly|if only|or something"
    r"|if|once upon a time|in (?:my|the|this) (?:dream|novel|story|book|film|movie|game|song|poem|scene|episode|play|chapter"
    r"|joke|scenario|example|comic|sketch|thought experiment))\b",
    re.I,
)


def _in(nouns: str) -> str:
    return rf"\b(?:in|inside|within|into|from|per) (?:{_THE}(?:[\w'-]+ ){{0,3}}?)?(?:{nouns})\b{_NOT_OF}(?: \d+)?"


IN_SHOWN = Form(
    _in(_SHOWN) + r"|\b(?:im|in der|in den|in einem|in einer|aus dem|aus der|laut) (?:[\w-]+ ){0,2}?\w*(?:log|test|fixture|mock|beispiel"
    r"|dropdown|datenbank|dialog|formular|readme|ticket|trace|testdaten|testprofil|testkalender|ausgabe|export|tabelle|zeile|spalte"
    r"|feld)s?\b"
    r"|\bdans (?:(?:le|la|les|un|une|mon|nos?|ce|cette) |l')?(?:[\w-]+ )?(?:logs?|tests?|jeu (?:de|d')|fixtures?|mocks?|exemples?"
    r"|base|formulaire|journal|tableau|ticket|trace|simulation)\b"
    r"|\ben (?:el|la|los|las|un|una|mi|este|esta) (?:[\w-]+ )?(?:logs?|tests?|pruebas?|fixtures?|mocks?|ejemplos?|base de datos"
    r"|formulario|registro|tabla|ticket|traza|simulación|datos)\b"
    r"|\b(?:nel|nella|nei|no|na|nos|nas|in het|in de|w|в) (?:[\w-]+ )?(?:logs?|tests?|testes?|fixture|mock|esempio|exemplo|voorbeeld"
    r"|database|formulario|formulário|formulier|logach|teście|przykładzie|логе|логах|тесте|примере|базе)\b",
    re.I,
)
"""In what is shown, tested or stored."""
IN_UNREAL = Form(_in(_UNREAL), re.I)
"""In what is made up."""
HEADS = Form(
    r"(?:in|inside|on|for|with|within|from) (?:the|this|that|my|our|your|a|an|every|each|their) (?:[\w'-]+ ){0,3}?"
    rf"(?:{_SHOWN})\b{_NOT_OF}(?:,| (?=my\b|the\b|i\b|we\b|our\b|i'm\b))"
    r"|as an? (?:[\w-]+ ){1,3}?i\b|as an? [\w-]+(?: [\w-]+)?, i\b|e\.g\.|i\.e\.|given (?:my|the|i)\b|say,? (?:my|the|i)\b",
    re.I,
)
"""A beginning that all of the sentence stands under."""
PRINTED = Form(
    r"\b(?:reads|says|prints|types|answers|shows|displays|outputs|asserts|expects|returns|contains|claims|states|renders|logs|writes"
    r"|complains|thinks|believes)(?: that|:|,)? (?:my|i|i'm|we|our)\b",
    re.I,
)
"""What follows in the sentence are the words of somebody or something else."""
ASKED_BACK = Form(
    r"[ ,](?:isn't|aren't|doesn't|don't|wasn't|weren't|won't|didn't|hasn't|haven't) (?:it|they|we|i|he|she)$"
    r"|,? (?:right|correct|or not|innit|oder|nicht wahr|non|verdad|no)$",
    re.I,
    ALWAYS,
)
"""An end that makes it a question without its mark."""


def elsewhere(text: str, start: int, end: int, *, chosen: bool) -> bool:
    """Whether what text[start:end] says holds only in a test, a log, an example and the like. `chosen`: it says what is used or
    liked, which a test does not undo."""
    return (IN_UNREAL if chosen else IN_SHOWN).search(text, start, end) is not None


def taken_back(text: str, start: int, end: int, *, amount: bool) -> bool:
    """Whether a change does not hold any more for what is said behind it. `amount`: it is one of an amount or an age."""
    return TAKEN_BACK.search(text, start, end) is not None or (amount and OF_THEN.search(text, start, end) is not None)


def not_so(text: str, start: int, end: int) -> bool:
    """Whether nothing in this sentence is a statement of its author, for how it begins or ends."""
    return HEADS.match(text, start, end) is not None or ASKED_BACK.search(text, max(start, end - 24), end) is not None
