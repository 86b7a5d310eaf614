"""Which conversation a request belongs to, and where in it: names, hashes, histories that came back otherwise, what was forgotten."""
