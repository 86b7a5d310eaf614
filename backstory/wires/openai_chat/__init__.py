"""OpenAI Chat Completions: the wire, its streams, answers of several legs, and the same for translation."""
