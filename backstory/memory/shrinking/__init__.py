"""Tool output and media in fewer tokens: which gives way, in which short form, and how it comes back."""
