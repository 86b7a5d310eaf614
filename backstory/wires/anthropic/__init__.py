"""Anthropic Messages: the wire, its streams, answers of several legs, and the same for translation."""
