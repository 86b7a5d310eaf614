"""Digests without what was forgotten: their lines name the turns that they tell of, so that what tells of some turns can be taken out.

Rule: a line that names no turn may tell of any. A digest that has one is not kept in part.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Sequence

from msgspec.structs import replace

from backstory.core.records import Digest
from backstory.core.tokens import estimate

CLAIMANT = "Summary"
"""Who speaks in lines that a side model wrote: what they say may come from turns that they do not name."""
_LINE = re.compile(r"#(\d+) (.*)", re.DOTALL)
_ALSO = re.compile(r"\(also (#\d+(?:, #\d+)*)\)")
_NUMBER = re.compile(r"#(\d+)")
# What stands where there was nothing to tell says which turns there are, and nothing of what was said.
_LEFT_OUT = re.compile(r"\[#\d+ to #\d+ are left out here;[^\]]*\]")
# The fences around a digest, and its headings: days.
_FENCE, _HEADING = ("<", ">"), ("[", "]")


def without(digest: Digest, gone: Container[int], claims: bool = True) -> Digest | None:
    """The digest without the lines that tell of turns with these numbers; None where it has lines of which that cannot be told. One of
    which nothing is left has no text, and stands for its turns all the same. `claims`: whether lines of a side model may stay."""
    return kept(digest, lambda number: number not in gone, claims)


def unsaid(first: int, last: int) -> str:
    """The line of a digest that has nothing to tell of the turns with these numbers: without it a model would take what is left for all
    there was."""
    return f"[#{first} to #{last} are left out here; what is asked for of them is recalled]"


def tells_nothing(digest: Digest) -> bool:
    """Whether it only says which turns it stands for, or nothing at all."""
    return not any(_LINE.fullmatch(line) for line in digest.text.split("\n"))


def kept(digest: Digest, tells: Callable[[int], bool], claims: bool = True) -> Digest | None:
    """The digest with those lines alone of whose turns all are told of. See `without`."""
    lines = digest.text.split("\n") if digest.text else []
    body = [line for line in lines if not _is(line, _FENCE)]
    if not all(_is(line, _HEADING) or _LINE.fullmatch(line) for line in body):
        return None
    left = list(_left(body, tells, claims))
    if len(left) == len(body):
        return digest
    fences = [line for line in lines if _is(line, _FENCE)]
    text = "\n".join([*fences[:1], *left, *fences[1:]]) if left else ""
    return replace(digest, text=text, tokens=min(digest.tokens, estimate(text)) if text else 0)


def _left(body: Sequence[str], tells: Callable[[int], bool], claims: bool) -> Iterator[str]:
    heading = ""
    for line in body:
        found = _LINE.fullmatch(line)
        if found is None:
            if _LEFT_OUT.fullmatch(line):
                yield line
            else:
                heading = line
            continue
        claimed = found[2].startswith(f"{CLAIMANT}: ")
        also = _ALSO.search(found[2]) if claimed else None
        numbers = [found[1], *(_NUMBER.findall(also[1]) if also is not None else ())]
        if (claims or not claimed) and all(tells(int(number)) for number in numbers):
            if heading:
                yield heading
                heading = ""
            yield line


def _is(line: str, ends: tuple[str, str]) -> bool:
    return line.startswith(ends[0]) and line.endswith(ends[1])
