"""Finding the conversation whose answers a client sends back in another form (memory/identity/echo.py), and where in it a history stands.

Rule: never meeting is worth more than resuming. What humans said and tools gave is the same from the first message on; where the answers
alone do not tell, something that was said in no other conversation has to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import Struct

from backstory.core.records import Turn
from backstory.memory.identity import excerpt
from backstory.memory.identity.echo import Laid, Tally, begin, known_places, last_answer, lay, restored, rewrite, take
from backstory.memory.identity.reworded import along
from backstory.memory.identity.thread import Thread, branch, place_of
from backstory.memory.reading.requests import Reading
from backstory.memory.reading.turns import Line
from backstory.stages import excerpts
from backstory.stages.excerpts import OFTEN, contradicts, elsewhere
from backstory.stages.threads import Threads

# So many conversations are looked at, and so many branches of each, the newest first.
_CANDIDATES, _BRANCHES = 8, 8
# So many are read from the store for how they begin, and as many for what was said in them.
_READ = 4
# A history that was cut ends among so many turns at the end of a branch.
_NEAR = 64
# A history is looked for by the hashes of so many messages at its beginning, and as many before its last answer.
_HASHES = 64
# What a human said may stand in other surroundings where so many characters of what was said are known, in all.
_SURE_CHARS = 120
# Words of so many characters may tell one conversation from another; at most so many are looked for.
_TELLING_CHARS, _MOST_TELLING = 24, 8
_TELLING_MESSAGES = 2


class Echo(Struct, frozen=True):
    """A thread, and how a history lies beside it: `count` steps are known, `tally` of their answers. `whole`: every answer is known.
    `led`: an answer in it was known already."""

    thread: Thread
    laid: Laid
    count: int
    tally: Tally
    whole: bool
    led: bool

    @property
    def turn(self) -> Turn | None:
        """The last turn that is known."""
        place = self.laid.end(self.count)[1]
        return self.laid.path[place - 1] if place else None

    @property
    def changed(self) -> int:
        """How many messages of a human are the same in other surroundings."""
        return self.laid.changed(self.count)

    @property
    def at_end(self) -> bool:
        """Whether nothing but answers follows on the thread's current branch: the history goes on with it."""
        path, turn = self.thread.path, self.turn
        at = place_of(path, turn)
        return at >= 0 and (at == len(path) - 1 or (not self.whole and all(one.role == "assistant" for one in path[at + 1 :])))


def named(thread: Thread, reading: Reading) -> None:
    """In a thread that is sure to be the one: what of a history are its answers in another form is taken for them."""
    found = _beside(thread, reading, known_places(thread, reading))
    if found is not None and found.count:
        take(thread, reading, found.laid, found.count)
        return
    lines = along(reading.lines, thread.path[-_NEAR:])
    reworded = lines is not None
    lines = restored(lines or reading.lines, thread.path[-_NEAR:]) or lines
    if lines is not None:
        rewrite(reading, lines, thread.root, reworded)


def held(threads: Threads, principal: str, reading: Reading) -> Echo | None:
    """The thread in memory that has just given the last answer of a history, all of which was known before that. It is taken for it."""
    lines = reading.lines
    asked = last_answer(lines) - 1
    while asked >= 0 and (lines[asked].role == "assistant" or lines[asked].kind == "none"):
        asked -= 1
    if asked < 0:
        return None
    found = _all_beside(threads.held_after(principal, reading.chains[asked]), reading)
    best = _untouched(threads, _meant([one for one in found if one.whole and one.led and one.at_end and one.tally.sure]), found)
    if best is not None:
        take(best.thread, reading, best.laid, best.count)
    return best


