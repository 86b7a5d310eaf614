"""Paging tools: what the model may ask of the folded part of its conversation, and the texts it gets.

Rule: the list is the same in every request. Every line of a result says its turn and its day, stands in the fence of recalled text, and is
verbatim: where something is left out, the text says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from backstory.core.legs import Call, Tool
from backstory.core.records import Turn
from backstory.memory.facts.supersession import Known
from backstory.memory.identity.thread import at_number
from backstory.memory.months import MONTHS
from backstory.memory.reading.fence import RECALL_CLOSE, RECALL_OPEN, harmless, neutral, plain
from backstory.memory.reading.speakers import voice
from backstory.memory.recall import dates, dates_worded
from backstory.memory.recall.dates import DAY_S, Period
from backstory.memory.recall.hits import Row, passage
from backstory.memory.recall.index import SESSION_GAP_S
from backstory.memory.recall.question import GENERAL
from backstory.memory.recall.retrieval import later, line
from backstory.memory.text import terms

Count: TypeAlias = Callable[[str], int]
Values: TypeAlias = "dict[str, str]"

_STRING = {"type": "string"}
_MOST_ARGUMENT = 2000
"""Characters of an argument that are read."""
_MOST_ROWS = 60
_LEAST_TOKENS = 16
_HIT_CHARS = 300
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
_ISO_MONTH, _ISO_YEAR = re.compile(r"(\d{4})-(\d{2})(?!\d)"), re.compile(r"(?:19|20)\d\d")
_QUARTER = re.compile(r"\bQ([1-4])\W{0,3}(\d{4})\b|\b(\d{4})\W{0,3}Q([1-4])\b", re.IGNORECASE)
_LAST_SPAN = re.compile(r"\b(last|past|previous)\s+(?:(\d{1,4})\s+)?(hour|day|week|month|year)s?\b", re.IGNORECASE)
_BOUND = re.compile(r"\s*\W?(before|until|till|up to|by|after|since|from)\s+(.+)", re.IGNORECASE | re.DOTALL)
_EVER = 253_402_300_800.0
_SPAN_S = {"hour": 3600.0, "day": DAY_S, "week": 7 * DAY_S, "month": 30 * DAY_S, "year": 365 * DAY_S}
MOST_READ = 20_000
"""Of so many turns all words are read for one look-up: about a second."""
_LETTERS = re.compile(r"\w+")
_QUOTES = str.maketrans("’‘“”", "''\"\"")
_BEGINNING, _BEGINNING_SHARE = 5, 0.7
"""Two words begin alike where so many letters of both are the same, and this share of the shorter one."""
_TELLING = 20
"""A turn with so many different words tells as much as one with more."""
_NUMBER = re.compile(r"(?:turn\s*|#\s*)?(\d{1,9})", re.IGNORECASE)
_UNKNOWN = re.compile(r"[^0-9A-Za-z_.:#-]")
_NAMED = re.compile(r"#(\d{1,9})(?: to #(\d{1,9}))?")
_decode = msgspec.json.Decoder().decode


class _Result(Struct):
    id: str = ""
    result: str | None = None


_results = msgspec.json.Decoder(list[_Result])

LAST = "That was the last look-up for this answer: answer now with what you have."
NO_MORE = "There are no more look-ups in this answer. Answer now with what you have."
TOO_MANY = "Too many look-ups at once: this one was not made."
BROKEN = "This look-up did not work. Answer with what you have."


def _tool(name: str, description: str, required: Sequence[str] = (), **arguments: str) -> Tool:
    properties = {key: {**_STRING, "description": meaning} for key, meaning in arguments.items()}
    demanded = {"required": list(required)} if required else {}
    return Tool(name, description, msgspec.json.encode({"type": "object", "properties": properties, **demanded}))


EXPAND = _tool(
    "vc_expand_topic",
    "Earlier turns of this conversation were folded into a digest. Shows what was said then about a topic.",
    ("topic",),
    topic="the topic, in a few words",
    depth="summary (default) or full",
)
QUOTE = _tool("vc_find_quote", "Finds the exact words of earlier turns that were folded.", ("query",), query="words to look for")
ALL = _tool("vc_recall_all", "Shows an outline of everything in this conversation that was folded.")
FACTS = _tool(
    "vc_query_facts",
    "Looks up facts stated in this conversation; give what you know of one.",
    subject="who or what",
    verb="what about it",
    object="what was said",
    status="current, superseded, negated, planned or all; empty: what still holds",
)
WHEN = _tool(
    "vc_remember_when",
    "Shows what was said in a span of time, or when something was said.",
    ("query",),
    query="what it was about; may be empty if there is a time range",
    time_range='such as "last 7 days", "May 2024" or "2024-05-01..2024-05-31"',
)
SUMMARIES = _tool("vc_search_summaries", "Searches the summaries of folded turns by topic.", ("query",), query="words to look for")
RESTORE = _tool(
    "vc_restore_tool",
    "Shows a tool's earlier output, word for word.",
    ("ref",),
    ref="the ref of a stub, a turn number, or a call id",
)
SESSION = _tool("vc_find_session", "Finds the sitting of this conversation in which something was talked about.", ("query",), query="what")

_LIST = (EXPAND, QUOTE, ALL, FACTS, WHEN, SUMMARIES, RESTORE, SESSION)


def tools() -> tuple[Tool, ...]:
    """The list that is offered."""
    return _LIST


class Asked(Struct, frozen=True):
    """A call that can be executed: strings only, "" for what was not given."""

    name: str
    values: Values

    def get(self, name: str) -> str:
        """One argument."""
        return self.values.get(name, "")


def read(call: Call) -> Asked | str:
    """What a call asks for; a text for the model where its arguments are not right."""
    tool = next((one for one in _LIST if one.name == call.name), None)
    if tool is None:
        return f"There is no tool {_UNKNOWN.sub('', call.name)[:64]}. There are {', '.join(one.name for one in _LIST)}."
    try:
        given = _decode(call.arguments) if call.arguments.strip() else {}
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return f"The arguments of {call.name} are not JSON."
    if not isinstance(given, dict):
        return f"The arguments of {call.name} are not an object."
    known = _known(tool)
    told = {str(key): value for key, value in given.items() if value is not None and key in known}
    wrong = [f"{key} is to be text, not {_kind(value)}" for key, value in told.items() if not _readable(key, value)]
    if wrong:
        return f"{call.name}: {'; '.join(wrong)}."
    values = {key: _plain(value)[:_MOST_ARGUMENT] for key, value in told.items()}
    missing = [name for name in _required(tool) if not values.get(name, "").strip() and not (name == "query" and values.get("time_range"))]
    return f"{call.name} needs {' and '.join(missing)}." if missing else Asked(call.name, values)


def _required(tool: Tool) -> list[str]:
    schema = _decode(tool.schema)
    return [str(name) for name in schema.get("required", ())] if isinstance(schema, dict) else []


def _known(tool: Tool) -> Collection[str]:
    """The names of its arguments."""
    schema = _decode(tool.schema)
    found = schema.get("properties") if isinstance(schema, dict) else None
    return found if isinstance(found, dict) else ()


def _readable(key: str, value: object) -> bool:
    """Whether it is clear what is meant: models also give numbers, or a time range as an object with start and end or a preset,
    or as a list of two days."""
    if isinstance(value, list):
        return key == "time_range" and bool(value) and all(isinstance(one, str) for one in value)
    if isinstance(value, Mapping):
        return key == "time_range" and bool(_plain(value).strip())
    return isinstance(value, str) or (isinstance(value, int | float) and not isinstance(value, bool))


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    return "a list" if isinstance(value, list) else "an object" if isinstance(value, Mapping) else "that"


def _plain(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        start, end = value.get("start"), value.get("end")
        return f"{start}..{end}" if start and end else " ".join(str(one) for one in value.values() if isinstance(one, str))
    return msgspec.json.encode(value).decode()


def enclosed(text: str) -> str:
    """A result in the fence, as it has to be where it stands in a message of the client's."""
    return text if text.startswith(RECALL_OPEN) else "\n".join([RECALL_OPEN, harmless(text, first=True), RECALL_CLOSE])


