"""What the reading commands show of the store: conversations, turns, recall, exports. Values and text; nothing is printed here.

Rule: text of a conversation that goes to a terminal has its control characters taken out; exports keep every character.
"""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from backstory.app.faces import numbered, worded
from backstory.app.metering.usage import Served
from backstory.config import Config, mask
from backstory.core.records import Conversation, Receipt, Total, Turn, Used
from backstory.core.side import day_of
from backstory.core.store import Spent, Store
from backstory.core.tokens import count
from backstory.errors import ConfigError, NotFound
from backstory.jobs.facts import FACTS, READ_BY
from backstory.memory.economy.account import STOPS_S
from backstory.memory.facts.query import select
from backstory.memory.facts.supersession import Known
from backstory.memory.reading.fence import called
from backstory.memory.recall.index import Index
from backstory.memory.recall.retrieval import recall
from backstory.memory.recall.units import Carry, units
from backstory.providers import side_model
from backstory.stages.facts import ledger, shown
from backstory.stages.loading import by_client
from backstory.stores.database import open_store, shown_place, stored_bytes, there

# Turns that a recall over all conversations looks at, the newest conversations first: building an index takes 0.1 ms for each.
_MOST_TURNS = 20_000
_MOST_CONVERSATIONS = 100_000
_DAY_S = 86_400
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class ConversationRow(Struct, frozen=True):
    """A line of the list. Times are Unix seconds."""

    id: str
    turns: int
    created: float
    updated: float
    wire: str
    model: str
    label: str
    principal: str


class TurnRow(Struct, frozen=True, omit_defaults=True):
    """A turn as it is shown and exported. `number`: 1-based place on its branch. `at`: when it was said; `arrived`: when it came, where
    that is not the same. `raw`: the message's JSON as it came, where it was kept. `parent`: id of the turn that it follows, 0 for a first.
    `branch`: 0 for the current one and what it has in common with others, else the number of another one."""

    conversation: str
    number: int
    id: int
    at: float
    role: str
    speaker: str
    text: str
    calls: str = ""
    raw: str = ""
    complete: bool = True
    arrived: float = 0.0
    parent: int = 0
    branch: int = 0
    wordings: tuple[worded.WordingRow, ...] = ()


class Hit(Struct, frozen=True):
    """A recalled turn or piece of one. `changed`: number of the later turn that changed what it says, 0 for none."""

    conversation: str
    number: int
    at: float
    speaker: str
    score: float
    text: str
    changed: int = 0


class FactRow(Struct, frozen=True, omit_defaults=True):
    """A fact as it is shown. `number`: of the turn that states it, 1-based. `superseded_by`: number of the turn that changed it.
    `corrects`: numbers of the turns that it changed, `was`: what the last of them said. `again`: turns that said the same later.
    `about_from`, `about_to`: the time it speaks of, Unix seconds. `found_by`: "rules", or the side model that did."""

    conversation: str
    number: int
    turn: int
    kind: str
    subject: str
    verb: str
    object: str
    status: str
    author: str
    role: str
    said: float
    text: str
    span: tuple[int, int]
    found_by: str
    superseded_by: int = 0
    corrects: tuple[int, ...] = ()
    was: str = ""
    again: tuple[int, ...] = ()
    about_from: float = 0.0
    about_to: float = 0.0


class UsageRow(Struct, frozen=True):
    """Spends added up, as in core.records.Total. `saved`: dollars, signed; `cached`: share of the provider's input that came from its
    cache."""

    name: str
    kind: str
    requests: int
    unpriced: int
    measured: int
    tokens_in: int
    tokens_sent: int
    input_tokens: int
    output_tokens: int
    cached: float
    billed: float
    direct: float
    saved: float
    served: Served | None = None
    """Of all requests of this name, whether memory weighed them or not."""


class Status(Struct, frozen=True):
    """The store, and whether a proxy answers. `health` is what it says of itself ("" = none answers); `bytes` is 0
    where nothing is stored yet. `usage`: all that was paid. `stopped`: conversations in which rewriting was stopped in the last day.
    `side_model`: its budget today, or why nothing is sent; "" where none is set up. `read_again`: conversations whose facts are still
    those that an earlier version found. `apart`: memories of instances with a file of their own, as name and URL."""

    storage: str
    bytes: int
    rows: dict[str, int]
    proxy: str
    health: str
    usage: list[UsageRow]
    stopped: int
    side_model: str = ""
    read_again: int = 0
    apart: dict[str, str] = {}


def existing(config: Config) -> Store:
    """The configured store. NotFound where there is none yet: looking at it does not make one."""
    if not there(config.storage.url):
        raise NotFound(f"nothing is stored yet: there is no {shown_place(config.storage.url)}")
    return open_store(config.storage.url)


