"""The four wires."""

from __future__ import annotations

from collections.abc import Mapping

from backstory.app.conformance.anthropic import Anthropic
from backstory.app.conformance.gemini import Gemini
from backstory.app.conformance.openai_chat import OpenAIChat
from backstory.app.conformance.openai_responses import OpenAIResponses
from backstory.app.conformance.values import Dialect

DIALECTS: Mapping[str, Dialect] = {one.name: one for one in (Anthropic(), OpenAIChat(), OpenAIResponses(), Gemini())}
