"""How an answer of our own is known again in a history that a client sends back, in this process or another, whatever lies between.

Rule: the last line names the conversation and a hash over command and answer, white space and case apart. So only what we said to that
very command is taken for ours; whoever copies the line into another text, or changes the text above it, has a text of their own.
Nothing is stored for it.
"""

from __future__ import annotations

import re
from hashlib import blake2b

ANSWER = re.compile(b"~vc:")
"""Occurs in every answer of ours. Its first byte is rare in what people and models write: looking for it costs next to nothing."""
REFERENCE = re.compile(b"msg_vc-")
"""Occurs in the id that may stand for one."""

_SAID = "(Backstory answered this itself; neither command nor answer goes to the model. ~vc:{}:{})"
_LINE = re.compile(r"\(Backstory answered[^~\n]{0,120}~vc:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):([0-9a-f]{12})\)\s*\Z")
_ID = re.compile(r"(?:resp_|msg_)?vc-([0-9a-f]{32})([0-9a-f]{12})(?:_([!-~]*))?")
_CHECK_BYTES = 6


def signed(conversation: str, command: str, answer: str) -> str:
    """The answer as it is given."""
    return f"{answer}\n\n{_SAID.format(conversation, _check(conversation, command, answer))}"


def conversation_of(command: str, answer: str) -> str:
    """The conversation in which we gave this answer to this command; "" where it is not ours."""
    match = _LINE.search(answer)
    if match is None:
        return ""
    return match[1] if match[2] == _check(match[1], command, answer[: match.start()]) else ""


def reply_id(conversation: str, command: str, previous: str) -> str:
    """The id of our answer where the provider keeps state by ids: it tells the reply on which the next request builds in truth."""
    named = f"resp_vc-{conversation.replace('-', '')}{_check(conversation, command, '')}"
    return f"{named}_{previous}" if previous else named


def of_reply_id(name: str) -> tuple[str, str] | None:
    """Conversation, and the id that ours stands for ("" where it was the first); None where the id is not ours."""
    match = _ID.fullmatch(name)
    if match is None:
        return None
    digits = match[1]
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])), match[3] or ""


def referred(command: str, name: str) -> str:
    """The conversation in which we gave the answer of this id to this command, where only the id is sent back; "" where it is not ours."""
    found = of_reply_id(name)
    if found is None:
        return ""
    return found[0] if _check(found[0], command, "") in name else ""


def _check(conversation: str, command: str, answer: str) -> str:
    squeezed = "\0".join("".join(text.split()).casefold() for text in (conversation, command, answer))
    return blake2b(squeezed.encode("utf-8", "surrogatepass"), digest_size=_CHECK_BYTES, person=b"backstory answer").hexdigest()