def named(text: str, path: Sequence[Turn]) -> tuple[int, ...]:
    """Ids of the turns that a result has lines of: what is forgotten of them must be forgotten there too."""
    places: set[int] = set()
    for match in _NAMED.finditer(text):
        first = int(match[1])
        places.update(range(first, min(int(match[2] or first), len(path)) + 1))
    return tuple(path[place - 1].id for place in sorted(places) if 0 < place <= len(path))


def output(turn: Turn, ref: str, text: str) -> str:
    """The output that a reference names, of a turn that may hold several: that of the call, where the reference is its id."""
    wanted = ref.strip().strip("\"'`")
    try:
        rows = _results.decode(turn.calls)
    except msgspec.MsgspecError:
        return text
    return next((row.result for row in rows if row.id == wanted and row.result is not None), text)


def noted(texts: Sequence[str], left: int) -> list[str]:
    """Results as the model gets them: with the last one it is told that there is no other round."""
    return [*texts[:-1], f"{texts[-1]}\n{LAST}"] if left == 0 and texts else list(texts)


class Chosen:
    """Turns that may be found, by id: as assembly.Absent for recall."""

    __slots__ = ("_ids",)

    def __init__(self, ids: Collection[int]) -> None:
        self._ids = set(ids)

    def __contains__(self, turn_id: object) -> bool:
        return turn_id in self._ids

    def take(self, beside: Mapping[int, int]) -> None:
        """So may these that are kept beside such turns."""
        self._ids.update([key for key, turn in beside.items() if turn in self._ids])


