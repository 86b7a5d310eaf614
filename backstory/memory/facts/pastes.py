"""Where a message stops being in the words of the one who sent it: a mail, a ticket, a transcript or a manual that he pasted begins there.

Rule: what follows is nobody's statement, to the end of the message, for nothing surely says where a paste is over. Only a paste that is a
block of its own (a fence, quoted lines, a tag) leaves what stands behind it to the sender. In doubt it is a paste.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from backstory.memory.forms import ALWAYS, Form

_EDGE_CHARS = 6_000
_LONGEST_LINE = 2_000
_LONGEST_GAP = 400
_LONGEST_HEAD = 160
"""A longer line introduces nothing."""
_FEW = 2
"""A heading of so few words is the sender's own ("Backend:") where it names no paste."""
_NOUNS = """
    e-?mails? mails? letters? messages? msg tickets? issues? reports? readme documentation docs docstring manual tutorial specs?
    wiki articles? blog posts? tweets? threads? transcripts? interview chat conversation dialogue logs? quotes? quotation
    excerpts? snippets? paste output traces? stacktrace traceback error feedback reviews? comments? description story stories
    scenarios? changelog release.notes commit bio persona prompt template text paragraph passage sentences? draft fixtures?
    samples? examples? data csv json yaml dump script survey answers? reply replies response criteria profile cv resume slack
    discord whatsapp jira confluence customers? clients? users? vendor form greeting string test.data screenshot caption forum
    faq listing original input expected actual variant nachricht(?:en)? brief fehlerbericht meldung kunde\\w* kundin anfrage
    antwort protokoll mitschrift verlauf ausgabe zitat auszug absatz beschreibung rezension rückmeldung kommentar beispiel\\w*
    testdaten artikel beitrag doku\\w* anleitung lebenslauf vorlage fehlermeldung courriel lettre client\\w* réponse fil
    transcription journal citation extrait texte avis commentaire exemple article facture correos? mensajes? carta clientes?
    respuesta hilo transcripción registro cita extracto texto descripción comentario ejemplo artículo documentación messaggio
    lettera risposta testo esempio mensagem carta cliente resposta trecho texto exemplo bericht klant antwoord voorbeeld tekst
    wiadomość klient\\w* odpowiedź przykład tekst письмо клиент\\w* ответ сообщение пример текст логи?
"""
_SAID_WORDS = """
    says? said wrote writes sent answered answers replied replies reads asks asked reported reports posted told complained
    states stated prints? printed shows displays got received forwarded pasted copied quoted schreibt schrieb geschrieben sagt
    sagte meinte antwortet\\w* meldet\\w* steht erhalten bekommen écrit dit répond\\w* reçu escribe escribió dice dijo respondió
    recibí scrive scritto disse escreveu diz schreef zegt napisał\\w* pisze написал\\w* пишет ответил\\w*
"""
_SELF_WORDS = """
    i i'm i've me my mine myself we we're we've us our ours remember notes? fyi facts? decisions? decided agreed rules?
    preferences? conventions? setup settings? config\\w* background context plans? updates? corrections? status requirements?
    stack btw also please info details? things? points? summary project about goals? constraints? guidelines? instructions? ich
    mich mir mein\\w* wir uns unser\\w* merk\\w* notier\\w* regeln entscheidung\\w* vorgaben einstellungen hintergrund fakten
    stand je j'ai moi mon ma mes nous notre nos note retiens règles décisions contexte yo mi mis nosotros nuestr\\w* recuerda
    nota reglas decisiones contexto io mio mia miei noi nostr\\w* ricorda eu meu minha nós nosso nossa lembra ik mijn wij onze
    onthoud ja mój moja my nasz\\w* zapamiętaj я мой моя мы наш\\w* запомни
"""


def _any(text: str) -> str:
    return rf"(?<![\w-])(?:{'|'.join(text.split())})(?![\w-])"


