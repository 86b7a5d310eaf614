"""Floor 2: the wire formats. Pure: bytes in, values out, and back. WIRES is the list of them: a new format is one file and one line."""

from __future__ import annotations

from backstory.core.translation import Tongue
from backstory.core.wire import Wire
from backstory.wires.anthropic import Anthropic
from backstory.wires.anthropic_tongue import AnthropicTongue
from backstory.wires.gemini import Gemini
from backstory.wires.gemini_tongue import GeminiTongue
from backstory.wires.openai_chat import OpenAIChat
from backstory.wires.openai_chat_tongue import OpenAIChatTongue
from backstory.wires.openai_responses import OpenAIResponses
from backstory.wires.openai_responses_tongue import OpenAIResponsesTongue

WIRES: tuple[Wire, ...] = (Anthropic(), OpenAIChat(), OpenAIResponses(), Gemini())
"""No two of them claim the same request."""

TONGUES: tuple[Tongue, ...] = (AnthropicTongue(), OpenAIChatTongue(), OpenAIResponsesTongue(), GeminiTongue())
"""The same formats for translation, one for each wire."""
