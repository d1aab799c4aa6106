"""English sentences by a small grammar: what the voices read."""

from __future__ import annotations

import numpy as np

SUBJECTS = (
    "I", "you", "we", "they", "the children", "my neighbours", "two old friends", "some people",
    "the teachers", "our guests", "most of the workers", "the young doctors", "his brothers",
)  # fmt: skip
VERBS = (
    "saw", "heard", "found", "carried", "forgot", "wanted", "sold", "painted", "remembered",
    "watched", "opened", "repaired", "lost", "described", "bought", "borrowed", "measured",
)  # fmt: skip
ADJECTIVES = (
    "", "", "big", "quiet", "yellow", "broken", "cheap", "heavy", "strange", "beautiful", "frozen",
    "hollow", "famous", "wooden", "pale green", "unusual", "thick", "very small",
)  # fmt: skip
THINGS = (
    "house", "boat", "garden", "window", "letter", "bridge", "guitar", "bicycle", "umbrella",
    "kitchen", "engine", "picture", "jacket", "mountain", "orange", "chair", "village", "newspaper",
    "dog", "church", "shoe", "valley", "cheese", "river", "telephone", "job", "measure", "thread",
)  # fmt: skip
PLACES = (
    "near the station", "in the evening", "behind the school", "on the way home", "at the market",
    "after the concert", "under a tree", "without any help", "across the street", "by the sea",
)  # fmt: skip
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "Today")
WEATHER = ("rain", "sunshine", "thick fog", "light snow", "strong wind", "thunder", "clear skies")
PARTS = ("the north", "the south", "the hills", "the city", "most places", "the east", "the west")
PHRASES = (
    "Good morning.", "Thank you very much.", "Excuse me, please.", "Oh, what a surprise!",
    "No, not at all.", "Yes, of course.", "See you tomorrow!", "Wait a moment.", "How are you?",
    "Well, I am not so sure.", "Listen to this!", "Never mind.", "That is enough.",
)  # fmt: skip
SENTENCES_A_READING = (3, 6)


def sentences(rng: np.random.Generator) -> str:
    """Some sentences in a row: about five to twenty seconds."""
    kinds = (_statement, _statement, _question, _number, _date, _weather, _phrase)
    count = rng.integers(*SENTENCES_A_READING)
    return " ".join(kinds[rng.integers(len(kinds))](rng) for _ in range(count))


def _pick(rng: np.random.Generator, words: tuple[str, ...]) -> str:
    return words[rng.integers(len(words))]


def _thing(rng: np.random.Generator) -> str:
    article = _pick(rng, ("the", "this", "that", "their", "another", "his", "her"))
    return " ".join(filter(None, (article, _pick(rng, ADJECTIVES), _pick(rng, THINGS))))


def _statement(rng: np.random.Generator) -> str:
    text = f"{_pick(rng, SUBJECTS)} {_pick(rng, VERBS)} {_thing(rng)} {_pick(rng, PLACES)}"
    if rng.random() < 0.3:
        joint = _pick(rng, ("and then", "but", "because", "while"))
        text += f", {joint} {_pick(rng, SUBJECTS)} {_pick(rng, VERBS)} {_thing(rng)}"
    return f"{text[0].upper()}{text[1:]}."


def _question(rng: np.random.Generator) -> str:
    asked = _pick(rng, ("Why is", "Where is", "How big is", "Have you seen", "Who sold", "Is it"))
    return f"{asked} {_thing(rng)}?"


def _number(rng: np.random.Generator) -> str:
    number = int(10 ** rng.uniform(0, 5))
    unit = _pick(rng, ("pounds", "miles", "people", "minutes", "books", "degrees", "litres"))
    return f"It is about {number} {unit}."


def _date(rng: np.random.Generator) -> str:
    day, month, year = rng.integers(1, 29), _pick(rng, MONTHS), rng.integers(1850, 2030)
    return f"The meeting was on {month} {day}, {year}, at half past {rng.integers(1, 13)}."


def _weather(rng: np.random.Generator) -> str:
    return (
        f"{_pick(rng, DAYS)} there will be {_pick(rng, WEATHER)} in {_pick(rng, PARTS)}, "
        f"with {rng.integers(2, 35)} degrees."
    )


def _phrase(rng: np.random.Generator) -> str:
    return _pick(rng, PHRASES)
