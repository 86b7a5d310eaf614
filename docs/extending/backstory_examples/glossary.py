"""A stage: where a person uses one of the house's abbreviations, its meaning goes along with that message.

What goes along depends on the message alone, so it is the same in every later request, and the provider's prompt cache stays warm. The
glossary is a JSON file of names and meanings, which the variable GLOSSARY names.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from backstory.extend import AppendText, Change, Outcome, Request, Text

log = logging.getLogger("backstory.glossary")


class Glossary:
    """`meanings`: by abbreviation."""

    contract = 1

    def __init__(self, meanings: Mapping[str, str]) -> None:
        self._meanings = dict(meanings)
        self._names = re.compile(r"\b(?:" + "|".join(map(re.escape, self._meanings)) + r")\b") if meanings else None
        self.explained: set[str] = set()

    async def request(self, request: Request) -> Sequence[Change]:
        """The meanings of what each message of a person mentions, at its end."""
        names = self._names
        if names is None or not names.search(request.body.decode("utf-8", "replace")):
            return ()
        changes = []
        for index, message in enumerate(request.messages):
            if message.role != "user" or not any(isinstance(part, Text) for part in message.parts):
                continue
            found = dict.fromkeys(names.findall(message.text))
            if found:
                self.explained.update(found)
                changes.append(AppendText(index, "\n".join(f"({name}: {self._meanings[name]})" for name in found)))
        return changes

    def finished(self, request: Request, outcome: Outcome) -> None:
        """Tells at level debug what the request came to."""
        log.debug("%s: %s, status %d", request.conversation, outcome.ended, outcome.status)


def _read() -> dict[str, str]:
    named = os.environ.get("GLOSSARY")
    return dict(json.loads(Path(named).read_text(encoding="utf-8"))) if named else {}


GLOSSARY = Glossary(_read())
