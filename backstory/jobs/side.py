"""What a side model adds to what the local jobs have made: more tags and facts for turns, written digests for segments.

Rule: never instead. A turn keeps its local tags and facts, a segment its extractive digest; what is empty, worse or unsupported adds
nothing. Nothing is sent of conversations with memory off, nor of what tools gave back. Work stops before a turn that is about to be
forgotten, until it is gone or taken back: what is taken back is owed as before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from itertools import islice, takewhile

from msgspec.structs import replace

from backstory.commands.forgetting import FORGET, veil
from backstory.core.records import Conversation, Segment, Summary, Turn, TurnTags, Watermark
from backstory.core.side import SideModel
from backstory.core.store import Lanes, Store
from backstory.core.tokens import estimate
from backstory.errors import SideModelError
from backstory.jobs.worker import Job
from backstory.memory.recall.units import index_terms
from backstory.memory.side_model.claims import Verdict, better, verified
from backstory.memory.side_model.facts import Found, fact_question, read_answer, supported
from backstory.memory.side_model.tasks import digest_question, joined, read_claims, read_tags, tag_question

# Turns of one question about tags. Fewer wait for company, unless nothing was said for a while.
_TURNS_A_QUESTION, _LEAST_TURNS, _QUIET_S = 12, 6, 120.0
# The same about facts: of each turn more is shown.
_FACT_TURNS = 8
# Turns looked at to find them: between two that somebody said there may be many of tools.
_LOOKED_AT = 200
# A question that got no usable answer so often is given up: what it was about stays as the local jobs made it.
_TRIES = 3
_MOST_REMEMBERED = 10_000


def side_jobs(tasks: Collection[str], lanes: Lanes, side: SideModel, clock: Callable[[], float]) -> tuple[Job, ...]:
    """Those jobs of a side model that are wanted."""
    every: dict[str, Job] = {
        "tags": SideTagJob(lanes, side, clock),
        "digests": SideDigestJob(lanes, side, clock),
        "facts": SideFactJob(lanes, side, clock),
    }
    return tuple(job for task, job in every.items() if task in tasks)


class Tries:
    """How often a question failed for its own sake, while this process runs."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, int], int] = {}

    def again(self, conversation: str, turn: int) -> bool:
        """It failed once more: whether to try it again."""
        if len(self._counts) > _MOST_REMEMBERED:
            self._counts.clear()
        name = (conversation, turn)
        self._counts[name] = self._counts.get(name, 0) + 1
        return self._counts[name] < _TRIES


class SideTagJob:
    """Watermark: the last turn that was asked about. Works on turns that have their local tags."""

    name = "side_tags"

    def __init__(self, lanes: Lanes, side: SideModel, clock: Callable[[], float]) -> None:
        self._lanes = lanes
        self._side = side
        self._clock = clock
        self._tries = Tries()

    async def step(self, conversation: str, mark: Watermark) -> bool:
        """See Job."""
        rows = await self._lanes.read(lambda store: store.tags(conversation, mark.turn, _LOOKED_AT))
        if not rows:
            return False
        record = await remembered(self._lanes, conversation)
        if record is None:
            last = rows[-1].turn
            await self._lanes.write(lambda store: store.put_tags((), replace(mark, turn=last)))
            return False
        if not self._side.ready(conversation):
            return False
        hidden = await forgetting(self._lanes, record)
        looked_at = len(rows)
        rows = list(takewhile(lambda row: row.turn not in hidden, rows))
        if not rows:
            return False
        turns = await self._lanes.read(lambda store: store.turns_by_id([row.turn for row in rows]))
        said = (turn for turn in turns if turn.kind == "spoken" and turn.text.strip())
        asked = list(islice(said, _TURNS_A_QUESTION))
        if 0 < len(asked) < _LEAST_TURNS and self._clock() - max(turn.arrived for turn in asked) < _QUIET_S:
            return False
        full = len(asked) == _TURNS_A_QUESTION
        last = asked[-1].id if full else rows[-1].turn
        added = await self._added(conversation, asked)
        if added is None:
            return False

        def write(store: Store) -> None:
            """The local job may have renamed tags while the model thought."""
            now = store.tags(conversation, mark.turn, len(rows)) if added else ()
            store.put_tags(with_tags(now, added), replace(mark, turn=last))

        await self._lanes.write(write)
        self._side.figures.tagged_turns += sum(1 for tags in added.values() if tags)
        return full or (len(rows) == looked_at == _LOOKED_AT)

    async def _added(self, conversation: str, turns: Sequence[Turn]) -> dict[int, tuple[str, ...]] | None:
        """New tags by turn; None where the question is to be asked again later."""
        if not turns:
            return {}
        try:
            return await self._side.ask(tag_question(conversation, turns), lambda answer: read_tags(answer, turns))
        except SideModelError as error:
            return None if not error.lasting or self._tries.again(conversation, turns[0].id) else {}


