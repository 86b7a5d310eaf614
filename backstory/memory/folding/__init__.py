"""Folding: when and where, segments, digests, what stands for them, and what a client's own summary must not lose."""
