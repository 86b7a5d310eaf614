"""What the commands about commands read like."""

from __future__ import annotations

import pytest

from backstory.commands import COMMANDS, guide
from backstory.commands.grammar import find
from backstory.errors import Declined


@pytest.mark.parametrize("given", ["on", "ON", "enabled=true"])
def test_loop_detection_cannot_be_switched_on_and_says_so(given: str) -> None:
    asked = find(f"Go on. !/loop-detection({given})", "!/")
    assert asked is not None
    assert asked.accepted
    with pytest.raises(Declined, match="There is no loop detection here"):
        guide.loops(asked.argument)


@pytest.mark.parametrize("given", ["off", "enabled=false"])
def test_loop_detection_is_off(given: str) -> None:
    asked = find(f"!/loop-detection({given})", "!/")
    assert asked is not None
    assert asked.accepted
    assert guide.loops(asked.argument).startswith("There is no loop detection here")
    assert "!/loop-detection(on|off)" in guide.manual(COMMANDS, "!/")