def conversations(store: Store, limit: int) -> list[ConversationRow]:
    """The newest conversations of every principal."""
    return [
        ConversationRow(it.id, turns, it.created, it.updated, it.wire, it.model, it.label, it.principal)
        for it, turns in store.conversations(None, limit)
    ]


def find(store: Store, named: str) -> Conversation:
    """The conversation of this id, unique beginning of an id (4 characters or more), or label, or to which its client has given this name.
    NotFound where there is none, or several."""
    every = [it for it, _ in store.conversations(None, _MOST_CONVERSATIONS)]
    exact = [it for it in every if it.id == named.lower()]
    by_label = [it for it in every if it.label and it.label.lower() == named.lower()]
    by_start = [it for it in every if len(named) >= 4 and it.id.startswith(named.lower())]
    found = exact or by_label or by_start
    if not found:
        told = set[str]().union(*(by_client(store, owner, named) for owner in {it.principal for it in every}))
        found = [it for it in every if it.id in told]
    if not found:
        raise NotFound(f"no conversation has the id or label {named!r}")
    if len(found) > 1:
        raise NotFound(f"{named!r} names {len(found)} conversations: " + ", ".join(it.id for it in found[:5]))
    return found[0]


def story(store: Store, record: Conversation, raw: bool = False) -> list[TurnRow]:
    """The turns of a conversation's newest branch, from the first on, with those it shares with the one it was forked from, without those
    that are about to be forgotten."""
    return [row for row in told(store, record, raw) if not row.branch]


def told(store: Store, record: Conversation, raw: bool = False) -> list[TurnRow]:
    """`story`, and then every turn of its other branches, branch by branch: each after the turn that it follows."""
    paths, turns, since = numbered.paths(store, record)
    kept = {turn.id: turn for turn in store.turns_by_id([turn.id for path in paths for turn in path], raw=True)} if raw else {}
    by_id = {turn.id: turn for turn in turns}
    said = worded.rows_of(store, record, since, raw)

    def follows(turn: Turn) -> int:
        before = by_id.get(turn.parent)
        while before is not None and before.id in since:
            before = by_id.get(before.parent)
        return before.id if before is not None else 0

    return [
        replace(_row(record.id, kept.get(turn.id, turn), follows(turn), number), wordings=said.get(turn.id, ()))
        for number, path in enumerate(paths)
        for turn in path
    ]


def recalled(store: Store, question: str, record: Conversation | None, budget: int, now: float) -> list[Hit]:
    """What recall brings for a question, best first: from one conversation, or (None) from all, each with its place."""
    index = Index()
    places: dict[int, tuple[str, int]] = {}
    changed: dict[int, Sequence[tuple[str, int]]] = {}
    for one in [record] if record is not None else [it for it, _ in store.conversations(None, _MOST_CONVERSATIONS)]:
        whole = shown(store, one)
        path = [turn for turn in whole if turn.id not in places]
        changed |= {turn: said for turn, said in ledger(store, one, whole).changed().items() if turn not in places}
        for turn in path:
            places[turn.id] = (one.id, turn.position + 1)
        if path:
            index.add(units(path, path[0].position + 1, Carry()))
        for turn in worded.beside(store, one, path):
            places[turn.id] = (one.id, turn.position + 1)
            index.add(units((turn,), turn.position + 1, Carry()))
        if len(places) > _MOST_TURNS:
            break
    found = recall(
        index, question, budget_tokens=budget, carried=frozenset(), now=now, min_score=0.0, count=count, search=True, changed=changed
    )
    hits = [Hit(*places[item.turn], item.at, item.speaker, round(item.score, 4), item.shown, item.changed) for item in found.items]
    return sorted(hits, key=lambda hit: -hit.score)


def facts(store: Store, record: Conversation | None, subject: str, verb: str, object_: str, status_: str) -> list[FactRow]:
    """What is known of one conversation, or (None) of each, the newest first. RequestError for an unknown status."""
    rows: list[FactRow] = []
    for one in [record] if record is not None else [it for it, _ in store.conversations(None, _MOST_CONVERSATIONS)]:
        rows.extend(
            _fact_row(one.id, known) for known in select(ledger(store, one, shown(store, one)).known(), subject, verb, object_, status_)
        )
    return rows


def forget(store: Store, record: Conversation | None, number: int, now: float, on: int = 0) -> list[Receipt]:
    """Remove a conversation, one of its turns (`number` and branch `on` as shown, 0 = all of it, and the newest branch), or (None)
    everything: then there is a receipt for each principal. NotFound where nothing is there."""
    if record is None:
        receipts: list[Receipt] = []
        seen: set[str] = set()
        # Whose conversations are older than so many comes to light when those are gone.
        while owners := {it.principal for it, _ in store.conversations(None, _MOST_CONVERSATIONS)} - seen:
            receipts += [store.forget(owner, now=now) for owner in sorted(owners)]
            seen |= owners
        if not receipts:
            raise NotFound("nothing is stored")
        return receipts
    if not number:
        return [store.forget(record.principal, record.id, now=now)]
    turn = numbered.turn_of(store, record, number, on)
    return [store.forget(record.principal, turn.conversation, [turn.id], now)]


