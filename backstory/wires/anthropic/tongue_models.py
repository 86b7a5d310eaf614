"""What models of Anthropic take and refuse, by their names.

Source: https://platform.claude.com/docs/en/about-claude/models/migration-guide, .../build-with-claude/effort, .../adaptive-thinking.
"""

from __future__ import annotations

import re

from backstory.core.translation import Effort

EFFORTS: dict[Effort, str] = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh"}
HIGHEST = ((re.compile(r"opus-4[.-]6"), "max"), (re.compile(r"4[.-]6"), "high"))
"""What stands for an effort of xhigh where there is none."""
ADAPTIVE = re.compile(r"claude-(?:[a-z]{1,20}-){1,4}(?:4[.-][6-9]|[5-9])(?:\D|$)|claude-mythos")
"""Models that decide themselves how much to think; the later ones take no budget. None of them goes on with an answer that is begun."""
COLD = re.compile(r"claude-(?:[a-z]{1,20}-){1,4}(?:4[.-][7-9]|[5-9])(?:\D|$)|claude-mythos")
"""Those of them that take neither temperature nor top_p nor top_k."""
THINKS = re.compile(r"claude-(?:[a-z]{1,20}-){1,4}[5-9](?:\D|$)|claude-mythos")
"""Those of them that think where nothing is said."""
ALWAYS = re.compile(r"claude-(?:fable|mythos)")
"""Those of them that cannot do without."""
OLD = re.compile(r"claude-(?:instant|2|3)")
UNTHINKING = re.compile(r"claude-(?:instant|2|3-(?:opus|sonnet|haiku|5))")
"""Those that cannot think: .../build-with-claude/extended-thinking."""
FORMLESS = re.compile(r"claude-(?:instant|2|3|4-(?:opus|sonnet)|(?:opus|sonnet)-4(?![.-][1-9](?!\d)))")
"""Those that cannot be held to a schema: .../build-with-claude/structured-outputs."""
EFFORTFUL = re.compile(rf"opus-4[.-]5|{ADAPTIVE.pattern}")
"""Those that can be told an effort: .../build-with-claude/effort."""
MOST: tuple[tuple[re.Pattern[str], int], ...] = (
    (re.compile(r"claude-(?:instant|2|3-(?:opus|sonnet|haiku))"), 4096),
    (re.compile(r"claude-3"), 8192),
    (re.compile(r"claude-"), 32_000),
    (re.compile(""), 8192),
)
"""Output tokens where the client does not say how many: the API demands a number. What the models take, at least."""
