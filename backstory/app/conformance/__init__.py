"""The conformance suite: whether a gateway translates between the four wires as their clients and providers need it.

It knows nothing of this project's own wires and tongues, so that their mistakes cannot hide here: each wire is written down once more, as
its documentation has it, from both of its ends (`anthropic/wire.py`, `openai_chat/wire.py`, `openai_responses/wire.py`, `gemini/wire.py`).
"""