def usage(store: Store, by: Spent, record: Conversation | None, since: float = 0.0) -> list[UsageRow]:
    """What was paid since then, by model, day or conversation; of one conversation, or (None) of all. Days are those of UTC."""
    return [_used(one, by) for one in store.spent(by, record.id if record is not None else "", since)]


def _used(one: Total, by: Spent) -> UsageRow:
    name = time.strftime("%Y-%m-%d", time.gmtime(int(one.name) * _DAY_S)) if by == "day" else one.name
    return UsageRow(
        name,
        one.kind,
        one.requests,
        one.unpriced,
        one.measured,
        one.tokens_in,
        one.tokens_sent,
        one.input_tokens,
        one.output_tokens,
        round(one.cache_read / one.input_tokens, 4) if one.input_tokens else 0.0,
        round(one.billed, 6),
        round(one.direct, 6),
        round(one.direct - one.billed, 6),
    )


def as_table(rows: Sequence[UsageRow]) -> Iterator[str]:
    """A line for each row, for a terminal. Dollars of models without a known price are not known."""
    yield f"{'':<28} {'requests':>8} {'tokens in':>12} {'sent':>12} {'cached':>7} {'billed $':>10} {'direct $':>10} {'saved $':>10}\n"
    for row in rows:
        name = ("side: " if row.kind == "side" else "") + (plain(row.name) or "all")
        known = row.unpriced < row.requests
        money = [f"{value:.4f}" if known else "unknown" for value in (row.billed, row.direct, row.saved)]
        also = f"  ({row.unpriced} without a known price)" if known and row.unpriced else ""
        yield (
            f"{name:<28.28} {row.requests:>8} {row.tokens_in:>12} {row.tokens_sent:>12} {row.cached:>7.1%}"
            f" {money[0]:>10} {money[1]:>10} {money[2]:>10}{also}\n"
        )


def status(config: Config) -> Status:
    """How much is stored, and whether a proxy answers at the configured address."""
    rows: dict[str, int] = {}
    used: list[UsageRow] = []
    size = stopped = again = 0
    spent = Used()
    if there(config.storage.url):
        size = stored_bytes(config.storage.url)
        store = open_store(config.storage.url)
        try:
            rows = store.counts()
            spent = store.used(day_of(time.time()))
            used = usage(store, "all", None)
            stopped = len(store.stops(time.time() - STOPS_S)[0])
            again = store.behind(READ_BY, FACTS)
        finally:
            store.close()
    host, port = config.listeners[0].host, config.listeners[0].port
    shown = f"[{host}]" if ":" in host else host
    health = _health("127.0.0.1" if host in ("0.0.0.0", "::") else host, port)
    proxy = f"http://{shown}:{port}"
    return Status(mask(config.storage.url), size, rows, proxy, health, used, stopped, _side_model(config, spent), again, apart(config))


def apart(config: Config) -> dict[str, str]:
    """The memories that a command does not look into: those of instances with a file of their own. Masked URLs by the instances' names."""
    own = [(one.label or str(one.port), one.config.storage.url) for one in config.listeners if one.config is not None]
    return {name: mask(url) for name, url in own if url != config.storage.url}


def _side_model(config: Config, spent: Used) -> str:
    if not side_model.configured(config):
        return ""
    try:
        reason = side_model.off(config)
    except ConfigError as error:
        reason = str(error)
    if reason:
        return f"nothing is sent ({reason})"
    most = side_model.most(config.side_model)
    money = f", ${spent.micros / 1e6:.4f} of ${most.micros / 1e6:g}" if most.micros else ""
    name = config.side_model.model or "the conversation's own model"
    return f"{name}: {spent.tokens} of {most.tokens} tokens{money} today (UTC), {spent.calls} requests"


def as_jsonl(rows: Iterable[TurnRow]) -> Iterator[str]:
    """One JSON object a line."""
    for row in rows:
        yield msgspec.json.encode(row).decode() + "\n"


def as_markdown(record: Conversation, rows: Sequence[TurnRow], every: bool = False) -> Iterator[str]:
    """A heading for the conversation and for each turn, and the text as it was said. `every`: other branches, too, each under a heading;
    without it, how many turns they have."""
    current, others = _parted(rows)
    beside = f"; {_turns(len(others), 'more ')} on other branches" if others else ""
    yield f"# Conversation {record.label or record.id}\n\n"
    yield f"{_turns(len(current))}, {stamp(record.created)} to {stamp(record.updated)}{beside}\n"
    yield from map(_in_markdown, current)
    for heading, row in _headed(rows, others if every else []):
        yield (f"\n# {heading}\n" if heading else "") + _in_markdown(row)


