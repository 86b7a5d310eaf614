"""Where a history without its beginning stands on the tree of a conversation's turns, and when it can stand nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from backstory.core.message import Message, Text, ToolCall, ToolResult
from backstory.core.records import Conversation, Turn
from backstory.memory.identity.excerpt import Stand, copied, ends_with, proven, run, stand, telling
from backstory.memory.identity.thread import Thread
from backstory.memory.reading.turns import Line, chain, line, root
from backstory.stages.ingest import turn_of

HEARTBEAT, OK = "Read HEARTBEAT.md if it exists, and follow it strictly.", "HEARTBEAT_OK, there is nothing to do."


def user(text: str) -> Line:
    return line(Message("user", (Text(text),)))


def assistant(text: str) -> Line:
    return line(Message("assistant", (Text(text),)))


def call(name: str = "look") -> Line:
    return line(Message("assistant", (ToolCall("1", name, "{}"),)))


def result(text: str) -> Line:
    return line(Message("user", (ToolResult("1", "", text),)))


def talk(rounds: int, start: int = 0) -> list[Line]:
    pairs = ((user(f"What is the weather in town {n}?"), assistant(f"It rains in the town of {n}.")) for n in range(start, start + rounds))
    return [one for pair in pairs for one in pair]


NEW = user("And now something else.")


class Tree:
    """A thread that grows by branches, each after one of its turns."""

    def __init__(self) -> None:
        self.thread = Thread(Conversation("c", "", 0.0, 0.0), root("", ""))
        self.count = 0

    def grow(self, after: int, lines: Sequence[Line]) -> int:
        """The last new turn's id. `after`: the id of the turn that the first of them follows."""
        thread = self.thread
        for one in lines:
            self.count += 1
            last = thread.by_id.get(after)
            hashed = chain(last.chain if last else thread.root, one.content)
            turn = turn_of(one, self.count, "c", after, last.position + 1 if last else 0, hashed, 0.0, len)
            thread.add([turn])
            after = turn.id
        return after


def found(thread: Thread, lines: Sequence[Line]) -> Stand | None:
    return stand(thread, *run(lines))


def test_a_history_stands_at_the_end_or_anywhere_before() -> None:
    tree = Tree()
    history = talk(12)
    tree.grow(0, history)
    for cut, end in ((18, 24), (4, 24), (10, 14), (0, 2)):
        at = found(tree.thread, [*history[cut:end], NEW])
        assert at is not None
        assert (at.end.id, at.deepest.id, at.known) == (end, end, end - cut)
    again = found(tree.thread, history[17:23])
    assert again is not None
    assert (again.end.id, again.deepest.id) == (22, 23), "a request made again is known to its last message"
    assert found(tree.thread, [*history[4:6], *history[7:10], NEW]) is None, "with a hole in it"
    assert found(tree.thread, [user("other"), *history[5:8], NEW]) is None
    assert found(tree.thread, [NEW]) is None
    assert found(Tree().thread, [*history, NEW]) is None


def test_it_stands_on_the_branch_of_which_most_is_known() -> None:
    tree = Tree()
    history = talk(6)
    trunk = tree.grow(0, history)
    first = tree.grow(trunk, [user("One way."), assistant("As you like.")])
    second = tree.grow(trunk, [user("Another way."), assistant("Just so.")])
    at = found(tree.thread, [*history[6:], user("One way.")])
    assert at is not None
    assert (at.end.id, at.deepest.id) == (trunk, first - 1)
    at = found(tree.thread, [*history[6:], user("One way."), assistant("As you like."), NEW])
    assert at is not None
    assert at.end.id == first
    at = found(tree.thread, [*history[6:], NEW])
    assert at is not None
    assert at.deepest.id == trunk
    assert tree.thread.path[-1].id == second


