"""Answers that are made over in their client's wire: thoughts and calls in their text, policies, another model's thoughts."""
