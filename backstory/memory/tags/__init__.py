"""Tags: what turns are about, in a vocabulary that converges."""
