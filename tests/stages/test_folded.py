"""What was folded stays folded: whatever is forgotten, and wherever its client goes on, no history goes up whole that has no room."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from backstory.config import Config
from backstory.config.sections import Recall as RecallSection
from backstory.memory.recall.retrieval import Recalled
from backstory.stages import shelf as shelf_module
from backstory.stages.shelf import Shelf
from tests.rig import PATHS, Rig, asking, rig, soon
from tests.stages.talks import Talk, commanded, texts_sent
from tests.stages.world import Chat, conversation, echoing, say, stored, thread

SECRET = "My locker code at the gym is tangerine-4711, in the Harrowgate hall."


def _small(folder: Path, window: int = 1600, protected: int = 1, undo_s: float = 600.0) -> Config:
    config = commanded(folder, undo_s=undo_s)
    return replace(config, compaction=replace(config.compaction, context_window=window, protected_recent_turns=protected))


def _said(number: int) -> str:
    return f"Report {number}: the number of grey boats in harbour {number * 7} has risen to {number * 13} since the storm."


async def _folded(one: Rig, rounds: int = 70) -> Talk:
    """A conversation whose window is full, and whose digest tells of the secret."""
    talk = Talk(one, b"X-VC-Conversation: long")
    await talk.say(SECRET)
    for number in range(rounds):
        await talk.say(_said(number))
    assert "tangerine" in texts_sent(one)[0].partition("</digest>")[0]
    assert len(texts_sent(one)) < len(talk.messages) - 20
    return talk


def _grows(one: Rig, before: list[str]) -> None:
    """The newest request begins with what went up before, word for word."""
    assert texts_sent(one)[: len(before)] == before


def test_a_forget_takes_its_lines_out_of_the_digest_and_nothing_comes_back(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(_small(tmp_path), echoing("openai_chat")) as one:
            talk = await _folded(one)
            boundary = thread(one, talk.id).boundary
            whole = texts_sent(one)
            assert "1 turn about 'tangerine'" in await talk.told("VCFORGET tangerine")
            await talk.say("Go on.")
            sent = texts_sent(one)
            assert thread(one, talk.id).boundary == boundary
            assert "tangerine" not in one.sent.body.decode()
            kept = [line for line in whole[0].split("\n") if "tangerine" not in line]
            assert sent[0].split("\n") == kept, "the other lines stay as they are"
            await talk.say("And on.")
            _grows(one, sent)
            await one.restart()
            await talk.say("Once more.")
            _grows(one, sent)
            await talk.told("!/undo")
            await talk.say("With it.")
            assert texts_sent(one)[0] == whole[0], "taken back, it is there again"
            assert not one.failures()

    asyncio.run(work())


@pytest.mark.parametrize("edge", [False, True], ids=["early", "at the boundary"])
def test_what_is_removed_for_good_goes_out_of_the_stored_digest(tmp_path: Path, edge: bool) -> None:
    async def work() -> None:
        async with rig(_small(tmp_path, undo_s=0.0), echoing("openai_chat")) as one:
            talk = await _folded(one)
            held = thread(one, talk.id)
            last = held.boundary
            numbers = [last - 1, last] if edge else [1]
            gone = [turn.text for turn in held.path if turn.position + 1 in numbers]
            for number in numbers:
                await talk.told(f"VCFORGET #{number}")
            await talk.say("Go on.")
            sent = texts_sent(one)
            removal = one.engine._removal
            assert removal is not None
            assert await removal.look() >= len(numbers)
            await soon(lambda: one.engine.threads is not None and not len(one.engine.threads))
            await talk.say("And on.")
            assert not any(text in one.sent.body.decode() for text in gone)
            _grows(one, sent)
            assert all("tangerine" not in digest.text for digest in await stored(one, lambda store: store.digests(talk.id))) or edge
            await one.restart()
            await talk.say("Once more.")
            _grows(one, sent)
            assert not one.failures()

    asyncio.run(work())


def test_an_index_that_is_long_in_the_making_does_not_eat_the_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a start nothing is indexed: the store is searched, and the fold goes up in time."""

    async def work() -> None:
        async with rig(
            replace(_small(tmp_path), recall=RecallSection(budget_tokens=200, deadline_ms=3000.0)), echoing("openai_chat")
        ) as one:
            talk = await _folded(one)
            sent = texts_sent(one)
            await one.restart()

            async def slowly(*_: object) -> None:
                await asyncio.sleep(20)

            with monkeypatch.context() as slow:
                slow.setattr(shelf_module, "_INLINE_TOKENS", -1)
                slow.setattr(Shelf, "_build", slowly)
                await talk.say("What was my locker code at the gym in the Harrowgate hall?")
            _grows(one, sent)
            assert not one.failures()

    asyncio.run(work())