_NOUN = Form(
    _any(_NOUNS) + "|邮件|郵件|工单|客户|日志|对话|文档|例子|回复|メール|チケット|お客様|ログ|会話|ドキュメント|例文", re.I, ALWAYS
)
_SAID = Form(
    _any(_SAID_WORDS) + r"|^(?:he|she|they|someone|somebody|er|il|elle|él|ella)\b|写道|说道|回复|書いて|書きました|言って", re.I, ALWAYS
)
_SELF = Form(_any(_SELF_WORDS) + "|我|记住|私|僕|覚えて", re.I, ALWAYS)
_POINTS = Form(
    r"\b(?:below|following|this|these|here's|here is|here are|attached|pasted|copied|got|received|forwarded|clean (?:it|this|them) up"
    r"|what (?:he|she|they|\w+ (?:said|wrote|answered|sent)))\b"
    r"|\b(?:folgende\w*|unten|hier (?:ist|sind|die|der|das)|diese\w*|ci-dessous|voici|suivante?|siguiente|aquí|abajo|seguente|ecco"
    r"|seguinte|aqui|volgende|hieronder|poniżej|oto|ниже|вот)\b|以下|下面|次の",
    re.I,
    ALWAYS,
)
"""A line that has one of these, names a paste and stands before an empty line introduces it without a colon."""
_WHAT = Form(
    r"(?:here's |here is |this is |das |voici |esto )?(?:what|was|ce que?|lo que) "
    r"(?:(?!i\b|we\b|ich\b|wir\b|je\b|nous\b|yo\b)\w+ ){1,3}?\w+$",
    re.I,
)
_HEAD = Form(
    r"(?:from|von|de|da|van|od|от|to|cc|subject|date|sent|reply-to|an|betreff|gesendet|datum|à|objet|asunto|para|oggetto|assunto"
    r"|onderwerp|temat|тема|кому):[ \t]+\S",
    re.I,
    ALWAYS,
)
"""One head of a mail; two of them, one below the other, are the beginning of one."""
_SUBJECT = Form(r"(?:subject|betreff|objet|asunto|oggetto|assunto|onderwerp|temat|тема):", re.I, ALWAYS)
"""The head that needs no second one: with words below it, it is a mail's."""
_FORWARDED = Form(
    r"[-_=>* ]{0,12}(?:original message|forwarded message|begin forwarded|ursprüngliche nachricht|weitergeleitete nachricht"
    r"|message (?:d'origine|transféré)|mensaje (?:original|reenviado)|messaggio originale|mensagem original"
    r"|oorspronkelijk bericht)\b",
    re.I,
)
_STAMP = r"\[?\d{1,2}[:.]\d\d(?::\d\d)?(?: ?[ap]\.?m\.?)?\]?"
# "The retro is at 15:00" is no name, nor is "no its 15:00".
_PART = (
    r"(?!(?:its|it's|thats|that's|no|nope|nah|nein|nee|nö"
    r"|is|are|was|at|on|in|by|to|until|till|from|the|my|our|we|i|ist|um|am|bis|der|die|das|est|à|le|la|es|son|a|el)\b)[\w.'@-]+"
)
_SAID_AT = Form(
    rf"(?=[^\W\d_]){_PART}(?: {_PART}){{0,3}}[ \t]+(?:[—–-] ?)?"
    rf"(?:\(?(?:today|yesterday|heute|gestern|hier|hoy|ayer) (?:at |um |à |a las )?)?{_STAMP}\)?(?:[ \t]+Uhr)?$",
    re.I,
    ALWAYS,
)
"""A line of a chat that says only who speaks, and when."""
_SPOKEN_AT = Form(rf"{_STAMP}[ \t]*[-–]?[ \t]*<?(?=[^\W\d_])[\w.'-]+(?: [\w.'-]+){{0,2}}>?:[ \t]", re.I, ALWAYS)
_GREETING = Form(
    r"(?:(?:hi|hello|hey|dear|greetings|good (?:morning|afternoon|evening)|hallo|liebe[rs]?|guten (?:tag|morgen|abend)"
    r"|sehr geehrte[rs]?|moin|servus|bonjour|salut|chère?s?|hola|buen[oa]s (?:días|tardes|noches)|estimad[oa]s?|querid[oa]s?|ciao"
    r"|buongiorno|gentile|salve|olá|prezad[oa]s?|caro|cara|beste|geachte|cześć|dzień dobry|szanown[aiy]\w*|привет|здравствуйте"
    r"|уважаем\w+)\b[^.!?,:\n]{0,40}(?:[,!]|$))|您好|你好|こんにちは",
    re.I,
    ALWAYS,
)
_FORMAL = Form(r"(?:dear|sehr geehrte[rs]?|estimad[oa]s?|gentile|prezad[oa]s?|geachte|szanown\w+|уважаем\w+)\b[^.!?\n]{0,60},?$", re.I)
_STEP = Form(
    r"(?:given|scenario(?: outline)?:|feature:|gegeben sei|étant donné|dado) ?\S.*\n\s*(?:given|when|then|and|wenn|dann|quand|alors"
    r"|cuando)\b",
    re.I,
)
_VALUE = Form(r"\S+(?: \S+)?\s*$")
_OWN = Form(r"(?:my|i|i'm|our|we|mein\w*|ich|wir|unser\w*)\b", re.I, ALWAYS)
_HELP = Form(r"(?:i|we|ich|wir)\b[^,;:]{0,40}\b(?:questions?|help|problems?|trouble|doubts?|fragen?|hilfe)\b", re.I)
"""The sender's own question, whatever it is about."""
_BLOCK = ("```", "~~~", ">", "<", "|", "{", "[{")


