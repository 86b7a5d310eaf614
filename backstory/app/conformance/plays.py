"""What the scripted provider can play, by name. A request names its play with `[[conformance:NAME]]` somewhere in its messages (the last
one counts) or with a model `conformance-NAME`. `[[conformance:NAME@WIRE]]` says as well in whose words the provider has to be asked."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec.structs import replace

from backstory.app.conformance.values import Call, Heard, Play, Refusal, Text, Thought, Usage, dumped

_MARKER = re.compile(r"\[\[conformance:([a-z0-9-]+)(?:@([a-z_]+))?\]\]")
_MODEL = re.compile(r"conformance-([a-z0-9-]+)")

UNICODE = 'Grüße, naïve café — “quotes”, 你好, עברית, 👩‍👩‍👧 and 🦭; \t"tab", back\\slash,\nnew line; \u2028 ends.'
LONG = "".join(f"Line {number} of what is long enough to need many pieces.\n" for number in range(300))
THOUGHTS = "The user wants to know about the sea. I should look north first."
SIGNATURE = "c2lnbmF0dXJlIG9mIHRoZSBwcm92aWRlciwgbG9uZyBlbm91Z2ggdG8gYmUgb25l"
CALLS = (
    Call("call_north1", "look", '{"place":"north — Zürich","depth":2,"deep":{"list":[1,"two",null]}}'),
    Call("call_south2", "look", '{"place":"south \\"Rio\\"","depth":3}'),
)
BARE = Call("call_bare3", "look", "{}")
SPOKEN = "Let me look."
DECLINED = "I cannot help with that."
TROUBLE = "The sea is too rough today."
PAUSE_S = 0.2
"""How long the play "slow" rests in its middle."""

_CALLED = Play((Text(SPOKEN), *CALLS), "tool_calls", size=5)
_TEXT = Play((Text("Hello from the other side."),))
_STATUSES: Mapping[int, str] = {400: "", 401: "", 404: "", 429: "7", 500: "", 503: "", 529: "11"}
"""Errors, with their `retry-after` in seconds."""

PLAYS: Mapping[str, Play] = {
    "text": _TEXT,
    "unicode": Play((Text(UNICODE),), size=3, cut=5),
    "long": Play((Text(LONG),), size=40),
    "call": Play((CALLS[0],), "tool_calls", size=4),
    "calls": _CALLED,
    "bare": Play((BARE,), "tool_calls"),
    "thinking": Play((Thought(THOUGHTS, SIGNATURE), Text("It is blue.")), usage=Usage(20, 30, thoughts=12)),
    "thinking-calls": replace(_CALLED, parts=(Thought(THOUGHTS, SIGNATURE), *_CALLED.parts)),
    "usage": Play((Text("Counted."),), usage=Usage(1200, 90, 800, 100, 30)),
    "length": Play((Text("This is cut off in the"),), "length"),
    "sequence": Play((Text("Up to here "),), "sequence", sequence="END"),
    "refusal": Play((Refusal(DECLINED),), "refusal"),
    "nothing": Play(),
    "slow": Play((Text("Early. "), Text("Late.")), how="slow"),
    "mirror": Play(how="mirror", size=200),
    "breaks": Play((Text("It begins well and then "),), how="breaks", message=TROUBLE),
    "cut": Play((Text("It begins well and then stops for good."),), how="cut"),
    "html": Play(status=502, how="html", message=TROUBLE),
    "html-200": Play(how="html", message=TROUBLE),
    "mistyped": replace(_TEXT, how="mistyped"),
    "unstreamed": replace(_TEXT, how="unstreamed"),
    "empty": Play(how="empty"),
    **{f"error-{status}": Play(status=status, message=TROUBLE, retry_after=after) for status, after in _STATUSES.items()},
}


def marker(name: str, wire: str = "") -> str:
    """What a prompt has to hold. `wire`: of the provider, "" for any."""
    return f"[[conformance:{name}@{wire}]]" if wire else f"[[conformance:{name}]]"


def chosen(body: str, model: str, wire: str = "") -> tuple[str, Play]:
    """The play that this request names, and its name; "text" where it names none. An unknown one answers with status 400. `wire`: in whose
    words it was asked; where those are not the words that it should be asked in, the answer says just that, which is right for no case."""
    named = _MARKER.findall(body) or [(name, "") for name in _MODEL.findall(model)]
    name, wanted = named[-1] if named else ("text", "")
    if wire and wanted and wire != wanted:
        return name, Play((Text(f"The provider was asked in the words of {wire}, not of {wanted}."),))
    return name, PLAYS.get(name) or Play(status=400, message=f"there is no play {name!r}; there are {', '.join(PLAYS)}")


def mirrored(play: Play, heard: Heard) -> Play:
    """The play, with what was heard as its text."""
    return replace(play, parts=(Text(dumped(heard).decode()),))
