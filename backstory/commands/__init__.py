"""In-chat commands: what a person types into a conversation for the proxy itself. COMMANDS is the list; one family per file.

Rule: pure. A family says what its commands are called and what their answers read like; who carries them out is stages/command.py.
"""

from __future__ import annotations

from backstory.commands.command import Command
from backstory.commands.folding import FOLDING
from backstory.commands.forgetting import FORGETTING
from backstory.commands.guide import GUIDE
from backstory.commands.links import LINKS
from backstory.commands.search import SEARCH
from backstory.commands.state import STATE
from backstory.commands.steering import STEERING

COMMANDS: tuple[Command, ...] = (*GUIDE, *STATE, *LINKS, *SEARCH, *FOLDING, *FORGETTING, *STEERING)
