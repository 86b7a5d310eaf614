"""OpenAI Responses: the wire, its streams, answers of several legs, its WebSocket, and the same for translation."""
