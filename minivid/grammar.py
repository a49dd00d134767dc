"""What can be said about a clip: its words, its captions, and the combinations never shown.

A `Description` holds the words for what happens; a word that is None is simply not told. The
world fills every word in, a caption names some of them, the verifier reads them back from pixels.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import astuple, dataclass, replace
from itertools import product

from .errors import PromptError

SHAPES = ("ball", "box", "triangle", "star", "ring", "cat", "face")
FACE = 6  # the only one that speaks, and it does nothing else
COLOURS = ("red", "yellow", "green", "cyan", "blue", "purple")
SIZES = ("small", "large")
SPEEDS = ("slowly", "quickly")
PLACES = ("by day", "at night", "in the rain", "in the snow")
DOING = {  # what an actor does -> the same as it is said after "a film of ..."
    "stands still": "standing still",
    "moves left": "moving left",
    "moves right": "moving right",
    "moves up": "moving up",
    "moves down": "moving down",
    "bounces": "bouncing",
    "circles": "circling",
    "grows": "growing",
    "shrinks": "shrinking",
    "rides a bicycle": "riding a bicycle",
    "passes behind a wall": "passing behind a wall",
    "says": "saying",
}
ACTIONS = tuple(DOING)
STILL, LEFT, RIGHT, UP, DOWN, BOUNCES, CIRCLES, GROWS, SHRINKS, RIDES, PASSES, SAYS = range(12)
WORDLESS = ACTIONS[:SAYS]
SYLLABLES = ("ma", "mi", "mo", "la", "li", "lo")
FEWEST, MOST = 2, 3  # syllables that are said
MOVES = ACTIONS[1:5]
WAYS = ("left", "right", "up", "down")  # that they go
SIZED = ("stands still", *MOVES, "bounces", "circles")  # a single actor doing these has a size
PAIRED = ("stands still", "moves up", "moves down", "bounces")  # fit a lane of one's own
LASTING = ("stands still", "bounces", "circles")  # look alike in every window of time


@dataclass(frozen=True)
class Actor:
    """Who does what, in the words of the lists above; None is not told. `says`: its syllables."""

    shape: str | None = None
    colour: str | None = None
    action: str | None = None
    size: str | None = None
    speed: str | None = None
    says: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Description:
    """One or two actors (in lanes of their own) and the place they are in."""

    actors: tuple[Actor, ...]
    place: str | None = None


# ---------------------------------------------------------------- never shown in training

HELD_OUT_PAIRS = (  # (colour, shape): every shape and every colour once
    ("purple", "ball"), ("yellow", "box"), ("blue", "triangle"),
    ("green", "star"), ("red", "ring"), ("cyan", "cat"),
    # (shape, action)
    ("star", "bounces"), ("box", "circles"), ("ring", "moves up"), ("triangle", "grows"),
)


def _tenth(triple: tuple[str, str, str]) -> bool:
    """A fixed tenth of all (shape, action, place), scattered by an integer hash."""
    s, a, p = SHAPES.index(triple[0]), ACTIONS.index(triple[1]), PLACES.index(triple[2])
    return (s * 73 + a * 179 + p * 283 + s * a * p * 31) * 2654435761 % 2**32 < 0.1 * 2**32


HELD_OUT_TRIPLES = tuple(
    triple
    for triple in product(SHAPES[:FACE], WORDLESS, PLACES)
    if (_tenth(triple) or triple == ("cat", "rides a bicycle", "in the rain"))
    and triple[:2] not in HELD_OUT_PAIRS
)
HELD_OUT_SAYINGS = tuple(
    said for n, said in enumerate(product(SYLLABLES, repeat=3))
    if (n + 1) * 2654435761 % 2**32 < 0.1 * 2**32
)


def novelty(actor: Actor, place: str | None) -> str | None:
    """`"pair"` or `"triple"` when the combination is never shown in training, else None."""
    if {(actor.colour, actor.shape), (actor.shape, actor.action)} & set(HELD_OUT_PAIRS):
        return "pair"
    new = (actor.shape, actor.action, place) in HELD_OUT_TRIPLES or actor.says in HELD_OUT_SAYINGS
    return "triple" if new else None


# ---------------------------------------------------------------- saying it

PHRASINGS = (
    "{who} {does} {place}",
    "{who} {doing} {place}",
    "{place} {who} {does}",
    "a film of {who} {doing} {place}",
    "there is {who} that {does} {place}",
)
HELD_OUT_PHRASINGS = ("{place} there is {who} {doing}", "a film of {who} that {does} {place}")
PHRASINGS_FOR_TWO = (
    "{who} {does} and {other} {otherdoes} {place}",
    "{who} {doing} and {other} {otherdoing} {place}",
    "{place} {who} {does} and {other} {otherdoes}",
)


def _noun(actor: Actor) -> str:
    return " ".join(filter(None, ("a", actor.size, actor.colour, actor.shape))) \
        if actor.shape else "something"


def _verb(actor: Actor, forms: dict[str, str]) -> str:
    return " ".join(filter(None, (forms.get(actor.action), *(actor.says or ()), actor.speed)))


def say(description: Description, phrasing: str | None = None) -> str:
    """The caption of a description: lower case, single spaces, no punctuation."""
    first, *rest = description.actors
    if phrasing is None:
        phrasing = PHRASINGS_FOR_TWO[1] if rest else PHRASINGS[1]
    does = dict(zip(ACTIONS, ACTIONS))
    words = {"who": _noun(first), "does": _verb(first, does), "doing": _verb(first, DOING)}
    if rest:
        words |= {"other": _noun(rest[0]), "otherdoes": _verb(rest[0], does)}
        words |= {"otherdoing": _verb(rest[0], DOING)}
    text = phrasing.format(**words, place=description.place or "")
    if first.action is None and not rest:  # "there is a ball that" says nothing after "that"
        text = re.sub(r" that(?= |$)", "", text)
    return " ".join(text.split())


_EVERYTHING = " ".join((*PHRASINGS, *HELD_OUT_PHRASINGS, *PHRASINGS_FOR_TWO, *SHAPES, *COLOURS,
                        *SIZES, *SPEEDS, *PLACES, *ACTIONS, *DOING.values(), *SYLLABLES,
                        "a something"))
VOCABULARY = tuple(sorted(set(re.sub(r"\{\w+\}", "", _EVERYTHING).split())))


# ---------------------------------------------------------------- understanding it

NEAR = 0.75  # how alike two words are, of 1, where one may be a slip for the other
MEANT = {  # words of others: ours
    "bike": "bicycle", "kitten": "cat", "sphere": "ball", "square": "box",
    "cube": "box", "head": "face", "jumps": "bounces", "jumping": "bouncing", "hops": "bounces",
    "hopping": "bouncing", "walks": "moves", "walking": "moving", "runs": "moves",
    "running": "moving", "flies": "moves", "flying": "moving", "violet": "purple",
    "big": "large", "tiny": "small", "fast": "quickly", "dark": "night",
}
ENDINGS = ("s", "es", "ed", "ing", "y")  # that may follow a word of ours
_FILLERS = {"a", "the", "of", "in", "at", "by", "is", "that", "and", "there", "film"}
TELLING = {"bicycle": "rides", "wall": "passes"}  # things that only one deed is done with
VERBS = {form.split()[0]: action for action, doing in DOING.items() for form in (action, doing)}


def words_of(prompt: str, vocabulary: tuple[str, ...] = VOCABULARY) \
        -> tuple[list[str], dict[str, list[str]]]:
    """Split a prompt into known words, and unknown ones with the known words that are near.

    `vocabulary` holds the known ones; networks may know fewer than the world. Raises `PromptError`
    when nothing known is left.
    """
    words = re.findall(r"[^\W_]+", prompt.lower())  # letters of any script, and digits
    words = ["a" if word == "an" else word for word in words]
    known = [w for w in words if w in vocabulary]
    telling = [w for w in vocabulary if w not in _FILLERS]
    unknown = {w: meant_by(w, telling) for w in words if w not in vocabulary}
    if not prompt.strip():
        raise PromptError('The prompt is empty. Try: "a cat riding a bicycle in the rain".')
    if not set(known) - _FILLERS:
        nearest = "".join(f" Perhaps {' or '.join(near)}, for {word!r}?"
                          for word, near in unknown.items() if near)
        raise PromptError(
            f"No word of the prompt is known here.{nearest} This world speaks of "
            f"{', '.join(SHAPES)}; {', '.join(COLOURS)}; {', '.join(ACTIONS)}; {', '.join(PLACES)}."
        )
    return known, unknown


def meant_by(word: str, known: list[str]) -> list[str]:
    """The known words that may be meant by one that is not, two at most: one of the same meaning,
    or with another ending (raining), or of the same letters (bycicle), or of most of them."""
    return ([k for k in known if k == MEANT.get(word)]
            or [k for k in known if word.startswith(k) and word[len(k):] in ENDINGS]
            or [k for k in known if sorted(k) == sorted(word)]
            or difflib.get_close_matches(word, known, n=2, cutoff=NEAR))[:2]


def _first(words: list[str], among: tuple[str, ...]) -> str | None:
    return next((w for w in words if w in among), None)


def _parse_actor(words: list[str]) -> Actor:
    verb = _first(words, tuple(VERBS)) or TELLING.get(_first(words, tuple(TELLING)))
    action = VERBS[verb] if verb else None
    if action in MOVES:
        way = _first(words, WAYS)
        action = f"moves {way}" if way else None
    size, speed = _first(words, SIZES), _first(words, SPEEDS)
    said = tuple(w for w in words if w in SYLLABLES)[:MOST] if action == "says" else ()
    return Actor(_first(words, SHAPES), _first(words, COLOURS), action,
                 size if verb is None or action in SIZED else None,
                 speed if verb is None or action in MOVES else None,
                 said if len(said) >= FEWEST else None)


def actors_in(prompt: str) -> list[Actor]:
    """Who a prompt tells of, in its order, more than two too; raises PromptError as `words_of`.

    "and" goes on about an actor where nothing new has a name ("the ball is red and bounces"), and a
    deed that stands last is of both ("a ball and a box bouncing").
    """
    told, named = [], []
    for part in " ".join(words_of(prompt)[0]).split(" and "):
        words = part.split()
        actor, name = _parse_actor(words), bool({*SHAPES, "something"} & set(words))
        same = told and not (name and named[-1]) and not any(
            a and b for a, b in zip(astuple(told[-1]), astuple(actor)))
        if same:
            told[-1] = Actor(*(a or b for a, b in zip(astuple(told[-1]), astuple(actor))))
            named[-1] |= name
        elif actor != Actor():
            told, named = [*told, actor], [*named, name]
    if len(told) == 2 and not told[0].action and told[1].action in PAIRED:
        told[0] = replace(told[0], action=told[1].action)
    return told


def parse(prompt: str) -> Description:
    """What a prompt asks for: the inverse of `say`, tolerant of free phrasing. Raises PromptError
    as `words_of`."""
    place = next((p for p in PLACES if p.split()[-1] in words_of(prompt)[0]), None)
    return Description(tuple(actors_in(prompt)[:2]) or (Actor(),), place)