async def gone_on(threads: Threads, principal: str, reading: Reading) -> Thread | None:
    """The thread in memory with which the history before this one went on, where a human's words stood in other surroundings: its client
    goes on at its end, and answers in it were given in no other conversation. What of the history is new is taken for what was said."""
    thread = threads.held(reading.thread)
    if thread is None or thread.conversation.principal != principal or threads.tombs.within(thread.lineage):
        return None
    found = _beside(thread, reading, known_places(thread, reading))
    if found is None or not (found.whole and found.led and found.at_end and found.tally.sure):
        return None
    answers = [line for line in reading.asked if line.role == "assistant" and line.kind == "spoken"]
    there = {turn.content for turn in thread.path}
    contents = [content for content in excerpt.telling(answers) if content in there]
    other = elsewhere(await threads.said(principal, contents, OFTEN))
    if sum([not other(content, thread.by_id) for content in contents]) < _TELLING_MESSAGES:
        return None
    take(thread, reading, found.laid, found.count)
    return thread


async def stored(threads: Threads, principal: str, scope: str, reading: Reading, system: Callable[[], bytes]) -> Echo | None:
    """The same in memory or stored, however little of the history was known: with every answer, or up to one that was edited. `system`
    gives the hash of its system prompt."""
    if not last_answer(reading.lines):
        return None
    candidates, ended = await _candidates(threads, principal, scope, reading)
    found = [one for one in _all_beside(candidates, reading) if one.turn is not None]
    # Whoever gave the last answer counts where a human's words stand in other surroundings; else those that begin alike do.
    found = [one for one in found if one.changed or one.thread.conversation.id not in ended]
    fit = [one for one in found if not _gave_another(one, found)]
    proven = [one for one in fit if one.whole and await _is_proven(threads, one, reading, system)]
    best = _meant(proven)
    # Where a client's summary stands in it, what does not lie beside the branch was summarised, and not edited.
    if best is None and not proven and reading.summary < 0:
        edited = (one for one in fit if not one.whole and (one.led or one.count or one.laid.reached))
        best = _meant([one for one in edited if await _is_own(threads, one, reading)])
    if best is not None and not best.tally.sure and any(one.changed and one.tally.sure for one in found):
        # Its answers are only like those; there they are the same, and its questions stand in other surroundings.
        best = None
    best = _untouched(threads, best, found)
    if best is not None:
        take(best.thread, reading, best.laid, best.count)
    return best


async def cut(threads: Threads, principal: str, scope: str, reading: Reading, system: Callable[[], bytes]) -> excerpts.Found | None:
    """The thread of which a history without its beginning is a part (excerpts.whole), where its answers are in another form: of what stands
    near a thread's end. They are taken for it."""
    words, _ = excerpt.run(reading.lines)
    human = [line for line in words if line.role == "user"]
    contents = [*excerpt.telling(human), *excerpt.telling([line for line in words if line.role != "user"])]
    said = await threads.said(principal, contents, OFTEN) if contents and 0 < len(human) < len(words) else {}
    count = Counter(name for places in said.values() for name in {name for name, _ in places})
    made: dict[tuple[bytes, ...], tuple[list[Line], set[str], bool]] = {}
    for name, _ in count.most_common(_CANDIDATES):
        thread = await threads.by_id(principal, name, scope)
        again = along(reading.lines, thread.path[-_NEAR:]) if thread is not None else None
        lines = restored(again or reading.lines, thread.path[-_NEAR:]) or again if thread is not None else None
        if thread is not None and lines is not None:
            if threads.tombs.within(thread.lineage):
                return None
            made.setdefault(tuple(line.content for line in lines), (lines, set(), again is not None))[1].add(name)
    if len(made) != 1:
        return None
    ((lines, names, reworded),) = made.values()
    # What a human said in other surroundings is no proof: these may be anybody's.
    anybodys = {one.content for one, line in zip(lines, reading.lines, strict=True) if one is not line and one.role != "assistant"}
    found = await excerpts.whole(threads, principal, scope, lines, system, [*names] if reworded else (), anybodys)
    if found is None or found.thread.conversation.id not in names or threads.tombs.within(found.thread.lineage):
        return None
    rewrite(reading, lines, found.thread.root, reworded)
    return found