def as_text(rows: Sequence[TurnRow], every: bool = False) -> Iterator[str]:
    """Number, time, speaker, and the text below, for a terminal. `every`: see `as_markdown`."""
    current, others = _parted(rows)
    yield from map(_in_text, current)
    for heading, row in _headed(rows, others if every else []):
        yield (f"\n{heading}\n" if heading else "") + _in_text(row)
    if not every and (sentence := unshown(rows)):
        yield f"\n{sentence}\n"


def unshown(rows: Sequence[TurnRow]) -> str:
    """How many turns stand on other branches, and how to see them; "" for none."""
    others = _parted(rows)[1]
    return f"{_turns(len(others), 'more ')} on other branches: --branches shows them" if others else ""


def _parted(rows: Sequence[TurnRow]) -> tuple[list[TurnRow], list[TurnRow]]:
    return [row for row in rows if not row.branch], [row for row in rows if row.branch]


def _turns(number: int, more: str = "") -> str:
    return f"{number} {more}turn" + ("" if number == 1 else "s")


def _headed(rows: Sequence[TurnRow], others: Sequence[TurnRow]) -> Iterator[tuple[str, TurnRow]]:
    """These of the rows, the first of each branch with what says where that goes off."""
    by_id = {row.id: row for row in rows}
    last = 0
    for row in others:
        before = by_id.get(row.parent)
        place = (
            f"after turn {before.number}" + (f" of branch {before.branch}" if before.branch else "") if before else "before the first turn"
        )
        yield (f"Branch {row.branch}, goes off {place}" if row.branch != last else ""), row
        last = row.branch


def _in_markdown(row: TurnRow) -> str:
    text = row.text.rstrip("\n") or (f"```json\n{row.calls}\n```" if row.calls else "(no text)")
    said = "".join(f"\n({worded.since(stamp(one.at))}:)\n\n{one.text.strip()}\n" for one in row.wordings)
    return f"\n## {row.number}. {name(row.speaker)}, {stamp(row.at)}\n\n{text}\n" + ("" if row.complete else "\n(broken off)\n") + said


def _in_text(row: TurnRow) -> str:
    text = plain(row.text) or plain(row.calls) or "(no text)"
    ending = "" if row.complete else " (broken off)"
    lines = text.splitlines()
    for one in row.wordings:
        lines += [f"({worded.since(stamp(one.at))}:)", *plain(one.text).splitlines()]
    return f"{row.number:>4}  {stamp(row.at)}  {name(row.speaker)}{ending}\n" + "".join(f"      {line}\n" for line in lines)


def plain(text: str) -> str:
    """The text without control characters but tab and line feed."""
    return _CONTROL.sub("", text)


def name(text: str) -> str:
    """A name in one line, as it stands in recalled blocks."""
    return called(text)


def stamp(at: float) -> str:
    """Local date and time to the minute; dashes for none."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at)) if at > 0 else "-" * 16


def standing(row: FactRow) -> str:
    """How a fact stands: "superseded (#7)", "current, corrects #3 (on Monday)"."""
    status = f"{row.status} (#{row.superseded_by})" if row.superseded_by else row.status
    return f"{status}, corrects {', '.join(f'#{number}' for number in row.corrects)} ({plain(row.was)})" if row.corrects else status


def _fact_row(conversation: str, known: Known) -> FactRow:
    fact = known.fact
    return FactRow(
        conversation,
        known.number,
        fact.turn,
        fact.kind,
        known.subject,
        known.verb,
        known.object,
        known.status,
        fact.author,
        fact.role,
        fact.said,
        fact.text,
        (fact.span_start, fact.span_end),
        fact.method or "rules",
        known.by_number,
        known.corrects,
        known.was,
        known.again,
        fact.begins,
        fact.ends,
    )


def _row(conversation: str, turn: Turn, parent: int, branch: int) -> TurnRow:
    raw = turn.raw.decode("utf-8", "replace")
    speaker = turn.sender or turn.role
    at = turn.at or turn.arrived
    arrived = turn.arrived if turn.arrived != at else 0.0
    number = turn.position + 1
    return TurnRow(
        conversation, number, turn.id, at, turn.role, speaker, turn.text, turn.calls, raw, turn.complete, arrived, parent, branch
    )


def _health(host: str, port: int) -> str:
    connection = http.client.HTTPConnection(host, port, timeout=1.0)
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        found = msgspec.json.decode(answer.read(65536), type=dict[str, object])
    except (OSError, http.client.HTTPException, msgspec.MsgspecError):
        return ""
    finally:
        connection.close()
    return (
        ", ".join(f"{key} {value}" for key, value in found.items() if value not in ("", None))
        if found.get("service") == "backstory"
        else ""
    )
