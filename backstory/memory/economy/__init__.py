"""What memory costs and saves: when a boundary may move, what may be held or added, what providers have counted."""
