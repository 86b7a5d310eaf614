"""What look-ups in an answer leave for later requests, as it is stored: so that a restart, or another process, goes on where this one was.

Rule: `owed` is text that goes up with the client's next request, once. `kept:ID` says under which id a provider keeps the answer that its
client knows as ID; it holds no word of the conversation. `said:ID` is the same with what the look-ups gave: it goes when one of the turns
that it quotes is forgotten, and then `kept:ID` leads on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

import msgspec

from backstory.core.legs import Kept
from backstory.core.levels import UNREADABLE
from backstory.core.records import Lookup

OWED = "owed"
_KEPT, _SAID = "kept:", "said:"


class _Stored(msgspec.Struct):
    root: bytes
    kept: Kept


_decoder = msgspec.json.Decoder(_Stored)


def owed(conversation: str, chain: bytes, text: str, turns: Sequence[int], now: float) -> Lookup:
    """This text goes up with the request that follows the answer to what `chain` leads up to."""
    return Lookup(conversation, OWED, chain, text, tuple(turns), now)


def kept(conversation: str, chain: bytes, root: bytes, whole: Kept, bare: Kept, turns: Sequence[int], now: float) -> tuple[Lookup, ...]:
    """A provider keeps an answer so. `root`: of principal and scope. `bare`: the same, without a word of what was looked up."""
    plain = Lookup(conversation, _KEPT + whole.first, chain, _text(root, bare), (), now)
    if whole == bare:
        return (plain,)
    return (plain, Lookup(conversation, _SAID + whole.first, chain, _text(root, whole), tuple(turns), now))


def find_kept(stored: Mapping[str, Lookup], root: bytes, name: str, hidden: Iterable[int] = ()) -> Kept | None:
    """How a provider keeps the answer of this id, for this principal and scope; None where nothing is known of it. `hidden`: turns that
    are about to be forgotten. `stored`: by name."""
    for one in (stored.get(_SAID + name), stored.get(_KEPT + name)):
        if one is None or not set(one.turns).isdisjoint(hidden):
            continue
        with suppress(*UNREADABLE):
            found = _decoder.decode(one.text)
            if found.root == root:
                return found.kept
    return None


def _text(root: bytes, kept_: Kept) -> str:
    return msgspec.json.encode(_Stored(root, kept_)).decode()
