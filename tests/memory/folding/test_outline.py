"""What is kept of a thread's requests tells what a look at every item would tell, whatever has happened in between."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from backstory.core.document import Document
from backstory.core.records import Conversation, Digest, Injection, Turn
from backstory.memory.folding.assembly import Absent, earlier_injections, fold, kept_items
from backstory.memory.folding.outline import Outline, outline
from backstory.memory.identity.thread import Thread
from backstory.memory.reading.requests import Reader, Reading
from backstory.memory.reading.turns import chain, root
from backstory.stages.ingest import Fresh, places
from backstory.wires.anthropic.wire import Anthropic
from tests.rig import asking

ROOT = root("", "")
KINDS = "say say say fold inject inject again old withdraw edit cut back instruct reminded clear"
OPS = st.lists(st.tuples(st.sampled_from(KINDS.split()), st.integers(0, 30)), min_size=4, max_size=40)


class Talk:
    """A client with its history, and the thread that is made of it."""

    def __init__(self) -> None:
        self.thread = Thread(Conversation("c", "", 0.0, 0.0), ROOT)
        self.reader = Reader(1)
        self.messages: list[tuple[str, str]] = []
        self.said = 0

    def request(self) -> tuple[Reading, Fresh]:
        """What is read of the history as it is, laid beside the thread."""
        prompt = Anthropic().read(Document(asking("anthropic", self.messages)), "/v1/messages")
        reading = self.reader.read(prompt, Anthropic(), ROOT)
        return reading, places(self.thread, reading)

    def say(self) -> None:
        """A further exchange."""
        self.said += 1
        self.messages.append(("user", f"question {self.said}"))
        self.ask()

    def ask(self) -> None:
        """A request and its answer."""
        reading, fresh = self.request()
        check(self.thread, reading, fresh.upto)
        thread = self.thread
        if thread.path and fresh.upto < len(thread.path):
            thread.rewind(thread.path[fresh.upto - 1].id if fresh.upto else 0)
        self.said += 1
        self.messages.append(("assistant", f"answer {self.said}"))
        answered, fresh = self.request()
        last = thread.path[-1].chain if thread.path else ROOT
        turns: list[Turn] = []
        for item in fresh.items:
            one = answered.lines[item]
            last = chain(last, one.content)
            parent = turns[-1].id if turns else thread.path[-1].id if thread.path else 0
            number = len(thread.by_id) + len(turns) + 1
            turns.append(Turn(number, "c", parent, fresh.upto + len(turns), last, one.content, one.role, "spoken", one.text, tokens=number))
        thread.add(turns)

    def do(self, op: str, number: int) -> None:
        """One thing that happens to a conversation."""
        thread = self.thread
        if op == "say":
            for _ in range(number + 1):
                self.say()
        elif op == "reminded":
            self.messages.append(("user", f"<system-reminder>{number}</system-reminder>"))
        elif op == "clear":
            self.reader.clear()
        elif thread.path:
            turn = thread.path[number * 7 % len(thread.path)]
            getattr(self, f"_{op}")(number, turn)

    def _fold(self, number: int, turn: Turn) -> None:
        last = self.thread.path[(number * len(self.thread.path) // 31) | 1 if len(self.thread.path) > 1 else 0]
        self.thread.fold((Digest(number, "c", last.id, last.chain, "digest", 9, 0.0),))

    def _inject(self, number: int, turn: Turn) -> None:
        """At the message that is asked now."""
        self.said += 1
        self.messages.append(("user", f"question {self.said}"))
        reading, fresh = self.request()
        at = self.thread.path[fresh.upto - 1].chain if fresh.upto else ROOT
        for item in fresh.items:
            at = chain(at, reading.lines[item].content)
        self.thread.inject((Injection("c", at, f"block {self.said}", (turn.id,), number, 0.0),))
        self.ask()

    def _again(self, number: int, turn: Turn) -> None:
        """The newest question is asked again."""
        if len(self.messages) > 1 and self.messages[-1][0] == "assistant":
            del self.messages[-1]
            self.ask()

    def _old(self, number: int, turn: Turn) -> None:
        self.thread.inject((Injection("c", turn.chain, f"late {number}", (number,), number, 0.0),))

    def _withdraw(self, number: int, turn: Turn) -> None:
        if self.thread.injections:
            self.thread.withdraw(list(self.thread.injections)[number % len(self.thread.injections)])

    def _edit(self, number: int, turn: Turn) -> None:
        place = number % len(self.messages)
        self.messages[place] = (self.messages[place][0], f"edited {self.said}")

    def _cut(self, number: int, turn: Turn) -> None:
        del self.messages[: min(2 * number, len(self.messages) - 1) & ~1]

    def _back(self, number: int, turn: Turn) -> None:
        del self.messages[max(2, len(self.messages) - 2 * (number % 5 + 1)) :]

    def _instruct(self, number: int, turn: Turn) -> None:
        """The client puts instructions beside the first words, or takes them away: the words are the same."""
        role, text = self.messages[0]
        words = text.partition("<system-reminder>")[0]
        self.messages[0] = (role, words if number % 2 else f"{words}<system-reminder>{'be good ' * 99}</system-reminder>")


def anew(thread: Thread, reading: Reading, boundary: int) -> Outline:
    """From every item."""
    folded = fold(thread, reading, boundary)
    kept = kept_items(reading, folded)
    edits, injected, blocks = earlier_injections(thread, reading, kept)
    tokens = sum(thread.path[reading.places[item]].tokens for item in kept if reading.places[item] >= 0)
    return Outline(folded, None, kept, edits, frozenset(injected), blocks, tokens)


def check(thread: Thread, reading: Reading, upto: int) -> None:
    """What goes up, and what is missing then, is the same with what is kept as without."""
    for boundary in dict.fromkeys((0, thread.boundary, max(0, thread.boundary - 2), thread.boundary)):
        found, wanted = outline(thread, reading, boundary), anew(thread, reading, boundary)
        assert replace(found, settled=None, rest=wanted.rest) == wanted
        with_kept = Absent(thread, upto, reading, found.rest, found.injected, found.settled)
        without = Absent(thread, upto, reading, wanted.rest, wanted.injected)
        assert with_kept.count == without.count
        assert with_kept.ids() == without.ids() == {turn.id for turn in thread.path[:upto] if turn.id in with_kept}
        assert [turn in with_kept for turn in thread.by_id] == [turn in without for turn in thread.by_id]


@settings(max_examples=60, deadline=None)
@given(OPS)
def test_what_is_kept_tells_what_every_item_would(ops: list[tuple[str, int]]) -> None:
    talk = Talk()
    for op, number in ops:
        talk.do(op, number)
    talk.say()


def test_only_what_is_new_is_looked_at() -> None:
    talk = Talk()
    for _ in range(100):
        talk.say()
    folded = talk.thread.path[99]
    talk.thread.fold((Digest(1, "c", folded.id, folded.chain, "digest", 9, 0.0),))
    sizes = []
    for _ in range(100):
        talk.messages.append(("user", f"more {talk.said}"))
        reading, _ = talk.request()
        sizes.append(len(outline(talk.thread, reading, talk.thread.boundary).rest))
        del talk.messages[-1]
        talk.say()
    assert talk.thread.settled is not None
    assert max(sizes[2:]) < 25
    assert talk.thread.settled.count > 370


def test_what_is_injected_at_an_old_turn_is_seen_at_once() -> None:
    talk = Talk()
    for _ in range(40):
        talk.say()
    assert talk.thread.settled is not None
    turn = talk.thread.path[10]
    talk.thread.inject((Injection("c", turn.chain, "late", (3,), 5, 0.0),))
    reading, _ = talk.request()
    assert outline(talk.thread, reading, 0).blocks == 5
    talk.thread.withdraw(turn.chain)
    assert outline(talk.thread, reading, 0).blocks == 0
