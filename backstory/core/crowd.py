"""Whether JSON holds so many objects that reading it would keep all other requests waiting: memory then leaves it alone.

Reading takes some microseconds for each object, in one piece. Half a million turns of nothing fit into a body that is quickly sent.
"""

from __future__ import annotations

import re

MOST_OBJECTS = 60_000
"""So many are read within a second, whatever they are: ten thousand turns of a tool loop have half of that."""
_LEAST_BYTES = 3 * MOST_OBJECTS
_OBJECT = re.compile(rb'\{[ \t\r\n]*["}]')


def crowded(raw: bytes, start: int = 0, most: int = MOST_OBJECTS) -> bool:
    """Whether more than `most` objects stand in these bytes from `start` on. Braces in texts hardly count: the quotes after them
    are escaped."""
    if len(raw) - start < _LEAST_BYTES or raw.count(b"{", start) <= most:
        return False
    return sum(1 for _ in _OBJECT.finditer(raw, start)) > most
