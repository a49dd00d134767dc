"""What to say of a film that is asked for: what is passed over or may fail, and what may help."""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import astuple, replace
from itertools import chain

from . import grammar as g
from . import text
from .generate import GUIDANCE, STEPS

FROM_SOUND = {"ambience", "syllables"}  # parts that hang on the sound alone


def remarks(prompt: str, vocabulary: tuple[str, ...]) -> Iterator[str]:
    """What of a prompt is passed over or not checked, and why, where the networks know the words
    of `vocabulary`; raises PromptError as `words_of`."""
    known, unknown = g.words_of(prompt, vocabulary)
    for word, near in unknown.items():
        hint = f"; nearest: {', '.join(near)}" if near else ""
        whose = "these networks were taught" if word in g.VOCABULARY else "of this world"
        yield f"{word!r} is not a word {whose} and is passed over{hint}"
    yield from unfit(prompt)
    if late := known[text.LENGTH:]:
        yield f"a sentence has {text.LENGTH} words at most; passed over: {' '.join(late)}"


def unfit(prompt: str) -> Iterator[str]:
    """What of a prompt's known words fits nowhere, or was never learnt so."""
    actors = g.actors_in(prompt)
    if len(actors) > 2:
        yield "only two actors fit into a film: the third and later ones are not checked"
    elif spare := left_over(prompt):
        yield f"fits nowhere and is not checked: {', '.join(map(repr, spare))} ({why(spare)})"
    if alone := unpaired(prompt):
        yield ("never learnt of two actors, so it may not come right: "
               f"{', '.join(map(repr, alone))} (what two do: {', '.join(g.PAIRED)})")
    if remark := misjoined(prompt, actors):
        yield remark


def misjoined(prompt: str, actors: list[g.Actor]) -> str:
    """What to say of an "and" that does not stand between two who each do something."""
    words = g.words_of(prompt)[0]
    if "and" not in words or len(actors) not in (1, 2):
        return ""
    if len(actors) == 1:
        return f"'and' was learnt between two actors only; of one, say: {g.say(g.parse(prompt))}"
    if nameless := [actor for actor in actors if not actor.shape and "something" not in words]:
        who = " ".join(filter(None, (nameless[0].size, nameless[0].colour, nameless[0].action)))
        return (f"'and' stands between two actors, and this is read as two, one without a name "
                f"({who}): give it one, or leave it out")
    if any(actor.action is None for actor in actors):
        return f"of two actors, say for each what it does: {', '.join(g.PAIRED)}"
    if sum(word in g.VERBS for word in words) < 2:
        return f"learnt of two actors as each does something: {g.say(g.parse(prompt))}"
    return ""


def why(spare: list[str]) -> str:
    """Why there is no place for words in a sentence."""
    spoken = set(spare) & set(g.SYLLABLES)
    reasons = ["only a face says syllables, two or three"] if spoken else []
    if astray := set(spare) & {"moves", "moving"}:
        reasons.append("what moves goes left, right, up or down")
    if set(spare) - spoken - astray:
        reasons.append("an actor has one shape, colour and action, 'and' stands between two; sizes "
                       "and speeds go with some actions only")
    return "; ".join(reasons)


def corrected(prompt: str, unknown: dict[str, list[str]]) -> str:
    """What is said by the prompt with the nearest known word in the place of each that is not."""
    nearest = {word: near[0] for word, near in unknown.items() if near}
    return g.say(g.parse(re.sub(r"[^\W_]+", lambda m: nearest.get(m[0].lower(), m[0]), prompt)))


def left_over(prompt: str) -> list[str]:
    """Known words that `parse` cannot give to anyone: a second colour, the speed of what stands,
    a fourth syllable."""
    told = g.parse(prompt)
    doing = [g.DOING[actor.action] for actor in told.actors if actor.action]
    said = chain(*(actor.says or () for actor in told.actors))
    words = chain(*(astuple(replace(actor, says=None)) for actor in told.actors))
    kept = " ".join(filter(None, (told.place, *doing, *words, *said))).split()
    content = {*g.SHAPES, *g.COLOURS, *g.SIZES, *g.SPEEDS, *g.VERBS, *g.WAYS, "wall", "bicycle",
               *(place.split()[-1] for place in g.PLACES)}
    if any(actor.action in g.MOVES for actor in told.actors):
        kept += ["moves", "moving"]
    known = g.words_of(prompt)[0]
    unsaid = Counter(word for word in known if word in g.SYLLABLES) - Counter(kept)
    return [word for word in known if word in content and word not in kept] + [*unsaid.elements()]


def unpaired(prompt: str) -> list[str]:
    """What a prompt asks of one of two actors that is only ever said of an actor alone."""
    actors = g.parse(prompt).actors
    if len(actors) < 2:
        return []
    actions = [actor.action for actor in actors if actor.action and actor.action not in g.PAIRED]
    return actions + [actor.size for actor in actors if actor.size]


def fleeting(prompt: str) -> list[str]:
    """The actions a prompt names that do not last: they do not look alike in every stretch."""
    return [actor.action for actor in g.parse(prompt).actors
            if actor.action and actor.action not in g.LASTING]


def unlike_those_learnt_from(preset, fmt) -> str:
    """What to expect of a film whose size is far from all that the networks know, "" of others."""
    long = max(max(aspect) / min(aspect) for aspect in preset.aspects)
    if fmt.side == preset.fmt.side and max(fmt.height, fmt.width) <= long * fmt.side:
        return ""
    return (f"the networks learnt from films whose short side is {preset.fmt.side} pixels, the "
            f"long one up to {round(long * preset.fmt.side)}: others may not come right")


def what_may_help(args: argparse.Namespace, seen: set[str], heard: set[str],
                  over: list[str], unlike: str = "") -> str:
    """What may help a film in which these parts are wrong, "" where there are none.

    `over`: what is asked that does not last as long; `unlike`: what was said of the film's size.
    """
    source = args.video_from or args.audio_from
    given = seen if args.video_from else heard & FROM_SOUND if args.audio_from else set()
    if not seen | heard:
        return ""
    if seen | heard == given or args.video_from and seen:
        return f"what is wrong lies in {source}, as it was made to fit: does it suit the sentence?"
    near = g.words_of(args.prompt)[1]  # unknown words: those that may be meant
    unusual = {"more --steps": args.steps is not None and args.steps < STEPS,
               f"a --guidance near {GUIDANCE:g}": args.guidance is not None,
               "a --size that the networks know": unlike,
               "another sentence, see above": any(unfit(args.prompt)) or any(near.values())}
    may = [change for change, so in unusual.items() if so] or ["another --seed"]
    if over and seen:
        may.append("fewer --seconds")
    hint = f"what may help: {', '.join(may)}"
    if args.picture and seen:
        hint += f"; or the picture may not suit the {'action' if 'action' in seen else 'sentence'}"
    if args.audio_from and heard:
        hint += "; or the sound may not suit the sentence" + (
            ", in which another colour has another note" if "pitch" in heard else "")
    return hint
