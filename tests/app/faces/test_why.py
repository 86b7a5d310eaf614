"""Why a request went up as it did: from what is stored, also after a restart, and only as long as it may be known."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import pytest

from backstory.app.faces import stored as faces
from backstory.app.faces import why
from backstory.commands.forgetting import FORGET, Going, going_text
from backstory.core.records import Batch, Conversation, Injection, Turn
from backstory.core.store import Store
from backstory.errors import NotFound
from backstory.stages import trace
from backstory.stores.database import open_store
from tests.rig import PATHS, Rig, asking, rig
from tests.stages.test_recall import FACT, long_talk
from tests.stages.test_shrink import Agent, output, png
from tests.stages.test_shrink import told as shrinking
from tests.stages.world import Chat, configured, conversation, echoing, say, stored
from tests.stores.world import talk, tell

QUESTION = "What was the code of the blue locker?"


async def ask_for_it(one: Rig) -> tuple[str, str]:
    """A conversation whose client cut its history and asks for what it cut: its id, and the number of that request."""
    chat = long_talk(14)
    name = await say(one, chat[:-1])
    asked: Chat = [*chat[-7:-1], ("assistant", "Answer 1."), ("user", QUESTION)]
    head, _ = await one.ask(PATHS["anthropic"], asking("anthropic", asked))
    assert conversation(head) == name
    return name, request(head)


def request(head: bytes) -> str:
    return head.partition(b"X-VC-Request: ")[2].partition(b"\r\n")[0].decode()


def injected(body: bytes) -> str:
    text: str = json.loads(body)["messages"][-1]["content"]
    return text[text.index("<recalled>") :]


def test_the_block_and_where_each_line_is_from_is_told_also_after_a_restart(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            name, number = await ask_for_it(one)
            block = injected(one.sent.body)
            went = len(one.sent.body)
            for _ in range(2):
                found = await one.engine.why(number)
                assert found.conversation == name
                assert str(found.request) == number
                assert [it.text for it in found.blocks] == [block]
                assert found.blocks[0].new
                line = next(it for it in found.lines if "tangerine" in it.text)
                assert line.text == FACT, "those characters of the turn"
                assert (line.number, line.start, line.end) == (1, 0, len(FACT))
                assert line.speaker == "User"
                assert line.at > 0
                assert "words" in line.signals
                assert {"code", "blue", "locker"} & set(line.terms)
                assert all(f"#{it.number} " in block for it in found.lines)
                assert found.search is not None
                assert found.search.gate == ""
                assert not found.unknown
                by_turn = await one.engine.why(f"{name}:{found.number}")
                assert by_turn == found
                assert await one.engine.why(name[:8]) == found
                told = await stored(one, lambda store: why.diff(store, number))
                assert isinstance(told, why.Diff)
                assert told.went == went
                assert [(it.what, it.text) for it in told.changes] == [("block", block)]
                await one.restart()

    asyncio.run(work())


def test_what_a_line_was_worth_counts_how_often_it_was_recalled_before(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            chat = long_talk(14)
            await say(one, chat[:-1])
            for number in range(2):
                asked: Chat = [*chat[-7:-1], ("assistant", "Answer 1."), ("user", QUESTION + " Please." * number)]
                head, _ = await one.ask(PATHS["anthropic"], asking("anthropic", asked))
                found = await one.engine.why(request(head))
                line = next(it for it in found.lines if "tangerine" in it.text)
                assert line.retention is not None
                assert line.retention.use == (0.0, 0.5)[number]
            rows = await stored(one, lambda store: why.retention(store, faces.find(store, found.conversation), time.time()))
            assert rows[0][2].use == 0.75

    asyncio.run(work())


def test_what_is_about_to_be_forgotten_has_no_score_and_is_not_pinned(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/memory.db")
    tell(store, talk("c"), "one", "two", "three")
    record = faces.find(store, "c")
    store.put_state("ann", "c", FORGET, going_text((Going("two", 9e9, (2,), 100.0),)))
    assert [number for number, _, _ in why.retention(store, record, 1000.0)] == [1, 3]
    with pytest.raises(NotFound, match="about to be forgotten"):
        why.pin(store, record, 2, True, 1000.0)
    assert why.pin(store, record, 3, True, 1000.0).id == 3
    store.close()


def test_a_request_that_repeats_a_block_says_that_it_does(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            chat = long_talk(14)
            await say(one, chat[:-1])
            asked: Chat = [*chat[-7:-1], ("assistant", "Answer 1."), ("user", QUESTION)]
            await say(one, asked)
            head, _ = await one.ask(PATHS["anthropic"], asking("anthropic", [*asked, ("assistant", "Answer 2."), ("user", "And now?")]))
            found = await one.engine.why(request(head))
            block = next(it for it in found.blocks if "tangerine" in it.text)
            assert not block.new
            line = next(it for it in block.lines if "tangerine" in it.text)
            assert (line.number, line.text, line.start, line.end, line.kind) == (1, FACT, 0, len(FACT), "repeated")

    asyncio.run(work())


def test_what_was_left_out_is_told_with_its_reason(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            chat = long_talk(14)
            name = await say(one, chat[:-1])
            unrelated: Chat = [*chat[-7:-1], ("assistant", "Answer 1."), ("user", "Derive the quadratic formula, weather permitting.")]
            head, _ = await one.ask(PATHS["anthropic"], asking("anthropic", unrelated))
            assert conversation(head) == name
            assert b"<recalled>" not in one.sent.body
            found = await one.engine.why(request(head))
            assert found.blocks == ()
            assert found.search is not None
            assert found.search.gate in ("weak", "no match")
            assert found.left
            assert {it.why for it in found.left} == {"too little evidence"}
            text = "".join(why.as_text(found))
            assert "nothing recalled" in text
            assert "left out" in text

    asyncio.run(work())


def test_what_was_forgotten_is_told_by_nobody(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            name, number = await ask_for_it(one)

            def forget(store: Store) -> None:
                first = store.turns(name)[0]
                store.forget("", name, [first.id], 1e12)

            await stored(one, forget)
            with pytest.raises(NotFound, match="nothing is kept"):
                await one.engine.why(number)
            assert "tangerine" not in str(await stored(one, lambda store: store.traces(name)))

    asyncio.run(work())


def test_an_untouched_request_has_no_trace(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            name = await say(one, long_talk(14)[:-1])
            assert await stored(one, lambda store: store.traces(name)) == []
            with pytest.raises(NotFound):
                await one.engine.why(name)
            with pytest.raises(NotFound):
                await one.engine.why(f"{name}:3")
            with pytest.raises(NotFound):
                await one.engine.why("123456789012")

    asyncio.run(work())


def test_a_fold_is_in_the_diff_with_its_size(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path, window=800), echoing()) as one:
            chat: Chat = []
            for number in range(40):
                chat.append(("user", f"Question {number}: how is the weather in town number {number * 7}?"))
                head, _ = await one.ask(PATHS["anthropic"], asking("anthropic", chat))
                sent = one.sent.body
                chat.append(("assistant", f"Answer {number + 1}."))
            assert b"<digest>" in sent
            told = await stored(one, lambda store: why.diff(store, request(head)))
            assert isinstance(told, why.Diff)
            kinds = {it.what for it in told.changes}
            assert {"fold", "digest"} <= kinds
            fold = next(it for it in told.changes if it.what == "fold")
            assert fold.bytes < -1000
            assert fold.last > fold.first
            digest = next(it for it in told.changes if it.what == "digest")
            assert digest.text.encode() in json.dumps(json.loads(sent), ensure_ascii=False).replace("\\n", "\n").encode()
            assert told.went == len(sent)
            assert "messages" in "".join(why.as_diff(told))
            found = await one.engine.why(request(head))
            shown = found.blocks[0]
            assert (shown.text, shown.folded) == (digest.text, found.folded)
            assert shown.lines
            assert len(shown.lines) == sum(row.startswith("#") for row in digest.text.split("\n"))
            for line in shown.lines:
                assert f"#{line.number} {line.speaker}: {line.text}" in digest.text
                assert line.text == chat[line.number - 1][1][line.start : line.end]
            assert f"digest of turns #1 to #{found.folded}" in "".join(why.as_text(found))

    asyncio.run(work())


def test_a_fork_shows_the_digest_that_it_shares(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path, window=800), echoing()) as one:
            chat: Chat = []
            for number in range(40):
                chat.append(("user", f"Question {number}: how is the weather in town number {number * 7}?"))
                await one.ask(PATHS["anthropic"], asking("anthropic", chat), b"X-VC-Conversation: first")
                chat.append(("assistant", f"Answer {number + 1}."))
            chat.append(("user", "And what is the weather in the fork?"))
            head, _ = await one.ask(PATHS["anthropic"], asking("anthropic", chat), b"X-VC-Conversation: second")
            sent = json.dumps(json.loads(one.sent.body), ensure_ascii=False).replace("\\n", "\n")
            found = await one.engine.why(request(head))
            assert await stored(one, lambda store: store.digests(found.conversation)) == [], "it has none of its own"
            shown = next(block for block in found.blocks if block.folded)
            assert "#5 User" in shown.text
            assert shown.text in sent
            told = await stored(one, lambda store: why.diff(store, request(head)))
            assert next(it for it in told.changes if it.what == "digest").text == shown.text
            assert not told.unknown

    asyncio.run(work())


def test_stubs_are_in_the_diff_with_what_they_save(tmp_path: Path) -> None:
    """In messages of nothing but results, and in one with words beside its result and an image."""

    async def work() -> None:
        agent = Agent()
        async with rig(shrinking(tmp_path), agent) as one:
            for _ in range(2):
                await agent.step(one, output(agent.number), media=[png(1200, 900, 3000)])
            agent.messages[-1]["content"].append({"type": "text", "text": "Mind the gap."})
            sent = await agent.until_stubs(one)
            told = await stored(one, lambda store: why.diff(store, request(agent.head)))
            assert isinstance(told, why.Diff)
            stubs = [it for it in told.changes if it.what == "stub"]
            assert len(stubs) == len(told.changes) > 2
            assert all(it.bytes < 0 for it in stubs)
            assert (told.came, told.went) == (len(agent.asked), len(sent))
            # Of an edited text, escapes and what is around it in the JSON are not counted.
            assert sum(it.bytes for it in stubs) == pytest.approx(len(sent) - len(agent.asked), rel=0.05)
            assert "stub, -" in "".join(why.as_diff(told))
            assert "+0 bytes" not in "".join(why.as_diff(told))

    asyncio.run(work())


def test_it_tells_only_whose_it_is(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            _, number = await ask_for_it(one)
            assert (await one.engine.why(number, "")).blocks
            with pytest.raises(NotFound, match="no request or conversation"):
                await one.engine.why(number, "somebody else")

    asyncio.run(work())


def test_a_trace_that_cannot_be_made_loses_no_turn(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(configured(tmp_path), echoing()) as one:
            chat = long_talk(14)
            name = await say(one, chat[:-1])
            held = one.engine.threads
            assert held is not None
            thread = held.held(name)
            assert thread is not None
            before = len(thread.path)
            asked: Chat = [*chat[-7:-1], ("assistant", "Answer 1."), ("user", QUESTION)]
            thread.by_id = _Torn(thread.by_id)
            await say(one, asked)
            assert b"tangerine" in one.sent.body
            thread.by_id = dict(thread.by_id)
            turns = await stored(one, lambda store: store.turns(name))
            assert len(turns) == before + 2
            assert one.failures() == {"trace": 2}

    asyncio.run(work())


class _Torn(dict[int, Turn]):
    """Breaks the trace, and nothing else: it alone looks turns up from within its own module."""

    def get(self, key: int, default: Turn | None = None) -> Turn | None:  # type: ignore[override]
        if sys._getframe(1).f_globals["__name__"] == trace.__name__:
            raise KeyError(key)
        return super().get(key, default)


def test_a_fork_shows_the_blocks_that_it_shares_and_none_that_came_after_it(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'm.db'}")
    try:
        own = [number.to_bytes(16, "big") for number in range(4)]
        turns = [
            Turn(1, "aaaa", 0, 0, own[0], own[0], "user", "spoken", "The first?"),
            Turn(2, "aaaa", 1, 1, own[1], own[1], "user", "spoken", "The second?"),
        ]
        before, after = (Injection("aaaa", own[at], f"block {at}", (), 1, 10.0 + 20 * at) for at in range(2))
        store.write([Batch((Conversation("aaaa", "", 1.0, 9.0),), tuple(turns), injections=(before, after))])
        fork = Conversation("bbbb", "", 20.0, 21.0, forked_from="aaaa", fork_turn=2)
        store.write([Batch((fork,), (Turn(3, "bbbb", 2, 2, own[2], own[2], "user", "spoken", "The third?"),))])
        assert [it.text for it in why.explain(store, "bbbb:1").blocks] == ["block 0"]
        assert [it.text for it in why.explain(store, "aaaa:2").blocks] == ["block 1"]
        with pytest.raises(NotFound):
            why.explain(store, "bbbb:2")
        for look in (why.explain, why.diff):
            with pytest.raises(NotFound, match="turns 1 to 2, not 0"):
                look(store, "aaaa:0")
    finally:
        store.close()
