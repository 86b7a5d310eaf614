"""Floor 2: the wire formats. Pure: bytes in, values out, and back."""