LATER = "[Its client has since sent with it:]\n"
"""Above what is kept beside a turn."""


def row(turn: Turn, worth: float = 0.0) -> Row:
    """A turn as it is shown: its words, or its tools' results."""
    return Row(turn.position + 1, voice(turn)[0], turn.at, turn.text, worth)


def shown(label: str, rows: Sequence[Row], budget: int, count: Count) -> str:
    """Rows in the fence, in their order, as many as fit: what is worth least is left out, of equals the later. The best one may be cut.
    Where some are left out, it says how many."""
    label = harmless(label, first=True)
    left = budget - count(f"{RECALL_OPEN}\n{label}\n{RECALL_CLOSE}") - _LEAST_TOKENS
    ranked = sorted(range(len(rows)), key=lambda place: -rows[place].worth)
    texts: dict[int, str] = {}
    days: set[str] = set()
    for place in ranked[:_MOST_ROWS]:
        one = rows[place]
        day = dates.day_name(one.at)
        text = told(one)
        heading = f"[{day}]\n" if day not in days else ""
        cost = count(f"{heading}{text}") + 1
        if cost > left:
            text = "" if texts else _cut(text, left - _LEAST_TOKENS, count)
            if not text:
                break
            cost = left
        texts[place] = text
        days.add(day)
        left -= cost
    lines: list[str] = []
    day = ""
    for place in sorted(texts):
        named = dates.day_name(rows[place].at)
        lines += [f"[{named}]", texts[place]] if named and named != day else [texts[place]]
        day = named or day
    if len(texts) < len(rows):
        lines.append(f"({len(rows) - len(texts)} more turns are left out; ask for less to see them.)")
    return "\n".join([RECALL_OPEN, label, *lines, RECALL_CLOSE])


def told(one: Row) -> str:
    """A row as a line, with a word about what does not hold any more."""
    return line(one.number, one.speaker, one.text) + later(one.changed)


def _cut(text: str, budget: int, count: Count) -> str:
    """The beginning of a text that is too long, with a word about the rest; "" where nothing fits."""
    size = max(0, budget) * 3
    while size > 40 and count(text[:size]) > budget:
        size = size * 3 // 4
    return f"{text[:size]}\n({len(text) - size} more characters of it are left out.)" if size > 40 else ""


def fenced(label: str, lines: Sequence[str], budget: int, count: Count) -> str:
    """Other lines in the fence, as many as fit."""
    label = harmless(label, first=True)
    left, kept = budget - count(f"{RECALL_OPEN}\n{label}\n{RECALL_CLOSE}") - _LEAST_TOKENS, 0
    for text in lines:
        left -= count(text) + 1
        if left < 0:
            break
        kept += 1
    more = [f"({len(lines) - kept} more are left out.)"] if kept < len(lines) else []
    return "\n".join([RECALL_OPEN, label, *[neutral(text) for text in lines[:kept]], *more, RECALL_CLOSE])


