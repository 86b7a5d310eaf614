"""Stage 2: in-chat commands. One that is a whole message is carried out and answered here, and never goes upstream; a setting at the end of
a longer message is carried out, and the message goes on. Where it cannot be, that is the answer, and the message does not go on: neither
of them is lost without a word.

The command was found before the stages run (stages/erase.py): it waits here under its exchange's number. What was set for the requests of a
conversation (wishes.py) holds from here on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from msgspec.structs import replace

from backstory.commands import COMMANDS, folding, guide, search, sign, state, steering
from backstory.commands.grammar import Asked, nearest
from backstory.core.exchange import Exchange, Note, Outcome
from backstory.core.message import Text
from backstory.core.records import Batch, Digest, Turn
from backstory.core.reply import Reply, Usage
from backstory.core.store import Store
from backstory.core.wishes import WISHES
from backstory.errors import BackstoryError, Declined, RequestError
from backstory.memory.folding.compaction import protected_boundary
from backstory.memory.identity.alignment import align
from backstory.memory.identity.thread import Thread
from backstory.memory.reading.fence import called, neutral
from backstory.memory.recall import dates
from backstory.memory.recall.hits import hits
from backstory.memory.recall.retrieval import Recalled
from backstory.stages.arrivals import Arrivals
from backstory.stages.base import Stage
from backstory.stages.commanded import Commanded
from backstory.stages.desk import Desk
from backstory.stages.forgets import Forgets
from backstory.stages.links import PROJECT, Links
from backstory.stages.visit import Visit, Visits
from backstory.stages.wishes import Judge, Wishing, held

Handler: TypeAlias = Callable[[Visit, str], Awaitable[str]]
"""Carries a command out with its argument; the answer, "" where the argument is none that it takes."""

_JOB = "tags"
# A digest that is being made for an earlier request may have to be waited for.
_TRIES = 3
_WHY = {
    "empty": "nothing is stored yet",
    "no room": "recall.budget_tokens leaves no room for a line",
    "nothing asked": "it has no words of its own to look for",
    "weak": "what is nearest shares too little with it",
}
_BUSY = "memory is busy or off; try again in a moment"
_UNREAD = "this request is none that memory keeps"


class Command(Stage):
    """Carries commands out. It also runs late: a command is never sent on for want of time."""

    name = "command"
    late = True

    def __init__(
        self, visits: Visits, desk: Desk, links: Links, forgets: Forgets, arrivals: Arrivals, judge: Judge, more: Commanded
    ) -> None:
        self._visits = visits
        self._arrivals = arrivals
        self._desk = desk
        self._links = links
        self._handlers: dict[str, Handler] = {
            "help": self._help,
            "hello": self._hello,
            "loop-detection": self._loops,
            "status": self._status,
            "label": self._label,
            "memory": self._memory,
            "project": self._project,
            "list": lambda visit, _: links.listing(visit),
            "attach": links.attach,
            "merge": links.merge,
            "mergestatus": lambda visit, _: links.merges(visit),
            "recall": self._recall,
            "compact": self._compact,
            "forget": forgets.forget,
            "undo": lambda visit, _: forgets.undo(visit),
        }
        self.wishing = Wishing(desk, judge, self._project)
        self._asked: dict[int, Asked] = {}
        assert {*self._handlers, *self.wishing.setters} == {command.name for command in COMMANDS}
        self._more = more
        self._handlers |= more.handlers

    def expect(self, exchange: int, asked: Asked) -> None:
        """This exchange brings a command. `done` must follow."""
        self._asked[exchange] = asked
        # It may set something for the very message that it ends.
        self.wishing.anywhere |= asked.before

    def done(self, exchange: int) -> None:
        """The exchange was answered, or goes on."""
        self._asked.pop(exchange, None)

    async def request(self, exchange: Exchange) -> Exchange:
        asked, visit = self._asked.get(exchange.id), self._visits.get(exchange.id)
        if asked is not None:
            told, done = await self._told(asked, exchange, visit)
            if not asked.before or not done:
                return self.answered(exchange, told)
            exchange = replace(exchange, bidden=False, notes=(*exchange.notes, Note(self.name, f"carried out: {asked.name}")))
        if visit is None or WISHES not in visit.thread.states:
            return exchange
        self.wishing.anywhere = True  # another process may have been told it
        return await self.wishing.on(exchange, visit)

    def finished(self, exchange: Exchange, outcome: Outcome) -> None:
        """See Stage."""
        self.wishing.answered(exchange, outcome)

    def answered(self, exchange: Exchange, told: str = "") -> Exchange:
        """The exchange with this answer to its command; without one, that it could not be done."""
        asked = self._asked[exchange.id]
        told = told or guide.failed(asked.name, _BUSY, self._desk.prefix)
        told = (steering.unsent(told) if asked.before else told).encode("utf-8", "replace").decode()
        prompt, stateful = exchange.prompt, exchange.wire is not None and exchange.wire.stateful
        conversation = exchange.conversation or _NOWHERE
        name = sign.reply_id(conversation, asked.written, prompt.previous if prompt is not None and stateful else "")
        text = sign.signed(conversation, asked.written, told)
        model = prompt.model if prompt is not None else ""
        reply = Reply((Text(text),), "stop", Usage(), name if stateful else name.replace("resp_", "msg_"), model)
        return replace(exchange, answer=reply)

    async def _told(self, asked: Asked, exchange: Exchange, visit: Visit | None) -> tuple[str, bool]:
        """The answer, and whether the command was carried out."""
        asked = self._more.known(asked)
        command, prefix = asked.command, self._desk.prefix
        if command is None and not asked.written.startswith(prefix) and not asked.before:
            return guide.unknown_word(asked.written, nearest(asked.name)), False
        if command is None:
            return guide.unknown(asked.name, nearest(asked.name, self._more.commands), prefix), False
        if asked.bare:
            return guide.bare(command, asked.argument, prefix), False
        if not asked.accepted:
            return guide.wrong(command, asked.argument, prefix), False
        if visit is None:
            return guide.failed(command.name, _UNREAD, prefix), False
        try:
            # What was said before the command is told of, too.
            self._arrivals.lately()
            await self._desk.lanes.flush()
            visit.asker = asked.sender
            setter = self.wishing.setters.get(command.name)
            handler = self._handlers.get(command.name)
            told = await setter(exchange, visit, asked.argument) if setter else await handler(visit, asked.argument) if handler else ""
        except Declined as error:
            return str(error), False
        except RequestError as error:
            return f"{prefix}{command.name}: {error}. Nothing was changed.", False
        except BackstoryError as error:
            return guide.failed(command.name, str(error), prefix), False
        return (told, True) if told else (guide.wrong(command, asked.argument, prefix), False)

    # --- guide

    async def _help(self, visit: Visit, _: str) -> str:
        return guide.manual((*COMMANDS, *self._more.commands), self._desk.prefix)

    async def _hello(self, visit: Visit, _: str) -> str:
        return guide.greeting(self._desk.version, visit.thread.conversation.id, self._desk.prefix)

    async def _loops(self, visit: Visit, wanted: str) -> str:
        return guide.loops(wanted)

    # --- state

    async def _status(self, visit: Visit, _: str) -> str:
        thread, desk = visit.thread, self._desk
        record, path = thread.conversation, thread.path
        mark = await desk.lanes.read(lambda store: store.watermark(record.id, _JOB))
        figures = desk.figures()
        reach = await self._links.reach(thread, visit.scope, await self._links.rooms.entered(visit))
        return state.status(
            state.Status(
                record.id,
                record.label,
                thread.states.get(PROJECT, ""),
                record.memory,
                len(path),
                len(thread.by_id) - len(path),
                thread.tokens,
                thread.boundary,
                thread.digest.tokens if thread.digest is not None else 0,
                len(thread.injections),
                tuple(other.conversation.label or other.conversation.id[:8] for other in reach),
                len(thread.hidden),
                desk.lanes.queued,
                sum(1 for turn in path if turn.id > mark.turn and turn.conversation == record.id),
                int(figures["tokens_saved"]),
                float(figures["reduction_percentage"]),
                float(figures["cost_saved"]),
                desk.settings.window.size,
                tuple(steering.rows(held(thread))),
            )
        )

    async def _label(self, visit: Visit, label: str) -> str:
        record = visit.thread.conversation
        if not label:
            return state.labelled(record.label, False)
        if label.lower() == _NONE:
            await self._desk.keep(visit, label="")
            return state.labelled("", bool(record.label))
        if not _nameable(label):
            raise Declined(state.bad_name("label"))

        def holder(store: Store) -> str:
            same = (it.id for it, _ in store.conversations(record.principal, _MOST) if it.label.casefold() == label.casefold())
            return next((name for name in same if name != record.id), "")

        taken = await self._desk.lanes.read(holder)
        if taken:
            raise Declined(state.taken(label, taken[:8]))
        await self._desk.keep(visit, label=label)
        return state.labelled(label, True)

    async def _memory(self, visit: Visit, argument: str) -> str:
        before, wanted = visit.thread.conversation.memory, argument.lower()
        on = wanted == "on" if wanted in ("on", "off") else before
        if on != before:
            await self._desk.keep(visit, memory=on)
        return state.switched(on, on != before)

    async def _project(self, visit: Visit, project: str) -> str:
        before = visit.thread.states.get(PROJECT, "")
        if project and not _nameable(project):
            raise Declined(state.bad_name("project"))
        if project and project != before:
            chosen = "" if project.lower() == _NONE else project
            await self._desk.keep(visit, {PROJECT: chosen})
            await self._links.moved(visit.thread, chosen)
        now = visit.thread.states.get(PROJECT, "")
        return state.assigned(now, len(await self._links.members(visit)), now != before)

    # --- search

    async def _recall(self, visit: Visit, question: str) -> str:
        thread, desk = visit.thread, self._desk
        asking = Turn(0, thread.conversation.id, 0, 0, b"", b"", "user", "spoken", question, sender=visit.asker, at=desk.clock())
        budget = desk.settings.budget
        own = await desk.find(thread, asking, set(await desk.apart.turns(visit, len(thread.path))), budget, search=True)
        carried = _carried(visit)
        found = _shown(own, question, "", carried)
        known = {turn.id for turn in thread.path}
        for other in await self._links.reach(thread, visit.scope, await self._links.rooms.entered(visit)):
            if other.conversation.memory:
                more = await desk.find(other, asking, known, budget, search=True)
                found += _shown(more, question, other.conversation.label or other.conversation.id[:8], set())
                known.update(item.turn for item in more.items)
        lines = [one for _, one in sorted(found, key=lambda one: -one[0])]
        return search.recalled(question, lines, _WHY.get(own.gate, "nothing has its words"), thread.conversation.memory)

    # --- folding

    async def _compact(self, visit: Visit, _: str) -> str:
        thread, settings = visit.thread, self._desk.settings
        window, path = settings.window, thread.path
        if not thread.conversation.memory:
            return folding.unfolded(folding.MEMORY_OFF)
        if len(path) < settings.threshold:
            return folding.unfolded(folding.too_short(len(path), settings.threshold))
        if not window.digest_tokens:
            return folding.unfolded(folding.NO_ROOM)
        at = protected_boundary(path, window)
        if at <= thread.boundary:
            return folding.unfolded(folding.protected(len(path), window.protected, thread.boundary))
        made = await self._digest(thread, at, window.digest_tokens)
        if made is None:
            return folding.unfolded(_BUSY)
        text, tokens = made
        old = thread.digest
        before = sum(turn.tokens for turn in path[thread.boundary : at]) + (old.tokens if old is not None else 0)
        if tokens >= before or not text:
            return folding.unfolded(folding.no_gain(before, tokens))
        last = path[at - 1]
        digest = Digest(self._desk.new_id(), thread.conversation.id, last.id, last.chain, text, tokens, self._desk.clock())
        await self._desk.lanes.write(lambda store: store.write([Batch((thread.conversation,), digests=(digest,))]))
        thread.fold((digest,))
        thread.compacted = True
        return folding.folded(at, len(path) - at, before, tokens)

    async def _digest(self, thread: Thread, at: int, budget: int) -> tuple[str, int] | None:
        """The digest of the first `at` turns, with its tokens; None where it cannot be had now."""
        path, version = thread.path, thread.version
        for _ in range(_TRIES):
            made = thread.family.digests.get(path[at - 1].id)
            if made is not None or thread.version != version:
                return made if thread.version == version else None
            await self._desk.shelf.make_digest(thread, at, budget)
        return None


_NOWHERE = "00000000-0000-0000-0000-000000000000"
_MOST = 100_000
_NONE = "none"


def _nameable(name: str) -> bool:
    return len(name) <= state.LONGEST_NAME and name.isprintable()


def _carried(visit: Visit) -> set[int]:
    """The turns that the client's own history has."""
    path = visit.thread.path
    laid = align(visit.reading.lines, path)
    return {path[place].id for place in (*laid.matched, *laid.also) if place >= 0}


def _shown(found: Recalled, question: str, place: str, carried: set[int]) -> list[tuple[float, search.Found]]:
    """What speaks of the question, with how well it does. What recall adds to that where it has room is no answer to a search."""
    worth = {one.number: one.worth for one in hits(found, question) if one.direct}
    return [
        (
            worth[item.number],
            search.Found(
                place, item.number, item.turn, dates.day_name(item.at), called(item.speaker), neutral(item.shown), item.turn in carried
            ),
        )
        for item in found.items
        if item.number in worth
    ]
