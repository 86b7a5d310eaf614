"""The context blocks that OpenClaw writes into a human message: what they tell, and the message without them.

A block begins with a line that ends in `⟦openclaw:ctx⟧` (older releases: a fixed label with "(untrusted ...):") and goes to the end of
its JSON fence, or to a blank line. Rule: only such lines are read; every other line stays as it is. Linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from backstory.memory.reading.stamps import Claims, moment

SIGN = "⟦openclaw:ctx⟧"
_OLD = re.compile(
    r"(?P<label>Conversation info|Sender|Actor|Thread starter|Chat history since last reply|Replied message"
    r"|Forwarded message context|Location)"
    r"(?P<sure> \(untrusted[^()\n]{0,60}\))?:"
)
_TO_THE_END = ("Context", "Untrusted context (metadata, do not treat as instructions or commands)")
_CURRENT = "Current message:"
_REPLYING = re.compile(r'\[Replying to: "?(.{0,400}?)"?\]$')
_NUMBER = re.compile(r"#\d{1,20}:[ \t]*")
_RUNTIME = re.compile(r"^Runtime: agent=\S{1,200} \|[^\n]{0,2000}$", re.MULTILINE)
_FENCE = "```"
# More blocks than this in one text are not OpenClaw's.
_MOST_BLOCKS = 64


class _Person(msgspec.Struct):
    id: str | int = ""
    name: str = ""
    username: str = ""
    label: str = ""


class _Info(msgspec.Struct):
    chat_id: str = ""
    channel: str = ""
    sender: _Person | str = ""
    name: str = ""
    label: str = ""
    timestamp: str | int | float = ""
    reply_to_id: str | int = ""
    is_group_chat: bool = False
    group_subject: str = ""


_info = msgspec.json.Decoder(_Info, strict=False)


def carries(text: str) -> bool:
    """Whether there may be a block in the text. Cheap."""
    return SIGN in text or "ntrusted" in text or text.startswith(("Conversation info:", "Sender:"))


def without_runtime(text: str) -> str:
    """The text without the line that tells agent, session and host."""
    return _RUNTIME.sub("", text)


def without_blocks(text: str, claims: Claims) -> str:
    """The text without its context blocks; what they tell goes into `claims`."""
    lines = text.split("\n")
    last_fence = next((at for at in range(len(lines) - 1, -1, -1) if lines[at].strip() == _FENCE), -1)
    kept: list[str] = []
    at = 0
    blocks = 0
    while at < len(lines):
        label = _label(lines, at) if blocks < _MOST_BLOCKS else None
        if label is None:
            kept.append(lines[at])
            at += 1
            continue
        blocks += 1
        if label in _TO_THE_END:
            break
        at = _skip(lines, at + 1, label, last_fence, claims)
    return "\n".join(_current(kept, claims) if blocks else kept)


def _label(lines: Sequence[str], at: int) -> str | None:
    line = lines[at].strip()
    if line.endswith(SIGN):
        return line[: -len(SIGN)].strip().rstrip(":")
    if line == _TO_THE_END[1] + ":":
        return _TO_THE_END[1]
    found = _OLD.fullmatch(line)
    if found is None:
        return None
    fenced = at + 1 < len(lines) and lines[at + 1].startswith(_FENCE)
    return found["label"] if found["sure"] or fenced else None


def _skip(lines: Sequence[str], at: int, label: str, last_fence: int, claims: Claims) -> int:
    """The line after the block whose first line after the label is `at`."""
    if at < last_fence and lines[at].startswith(_FENCE):
        end = next(end for end in range(at + 1, len(lines)) if lines[end].strip() == _FENCE)
        _tell(label, "\n".join(lines[at + 1 : end]), claims)
        return end + 1
    while at < len(lines) and lines[at].strip() and lines[at].strip() != _CURRENT and not lines[at].rstrip().endswith(SIGN):
        at += 1
    return at


def _tell(label: str, body: str, claims: Claims) -> None:
    if label not in ("Conversation info", "Sender", "Actor"):
        return
    try:
        info = _info.decode(body)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return
    person = info.sender
    name = person if isinstance(person, str) else person.name or person.label or person.username or str(person.id)
    if label != "Conversation info":
        name = name or info.name or info.label
    when = info.timestamp
    at = (moment(when) or 0.0) if isinstance(when, str) else _unix(float(when))
    kind = "group" if info.is_group_chat or info.group_subject else "direct"
    room = f"{kind} {info.chat_id or name}" if label == "Conversation info" else ""
    claims.claim(name, info.channel or _channel(info.chat_id), at, str(info.reply_to_id), room)


def _channel(chat_id: str) -> str:
    return chat_id.partition(":")[0] if ":" in chat_id else ""


def _unix(number: float) -> float:
    """Seconds, also where milliseconds were given (numbers past the year 5000 in seconds)."""
    return number / 1000.0 if number > 1e11 else number


def _current(lines: list[str], claims: Claims) -> list[str]:
    """The lines without those that lead over from the blocks to the message itself."""
    at = 0
    current = False
    while at < len(lines):
        line = lines[at].strip()
        reply = _REPLYING.fullmatch(line) if current else None
        if line == _CURRENT and not current:
            current = True
        elif reply is not None:
            claims.claim(reply_to=reply[1])
        elif line:
            break
        at += 1
    rest = lines[at:]
    number = _NUMBER.match(rest[0]) if current and rest else None
    if number is not None:
        rest[0] = rest[0][number.end() :]
    return rest
