"""What is left of a forgotten turn, so that it stays forgotten though its client goes on sending it: marks of its hashes, no text.

Rule: a mark is 63 bits under a random key of the database, so that marks of two databases cannot be compared. Whoever has the database can
test a guess against it, and cannot read a word out of it.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from hashlib import blake2b
from typing import Protocol, TypeVar

from msgspec import Struct

WHOLE = -1
"""The parent in a tomb of a turn whose conversation went with it, or that never had one (`UNKEPT`)."""
UNKEPT = ""
"""The conversation in the tomb of a message that its client asked not to be remembered: `turn` is a number of its own."""
MOST_UNKEPT = 20_000
"""So many of these are kept, the newest: a client that never wants memory does not fill the database."""
_MARK_BYTES = 8
T = TypeVar("T")


class Tomb(Struct, frozen=True):
    """`conversation`: where the turn stood, or a fork that shared it. `parent`: id of the turn before it, 0 for none. `question`: what
    answers it is forgotten, too. `chain`, `content`: marks of its two hashes. `at`: when it was forgotten."""

    turn: int
    conversation: str
    principal: str
    parent: int
    question: bool
    chain: int
    content: int
    at: float


def mark(key: bytes, data: bytes) -> int:
    """63 bits of a keyed hash."""
    return int.from_bytes(blake2b(data, key=key, digest_size=_MARK_BYTES).digest(), "big") >> 1


def human(said: Said) -> bool:
    """Whether a human said it: everything else is an answer, or a step towards one."""
    return said.role == "user" and said.kind == "spoken"


class Said(Protocol):
    """A turn, or a line of a request."""

    @property
    def role(self) -> str: ...
    @property
    def kind(self) -> str: ...


class Tombs:
    """All tombs of a database. False where there are none. A look-up costs about 1 us."""

    __slots__ = ("_chains", "_contents", "_key", "_laid", "_marks", "_owners", "_unkept", "_whole")

    def __init__(self, key: bytes = b"", rows: Iterable[Tomb] = ()) -> None:
        self._key = key
        self._chains: dict[int, dict[str, int]] = {}
        self._contents: dict[int, set[str]] = {}
        # Whose the conversations are in which single turns were forgotten.
        self._owners: dict[str, str] = {}
        # What was laid here since they were read, by this process and by others.
        self._unkept: dict[tuple[str, bytes], None] = {}
        self._marks: dict[tuple[str, int], None] = {}
        whole: dict[str, array[int]] = {}
        laid: dict[str, array[int]] = {}
        for one in rows:
            if one.conversation == UNKEPT:
                laid.setdefault(one.principal, array("q")).append(one.chain)
            elif one.parent == WHOLE:
                whole.setdefault(one.principal, array("q")).append(one.chain)
            else:
                self._chains.setdefault(one.chain, {})[one.conversation] = one.turn
                self._contents.setdefault(one.content, set()).add(one.conversation)
                self._owners[one.conversation] = one.principal
        # Of whole conversations there may be millions: 8 bytes each.
        self._whole, self._laid = _sorted(whole), _sorted(laid)

    def __bool__(self) -> bool:
        return bool(self._chains or self._whole or self._laid or self._unkept or self._marks)

    def lay(self, principal: str, chains: Iterable[bytes]) -> list[bytes]:
        """These histories of this principal end with what is not to be remembered. Those that this was not known of."""
        fresh = [chain for chain in dict.fromkeys(chains) if not self.whole(principal, chain)]
        self._unkept.update(dict.fromkeys((principal, chain) for chain in fresh))
        _newest(self._unkept)
        return fresh

    def learn(self, key: bytes, rows: Iterable[Tomb]) -> None:
        """Take in what other processes have laid. `key`: that of the database, which may be younger than these tombs."""
        self._key = self._key or key
        self._marks.update(dict.fromkeys((one.principal, one.chain) for one in rows))
        _newest(self._marks)

    def after(self, before: Tombs) -> Tombs:
        """These, which take the place of others, with what was laid there: the database may not have had it yet when these were read."""
        self._unkept = {**before._unkept, **self._unkept}
        self._marks = {**before._marks, **self._marks}
        _newest(self._unkept)
        _newest(self._marks)
        return self

    def places(self, chain: bytes) -> list[str]:
        """The conversations in which a turn was forgotten that this history ended with."""
        return list(self._chains.get(mark(self._key, chain), ())) if self._chains else []

    def turn(self, conversations: Iterable[str], chain: bytes) -> int:
        """The forgotten turn that this history ended with in one of these conversations, 0 where there is none."""
        places = self._chains.get(mark(self._key, chain)) if self._chains else None
        return next((places[name] for name in conversations if name in places), 0) if places else 0

    def whole(self, principal: str, chain: bytes) -> bool:
        """Whether this history was in a conversation of this principal that was forgotten as a whole, or is not to be remembered."""
        if self.unkept(principal, chain):
            return True
        chains = self._whole.get(principal)
        return chains is not None and _among(chains, mark(self._key, chain))

    def unkept(self, principal: str, chain: bytes) -> bool:
        """Whether this history of this principal ends with what is not to be remembered."""
        if self._unkept and (principal, chain) in self._unkept:
            return True
        chains = self._laid.get(principal)
        if chains is None and not self._marks:
            return False
        found = mark(self._key, chain)
        return (principal, found) in self._marks or (chains is not None and _among(chains, found))

    def within(self, conversations: Iterable[str]) -> bool:
        """Whether a turn was forgotten in one of these conversations, which are still there."""
        return bool(self._owners) and any(name in self._owners for name in conversations)

    def owned(self, principal: str, content: bytes) -> bool:
        """Whether a message of this content was forgotten in a conversation of this principal."""
        return bool(self._owners) and any(self._owners[name] == principal for name in self.saying(content))

    def said(self, conversations: Iterable[str], content: bytes) -> bool:
        """Whether a message of this content was forgotten in one of these conversations."""
        places = self._contents.get(mark(self._key, content)) if self._contents else None
        return places is not None and any(name in places for name in conversations)

    def saying(self, content: bytes) -> list[str]:
        """The conversations in which a message of this content was forgotten."""
        return sorted(self._contents.get(mark(self._key, content), ())) if self._contents else []


def _sorted(marks: dict[str, array[int]]) -> dict[str, array[int]]:
    """By principal, to be searched."""
    return {principal: array("q", sorted(some)) for principal, some in marks.items()}


def _among(marks: array[int], found: int) -> bool:
    place = bisect_left(marks, found)
    return place < len(marks) and marks[place] == found


def _newest(known: dict[T, None]) -> None:
    """Only the newest of them."""
    while len(known) > MOST_UNKEPT:
        del known[next(iter(known))]
