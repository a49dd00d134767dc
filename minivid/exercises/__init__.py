"""The checks of the lessons' exercises, a module a lesson: "not yet", "right", or what is wrong."""

from .button import joules_a_frame, new_sentence
from .costs import attention_flops, crossing, exponent, film_tokens
from .frames import going_on, handed_on, smoothness
from .latents import decibels, spend, times_fewer
from .looking import other_order, turned, word_before
from .noise import noise_behind, perfect_guess, translated, variations
from .patches import join, middles, number_of, reordered
from .sound import addresses, coupled, start_of
from .words import away_from, best, log_odds, pushed_guess, retrieved

__all__ = ["addresses", "attention_flops", "away_from", "best", "coupled", "crossing", "decibels",
           "exponent", "film_tokens", "going_on", "handed_on", "join", "joules_a_frame",
           "log_odds", "middles", "new_sentence", "noise_behind", "number_of", "other_order",
           "perfect_guess", "pushed_guess", "reordered", "retrieved", "smoothness", "spend",
           "start_of", "times_fewer", "translated", "turned", "variations", "word_before"]
