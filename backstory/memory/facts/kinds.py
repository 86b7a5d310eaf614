"""What kind of value a thing has: a name is what people are called, an email has an @, a port a number. "My name is mangled" says how
something is, not what it is.

Rule: what is known to have values of a kind takes no others, so that debugging talk never takes the place of what was said. In
doubt it is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from backstory.memory.facts.choices import is_choice
from backstory.memory.facts.objects import dated
from backstory.memory.forms import ALWAYS, Form
from backstory.memory.text import fold

_STATE_WORDS = """
    null none nil undefined nan once twice empty blank missing wrong invalid valid correct incorrect broken bad ok okay fine
    good great weird odd off on out up down too also there here dead alive slow fast quick late early unknown unset unavailable
    unreachable uppercase lowercase required optional unique public private visible invisible stale outdated duplicate different
    negative positive true false full busy away ill sick angry happy sad tired asleep awake ready sure right tight short long
    sent lost cut set reset gone shown hidden written overwritten read stuck known taken built split thrown found left kept held
    done frozen chosen stolen shut put hit caught torn drawn given seen just still never now again already completely totally
    often sometimes partly currently really case-sensitive read-only nowhere everywhere fun hard easy possible impossible
    important useless annoying
"""
_STATES = frozenset(_STATE_WORDS.split())
_NOTHING = Form(r"(?:null|none|nil|undefined|nan|empty|blank|missing|0x[0-9a-f]+|\"\"|''|\[\]|\{\})(?![\w-])", re.I, ALWAYS)
_PREPOSITION = Form(
    r"(?:on|in|at|by|from|under|inside|above|behind|after|before|over|into|with|without|as|to|of|per|via|like|because)\b", re.I
)
_CODE_WORDS = """
    object variable image class table field column function method process processes command pipeline node nodes button
    component row record page icon list array string attribute param parameter singleton interface module mock stub thread
    threads struct enum widget div span pointer instance container pod worker job daemon script service endpoint handler
    callback hook loop test fixture element tag property constant constructor type regex query dropdown checkbox form header
    footer iterator generator decorator proxy cursor buffer stream socket label cell entity model schema subprocess exception
    breakpoint tab window debugger linter compiler parser null
"""
_CODE = frozenset(_CODE_WORDS.split())
_SOFTWARE = Form(
    r"(?:vs ?code|visual studio|slack|excel|jira|outlook|figma|notion|tmux|xcode|intellij|pycharm|emacs|n?vim|neovim|teams|discord"
    r"|confluence|git|github|gitlab|bash|zsh|powershell|chrome|firefox|safari|word|powerpoint|google docs|jupyter|sublime|postman"
    r"|kubectl|ide)\b",
    re.I,
    ALWAYS,
)
_NO_PLACE_WORDS = """
    terminal terminals past future present editor browser shell console cloud repo code spreadsheets denial hell chaos meetings
    hope fear peace constant emacs vim cli ide logs docs matrix moment bubble shadows shadow command debug dark branch
"""
_NO_PLACE = frozenset(_NO_PLACE_WORDS.split()) | _CODE
_FIRM_WORDS = """
    university hospital bank school city airport library museum post office government ministry police railway railways army
    council church company firm agency startup start-up bakery shop store clinic lab laboratory institute college factory plant
    hotel restaurant newspaper embassy court municipality state county federal commission union foundation academy charity café
    bar theatre theater opera zoo studio department faculty insurer insurance utility brewery pharmacy
"""
_FIRM = frozenset(_FIRM_WORDS.split())
_NO_FIRM_WORDS = """
    living while bit lot distance desk computer laptop terminal screen time branch feature fix release file ticket pr level
    layer pace speed keyboard weekend weekends moment command line office minute minutes hour day days night nights week months
    fun money free change reason problem bug cause deadline customer snail's project prototype patch refactor side machine
    prompt console
"""
_NO_FIRM = frozenset(_NO_FIRM_WORDS.split()) | (_CODE - {"image", "page"})
_NAMED = Form(r"(?:called|named) (?-i:[^\W\d_a-z])", re.I)
_CAPITAL = Form(r"(?:^|[\s\"'(-])[^\W\d_a-zß-öø-ÿа-яa-ż]", gist=ALWAYS)
_LOWER = Form(r"[a-z][a-z'-]*", gist=ALWAYS)
_LETTERS = Form(r"[^\W\d_][\w'’.-]*(?: [^\W\d_][\w'’.-]*){0,3}", gist=ALWAYS)
_EMAIL = Form(r"\S+@\S+\.\w+|\S+ (?:at|\(at\)|\[at\]) \S+ (?:dot|\(dot\)) \w+", re.I, ALWAYS)
_DIGIT = Form(r"\d", gist=ALWAYS)
_AGED = Form(r"(?:about |around |almost |nearly )?\d{1,3}(?: years(?: old)?)?", re.I, ALWAYS)
_SPOT = Form(
    r"(?:on |at |in )?(?:/|\./|\w+:\d|localhost|0x|\d+(?:\.\d+)? ?%|\d+ parts?\b)|.*\b(?:branch|page|line|hold|top|bottom)$", re.I, ALWAYS
)
_KEYED = Form(r"(?=\S*\d)[\w#*-]+", gist=ALWAYS)
"""What opens a door or is typed in somewhere: one word, with a digit in it."""
_SHARE = Form(r"at \d+(?:\.\d+)? ?%", re.I)
_EVENT_WORDS = """
    meeting appointment interview exam call flight train deadline demo presentation party wedding trip review workshop release
    standup retro retrospective launch sprint event birthday
