"""What a message says, and in whose words: what clients wrap around it, who speaks, when, and what is ours in it."""