def test_what_was_said_before_a_call_may_be_absent() -> None:
    working = line(Message("assistant", (Text("Let me look that up for you."), ToolCall("1", "look", "{}"))))
    asked, told = user("What is the weather like in the town of Aveiro?"), assistant("It rains in Aveiro, and it is rather windy there.")
    stored = [*talk(1), asked, working, result("rain"), assistant("One more look."), call(), result("wind"), told]
    kept = [*talk(1), asked, told]
    tree = Tree()
    end = tree.grow(0, stored)
    at = found(tree.thread, [*kept, NEW])
    assert at is not None
    assert at.end.id == end
    assert found(tree.thread, [*talk(1), asked, NEW]) is not None, "asked again, another way"
    assert found(tree.thread, [user("other"), *kept[1:], NEW]) is None, "a person's words are not absent"
    tree.grow(end, [NEW, working])
    for step in ([NEW, working, result("sun")], [NEW, call(), result("sun")]):
        at = found(tree.thread, [*kept, *step])
        assert at is not None, "in the middle of its next work"


def nowhere(_: bytes, __: Mapping[int, Turn]) -> bool:
    return False


def test_only_what_nobody_else_says_is_a_proof() -> None:
    tree = Tree()
    canned = [user(HEARTBEAT), assistant(OK)]
    history = [*talk(3), *canned * 4]
    tree.grow(0, history)

    def known(lines: Sequence[Line], elsewhere: Sequence[Line] = ()) -> bool:
        words, _ = run(lines)
        at = found(tree.thread, lines)
        others = {one.content for one in elsewhere}
        return at is not None and proven(tree.thread, at.end, telling(words), lambda content, _: content in others)

    assert known([*history[2:6], NEW])
    assert known([*history[3:], NEW])
    assert not known([*history[6:], NEW]), "what is said again and again"
    assert not known([*history[7:9], NEW]), "even where it is sent once"
    assert not known([*history[5:], NEW]), "one message alone"
    assert known([*history[2:], NEW], history[6:])
    assert not known([*history[2:], NEW], history[3:6])
    assert not proven(tree.thread, tree.thread.path[-1], [], nowhere)
    assert telling([user("continue"), assistant("ok")]) == []


def test_the_newest_of_some_length_are_looked_for_however_long_the_others_are() -> None:
    long = [user(f"{'A very long story about many things. ' * 9} {number}") for number in range(9)]
    newest = [user("And what comes after all that?"), assistant("After all that comes a rest.")]
    found_in = telling([*long, *newest, user("continue")])
    assert len(found_in) == 8
    assert {one.content for one in newest} <= {*found_in}


def test_one_may_begin_with_a_copy_of_what_stands_in_the_middle_of_another() -> None:
    history = talk(8)
    whole, later, sibling, short = Tree(), Tree(), Tree(), Tree()
    whole.grow(whole.grow(0, history[:12]) - 2, history[10:14])
    later.grow(0, [*history[6:12], user("And now?"), assistant("Now it rains.")])
    sibling.grow(0, history[:8])
    short.grow(0, [*history[6:8], user("Something else entirely, and at some length."), assistant("As you wish.")])
    assert copied(whole.thread, later.thread)
    assert copied(later.thread, whole.thread)
    assert not copied(whole.thread, sibling.thread), "who begins alike has no copy"
    assert not copied(whole.thread, short.thread), "one exchange may be anybody's"
    assert not copied(whole.thread, Tree().thread)


@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=12), st.data())
def test_the_end_of_any_branch_is_found(said: list[str], data: st.DataObject) -> None:
    lines = [user(text) if place % 2 == 0 else assistant(text) for place, text in enumerate(said)]
    tree = Tree()
    tree.grow(0, lines)
    end = data.draw(st.integers(1, len(lines)))
    start = data.draw(st.integers(0, end - 1))
    turn = tree.thread.path[end - 1]
    assert ends_with(lines[start:end], turn, tree.thread.by_id)
    at = found(tree.thread, [*lines[start:end], NEW])
    assert at is not None
    assert ends_with(lines[start:end], at.end, tree.thread.by_id)
    assert not ends_with([user("x"), *lines[:end]], turn, tree.thread.by_id)
