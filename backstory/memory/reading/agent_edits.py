"""What coding agents write into files, as it stands in their requests: that files were written, and that an edit has failed.

Data, and how it is looked for. Rule: an edit counts as failed by the words with which a known client begins its report of that, in the
result of a tool that edits (or in the user's message, where a client has no tools); never by words in the middle of something else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from backstory.core.message import Message, Text, ToolCall, ToolResult

WRITERS = frozenset(
    {
        "write", "edit", "multiedit", "notebookedit", "multi_edit",
        "write_to_file", "replace_in_file", "apply_diff", "insert_content", "search_and_replace", "search_replace", "edit_file",
        "write_file", "replace", "smart_edit",
        "patch", "apply_patch", "create_file", "new_file",
        "str_replace_editor", "str_replace_based_edit_tool", "str_replace", "insert_edit_into_file", "replace_string_in_file",
    }
)  # fmt: skip
"""Tools by which files are written, of Claude Code, Cline, Roo, Kilo, Gemini CLI, Qwen Code, opencode, Codex, Crush and others."""
_SHELLS = frozenset({"shell", "exec", "exec_command", "local_shell", "bash", "shell_command"})
_LOOKS_ONLY = re.compile(r'"command"\s*:\s*"(?:view|undo_edit)"')
_BY_SHELL = re.compile(r"apply_patch|\*\*\* Begin Patch")
# The same calls as text: Cline's and Roo's tags, Aider's blocks.
_TAGS = re.compile(r"<(?:write_to_file|replace_in_file|apply_diff|insert_content|search_and_replace|edit_file)>\s*<", re.ASCII)
_BLOCKS = re.compile(r"^<{5,9} SEARCH\b.*?^>{5,9} REPLACE\b", re.MULTILINE | re.DOTALL)
# Aider begins every conversation with an example, and ends that so.
_EXAMPLE_OVER = "I switched to a new code base. Please don't consider the above files"
EXAMPLE_HINT = b"I switched to a new code base."
EXAMPLE_MOST = 8
"""The end of an example has these bytes, and is among so many messages."""

_FAR = 400


class Sign(Struct, frozen=True):
    """`text`: what the report has near its beginning (a regular expression)."""

    client: str
    text: str


RESULT_SIGNS = (
    Sign("claude code", r"String to replace not found in file|Found \d+ matches of the string to replace, but replace_all is false"),
    Sign("gemini cli", r"Failed to edit(?:, |\. Found | because the text matches )"),
    Sign("gemini cli", r"\b0 occurrences found for old_string|[Ee]xpected \d+ occurrences? but found \d+"),
    Sign("opencode", r"oldString not found in content|Could not find oldString in the file|Found multiple matches for oldString"),
    Sign("opencode", r"oldString found multiple times"),
    Sign("cline", r"The SEARCH block:|SEARCH block content doesn't match"),
    Sign("roo", r"No sufficiently similar match found|Unable to apply diff to file|Failed to apply diff"),
    Sign("roo", r"No match found (?:in file: |for (?:the specified )?'old_string')"),
    Sign("roo", r"Found \d+ matches (?:of|for the specified) 'old_string'"),
    Sign("roo", r"Occurrence count mismatch in file: |Expected \d+ occurrence\(s\) but found \d"),
    Sign("pi", r"Could not find the exact text in |Found \d+ occurrences of (?:the text|edits\[\d+\]) in "),
    Sign("codex", r"apply_patch verification failed|Failed to find (?:expected lines|context) "),
    Sign("crush", r"old_string (?:not found in file|appears multiple times in the file)"),
)
"""What tools give back. The gaps of a report that come before (an element, `Error:`, a JSON member) are short."""
USER_OPENINGS = (
    Sign("aider", r"# ?\d+ SEARCH/REPLACE blocks? failed to match!|The LLM did not conform to the edit format"),
    Sign("aider", r"UnifiedDiff(?:NoMatch|NotUnique): "),
)
"""How a user's message opens in which a client reports it."""
_REPORT = re.compile(
    r"\s*\[(?:replace_in_file|write_to_file|apply_diff|insert_content|search_and_replace|edit_file)\b[^\]\n]{0,300}\] Result:"
    r"\s*(?P<report>.*)",
    re.DOTALL,
)
_RESULTS = tuple((sign.client, re.compile(sign.text)) for sign in RESULT_SIGNS)
_OPENINGS = tuple((sign.client, re.compile(r"\s*(?:" + sign.text + ")")) for sign in USER_OPENINGS)


def failed_edit(messages: Sequence[Message]) -> str:
    """The client that reports a failed edit in what is new since the last answer, "" where none does. `messages`: the last answer's
    calls and what follows."""
    calls = {part.id: part for message in messages for part in message.parts if isinstance(part, ToolCall) and part.id}
    for message in messages:
        if message.role not in ("user", "tool"):
            continue
        for part in message.parts:
            found = ""
            if isinstance(part, ToolResult) and _edits(part, calls):
                found = _in_result(part.text)
            elif isinstance(part, Text) and message.role == "user":
                found = _in_words(part.text)
            if found:
                return found
    return ""


def ends_example(message: Message) -> bool:
    """Whether what was said up to this message is an example of a client's own."""
    return message.role == "user" and any(isinstance(part, Text) and part.text.startswith(_EXAMPLE_OVER) for part in message.parts)


def count_writes(message: Message) -> int:
    """How many files a message writes into: its calls, and edits in its text."""
    if message.role != "assistant":
        return 0
    return sum(map(_writes, message.parts))


def _writes(part: object) -> int:
    match part:
        case ToolCall(_, name, arguments):
            return int(_call_writes(name, arguments))
        case Text(text):
            return len(_TAGS.findall(text)) + (len(_BLOCKS.findall(text)) if " SEARCH" in text else 0)
    return 0


def _call_writes(name: str, arguments: str) -> bool:
    plain = name.rpartition(".")[2].rpartition("__")[2].lower()
    if plain in WRITERS:
        return not _LOOKS_ONLY.search(arguments[:_FAR])
    return plain in _SHELLS and _BY_SHELL.search(arguments) is not None


def _edits(result: ToolResult, calls: dict[str, ToolCall]) -> bool:
    """Whether this is the result of a tool that edits; of one whose call is not there, perhaps."""
    call = calls.get(result.id)
    if call is not None:
        return _call_writes(call.name, call.arguments)
    return not result.name or _call_writes(result.name, "apply_patch")


def _in_result(text: str) -> str:
    report = _REPORT.match(text)
    start = (report["report"] if report is not None else text)[:_FAR]
    return next((client for client, pattern in _RESULTS if pattern.search(start)), "")


def _in_words(text: str) -> str:
    found = next((client for client, pattern in _OPENINGS if pattern.match(text)), "")
    return _in_result(text) if not found and _REPORT.match(text[:_FAR]) else found