def test_a_fold_of_which_nothing_can_be_told_says_which_turns_are_left_out(tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(_small(tmp_path), echoing("openai_chat")) as one:
            talk = Talk(one, b"X-VC-Conversation: code")
            folds, before = 0, [""]
            for number in range(60):
                await talk.say("```\n" + "\n".join(f"x{number}_{at} = {at * number}" for at in range(20)) + "\n```")
                sent = texts_sent(one)
                if len(sent) == len(talk.messages) - 1:
                    continue
                boundary = thread(one, talk.id).boundary
                assert sent[0].startswith(
                    f"<digest>\n[#1 to #{boundary} are left out here; what is asked for of them is recalled]\n</digest>"
                )
                assert len(sent) == len(talk.messages) - 1 - boundary
                folds += sent[0] != before[0]
                if sent[0] == before[0]:
                    _grows(one, before)
                before = sent
            assert folds > 1
            await one.restart()
            await talk.say("ok")
            _grows(one, before)
            assert not one.failures()

    asyncio.run(work())


def test_where_no_digest_is_in_time_the_older_one_stands_for_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        async with rig(_small(tmp_path), echoing("openai_chat")) as one:
            talk = await _folded(one)
            before = thread(one, talk.id).boundary
            with monkeypatch.context() as slow:
                slow.setattr(Shelf, "soon", lambda *_: False)
                slow.setattr(Shelf, "_start_digest", lambda *_: None)
                for number in range(80, 130):
                    await talk.say(_said(number))
                    assert int(talk.head.partition(b"tokens_sent=")[2].partition(b",")[0]) <= 1600
                assert thread(one, talk.id).boundary > before
                assert texts_sent(one)[0].count("<digest>") == 1
                del talk.messages[30:]
                one.engine.threads.clear()  # type: ignore[union-attr]
                await talk.say("Another way from here." + " word" * 1000)
                assert len(texts_sent(one)) < 31
            assert not one.failures()

    asyncio.run(work())


@pytest.mark.parametrize("wire", sorted(PATHS))
def test_what_was_folded_since_a_question_was_asked_is_recalled_when_it_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wire: str
) -> None:
    said: Chat = [turn for number in range(60) for turn in (("user", _said(number)), ("assistant", f"Noted, report {number}."))]
    said[60] = ("user", "by the way the old bicycle is with ottoline now i think")
    asked = [*said, ("user", "Who has the old bicycle?")]

    async def work() -> None:
        async with rig(_small(tmp_path), echoing(wire)) as one:
            with monkeypatch.context() as slow:
                slow.setattr(Shelf, "soon", lambda *_: False)
                slow.setattr(Shelf, "begin_digest", lambda *_: None)
                name = await say(one, asked, b"X-VC-Conversation: again", wire=wire)
            assert one.sent.body == asking(wire, asked), "nothing is ready to stand for it"
            assert await say(one, asked, b"X-VC-Conversation: again", wire=wire) == name
            first = one.sent.body
            _, _, rest = first.partition(b"</digest>")
            assert b"is with ottoline" not in rest.partition(b"<recalled>")[0]
            assert b"is with ottoline" in rest.partition(b"<recalled>")[2]
            await say(one, asked, b"X-VC-Conversation: again", wire=wire)
            assert one.sent.body == first, "once more is the same bytes"
            await one.restart()
            await say(one, [*asked, ("assistant", "Answer 3."), ("user", "Thanks.")], b"X-VC-Conversation: again", wire=wire)
            assert first.partition(b"</recalled>")[0] in one.sent.body, "it stays where it was"
            assert not one.failures()

    asyncio.run(work())


