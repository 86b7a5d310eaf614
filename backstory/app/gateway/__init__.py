"""Requests that go elsewhere than they came for: routing, translation, augmentation, policies, and what is asked beside."""
