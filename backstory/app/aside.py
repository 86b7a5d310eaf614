"""What is said while the store cannot be opened: journalled as it came, and taken in once the store is open.

Rule: a journal is no store. It holds so much and no more; what comes then is only relayed.
"""

from __future__ import annotations

import msgspec

from backstory.config.sections import Storage
from backstory.core.records import Arrival
from backstory.errors import BackstoryError, StoreError
from backstory.stores.database import journal_place
from backstory.stores.inbox import Inbox

# Each request has its whole history in it, so a conversation of 100 exchanges of 1 KB takes 5 MB.
_MOST_BYTES = 128 << 20
_MOST_BODY = 8 << 20

_encoder = msgspec.msgpack.Encoder()


def has_room(storage: Storage, size: int) -> bool:
    """Whether the journals beside this store may take one more exchange whose request has so many bytes. Raises BackstoryError."""
    return size <= _MOST_BODY and Inbox.size(*journal_place(storage.url, storage.journal)) + size < _MOST_BYTES


class Aside:
    """The journal of a process without a store. Raises StoreError where it cannot be begun."""

    def __init__(self, storage: Storage) -> None:
        try:
            self._place = journal_place(storage.url, storage.journal)
        except BackstoryError as cause:
            raise StoreError(str(cause)) from cause
        self._inbox = Inbox(*self._place)
        self._bytes = Inbox.size(*self._place)
        self._closed = False
        self.count = 0
        """Exchanges that `turn_over` has not let go of yet."""

    def has_room(self, size: int) -> bool:
        """Whether an exchange whose request has so many bytes can be kept."""
        return not self._closed and size <= _MOST_BODY and self._bytes + size < _MOST_BYTES

    def keep(self, arrival: Arrival) -> int:
        """Journal it; the number of the entry, 0 where there is no room. Raises StoreError."""
        payload = _encoder.encode(arrival)
        if self._closed or self._bytes + len(payload) > _MOST_BYTES:
            return 0
        self._bytes += len(payload)
        self.count += 1
        return self._inbox.append(payload)

    def turn_over(self) -> None:
        """What was kept so far is left to whoever takes in the journals of dead processes. Raises StoreError: then nothing more is kept."""
        self.close()
        self._inbox = Inbox(*self._place)
        self._closed = False

    def close(self) -> None:
        """Keep nothing more. A second call does nothing."""
        self._closed = True
        self.count = 0
        self._inbox.close()
