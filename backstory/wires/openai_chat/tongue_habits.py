"""OpenAI Chat Completions for translation: where its providers differ in what they take, as the catalogue has it of each.

Rule: what depends on a provider stands in its row (core/translation.py: Habits); of those without one the model's name tells.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from backstory.core.translation import Asked, Effort, GoesBack, Habits, Thought
from backstory.wires.openai_chat.tongue_pieces import OWN, detail_of
from backstory.wires.translation.efforts import effort_for
from backstory.wires.translation.tongue import EFFORTS, Json, Losses, nearest

_MUTE = re.compile(r"(?:^|/)(?:o\d|gpt-|chatgpt|codex|(?:open-)?(?:mi[sx]tral|ministral|magistral|devstral|codestral|pixtral))")
"""Models whose usual providers refuse a history with thoughts in it."""
BRIDGE = "I have the results."
"""What the assistant says between a tool's results and a user's words, where they may not follow each other."""
PLACEHOLDER = "(These thoughts were not kept.)"
"""In place of reasoning that is demanded, and not there."""
MEMBERS: dict[GoesBack, str] = {"reasoning": "reasoning", "reasoning_content": "reasoning_content", "demanded": "reasoning_content"}
"""The member in which reasoning goes back. Seals go to none of these."""
_DEFAULT = "default"


def thinking_at(habits: Habits, model: str) -> GoesBack:
    """How reasoning goes back to this model there; "": as its name tells."""
    if habits.thoughts and habits.thinkers and not re.search(habits.thinkers, model):
        return "none"
    return habits.thoughts


def thoughts_back(thoughts: Sequence[Thought], asked: Asked, called: bool, lost: Losses) -> Json:
    """What stands of these thoughts in their message. `called`: it holds calls. Some providers demand them back, others pass over them, and
    some refuse them."""
    how = thinking_at(asked.habits, asked.model)
    if not how:
        return _by_name(thoughts, asked.model, lost)
    own = [one for one in thoughts if how != "none" and one.seal in {"", OWN}]
    text = "".join([one.text for one in (thoughts if how == "demanded" and called else own)])
    if len(own) < len(thoughts) and not (text and how == "demanded" and called):
        lost.note("thoughts")
    if how == "demanded" and called:
        if len(own) < len(thoughts) and text:
            lost.note("thought signatures")
        if not text:
            lost.note("missing thoughts")
            text = PLACEHOLDER
    return {MEMBERS[how]: text} if text else {}


def _by_name(thoughts: Sequence[Thought], model: str, lost: Losses) -> Json:
    kept = [one for one in thoughts if not _MUTE.search(model) and one.seal in {"", OWN}]
    if len(kept) < len(thoughts):
        lost.note("thoughts")
    if not kept:
        return {}
    text = "".join([one.text for one in kept])
    out: Json = {"reasoning_content": text} if text else {}
    if any(one.sealed for one in kept):
        out["reasoning_details"] = [detail_of(one, place) for place, one in enumerate(kept)]
    return out


def exact_id(name: str, length: int) -> str:
    """The id of a call, where it is so many letters and digits; else one made of it, always the same one."""
    if len(name) == length and name.isascii() and name.isalnum():
        return name
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:length]


def effort_at(habits: Habits, model: str, effort: Effort) -> str:
    """What this model there is told of this effort; "" where it cannot be told any."""
    known = next((found for pattern, found in habits.efforts.items() if re.search(pattern, model)), None)
    if known is None:
        return effort_for(model, effort)
    if effort in known or not known:
        return effort if effort in known else ""
    if effort != "none" and _DEFAULT in known:
        return _DEFAULT
    allowed = [one for one in EFFORTS if one in known]
    return nearest(effort, allowed) if allowed else ""
