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


def _by_first(words: str) -> str:
    """The same choice of words, by their first letters: a place in a text is tried for those that begin as it does only."""
    firsts: dict[str, list[str]] = {}
    for word in re.split(r"\|(?![^(]*\))", words):
        firsts.setdefault(word[0], []).append(word[1:])
    return "|".join(f"{first}(?:{'|'.join(rests)})" for first, rests in firsts.items())


_WORDS = re.compile(rf"{_ALONE}(?:{_by_first(f'{_LIKELY_WORDS}|{_MAYBE_WORDS}')}){_ENDS}")
_MAYBE_WORD = re.compile(_MAYBE_WORDS)
_OTHERS = re.compile(f"{_RUN_ON}|{_MARKS}")
# Names of exceptions, of errno.h and signal.h, and of what ends so; with their letters as they are. Each begins with a letter and looks
# back from there, here and below: such a pattern is searched for several times as fast as one that looks back first.
_NAME_ENDS = r"(?![\w(/-]|\.\w)"
_NAMES = re.compile(
    rf"E(?<=[A-Za-z]E)(?:rror|xception){_NAME_ENDS}|F(?<=[A-Za-z]F)(?:ail(?:ure|ed)|ault){_NAME_ENDS}|T(?<=[A-Za-z]T)imeout{_NAME_ENDS}"
    rf"|K(?<=[A-Za-z]K)illed{_NAME_ENDS}|P(?<=[A-Za-z]P)anic{_NAME_ENDS}"
    r"|E(?<!\wE)(?:RR_[A-Z]"
    r"|(?:CONN|NOENT|NOTFOUND|ACCES|PERM|PIPE|NOMEM|NOSPC|ADDR|HOST|EXIST|TIMEDOUT|AI_|LIFECYCLE|RESOLVE|BADF|MFILE)[A-Z]*\b)"
    r"|S(?<!\wS)IG(?:SEGV|KILL|ABRT|BUS|ILL|FPE|TERM|PIPE|QUIT|SYS|TRAP)\b"
)
_WARNS = re.compile(rf"W(?<=[a-z]W)arning{_NAME_ENDS}|B(?<=[a-z]B)ackOff{_NAME_ENDS}|S(?<=[a-z]S)anitizer{_NAME_ENDS}")
_SUFFIX = re.compile(r"[a-z0-9]_(?:error|failed|failure|exception|denied|timeout)(?![\w./=(:\"-])")
_SET = r"\"?\s{0,2}[=:]\s{0,2}\"?(?:e(?:rr?or|rr)?|fatal|crit(?:ical)?|d?panic|alert|emerg\w{0,4}|severe)\b"
_LEVEL = re.compile(
    rf"l(?<!\w.)(?:evel(?:name)?|vl|oglevel){_SET}|s(?<!\w.)everity{_SET}|p(?<!\w.)riority{_SET}"
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
_NOT_ZERO = r"\"?[=: (]{1,2}\"?-?[1-9]"
_CODE = re.compile(
    rf"e(?<!\w.)(?:xit(?:(?:ed|s)?(?: with)?(?: exit)?(?: code| status| value)?|_?(?:code|status))|rrno){_NOT_ZERO}"
    rf"|r(?<!\w.)(?:eturn(?:ed)? ?(?:code|status)|c|etcode){_NOT_ZERO}|s(?<!\w.)ignal[:= ]{{1,2}}\(?[1-9]|\*\*\* \["
)
_STATUS = re.compile(r"[45](?<![\d./-].)(?<!\d[,:].)\d\d(?![\w./-]|[,:]\d|\s?[kmgµn]?(?:s|b|ms|kb|bytes|lines|items)\b)", re.IGNORECASE)
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
# Where something is counted as none, or a member holds nothing; and what must be there of it, which is found sooner.
_DENIED = re.compile(
    rf"(?<![\w.])(?:0|no|zero|without(?: any)?|never|keine?|sans|sin) (?:[a-z]{{1,20}} ){{0,2}}{_NO_MATTER}\b"
    rf"|{_NO_MATTER}[\w-]{{0,20}}(?: (?:rate|count|total))?(?:=\"?(?:null|none|nil|false|no)\b|\"?[=: ]?[=:] ?(?:"
    r"\"?0+(?:\.0+)?%?\"?(?![\w.])|<nil>|\[\]|\{\}|\"\"|''|(?:null|none|nil|false|no)(?=\"? ?(?:[,;)}\]|]|\Z))))"
    r"|\bnot expired\b|\bas expected\b"
)
_MAY_BE_DENIED = re.compile(
    r"[=:] ?\"?(?:0+(?:\.0+)?%?\"?(?![\w.])|<nil>|\[\]|\{\}|\"|''|null|none|nil|false|no)"
    r"|[0nzwks](?<![\w.].)(?:|o|ever|ero|ithout(?: any)?|eine?|ans|in) | expired| expected"
)
# A test that passed, and a heading.
_PASSED = re.compile(
    r"\s*(?:✓|✔|√|PASS(?:ED)?\b|ok\s+(?:\d+\b|\S+\s+[\d(]))|.{0,360}(?:PASSED|SKIPPED|\.\.\. ok)\s*(?:\[ *\d+%\]|\([^)]{0,20}\))?\s*\Z"
    r"|[=_*#~-]{3,80} [^\d=]{1,60} [=_*#~-]{3,80}\s*\Z"
)
_LONG_NUMBER = re.compile(r"0*[1-9][0-9]*")
_UUID = re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}(?![0-9A-Za-z])")
_HEX = re.compile(
    r"[0-9a-fA-F](?<![0-9A-Za-z].)(?:(?<=0)(?<!\w.)x[0-9a-fA-F]+"
    r"|(?=[0-9a-fA-F]{6})(?:(?<=[0-9])|(?<=[a-f])(?=[a-f]{0,39}[0-9])|(?<=[A-F])(?=[A-F]{0,39}[0-9]))[0-9a-fA-F]{6,}(?![0-9A-Za-z]))"
)
_NEXT = re.compile(r"\W{0,4}(\w{1,16})")
_MOST_SIGNS = 6
_SPACE = re.compile(r"\\[nrt]|[ \t]+")
# What a line must have of to be looked at: whatever the patterns above find but numbers has one of these in one of its words.
_STEMS = (
    r"e(?<!\w.)(?!\w)|err|eror|fail|fatal|panic|excep|traceb|crit|emerg|severe|alert|abort|assert|segf|segmentation|dumped|overflow|underflow|crash|kill|oom"
    r"|memory|deadlock|race|corrupt|denied|refus|forbidden|unauth|undefined|unresol|unreach|unavail|unhandled|uncaught|found|not\b|such"
    r"|cannot|can't|could|unable|timed|timeout|connection|reset|broken|left|permitted|exist|already|bad|conflict|recognized|zero"
    r"|fehl|gescheitert|abgebrochen|verweigert|abgelehnt|nicht|échec|échou|introuvable|fall|denegado|rechazado|pudo|encontrado|falh|negado"
    r"|não|negato|impossibile|fout|mislukt|geweigerd|błąd|błędy|niepowodzenie|odmowa|chyba|selhalo|virhe|epäonn|misslyck|hata|başarısız"
    r"|hiba|sikertelen|eroare|gagal|lỗi|ошибк|сбой|отказано|удалось|найден|помилка|вдалося|warn|wrn|terminated|sanitizer|unexpected|missing"
    r"|permission|invalid|illegal|unknown|unsupported|expired|rejected|mismatch|exceed|exhausted|violat|leak|stuck|lost|unhealthy|evicted"
    r"|roll|back-?off|back\b|wrong|degraded|stalled|throttled|disconnected|interrupted|incorrect|incompatible|malformed|dead|hung|unstable"
    r"|vulnerab|xfail|xpass|expected|deprecated|avert|advertencia|aviso|avviso|waarsch|ostrze|предупр|uyarı"
    r"|econn|enoent|enotfound|eacces|eperm|epipe|enomem|enospc|eaddr|ehost|eexist|etimedout|eai_|elifecycle|eresolve|ebadf|emfile"
    r"|sig(?:segv|kill|abrt|bus|ill|fpe|term|pipe|quit|sys|trap)|fault|exit|ret(?:code|urn)|rc(?![a-z])|signal"
)
_HOT = re.compile(rf"{_by_first(_STEMS)}|\[[ef]\]|\*\*\*|×|{_RUN_ON}|{_MARKS}")
_ZEROS = {ord(digit): "0" for digit in "123456789"}


