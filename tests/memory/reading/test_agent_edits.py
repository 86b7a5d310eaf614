"""Failed edits and written files, in the shapes of each coding agent."""

from __future__ import annotations

import pytest

from backstory.core.message import Message, Text, ToolCall, ToolResult
from backstory.memory.reading.agent_edits import count_writes, ends_example, failed_edit

REPORTS = [
    ("gemini cli", "edit", "Failed to edit. Found 3 occurrences for old_string in /a.py but replace_all was not enabled."),
    ("gemini cli", "edit", "Failed to edit because the text matches multiple locations. Provide more context."),
    ("roo", "search_replace", '{"status":"error","error":"No match found for the specified \'old_string\'. Please ensure"}'),
    ("roo", "edit", "No match found for 'old_string' in a.py. Make sure the text to find appears exactly"),
    ("roo", "edit", "Found 2 matches of 'old_string' in the file. Use 'replace_all: true'"),
    ("roo", "search_replace", "Found 2 matches for the specified 'old_string'. This tool can only replace ONE"),
    ("roo", "edit_file", "No match found in file: /w/a.py\n\n<error_details>\nThe provided old_string could not be found"),
    ("roo", "edit_file", "Occurrence count mismatch in file: /w/a.py\n\n<error_details>\nExpected 1 occurrence(s) but found 2"),
    ("roo", "edit_file", "Expected 1 occurrence(s) but found 2. Please adjust your old_string"),
    ("pi", "edit", "Could not find the exact text in a.py. The old text must match exactly"),
    ("pi", "edit", "Found 2 occurrences of edits[0] in a.py. Each oldText must be unique."),
    ("pi", "edit", "Found 2 occurrences of the text in a.py. The text must be unique."),
    ("claude code", "Edit", "<tool_use_error>String to replace not found in file.\nString: a</tool_use_error>"),
    (
        "claude code",
        "Edit",
        "<tool_use_error>Found 2 matches of the string to replace, but replace_all is false. To replace all</tool_use_error>",
    ),
    ("gemini cli", "replace", '{"error": "Failed to edit, 0 occurrences found for old_string in /a/b. No edits made."}'),
    ("gemini cli", "replace", "Failed to edit, Expected 1 occurrence but found 2 for old_string in file: /a"),
    ("opencode", "edit", "Error: oldString not found in content"),
    (
        "opencode",
        "edit",
        "Could not find oldString in the file. It must match exactly, including whitespace, indentation, and line endings.",
    ),
    ("opencode", "edit", "Found multiple matches for oldString. Provide more surrounding context to make the match unique."),
    (
        "cline",
        "replace_in_file",
        "The tool execution failed with the following error:\n<error>\nThe SEARCH block:\nx\n...does not match anything in the file.",
    ),
    ("roo", "apply_diff", "<error_details>\nNo sufficiently similar match found (88% similar, needs 100%)"),
    ("codex", "apply_patch", "apply_patch verification failed: Failed to find expected lines in /a:\nold"),
    ("crush", "multiedit", "old_string not found in file. Make sure it matches exactly, including whitespace and line breaks"),
]
SPOKEN = [
    (
        "cline",
        "[replace_in_file for 'a'] Result:\nThe tool execution failed with the following error:\n<error>\nThe SEARCH block:\n</error>",
    ),
    ("roo", "[apply_diff for 'a.py'] Result:\n<error_details>\nNo sufficiently similar match found at line: 119 (27% similar, needs 100%)"),
    ("aider", "# 1 SEARCH/REPLACE block failed to match!\n\n## SearchReplaceNoExactMatch: This SEARCH block failed"),
    ("aider", "# 2 SEARCH/REPLACE blocks failed to match!\n\n## ..."),
    ("aider", "The LLM did not conform to the edit format.\nhttps://..."),
    ("aider", "UnifiedDiffNoMatch: hunk failed to apply!"),
]


def called(name: str, arguments: str = "{}") -> Message:
    return Message("assistant", (ToolCall("t1", name, arguments),))


def given(text: str, name: str = "") -> Message:
    return Message("user", (ToolResult("t1", name, text),))


@pytest.mark.parametrize(("client", "tool", "report"), REPORTS)
def test_the_report_of_each_client_is_known(client: str, tool: str, report: str) -> None:
    assert failed_edit([called(tool), given(report)]) == client
    assert failed_edit([given(report, tool)]) == client
    assert failed_edit([called("mcp__files__" + tool), given(report)]) == client


@pytest.mark.parametrize(("client", "tool", "report"), REPORTS)
def test_the_same_words_elsewhere_are_no_report(client: str, tool: str, report: str) -> None:
    assert failed_edit([called("read_file"), given(report)]) == ""
    assert failed_edit([called(tool), given("The file was changed.\n" + "x" * 500 + report)]) == ""
    assert failed_edit([Message("user", (Text("My agent says: " + report),))]) == ""
    assert failed_edit([Message("assistant", (Text(report),))]) == ""


@pytest.mark.parametrize(("client", "text"), SPOKEN)
def test_clients_without_tools_report_in_the_users_words(client: str, text: str) -> None:
    assert (
        failed_edit([Message("assistant", (Text("I edit it."),)), Message("user", (Text(text), Text("<environment_details>")))]) == client
    )
    assert failed_edit([Message("user", (Text("What does it mean: " + text),))]) == ""


def test_a_patch_by_the_shell_is_an_edit() -> None:
    report = "apply_patch verification failed: Failed to find expected lines in a.py"
    assert failed_edit([called("shell", '{"command":["apply_patch","*** Begin Patch"]}'), given(report)]) == "codex"
    assert failed_edit([called("shell", '{"command":["cat","log"]}'), given(report)]) == ""


@pytest.mark.parametrize(
    ("message", "files"),
    [
        (called("Write"), 1),
        (called("str_replace_based_edit_tool", '{"command":"create","path":"/a"}'), 1),
        (called("str_replace_based_edit_tool", '{"command":"view","path":"/a"}'), 0),
        (called("Read"), 0),
        (called("exec_command", '{"cmd":"apply_patch <<EOF"}'), 1),
        (Message("assistant", (ToolCall("a", "edit", "{}"), ToolCall("b", "MultiEdit", "{}"))), 2),
        (Message("assistant", (Text("<write_to_file>\n<path>a</path>"),)), 1),
        (Message("assistant", (Text("Use `<write_to_file>` for that."),)), 0),
        (Message("assistant", (Text("a.py\n```\n<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n```"),)), 1),
        (Message("user", (Text("<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE"),)), 0),
    ],
)
def test_written_files_are_counted(message: Message, files: int) -> None:
    assert count_writes(message) == files


def test_an_example_ends_with_its_clients_own_words() -> None:
    said = "I switched to a new code base. Please don't consider the above files or try to edit them any longer."
    assert ends_example(Message("user", (Text(said),)))
    assert not ends_example(Message("user", (Text("Please " + said),)))
