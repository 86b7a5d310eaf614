"""What `backstory forget` removes: everything, what is a principal's, a conversation, one of its turns, or what has to do with a person."""

from __future__ import annotations

import argparse

from msgspec import Struct

from backstory.app.faces import stored as faces
from backstory.app.faces.worded import whole
from backstory.commands.people import named_in, person
from backstory.core.records import Conversation, Receipt
from backstory.core.store import Store
from backstory.errors import NotFound
from backstory.memory.text import terms
from backstory.stages.loading import load_turns

_MOST_CONVERSATIONS = 100_000


class Meant(Struct, frozen=True):
    """`what`: in words. `record`: the conversation, None for all. `turn`, `branch`: as shown, 0 for none and for the newest. `person`,
    `principal`: "" and None for none."""

    what: str
    record: Conversation | None
    turn: int = 0
    branch: int = 0
    person: str = ""
    principal: str | None = None


def meant(store: Store, arguments: argparse.Namespace) -> Meant:
    """What the arguments name (app/faces/options.py has checked that it is one thing). NotFound for a conversation that is not there."""
    if arguments.all:
        return Meant("everything", None)
    if arguments.principal is not None:
        return Meant(f"everything of principal {arguments.principal!r}", None, principal=arguments.principal)
    named = arguments.id or arguments.conversation
    record = faces.find(store, named) if named else None
    if arguments.person:
        where = f" in conversation {record.id}" if record is not None else ""
        return Meant(
            f"what {arguments.person!r} said, and what mentions the name,{where or ' everywhere'}", record, person=arguments.person
        )
    if record is None:
        raise NotFound("no conversation was named")
    if not arguments.turn:
        return Meant(f"conversation {record.id}", record)
    where = f" (branch {arguments.branch})" if arguments.branch else ""
    return Meant(f"turn {arguments.turn} of {record.id}{where}", record, arguments.turn, arguments.branch)


def forget(store: Store, asked: Meant, now: float) -> tuple[list[Receipt], str]:
    """Remove it; the receipts, and what else there is to say. NotFound where nothing is there."""
    if asked.person:
        return _person(store, asked, now)
    if asked.principal is not None:
        return [store.forget(asked.principal, now=now)], ""
    return faces.forget(store, asked.record, asked.turn, now, asked.branch), ""


def _person(store: Store, asked: Meant, now: float) -> tuple[list[Receipt], str]:
    """In each conversation by itself: who speaks in one may be only mentioned in another. Labels with the name are taken away."""
    receipts: list[Receipt] = []
    said = answers = mentions = 0
    records = [asked.record] if asked.record is not None else [it for it, _ in store.conversations(None, _MOST_CONVERSATIONS)]
    for record in records:
        if record.label and named_in(record.label, f"@{asked.person}", terms):
            store.put_about(record.principal, record.id, label="")
        whom = person(f"@{asked.person}", whole(store, record, load_turns(store, record)), terms)
        if whom is None or not whom.turns:
            continue
        said, answers, mentions = said + len(whom.said), answers + len(whom.answers), mentions + len(whom.mentions)
        receipts.append(store.forget(record.principal, "", [turn.id for turn in whom.turns], now))
    if not receipts:
        raise NotFound(f"nothing is stored of {asked.person!r}")
    return receipts, f"{said} turns that they said, {answers} in answer to that, {mentions} that mention the name"
