"""What a command is."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

Takes: TypeAlias = Literal["nothing", "maybe", "something"]


class Command(Struct, frozen=True):
    """`name`: as it stands after the prefix. `word`: its form as a whole message, "" for none. `takes`: whether an argument belongs to it.
    `argument`: what that is, for people. `choices`: the only arguments there are, empty for any. `sets`: it only sets something, and may
    end a message that goes on to the model without it; `asks` are arguments with which it sets nothing."""

    name: str
    word: str
    meaning: str
    takes: Takes = "nothing"
    argument: str = ""
    choices: tuple[str, ...] = ()
    sets: bool = False
    asks: tuple[str, ...] = ()

    def accepts(self, argument: str) -> bool:
        """Whether it can be carried out with this argument."""
        if self.takes == "nothing":
            return not argument
        if not argument:
            return self.takes == "maybe"
        return not self.choices or argument.lower() in self.choices

    def usage(self, prefix: str) -> str:
        """How it is typed."""
        inner = f"({self.argument})" if self.takes == "something" else f"[({self.argument})]" if self.takes == "maybe" else ""
        typed = f"{prefix}{self.name}{inner}"
        if not self.word:
            return typed
        rest = f" {self.argument}" if self.takes == "something" else f" [{self.argument}]" if self.takes == "maybe" else ""
        return f"{self.word}{rest} or {typed}"
