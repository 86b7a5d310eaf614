"""A person who talks through a proxy, and says some things to the proxy itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from backstory.config import Config
from backstory.config.sections import Commands, Identity
from backstory.core.message import Text
from backstory.wires import WIRES
from tests.rig import PATHS, Rig, asking
from tests.stages.world import configured, conversation


def commanded(
    folder: Path, undo_s: float = 600.0, principal: str = "single", enabled: bool = True, deadline_ms: float = 20_000.0
) -> Config:
    """Settings: memory takes part from the fourth message on, and protects the newest exchange."""
    return replace(
        configured(folder, deadline_ms=deadline_ms),
        commands=Commands(undo_s=undo_s, enabled=enabled),
        identity=Identity(principal),  # type: ignore[arg-type]
    )


class Talk:
    """One client with its history. `say` gives the answer; `local`: whether the proxy gave the last one; `id`: the conversation."""

    def __init__(self, one: Rig, *headers: bytes, wire: str = "openai_chat", **more: Any) -> None:
        self.one = one
        self.headers = headers
        self.wire = next(found for found in WIRES if found.name == wire)
        self.more = more
        self.messages: list[tuple[str, str]] = []
        self.local = False
        self.id = ""
        self.head = b""

    async def say(self, text: str) -> str:
        self.messages.append(("user", text))
        before = len(self.one.upstream.received)
        self.head, body = await self.one.ask(PATHS[self.wire.name], asking(self.wire.name, self.messages, **self.more), *self.headers)
        self.local = len(self.one.upstream.received) == before
        self.id = conversation(self.head)
        answer = "".join(part.text for part in self.wire.reply(body).parts if isinstance(part, Text))
        self.messages.append(("assistant", answer))
        return answer

    async def told(self, command: str) -> str:
        """The proxy's own answer, without its last line."""
        answer = await self.say(command)
        assert self.local, f"{command} went upstream"
        assert answer.count("(Backstory answered this itself") == 1
        return answer.partition("\n\n(Backstory answered")[0]

    def forget_all_but(self, last: int) -> None:
        """The client drops the beginning of its history."""
        del self.messages[: len(self.messages) - last]


def texts_sent(one: Rig) -> list[str]:
    """What the messages of the newest request upstream said (Chat)."""
    return [message["content"] for message in json.loads(one.sent.body)["messages"]]
