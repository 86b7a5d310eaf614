"""Law: what was forgotten is in no table, no index and no byte of any file; what was not is all there.

Every turn of a generated history says one word of its own. Digests, segments, recalled blocks, facts, tags and aliases tell of turns by
those words. After a forgetting, the words that went must be nowhere, and those that stay must be found as before.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backstory.core.records import (
    Batch,
    Claim,
    Conversation,
    Digest,
    Fact,
    Home,
    Injection,
    Lookup,
    Segment,
    SessionSummary,
    Stub,
    Summary,
    Trace,
    Turn,
    TurnTags,
    TurnVectors,
    Used,
    Watermark,
    Wording,
)
from backstory.core.store import Lanes
from backstory.jobs.tags import TagJob
from backstory.stores import rows
from backstory.stores.inbox import Inbox
from backstory.stores.postgres import Postgres
from backstory.stores.sql import SqlStore
from tests.jobs.test_facts import Straight
from tests.stores.world import PostgresShelf, Shelf, folder_of, hash16, said


@pytest.fixture
def shelf(sqlite_shelf: Shelf) -> Shelf:
    return sqlite_shelf


def word(turn: int) -> str:
    """What this turn says and no other does."""
    return f"zq{turn * 7919:09d}qz"


def told_by(turn: Turn) -> list[Fact]:
    """Facts of a turn that say its word in every column of words."""
    own = word(turn.id)
    return [
        Fact(turn.id, turn.conversation, place, "note", own, own, own, "stated", own, False, own, "user", 1.0, 0.0, 0.0, 0, len(own), own)
        for place in range(turn.id % 3)
    ]


class History:
    """A generated history. `branch` holds each conversation's turns from its first shared one on."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        self.conversations: list[Conversation] = []
        self.own: dict[str, list[Turn]] = {}
        self.branch: dict[str, list[int]] = {}
        self.tells: dict[tuple[str, str], set[int]] = {}
        self.owners: dict[tuple[str, str], str] = {}
        self.stubs: dict[str, set[int]] = {}
        self.wordings: dict[str, set[int]] = {}
        self._next = 1
        self._one = 1
        for _ in range(data.draw(st.integers(2, 5), "conversations")):
            self._begin()

    def _begin(self) -> None:
        name = f"c{len(self.conversations)}"
        principal = self.data.draw(st.sampled_from(["ann", "ben"]))
        kin = [one for one in self.conversations if one.principal == principal]
        forked_from, fork_turn = "", 0
        shared: list[int] = []
        if bool(kin) and self.data.draw(st.booleans()):
            forked_from = self.data.draw(st.sampled_from(kin)).id
            shared = self.branch[forked_from][: self.data.draw(st.integers(1, len(self.branch[forked_from])))]
            fork_turn = shared[-1]
        self.conversations.append(Conversation(name, principal, 50.0, 100.0, forked_from=forked_from, fork_turn=fork_turn))
        self.own[name] = []
        self.branch[name] = list(shared)
        for _ in range(self.data.draw(st.integers(1, 6))):
            parent = self.branch[name][-1] if self.branch[name] else 0
            long = self.data.draw(st.booleans())
            text = f"{word(self._next)} " + ("filling words " * 60 if long else "")
            raw = (b'{"content":"' + text.encode() + b'"}') if self.data.draw(st.booleans()) else b""
            self.own[name].append(said(self._next, name, text, parent, len(self.branch[name]), raw=raw, calls=f"call {word(self._next)}"))
            self.branch[name].append(self._next)
            self._next += 1

    def store(self, store: SqlStore) -> None:
        """All of it, and what is derived from it."""
        for one in self.conversations:
            name, own, branch = one.id, self.own[one.id], self.branch[one.id]
            injections, digests = [], []
            kin = [turn for other in self.conversations if other.principal == one.principal for turn in self.branch[other.id]]
            for turn in own:
                quoted = self.data.draw(st.lists(st.sampled_from(kin), max_size=2))
                if quoted:
                    text = "recalled: " + " ".join(word(number) for number in quoted)
                    injections.append(Injection(name, turn.chain, text, tuple(quoted), 1, 100.0))
                    self.tells["injections", turn.chain.hex()] = {*quoted, turn.id}
            traces = []
            for turn in own:
                quoted = self.data.draw(st.lists(st.sampled_from(kin), max_size=2))
                why = " ".join(word(number) for number in [turn.id, *quoted]).encode()
                traces.append(Trace(self._number(), name, turn.id, (turn.id, *quoted), 1, 1, why, 100.0))
                self.tells["traces", str(traces[-1].request)] = {*quoted, turn.id}
                self.owners["traces", str(traces[-1].request)] = name
            for upto in self.data.draw(st.lists(st.integers(1, len(branch)), max_size=2)):
                told = branch[:upto]
                digests.append(Digest(self._number(), name, told[-1], hash16(name), " ".join(map(word, told)), 1, 100.0))
                self.tells["digests", str(digests[-1].id)] = set(told)
            kept = [turn for turn in branch if self.data.draw(st.booleans())]
            stubs = [Stub(name, turn, "result", 0, b"", f"t{turn}", f"left out: {word(turn)}", 1, 1, 100.0) for turn in kept]
            self.stubs[name] = set(kept)
            lookups = []
            for number in range(self.data.draw(st.integers(0, 2))):
                quoted = self.data.draw(st.lists(st.sampled_from(kin), min_size=1, max_size=2))
                lookups.append(Lookup(name, f"said:{number}", b"", " ".join(map(word, quoted)), tuple(quoted), 100.0))
                self.tells["lookups", f"{name} said:{number}"] = set(quoted)
            worded = [turn for turn in branch if self.data.draw(st.booleans())]
            wordings = [
                Wording(name, turn, b"%d" % turn, "user", "spoken", "", word(turn), word(turn).encode(), "w", 100.0) for turn in worded
            ]
            self.wordings[name] = set(worded)
            names = ((one.principal, f"key of {name}", name),)
            homes = (Home(name, "project", ""),)
            store.write(
                [
                    Batch(
                        (one,),
                        tuple(own),
                        names,
                        tuple(injections),
                        tuple(digests),
                        stubs=tuple(stubs),
                        traces=tuple(traces),
                        homes=homes,
                        lookups=tuple(lookups),
                        wordings=tuple(wordings),
                    )
                ]
            )
            quoted = sorted(turn.id for turn in own if self.data.draw(st.booleans()))
            if quoted:
                text = " ".join(map(word, quoted))
                store.put_session_summaries(
                    [SessionSummary(quoted[-1], name, tuple(quoted), text, 1, 1.0, 2.0, 100.0)], Watermark(name, "sessions", own[-1].id)
                )
                self.tells["session_summaries", str(quoted[-1])] = set(quoted)
                self.owners["session_summaries", str(quoted[-1])] = name
            store.pin(name, own[0].id, True, 100.0)
            tags = [TurnTags(turn.id, name, (word(turn.id),), f"{word(turn.id)} shared") for turn in own]
            store.put_tags(tags, Watermark(name, "tag", own[-1].id))
            vectors = [TurnVectors(turn.id, name, "m", ((b"8 bytes.", word(turn.id).encode()),)) for turn in own]
            store.put_vectors(vectors, Watermark(name, "vectors:m", own[-1].id))
            middle = self.data.draw(st.integers(0, len(own)))
            segments = []
            for part in (own[:middle], own[middle:]):
                if part:
                    told = [turn.id for turn in part]
                    text = " ".join(map(word, told))
                    segments.append(Segment(self._number(), name, told[0], told[-1], (word(told[0]),), text, 1, 1.0, 2.0))
                    self.tells["segments", str(segments[-1].id)] = set(told)
            store.put_segments(segments, Watermark(name, "segment", own[-1].id))
            store.put_facts([fact for turn in own for fact in told_by(turn)], Watermark(name, "facts", own[-1].id))
            written = [self._summary(one) for one in segments if self.data.draw(st.booleans(), "written")]
            store.put_summaries(written, Watermark(name, "side_digests", own[-1].id))
        store.settle("2026-01-01", Used(5, 5, 1))

    def _summary(self, segment: Segment) -> Summary:
        """What a side model wrote of a segment: claims that rest on one turn, or none, but may speak of every other."""
        told = sorted(self.tells["segments", str(segment.id)])
        cited = self.data.draw(st.lists(st.sampled_from(told), max_size=2, unique=True))
        claims = tuple(Claim(" ".join(map(word, told)), (turn,)) for turn in cited)
        self.tells["summaries", str(segment.id)] = set(told)
        return Summary(segment.id, segment.conversation, segment.first_turn, segment.last_turn, "model", claims, 1, 1.0)

    def _number(self) -> int:
        self._one += 1
        return self._one