async def _candidates(threads: Threads, principal: str, scope: str, reading: Reading) -> tuple[list[Thread], set[str]]:
    """Threads that begin with the same words, or have said the same; those that have most of it. And the names of those that have been
    looked at for answers alone."""
    lines, stop = reading.lines, last_answer(reading.lines)
    said = [item for item in range(stop) if lines[item].kind != "none"]
    chains = [reading.chains[item] for item in dict.fromkeys([*said[:_HASHES], *said[-_HASHES:]])]
    last = await threads.deepest(principal, chains, _READ)
    begun = [thread.conversation.id for hashed in reversed(chains) for thread in threads.held_after(principal, hashed)]
    human = {lines[item].content: len(lines[item].text) for item in said if lines[item].role == "user" and lines[item].kind == "spoken"}
    longest = sorted((content for content in human if human[content] >= _TELLING_CHARS), key=lambda content: -human[content])
    places = await threads.said(principal, longest[:_READ], OFTEN) if longest else {}
    count = Counter(name for some in places.values() for name in {name for name, _ in some})
    answers = excerpt.telling([lines[item] for item in said if lines[item].role == "assistant"])[:_READ]
    given = await threads.said(principal, dict.fromkeys([lines[stop - 1].content, *answers]), OFTEN)
    # What everybody is answered tells of nobody.
    ended = [name for some in given.values() if len(some) < OFTEN for name, _ in some]
    names = dict.fromkeys([*begun[:_CANDIDATES], *last, *(name for name, _ in count.most_common(_READ))])
    found = [await threads.by_id(principal, name, scope) for name in dict.fromkeys([*names, *ended])]
    return await threads.all_current([thread for thread in found if thread is not None], scope), {*ended}.difference(names)


def _all_beside(threads: Iterable[Thread], reading: Reading) -> list[Echo]:
    return [one for thread in threads if (one := _beside(thread, reading)) is not None]


def _beside(thread: Thread, reading: Reading, known: Sequence[int] = ()) -> Echo | None:
    """A history beside the branch of a thread that it is most like."""
    item, turn = begin(thread, reading, known)
    if turn is None and not _begins(thread, reading):
        return None
    led = any(line.role == "assistant" and line.kind != "none" for line in reading.lines[:item])
    stop = last_answer(reading.lines)
    best: Echo | None = None
    for path in _branches(thread, turn):
        laid = lay(reading.lines, item, path, place_of(path, turn) + 1 if turn is not None else 0)
        count = laid.known()
        one = Echo(thread, laid, count, laid.tally(count), laid.end(count)[0] >= stop, led)
        if best is None or _rank(one) > _rank(best):
            best = one
        if one.whole and path is thread.path:
            break
    return best


def _begins(thread: Thread, reading: Reading) -> bool:
    """Whether a history begins with the same message as a thread, or with one that may be the same in other surroundings."""
    first = next((line for line in reading.lines if line.kind != "none"), None)
    if first is None or not thread.path:
        return False
    turn = thread.path[0]
    return turn.content == first.content or (first.role != "assistant" and turn.role != "assistant")


def _branches(thread: Thread, turn: Turn | None) -> Iterator[Sequence[Turn]]:
    """The current branch, where it has this turn, then others that do."""
    if turn is None or place_of(thread.path, turn) >= 0:
        yield thread.path
    if len(thread.by_id) > len(thread.path):
        parents = {one.parent for one in thread.by_id.values()}
        tip = thread.path[-1].id if thread.path else 0
        leaves = sorted((one for one in thread.by_id if one not in parents and one != tip), reverse=True)
        for leaf in leaves[:_BRANCHES]:
            path = branch(list(thread.by_id.values()), leaf)
            if turn is None or place_of(path, turn) >= 0:
                yield path


def _rank(one: Echo) -> tuple[bool, int, int, int, int, int, int, int]:
    tally = one.tally
    return one.whole, one.laid.end(one.count)[0], -one.changed, tally.exact, tally.ids, tally.same, tally.part, tally.brief


def _meant(found: Sequence[Echo]) -> Echo | None:
    """The one that is most like the history; None where it may be another just as well, which has said something else."""
    if not found:
        return None
    best = max(_rank(one) for one in found)
    some = [one for one in found if _rank(one) == best]
    if best[2]:
        # Who has just been answered is waited for; who went on long ago is not.
        some = [one for one in some if one.at_end] or some
    said = {one.turn.chain for one in some if one.turn is not None}
    return max(some, key=lambda one: (one.at_end, one.thread.conversation.updated)) if len(said) == 1 else None


