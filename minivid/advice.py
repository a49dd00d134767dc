"""What to say of a film that is asked for: what is passed over or may fail, and what may help."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

from . import grammar, text

FROM_SOUND = {"ambience", "syllables"}  # parts that hang on the sound alone


def remarks(prompt: str, vocabulary: tuple[str, ...]) -> Iterator[str]:
    """What of a prompt is passed over or not checked, and why, where the networks know the words
    of `vocabulary`; raises PromptError as `words_of`."""
    known, unknown = grammar.words_of(prompt, vocabulary)
    for word, near in unknown.items():
        hint = f"; nearest: {', '.join(near)}" if near else ""
        whose = "these networks were taught" if word in grammar.VOCABULARY else "of this world"
        yield f"{word!r} is not a word {whose} and is passed over{hint}"
    if grammar.crowded(prompt):
        yield "only two actors fit into a film: the third and later ones are not checked"
    elif spare := grammar.left_over(prompt):
        yield f"fits nowhere and is not checked: {', '.join(map(repr, spare))} ({why(spare)})"
    if alone := grammar.unpaired(prompt):
        yield ("never learnt of two actors, so it may not come right: "
               f"{', '.join(map(repr, alone))} (what two do: {', '.join(grammar.PAIRED)})")
    if late := known[text.LENGTH:]:
        yield f"a sentence has {text.LENGTH} words at most; passed over: {' '.join(late)}"


def why(spare: list[str]) -> str:
    """Why there is no place for words in a sentence."""
    spoken = set(spare) & set(grammar.SYLLABLES)
    reasons = ["only a face says syllables, two or three"] if spoken else []
    if set(spare) - spoken:
        reasons.append("an actor has one shape, colour and action, 'and' stands between two; sizes "
                       "and speeds go with some actions only")
    return "; ".join(reasons)


def corrected(prompt: str, unknown: dict[str, list[str]]) -> str:
    """The prompt with the nearest known word in the place of each that is unknown, if there is
    one."""
    nearest = {word: near[0] for word, near in unknown.items() if near}
    return re.sub(r"[\w'-]+", lambda m: nearest.get(m[0].lower(), m[0]), prompt)


def unlike_those_learnt_from(preset, fmt) -> str:
    """What to expect of a film whose size is far from all that the networks know, "" of others."""
    long = max(max(aspect) / min(aspect) for aspect in preset.aspects)
    if fmt.side == preset.fmt.side and max(fmt.height, fmt.width) <= long * fmt.side:
        return ""
    return (f"the networks learnt from films whose short side is {preset.fmt.side} pixels, the "
            f"long one up to {round(long * preset.fmt.side)}: others may not come right")


def what_may_help(args: argparse.Namespace, seen: set[str], heard: set[str],
                  over: list[str]) -> str:
    """What may help a film in which these parts are wrong, "" where there are none; `over`: what
    is asked that does not last as long."""
    given = seen if args.video_from else heard & FROM_SOUND if args.audio_from else set()
    if not seen | heard:
        return ""
    if seen | heard == given:
        return f"what is wrong lies in {args.video_from or args.audio_from}, as it was made to fit"
    hint = "other noise may do better: give another --seed"
    if grammar.unpaired(args.prompt) and seen:
        hint = "what two actors never do, no --seed may bring"
    if over and seen:
        hint += ", or fewer --seconds"
    if args.picture and seen:
        hint += f"; or the picture may not suit the {'action' if 'action' in seen else 'sentence'}"
    if args.video_from and seen:
        hint += "; or the film may not suit the sentence"
    if args.audio_from and heard:
        hint += "; or the sound may not suit the sentence" + (
            ", in which another colour has another note" if "pitch" in heard else "")
    return hint
