"""Backstory: a transparent HTTP proxy between LLM clients and LLM providers that gives every conversation a memory."""

__version__ = "0.1.0"
