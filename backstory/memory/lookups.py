"""What functions keep of people's words, so that nothing is worked out twice: it goes when something is forgotten.

Rule: whatever remembers texts, or words of them, for longer than a request stands in LOOKUPS.
"""

from __future__ import annotations

from backstory.core import tokens
from backstory.memory import forms, text
from backstory.memory.facts import alike, extraction, slots
from backstory.memory.identity import named
from backstory.memory.recall import inflected, inview

LOOKUPS = (
    tokens.forget,
    text.forget,
    forms.forget,
    named.forget,
    alike.forget,
    extraction.forget,
    slots.forget,
    inflected.forget,
    inview.forget,
)


def forget() -> None:
    """Hold nothing any more. What is said again is worked out again."""
    for one in LOOKUPS:
        one()
