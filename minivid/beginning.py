"""Where a training begins: from nothing, from shipped weights, or from a decoder's alone."""

from __future__ import annotations

from collections.abc import Callable

from . import checkpoints
from .errors import CheckpointError


def begin_with(recipe, before: dict, warm: bool, decoder: bool,
               tell: Callable[[str], None]) -> dict:
    """Give the recipe's network the weights it begins with, and say what they are from, for its
    checkpoint; `before` tells of its beginning, where it is resumed."""
    about, begun = {}, before.get("begun_from")
    if begun and not recipe.anchored:
        about["begun_from"] = begun  # its own weights are in the state
    elif warm or decoder or begun:
        about["begun_from"] = shipped(recipe, tell, begun)
    if decoder or "latents_of" in before:
        about["latents_of"] = before.get("latents_of") or same_latents(recipe)
        recipe.keep_latents()
    return about


def shipped(recipe, tell: Callable[[str], None], same: str | None = None) -> str:
    """Give the network the shipped weights; returns the sha256 of the file they are from.

    What it has grown since, such as words, begins from nothing, and is named. Raises
    `CheckpointError` for others than those with the sha256 `same`, if one is given.
    """
    path = checkpoints.find(recipe.kind, recipe.preset.name)
    if same and checkpoints.sha256(path) != same:
        raise CheckpointError(f"The training was begun from another {recipe.kind} than {path}, and "
                              "needs that one to go on: bring it back, or train without --resume.")
    tensors, meta = checkpoints.load(path, recipe.kind)
    fresh = recipe.model.state_dict()
    if "vocabulary" in meta["config"]:
        grown = recipe.config()["vocabulary"]
        rows = fresh["encoder.words.weight"].clone()
        for n, word in enumerate(meta["config"]["vocabulary"]):
            rows[1 + grown.index(word)] = tensors["encoder.words.weight"][1 + n].float()
        tensors["encoder.words.weight"] = rows
    new = [name for name in fresh if name not in tensors]
    if new:
        tell(f"not among the shipped weights, so from nothing: {', '.join(new)}")
    try:
        recipe.model.load_state_dict({**fresh, **{n: x.float() for n, x in tensors.items()}})
    except RuntimeError as error:
        raise CheckpointError(f"{path} is of a network of another size than the preset's: "
                              "train without --warm.") from error
    recipe.go_on()
    return checkpoints.sha256(path)


def same_latents(recipe) -> list[str]:
    """The sha256 of all autoencoders whose latents are the shipped one's, itself the last."""
    path = checkpoints.find(recipe.kind, recipe.preset.name)
    return [*checkpoints.load(path, recipe.kind)[1].get("latents_of", ()), checkpoints.sha256(path)]
