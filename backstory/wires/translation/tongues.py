"""The wire formats for translation, one for each wire."""

from __future__ import annotations

from backstory.core.translation import Tongue
from backstory.wires.anthropic.tongue import AnthropicTongue
from backstory.wires.gemini.tongue import GeminiTongue
from backstory.wires.openai_chat.tongue import OpenAIChatTongue
from backstory.wires.openai_responses.tongue import OpenAIResponsesTongue

TONGUES: tuple[Tongue, ...] = (AnthropicTongue(), OpenAIChatTongue(), OpenAIResponsesTongue(), GeminiTongue())