def _untouched(threads: Threads, best: Echo | None, found: Sequence[Echo]) -> Echo | None:
    """The best of these; None where something was forgotten in one that is as much like the history: what a client still has of that is
    known by its own hashes alone (memory/identity/graves.py)."""
    if best is None or any(threads.tombs.within(one.thread.lineage) and _rank(one) >= _rank(best) for one in found):
        return None
    return best


async def _is_proven(threads: Threads, one: Echo, reading: Reading, system: Callable[[], bytes]) -> bool:
    """Whether a history that is known to its last answer is no other conversation's."""
    tally = one.tally
    if not one.led and contradicts(one.thread.conversation, system()):
        return False
    if one.changed:
        return await _is_reworded(threads, one, reading)
    return tally.sure or await _is_own(threads, one, reading, later=not one.led)


def _gave_another(one: Echo, found: Sequence[Echo]) -> bool:
    """Whether an answer that was not given here was, word for word and after the same words, in another conversation."""
    after = next((step.item for step in one.laid.steps[: one.count] if step.tally is not None and step.tally.other), 0)
    return after > 0 and any(other.laid.item >= after for other in found)


async def _is_own(threads: Threads, one: Echo, reading: Reading, later: bool = False) -> bool:
    """Whether the part that is known has something that was said in no other conversation. `later`: after its first answer, for whoever
    sends the same template first is somebody else as well."""
    own = await _own(threads, one, reading, later)
    if one.tally.other:
        # Two that were asked the same have other answers, too: so many messages tell, an answer among them.
        return len(own) >= _TELLING_MESSAGES and any(turn.content in own for turn in one.laid.path if turn.role == "assistant")
    return bool(own)


async def _own(threads: Threads, one: Echo, reading: Reading, later: bool) -> set[bytes]:
    """The contents of what was said there alone, of the longest."""
    upto = one.laid.end(one.count)[0]
    start = next((item for item, line in enumerate(reading.lines) if line.role == "assistant"), 0) if later else 0
    there = {turn.content for turn in one.laid.path}
    known = (line for line in reading.lines[start:upto] if line.kind == "spoken" and len(line.text) >= _TELLING_CHARS)
    longest = {line.content: len(line.text) for line in known if line.content in there}
    contents = sorted(longest, key=lambda content: -longest[content])[:_MOST_TELLING]
    if not contents:
        return set()
    other = elsewhere(await threads.said(one.thread.conversation.principal, contents, OFTEN))
    return {content for content in contents if not other(content, one.thread.by_id)}


async def _is_reworded(threads: Threads, one: Echo, reading: Reading) -> bool:
    """The same where what a human said stands in other surroundings: two messages are telling, or a long one, and an answer is this
    conversation's own, or every conversation that gave the last one has been looked at."""
    upto = one.laid.end(one.count)[0]
    there = {turn.content for turn in one.laid.path}
    spoken = [line for line in reading.lines[:upto] if line.kind == "spoken"]
    put_in = {item for step in one.laid.steps[: one.count] for item, place in step.places.items() if place < 0}
    asked = [item for item, line in enumerate(reading.lines[:upto]) if line.kind == "spoken" and line.role != "assistant"]
    within = _weight(reading.lines[item] for item in asked if item not in put_in)
    own = len(await _own(threads, one, reading, later=not one.led))
    if own and own + within >= _TELLING_MESSAGES:
        return True
    answers = _weight(line for line in spoken if line.role == "assistant" and line.content in there)
    if not answers or answers + within < _TELLING_MESSAGES or sum([len(line.text) for line in spoken]) < _SURE_CHARS:
        return False
    last = spoken[-1].content
    return len((await threads.said(one.thread.conversation.principal, [last], OFTEN))[last]) < OFTEN


def _weight(lines: Iterable[Line]) -> int:
    """How many messages are telling; a long one counts as enough of them."""
    told = {line.content: len(line.text) for line in lines if len(line.text) >= _TELLING_CHARS}
    return sum([_TELLING_MESSAGES if chars >= _SURE_CHARS else 1 for chars in told.values()])
