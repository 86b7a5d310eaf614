"""Stage 5: what is recalled from other conversations, where a user has attached or merged them or given them one project. And who that
is: `Links` follows and makes the links.

Rule: a link is followed only to a conversation of the same principal and scope, held in the same room (rooms.py). Nothing is copied:
what is found goes up as an injection, like everything recalled.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from time import gmtime, strftime

from msgspec.structs import replace

from backstory.commands import links as told
from backstory.core.edits import AppendText
from backstory.core.exchange import Exchange
from backstory.core.records import Batch, Conversation, Injection
from backstory.core.sizes import rough
from backstory.core.store import Store
from backstory.memory.folding.continuity import LABEL
from backstory.memory.identity import belonging
from backstory.memory.identity.thread import Thread
from backstory.memory.reading.fence import neutral
from backstory.memory.recall.reasons import Reason
from backstory.memory.recall.retrieval import Recalled, block
from backstory.memory.tags.splits import topic
from backstory.stages.base import Stage
from backstory.stages.desk import Desk
from backstory.stages.loading import by_client
from backstory.stages.rooms import Rooms
from backstory.stages.trace import of_items
from backstory.stages.visit import Visit, Visits, asked

_LINK, _INTO, PROJECT = "link:", "into:", "project"
_NO, _NONE = "no", "none"
# So many conversations are searched beside a request's own: each costs what a recall costs.
_MOST = 8
_MOST_LISTED = 20
_MOST_CONVERSATIONS = 100_000
_TAGS = 8
_LEAST_PREFIX = 4


class Links:
    """Whose memory is searched from where."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.rooms = Rooms(desk.lanes)

    async def reach(self, thread: Thread, scope: str, room: str | None = None) -> list[Thread]:
        """The conversations that are searched from this one, too: those it leads to, those of its project, those these lead to. None of
        another room. `room`: where the thread is, None: as it is stored."""
        if not thread.states:
            return []
        here = await self.rooms.of(thread) if room is None else room
        principal = thread.conversation.principal
        seen = {thread.conversation.id}
        chosen = set(linked(thread))
        members, project = await self._members(thread), thread.states.get(PROJECT, "")
        waiting = deque([*linked(thread), *members])
        found: list[Thread] = []
        while waiting and len(found) < _MOST:
            name = waiting.popleft()
            if name in seen:
                continue
            seen.add(name)
            member = name in members and name not in chosen
            threads = self._desk.threads
            other = await (self._member(principal, name, scope, project) if member else threads.by_id(principal, name, scope))
            if other is not None:
                await threads.heeded(other)
            if other is None or not belonging.shared(here, await self.rooms.of(other)):
                continue
            if name in chosen or not _kin(thread.conversation, other.conversation):
                found.append(other)
                waiting.extend(linked(other))
                chosen.update(linked(other))
        return found

    async def _member(self, principal: str, name: str, scope: str, project: str) -> Thread | None:
        """A conversation of a project: of the request's scope, or of the one that the project's header gives it, or of none."""
        threads = self._desk.threads
        for one in dict.fromkeys((scope, project, "")):
            found = await threads.by_id(principal, name, one, sure=True)
            if found is not None:
                return found
        put = await self._desk.lanes.read(lambda store: store.states(name).get(PROJECT) == project)
        return await threads.by_id(principal, name, scope) if put else None

    async def members(self, visit: Visit) -> list[str]:
        """The other conversations of its project, of the same room."""
        found = await self._members(visit.thread)
        return await self.rooms.among(visit.thread.conversation.principal, found, await self.rooms.entered(visit)) if found else []

    async def _members(self, thread: Thread) -> list[str]:
        project = thread.states.get(PROJECT)
        if not project:
            return []
        record = thread.conversation

        def read(store: Store) -> list[str]:
            named = [name for _, name, value in store.stated(PROJECT, record.principal) if value == project]
            home = store.home(record.id)
            # One name is one project, whoever gave it: this command, a header, a setting.
            kin = store.kin(record.principal, replace(home, project=project), False, _MOST_LISTED) if home is not None else []
            return [name for name in dict.fromkeys([*named, *(one.id for one in kin)]) if name != record.id]

        return await self._desk.lanes.read(read)

    async def moved(self, thread: Thread, project: str) -> None:
        """A conversation whose home is known now belongs to this project ("": to the one that its client names)."""
        name = thread.conversation.id
        home = thread.home or await self._desk.lanes.read(lambda store: store.home(name))
        thread.home = None
        if home is not None:
            rows = Batch((thread.conversation,), homes=(replace(home, project=project),))
            await self._desk.lanes.write(lambda store: store.write([rows]))

    async def listing(self, visit: Visit) -> str:
        """The answer to `list`."""
        here = visit.thread.conversation
        room = await self.rooms.entered(visit)
        listed = await self._desk.lanes.read(lambda store: store.conversations(here.principal, _MOST_LISTED))
        if room:
            # In a room with others, not even the names of what was said elsewhere.
            within = {here.id, *await self.rooms.among(here.principal, [it.id for it, _ in listed], room)}
            listed = [row for row in listed if row[0].id in within]

        def read(store: Store) -> list[told.Row]:
            projects = {name: value for _, name, value in store.stated(PROJECT, here.principal)}
            return [
                told.Row(it.id, it.label, projects.get(it.id, ""), turns, _stamp(it.updated), it.id == here.id)
                for it, turns in listed
                if turns or it.label or it.id == here.id
            ]

        return told.listed(await self._desk.lanes.read(read))

    async def attach(self, visit: Visit, named: str) -> str:
        """The answer to `attach`."""
        thread = visit.thread
        if named.lower() == _NONE:
            gone = linked(thread)
            if gone:
                await self._desk.keep(visit, dict.fromkeys((_LINK + name for name in gone), _NO))
            return told.detached([name[:8] for name in gone])
        target = await self._target(visit, named)
        if isinstance(target, str):
            return target
        shown = _called(target)
        if target.conversation.id in linked(thread):
            return told.already(f"what {shown} knows is recalled here")
        if await self._leads(target, thread, visit.scope):
            return told.circle(shown)
        await self._desk.keep(visit, {_LINK + target.conversation.id: "attached"})
        chain = [_called(other) for other in await self.reach(target, visit.scope) if other is not thread]
        return told.attached(shown, len(target.path), chain)

    async def merge(self, visit: Visit, argument: str) -> str:
        """The answer to `merge`, "" where the argument is no such thing."""
        verb, _, named = argument.partition(" ")
        if verb.lower() not in ("into", "preview") or not named.strip():
            return ""
        target = await self._target(visit, named.strip())
        if isinstance(target, str):
            return target
        thread, shown = visit.thread, _called(target)
        if thread.conversation.id in linked(target):
            return told.already(f"what this conversation knows is recalled in {shown}")
        if await self._leads(thread, target, visit.scope):
            return told.circle(shown)
        if verb.lower() == "preview":
            return told.preview(await self._side(thread), await self._side(target))
        await self._desk.keep(visit, {_INTO + target.conversation.id: "merged"})
        await self._desk.set_of(target, {_LINK + thread.conversation.id: "merged"})
        return told.merged(_called(thread), shown, len(thread.path))

    async def merges(self, visit: Visit) -> str:
        """The answer to `mergestatus`."""
        thread = visit.thread
        name = _LINK + thread.conversation.id
        principal = thread.conversation.principal
        rows = await self._desk.lanes.read(lambda store: store.stated(name, principal))
        return told.merges(
            [_called(other) for other in await self.reach(thread, visit.scope, await self.rooms.entered(visit))],
            [other[:8] for _, other, value in rows if value != _NO],
            [other[:8] for other in await self.members(visit)],
        )

    async def _leads(self, start: Thread, goal: Thread, scope: str) -> bool:
        """Whether links lead from one to the other, or they are one."""
        seen: set[str] = set()
        waiting = deque([start])
        while waiting:
            thread = waiting.popleft()
            if thread.conversation.id == goal.conversation.id:
                return True
            seen.add(thread.conversation.id)
            for name in linked(thread):
                other = await self._desk.threads.by_id(goal.conversation.principal, name, scope) if name not in seen else None
                if other is not None:
                    waiting.append(other)
        return False

    async def _target(self, visit: Visit, named: str) -> Thread | str:
        """The user's conversation of this label, id or beginning of an id, or name; what to say where it is not one."""
        principal = visit.thread.conversation.principal
        found = await self._desk.lanes.read(lambda store: _found(store, principal, named))
        if not found:
            return told.not_found(named)
        if len(found) > 1:
            return told.ambiguous(named, [record.id for record in found])
        thread = await self._desk.threads.by_id(principal, found[0].id, visit.scope)
        if thread is None:
            return told.elsewhere(told.called(found[0].id, found[0].label))
        return thread if belonging.shared(await self.rooms.entered(visit), await self.rooms.of(thread)) else told.apart(named)

    async def _side(self, thread: Thread) -> told.Side:
        name = thread.conversation.id
        rows = await self._desk.lanes.read(lambda store: store.tags(name))
        shown = (row for row in rows if row.turn not in thread.hidden)
        common = Counter(topic(tag) for row in shown for tag in row.tags).most_common(_TAGS)
        return told.Side(name, thread.conversation.label, len(thread.path), thread.tokens, tuple(tag for tag, _ in common))