def signs(line: str) -> Sign:
    """What one line tells. Cost grows with the first LOOKED_AT of its characters at most."""
    start = _looked(line)
    return _with_numbers(_judged(_LONG_NUMBER.sub("9", start)), start, line)


def teller(text: str) -> Callable[[str], Sign]:
    """`signs` for the lines of this text, faster: most have none of the words that tell, and those that differ in numbers only have the
    same."""
    bare = text.lower().translate(_ZEROS)
    hot = {word for word in set(bare.split()) if len(word) <= LOOKED_AT + _TAIL and _HOT.search(word)}
    known: dict[str, Sign] = {}

    def told(line: str) -> Sign:
        if not line:
            return _NOTHING
        start = _looked(line)
        low = start.lower()
        if not _HOT.search(low) if start is not line else hot.isdisjoint(low.translate(_ZEROS).split()):
            return _with_numbers(_NOTHING, start, line)
        name = _LONG_NUMBER.sub("9", start)
        found = known.get(name)
        if found is None:
            found = known[name] = _judged(name)
        return _with_numbers(found, start, line)

    return told


def telling(line: str) -> bool:
    """Whether a line seems to tell of something that went wrong."""
    return signs(line)[0] > 0


def focus(line: str) -> int:
    """Where in a line that begins it: 0 for nowhere."""
    start = line[:_FOCUSED]
    found = [match for match in _words(start.lower()) if match.start() < len(start)]
    likely = next((match for match in found if not _MAYBE_WORD.fullmatch(match.group())), None) or _NAMES.search(start)
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