def choose(history: History, data: st.DataObject) -> tuple[str, str, tuple[int, ...], set[int]]:
    """A forgetting: principal, conversation, turns; and the turns that go by it."""
    one = data.draw(st.sampled_from(history.conversations))
    own = [turn.id for turn in history.own[one.id]]
    match data.draw(st.sampled_from(["conversation", "turns", "principal"])):
        case "conversation":
            return one.principal, one.id, (), set(own)
        case "turns":
            some = data.draw(st.lists(st.sampled_from(own), min_size=1, unique=True))
            return one.principal, data.draw(st.sampled_from([one.id, ""])), tuple(some), set(some)
        case _:
            kin = [other for other in history.conversations if other.principal == one.principal]
            return one.principal, "", (), {turn.id for other in kin for turn in history.own[other.id]}


def everything(url: str) -> str:
    """The text of every value of every table, unpacked."""
    found: list[str] = []
    for names, answer in _tables(url):
        for row in answer:
            for name, value in zip(names, row, strict=True):
                packed = isinstance(value, bytes) and name in {"text", "calls", "raw", "digest", "told"}
                plain = rows.unpack(value) if packed else value
                found.append(plain.decode("latin-1") if isinstance(plain, bytes) else str(plain))
    return "\n".join(found)


def _tables(url: str) -> Iterator[tuple[Sequence[str], Sequence[rows.Row]]]:
    """Columns and rows of each."""
    if url.startswith("sqlite:"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as raw:
            for (table,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                answer = raw.execute(f"SELECT * FROM {table}")
                yield [column[0] for column in answer.description], answer.fetchall()
        return
    dialect = Postgres(url)
    connection = dialect.connection()
    listed = "SELECT table_name::text, column_name::text FROM information_schema.columns WHERE table_schema = 'backstory' ORDER BY 1, 2"
    tables: dict[str, list[str]] = {}
    for table, column in connection.all(listed):
        tables.setdefault(table, []).append(column)
    for table, columns in tables.items():
        plain = ",".join(f"{name}::text" if name in {"terms", "embedding"} else name for name in columns)
        yield columns, connection.all(f"SELECT {plain} FROM {table}")
    dialect.close()


@given(st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_what_was_forgotten_is_nowhere_and_the_rest_is_there(shelf: Shelf, data: st.DataObject) -> None:
    url = shelf.url()
    nowhere_and_there(shelf, url, data, lambda: b"".join(file.read_bytes() for file in folder_of(url).iterdir()))


@given(st.data())
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_what_was_forgotten_is_nowhere_in_postgresql(postgres_shelf: PostgresShelf, data: st.DataObject) -> None:
    """Each forgetting writes some thirty tables anew, which takes a second."""
    server, url = postgres_shelf.server, postgres_shelf.url()
    nowhere_and_there(postgres_shelf, url, data, lambda: b"".join(file.read_bytes() for file in server.files(url)))


def nowhere_and_there(shelf: Shelf, url: str, data: st.DataObject, files: Callable[[], bytes]) -> None:
    """The law, of one store and the bytes of its files."""
    store = shelf.open(url)
    store.seeks()
    history = History(data)
    history.store(store)
    principal, conversation, turns, gone = choose(history, data)
    assert all(word(turn) in everything(url) for turn in gone)

    receipt = store.forget(principal, conversation, turns, now=200.0)

    left = everything(url)
    bytes_left = files()
    for number in gone:
        assert word(number) not in left
        assert word(number).encode() not in bytes_left
    assert store.frequencies([word(turn) for turn in gone]).keys() == {""}
    assert store.search(principal, (), [word(turn) for turn in gone], 99) == []
    assert not any(word(turn) in str(receipt) for turn in gone)

    whole = {one.id for one in history.conversations if not turns and one.principal == principal and conversation in {"", one.id}}
    for one in history.conversations:
        kept = [turn for turn in history.own[one.id] if turn.id not in gone]
        assert [turn.text for turn in store.turns(one.id)] == [turn.text for turn in kept]
        assert [row.turn for row in store.tags(one.id)] == [turn.id for turn in kept]
        assert [row.turn for row in store.vectors(one.id, "m")] == [turn.id for turn in kept]
        assert store.facts(one.id) == [fact for turn in kept for fact in told_by(turn)]
        assert (store.conversation(one.principal, one.id) is None) == (one.id in whole)
        assert (store.alias(one.principal, f"key of {one.id}") is None) == (one.id in whole)
        for turn in kept:
            assert [hit.turn for hit in store.search(one.principal, [one.id], [word(turn.id)], 9)] == [turn.id]
        if one.id in whole:
            continue
        assert {stub.turn for stub in store.stubs(one.id)} == history.stubs[one.id] - gone
        assert {it.turn for it in store.wordings(one.id)} == history.wordings[one.id] - gone
        wanted = {key for (table, key), told in history.tells.items() if table == "injections" and not told & gone}
        mine = {turn.chain.hex() for turn in history.own[one.id]}
        assert {one_.chain.hex() for one_ in store.injections(one.id)} == wanted & mine
        traces = {str(it.request) for it in store.traces(one.id)}
        summaries = {str(it.id) for it in store.session_summaries([one.id])}
        for table, there in (("traces", traces), ("session_summaries", summaries)):
            rest = {key for (name, key), told in history.tells.items() if name == table and not told & gone}
            assert there == {key for key in rest if history.owners[table, key] == one.id}
        wanted = {key for (table, key), told in history.tells.items() if table == "lookups" and not told & gone}
        assert {f"{one.id} {it.name}" for it in store.lookups(one.id)} == {key for key in wanted if key.startswith(f"{one.id} ")}
        first = history.own[one.id][0].id
        assert store.pins(one.id) == ([] if first in gone else [first])
        assert store.home(one.id) == Home(one.id, "project", "")
    written = {key for (table, key), told in history.tells.items() if table == "summaries" and not told & gone}
    assert {str(row.id) for one in history.conversations for row in store.summaries(one.id)} == written
    assert store.used("2026-01-01") == Used(5, 5, 1)
    shelf.close()


@given(st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_branches_are_whole_after_a_forgetting(shelf: Shelf, data: st.DataObject) -> None:
    """A turn's parent is there and before it, its position is what it was; a fork is off a turn that is there."""
    store = shelf.open()
    history = History(data)
    history.store(store)
    principal, conversation, turns, gone = choose(history, data)
    store.forget(principal, conversation, turns, now=200.0)
    there = {turn.id: turn for one in history.conversations for turn in store.turns(one.id)}
    assert not there.keys() & gone
    for turn in there.values():
        if turn.parent:
            assert turn.parent < turn.id
            assert there[turn.parent].position < turn.position
    assert {turn.id: turn.position for turn in there.values()} == {
        turn.id: turn.position for own in history.own.values() for turn in own if turn.id in there
    }
    for one in history.conversations:
        found = store.conversation(one.principal, one.id)
        if found is not None:
            assert bool(found.forked_from) == bool(found.fork_turn)
            assert not found.fork_turn or found.fork_turn in there
            assert not found.forked_from or store.conversation(one.principal, found.forked_from) is not None
    shelf.close()


LONG = (
    "extraterrestrial intelligence (EI)",
    "kubernetes",
    "postgresql",
    "continuous integration (CI)",
    "front-end",
    "internationalization",
)
SHORT = ("EI", "k8s", "postgres", "CI", "frontend", "i18n")
TALK = st.lists(st.lists(st.sampled_from((*LONG, *SHORT)), min_size=1, max_size=3), min_size=1, max_size=8)


@given(TALK, TALK, st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_what_was_forgotten_names_nothing_of_what_is_left_or_comes(
    shelf: Shelf, before: list[list[str]], after: list[list[str]], data: st.DataObject
) -> None:
    """Turns are tagged in the words of turns before them. After a forgetting the same job tags as if what went had never been said."""
    store, other = shelf.open(url := shelf.url()), shelf.open()
    texts = [f"About {', '.join(words)}." for words in (*before, *after)]
    turns = [said(number, "c", text, number - 1, number - 1, 100.0 + number) for number, text in enumerate(texts, 1)]
    one, upto = Conversation("c", "ann", 50.0, 100.0), len(before)
    job = TagJob(cast(Lanes, Straight(store)), lambda: None)
    store.write([Batch((one,), tuple(turns[:upto]))])
    tag(store, job)
    gone = set(data.draw(st.lists(st.integers(1, upto), min_size=1, unique=True)))
    store.forget("ann", "c", sorted(gone), now=200.0)
    store.write([Batch((one,), tuple(turns[upto:]))])
    tag(store, job)
    kept = [turn for turn in turns if turn.id not in gone]
    other.write([Batch((one,), tuple(kept))])
    tag(other, TagJob(cast(Lanes, Straight(other)), lambda: None))
    assert store.tags("c") == other.tags("c")
    told, left = "".join(turn.text for turn in kept), everything(url)
    for word in ("extraterrestrial", "kubernetes", "continuous", "internationalization"):
        assert word in told or word not in left
    shelf.close()


def tag(store: SqlStore, job: TagJob) -> None:
    """One step, by a worker that is the same every time."""
    mark = store.lease("c", job.name, "me", 0.0, now=1000.0)
    assert mark is not None
    asyncio.run(job.step("c", mark))


def test_a_journal_that_comes_late_brings_nothing_back(shelf: Shelf) -> None:
    url = shelf.url()
    path = Path(url.removeprefix("sqlite:///"))
    inbox = Inbox(folder_of(url), path.name)
    inbox.append(word(1).encode())
    inbox.close()
    store = shelf.open(url)
    one = Batch((Conversation("c", "ann", 50.0, 100.0),), (said(1, "c", word(1)),), (("ann", "key", "c"),))
    store.write([one])
    store.forget("ann", "c", now=200.0)
    for orphan in Inbox.orphans(folder_of(url), path.name):
        store.write([one for record in orphan.records if record == word(1).encode()])
        orphan.path.unlink()
    shelf.close()
    assert not any(word(1).encode() in file.read_bytes() for file in path.parent.iterdir())
