"""The project's own benchmarks: run by hand, never in CI. Each prints a Markdown table; docs/benchmarks.md keeps what was measured."""
