"""What some do not eat, by name, in English and German.

Rule: only of these does "I'm eating it again" say something that lasts.
"""

from __future__ import annotations

MEAT = "meat beef pork chicken poultry lamb turkey duck bacon ham sausages steak steaks burgers salami veal venison"
FISH = "fish salmon tuna seafood shrimp shrimps prawns sushi"
FROM_ANIMALS = "cheese eggs egg dairy milk butter yoghurt yogurt honey cream"
DE_MEAT = "fleisch rindfleisch schweinefleisch hähnchen huhn wurst speck schinken steaks"
DE_FISH = "fisch lachs thunfisch meeresfrüchte"
DE_FROM_ANIMALS = "käse eier milch milchprodukte joghurt honig sahne"


def either(*names: str) -> str:
    """The source of a form that any of these names has."""
    return rf"(?:{'|'.join(' '.join(names).split())})"