class Linked(Stage):
    """Recalls from the conversations that links lead to."""

    name = "links"

    def __init__(self, visits: Visits, desk: Desk, links: Links) -> None:
        self._visits = visits
        self._desk = desk
        self._links = links

    async def request(self, exchange: Exchange) -> Exchange:
        visit = self._visits.get(exchange.id)
        if visit is None or not visit.ready:
            return exchange
        await self._links.rooms.note(visit)
        if not visit.thread.states or not visit.thread.conversation.memory:
            return exchange
        item, turn = asked(visit)
        own = visit.injection
        if turn is None or (own is not None and not visit.recalled and not visit.reasons):
            return exchange
        thread, settings = visit.thread, self._desk.settings
        room = min(settings.budget, settings.window.hard_tokens - visit.tokens_sent) - (own.tokens if own is not None else 0)
        known = {known.id for known in thread.path} | _told(exchange, thread)
        texts: list[str] = []
        lines: list[Reason] = []
        found: list[tuple[Recalled, int]] = []
        for other in await self._links.reach(thread, visit.scope, await self._links.rooms.entered(visit)):
            if not other.conversation.memory:
                continue
            recalled = await self._desk.find(other, turn, known, room)
            if recalled.items:
                label = f"Earlier in another conversation, {neutral(_called(other))}:"
                texts.append(block(recalled, label))
                lines += [replace(line, kind="elsewhere", conversation=other.conversation.id) for line in of_items(other, recalled)]
                found.append((recalled, recalled.tokens + rough(label)))
                room -= found[-1][1]
                known.update(each.turn for each in recalled.items)
        if not texts or visit.late:
            return exchange
        visit.reasons = [*visit.reasons, *lines]
        return self._inject(exchange, visit, item, Injection(thread.conversation.id, turn.chain, "\n".join(texts), *_sums(found), 0.0))

    def _inject(self, exchange: Exchange, visit: Visit, item: int, made: Injection) -> Exchange:
        """Behind what was recalled of the conversation itself, as one block with it."""
        own, edits = visit.injection, exchange.edits
        added = made.tokens
        if own is not None:
            edits = tuple(edit for edit in edits if edit[1] not in (AppendText(item, own.text), AppendText(item, own.text, True)))
            turns = tuple(dict.fromkeys((*own.turns, *made.turns)))
            made = replace(made, text=f"{own.text}\n{made.text}", turns=turns, tokens=own.tokens + made.tokens)
        visit.injection = made = replace(made, created=self._desk.clock())
        visit.recalled += len(made.turns) - (len(own.turns) if own is not None else 0)
        visit.tokens_sent += added
        visit.thread.inject((made,))
        stays = LABEL in made.text
        return replace(exchange, edits=(*edits, (self.name, AppendText(item, made.text, visit.behind and not stays))))


