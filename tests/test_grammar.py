"""Words: what is said is understood, what is free is understood too, what is unknown is named."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minivid import advice
from minivid import grammar as g
from minivid.errors import PromptError


def maybe(words):
    return st.sampled_from((None, *words))


@st.composite
def actors(draw, alone=True):
    shape = draw(maybe(g.SHAPES) if alone else st.sampled_from(g.SHAPES))
    action = draw(maybe(g.ACTIONS) if alone else st.sampled_from(g.PAIRED))
    # "something" has neither size nor colour, and sizes are for what keeps one
    size = draw(maybe(g.SIZES)) if shape and action in (None, *g.SIZED) else None
    colour = draw(maybe(g.COLOURS)) if shape else None
    speed = draw(maybe(g.SPEEDS)) if action in g.MOVES else None
    return g.Actor(shape, colour, action, size, speed)


@settings(max_examples=300, deadline=None)
@given(actors(), maybe(g.PLACES), st.sampled_from(g.PHRASINGS + g.HELD_OUT_PHRASINGS))
def test_one_actor_comes_back(actor, place, phrasing):
    if actor == g.Actor() and place is None:
        return  # "something" says nothing
    description = g.Description((actor,), place)
    text = g.say(description, phrasing)
    assert g.parse(text) == description
    assert set(text.split()) <= set(g.VOCABULARY) and text == " ".join(text.lower().split())


@settings(max_examples=300, deadline=None)
@given(actors(alone=False), actors(alone=False), maybe(g.PLACES),
       st.sampled_from(g.PHRASINGS_FOR_TWO))
def test_two_actors_come_back(one, two, place, phrasing):
    description = g.Description((one, two), place)
    assert g.parse(g.say(description, phrasing)) == description


@pytest.mark.parametrize(
    "prompt, actor, place",
    [
        ("A CAT riding a bicycle, in the rain!",
         g.Actor("cat", None, "rides a bicycle"), "in the rain"),
        ("quickly moves left: the small red ball",
         g.Actor("ball", "red", "moves left", "small", "quickly"), None),
        ("at night", g.Actor(), "at night"),
        ("please film a frobnicating purple ring", g.Actor("ring", "purple"), None),
    ],
)
def test_free_phrasing(prompt, actor, place):
    assert g.parse(prompt) == g.Description((actor,), place)


def test_words_that_mean_nothing_for_an_action_are_not_asked_for():
    assert g.parse("a large cat riding a bicycle quickly").actors == (
        g.Actor("cat", None, "rides a bicycle"),)
    assert g.parse("a large ball bouncing slowly").actors == (
        g.Actor("ball", None, "bounces", "large"),)
    assert g.parse("a large box, quickly").actors == (
        g.Actor("box", None, None, "large", "quickly"),)


def test_parts_without_an_actor_take_no_actors_place():
    two = g.parse("at night and a red ball bounces and a blue box stands still")
    assert [a.shape for a in two.actors] == ["ball", "box"] and two.place == "at night"


RED, BALL = g.Actor("ball", "red", "bounces"), g.Actor("ball", "red")


@pytest.mark.parametrize("prompt, actors", [
    ("the ball is red and bounces", (RED,)), ("a red and bouncing ball", (RED,)),
    ("a ball bounces and is red and by day", (RED,)),
    ("a face, red, and says ma mi", (g.Actor("face", "red", "says", says=("ma", "mi")),)),
    ("a red ball and a blue box bouncing", (RED, g.Actor("box", "blue", "bounces"))),
    ("a red ball and a blue box", (BALL, g.Actor("box", "blue"))),
    ("a red ball behind a wall", (g.Actor("ball", "red", "passes behind a wall"),)),
    ("a cat on a bicycle", (g.Actor("cat", action="rides a bicycle"),)),
    ("a red ball and something bounces", (RED, g.Actor(action="bounces"))),
    ("a red ball and a cat riding a bicycle", (BALL, g.Actor("cat", action="rides a bicycle"))),
    ("a red ball bounces and a box", (RED, g.Actor("box"))),
    ("a red ball and a red ball", (BALL, BALL)),  # two of the same are two
    ("a red and a blue ball", (g.Actor(colour="red"), g.Actor("ball", "blue"))),
    ("a red ball bounces and circles", (RED, g.Actor(action="circles")))])
def test_and_stands_between_two_or_goes_on_about_one(prompt, actors):
    assert g.parse(prompt).actors == actors == tuple(g.actors_in(prompt))


def test_an_is_a():
    assert g.words_of("an ball") == (["a", "ball"], {})


def test_unknown_words_are_named_with_their_neighbours():
    known, unknown = g.words_of("a gren ball bouncing on zzzz")
    assert known == ["a", "ball", "bouncing"]
    assert "green" in unknown["gren"] and unknown["zzzz"] == []


@pytest.mark.parametrize("typed, meant", [line.split() for line in (
    "bal ball", "bicylce bicycle", "trinagle triangle", "balls ball", "boxes box", "cats cat",
    "stars star", "faces face", "rings ring", "triangles triangle", "bounce bounces",
    "slow slowly", "bleu blue", "gren green", "snwo snow", "pruple purple", "sayz says",
    "bycicle bicycle", "raining rain", "snowing snow", "bike bicycle", "jumps bounces",
    "big large", "kitten cat")])
def test_the_word_that_was_meant_is_the_nearest(typed, meant):
    assert g.words_of(f"a red {typed}")[1][typed][0] == meant


def test_what_is_meant_by_other_words_is_known():
    assert set(g.MEANT.values()) <= set(g.VOCABULARY) and not set(g.MEANT) & set(g.VOCABULARY)


@pytest.mark.parametrize("word", "dragon moon house dog bird tree car white hat".split())
def test_no_word_is_named_where_none_is_near(word):
    assert g.words_of(f"a red {word}")[1] == {word: []}


@pytest.mark.parametrize("said, asked, spare", [
    ("ma mi", ("ma", "mi"), []), ("ma mi mo", ("ma", "mi", "mo"), []), ("", None, []),
    ("ma", None, ["ma"]), ("ma mi mo la", ("ma", "mi", "mo"), ["la"]),
    ("ma ma ma ma", ("ma",) * 3, ["ma"])])
def test_two_or_three_syllables_are_said(said, asked, spare):
    assert g.parse(f"a face says {said}").actors == (g.Actor("face", action="says", says=asked),)
    assert advice.left_over(f"a face says {said} by day") == spare


def test_fleeting_actions_are_those_that_do_not_last():
    assert advice.fleeting("a red ball") == advice.fleeting("at night") == []
    for action in g.ACTIONS:
        assert advice.fleeting(f"a ball {action}") == ([] if action in g.LASTING else [action])


@pytest.mark.parametrize("prompt", ["", "  !?", "the of in", "hello world"])
def test_nothing_known_is_an_error_of_one_line(prompt):
    with pytest.raises(PromptError) as error:
        g.parse(prompt)
    assert "\n" not in str(error.value)


def test_held_out_lists():
    assert len(g.HELD_OUT_PAIRS) == len(set(g.HELD_OUT_PAIRS)) == 10
    assert ("cat", "rides a bicycle", "in the rain") in g.HELD_OUT_TRIPLES
    every = len(g.SHAPES) * len(g.ACTIONS) * len(g.PLACES)
    assert 0.05 * every < len(g.HELD_OUT_TRIPLES) < 0.15 * every
    for shape, action, place in g.HELD_OUT_TRIPLES:  # every pair inside a triple is still shown
        shown = [t for t in ((shape, action, p) for p in g.PLACES) if t not in g.HELD_OUT_TRIPLES]
        assert shown, f"a {shape} that {action} is never shown anywhere"
    assert g.novelty(g.Actor("star", "green", "grows"), "by day") == "pair"
    assert g.novelty(g.Actor("cat", "red", "rides a bicycle"), "in the rain") == "triple"
    assert g.novelty(g.Actor("cat", "red", "rides a bicycle"), "by day") is None
