"""Facts: what sentences state, in which language, which facts hold, and how they are found by words."""
