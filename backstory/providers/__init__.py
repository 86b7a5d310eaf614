"""Floor 2: which provider a request goes to, and what providers charge. Data and pure decisions."""
