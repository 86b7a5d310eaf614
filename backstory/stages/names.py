"""Names that clients have given to conversations, as far as they were asked for here.

Rule: of a name that nobody had when it was asked for, the store says who has it: the conversation that is stored first under it, here or by
another process (stores/begun.py). What was begun here all the same is gone on with there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable

from backstory.core.records import Conversation
from backstory.core.store import Lanes, Store

ANSWERS = ("response:", "item:")
"""Names of what the provider has called an earlier answer."""
# So long a request waits at most until the first answer under its name is stored.
_STORED_S = 0.5


class Names:
    """Those in memory. Used on the event loop only."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._known: dict[tuple[str, str], str] = {}
        # Of these the store was not told yet; nobody had these; of these it was told lately, as another process may have told it.
        self._unstored: set[tuple[str, str]] = set()
        self._free: set[tuple[str, str]] = set()
        self._told: set[tuple[str, str]] = set()

    def __len__(self) -> int:
        return len(self._known)

    def get(self, principal: str, key: str) -> str | None:
        """The conversation that this names, as far as it is known here."""
        return self._known.get((principal, key))

    def unstored(self, principal: str, key: str) -> bool:
        """Whether the store was not told of it yet: somebody else may have told it of another."""
        return (principal, key) in self._unstored

    async def find(self, principal: str, key: str) -> str | None:
        """The same, as it is stored, or else known here. Raises StoreError."""
        at = (principal, key)
        stored = await self._lanes.read(lambda store: store.alias(principal, key))
        conversation = stored or self._known.get(at)
        if conversation is not None:
            self._known[at] = conversation
        if stored is not None:
            self._free.discard(at)
        elif not key.startswith(ANSWERS):
            self._free.add(at)
        return conversation

    def give(self, record: Conversation, key: str) -> bool:
        """From now on `key` names this conversation. True where that is to be stored (`given`)."""
        at = (record.principal, key)
        if self._known.get(at) == record.id:
            return at in self._unstored
        self._known[at] = record.id
        self._unstored.add(at)
        return True

    def free(self, principal: str, keys: Iterable[str]) -> tuple[str, ...]:
        """Those of these names that nobody had."""
        return tuple([key for key in keys if (principal, key) in self._free])

    def given(self, principal: str, keys: Iterable[str], shared: bool) -> None:
        """The store was told of these names. `shared`: so it may have been by another process."""
        for key in keys:
            at = (principal, key)
            self._unstored.discard(at)
            if at in self._free:
                self._free.discard(at)
                if shared:
                    self._told.add(at)

    async def decided(self, principal: str, key: str) -> None:
        """Until the store has said whose this name is, where it was told of it lately. It is waited for once, half a second at most."""
        at = (principal, key)
        if at in self._told:
            self._told.discard(at)
            stored = asyncio.ensure_future(self._lanes.flush())
            # Who does not wait any more leaves it to end by itself.
            await asyncio.wait({stored}, timeout=_STORED_S)

    def keep(self, conversations: Collection[str]) -> None:
        """No others than those of these conversations."""
        self._known = {key: value for key, value in self._known.items() if value in conversations}
        for some in (self._unstored, self._free, self._told):
            some.intersection_update(self._known)

    def clear(self) -> None:
        """None is known any more."""
        self._known.clear()
        for some in (self._unstored, self._free, self._told):
            some.clear()


def led_to(store: Store, principal: str, conversation: str) -> Conversation | None:
    """The conversation of this id, or the one that it was taken into when it was begun under a name that another had. Blocks."""
    found = store.conversation(principal, conversation)
    other = store.alias(principal, conversation) if found is None else None
    return store.conversation(principal, other) if other is not None else found
