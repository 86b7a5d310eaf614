"""What a side model adds: more tags, written digests. Never instead of what is there, and nothing of what must not be sent."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from backstory.commands.forgetting import FORGET, Going, going_text
from backstory.core.records import Batch, Claim, Conversation, Segment, Summary, Turn, TurnTags, Used, Watermark
from backstory.errors import FencedError
from backstory.jobs.facts import stated
from backstory.jobs.side import SideDigestJob, SideFactJob, SideTagJob
from backstory.jobs.worker import Job
from backstory.memory.recall.units import index_terms
from backstory.memory.tags.tagging import tags
from backstory.memory.tags.vocabulary import Vocabulary
from backstory.stores.sql import SqlStore
from tests.relay.world import run
from tests.rig import reply
from tests.side_world import Answer, Asked, Desk, SideProvider, endpoint, obliging, says
from tests.stores.world import Shelf, said

TEXTS = (
    "I moved to Lisbon in May, and I pay 1250 euros of rent.",
    "We decided to use Postgres 16 for the billing service.",
    "My dentist is called Doctor Marta Sousa.",
    "The gateway must never be restarted while a migration runs.",
    "Carla bought a telescope and looks at Saturn.",
    "The deploy is on Friday at 10:30.",
    "I am allergic to peanuts.",
    "Ben wants the report in Portuguese.",
)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    made = Shelf("sqlite", tmp_path_factory.mktemp("jobs"))
    yield made
    made.close()


@pytest.fixture
def store(shelf: Shelf) -> SqlStore:
    return shelf.open()


class Talk:
    """A stored conversation with its local tags, and one segment over all of it."""

    def __init__(self, store: SqlStore, texts: tuple[str, ...] = TEXTS, memory: bool = True, tools: tuple[int, ...] = ()) -> None:
        self.store = store
        self.turns: list[Turn] = []
        for number, text in enumerate(texts, 1):
            one = said(number, "c", text, number - 1, number - 1)
            self.turns.append(replace(one, kind="tool", role="tool", calls="{}") if number in tools else one)
        store.write([Batch((Conversation("c", "ann", 50.0, 100.0, memory=memory),), tuple(self.turns))])
        words = Vocabulary()
        rows = [TurnTags(one.id, "c", tags(one.text, words), " ".join(index_terms(one.text))) for one in self.turns]
        store.put_tags(rows, Watermark("c", "tags", len(texts)))
        extractive = "\n".join(f"#{one.id} User: {one.text}" for one in self.turns if one.kind == "spoken")
        store.put_facts([], Watermark("c", "facts", len(texts)))
        store.put_segments([Segment(1, "c", 1, len(texts), (), extractive, 9, 1.0, 2.0)], Watermark("c", "segments", len(texts)))

    def mark(self, job: Job) -> Watermark:
        found = self.store.lease("c", job.name, "me", 60.0, 1_700_000_000.0)
        assert found is not None
        return found

    def pending(self, job: Job) -> bool:
        return self.store.watermark("c", job.name).turn < self.turns[-1].id

    async def work(self, job: Job, steps: int = 10) -> int:
        """Steps until there is nothing more to do."""
        for done in range(1, steps + 1):
            if not await job.step("c", self.mark(job)):
                return done
        raise AssertionError("it never ends")


@asynccontextmanager
async def desk(store: SqlStore, folder: Path, answer: Answer = obliging, tokens: int = 10**6) -> AsyncIterator[tuple[Desk, SideProvider]]:
    async with SideProvider(answer).serving() as provider:
        one = Desk(store, folder, endpoint(provider.port), Used(tokens, 0))
        try:
            yield one, provider
        finally:
            await one.close()


def tag_job(one: Desk) -> SideTagJob:
    return SideTagJob(one.lanes, one.caller, lambda: one.now)


def digest_job(one: Desk) -> SideDigestJob:
    return SideDigestJob(one.lanes, one.caller, lambda: one.now)


def fact_job(one: Desk) -> SideFactJob:
    return SideFactJob(one.lanes, one.caller, lambda: one.now)


def test_tags_are_joined_with_the_local_ones_and_found_by_search(store: SqlStore, tmp_path: Path) -> None:
    def answer(asked: Asked) -> bytes:
        topics = {
            "telescope": ["Astronomy", "stargazing hobby", "telescope"],
            "dentist": ["Health  Care!"],
            "rent": ["housing", "rent 1300"],
        }
        parts = [{"id": part["id"], "tags": next((tag for key, tag in topics.items() if key in part["text"]), [])} for part in asked.parts]
        return says(asked, json.dumps({"parts": parts}))

    async def work() -> None:
        async with desk(store, tmp_path, answer) as (one, provider):
            talk = Talk(store)
            before = {row.turn: row.tags for row in store.tags("c")}
            assert await talk.work(tag_job(one)) == 1
            after = {row.turn: row.tags for row in store.tags("c")}
            for turn, own in before.items():
                assert after[turn][: len(own)] == own
            assert after[5][len(before[5]) :] == ("astronomy", "stargazing-hobby")
            assert after[3][len(before[3]) :] == ("health-care",)
            assert after[1][len(before[1]) :] == ("housing",), "a number that the turn has not is no tag of it"
            for word, turn in (("astronomy", 5), ("telescope", 5), ("health", 3)):
                assert [hit.turn for hit in store.search("ann", ["c"], index_terms(word), 5)] == [turn]
            assert not talk.pending(tag_job(one))
            assert len(provider.asked) == 1
            assert one.figures.tagged_turns == 3

    run(work())


def test_a_tag_never_tells_of_another_turn(store: SqlStore, tmp_path: Path) -> None:
    def answer(asked: Asked) -> bytes:
        return says(
            asked, json.dumps({"parts": [{"id": part["id"], "tags": ["Lisbon", "Marta Sousa", "peanuts"]} for part in asked.parts]})
        )

    async def work() -> None:
        async with desk(store, tmp_path, answer) as (one, _):
            talk = Talk(store)
            await talk.work(tag_job(one))
            texts = {turn.id: turn.text.lower() for turn in talk.turns}
            for row in store.tags("c"):
                for word in ("lisbon", "marta", "sousa", "peanut"):
                    assert word in texts[row.turn] or word not in " ".join((*row.tags, row.terms))

    run(work())


def test_few_new_turns_wait_for_company_but_not_for_ever(store: SqlStore, tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(store, tmp_path) as (one, provider):
            talk = Talk(store, TEXTS[:3])
            one.now = 150.0
            assert await talk.work(tag_job(one)) == 1
            assert not provider.asked
            assert talk.pending(tag_job(one))
            one.now = 100.0 + 121.0
            await talk.work(tag_job(one))
            assert len(provider.asked) == 1
            assert not talk.pending(tag_job(one))

    run(work())


def test_what_tools_gave_back_and_what_looks_like_a_key_is_not_sent(store: SqlStore, tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(store, tmp_path) as (one, provider):
            texts = list(TEXTS)
            texts[2] = "TOOL OUTPUT of the vault"
            texts[4] = "My key is sk-proj-abcdefghijklmnopqrstuvwxyz012345, keep it. Also https://me:hush@example.com/x"
            talk = Talk(store, tuple(texts), tools=(3,))
            for job in (tag_job(one), digest_job(one), fact_job(one)):
                await talk.work(job)
            sent = json.dumps([asked.body for asked in provider.asked])
            assert len(provider.asked) == 3
            for never in ("TOOL OUTPUT", "abcdefghijklmnop", "hush"):
                assert never not in sent
            assert "Lisbon" in sent

    run(work())


def test_nothing_is_sent_of_a_conversation_with_memory_off(store: SqlStore, tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(store, tmp_path) as (one, provider):
            talk = Talk(store, memory=False)
            for job in (tag_job(one), digest_job(one), fact_job(one)):
                await talk.work(job)
                assert not talk.pending(job)
            assert not provider.asked
            assert not store.summaries("c")

    run(work())


def test_nothing_is_sent_of_what_is_about_to_be_forgotten(store: SqlStore, tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(store, tmp_path) as (one, provider):
            talk = Talk(store)
            store.put_state("ann", "c", FORGET, going_text((Going("telescope", 1e12, (5,), 1.0),)))
            for job in (tag_job(one), digest_job(one)):
                await talk.work(job)
            sent = json.dumps([asked.body for asked in provider.asked])
            assert len(provider.asked) == 1, "the segment that holds it waits"
            assert "Postgres" in sent
            assert "telescope" not in sent
            store.put_state("ann", "c", FORGET, "")
            await talk.work(digest_job(one))
            assert "telescope" in json.dumps([asked.body for asked in provider.asked])

    run(work())


@pytest.mark.parametrize("make", [tag_job, digest_job, fact_job])
def test_what_is_taken_back_is_shown_to_the_model_as_if_it_had_not_been_hidden(
    store: SqlStore, tmp_path: Path, make: Callable[[Desk], Job]
) -> None:
    async def work() -> None:
        async with desk(store, tmp_path) as (one, provider):
            talk, job = Talk(store), make(one)
            store.put_state("ann", "c", FORGET, going_text((Going("telescope", 1e12, (5,), 1.0),)))
            for _ in range(3):  # rounds of the worker
                await talk.work(job)
            assert "telescope" not in json.dumps([asked.body for asked in provider.asked])
            assert talk.pending(job)
            store.put_state("ann", "c", FORGET, "")
            await talk.work(job)
            sent = json.dumps([asked.body for asked in provider.asked])
            assert all(word in sent for word in ("telescope", "peanuts", "Portuguese"))
            assert not talk.pending(job)

    run(work())


def test_what_is_forgotten_for_good_does_not_hold_up_what_comes_after(store: SqlStore, tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(store, tmp_path) as (one, provider):
            talk, job = Talk(store), tag_job(one)
            store.put_state("ann", "c", FORGET, going_text((Going("telescope", 1e12, (5,), 1.0),)))
            await talk.work(job)
            assert "peanuts" not in json.dumps([asked.body for asked in provider.asked])
            store.forget("ann", "c", [5], now=300.0)
            store.put_state("ann", "c", FORGET, "")
            await talk.work(job)
            assert "peanuts" in json.dumps([asked.body for asked in provider.asked])
            assert "telescope" not in json.dumps([asked.body for asked in provider.asked])

    run(work())


def test_a_digest_is_written_of_claims_that_hold(store: SqlStore, tmp_path: Path) -> None:
    def answer(asked: Asked) -> bytes:
        claims = [
            *({"text": part["text"].replace("I ", "The user ").replace("My", "The user's"), "turns": [part["id"]]} for part in asked.parts),
            {"text": "The password of the admin is hunter2.", "turns": [1]},
            {"text": "The user pays 9999 euros of rent.", "turns": [1]},
            {"text": "The user is not allergic to peanuts.", "turns": [7]},
            {"text": "The user moved to Lisbon.", "turns": [17]},
        ]
        return says(asked, json.dumps({"claims": claims}))

    async def work() -> None:
        async with desk(store, tmp_path, answer) as (one, provider):
            talk = Talk(store)
            assert await talk.work(digest_job(one)) == 2
            [summary] = store.summaries("c")
            assert (summary.first_turn, summary.last_turn, summary.method, summary.created) == (1, 8, "m", one.now)
            text = " ".join(claim.text for claim in summary.claims)
            assert "Lisbon" in text
            for never in ("hunter2", "9999", "not allergic"):
                assert never not in text
            assert one.figures.claims_dropped == 4
            assert (one.figures.summaries, one.figures.summaries_refused) == (1, 0)
            assert not talk.pending(digest_job(one))
            assert len(provider.asked) == 1
            store.put_segments([], Watermark("c", "segments", 8))
            await talk.work(digest_job(one))
            assert len(provider.asked) == 1, "what is done is not asked again"

    run(work())


@pytest.mark.parametrize(
    "claims",
    [
        [],
        [{"text": "The user said some things.", "turns": [1]}],
        [{"text": "The admin's password is hunter2.", "turns": [1]}],
        [{"text": "The user moved to Lisbon.", "turns": []}],
    ],
)
def test_what_is_empty_worse_or_made_up_leaves_the_extractive_digest(
    store: SqlStore, tmp_path: Path, claims: list[dict[str, object]]
) -> None:
    async def work() -> None:
        async with desk(store, tmp_path, lambda asked: says(asked, json.dumps({"claims": claims}))) as (one, provider):
            talk = Talk(store)
            before = store.segments("c")
            await talk.work(digest_job(one))
            assert [(row.claims, row.method) for row in store.summaries("c")] == [((), "m")]
            assert store.segments("c") == before
            assert one.figures.summaries_refused == 1
            await talk.work(digest_job(one))
            assert len(provider.asked) == 1
            assert one.to is not None
            one.to = replace(one.to, model="another")
            await talk.work(digest_job(one))
            assert len(provider.asked) == 2, "another model may do better"

    run(work())


def test_a_question_that_never_gets_json_is_given_up_and_the_job_goes_on(store: SqlStore, tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(store, tmp_path, lambda asked: says(asked, "I'd rather not.")) as (one, provider):
            talk = Talk(store)
            for job in (tag_job(one), digest_job(one), fact_job(one)):
                one.caller._troubles.clear()  # the pause after several such answers has passed
                before = store.tags("c")
                for _ in range(3):
                    assert talk.pending(job)
                    await talk.work(job)
                assert store.tags("c") == before
                await talk.work(job)
                assert not talk.pending(job)
            assert len(provider.asked) == 3 * 2 * 3

    run(work())


@pytest.mark.parametrize("answer", [lambda asked: reply(b"", status=b"500 Oh"), lambda asked: None, lambda asked: reply(b"<html>")])
def test_a_provider_in_trouble_changes_nothing_and_is_asked_again_later(store: SqlStore, tmp_path: Path, answer: Answer) -> None:
    async def work() -> None:
        async with desk(store, tmp_path, answer) as (one, provider):
            talk = Talk(store)
            before = (store.tags("c"), store.segments("c"))
            jobs: tuple[Job, ...] = (tag_job(one), digest_job(one), fact_job(one))
            for job in jobs:
                for _ in range(5):
                    await talk.work(job)
                    one.caller._troubles.clear()
                assert talk.pending(job)
            assert (store.tags("c"), store.segments("c"), store.summaries("c")) == (*before, [])
            provider.answer = obliging
            for job in jobs:
                await talk.work(job)
                assert not talk.pending(job)

    run(work())


def test_a_budget_of_nothing_sends_nothing(store: SqlStore, tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(store, tmp_path, tokens=0) as (one, provider):
            talk = Talk(store)
            await talk.work(tag_job(one))
            await talk.work(digest_job(one))
            await talk.work(fact_job(one))
            assert not provider.asked
            assert talk.pending(tag_job(one))

    run(work())


def test_a_restart_goes_on_above_the_watermark(shelf: Shelf, tmp_path: Path) -> None:
    url = shelf.url()

    async def work() -> None:
        store = shelf.open(url)
        texts = tuple(f"{text} Note {number}." for number in range(4) for text in TEXTS)
        shown: list[str] = []

        def answer(asked: Asked) -> bytes:
            shown.extend(part["text"] for part in asked.parts)
            return obliging(asked)

        async with desk(store, tmp_path, answer) as (one, _):
            talk = Talk(store, texts)
            job = tag_job(one)
            assert await job.step("c", talk.mark(job))
            assert store.watermark("c", "side_tags").turn == 12
        talk.store = store = shelf.open(url)
        async with desk(store, tmp_path, answer) as (one, provider):
            await talk.work(tag_job(one))
            assert len(provider.asked) == 2
            assert shown == list(texts), "each turn once, in order"

    run(work())


@pytest.mark.parametrize("make", [tag_job, digest_job, fact_job])
def test_what_was_forgotten_while_the_model_thought_leaves_no_trace(
    store: SqlStore, tmp_path: Path, make: Callable[[Desk], SideTagJob | SideDigestJob | SideFactJob]
) -> None:
    async def forgetful(asked: Asked) -> bytes:
        store.forget("ann", "c", [1], now=300.0)
        return obliging(asked)

    async def work() -> None:
        async with desk(store, tmp_path, forgetful) as (one, provider):
            talk = Talk(store)
            job = make(one)
            mark = talk.mark(job)
            with pytest.raises(FencedError):
                await job.step("c", mark)
            assert len(provider.asked) == 1
            assert not store.summaries("c")
            assert not store.facts("c")
            assert not any("lisbon" in f"{row.tags} {row.terms}" for row in store.tags("c"))

    run(work())


def test_forgetting_a_turn_takes_the_summary_that_covers_it(store: SqlStore) -> None:
    Talk(store)
    claims = (Claim("The user moved to Lisbon.", (1,)), Claim("Carla bought a telescope.", (5,)))
    store.put_summaries([Summary(1, "c", 1, 8, "m", claims, 9, 1.0)], Watermark("c", "side_digests", 8))
    store.forget("ann", "c", [5], now=300.0)
    assert not store.summaries("c")
    assert store.watermark("c", "side_digests").turn == 0


def test_a_summary_of_no_segment_is_not_stored(store: SqlStore) -> None:
    Talk(store)
    store.put_summaries([Summary(77, "c", 1, 8, "m", (Claim("x", (1,)),), 9, 1.0)], Watermark("c", "side_digests", 8))
    assert not store.summaries("c")


def telling(asked: Asked) -> bytes:
    """Of a turn with a telescope in it what it states, and what it does not."""
    facts = []
    for part in asked.parts:
        told = {"id": part["id"], "quote": part["text"], "subject": "Carla", "verb": "bought", "replaces": "", "stance": "stated"}
        if "telescope" in part["text"]:
            facts += [told | {"kind": "possession", "object": "a telescope"}, told | {"kind": "possession", "object": "a yacht"}]
        if "peanuts" in part["text"]:
            facts.append(told | {"kind": "identity", "subject": "user", "verb": "is", "object": "allergic to peanuts"})
    return says(asked, json.dumps({"facts": facts}))


def test_facts_that_hold_are_stored_beside_those_of_the_rules(store: SqlStore, tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(store, tmp_path, telling) as (one, provider):
            talk = Talk(store)
            store.put_facts(stated(talk.turns, lambda: None), Watermark("c", "facts", 8))
            before = store.facts("c")
            assert any(fact.object == "allergic to peanuts" for fact in before)
            await talk.work(fact_job(one))
            new = [fact for fact in store.facts("c") if fact.method]
            assert [fact for fact in store.facts("c") if not fact.method] == before, "those of the rules stay as they are"
            assert [(fact.turn, fact.subject, fact.object, fact.method) for fact in new] == [(5, "Carla", "a telescope", "m")]
            assert (one.figures.facts, one.figures.claims_kept, one.figures.claims_dropped) == (1, 1, 1)
            assert len(provider.asked) == 1
            store.put_facts(before, Watermark("c", "facts", 8))
            assert [fact for fact in store.facts("c") if fact.method] == new, "the rules' job leaves the model's alone"
            await talk.work(fact_job(one))
            assert len(provider.asked) == 1, "what is done is not asked again"
            store.forget("ann", "c", [5], now=300.0)
            assert not any(fact.method for fact in store.facts("c"))

    run(work())


def test_facts_are_asked_only_of_turns_that_the_rules_have_read(store: SqlStore, tmp_path: Path) -> None:
    async def work() -> None:
        async with desk(store, tmp_path, telling) as (one, provider):
            talk = Talk(store)
            later = said(9, "c", "Carla sold the telescope.", 8, 8)
            store.write([Batch((Conversation("c", "ann", 50.0, 100.0),), (later,))])
            talk.turns.append(later)
            await talk.work(fact_job(one))
            assert store.watermark("c", "side_facts").turn == 8
            assert all("sold" not in part["text"] for asked in provider.asked for part in asked.parts)
            store.put_facts([], Watermark("c", "facts", 9))
            one.now += 1000.0
            await talk.work(fact_job(one))
            assert "sold" in provider.asked[-1].parts[-1]["text"]

    run(work())
