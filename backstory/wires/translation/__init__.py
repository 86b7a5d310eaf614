"""Between two wires: what the tongues of all of them share, and how two of them are put together."""
