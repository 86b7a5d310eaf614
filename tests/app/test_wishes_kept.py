"""What a person sets in the chat stays with its conversation: forks, edits, other conversations, what is forgotten."""

from __future__ import annotations

from pathlib import Path

from backstory.core.wishes import WISHES
from backstory.stores.database import open_store
from tests.app.test_wishes import KEY, PROVIDERS, asker, without_pair
from tests.relay.world import run
from tests.routed import two
from tests.stages.world import stored


def test_a_fork_keeps_what_was_set_and_goes_its_own_way(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            trunk, twig, leaf = (asker(one, "openai_chat") for _ in range(3))
            await trunk.say("One.")
            await trunk.say("Two. !/model(prov:far)")
            await trunk.say("Three.")
            twig.messages = trunk.messages[:4]
            await twig.say("Another three.")
            assert twig.conversation != trunk.conversation
            assert (twig.place, twig.model_heard) == ("other", "far")
            await trunk.say("Four. !/model(near)")
            assert (trunk.place, trunk.model_heard) == ("other", "near")
            await one.restart()
            await twig.say("And four.")
            assert (twig.place, twig.model_heard) == ("other", "far"), "what was set after the fork is not its own"
            await twig.say("Own. !/unset(all)")
            assert twig.place == "own"
            await one.restart()
            await twig.say("And five.")
            assert twig.place == "own"
            await trunk.say("Five.")
            assert (trunk.place, trunk.model_heard) == ("other", "near")
            leaf.messages = twig.messages[:4]
            leaf.messages += [("user", "Another three."), ("assistant", "Good day."), ("user", "A third four.")]
            await leaf.ask()
            assert leaf.conversation not in {trunk.conversation, twig.conversation}
            leaf.messages.append(("assistant", "Good day."))
            await one.restart()
            await leaf.say("And five.")
            assert leaf.place == "own", "of the one that it was forked off, not of that one's"

    run(scene())


def test_a_message_that_is_edited_stays_in_its_conversation(tmp_path: Path) -> None:
    """Our answers to commands name it."""

    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            person = asker(one, "openai_chat")
            await person.say("One.")
            await person.told("!/model(prov:far)")
            await person.say("Two.")
            conversation = person.conversation
            await person.say("Three.")
            del person.messages[4:]
            await person.say("Another two.")
            assert (person.conversation, person.place, person.model_heard) == (conversation, "other", "far")

    run(scene())


def test_what_was_set_after_a_fork_is_not_the_forks(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            trunk = asker(one, "openai_chat")
            for text in ("One.", "Two.", "Three."):
                await trunk.say(text)
            twig = asker(one, "openai_chat")
            twig.messages = trunk.messages[:4]
            await twig.say("Another three.")
            await trunk.told("!/model(prov:far)")
            await trunk.say("Four.")
            assert trunk.place == "other"
            await one.restart()
            await twig.say("And four.")
            assert twig.place == "own"

    run(scene())


def test_two_conversations_never_share_what_is_set(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            ann, bob = asker(one, "anthropic"), asker(one, "anthropic")
            await ann.told("!/model(prov:far)")
            await bob.told("!/hello")
            await ann.say("I am Ann.")
            await bob.say("I am Bob.")
            assert (ann.place, bob.place) == ("other", "own")
            assert bob.heard is not None
            assert bob.heard.body == without_pair(bob)

    run(scene())


def test_what_is_forgotten_takes_along_what_was_set(tmp_path: Path) -> None:
    async def scene() -> None:
        async with two(tmp_path, PROVIDERS, KEY) as one:
            person = asker(one, "openai_chat")
            await person.told("!/model(prov:far)")
            await person.say("Hello.")
            ((principal, conversation, _),) = await stored(one, lambda store: store.stated(WISHES))
            await one.stop()
            store = open_store(one.config.storage.url)
            store.forget(principal, conversation)
            assert store.stated(WISHES) == []
            store.close()
            await one.start()
            await person.say("And now?")
            assert person.place == "own"

    run(scene())