_ASKED = Form(
    r"\s*(?:(?:please|can you|could you|bitte)[, ]+)?(?:(?:is|does) (?:this|that|it|the following) "
    r"(?:(?:good|proper|sound|grammatically) )*(?:correct|right|english|german|french|spanish|natural|okay|ok)"
    r"|which (?:one |of these |sentence )?(?:sounds|is|reads) (?:better|correct|right)"
    r"|improve (?:my|the|this) (?:english|german|french|spanish|grammar|style|wording|text)"
    r"|(?:fix|check|correct) (?:my|the|this)? ?(?:grammar|spelling|english|german|french|spanish|wording|sentence)"
    r"|translate (?:this )?(?:in)?to \w+|ist das (?:richtig|korrekt|gutes deutsch)|was klingt besser|est-ce (?:que c'est )?correct"
    r"|¿?es(?:tá)? (?:esto )?correcto)\b[^.?!:\n]{0,30}[.?!:]",
    re.I,
)
"""What asks for work on the words behind it."""


def own_until(text: str, upto: int) -> int:
    """Where what is the sender's own ends in text[:upto]; `upto` where all of it is. Looks at the first and the last thousands of
    characters only, once."""
    asked = _ASKED.match(text, 0, upto)
    if asked is not None:
        return asked.end()
    if text.find("\n", 0, upto) < 0 and text.find(":", 0, upto) < 0:
        return upto
    first, headed = True, -1
    for start, stop in _lines(text, upto):
        line = text[start:stop].rstrip()
        behind_gap = not first and text[max(0, start - 3) : start].replace("\r", "").endswith("\n\n")
        if _others(text, start, stop, line, first=first, behind_gap=behind_gap):
            return start
        if _HEAD.match(line):
            if headed >= 0 or (_SUBJECT.match(line) and text[stop:upto].strip()):
                return headed if headed >= 0 else start
            headed = start
        else:
            headed = -1
        if (ends := _introduces(text, line, start, stop, upto)) >= 0:
            return ends
        first = False
    return upto


def _lines(text: str, upto: int) -> Iterator[tuple[int, int]]:
    """The lines with words of the edges of text[:upto], from their first word on, but for those of fences, quotations and tables."""
    start, fence = 0, ""
    while start < upto:
        if _EDGE_CHARS < start < upto - _EDGE_CHARS:
            start = upto - _EDGE_CHARS
        stop = text.find("\n", start, upto)
        stop = upto if stop < 0 else stop
        begins = start
        if stop - start <= _LONGEST_LINE:
            while begins < stop and text[begins].isspace():
                begins += 1
            mark = text[begins : begins + 3]
            if mark in ("```", "~~~") and fence in ("", mark):
                fence = "" if fence else mark
            elif begins < stop and not fence and mark[0] not in ">|":
                yield begins, stop
        start = stop + 1


def _others(text: str, start: int, stop: int, line: str, *, first: bool, behind_gap: bool) -> bool:
    """Whether this line is the first of somebody else's words. A greeting is where a letter begins: on a line of its own, or behind an
    empty line."""
    if not first and (greeting := _GREETING.match(line)) is not None and (behind_gap or greeting.end() == len(line)):
        return True
    if _FORWARDED.match(line) or _STEP.match(text, start, min(len(text), stop + 40)):
        return True
    if _SPOKEN_AT.match(line) or ((line[-1].isdigit() or line[-1] in "])MmRr") and _SAID_AT.match(line)):
        return True
    return first and _FORMAL.match(line) is not None


def _introduces(text: str, line: str, start: int, stop: int, upto: int) -> int:
    """Where what this line introduces begins, -1 where it introduces nothing."""
    bare = line.rstrip("*_ ")
    if bare[-1:] in (":", "："):
        return stop if len(line) <= _LONGEST_HEAD and _is_head(bare[:-1].strip("*_# ")) and _follows(text, stop, upto) else -1
    colon = line.find(": ")
    if 0 < colon <= _LONGEST_HEAD // 2 and _names_paste(line[:colon], line[colon + 2 :]):
        return start + colon + 1
    gap = len(line) <= _LONGEST_HEAD and text[stop + 1 : min(upto, stop + 80)].lstrip(" \t\r").startswith("\n")
    return stop if gap and _points(line) and _follows(text, stop, upto) else -1


def _points(line: str) -> bool:
    """Whether a line before an empty one introduces somebody else's words without a colon."""
    if _WHAT.match(line):
        return True
    named = _NOUN.search(line) is not None and _POINTS.search(line) is not None
    return named and not _OWN.match(line)


def _is_head(head: str) -> bool:
    """Whether a line that ends with a colon introduces somebody else's words."""
    if _SAID.search(head) or (_NOUN.search(head) and not _HELP.match(head)):
        return True
    return not _SELF.search(head) and len(head.split()) > _FEW


def _names_paste(label: str, rest: str) -> bool:
    """Whether "Issue description: ..." gives the words of a paste; "email: a@b.c" gives a value, "log level: debug" one word."""
    if not _NOUN.search(label) or _VALUE.match(rest):
        return False
    return not _OWN.match(label) or _SAID.search(label) is not None


def _follows(text: str, stop: int, upto: int) -> bool:
    """Whether words follow, and no block that says itself where it ends."""
    after = text[stop : min(upto, stop + _LONGEST_GAP)].lstrip("\r\n")
    return bool(after.strip()) and not after.startswith(("    ", "\t")) and not after.lstrip().startswith(_BLOCK)