def test_where_nothing_was_found_for_a_question_behind_the_same_digest_it_goes_up_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digest was made while the question waited, and is the younger one; by now more would be found."""
    said: Chat = [turn for number in range(60) for turn in (("user", _said(number)), ("assistant", f"Noted, report {number}."))]
    said[60] = ("user", "by the way the old bicycle is with ottoline now i think")
    asked = [*said, ("user", "Who has the old bicycle?")]

    async def nothing(*_: object) -> Recalled:
        return Recalled(())

    async def work() -> None:
        config = _small(tmp_path)
        async with rig(replace(config, recall=replace(config.recall, deadline_ms=20_000.0)), echoing()) as one:
            with monkeypatch.context() as cold:
                cold.setattr(Shelf, "recall", nothing)
                await say(one, asked, b"X-VC-Conversation: again")
            first = one.sent.body
            assert b"</digest>" in first
            assert b"<recalled>" not in first
            for _ in range(3):
                await say(one, asked, b"X-VC-Conversation: again")
                assert one.sent.body == first
            assert not one.failures()

    asyncio.run(work())


def test_an_edit_in_the_middle_leaves_the_newest_exchanges(tmp_path: Path) -> None:
    """The furthest digest was made for the branch that went further, and would stand for nearly all of this one."""

    async def work() -> None:
        async with rig(_small(tmp_path, window=6000, protected=5), echoing("openai_chat")) as one:
            talk = Talk(one, b"X-VC-Conversation: long")
            asked: dict[int, int] = {}
            for number in range(300):
                await talk.say(_said(number))
                asked[thread(one, talk.id).boundary] = number
            folds = sorted(asked)
            assert len(folds) > 3
            late = folds[-1]
            for cut in (late + 4, late + 2, folds[-2] + 4):
                kept = talk.messages[:]
                del talk.messages[cut:]
                await talk.say("Edited: what do we know of the boats?")
                sent = texts_sent(one)
                assert len(sent) > 10, f"five exchanges stay of a history of {cut} messages"
                assert [text.partition("\n\n<recalled>")[0] for text in sent[-11:-1]][1:] == [text for _, text in kept[cut - 9 : cut]]
                await talk.say("Next.")
                await one.restart()
                await talk.say("Once more.")
                assert texts_sent(one)[: len(sent)] == sent
                talk.messages = kept
            assert not one.failures()

    asyncio.run(work())


def test_a_question_has_the_window_that_recall_may_fill_and_remarks_move_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        config = replace(_small(tmp_path, window=1000), recall=RecallSection(budget_tokens=1000, deadline_ms=20_000.0))
        async with rig(config, echoing("openai_chat")) as one:
            talk = Talk(one, b"X-VC-Conversation: long")
            await talk.say(SECRET)
            for number in range(70):
                await talk.say(_said(number))
            while len(texts_sent(one)) < 9:
                await talk.say(f"It is calm at the pier today, and boat {len(talk.messages)} is in.")
            before = texts_sent(one)
            await talk.say("Thanks, that is fine.")
            assert len(texts_sent(one)) > len(before)
            await talk.say("What was my locker code at the gym in the Harrowgate hall?")
            sent = texts_sent(one)
            assert len(sent) < 7, "older exchanges make room for what answers"
            assert "tangerine-4711" in sent[-1]
            assert not one.failures()

    asyncio.run(work())


@pytest.mark.parametrize("step", ["dock {0} shut", "step {0}"], ids=["told", "nothing to tell"])
def test_who_is_never_known_gets_the_fold_that_went_up_before(tmp_path: Path, step: str) -> None:
    """Something rewrites every answer on its way to the client: each request begins a conversation, and goes on from the payload before."""

    async def work() -> None:
        async with rig(_small(tmp_path), echoing()) as one:
            messages: list[dict[str, object]] = [{"role": "user", "content": "Please fix it."}]
            names: set[str] = set()
            before: list[object] = []
            same = 0
            for number in range(24):
                call = {"type": "tool_use", "id": f"t{number}", "name": "read", "input": {"path": f"f{number}"}}
                result = {"type": "tool_result", "tool_use_id": f"t{number}", "content": f"line {number} " * 40}
                messages += [
                    {"role": "assistant", "content": [{"type": "text", "text": step.format(number)}, call]},
                    {"role": "user", "content": [result]},
                ]
                body = json.dumps({"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": messages}).encode()
                head, _ = await one.ask(PATHS["anthropic"], body)
                names.add(conversation(head))
                sent = json.loads(one.sent.body)["messages"]
                kept = sent[: len(before)] == before
                assert (b"cache_kept=1" in head) is kept
                if len(sent) < len(messages):
                    same += kept
                    assert b"digest>" in one.sent.body
                before = sent
            assert len(names) > 20
            assert same > 8
            assert not one.failures()

    asyncio.run(work())
