"""Floor 2: the wire formats. Pure: bytes in, values out, and back. WIRES is the list of them: a new format is one file and one line.

The same formats for translation are in `tongues.TONGUES`: they are loaded where a provider speaks another wire than its clients.
"""

from __future__ import annotations

from backstory.core.wire import Wire
from backstory.wires.anthropic.wire import Anthropic
from backstory.wires.gemini.wire import Gemini
from backstory.wires.openai_chat.wire import OpenAIChat
from backstory.wires.openai_responses.wire import OpenAIResponses

WIRES: tuple[Wire, ...] = (Anthropic(), OpenAIChat(), OpenAIResponses(), Gemini())
"""No two of them claim the same request."""
