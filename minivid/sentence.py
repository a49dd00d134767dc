"""A sentence to be typed or clicked together, and what of it is not understood, as it is typed."""

from __future__ import annotations

from html import escape

import ipywidgets as w

from . import advice
from . import grammar as g
from .errors import PromptError

EXAMPLE = "a cat riding a bicycle in the rain"
MOST_LETTERS = 300
ADJECTIVES = {*g.SIZES, *g.COLOURS}
GROUPS = {"who": [*g.SIZES, *g.COLOURS, *g.SHAPES], "does what": [*g.ACTIONS, *g.SPEEDS],
          "what it says": list(g.SYLLABLES), "where": list(g.PLACES), "and": ["and"]}


class Sentence(w.VBox):
    """A field, remarks on what is in it, and buttons with the words of a `vocabulary`."""

    def __init__(self, vocabulary: tuple[str, ...]):
        self.vocabulary = vocabulary
        self.field = w.Text(EXAMPLE, description="Sentence", placeholder=f"such as: {EXAMPLE}",
                            layout=w.Layout(width="98%"))
        self.field.observe(lambda change: self.remark(), "value")
        self.remarks = w.HTML()
        super().__init__([self.field, self.remarks, *self.buttons()])
        self.remark()

    @property
    def text(self) -> str:
        """What the field holds."""
        return self.field.value

    def buttons(self) -> list[w.HBox]:
        """Rows of words to build a sentence of, with no typing."""
        rows = []
        for name, words in GROUPS.items():
            known = [word for word in words if set(word.split()) <= set(self.vocabulary)]
            row = [button(word, f"add {word!r} to the sentence", self.add) for word in known]
            label = w.HTML(f"<b>{name}</b>", layout=w.Layout(width="7em"))
            rows += [w.HBox([label, *row], layout=w.Layout(flex_flow="row wrap"))] if row else []
        rows[-1].children += (button("begin anew", "empty the field", self.clear),)
        return rows

    def add(self, words: str) -> None:
        """Put words at the end, "a" before the first that need it."""
        said = self.text.split()
        if words in (*ADJECTIVES, *g.SHAPES) and (not said or said[-1] not in {"a", *ADJECTIVES}):
            said.append("a")
        self.field.value = " ".join([*said, words])

    def clear(self, *_) -> None:
        """Begin anew."""
        self.field.value = ""

    def understood(self) -> list[str]:
        """Remarks on what is not understood. Raises `PromptError` where nothing is, or the sentence
        is too long."""
        if len(self.text) > MOST_LETTERS:
            raise PromptError(f"A sentence has {MOST_LETTERS} letters at most here.")
        return list(advice.remarks(self.text, self.vocabulary))

    def remark(self) -> None:
        """Mark what is not understood, with the nearest known words."""
        try:
            told = self.understood()
        except PromptError as problem:
            told = [str(problem)]
        self.remarks.value = "<br>".join(f"<mark>&#9888; {escape(line, quote=False)}</mark>"
                                         for line in told)


def button(word: str, what: str, press) -> w.Button:
    """A button that calls press(word)."""
    made = w.Button(description=word, tooltip=what, layout=w.Layout(width="auto"))
    made.on_click(lambda pressed: press(word))
    return made