"""
_EVENTS = frozenset(_EVENT_WORDS.split())
_NUMBERED = frozenset({"port", "ports", "timeout", "limit", "budget", "retries", "age"})
_POINTED = frozenset({"part", "bug", "thing", "error", "line", "button", "message", "function", "test"})
_FAVOURITES = frozenset({"favorite", "favourite"})
_DOINGS = frozenset({"hobby", "hobbies", "job", "profession", "occupation"})
_PART = Form(r", (?=[^\W\d_A-Z])| (?:in|on|as|from|with|since|near|until|im|in der|als) (?=(?:the|my|our|an?|der|die|das|einem?r?) )")
"""What is said behind a firm's name: "Siemens in the rail division"."""
_BUSY = Form(r"(?:runn|hang|fail|pend|wait|crash|block|restart|queu|tim|stall|loop)\w*ing\b", re.I)
_UNION = Form(r"(?:married|divorced|engaged|separated)(?: (?:to|from) (?P<who>.+))?$", re.I)
_DETERMINED = Form(r"(?:this|that|these|the|my|our|an?|it|reality|work)\b", re.I)
_DIET = Form(r"(?:vegan|vegetarian|diabetic|retired|deaf|autistic|pregnant) (?:about|in|with|towards?)\b", re.I)
_HYPHENED = Form(r"-(?:slow|sized|like|friendly|proof|shaped|based|style)\b", re.I)
_HERE = Form(r"\b(?:here|there|below|above)$|^the same\b", re.I)
_ROOM = Form(
    r"(?:branch|tab|window|screen|view|sprint|step|ticket|file|function|commit|worktree|line|page|section|main|master|dev|develop)$", re.I
)
_PROGRAM = Form(
    r"(?:the |my )?(?:app|program|editor|process|debugger|shell|session|server|browser|terminal|loop|game|repl|tool|ide)\b", re.I
)
_AGAIN = Form(r"\b(?:and|then|again|because)\b", re.I)
_ROUTINE = Form(r"(?:the|this|that|all|these|those|every|it)\b", re.I)


def suits(verb: str, subject: str, value: str, kind: str = "") -> int:
    """How many characters of this value the subject can have by this verb; 0 for none. `subject`: as facts name it ("user's name")."""
    size = _AS_A_WHOLE[verb](value) if verb in _AS_A_WHOLE else len(value)
    if not size:
        return 0
    owner, mark, thing = subject.rpartition("'s ")
    if mark and not thing.split():
        return size
    if verb == "is called":
        return _person(value) if mark or kind == "identity" else _unless(_is_state(value), value)
    if verb != "is":
        return size
    if not mark:
        return _setting(subject, value) and (_self(value) if kind == "identity" else size)
    return _owned(thing.lower().split(), value) if owner else size


def _unless(refused: bool, value: str) -> int:
    return 0 if refused else len(value)


def _first(value: str) -> str:
    return (fold(value).split() or [""])[0]


def _is_state(value: str, *, doing: bool = True) -> bool:
    """Whether this says how something is, or what happens to it. `doing`: a word in -ing does."""
    first = _first(value).strip("'\"`,.!")
    if first in _STATES or _NOTHING.match(value) is not None:
        return True
    if not value[:1].islower() or _NAMED.match(value):
        return False
    return (first.endswith("ed") and len(first) > 4) or (doing and first.endswith("ing") and len(first) > 4)


def _is_code(value: str) -> bool:
    """Whether this names a thing of a program: "a singleton", "the error message"."""
    return any(word.strip(",.;") in _CODE for word in fold(value).split()) and value[:1].islower()


def _person(value: str) -> int:
    """A name of somebody: up to four words, none of which says how something is."""
    if _LETTERS.fullmatch(value) is None or _is_state(value) or _PREPOSITION.match(value) or _is_code(value):
        return 0
    return _unless(_first(value) in ("a", "an", "the", "my", "your", "this", "that"), value)


def _place(value: str) -> int:
    used = _SOFTWARE.match(value)
    if (used and not value[used.end() :].lstrip()[:1].isupper()) or is_choice(value) or not _NO_PLACE.isdisjoint(fold(value).split()):
        return 0
    return len(value)


def _firm(value: str) -> int:
    """A name, or "a small bakery"; not "a living"."""
    said = fold(value).split() or [""]
    if _CAPITAL.search(value) is not None and said[0] not in ("a", "an", "the"):
        part = _PART.search(value)
        return part.start() if part is not None else len(value)
    if not _FIRM.isdisjoint(said):
        return len(value)
    return _unless(not _NO_FIRM.isdisjoint(said) or _is_state(value) or said[0] in _STATES, value)


