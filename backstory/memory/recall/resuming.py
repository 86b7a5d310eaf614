"""Whether a message asks to go on where the last session ended ("Where were we?", "Wo waren wir stehen geblieben?").

Rule: by its words, in the languages whose small words are known. It says nothing of what the session was about: only a summary answers it.
"""

from __future__ import annotations

import re

from backstory.memory.forms import Form
from backstory.memory.text import fold

_MOST_CHARS = 600
_SIGNS = {
    "en": r"where (?:were|are) we|where (?:did|had|have) we (?:stop|stopped|leave off|left off|get to|got to|end)|left off"
    r"|last (?:time|session)"
    r"|continue (?:where|from|with)|(?:carry|go|keep going) on (?:where|from|with)|pick up where|what did we (?:do|work on|talk about)"
    r"|previous (?:session|conversation)",
    "de": r"wo (?:waren|sind|standen|stehen) wir|wo (?:haben|hatten) wir (?:aufgehört|geendet)|steh?en ?geblieben|(?:beim )?letzte[ns] mal"
    r"|(?:letzte[nr]?|vorige[nr]?) (?:sitzung|session|unterhaltung|gespräch)|(?:mach|machen wir|geht es|gehts) (?:da |dort )?weiter,? wo"
    r"|weiter(?:machen|arbeiten),? wo|(?:woran|worüber) (?:haben|hatten) wir (?:zuletzt )?(?:gearbeitet|gesprochen)"
    r"|was (?:haben|hatten) wir zuletzt",
    "fr": r"où (?:en )?(?:étions|sommes|était|est)[- ](?:nous|on)|où (?:nous|on) (?:en )?(?:étions|était|est|sommes)|la dernière fois"
    r"|(?:dernière|précédente) (?:session|conversation|séance)|(?:session|conversation|séance) précédente|(?:reprend\w*"
    r"|reprenons|continu\w+)"
    r"(?: là)? où|où (?:nous nous sommes|on s['’ ]est) arrêtés?",
    "es": r"(?:en qué|por dónde|dónde|en donde) (?:estábamos|íbamos|nos quedamos|quedamos|lo dejamos)|la última (?:vez|sesión|conversación)"
    r"|(?:sesión|conversación) anterior|(?:sigamos|seguimos|sigue|continuemos|continuamos|continúa|seguir"
    r"|continuar) (?:por )?(?:donde|desde donde)"
    r"|donde lo dejamos",
    "it": r"dove (?:eravamo|ci eravamo|siamo) (?:rimasti|fermati|arrivati)|dove eravamo|a che punto (?:eravamo|siamo)|l['’ ]ultima "
    r"(?:volta|sessione|conversazione)|(?:riprend\w+|continu\w+) da dove",
    "pt": r"(?:em que ponto|onde) (?:é que )?(?:estávamos|nós estávamos|paramos|parámos|ficamos|ficámos)|a última (?:vez|sessão|conversa)"
    r"|(?:sessão|conversa) anterior|(?:continu\w+|retom\w+) (?:de|a partir de)? ?onde",
    "nl": r"waar (?:waren|zijn) we|(?:de )?(?:vorige|laatste) (?:keer|sessie)|(?:verder|doorgaan) waar we",
    "pl": r"na czym (?:skończyliśmy|stanęliśmy|stoimy)|gdzie (?:skończyliśmy|byliśmy)|ostatnim razem|poprzedni\w* (?:sesj|rozmow)\w*",
    "ru": r"на ч[её]м мы (?:остановились|закончили)|где мы остановились|в прошлый раз|прошл\w+ (?:сессии|беседе|разговоре)",
}
_RESUMES = Form(rf"\b(?:{'|'.join(fold(one) for one in _SIGNS.values())})\b", re.IGNORECASE)


def resumes(message: str) -> bool:
    """Whether it does. A long message brings its own matter."""
    return len(message) <= _MOST_CHARS and _RESUMES.search(fold(message)) is not None
