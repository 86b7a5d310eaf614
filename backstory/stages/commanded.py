"""Commands of extensions: what they are called, and how one is carried out. They stand beside those of commands/ in stages/command.py."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from msgspec.structs import replace

from backstory.commands.command import Command
from backstory.commands.grammar import Asked
from backstory.core.extending import Asked as Given
from backstory.core.extending import Command as Extension
from backstory.core.extending import Spoken
from backstory.errors import ExtensionError
from backstory.memory.identity.thread import Thread
from backstory.stages.base import Failed, attempted
from backstory.stages.fuse import Fuse
from backstory.stages.visit import Visit

_LIMIT_S = 10.0
_MOST = 100_000
"""Characters of an answer."""


class Commanded:
    """`commands`: as the manual lists them. `failed` is told of what broke. `project`: the name of the state that names a project."""

    def __init__(self, extensions: Sequence[tuple[str, Extension]], failed: Failed, project: str) -> None:
        self._failed = failed
        self._project = project
        self._fuses = {extension.name: Fuse(name) for name, extension in extensions}
        self._extensions = {extension.name: extension for _, extension in extensions}
        self.commands: tuple[Command, ...] = tuple(
            [Command(one.name, "", one.meaning, one.takes, one.argument, one.choices) for _, one in extensions]
        )

    @property
    def handlers(self) -> Mapping[str, Callable[[Visit, str], Awaitable[str]]]:
        """As those of stages/command.py, by name."""
        return {command.name: self._handler(command.name) for command in self.commands}

    def known(self, asked: Asked) -> Asked:
        """What was asked, with the extension's command where it is one."""
        found = next((one for one in self.commands if asked.command is None and one.name == asked.name), None)
        return asked if found is None else replace(asked, command=found)

    def _handler(self, name: str) -> Callable[[Visit, str], Awaitable[str]]:
        async def handler(visit: Visit, argument: str) -> str:
            return await self._run(name, visit, argument)

        return handler

    async def _run(self, name: str, visit: Visit, argument: str) -> str:
        """Raises ExtensionError for whatever went wrong."""
        fuse, thread = self._fuses[name], visit.thread
        record = thread.conversation
        project = thread.states.get(self._project, "")
        given = Given(argument, record.id, record.label, project, record.model, _spoken(thread))
        nothing = ""
        told = await attempted(self._failed, fuse.where, fuse.wait("run", self._extensions[name].run(given), _LIMIT_S), nothing)
        if not isinstance(told, str) or not told.strip():
            raise ExtensionError(f"{fuse.where} gave no answer (the proxy's log says why)")
        return told[:_MOST]


def _spoken(thread: Thread) -> tuple[Spoken, ...]:
    """The turns of its branch that are not about to be forgotten."""
    return tuple([Spoken(turn.position + 1, turn.role, turn.text, turn.at) for turn in thread.path if turn.id not in thread.hidden])
