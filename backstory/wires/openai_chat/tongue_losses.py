"""What a provider of OpenAI Chat Completions does not get of a request in another wire.

Rule: "refused" where the answer would not be what was asked for; a member of a body that is not named here is dropped by its name.
"""

from __future__ import annotations

from backstory.core.translation import Loss

LOSSES: dict[str, Loss] = {
    loss.what: loss
    for loss in (
        Loss("file_id", "refused", "the file is kept by another provider"),
        Loss("document url", "refused", "Chat Completions takes documents only with their bytes"),
        Loss("audio url", "refused", "Chat Completions takes audio only with its bytes"),
        Loss("previous_response_id", "refused", "Chat Completions keeps no conversations, and this one is not known here, or not any more"),
        Loss("cache_control", "dropped", "prompts are cached without marks"),
        Loss("citations", "dropped", "citations go back only to the provider that gave them"),
        Loss(
            "thoughts", "dropped", "reasoning that is signed by another provider; the models of OpenAI and others that refuse it get none"
        ),
        Loss("thought signatures", "changed", "reasoning of another provider is a text, where one is demanded on messages with calls"),
        Loss("missing thoughts", "changed", "a placeholder, where reasoning is demanded on messages with calls"),
        Loss("odd", "dropped", "only its own wire knows it"),
        Loss("tools", "dropped", "a tool of another provider"),
        Loss("top_k", "dropped", "Chat Completions has none"),
        Loss("metadata", "dropped", "of another provider"),
        Loss("temperature", "dropped", "models that reason take none"),
        Loss("top_p", "dropped", "models that reason take none"),
        Loss("max_tokens", "changed", "as many as the model is known to give"),
        Loss("top_logprobs", "dropped", "told only with logprobs, which were not asked for"),
        Loss("thinking", "dropped", "the model does not reason, or cannot be told how much"),
        Loss("service_tier", "dropped", "a tier that Chat Completions does not have"),
        Loss("reasoning with tools", "changed", "none: OpenAI's newer models reason with tools only over the wire openai_responses"),
        Loss("reasoning_effort", "changed", "the nearest effort that the model has"),
        Loss("reasoning.summary", "dropped", "Chat Completions gives no summaries"),
        Loss("response_format", "changed", "the word JSON is said, without which OpenAI gives none"),
        Loss("presence_penalty", "dropped", "models that reason take none"),
        Loss("frequency_penalty", "dropped", "models that reason take none"),
        Loss("logit_bias", "dropped", "models that reason take none"),
        Loss("logprobs", "dropped", "models that reason tell none"),
        Loss("response_format.description", "dropped", "only a schema has one"),
        Loss("plain documents", "changed", "text of the message, between tags"),
        Loss("is_error", "changed", 'the result begins with "Error:"'),
        Loss("tool_result media", "changed", "shown in a user's message after the results"),
        Loss(
            "tool names",
            "changed",
            "longer than 64 letters, or with others than letters, digits, _ and -; the answer has the client's name",
        ),
        Loss("allowed_tools", "changed", "the other tools are not sent"),
        Loss("tool ids", "changed", "longer than 40 letters, or other than Mistral takes them (nine letters and digits)"),
        Loss("results", "changed", "a word of the assistant stands between them and the user's, where a provider refuses that (Mistral)"),
        Loss("custom tools", "changed", "a tool that takes its free text as an argument, its grammar in the description"),
        Loss("stop_sequences", "changed", "the first four of them"),
        Loss("strict", "changed", "the schema is not one that OpenAI can enforce"),
        Loss("user", "changed", "longer than 64 letters: a hash of it"),
    )
}
"""By the name that the writer has for it."""
