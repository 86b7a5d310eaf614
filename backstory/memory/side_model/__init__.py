"""What a side model is asked, how its answers are read, and which of its claims hold."""
