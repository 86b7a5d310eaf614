"""Recall: the index of a conversation, what a question asks for, how well units answer it, and which of them are told."""
