"""What in a line tells that something went wrong, how surely, and how rare that is in its text.

Rule: a word counts where it stands alone, not in the name of a file, an option or a function and not where it is denied ("0 errors",
`error=null`); a level, an exit code, a signal and an HTTP status count as such. Lines that are alike do not outvote the one that is
like no other: what is rare stands before what comes all the time, whatever its words. Time grows with the length of the text alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

Sign: TypeAlias = "tuple[int, tuple[str, ...]]"
"""How surely a line tells of something wrong (0 to SURE), and by which words, each with the one after it."""

MAYBE, LIKELY, SURE = 1, 2, 3
LOOKED_AT, _TAIL = 400, 200
"""So much of the beginning of a line tells what it is, and so much of the end of a longer one."""

_LIKELY_WORDS = (
    r"err(?:ors?|ored)?|fatal|fail(?:s|ed|ing|ures?)?|panic(?:s|ked)?|exceptions?|traceback|critical|crit|emerg(?:ency)?|severe"
    r"|abort(?:s|ed|ing)?|assert(?:ion)?|segfault|segmentation fault|core dumped|stack overflow|crash(?:es|ed|ing)?|crashloopbackoff"
    r"|killed|oom(?:killed)?|out of memory|deadlock(?:ed)?|data race|corrupt(?:ed|ion)?|denied|refused|forbidden|unauthorized|undefined"
    r"|unresolved|unreachable|unavailable|unhandled|uncaught|not found|not ok|no such|cannot|can't|could not|couldn't|unable to"
    r"|timed out|connection (?:reset|closed|lost|aborted)|reset by peer|broken pipe|no space left|not permitted|does not exist"
    r"|already (?:in use|exists)|bad gateway|conflict(?:s|ed)?|not recognized|non-?zero"
    # The same in other languages that programs speak.
    r"|fehler(?:haft)?|fehlgeschlagen|gescheitert|abgebrochen|verweigert|abgelehnt|nicht (?:gefunden|möglich|erreichbar)"
    r"|erreurs?|échec|échoué|échouée|introuvable|refusée?|fallo|falló|fallido|fallida|denegado|rechazado|no (?:se pudo|encontrado)"
    r"|erros?|falha|falhou|negado|não foi possível|errore|errori|fallita|fallito|negato|impossibile|fout(?:en)?|mislukt|geweigerd"
    r"|błąd|błędy|niepowodzenie|odmowa|chyba|selhalo|virhe|epäonnistui|misslyckades|hata|başarısız|hiba|sikertelen|eroare|gagal|lỗi"
    r"|ошибк[аи]|сбой|отказано|не удалось|не найден[аоы]?|помилка|не вдалося"
)
_MAYBE_WORDS = (
    r"warn(?:ing|ings|ed)?|wrn|terminated|timeouts?|unexpected(?:ly)?|missing|permission|invalid|illegal|unknown|unsupported|expired|rejected"
    r"|mismatch(?:ed|es)?|exceed(?:s|ed)|exhausted|overflow(?:ed)?|underflow|violat(?:ion|ed|es)|leak(?:s|ed)?|stuck|lost|unhealthy"
    r"|evicted|roll(?:ed )?back|back-?off|broken|bad|wrong|degraded|stalled|throttled|disconnected|interrupted|incorrect|incompatible"
    r"|malformed|dead|hung|unstable|vulnerabilit(?:y|ies)|xfail(?:ed)?|xpass(?:ed)?|expected|deprecated"
    r"|warnung|avertissement|advertencia|aviso|avviso|waarschuwing|ostrzeżenie|предупреждение|uyarı"
)
# Scripts that set no space between words.
_RUN_ON = (
    r"错误|錯誤|失败|失敗|异常|異常|拒绝|拒絕|超时|无法|無法|崩溃|致命|エラー|例外|できません|오류|실패|예외|خطأ|فشل|त्रुटि|שגיאה|ข้อผิดพลาด"
)
_MARKS = r"✗|✕|✖|×(?= )|●|❌"
_ALONE, _ENDS = r"(?<![\w./@-])", r"(?![\w/@]|-\w|\.\w|\((?!s\)))"
_WORDS = re.compile(rf"{_ALONE}(?:(?P<likely>{_LIKELY_WORDS})|(?P<maybe>{_MAYBE_WORDS})){_ENDS}|(?P<other>{_RUN_ON}|{_MARKS})")
# Names of exceptions, of errno.h and signal.h, and of what ends so; with their letters as they are.
_NAMES = re.compile(
    r"[A-Za-z](?:Error|Exception|Failure|Failed|Fault|Timeout|Killed|Panic)(?![\w(/-]|\.\w)"
    r"|\bERR_[A-Z]|\bE(?:CONN|NOENT|NOTFOUND|ACCES|PERM|PIPE|NOMEM|NOSPC|ADDR|HOST|EXIST|TIMEDOUT|AI_|LIFECYCLE|RESOLVE|BADF|MFILE)[A-Z]*\b"
    r"|\bSIG(?:SEGV|KILL|ABRT|BUS|ILL|FPE|TERM|PIPE|QUIT|SYS|TRAP)\b"
)
_WARNS = re.compile(r"[a-z](?:Warning|BackOff|Sanitizer)(?![\w(/-]|\.\w)")
_SUFFIX = re.compile(r"[a-z0-9]_(?:error|failed|failure|exception|denied|timeout)(?![\w./=(:\"-])")
_LEVEL = re.compile(
    r"\b(?:level|lvl|severity|loglevel|levelname|priority)\"?\s{0,2}[=:]\s{0,2}\"?"
    r"(?:e(?:rr?or|rr)?|fatal|crit(?:ical)?|d?panic|alert|emerg\w{0,4}|severe)\b"
    r"|\[(?:e|err|error|f|fatal|crit(?:ical)?|alert|emerg)\]"
)
_LEVEL_NUMBER = re.compile(r"\"level\": ?(?:(5|6)|4)0\b")
# glog, logcat in its two forms, the kernel's, and what pytest sets before that which was not so.
_LETTER = re.compile(r"[EF]\d{4} \d\d:|[EFA]/[A-Za-z]|\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} +\d+ +\d+ [EFA] |<[0-3]>|E {3}")
# The same for warnings; and what stands in stack traces only.
_LESS = re.compile(
    r"W\d{4} \d\d:|W/[A-Za-z]|\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} +\d+ +\d+ W |stack (?:back)?trace|goroutine \d+ \["
    r"|\s{0,40}(?:File \"[^\"]{1,300}\", line |at \S{1,200} ?(?:\(|:\d))"
)
_HEAD = re.compile(
    r"(?:^|[\s\[(<:|])(?:ERROR|ERR|FATAL|CRITICAL|CRIT|SEVERE|PANIC|ALERT|EMERG|FAIL|FAILED|FAILURE|FEHLER|ERREUR|ERRORE|ОШИБКА)"
    r"(?=[\s\]):>|!\[]|/[A-Z]|$)"
)
_HEAD_CHARS = 120
# How such a word stands where nothing else can be meant.
_SURE = re.compile(
    r"\b(?:(?:error|fatal|panic|failed|failure|exception|fehler|erreur|errore|erro|ошибка)"
    r"(?:\[[a-z]{0,3}\d{1,6}\]| [a-z]{0,3}\d{1,6})?:(?!:)"
    r"|err!|segmentation fault|core dumped|out of memory|traceback \(|panicked at)|^killed\b"
)
_CODE = re.compile(
    r"\b(?:(?:exit(?:ed|s)?(?: with)?(?: exit)?(?: code| status| value)?|exit_?(?:code|status)"
    r"|return(?:ed)? ?(?:code|status)|rc|retcode|errno)"
    r"\"?[=: (]{1,2}\"?-?[1-9]|signal[:= ]{1,2}\(?[1-9])|\*\*\* \["
)
_STATUS = re.compile(r"(?<![\d./-])(?<!\d[,:])[45]\d\d(?![\w./-]|[,:]\d|\s?[kmgµn]?(?:s|b|ms|kb|bytes|lines|items)\b)", re.IGNORECASE)
_BEFORE_STATUS = re.compile(
    r"(?:http(?:/\d(?:\.\d)?)?\"?|status(?:[_ ]?code)?\"?[=:]?|(?:get|post|put|patch|delete|head|options) \S{1,200}"
    r"|(?:answer|return|respon)\w{0,5}(?: with)?:?|got|code[=:]?)[ =:]?\"?\Z",
    re.IGNORECASE,
)
_BEFORE_CHARS = 60
_NO_MATTER = (
    r"(?:err(?:ors?)?|fail(?:s|ed|ures?)?|exceptions?|warn(?:ings?)?|problems?|issues?|vulnerabilit(?:y|ies)|fehler|erreurs?|timeouts?"
    r"|conflicts?|unreachable|rejected|denied|missing|invalid|unknown|lost|dropped|killed|aborted|crash(?:es|ed)?|leak(?:s|ed)?|deadlocks?)"
)
# Where something is counted as none, or a member holds nothing.
_DENIED = re.compile(
    rf"(?<![\w.])(?:0|no|zero|without(?: any)?|never|keine?|sans|sin) (?:[a-z]{{1,20}} ){{0,2}}{_NO_MATTER}\b"
    rf"|{_NO_MATTER}[\w-]{{0,20}}(?: (?:rate|count|total))?(?:=\"?(?:null|none|nil|false|no)\b|\"?[=: ]?[=:] ?(?:"
    r"\"?0+(?:\.0+)?%?\"?(?![\w.])|<nil>|\[\]|\{\}|\"\"|''|(?:null|none|nil|false|no)(?=\"? ?(?:[,;)}\]|]|\Z))))"
    r"|\bnot expired\b|\bas expected\b"
)
# A test that passed, and a heading.
_PASSED = re.compile(
    r"\s*(?:✓|✔|√|PASS(?:ED)?\b|ok\s+(?:\d+\b|\S+\s+[\d(]))|.{0,360}(?:PASSED|SKIPPED|\.\.\. ok)\s*(?:\[ *\d+%\]|\([^)]{0,20}\))?\s*\Z"
    r"|[=_*#~-]{3,80} [^\d=]{1,60} [=_*#~-]{3,80}\s*\Z"
)
_LONG_NUMBER = re.compile(r"0*[1-9][0-9]*")
_UUID = re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}(?![0-9A-Za-z])")
_HEX = re.compile(r"\b0x[0-9a-fA-F]+|(?<![0-9A-Za-z])(?=[a-f]{0,40}[0-9]|[A-F]{0,40}[0-9])[0-9a-fA-F]{7,}(?![0-9A-Za-z])")
_NEXT = re.compile(r"\W{0,4}(\w{1,16})")
_MOST_SIGNS = 6
_SPACE = re.compile(r"\\[nrt]|[ \t]+")
# What a line must have of to be looked at: one of these stands in whatever the patterns above find.
_STEMS = (
    "err", "eror", "fail", "fatal", "panic", "excep", "traceb", "crit", "emerg", "severe", "alert", "abort", "assert", "segf",
    "segmentation", "core dumped", "overflow", "underflow", "crash", "kill", "oom", "out of mem", "deadlock", "data race",
    "corrupt", "denied", "refus", "forbidden", "unauth", "undefined", "unresol", "unreach", "unavail", "unhandled", "uncaught",
    "not found", "not ok", "no such", "cannot", "can't", "could not", "couldn't", "unable", "timed out", "timeout", "connection ",
    "reset by", "broken", "no space", "not permitted", "does not exist", "already ", "bad", "conflict", "fehl", "gescheitert",
    "abgebrochen", "verweigert", "abgelehnt", "nicht ", "échec", "échou", "introuvable", "fall", "denegado", "rechazado",
    "no se pudo", "no encontrado", "falh", "negado", "não foi", "negato", "impossibile", "fout", "mislukt", "geweigerd", "błąd",
    "błędy", "niepowodzenie", "odmowa", "chyba", "selhalo", "virhe", "epäonn", "misslyck", "hata", "başarısız", "hiba",
    "sikertelen", "eroare", "gagal", "lỗi", "ошибк", "сбой", "отказано", "не удалось", "не найден", "помилка", "не вдалося", "warn",
    "wrn", "terminated", "recognized", "zero", "backoff", "sanitizer", "unexpected", "missing", "permission", "invalid", "illegal",
    "unknown", "unsupported", "expired", "rejected", "mismatch", "exceed", "exhausted", "violat", "leak", "stuck", "lost",
    "unhealthy", "evicted", "back", "wrong", "degraded", "stalled", "throttled", "disconnected", "interrupted", "incorrect",
    "incompatible", "malformed", "dead", "hung", "unstable", "vulnerab", "xfail", "xpass", "expected", "deprecated", "avert",
    "advertencia", "aviso", "avviso", "waarsch", "ostrze", "предупр", "uyarı", *_RUN_ON.split("|"), "✗", "✕", "✖", "× ", "●", "❌",
    "econn", "enoent", "enotfound", "eacces", "eperm", "epipe", "enomem", "enospc", "eaddr", "ehost", "eexist", "etimedout", "eai_",
    "elifecycle", "eresolve", "ebadf", "emfile", "sigsegv", "sigabrt", "sigbus", "sigill", "sigfpe", "sigterm", "sigpipe",
    "sigquit", "sigsys", "sigtrap", "fault", "[e]", "[f]", 'level":4', 'level":5', 'level":6', 'level": 4', 'level": 5',
    'level": 6', "exit", "rc=", "rc:", "rc ", "return", "signal", "*** [", "http", "status", "get /", "post /", "put /", "patch /",
    "delete /", "answer", "respon", "got ", "code",
)  # fmt: skip


def signs(line: str) -> Sign:
    """What one line tells. Cost grows with the first LOOKED_AT of its characters at most."""
    return _judged(_looked(line), line)


def teller(text: str) -> Callable[[str], Sign]:
    """`signs` for the lines of this text: most texts have few of the words, and lines that differ in numbers only tell the same."""
    lowered = text.lower()
    stems = tuple([stem for stem in _STEMS if stem in lowered])
    known: dict[str, Sign] = {}

    def told(line: str) -> Sign:
        if not line:
            return _NOTHING
        start = _looked(line)
        low = start.lower()
        if not any(stem in low for stem in stems):
            return _by_form(line)
        if _STATUS.search(start) or _LEVEL_NUMBER.search(start):
            return _judged(start, line)
        name = _LONG_NUMBER.sub("9", start)
        found = known.get(name)
        if found is None:
            found = known[name] = _judged(name, line)
        return found

    return told


def telling(line: str) -> bool:
    """Whether a line seems to tell of something that went wrong."""
    return signs(line)[0] > 0


def focus(line: str) -> int:
    """Where in a line that begins it: 0 for nowhere."""
    start = line[:_FOCUSED]
    found = [match for match in _WORDS.finditer(start.lower()) if match.start() < len(start)]
    likely = next((match for match in found if match.lastgroup != "maybe"), None) or _NAMES.search(start)
    match = likely or (found[0] if found else None)
    return match.start() if match else 0


def names_wrong(name: str) -> bool:
    """Whether what a member of this name holds is an error, where it holds anything."""
    return _NAMED.search(name.lower()) is not None


def pattern(line: str) -> str:
    """A line without what is another in each of its kind: numbers, hashes, ids."""
    start = _looked(line)
    if "-" in start:
        start = _UUID.sub("0", start)
    return _DIGITS.sub("0", _HEX.sub("0", start))


def ranked(lines: Sequence[str]) -> list[int]:
    """Which lines are worth keeping for what they tell, the most important first: of each kind in turn, so that none keeps the others
    away. Those that tell surely and are rare; of those that come often the first; those that tell less surely; those that have words
    that no other has. What is left of the frequent ones comes last."""
    told = teller("\n".join(lines))
    found = [(place, sign) for place, sign in enumerate(map(told, lines)) if sign[0]]
    patterns = [pattern(lines[place]) for place, _ in found]
    alike = Counter(patterns)
    words = Counter([word for _, sign in found for word in set(sign[1])])
    kinds: list[list[int]] = [[] for _ in range(_KINDS)]
    rest: list[list[int]] = [[], [], []]
    seen: set[str] = set()
    for (place, (sure, its)), shape in zip(found, patterns, strict=True):
        rarest = min(its, key=words.__getitem__)
        name = shape if sure == SURE else rarest
        if alike[shape] <= _FEW and words[rarest] <= _FEW:
            kinds[_RARE[sure]].append(place)
        elif name not in seen:
            kinds[_FIRST_OF[sure]].append(place)
        else:
            rest[SURE - sure].append(place)
        seen.add(name)
    kinds[-1] = _odd(lines, {place for place, _ in found})
    return [*_dealt([outside_in(kind) for kind in kinds]), *[place for some in rest for place in outside_in(some)]]


def outside_in(places: Iterable[int]) -> list[int]:
    """First, last, second, last but one, and so on."""
    listed = list(places)
    half = (len(listed) + 1) // 2
    made: list[int] = []
    for front, back in zip(listed[:half], reversed(listed[half:]), strict=False):
        made += [front, back]
    return made if len(listed) % 2 == 0 else [*made, listed[half - 1]]


_NOTHING: Sign = (0, ())
_BY_FORM = ("its form",)
_DIGITS = re.compile(r"[0-9]+")
_NAMED = re.compile(
    r"(?:^|[^a-z])(?:err|errors?|fail|failed|failures?|exceptions?|fatal|panic|traceback|stderr|crash)|(?:error|exception|failure)s?\Z"
)
# Lines of one pattern, or of one word and the next, are few up to this.
_FEW = 3
_KINDS = 6
_RARE, _FIRST_OF = {SURE: 0, LIKELY: 2, MAYBE: 3}, {SURE: 1, LIKELY: 4, MAYBE: 4}
# So many of each kind have their turn, then so many of the next.
_FOCUSED = 2000
_TURNS = (2, 1, 1, 1, 1, 1)
_WORD = re.compile(r"(?<![\w-])[^\W\d_]{3,}(?![\w-])")
_NO_WORDS: frozenset[str] = frozenset()
_ODD_LINES, _ODD_SHARE = 40, 0.03


def _looked(line: str) -> str:
    return line if len(line) <= LOOKED_AT + _TAIL else f"{line[:LOOKED_AT]} {line[-_TAIL:]}"


def _judged(start: str, line: str) -> Sign:
    """`start`: what is looked at of the line, numbers may be masked in it."""
    if _PASSED.match(start):
        return _NOTHING
    low = _SPACE.sub(" ", start).lower()
    sure = 0
    its: list[str] = []
    if _WORDS.search(low):
        low = _DENIED.sub(" ", low)
        for match in _WORDS.finditer(low):
            sure = max(sure, MAYBE if match.lastgroup == "maybe" else LIKELY)
            after = _NEXT.match(low, match.end())
            its.append(f"{match.group()} {after.group(1) if after else ''}")
            if len(its) == _MOST_SIGNS:
                break
        if _SURE.search(low):
            sure = SURE
    name = _NAMES.search(start)
    if name:
        sure = SURE if start[name.end() : name.end() + 1] == ":" else max(sure, LIKELY)
        its.append(name.group())
    if sure < SURE and (_HEAD.search(start[:_HEAD_CHARS]) or _LEVEL.search(low) or _CODE.search(low) or _LETTER.match(line)):
        sure = SURE
    sure = max(sure, _numbers(start, its), MAYBE if _SUFFIX.search(low) or _WARNS.search(start) else 0)
    return (sure, tuple(its) or _BY_FORM) if sure else _by_form(line)


def _by_form(line: str) -> Sign:
    """What a line tells by how it begins."""
    sure = SURE if _LETTER.match(line) else MAYBE if _LESS.match(line) else 0
    return (sure, _BY_FORM) if sure else _NOTHING


def _numbers(start: str, its: list[str]) -> int:
    """What HTTP statuses and numbered levels tell."""
    level = _LEVEL_NUMBER.search(start)
    sure = 0 if level is None else SURE if level.group(1) else MAYBE
    for status in _STATUS.finditer(start):
        if _BEFORE_STATUS.search(start[max(0, status.start() - _BEFORE_CHARS) : status.start()]):
            sure = max(sure, LIKELY if status.group()[0] == "5" else MAYBE)
            its.append(status.group())
    return sure


def _dealt(kinds: Sequence[Sequence[int]]) -> list[int]:
    made: list[int] = []
    at = [0] * len(kinds)
    while any(place < len(kind) for place, kind in zip(at, kinds, strict=True)):
        for number, (kind, turn) in enumerate(zip(kinds, _TURNS, strict=True)):
            made += kind[at[number] : at[number] + turn]
            at[number] += turn
    return made


def _odd(lines: Sequence[str], told: set[int]) -> list[int]:
    """Lines with more words that stand nowhere else than a line of this text usually has; none where there are many of them: in prose
    every line has its own."""
    if len(lines) < _ODD_LINES:
        return []
    words = [frozenset(_WORD.findall(line[:LOOKED_AT])) if line else _NO_WORDS for line in lines]
    times = Counter([word for some in words for word in some])
    alone = [sum([times[word] == 1 for word in some]) if some else 0 for some in words]
    usual = sorted(alone)[len(alone) // 2]
    odd = [place for place, count in enumerate(alone) if count > usual and place not in told]
    return odd if len(odd) <= max(_FEW, len(lines) * _ODD_SHARE) else []
