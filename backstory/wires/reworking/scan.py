"""Text of a model as it comes: what is said, what is thought between tags, and which tools are called by tags.

Rule: what a text comes to does not depend on the pieces in which it comes, and what is not cut out is told as it is. Code (fences, and
spans within a line) is never looked into. A tag that is never closed is text. The one exception: an answer that begins with a thought is
told as one at once, and stays one if it is cut off.
"""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from msgspec import Struct

from backstory.wires.reworking.text_calls import Kind, Shapes, TextCall

Think: TypeAlias = Literal["keep", "reasoning", "remove"]

_TAGS = frozenset({"think", "thinking", "thought", "thoughts", "reasoning", "seed:think"})
_SIGNS = {"[THINK]": "[/THINK]", "◁think▷": "◁/think▷"}
"""Thoughts that begin by a sign of their own (Magistral, Kimi-VL)."""
_OPENINGS = tuple([f"<{tag}>" for tag in sorted(_TAGS)] + [sign.lower() for sign in _SIGNS])
_LONGEST = max(map(len, _OPENINGS))
_CLOSE = "</think>"
MOST = 8 * 1024 * 1024
"""Characters of one call, or of one thought that is held until it is closed: a longer one is text."""
_MOST_TRIES = 32
"""So many closing tags of a call are tried before it is text."""
_MOST_FAILURES = 64
_MOST_READ = MOST
"""So many calls may turn out to be none, and so many characters may be read for nothing, before no more are looked for."""
_MARK = re.compile(r"[\n`~<\[◁]")
_OPEN = re.compile(r"<((?:[A-Za-z_][\w.\-]{0,99}:)?[A-Za-z_][\w.\-]{0,99})((?:=|\s)[^<>]{0,400})?>")
_PART = re.compile(r"<(?:[A-Za-z_][\w.\-]{0,99}:?[\w.\-]{0,99}(?:(?:=|\s)[^<>]{0,400})?)?")
_NOT_SPACE = re.compile(r"\S")


class Plain(Struct, frozen=True, tag=True):
    """What is said."""

    text: str


class Inner(Struct, frozen=True, tag=True):
    """What is thought; `over` with the last of one thought."""

    text: str
    over: bool = False


class Spoken(Struct, frozen=True, tag=True):
    """Calls of tools, in place of the text `source`."""

    calls: tuple[TextCall, ...]
    source: str


class Gone(Struct, frozen=True, tag=True):
    """A thought was here, and is removed."""


Span: TypeAlias = Plain | Inner | Spoken | Gone


