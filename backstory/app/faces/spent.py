"""What `backstory usage` shows: what providers took for all requests, and what memory has made of the bill of those that it weighed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from backstory.app.faces import stored as faces
from backstory.app.faces.stored import UsageRow
from backstory.app.metering import usage
from backstory.app.metering.usage import Asked, By, Group, Names, Request
from backstory.core.charges import Slice
from backstory.core.records import Conversation
from backstory.core.store import Spent, Store
from backstory.errors import ConfigError, RequestError
from backstory.providers import prices

_WEIGHED: dict[By, Spent] = {"model": "model", "day": "day", "conversation": "conversation"}
"""By what memory's own rows can be added up, too."""


class Found(Struct, frozen=True):
    """`served`: of all requests; `weighed`: of those that memory looked at, where it has rows of this kind (`both`)."""

    both: bool
    served: Sequence[Group | Request]
    weighed: Sequence[UsageRow]


def found(store: Store, by: By, record: Conversation | None, since: str, limit: int, names: Names) -> Found:
    """By what they share, or (request) the newest `limit` one by one; of one conversation, or (None) of all. `names`: of principals. Raises
    ConfigError for what is no time, StoreError."""
    try:
        after = usage.moment(since, time.time())
    except RequestError as error:
        raise ConfigError(f"--since {error}") from error
    of = Slice(after, conversation=record.id if record is not None else "")
    served = usage.report(store.charges, Asked(by, of, limit=limit if by == "request" else 0), names).rows
    both = by in _WEIGHED
    return Found(both, served, faces.usage(store, _WEIGHED[by], record, after) if both else ())


def as_json(what: Found) -> Sequence[Group | Request | UsageRow]:
    """Where memory has rows of its own, one row for each name of either."""
    if not what.both:
        return what.served
    served = {one.name: one for one in what.served if isinstance(one, Group)}
    rows = [
        replace(row, served=one.served) if row.kind == "traffic" and (one := served.pop(row.name, None)) is not None else row
        for row in what.weighed
    ]
    return [*rows, *map(_alone, served.values())]


def as_text(what: Found) -> Iterator[str]:
    """For a terminal."""
    if what.served:
        yield from usage.as_table(what.served)
        yield f"prices as of {prices.AS_OF}; times of answers that came to their end\n"
    if what.served and what.weighed:
        yield "\nwhat memory has made of it:\n"
    if what.weighed:
        yield from faces.as_table(what.weighed)


def _alone(one: Group) -> UsageRow:
    """Memory has weighed none of these."""
    return UsageRow(one.name, "traffic", 0, 0, 0, 0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, one.served)