def _had(value: str) -> int:
    return _unless(_is_code(value.lower()) or _HYPHENED.search(value) is not None, value)


def _used(value: str) -> int:
    return _unless(_HERE.search(value) is not None, value)


def _switched(value: str) -> int:
    return _unless(_ROOM.search(value) is not None, value)


def _quit(value: str) -> int:
    if _PROGRAM.match(value) or _AGAIN.search(value):
        return 0
    return _unless(is_choice(value) or _SOFTWARE.match(value) is not None, value)


def _wanted(value: str) -> int:
    return _unless(_ROUTINE.match(value) is not None, value)


def _self(value: str) -> int:
    """What somebody says he is: "married to Tom", not "married to this design"."""
    union = _UNION.match(value)
    if union is not None and union["who"] and _DETERMINED.match(union["who"]):
        return 0
    return _unless(_DIET.match(value) is not None, value)


def _setting(subject: str, value: str) -> int:
    said = fold(subject).split() or [""]
    if _NOTHING.match(value) or _SHARE.match(value) or "my" in said[1:] or (said[-1] in _CODE and not _EVENTS.isdisjoint(said[:-1])):
        return 0
    if said[-1] in _EVENTS and _SPOT.match(value) and (not dated(value) or _ROOM.search(value)):
        return 0
    if said[-1] in _NUMBERED:
        return _unless(_DIGIT.search(value) is None, value)
    if said[-1] == "code":
        return _unless(_KEYED.fullmatch(value) is None, value)
    return _unless(said[0] == "parent" or said[-1] == "parent", value)


def _owned(thing: list[str], value: str) -> int:
    """A thing of a person's own. Its last word says what it is: "home address"."""
    head = thing[-1].removesuffix("'s")
    if "number" in thing and "phone" in thing:
        head = "number"
    of_kind = _BY_HEAD.get(head)
    if of_kind is not None:
        return of_kind(value)
    if not _FAVOURITES.isdisjoint(thing):
        return _unless(head in _POINTED or (head in _FAVOURITES and _is_state(value)) or _NOTHING.match(value) is not None, value)
    if (
        (head in _CODE and head != "job")
        or _is_state(value, doing=head not in _DOINGS or _BUSY.match(value) is not None)
        or _is_code(value)
    ):
        return 0
    if _PREPOSITION.match(value) and not dated(value):
        return 0
    return _unless(value.startswith("the ") and _CAPITAL.search(value) is None, value)


def _email(value: str) -> int:
    match = _EMAIL.match(value)
    return match.end() if match is not None and not value[match.end() :].strip(" ,.").startswith("?") else 0


def _handle(value: str) -> int:
    """One word; what follows says where it is used."""
    first = (value.split(maxsplit=1) or [""])[0].rstrip(",;")
    return 0 if _is_state(value) or _PREPOSITION.match(value) or (first in ("a", "an", "the") and len(value) > len(first)) else len(first)


def _phone(value: str) -> int:
    if _is_state(value) or _PREPOSITION.match(value) or _is_code(value):
        return 0
    return _unless(_CAPITAL.search(value) is None and sum(sign.isdigit() for sign in value) < 4, value)


def _number(value: str) -> int:
    return _unless(sum(sign.isdigit() for sign in value) < 3, value)


def _address(value: str) -> int:
    if _is_state(value) or _NOTHING.match(value) or (_PREPOSITION.match(value) and _DIGIT.search(value) is None) or _is_code(value):
        return 0
    return _unless(_DIGIT.search(value) is None and _CAPITAL.search(value) is None and "@" not in value, value)


def _dated(value: str) -> int:
    said = value[3:] if value[:3].lower() in ("on ", "in ") else value
    named = dated(said) or (_DIGIT.search(said) is not None and _CAPITAL.search(said) is not None)
    return _unless(not said or _is_state(said) or not named, value)


def _aged(value: str) -> int:
    return _unless(_AGED.fullmatch(value) is None, value)


def _zone(value: str) -> int:
    if _is_state(value) or _PREPOSITION.match(value):
        return 0
    return _unless(_CAPITAL.search(value) is None and _DIGIT.search(value) is None and "/" not in value, value)


def _amount(value: str) -> int:
    return _unless(_DIGIT.search(value) is None, value)


_AS_A_WHOLE: dict[str, Callable[[str], int]] = {
    "lives in": _place,
    "will live in": _place,
    "grew up in": _place,
    "is from": _place,
    "works at": _firm,
    "has": _had,
    "uses": _used,
    "switched to": _switched,
    "quit": _quit,
    "wants": _wanted,
}
_BY_HEAD: dict[str, Callable[[str], int]] = {
    **dict.fromkeys(("name", "nickname", "surname", "firstname", "lastname"), _person),
    **dict.fromkeys(("email", "e-mail", "mail"), _email),
    **dict.fromkeys(("username", "handle", "login"), _handle),
    **dict.fromkeys(("phone", "mobile", "cell"), _phone),
    "number": _number,
    "address": _address,
    "birthday": _dated,
    "age": _aged,
    "timezone": _zone,
    **dict.fromkeys(("budget", "height", "weight"), _amount),
}
