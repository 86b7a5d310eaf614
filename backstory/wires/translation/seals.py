"""What one provider sealed, in the hands of a client of another wire: in that wire's place for what it seals itself.

Rule: whoever writes such a place, and whoever reads it, does so here, so that what is handed back is known again whatever the wire.
"""

from __future__ import annotations

from urllib.parse import quote, unquote

from backstory.core.translation import Thought

_OURS = "backstory:"


def wrapped(seal: str, sealed: str, name: str = "") -> str:
    """What another wire sealed, for a client that hands back what its own wire seals. `name`: of the thing that it belongs to."""
    return f"{_OURS}{seal}:{quote(name, safe='')}:{sealed}"


def unwrapped(text: str) -> tuple[str, str, str]:
    """`seal`, `sealed` and `name` of what was wrapped; ("", text, "") for anything else."""
    if not text.startswith(_OURS):
        return "", text, ""
    seal, _, rest = text[len(_OURS) :].partition(":")
    name, _, sealed = rest.partition(":")
    return seal, sealed, unquote(name)


def carried(thought: Thought, own: str) -> str:
    """What a client keeps for the way back in its wire's place for a signature. Another wire's seal says so."""
    if not thought.id and (thought.seal == own or not thought.sealed):
        return thought.sealed
    return wrapped(thought.seal, thought.sealed, thought.id)


def uncarried(text: str, own: str) -> tuple[str, str, str]:
    """(sealed, seal, id) of what a client brings back."""
    if not text.startswith(_OURS):
        return text, own if text else "", ""
    seal, sealed, name = unwrapped(text)
    return sealed, seal, name
