"""The checks of the lessons' exercises, a module a lesson: "not yet", "right", or what is wrong."""

from .button import joules_a_frame, new_sentence
from .costs import attention_flops, crossing, exponent, film_tokens
from .frames import going_on, handed_on, smoothness
from .noise import noise_behind, perfect_guess, translated, variations
from .patches import join, middles, number_of, reordered
from .sound import addresses, coupled, start_of
from .words import away_from, best, log_odds, pushed_guess, retrieved

__all__ = ["addresses", "attention_flops", "away_from", "best", "coupled", "crossing", "exponent",
           "film_tokens", "going_on", "handed_on", "join", "joules_a_frame", "log_odds", "middles",
           "new_sentence", "noise_behind", "number_of", "perfect_guess", "pushed_guess",
           "reordered", "retrieved", "smoothness", "start_of", "translated", "variations"]
