"""What is promised to extensions is what CONTRACT says: a change of it without another number fails here.

What an extension that was made before could not know, and need not, may be added under the same number: a name, a field with a default, a
property of Request. Everything else needs another `core.extending.CONTRACT`. `python -m tests.test_extend` writes down what is so now, and
refuses to where the number should have been raised.
"""

from __future__ import annotations

import inspect
import sys
import typing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from backstory import extend
from backstory.extend import CONTRACT

HELD = Path(__file__).parent / "extend_contract.txt"


def contract() -> str:
    """Everything that `backstory.extend` exports, with fields, methods, types and defaults, one line each."""
    lines = [f"contract {CONTRACT}"]
    for name in extend.__all__:
        value = getattr(extend, name)
        if isinstance(value, type):
            lines.append(f"{name}:")
            lines += [f"    {line}" for line in _of_class(value)]
        elif name != "CONTRACT":
            lines.append(f"{name} = {_spelled(value)}")
    return "\n".join(lines) + "\n"


def _of_class(kind: type) -> list[str]:
    if issubclass(kind, msgspec.Struct):
        fields = msgspec.structs.fields(kind)
        by_keyword = any(one.kind is one.KEYWORD_ONLY for one in inspect.signature(kind).parameters.values())
        keyed = "by keyword" if by_keyword else "by place"
        found = [f"{one.name}: {_spelled(one.type)}{_default(one)}" for one in fields]
        return [f"struct, {keyed}", *found, *_methods(kind)]
    values = sorted([f"{name}: {text}" for name, text in inspect.get_annotations(kind).items()])
    slots = [name for name in getattr(kind, "__slots__", ()) if not name.startswith("_")]
    return [*(("protocol",) if getattr(kind, "_is_protocol", False) else ()), *values, *slots, *_methods(kind)]


def _default(one: msgspec.structs.FieldInfo) -> str:
    if one.default is not msgspec.NODEFAULT:
        return f" = {_written(one.default)}"
    return "" if one.default_factory is msgspec.NODEFAULT else f" = {one.default_factory()!r}"


def _written(default: object) -> str:
    """A default. Of a struct, what is not its own default: a field more changes nothing of what was promised."""
    if not isinstance(default, msgspec.Struct):
        return repr(default)
    bare = type(default)()
    given = [name for name in default.__struct_fields__ if getattr(default, name) != getattr(bare, name)]
    return f"{type(default).__name__}({', '.join([f'{name}={getattr(default, name)!r}' for name in given])})"


def _methods(kind: type) -> list[str]:
    found = []
    for name, value in sorted(vars(kind).items()):
        if name.startswith("_"):
            continue
        if isinstance(value, property):
            assert value.fget is not None
            found.append(f"{name} -> {inspect.signature(value.fget).return_annotation}")
        elif inspect.isfunction(value):
            found.append(f"{'async ' if inspect.iscoroutinefunction(value) else ''}{name}{inspect.signature(value)}")
    return found


def _spelled(hint: Any) -> str:
    """A type in words that are the same in every version of Python."""
    if isinstance(hint, list):
        return f"[{', '.join(map(_spelled, hint))}]"
    if hint is ...:
        return "..."
    arguments = [_spelled(one) for one in typing.get_args(hint)] if typing.get_origin(hint) is not typing.Literal else []
    if isinstance(hint, type) and not arguments:
        return hint.__name__
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        return f"one of {typing.get_args(hint)}"
    if arguments and ("Union" in str(origin)):
        return " | ".join(arguments)
    if arguments:
        return f"{getattr(origin, '__name__', str(origin))}[{', '.join(arguments)}]"
    return repr(hint)


def broken(held: str, now: str) -> list[str]:
    """What was promised and is so no longer, though the number is the same."""
    if held.splitlines()[0] != now.splitlines()[0]:
        return []
    before, after = _blocks(held), _blocks(now)
    found = []
    for name, lines in before.items():
        new = after.get(name, [])
        added = [line for line in new if line not in lines]
        if name == "Request":
            harmless = [line for line in new if line in lines] == lines
        else:
            harmless = lines[0].startswith("struct") and new[: len(lines)] == lines and all(" = " in line for line in added)
        if new != lines and not harmless:
            found.append(name)
    return found


def _blocks(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in text.splitlines()[1:]:
        if line.startswith("    "):
            found[[*found][-1]].append(line.strip())
        else:
            name, _, value = line.partition(" = ")
            found[name.rstrip(":")] = [value] if value else []
    return found


def test_nothing_that_is_promised_changes_without_another_number() -> None:
    assert not broken(HELD.read_text(), contract()), "raise core.extending.CONTRACT, then: python -m tests.test_extend"


def test_what_is_written_down_is_what_is_so() -> None:
    assert HELD.read_text() == contract(), "python -m tests.test_extend"


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("    text: str\nAllow:", "    text: bytes\nAllow:", "AddSystem"),
        ("    async request(self, request: 'Request') -> 'Decision'\n", "", "Policy"),
        ("    over(self, finish: 'Finish') -> 'str'\n", "    over(self, finish: 'Finish') -> 'str'\n    seen(self) -> 'str'\n", "Watch"),
        ("    lasts_s: float\n", "    lasts_s: float\n    kind: str\n", "Token"),
        ("    agent -> str\n", "", "Request"),
        ("Verdict = Allow | Instead | Recast | End", "Verdict = Allow | Instead | Recast", "Verdict"),
        ("    status: int = 403\n", "    status: int = 400\n", "Refuse"),
    ],
)
def test_a_broken_promise_is_told(old: str, new: str, name: str) -> None:
    now = contract()
    assert now.count(old) == 1
    changed = now.replace(old, new)
    assert broken(now, changed) == [name]
    assert broken(now, changed.replace(f"contract {CONTRACT}", f"contract {CONTRACT + 1}")) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    lasts_s: float\n", "    lasts_s: float\n    kind: str = ''\n"),
        ("    agent -> str\n", "    age -> float\n    agent -> str\n"),
        ("Account:\n", "Abacus:\n    struct, by place\nAccount:\n"),
    ],
)
def test_what_nobody_need_know_may_be_added(old: str, new: str) -> None:
    now = contract()
    assert now.count(old) == 1
    assert broken(now, now.replace(old, new)) == []


def test_everything_that_is_exported_says_what_it_is() -> None:
    for name in extend.__all__:
        value = getattr(extend, name)
        if isinstance(value, type):
            assert value.__doc__, name
            told = [one for key, one in vars(value).items() if not key.startswith("_") and inspect.isfunction(one)]
            assert all(one.__doc__ for one in told), name


if __name__ == "__main__":
    promised = broken(HELD.read_text(), contract()) if HELD.exists() else []
    if promised:
        sys.exit(f"raise core.extending.CONTRACT first: changed are {', '.join(promised)}")
    HELD.write_text(contract())