def periods(text: str, now: float, path: Sequence[Turn]) -> tuple[Period, ...]:
    """The spans of time that these words name; "before", "until", "after" and "since" take all that lies on that side of one."""
    spaced = text.replace("_", " ")
    days = _ISO.findall(spaced)
    if len(days) == 2:
        ends = [dates.asked(day, now, now, now) for day in days]
        return (Period(ends[0][0].start, ends[1][0].end, sharp=True),) if all(ends) else ()
    bound = _BOUND.match(spaced)
    if bound is not None:
        return _on_a_side(bound[1].lower(), periods(bound[2], now, path), now)
    first, last = (path[0].at, path[-1].at) if path else (now, now)
    found = dates.asked(_spelled(spaced), now, first, last)
    match = _LAST_SPAN.search(spaced)
    if match is None:
        return found or next((there for words in dates_worded.readings(spaced) if (there := dates.asked(words, now, first, last))), ())
    rolling = Period(now - int(match[2] or 1) * _SPAN_S[match[3].lower()], now + 1.0, sharp=True)
    if match[2] or not found:
        return (rolling,)
    # "The last year" and "past year" end now; "last year" ended with December.
    calendar = match[3].lower() in ("month", "year") and match[1].lower() != "past" and not spaced[: match.start()].lower().endswith("the ")
    return found if calendar else (*found, rolling)


def _spelled(text: str) -> str:
    """Months, quarters and years by their numbers, in words that can be read."""
    quarter = _QUARTER.search(text)
    if quarter is not None:
        year, number = quarter[2] or quarter[3], int(quarter[1] or quarter[4])
        return " ".join(f"{name} {year}" for name in MONTHS[3 * number - 3 : 3 * number])
    month = _ISO_MONTH.fullmatch(text.strip())
    if month is not None and 1 <= int(month[2]) <= 12:
        return f"{MONTHS[int(month[2]) - 1]} {month[1]}"
    return f"in {text.strip()}" if _ISO_YEAR.fullmatch(text.strip()) else text


def _on_a_side(side: str, found: Sequence[Period], now: float) -> tuple[Period, ...]:
    """All that lies on this side of a span. Of spans in several years the last that has begun counts, before a span the last of all."""
    if not found:
        return ()
    if side in ("before", "until", "till", "up to", "by"):
        latest = max(found, key=lambda period: period.start)
        return (Period(0.0, latest.start if side == "before" else latest.end, sharp=True),)
    begun = max((period for period in found if period.start <= now), key=lambda period: period.start, default=found[0])
    return (Period(begun.end if side == "after" else begun.start, _EVER, sharp=True),)


def quoted(path: Sequence[Turn], words: str) -> list[Turn]:
    """The turns in which these very words stand, in order: as whole words; where they nowhere do, as part of others."""
    wanted = " ".join(words.strip().strip("\"'“”„«»").translate(_QUOTES).casefold().split())
    if not wanted:
        return []
    # Most turns lack the longest of the words: that is found out at once.
    longest = max(_LETTERS.findall(wanted), key=len, default="")
    found = [turn for turn in path if longest in turn.text.casefold() and wanted in _even(turn.text)]
    whole = re.compile(rf"(?<!\w){re.escape(wanted)}(?!\w)")
    return [turn for turn in found if whole.search(_even(turn.text))] or found


def _even(text: str) -> str:
    """A text as quotes are looked for in it: whatever its case, its line breaks and the form of its apostrophes."""
    text = text.translate(_QUOTES).casefold()
    return " ".join(text.split())


def nearest(path: Sequence[Turn], words: str, most: int = 5) -> list[Turn]:
    """The turns that have most of these words, where nothing stands out; where none has one, those with words that begin like them (other
    endings, parts of a compound, a slip of the pen); in order. Of a very long conversation the newest turns are looked at."""
    wanted = set(terms(words))
    if not wanted:
        return []
    said = {turn.id: set(terms(turn.text)) for turn in path[-MOST_READ:] if turn.text}
    scores = {name: float(len(wanted & found)) for name, found in said.items()}
    if not any(scores.values()):
        begun: dict[str, list[str]] = {}
        for one in wanted:
            begun.setdefault(one[:_BEGINNING], []).append(one)
        known = set().union(*said.values())
        alike = {term: max((_alike(one, term) for one in begun.get(term[:_BEGINNING], ())), default=0.0) for term in known}
        alike = {term: value for term, value in alike.items() if value}
        scores = {name: max((alike[term] for term in found if term in alike), default=0.0) for name, found in said.items()}
    first = sorted((turn for turn in path if scores.get(turn.id)), key=lambda turn: (-scores[turn.id], -turn.position))[:most]
    return sorted(first, key=lambda turn: turn.position)


def _alike(one: str, other: str) -> float:
    """How much of the longer word is a beginning that both have; 0 where that is short."""
    same = next((at for at, (mine, its) in enumerate(zip(one, other, strict=False)) if mine != its), min(len(one), len(other)))
    enough = same >= _BEGINNING and same >= _BEGINNING_SHARE * min(len(one), len(other))
    return same / max(len(one), len(other)) if enough else 0.0


