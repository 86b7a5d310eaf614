"""Where system messages inside a history may stand: behind a human's message and in front of an assistant's, one at a time, or at the end.

Rule: only what was taken out of a history can bring one out of its place; it then moves on to the next place where it may stand, with the
ones that come to stand beside it, word for word and with all members of the last of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from msgspec import Raw

from backstory.core.document import Document, distinct
from backstory.core.edits import DropMessages, Edit
from backstory.wires import base
from backstory.wires.lowering import decode, encode

_USUAL = b'{"role":"'
_blocks = msgspec.json.Decoder(list[Raw])


def moved(document: Document, edits: Sequence[Edit]) -> tuple[list[Edit], list[tuple[int, bytes]]]:
    """What has to be done beside these edits: messages that go from where they are, and whole messages that come in before others.
    DocumentError where the messages cannot be read."""
    drops = sorted((edit.start, edit.stop) for edit in edits if isinstance(edit, DropMessages))
    if not drops:
        return [], []
    items = document.elements(base.MESSAGES)
    gone: list[Edit] = []
    come: list[tuple[int, bytes]] = []
    waiting: list[int] = []
    before, last = "", -1
    for index in _kept(drops, len(items)):
        if index >= drops[-1][1] and not waiting and before:
            break
        role = _role(items[index])
        if role == "system":
            waiting.append(index)
            continue
        if waiting and before == "user" and role == "assistant":
            _place(items, waiting, index, last, gone, come)
            waiting = []
        before, last = role, index
    if waiting and before == "user":
        _place(items, waiting, len(items), last, gone, come)
    return gone, come


def _place(
    items: Sequence[memoryview], waiting: Sequence[int], at: int, last: int, gone: list[Edit], come: list[tuple[int, bytes]]
) -> None:
    """These come to stand before item `at`, behind item `last`; one that stands there alone stays as it is."""
    if len(waiting) == 1 and waiting[0] > last:
        return
    gone.extend(DropMessages(index, index + 1) for index in waiting)
    come.append((at, _joined([items[index] for index in waiting])))


def _kept(drops: Sequence[tuple[int, int]], count: int) -> Iterator[int]:
    at = 0
    for start, stop in drops:
        yield from range(at, start)
        at = max(at, stop)
    yield from range(at, count)


def _role(raw: memoryview) -> str:
    if raw[: len(_USUAL)] == _USUAL:
        head = bytes(raw[len(_USUAL) : len(_USUAL) + 12])
        return head.partition(b'"')[0].decode("utf-8", "replace")
    return base.role_of(raw)


def _joined(messages: Sequence[memoryview]) -> bytes:
    """The last of them with the blocks of all in it."""
    blocks: list[bytes] = []
    for raw in messages:
        content = bytes(distinct(raw).get("content", Raw(b"[]")))
        if content[:1] == base.QUOTE:
            blocks.append(base.text_block(base.string(content)))
        elif content[:1] == base.BRACKET:
            blocks.extend(bytes(block) for block in decode(_blocks, content))
    members = {**distinct(messages[-1]), "content": Raw(b"[" + b",".join(blocks) + b"]")}
    return encode(members)
