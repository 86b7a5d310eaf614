"""A history whose answers came back in another form, laid beside one branch of a conversation.

Rules: what a human said and what tools gave must be the same, message for message; only answers may differ, each in its place between
them. What a human said may have less around it than when it was asked, or more (reworded.py), where its answer stands behind it. Calls
tell for certain: two steps with other calls are two histories.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from backstory.core.records import Turn
from backstory.core.tokens import estimate
from backstory.memory.identity.retold import likeness
from backstory.memory.identity.reworded import row
from backstory.memory.identity.thread import Thread, place_of
from backstory.memory.reading.requests import Reading
from backstory.memory.reading.turns import Call, Line, calls_of, canonical, chain

# An id of so many characters is no counter's.
_TELLING_ID = 12


class Tally(Struct):
    """How answers are like those that were given: so many word for word (`exact`), with a call of the same id (`ids`), in another form
    (`same`), in part (`part`), much shortened (`brief`), or not at all (`other`)."""

    exact: int = 0
    ids: int = 0
    same: int = 0
    part: int = 0
    brief: int = 0
    other: int = 0

    @property
    def sure(self) -> bool:
        """Whether every answer is known for one that was given."""
        return not (self.brief or self.other)


class Step(Struct):
    """Messages beside turns: one and one, or answers in a row. `item`, `place`: after them. `places`: by item, the place of its turn, -1
    for an item that is a piece of another's. `unsaid`: places of turns that the client leaves out. `changed`: how many messages of a human
    are the same in other surroundings."""

    item: int
    place: int
    places: dict[int, int]
    unsaid: Sequence[int] = ()
    tally: Tally | None = None
    changed: int = 0


class Laid(Struct):
    """A history beside a branch, from `item` and `place` on, as far as it goes. `reached`: to its last answer."""

    path: Sequence[Turn]
    item: int
    place: int
    steps: list[Step] = field(default_factory=list)
    reached: bool = False

    def known(self) -> int:
        """How many steps are known. Answers unlike those that were given are, where one that is known comes after them."""
        count = 0
        for number, step in enumerate(self.steps, 1):
            if step.tally is None:
                count += count == number - 1
            elif not step.tally.other:
                count = number
        return count

    def tally(self, count: int) -> Tally:
        """Of the first steps together."""
        one = Tally()
        for step in self.steps[:count]:
            if step.tally is not None:
                one = _sum(one, step.tally)
        return one

    def changed(self, count: int) -> int:
        """How many messages of a human are the same in other surroundings, in the first steps."""
        return sum([step.changed for step in self.steps[:count]])

    def end(self, count: int) -> tuple[int, int]:
        """The item and the place after the first `count` steps."""
        return (self.steps[count - 1].item, self.steps[count - 1].place) if count else (self.item, self.place)


def last_answer(lines: Sequence[Line]) -> int:
    """The item after the last answer in a history, 0 where there is none."""
    return next((item + 1 for item in range(len(lines) - 1, -1, -1) if lines[item].role == "assistant" and lines[item].kind != "none"), 0)


def lay(lines: Sequence[Line], item: int, path: Sequence[Turn], place: int) -> Laid:
    """The items from `item` to the last answer beside the turns from `place` on. Costs what is looked at."""
    stop = last_answer(lines)
    laid = Laid(path, item, place)
    while item < stop and place < len(path):
        line, turn = lines[item], path[place]
        step: Step | None = None
        if line.kind == "none":
            item += 1
            continue
        spoken = line.role == "assistant"
        if turn.content == line.content or (not spoken and _answered(line, turn)):
            step = Step(item + 1, place + 1, {item: place}, (), Tally(exact=1) if spoken else None)
        elif turn.role == "assistant":
            after = _after(path, place)
            if spoken:
                row = _row(lines, item, stop)
                step = _last_words(lines, row, path, place) or _answers(lines, row, path, range(place, after))
            else:
                # Of what was said beside something that is known, or alone.
                beside = bool(laid.steps and laid.steps[-1].tally is not None)
                step = Step(item, after, {}, range(place, after), Tally(part=1) if beside else Tally(other=1))
        elif not spoken:
            step = _reworded(lines, item, stop, path, place)
        if step is None:
            break
        laid.steps.append(step)
        item, place = step.item, step.place
    laid.reached = item >= stop
    return laid


def begin(thread: Thread, reading: Reading, known: Sequence[int] = ()) -> tuple[int, Turn | None]:
    """The first item from which on a history is not known in a thread, and the turn before that, None where nothing is. `known`: the places
    on the path that its first items have, where it may have no beginning."""
    for item in range(last_answer(reading.lines) - 1, -1, -1):
        turn = thread.by_id.get(thread.by_chain.get(reading.chains[item], 0))
        if turn is not None and reading.lines[item].kind != "none":
            return item + 1, turn
        if item < len(known) and known[item] >= 0:
            return item + 1, thread.path[known[item]]
    return 0, None


def take(thread: Thread, reading: Reading, laid: Laid, count: int) -> None:
    """From now on the reading says what the turns say, in the first `count` steps. Costs the history."""
    path, lines, chains = laid.path, reading.lines, reading.chains
    reading.taken(laid.changed(count) > 0)
    places: dict[int, int] = {}
    ends: dict[int, int] = {}
    for step in laid.steps[:count]:
        places.update(step.places)
        reading.more.update(_joined(lines, path, step))
        # What a client leaves out after its last answer has been said, too.
        ends.update({max(step.places): step.place - 1} if step.places and (step.tally is not None or step.changed) else {})
    reading.unsaid = (*reading.unsaid, *(path[place].id for step in laid.steps[:count] for place in step.unsaid))
    upto, end = laid.end(count)
    for item in range(laid.item, len(lines)):
        line, place = lines[item], places.get(item, -1)
        if item < upto and place >= 0:
            turn = path[place]
            if line.content != turn.content:
                lines[item] = replace(line, kind=turn.kind, content=turn.content, text=turn.text)
            chains[item] = path[ends.get(item, place)].chain
            continue
        if item < upto and line.kind != "none":
            line = lines[item] = replace(line, kind="none")
        before = chains[item - 1] if item else thread.root
        chains[item] = before if line.kind == "none" else chain(before, line.content)
    if end and place_of(thread.path, path[end - 1]) == end - 1:
        known = known_places(thread, reading)
        first = [known[item] if item < len(known) and known[item] >= 0 else _place(thread, reading, item) for item in range(laid.item)]
        reading.places = [*first, *(places.get(item, -1) for item in range(laid.item, upto))]
        reading.thread, reading.version = thread.conversation.id, thread.version


def _joined(lines: Sequence[Line], path: Sequence[Turn], step: Step) -> dict[int, int]:
    """By item, tokens of what it says beside its turn, where a client has joined others with it."""
    item = max(step.places, default=-1)
    if not step.unsaid or item < 0 or step.places[item] < 0:
        return {}
    beside = estimate(lines[item].text) - estimate(path[step.places[item]].text)
    return {item: beside} if beside > 0 else {}


def restored(lines: Sequence[Line], path: Sequence[Turn]) -> list[Line] | None:
    """The lines with the turns' words in place of answers that are these in another form, each beside the same message of a human as in
    the path: after it, or, first of all, before it. None where there is none."""
    spoken = [item for item, line in enumerate(lines) if line.kind != "none"]
    made = [*lines]
    for number, item in enumerate(spoken):
        line = lines[item]
        beside, step = (spoken[number - 1], 1) if number else (spoken[number + 1] if len(spoken) > 1 else item, -1)
        if line.role != "assistant" or line.kind != "spoken" or lines[beside].role == "assistant":
            continue
        content = lines[beside].content
        places = (place + step for place, turn in enumerate(path) if turn.content == content and 0 <= place + step < len(path))
        turns = [path[place] for place in places if path[place].role == "assistant" and path[place].kind == "spoken"]
        like = [turn for turn in turns if turn.content == line.content or likeness(line.text, turn.text) in ("same", "part")]
        if like and all(turn.content != line.content for turn in like):
            made[item] = replace(line, content=like[-1].content, text=like[-1].text)
    return made if any(one is not line for one, line in zip(made, lines, strict=True)) else None


def rewrite(reading: Reading, lines: Sequence[Line], root: bytes, reworded: bool = False) -> None:
    """From now on the reading says this. `reworded`: in place of what a human said."""
    reading.taken(reworded)
    last = root
    for item, line in enumerate(lines):
        last = last if line.kind == "none" else chain(last, line.content)
        reading.lines[item], reading.chains[item] = line, last


def known_places(thread: Thread, reading: Reading) -> Sequence[int]:
    """The places that the first items had when they were last laid beside this thread, or beside the one that it was forked off."""
    if reading.thread == thread.conversation.id and reading.version == thread.version:
        return reading.places
    origin, version, own, shared = thread.origin
    if (reading.thread, reading.version) == (origin, version) and thread.version == own and max(reading.places, default=-1) < shared:
        return reading.places
    return ()


def _place(thread: Thread, reading: Reading, item: int) -> int:
    if reading.lines[item].kind == "none":
        return -1
    return place_of(thread.path, thread.by_id.get(thread.by_chain.get(reading.chains[item], 0)))


def _after(path: Sequence[Turn], place: int) -> int:
    """The place after the answers in a row that begin there."""
    return next((at for at in range(place, len(path)) if path[at].role != "assistant"), len(path))


def _row(lines: Sequence[Line], item: int, stop: int) -> range:
    """The answers in a row that begin there, with what stands between them and is no turn."""
    return range(item, next((at for at in range(item, stop) if lines[at].role != "assistant" and lines[at].kind != "none"), stop))


def _reworded(lines: Sequence[Line], item: int, stop: int, path: Sequence[Turn], place: int) -> Step | None:
    """Messages of a human that are the same in other surroundings; None where they are not, or their answer is another."""
    found = row(lines, item, stop, path, place)
    if found is None:
        return None
    first, turn = lines[found.item], path[found.place]
    if first.content != turn.content:
        answers, turns = _row(lines, found.item, stop), range(found.place, _after(path, found.place))
        if _last_words(lines, answers, path, found.place) is None:
            step = _answers(lines, answers, path, turns)
            if step is None or step.tally is None or not step.tally.sure:
                return None
    return Step(found.item, found.place, found.places, found.unsaid, None, found.changed)


def _answers(lines: Sequence[Line], row: range, path: Sequence[Turn], turns: range) -> Step | None:
    """Answers in a row beside the turns that were given there; None where their calls are others."""
    items = [item for item in row if lines[item].kind != "none"]
    mine, theirs = _calls(lines[item].calls for item in items), _calls(path[place].calls for place in turns)
    if mine and not _alike(mine, theirs):
        return None
    ids = max(map(len, _ids(mine) & _ids(theirs)), default=0)
    tally = Tally(ids=1 if ids else 0)
    sent = "\n".join(lines[item].text for item in items if lines[item].kind == "spoken")
    kept = "\n".join(path[place].text for place in turns if path[place].kind == "spoken")
    how = "same" if mine and not sent else likeness(sent, kept)
    # The same step was taken, whatever is said of it.
    setattr(tally, "part" if ids >= _TELLING_ID and how in ("brief", "other") else how, 1)
    places = _ended(lines, items, path, turns, _beside(lines, items, path, turns))
    return Step(row.stop, turns.stop, places, sorted(set(turns).difference(places.values())), tally)


def _last_words(lines: Sequence[Line], row: range, path: Sequence[Turn], place: int) -> Step | None:
    """Answers without calls beside those that were given there after the last result of a tool; None where that was not used, or they are
    others. What the tool gave, and what called for it, is not with its client any more."""
    human = next((at for at in range(place, len(path)) if path[at].role != "assistant" and path[at].kind != "tool"), len(path))
    first = next((at + 1 for at in range(human - 1, place, -1) if path[at].role != "assistant"), human)
    if first == human or any(lines[item].calls for item in row):
        return None
    step = _answers(lines, row, path, range(first, human))
    return replace(step, tally=Tally(brief=1)) if step is not None and step.tally is not None and step.tally.sure else None


def _beside(lines: Sequence[Line], items: Sequence[int], path: Sequence[Turn], turns: range) -> dict[int, int]:
    """By item, its turn: the one that says the same, or has one of its calls, or the next of its kind; -1 where none is left."""
    places: dict[int, int] = {}
    left = list(turns)
    for like in (_says, _acts, _speaks):
        at = 0
        for item in items:
            if item in places:
                at = max(at, next((number for number, place in enumerate(left) if place > places[item]), len(left)))
                continue
            found = next((number for number in range(at, len(left)) if like(lines[item], path[left[number]])), -1)
            if found >= 0:
                places[item] = left.pop(found)
                at = found
    return {item: places.get(item, -1) for item in items}


def _ended(lines: Sequence[Line], items: Sequence[int], path: Sequence[Turn], turns: range, places: dict[int, int]) -> dict[int, int]:
    """The last words of a row are those of its last turn: what comes next goes on from there, whatever a client has joined into one."""
    last = next((place for place in reversed(turns) if path[place].kind == "spoken"), -1)
    if items and lines[items[-1]].kind == "spoken" and places[items[-1]] < last and last not in places.values():
        places[items[-1]] = last
    return places


def _says(line: Line, turn: Turn) -> bool:
    return line.content == turn.content


def _acts(line: Line, turn: Turn) -> bool:
    return _alike(_calls((line.calls,)), _calls((turn.calls,)))


def _speaks(line: Line, turn: Turn) -> bool:
    return line.kind == turn.kind == "spoken"


def _answered(line: Line, turn: Turn) -> bool:
    """Whether a message gives results of the same calls, which a client may have shortened. Ids that a counter made are others' too."""
    if line.kind != "tool" or turn.kind != "tool" or turn.role == "assistant":
        return False
    mine, theirs = ({call.id for call in calls_of(calls) if call.result is not None} for calls in (line.calls, turn.calls))
    if mine != theirs or "" in mine:
        return False
    return min(map(len, mine), default=0) >= _TELLING_ID or likeness(line.text, turn.text) in ("same", "part")


def _calls(rows: Iterable[str]) -> list[Call]:
    return [call for calls in rows if calls for call in calls_of(calls) if call.result is None]


def _ids(calls: Sequence[Call]) -> set[str]:
    return {call.id for call in calls if call.id}


def _alike(a: Sequence[Call], b: Sequence[Call]) -> bool:
    """Whether these have a call in common, by its id, or else by what it says."""
    if _ids(a) & _ids(b):
        return True
    mine, theirs = ({(one.name, canonical(one.arguments or "")) for one in some} for some in (a, b))
    return bool(mine & theirs)


def _sum(a: Tally, b: Tally) -> Tally:
    return Tally(a.exact + b.exact, a.ids + b.ids, a.same + b.same, a.part + b.part, a.brief + b.brief, a.other + b.other)