class SideDigestJob:
    """Watermark: the last turn up to which every segment was asked about. A segment about which nothing usable came has a summary without
    claims."""

    name = "side_digests"

    def __init__(self, lanes: Lanes, side: SideModel, clock: Callable[[], float]) -> None:
        self._lanes = lanes
        self._side = side
        self._clock = clock
        self._tries = Tries()

    async def step(self, conversation: str, mark: Watermark) -> bool:
        """See Job."""
        if not self._side.ready(conversation):
            return False
        record = await remembered(self._lanes, conversation)
        upto = (await self._lanes.read(lambda store: store.watermark(conversation, "segments"))).turn
        hidden = await forgetting(self._lanes, record) if record is not None else set()
        todo = await self._todo(record, hidden) if record is not None else []
        if not todo:
            upto = min(upto, await self._clear(conversation, mark.turn, hidden))
            if upto > mark.turn:
                await self._lanes.write(lambda store: store.put_summaries((), replace(mark, turn=upto)))
            return False
        made = await self._summary(todo[0])
        if made is not None:
            await self._lanes.write(lambda store: store.put_summaries((made,), mark))
        return made is not None

    async def _clear(self, conversation: str, after: int, hidden: Collection[int]) -> int:
        """The last turn before the first above `after` that may yet be taken back; there is no such turn: a number above all."""
        turns = await self._lanes.read(lambda store: store.turns_by_id(hidden)) if hidden else ()
        return min((turn.id for turn in turns if turn.conversation == conversation and turn.id > after), default=1 << 62) - 1

    async def _todo(self, record: Conversation, hidden: Collection[int]) -> list[Segment]:
        """The segments without a summary. Nothing of what is about to be forgotten is sent to anybody."""
        conversation = record.id
        method = self._side.method(conversation)
        done = {
            (one.id, one.first_turn, one.last_turn)
            for one in await self._lanes.read(lambda store: store.summaries(conversation))
            if one.claims or one.method == method
        }
        segments = await self._lanes.read(lambda store: store.segments(conversation))
        segments = [one for one in segments if not any(one.first_turn <= turn <= one.last_turn for turn in hidden)]
        return [one for one in segments if (one.id, one.first_turn, one.last_turn) not in done]

    async def _summary(self, segment: Segment) -> Summary | None:
        """What to store for it; None where the question is to be asked again later."""
        conversation, figures = segment.conversation, self._side.figures
        # Numbers of turns only rise: there are no more turns in it than numbers.
        most = segment.last_turn - segment.first_turn + 1
        every = await self._lanes.read(lambda store: store.turns(conversation, segment.first_turn - 1, most))
        turns = [one for one in every if one.id <= segment.last_turn and one.kind == "spoken" and one.text.strip()]
        method = self._side.method(conversation)
        verdict = Verdict((), 0)
        if turns:
            try:
                claims = await self._side.ask(digest_question(conversation, turns), lambda answer: read_claims(answer, turns))
            except SideModelError as error:
                if not error.lasting or self._tries.again(conversation, segment.id):
                    return None
            else:
                by_id = {turn.id: turn for turn in turns}
                verdict = await asyncio.get_running_loop().run_in_executor(None, verified, claims, by_id)
        figures.claims_kept += len(verdict.kept)
        figures.claims_dropped += verdict.dropped
        if better(verdict, segment.digest):
            figures.summaries += 1
        else:
            figures.summaries_refused += 1
            verdict = Verdict((), verdict.dropped)
        tokens = sum(estimate(claim.text) for claim in verdict.kept)
        at = self._clock()
        return Summary(segment.id, conversation, segment.first_turn, segment.last_turn, method, verdict.kept, tokens, at)


