"""The wire formats for translation, one for each wire."""

from __future__ import annotations

from backstory.core.translation import Tongue
from backstory.wires.anthropic_tongue import AnthropicTongue
from backstory.wires.gemini_tongue import GeminiTongue
from backstory.wires.openai_chat_tongue import OpenAIChatTongue
from backstory.wires.openai_responses_tongue import OpenAIResponsesTongue

TONGUES: tuple[Tongue, ...] = (AnthropicTongue(), OpenAIChatTongue(), OpenAIResponsesTongue(), GeminiTongue())
