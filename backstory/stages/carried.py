"""What was injected before goes along with a client's request for a summary of its history, too.

Rule: such a request is no turn of its conversation, but it begins as the conversation does: without the blocks at its messages the
provider's cache would hold nothing of it. A folded history goes up as it came, for the summary is to be made of its words.
"""

from __future__ import annotations

from backstory.core.edits import AppendText, Edit
from backstory.core.tombs import Tombs
from backstory.memory.economy.leaving import behind
from backstory.memory.folding.assembly import earlier_injections
from backstory.memory.identity.thread import Thread
from backstory.memory.reading.requests import Reading
from backstory.stages.ingest import places


def carried(thread: Thread, reading: Reading, tombs: Tombs) -> list[Edit]:
    """The edits that repeat the blocks. Costs a look at each item, where there are any."""
    if not thread.injections or thread.boundary or thread.stubs or not thread.conversation.memory:
        return []
    places(thread, reading, 0, tombs)
    edits = earlier_injections(thread, reading, range(len(reading.lines)))[0]
    if not thread.behind:
        return edits
    # Of what stood behind the newest mark nothing is in the cache, but for what tools at work have brought since.
    newest = max((place for place in reading.places if place >= 0 and thread.path[place].role != "assistant"), default=-1)
    return [one for one in behind(edits) if not (isinstance(one, AppendText) and one.behind and reading.places[one.index] == newest)]