def linked(thread: Thread) -> list[str]:
    """The conversations to which links lead from this one, without those that its project has."""
    return [name.removeprefix(_LINK) for name, value in thread.states.items() if name.startswith(_LINK) and value != _NO]


def _told(exchange: Exchange, thread: Thread) -> set[int]:
    """The turns in those blocks that go up with this request: a block goes with the message that it was injected at."""
    sent = {edit.text for _, edit in exchange.edits if isinstance(edit, AppendText)}
    return {turn for injection in thread.injections.values() if injection.text in sent for turn in injection.turns}


def _sums(found: Iterable[tuple[Recalled, int]]) -> tuple[tuple[int, ...], int]:
    """Turns and tokens of these."""
    turns = dict.fromkeys(item.turn for recalled, _ in found for item in recalled.items)
    return tuple(turns), sum(tokens for _, tokens in found)


def _found(store: Store, principal: str, named: str) -> list[Conversation]:
    """Those that are meant: by the name that their client has given them where nothing else fits."""
    every = [record for record, _ in store.conversations(principal, _MOST_CONVERSATIONS)]
    if found := _named(every, named):
        return found
    told = by_client(store, principal, named)
    return [record for record in every if record.id in told]


def _named(records: Iterable[Conversation], named: str) -> list[Conversation]:
    every, wanted = list(records), named.lower()
    return (
        [record for record in every if record.id == wanted]
        or [record for record in every if record.label and record.label.casefold() == named.casefold()]
        or [record for record in every if len(wanted) >= _LEAST_PREFIX and record.id.startswith(wanted)]
    )


def _kin(one: Conversation, other: Conversation) -> bool:
    """Whether one is a branch of the other, or both are of a third: what was said on another branch is not recalled."""
    origins = {one.id, one.forked_from} & {other.id, other.forked_from}
    return bool(origins - {""})


def _called(thread: Thread) -> str:
    return told.called(thread.conversation.id, thread.conversation.label)


def _stamp(at: float) -> str:
    return strftime("%Y-%m-%d %H:%M UTC", gmtime(at))
