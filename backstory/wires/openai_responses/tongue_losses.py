"""What a provider of OpenAI Responses does not get of a request in another wire.

Rule: "refused" where the answer would not be what was asked for; a member of a body that is not named here is dropped by its name.
"""

from __future__ import annotations

from backstory.core.translation import Loss

_NO_PLACE = "the Responses API has no such parameter"
LOSSES: tuple[Loss, ...] = (
    Loss("stop", "dropped", _NO_PLACE),
    Loss("top_k", "dropped", _NO_PLACE),
    Loss("seed", "dropped", _NO_PLACE),
    Loss("presence_penalty", "dropped", _NO_PLACE),
    Loss("frequency_penalty", "dropped", _NO_PLACE),
    Loss("logit_bias", "dropped", _NO_PLACE),
    Loss("n", "refused", "the Responses API gives one answer"),
    Loss("modalities", "refused", "the Responses API answers in text"),
    Loss("previous_response_id", "refused", "a conversation that another provider keeps cannot go on here"),
    Loss("file_id", "refused", "the file is kept by another provider"),
    Loss("temperature", "dropped", "reasoning models refuse it"),
    Loss("top_p", "dropped", "reasoning models refuse it"),
    Loss("max_tokens", "changed", "at least 16, and at most as many as the model is known to give"),
    Loss("context_management", "dropped", "edits of a context in another provider's words"),
    Loss("reasoning", "dropped", "the model does not reason, or cannot be told how much"),
    Loss("reasoning.effort", "changed", "the nearest effort that the model has"),
    Loss("cache_control", "dropped", "the provider caches by itself"),
    Loss("name", "dropped", "messages have no name of a speaker"),
    Loss("thinking", "dropped", "reasoning that another provider sealed is of no use to this one"),
    Loss("thought_signature", "dropped", "a seal of another provider is of no use to this one"),
    Loss("tool_result.is_error", "changed", "results have no mark of an error: the text says so"),
    Loss("video", "refused", "the Responses API takes no video"),
    Loss("audio", "changed", "only mp3 and wav are taken as audio: others go as a file"),
    Loss("assistant.media", "dropped", "the assistant's messages hold text only"),
    Loss("messages", "changed", "instructions without a message are one"),
    Loss("response_format", "changed", "the word JSON is said in a message, without which OpenAI gives none"),
    Loss("strict", "changed", "the schema is not one that OpenAI can enforce"),
    Loss("tool ids", "changed", "longer than 64 letters"),
    Loss("tool names", "changed", "longer than 64 letters, or with others than letters, digits, _ and -; answers have the client's name"),
    Loss("tools", "changed", "the provider's own tool of the same use takes its place"),
    Loss("user", "changed", "longer than 64 letters: a hash of it"),
    Loss("prompt_cache_key", "changed", "longer than 64 letters: a hash of it"),
    Loss("safety_identifier", "changed", "longer than 64 letters: a hash of it"),
    Loss("metadata", "changed", "the first 16 pairs whose names have at most 64 letters and whose values are texts of at most 512"),
    Loss("service_tier", "dropped", "a tier that OpenAI does not have"),
)
"""What does not get through to a provider of this wire, whatever the client's."""