class Scanner:
    """One text. `visible`: something was said in the answer before it, so that it cannot begin with a thought. `begun`: it begins within
    one, whose opening tag was told to the model. `holds`: there is text that was not told yet."""

    __slots__ = (
        "_at", "_begun", "_blank", "_buffer", "_calls", "_close", "_closing", "_cut", "_failures", "_fence", "_fresh", "_info",
        "_lead", "_more", "_never", "_out", "_seen", "_span", "_tail", "_think", "_tries", "_vain", "_wait", "_waits", "_whole",
        "visible",
    )  # fmt: skip

    def __init__(self, think: Think, calls: Shapes | None, visible: bool = False, begun: bool = False) -> None:
        self._think = think
        self._calls = calls
        self.visible = visible
        self._begun = begun and think != "keep" and not visible
        self._buffer = ""
        self._more: list[str] = []
        self._at = 0
        self._out: list[Span] = []
        # Where in Markdown: only white space so far in this line; the fence and span that are open; in the line that opens a fence.
        self._blank = True
        self._fence = ""
        self._info = False
        self._closing = False
        self._span = 0
        # The thought that is told as it comes, by its closing tag; white space that waits for what it belongs to.
        self._close = ""
        self._fresh = not visible
        self._cut = False
        self._whole = True
        self._lead = ""
        # The tag at the beginning of the buffer that waits for its end: looked for from `_seen` on.
        self._wait = ""
        self._waits = 0
        self._tail = ""
        self._seen = 0
        self._tries = 0
        self._failures = 0
        self._vain = 0
        self._never: set[str] = set()

    @property
    def holds(self) -> bool:
        """See Scanner."""
        return bool(self._buffer or self._more or self._lead)

    def feed(self, text: str) -> list[Span]:
        """What is known now that there is this text."""
        if self._wait:
            self._more.append(text)
            self._waits += len(text)
            window = self._tail + text
            self._tail = window[-len(self._wait) :]
            if self._wait not in window and self._waits < MOST:
                return []
            text = ""
        self._buffer = "".join([self._buffer, *self._more, text])
        return self._run(final=False)

    def end(self) -> list[Span]:
        """There is no more text."""
        self._buffer = "".join([self._buffer, *self._more])
        out = self._run(final=True)
        if self._lead and self._whole:
            out.append(Plain(self._lead))
        self._lead = ""
        return out

    def _run(self, final: bool) -> list[Span]:
        self._more, self._wait = [], ""
        while self._step(final):
            pass
        self._buffer = self._buffer[self._at :]
        self._at = 0
        self._waits = len(self._buffer)
        self._tail = self._buffer[-len(self._wait) :] if self._wait else ""
        out, self._out = self._out, []
        return out

    def _step(self, final: bool) -> bool:
        """One thing is told. False where there is nothing more, or more text is needed first."""
        if self._begun:
            return self._begin(final)
        if self._close:
            return self._inside(final)
        mark = _MARK.search(self._buffer, self._at)
        end = len(self._buffer) if mark is None else mark.start()
        if end > self._at:
            self._pass(end)
        if mark is None:
            return False
        sign = mark.group()
        if sign == "\n":
            return self._new_line()
        if sign in "`~":
            return self._ticks(sign, final)
        if self._fence or self._span:
            return self._pass(self._at + 1)
        return self._tag(final) if sign == "<" else self._sign(final)

    # --- what is said

    def _pass(self, end: int) -> bool:
        """The text up to there is told as it is."""
        text = self._buffer[self._at : end]
        self._at = end
        if text.strip(" \t>"):
            self._blank = self._closing = False
        self._say(text)
        return True

    def _say(self, text: str) -> None:
        """White space at the beginning, and behind what was cut out, is told with what follows it, or never."""
        if self._fresh:
            rest = text.lstrip()
            self._lead += text[: len(text) - len(rest)]
            if not rest:
                return
            text = rest if self._cut else self._lead + rest
            self._fresh = self._cut = False
            self._lead = ""
            self.visible = True
        if text:
            self._out.append(Plain(text))

    def _new_line(self) -> bool:
        self._say("\n")
        self._at += 1
        if self._closing:
            self._fence = ""
        self._blank, self._span, self._info, self._closing = True, 0, False, False
        return True

    def _ticks(self, sign: str, final: bool) -> bool:
        """A run of ` or ~: it may open or close a fence, or a span."""
        end = self._at
        while end < len(self._buffer) and self._buffer[end] == sign:
            end += 1
        if end == len(self._buffer) and not final:
            return False
        count, blank = end - self._at, self._blank
        self._pass(end)
        if self._fence:
            self._in_fence(sign, count, blank)
        elif self._span:
            self._span = 0 if sign == "`" and count == self._span else self._span
        elif blank and count >= 3:
            self._fence, self._info = sign * count, sign == "`"
        elif sign == "`":
            self._span = count
        return True

    def _in_fence(self, sign: str, count: int, blank: bool) -> None:
        if self._info and sign == "`":
            # No fence: what follows one on its line has no such sign in it.
            self._span = 0 if count == len(self._fence) else len(self._fence)
            self._fence, self._info = "", False
        elif blank and sign == self._fence[0] and count >= len(self._fence):
            self._closing = True

    # --- tags

    def _sign(self, final: bool) -> bool:
        """One of the signs that thoughts begin by."""
        rest = self._buffer[self._at : self._at + 8]
        for opening, closing in _SIGNS.items():
            if self._think != "keep" and rest.startswith(opening) and closing not in self._never:
                return self._thought(self._at + len(opening), closing, final)
            if self._think != "keep" and not final and opening.startswith(rest):
                return False
        return self._pass(self._at + 1)

    def _tag(self, final: bool) -> bool:
        found = _OPEN.match(self._buffer, self._at)
        if found is None:
            part = _PART.match(self._buffer, self._at)
            if not final and part is not None and part.end() == len(self._buffer) and self._concerns(part.group()):
                return False
            return self._pass(self._at + 1)
        name = found.group(1)
        if self._think != "keep" and name.lower() in _TAGS and not (found.group(2) or "").strip():
            closing = f"</{name}>"
            return self._pass(self._at + 1) if closing in self._never else self._thought(found.end(), closing, final)
        kind = self._calls.opened(name, found.group(2) or "") if self._calls is not None else None
        if kind is None or kind.close in self._never:
            return self._pass(self._at + 1)
        return self._call(kind, found.end(), final)

    def _begin(self, final: bool) -> bool:
        """The text begins within a thought, unless it opens one itself."""
        found = _NOT_SPACE.search(self._buffer, self._at)
        if found is None and not final:
            return False
        start = len(self._buffer) if found is None else found.start()
        first = self._buffer[start : start + _LONGEST].lower()
        opens = any(first.startswith(one) for one in _OPENINGS)
        if not opens and not final and any(one.startswith(first) for one in _OPENINGS):
            return False
        if not opens and self._think == "remove" and self._found(_CLOSE, start, final) == _WAITS:
            return False
        self._begun = False
        if opens or (self._think == "remove" and self._buffer.find(_CLOSE, start) < 0):
            return True
        return self._thought(start, _CLOSE, final)

    def _concerns(self, part: str) -> bool:
        """Whether what begins so may be a tag that is looked for."""
        name = re.split(r"[=\s]", part[1:], maxsplit=1)[0]
        if len(name) + 1 == len(part):
            return True
        return (self._think != "keep" and name.lower() in _TAGS) or (self._calls is not None and self._calls.concerns(name))

    def _thought(self, start: int, closing: str, final: bool) -> bool:
        """A thought begins. Where it begins the answer, it is told as it comes; else, when it is closed."""
        if self._think == "reasoning" and not self.visible:
            self._at, self._close = start, closing
            self._cut_out(drop=True)
            self._out.append(Inner(""))
            return True
        end = self._found(closing, start, final)
        if end < 0:
            return end == _FAILED and self._pass(self._at + 1)
        if self._think == "reasoning":
            self._out.append(Inner(self._buffer[start:end], over=True))
            self._cut_out(drop=False)
        else:
            self._out.append(Gone())
            self._whole, self._cut = False, self._fresh
        self._at, self._seen = end + len(closing), 0
        return True

    def _cut_out(self, drop: bool) -> None:
        """Something that is not said stands here. `drop`: white space behind it belongs to it."""
        self._lead, self._whole, self._fresh, self._cut = "", False, True, drop
        self._blank = self._blank or drop

    def _inside(self, final: bool) -> bool:
        """Within a thought that is told as it comes."""
        end = self._buffer.find(self._close, self._at)
        if end >= 0:
            self._out.append(Inner(self._buffer[self._at : end], over=True))
            self._at, self._close = end + len(self._close), ""
            return True
        rest = len(self._buffer)
        keep = 0 if final else _overlap(self._buffer[self._at :], self._close)
        if final or rest - keep > self._at:
            self._out.append(Inner(self._buffer[self._at : rest - keep], over=final))
        self._at = rest - keep
        return False

    def _call(self, kind: Kind, start: int, final: bool) -> bool:
        """Calls, if what stands up to one of the closing tags can be read as such."""
        begins = _NOT_SPACE.search(self._buffer, start)
        if begins is None and not final:
            return False
        if begins is None or not kind.may_begin(begins.group()):
            return self._pass(self._at + 1)
        stop = self._read(kind, start, final)
        if stop == _WAITS:
            return False
        self._seen = self._tries = 0
        if stop >= 0:
            self._at = stop
            self._cut_out(drop=True)
            return True
        self._failures += 1
        if self._failures >= _MOST_FAILURES or self._vain >= _MOST_READ:
            self._calls = None
        return self._pass(self._at + 1)

    def _read(self, kind: Kind, start: int, final: bool) -> int:
        """Where the calls end that begin here, _WAITS or _FAILED."""
        calls = self._calls
        while calls is not None and self._tries < _MOST_TRIES and self._vain < _MOST_READ:
            end = self._found(kind.close, start, final)
            if end == _WAITS or (end == _FAILED and not final):
                return end
            cut = end == _FAILED
            stop = len(self._buffer) if cut else end + len(kind.close)
            if self._spoken(calls.read(kind, self._buffer[start : stop if cut else end], cut), stop):
                return stop
            if cut:
                return self._read_laxly(calls, kind, start)
            self._seen = stop - self._at
            self._tries += 1
        return _FAILED

    def _read_laxly(self, calls: Shapes, kind: Kind, start: int) -> int:
        """The text has ended, so that no other end of the calls can come: the first one at which they can be read at all."""
        lax = calls.laxly()
        end = self._buffer.find(kind.close, start)
        for _ in range(_MOST_TRIES):
            if end < 0:
                break
            stop = end + len(kind.close)
            if self._spoken(lax.read(kind, self._buffer[start:end]), stop):
                return stop
            end = self._buffer.find(kind.close, stop)
        return _FAILED

    def _spoken(self, found: tuple[TextCall, ...], stop: int) -> bool:
        if found:
            self._out.append(Spoken(found, self._buffer[self._at : stop]))
        else:
            self._vain += stop - self._at
        return bool(found)

    def _found(self, closing: str, start: int, final: bool) -> int:
        """Where the closing tag stands; _WAITS where it may still come, _FAILED where it does not."""
        end = self._buffer.find(closing, max(start, self._at + self._seen), self._at + MOST)
        if end >= 0:
            return end
        if final:
            if not self._tries:
                self._never.add(closing)
        elif len(self._buffer) - self._at < MOST:
            self._wait = closing
            self._seen = max(start - self._at, len(self._buffer) - self._at - len(closing) + 1)
            return _WAITS
        self._seen = 0
        return _FAILED


_WAITS, _FAILED = -1, -2


def _overlap(text: str, closing: str) -> int:
    """How many of the last characters may be the beginning of the closing tag."""
    for count in range(min(len(text), len(closing) - 1), 0, -1):
        if closing.startswith(text[-count:]):
            return count
    return 0
