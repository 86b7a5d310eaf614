"""Everything that extensions are made of: import from here, and from nowhere else in Backstory. docs/extending.md shows how.

Rule: what stands here is promised as long as CONTRACT is the same; everything else in Backstory may change at any time.
"""

from __future__ import annotations

from backstory.core.edits import AddSystem, AppendText, PrependText, SetParam, SetText, StrikeText
from backstory.core.exchange import Headers, Outcome
from backstory.core.extending import (
    CONTRACT,
    Account,
    Allow,
    Amend,
    Asked,
    Change,
    Command,
    Decision,
    End,
    Instead,
    Payment,
    Pays,
    Policy,
    Provider,
    Recast,
    Refuse,
    Request,
    Spoken,
    Stage,
    Token,
    Verdict,
    Watch,
)
from backstory.core.legs import Call
from backstory.core.message import Media, Message, Opaque, Part, Path, Text, Thinking, ToolCall, ToolResult
from backstory.core.provider_row import Row
from backstory.core.reply import Finish, Reply, Usage
from backstory.core.translation import Habits

__all__ = [
    "CONTRACT",
    "Account",
    "AddSystem",
    "Allow",
    "Amend",
    "AppendText",
    "Asked",
    "Call",
    "Change",
    "Command",
    "Decision",
    "End",
    "Finish",
    "Habits",
    "Headers",
    "Instead",
    "Media",
    "Message",
    "Opaque",
    "Outcome",
    "Part",
    "Path",
    "Payment",
    "Pays",
    "Policy",
    "PrependText",
    "Provider",
    "Recast",
    "Refuse",
    "Reply",
    "Request",
    "Row",
    "SetParam",
    "SetText",
    "Spoken",
    "Stage",
    "StrikeText",
    "Text",
    "Thinking",
    "Token",
    "ToolCall",
    "ToolResult",
    "Usage",
    "Verdict",
    "Watch",
]
