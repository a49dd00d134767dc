"""The checks of the lessons' exercises, a module a lesson: "not yet", "right", or what is wrong."""

from .button import joules_a_frame, new_sentence
from .costs import attention_flops, crossing, exponent, film_tokens
from .frames import going_on, handed_on, smoothness
from .noise import noise_behind, perfect_guess, translated, variations
from .sound import addresses, coupled, start_of

__all__ = ["addresses", "attention_flops", "coupled", "crossing", "exponent", "film_tokens",
           "going_on", "handed_on", "joules_a_frame", "new_sentence", "noise_behind",
           "perfect_guess", "smoothness", "start_of", "translated", "variations"]