class SideFactJob:
    """Watermark: the last turn that was asked about. Works on turns whose local facts are stored."""

    name = "side_facts"

    def __init__(self, lanes: Lanes, side: SideModel, clock: Callable[[], float]) -> None:
        self._lanes = lanes
        self._side = side
        self._clock = clock
        self._tries = Tries()

    async def step(self, conversation: str, mark: Watermark) -> bool:
        """See Job."""
        upto = (await self._lanes.read(lambda store: store.watermark(conversation, "facts"))).turn
        every = await self._lanes.read(lambda store: store.turns(conversation, after=mark.turn, limit=_LOOKED_AT))
        rows = [turn for turn in every if turn.id <= upto]
        if not rows:
            return False
        record = await remembered(self._lanes, conversation)
        if record is None:
            await self._lanes.write(lambda store: store.put_facts((), replace(mark, turn=rows[-1].id), by_model=True))
            return False
        if not self._side.ready(conversation):
            return False
        hidden = await forgetting(self._lanes, record)
        looked_at = len(every) if len(rows) == len(every) else 0
        rows = list(takewhile(lambda turn: turn.id not in hidden, rows))
        if not rows:
            return False
        asked = [turn for turn in rows if turn.kind == "spoken" and turn.text.strip()][:_FACT_TURNS]
        if 0 < len(asked) < _LEAST_TURNS and self._clock() - max(turn.arrived for turn in asked) < _QUIET_S:
            return False
        full = len(asked) == _FACT_TURNS
        last = asked[-1].id if full else rows[-1].id
        found = await self._found(conversation, asked)
        if found is None:
            return False
        await self._lanes.write(lambda store: store.put_facts(found.facts, replace(mark, turn=last), by_model=True))
        figures = self._side.figures
        figures.facts += len(found.facts)
        figures.claims_kept += len(found.facts)
        figures.claims_dropped += found.dropped
        return full or (len(rows) == looked_at == _LOOKED_AT)

    async def _found(self, conversation: str, turns: Sequence[Turn]) -> Found | None:
        """The facts of these turns; None where the question is to be asked again later."""
        if not turns:
            return Found((), 0)
        method = self._side.method(conversation)
        try:
            said = await self._side.ask(fact_question(conversation, turns), read_answer)
        except SideModelError as error:
            return None if not error.lasting or self._tries.again(conversation, turns[0].id) else Found((), 0)
        return await asyncio.get_running_loop().run_in_executor(None, supported, said, turns, method)


async def forgetting(lanes: Lanes, record: Conversation) -> set[int]:
    """The turns that its principal is about to forget."""
    waiting = veil(await lanes.read(lambda store: store.stated(FORGET, record.principal)))
    return {*waiting, *(await lanes.read(lambda store: store.answers(waiting)))} if waiting else set()


async def remembered(lanes: Lanes, conversation: str) -> Conversation | None:
    """The conversation, if it is there and its memory is on."""
    record = await lanes.read(lambda store: store.whose(conversation))
    return record if record is not None and record.memory else None


def with_tags(rows: Sequence[TurnTags], added: dict[int, tuple[str, ...]]) -> list[TurnTags]:
    """Those rows that gain tags, with them: what full-text search finds the turn by gains their words."""
    changed: list[TurnTags] = []
    for row in rows:
        tags = joined(row.tags, added.get(row.turn, ()))
        new = tags[len(row.tags) :]
        if new:
            known = set(row.terms.split())
            terms = dict.fromkeys(term for tag in new for term in index_terms(tag.replace("-", " ")) if term not in known)
            changed.append(replace(row, tags=tags, terms=" ".join([row.terms, *terms])))
    return changed
