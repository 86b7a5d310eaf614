"""What a provider of Anthropic Messages does not get of a request in another wire.

Rule: "refused" where the answer would not be what was asked for; a member of a body that is not named here is dropped by its name.
"""

from __future__ import annotations

from backstory.core.translation import Loss

LOSSES: dict[str, Loss] = {
    loss.what: loss
    for loss in (
        Loss("n", "refused", "Anthropic Messages gives one answer"),
        Loss("modalities", "refused", "Anthropic Messages answers in text"),
        Loss("audio", "refused", "Anthropic Messages takes no audio"),
        Loss("video", "refused", "Anthropic Messages takes no video"),
        Loss("file", "refused", "Anthropic Messages takes PDF and plain text"),
        Loss("file_id", "refused", "the file is kept by another provider"),
        Loss(
            "previous_response_id", "refused", "Anthropic Messages keeps no conversations, and this one is not known here, or not any more"
        ),
        Loss("seed", "dropped", "Anthropic Messages has no seed"),
        Loss("logit_bias", "dropped", "Anthropic Messages has none"),
        Loss("logprobs", "dropped", "Anthropic Messages tells none"),
        Loss("presence_penalty", "dropped", "Anthropic Messages has none"),
        Loss("frequency_penalty", "dropped", "Anthropic Messages has none"),
        Loss("metadata", "dropped", "only the user's id has a place"),
        Loss("store", "dropped", "Anthropic Messages stores no answers"),
        Loss("service_tier", "dropped", "a tier that Anthropic does not have"),
        Loss("tools", "dropped", "a tool of another provider"),
        Loss("strict", "dropped", "not every model takes it"),
        Loss("detail", "dropped", "Anthropic looks at all images alike"),
        Loss("annotations", "dropped", "citations go back only to the provider that gave them"),
        Loss("thoughts", "dropped", "reasoning goes back only with its signature, to the provider that signed it"),
        Loss("odd", "dropped", "only its own wire knows it"),
        Loss("blank", "dropped", "text without letters is refused"),
        Loss("name", "dropped", "nobody has a name in Anthropic Messages"),
        Loss("temperature", "changed", "at most 1; none with thinking, nor for Claude Opus 4.7 and later models"),
        Loss("top_p", "dropped", "none with thinking, beside a temperature, nor for Claude Opus 4.7 and later models"),
        Loss("top_k", "dropped", "none with thinking, nor for Claude Opus 4.7 and later models"),
        Loss("stop", "dropped", "stop sequences of blanks are refused"),
        Loss("max_tokens", "changed", "as many as the model is known to give"),
        Loss("thinking", "dropped", "the model does not think"),
        Loss("reasoning", "changed", "thinking cannot go with what else was asked"),
        Loss("reasoning_effort", "changed", "the nearest budget of thinking, or the nearest effort"),
        Loss("reasoning.summary", "dropped", "how thoughts are summed up cannot be chosen"),
        Loss(
            "response_format",
            "changed",
            "an instruction to answer in JSON: the wire knows only schemas, and models before Claude 4.1 not even these",
        ),
        Loss("response_format.description", "dropped", "a format is only a schema"),
        Loss(
            "schema",
            "changed",
            "objects of an answer's schema have no further members, and limits (minimum, maxLength ...) stand in its descriptions",
        ),
        Loss("custom tools", "changed", "a tool that takes its free text as an argument, its grammar in the description"),
        Loss("tool ids", "changed", "with others than letters, digits, _ and -"),
        Loss("allowed_tools", "changed", "the other tools are not sent"),
        Loss(
            "tool names",
            "changed",
            "longer than 64 letters, or with others than letters, digits, _ and -; the answer has the client's name",
        ),
        Loss("arguments", "changed", "arguments that are no object stand in one"),
        Loss("system messages", "changed", "an instruction in the middle is part of a user's message"),
        Loss("messages", "changed", "a conversation begins with a user's message"),
        Loss("prefill", "changed", "an answer that is begun loses the blanks at its end; Claude 4.6 and later models are asked to go on"),
        Loss("refusal", "changed", "text of the assistant"),
        Loss("user", "changed", "longer than 256 letters: a hash of it"),
    )
}
"""By the name that the writer has for it."""