def best(rows: Sequence[Row], most: int) -> list[Row]:
    """The best so many of these rows that speak of the thing, in their order."""
    kept = sorted((one for one in rows if one.direct), key=lambda one: -one.worth)[:most]
    return [one for one in rows if one in kept]


def topical(words: str) -> bool:
    """Whether these words name something that may be spoken of, not only that something was said."""
    return any(term not in GENERAL for term in terms(words))


def weight(turn: Turn) -> float:
    """How much a turn tells, where nothing is asked for but a time: a person's before an assistant's, the more different words the more."""
    return min(_TELLING, len(set(terms(turn.text)))) / _TELLING + (voice(turn)[1] == "user")


def sittings(path: Sequence[Turn]) -> list[tuple[int, int]]:
    """The conversation in sittings, first and last place of each: one ends with a long pause or a day."""
    found: list[tuple[int, int]] = []
    for place, turn in enumerate(path):
        before = path[place - 1] if place else None
        if before is None or abs(turn.at - before.at) > SESSION_GAP_S or turn.at // DAY_S != before.at // DAY_S:
            found.append((place, place))
        else:
            found[-1] = (found[-1][0], place)
    return found


def sitting(number: int, turns: Sequence[Turn], hits: Sequence[Row], asked: str) -> str:
    """One sitting: its day, its turns, and the best two of what was found in it."""
    first, last = turns[0], turns[-1]
    shown_ = sorted(sorted(hits, key=lambda one: -one.worth)[:2], key=lambda one: one.number)
    day = dates.day_name(first.at)
    more = f"{len(hits)} of them on this" if len(hits) > len(shown_) else ""
    head = ", ".join(part for part in (f"Sitting {number}", day, f"turns #{first.position + 1} to #{last.position + 1}", more) if part)
    lines = [told(replace(one, text=passage(one.text, asked, _HIT_CHARS))) for one in shown_]
    return f"[{head}] " + "\n".join(lines)


def referred(path: Sequence[Turn], ref: str) -> Turn | None:
    """The tool result that a reference names: a turn's number, the id of its call, or the beginning of its hash (8 digits or more)."""
    wanted = ref.strip().strip("\"'`")
    match = _NUMBER.fullmatch(wanted)
    if match is not None and (numbered := at_number(path, int(match[1]))) is not None and numbered.calls:
        return numbered
    named = wanted.removeprefix("tool_").casefold()
    for turn in reversed(path):
        if not turn.calls or turn.role == "assistant":
            continue
        if wanted and f'"id":{msgspec.json.encode(wanted).decode()}' in turn.calls:
            return turn
        if len(named) >= 8 and turn.content.hex().startswith(named):
            return turn
    return None


_MOST_WAS = 60


def fact_lines(found: Sequence[Known], path: Sequence[Turn]) -> list[str]:
    """Facts of this path, the newest first: the sentence with its turn and its day, then each fact that it holds and how that stands."""
    lines: dict[str, list[str]] = {}
    for one in reversed(found):
        fact = one.fact
        turn = at_number(path, one.number)
        if turn is None or turn.id != fact.turn:
            continue
        told = lines.setdefault(line(one.number, fact.author, fact.text), [dates.day_name(fact.said)])
        if (stands := _stands(one)) not in told:
            # The facts of one sentence in its order.
            told.insert(1, stands)
    shown = {sentence: "; ".join(part for part in told if part) for sentence, told in lines.items()}
    return [f"{sentence} ({told})" if told else sentence for sentence, told in shown.items()]


def _stands(one: Known) -> str:
    """Who or what, which relation, what; then how it stands: "standup is: Wednesday, corrects #3 (Tuesday)"."""
    fact = one.fact
    parts = ["" if fact.kind == "note" else plain(f"{one.subject} {one.verb}: {one.object}")]
    if one.by_number:
        parts.append(f"superseded by #{one.by_number}")
    elif one.status != "current":
        parts.append(one.status)
    if one.corrects:
        numbers = ", ".join(f"#{number}" for number in one.corrects)
        parts.append(f"corrects {numbers} ({plain(one.was[:_MOST_WAS])})")
    if fact.method and fact.method.isprintable():
        parts.append(f"found by {fact.method}")
    return ", ".join(part for part in parts if part)
