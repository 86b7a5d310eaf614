"""A command: `!/code` shows the newest block of code in the conversation, `!/code(python)` the newest one in this language."""

from __future__ import annotations

import re

from backstory.extend import Asked, Command

_BLOCK = re.compile(r"^```([\w+-]*)[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)


async def _run(asked: Asked) -> str:
    wanted = asked.argument.lower()
    for turn in reversed(asked.turns):
        for language, code in reversed(_BLOCK.findall(turn.text)):
            if wanted in ("", language.lower()):
                return f"Turn {turn.number}, {turn.role}:\n\n```{language}\n{code}```"
    return f"No block of {wanted or 'code'} has been said in this conversation yet."


CODE = Command(
    contract=1,
    name="code",
    meaning="show the newest block of code that was said here, or the newest one in a language",
    run=_run,
    takes="maybe",
    argument="language",
)