def _judged(start: str) -> Sign:
    """What its words tell. `start`: what is looked at of a line, with its numbers masked."""
    if _PASSED.match(start):
        return _NOTHING
    low = _SPACE.sub(" ", start).lower()
    found = _words(low)
    sure = 0
    its: list[str] = []
    if found:
        if _MAY_BE_DENIED.search(low):
            low, denied = _DENIED.subn(" ", low)
            found = _words(low) if denied else found
        for match in found[:_MOST_SIGNS]:
            sure = max(sure, MAYBE if _MAYBE_WORD.fullmatch(match.group()) else LIKELY)
            after = _NEXT.match(low, match.end())
            its.append(f"{match.group()} {after.group(1) if after else ''}")
        if _SURE.search(low):
            sure = SURE
    name = _NAMES.search(start)
    if name:
        sure = SURE if start[name.end() : name.end() + 1] == ":" else max(sure, LIKELY)
        its.append(start[max(0, name.start() - 1) : name.end()])
    if sure < SURE and (_HEAD.search(start[:_HEAD_CHARS]) or _LEVEL.search(low) or _CODE.search(low)):
        sure = SURE
    sure = max(sure, MAYBE if _SUFFIX.search(low) or _WARNS.search(start) else 0)
    return (sure, tuple(its) or _BY_FORM) if sure else _NOTHING


def _words(low: str) -> list[re.Match[str]]:
    found = list(_WORDS.finditer(low))
    return found if low.isascii() else sorted([*found, *_OTHERS.finditer(low)], key=re.Match.start)


def _with_numbers(judged: Sign, start: str, line: str) -> Sign:
    """The same with what HTTP statuses and numbered levels tell, and how the line begins."""
    sure = SURE if _LETTER.match(line) else MAYBE if _LESS.match(line) else 0
    its = () if judged[1] is _BY_FORM else judged[1]
    level = _LEVEL_NUMBER.search(start)
    if level is not None:
        sure = max(sure, SURE if level.group(1) else MAYBE)
    for status in _STATUS.finditer(start):
        if _BEFORE_STATUS.search(start[max(0, status.start() - _BEFORE_CHARS) : status.start()]):
            sure = max(sure, LIKELY if status.group()[0] == "5" else MAYBE)
            its = (*its, status.group())
    if not sure or (not judged[0] and _PASSED.match(start)):
        return judged
    return max(sure, judged[0]), its or _BY_FORM


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
