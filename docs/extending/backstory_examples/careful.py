"""A policy: no private key goes up, no command that deletes a whole disk is run, and an answer that goes in circles ends.

It takes part in all four places where a policy can: it refuses and amends requests, judges calls of tools, and listens to the text.
"""

from __future__ import annotations

import json
import re

from backstory.extend import (
    Allow,
    Amend,
    Call,
    Change,
    Decision,
    End,
    Finish,
    Instead,
    Recast,
    Refuse,
    Request,
    SetText,
    Text,
    Verdict,
)

_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_TOKEN = re.compile(r"\bghp_[A-Za-z0-9]{36}\b")
_DESTROYS = re.compile(r"\brm\s+(?:-\w+\s+)*-\w*r\w*\s+(?:-\w+\s+)*(?:/|~|\$HOME)(?:\s|$|\*)|\bmkfs\b|\bdd\b.*\bof=/dev/")
_FORCED_PUSH = re.compile(r"\bgit push\b(.*)\s--force\b(?!-)")
_COMMANDS = ("command", "cmd", "script")
_MOST_REPEATS = 8


class Careful:
    """The policy itself has no state; each answer has a watch of its own."""

    contract = 1

    async def request(self, request: Request) -> Decision:
        """Refuses a request whose newest message has a private key in it; hides tokens of GitHub wherever they stand."""
        if request.count and _PRIVATE_KEY.search(request.message(-1).text):
            return Refuse("The newest message contains a private key. Take it out and send the message again.")
        if not _TOKEN.search(request.body.decode("utf-8", "replace")):
            return Allow()
        changes: list[Change] = [
            SetText(part.at, _TOKEN.sub("ghp_(hidden)", part.text))
            for message in request.messages
            for part in message.parts
            if isinstance(part, Text) and _TOKEN.search(part.text)
        ]
        return Amend(tuple(changes), f"{len(changes)} texts with tokens in them were changed") if changes else Allow()

    def answer(self, request: Request) -> Watching:
        """Every answer is watched."""
        return Watching()


class Watching:
    """One answer."""

    def __init__(self) -> None:
        self._line = ""
        self._last = ""
        self._repeats = 0
        self._refused = 0

    def heard(self, text: str, thought: bool) -> Allow | End:
        """Ends an answer that says the same line again and again."""
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._repeats = self._repeats + 1 if line.strip() and line == self._last else 0
            self._last = line if line.strip() else self._last
        return End("\n(The answer went in circles, and was ended.)") if self._repeats >= _MOST_REPEATS else Allow()

    def called(self, call: Call) -> Verdict:
        """Judges what a tool is to run, whatever the tool is called."""
        try:
            arguments = json.loads(call.arguments)
        except ValueError:
            return Allow()
        for name in _COMMANDS:
            command = arguments.get(name) if isinstance(arguments, dict) else None
            if not isinstance(command, str):
                continue
            if _DESTROYS.search(command):
                self._refused += 1
                return Instead(f"I wanted to run `{command}`. That was not done: it would delete more than can be brought back.")
            if _FORCED_PUSH.search(command):
                milder = {**arguments, name: command.replace("--force", "--force-with-lease")}
                return Recast(call.name, json.dumps(milder))
        return Allow()

    def over(self, finish: Finish) -> str:
        """Says once more that something was refused."""
        return f"\n({self._refused} command(s) refused. Ask for something else, or run it yourself.)" if self._refused else ""


CAREFUL = Careful()
