"""The checks of the exercises: stubs, folded solutions, and the hints for typical wrong answers."""

import contextlib
import io
import re
from dataclasses import replace

import pytest
import torch
from test_course import LESSONS, code, load, printed

from minivid import exercises
from minivid.exercises import best, log_odds
from minivid.exercises.latents import layouts, lost
from minivid.flow import add_noise, spread
from minivid.guidance import Guided
from minivid.linear import LinearAutoencoder
from minivid.sampling import sample


def said(check, function):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        check(function)
    return out.getvalue().strip()


CHECKS = {"00_press_the_button": ("new_sentence", "joules_a_frame"),
          "01_noise": ("noise_behind", "translated", "perfect_guess", "variations"),
          "02_words": ("retrieved", "away_from", "pushed_guess"),
          "03_frames": ("smoothness", "handed_on", "going_on"),
          "04_cost": ("film_tokens", "attention_flops", "exponent", "crossing"),
          "05_latents": ("times_fewer", "decibels", "spend"),
          "06_transformers": ("word_before", "turned", "other_order"),
          "07_latent_diffusion_transformer": ("number_of", "middles", "join", "reordered"),
          "08_sound": ("addresses", "start_of", "coupled")}


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_stubs_say_not_yet_and_folded_solutions_are_right(path):
    checks, lesson = CHECKS[path.stem], load(path)
    text = "\n".join(cell.source for cell in lesson.cells if cell.cell_type == "markdown")
    room = {"torch": torch, "spread": spread, "sample": sample, "add_noise": add_noise,
            "ring": lambda n: torch.randn(n, 2), "best": best, "log_odds": log_odds,
            "LinearAutoencoder": LinearAutoencoder}  # fmt: skip
    for solution in re.findall(r"```python\n(.*?)```", text, flags=re.S):
        with contextlib.redirect_stdout(io.StringIO()):
            exec(solution, room)
    for name in checks:
        check = getattr(exercises, name)
        assert said(check, room[name]) == "right"
        assert said(check, lambda *_: None) == "not yet: it returns nothing"
    stubs = [c for c in code(lesson) if "exercise" in c.metadata.get("tags", [])]
    assert [printed(c).strip()[:7] for c in stubs] == ["not yet"] * len(checks)


def test_a_cat_on_a_bicycle_is_new_in_colours_that_no_cat_had():
    assert said(exercises.new_sentence, lambda: "a cyan cat rides a bicycle by day") == "right"


def fewer(frames, height, width, group, cell, channels):
    return 3 * frames * cell**2 / (channels * (1 + (frames - 1) // group))


def loud(made, real, most=4):
    return 10 * (most / (made - real).square().mean((1, 2, 3, 4))).log10()


def towards(points, x_t, t, width):
    away = x_t[:, None] - t[:, None, None] * points
    return (-(away**2).sum(-1) / width).softmax(1) @ points


def likely(points, x_t, t):
    away = x_t[:, None] - t[:, None, None] * points
    return (-(away**2).sum(-1) / (2 * (1 - t[:, None]) ** 2)).exp()


def unlike(place, twice=2.0, empty=0.0):
    a, b = place[:, 1:-1] - place[:, :-2], place[:, 2:] - place[:, 1:-1]
    size = (a**2 + b**2).sum((1, 2))
    return torch.where(size > 0, twice * (a * b).sum((1, 2)) / size, empty)


def handed(own, keep, add):
    made = [own[:, :, 0]]
    for x in own[:, :, 1:].unbind(2):
        made.append(keep * made[-1] + add * x)
    return torch.stack(made, 2)


def kept(known, other, k=2):
    return torch.cat([known[:, :, :k], other[:, :, k:]], 2)


def joined(tokens, f, h, w, p, order=(0, 4, 1, 2, 5, 3, 6)):
    cells = tokens.view(len(tokens), f, h // p, w // p, -1, p, p)
    return cells.permute(order).reshape(len(tokens), -1, f, h, w)


def readdressed(given, order):
    layout = replace(given.layout, positions=given.layout.positions[:, order])
    return replace(given, layout=layout)


def slope(x, y):
    x, y = x - x.mean(), y - y.mean()
    return (x * y).sum() / (x**2).sum()


def spun(x, places, rates, signs=(1, -1, 1, 1)):
    (a, b), angle = x.chunk(2, 1), places[:, None] * rates
    i, j, k, m = signs
    return torch.cat([i * a * angle.cos() + j * b * angle.sin(),
                      k * a * angle.sin() + m * b * angle.cos()], 1)


def turned_in_place(x, angle):
    a, b = x.chunk(2, 1)
    x[:, :3] = a * angle.cos() - b * angle.sin()
    x[:, 3:] = a * angle.sin() + b * angle.cos()
    return x


def moved(mask, order):
    return mask[:, :, order][..., order]


@pytest.mark.parametrize("check, wrong, hint", [
    (exercises.new_sentence, lambda: "a red ball bounces by day", "shown in training"),
    (exercises.new_sentence, lambda: "a green unicorn by day", "no word 'unicorn'"),
    (exercises.new_sentence, lambda: "a red cat riding a bicycle in the rain", "there are more"),
    (exercises.new_sentence, lambda: "a cat rides a bicycle at night", "shown in training"),
    (exercises.new_sentence, lambda: "", "The prompt is empty"),
    (exercises.new_sentence, lambda: "something moves left", "say who"),
    (exercises.new_sentence, lambda: 7, "not a int"),
    (exercises.joules_a_frame, lambda rows: {r["system"]: float(r["frames"]) / float(r["joules"])
                                             for r in rows}, "upside down"),
    (exercises.joules_a_frame, lambda rows: {r["system"]: float(r["joules"]) / float(r["steps"])
                                             for r in rows}, "for each step"),
    (exercises.joules_a_frame, lambda rows: {r["system"]: float(r["joules"]) / float(r["seconds"])
                                             for r in rows}, "watts"),
    (exercises.joules_a_frame, lambda rows: {r["system"]: r["joules"] / r["frames"] for r in rows},
     "stopped with TypeError"),
    (exercises.joules_a_frame, lambda rows: [5.0, 10.0], "a dict"),
    (exercises.joules_a_frame, lambda rows: {r["system"]: 1.0 for r in rows}, "divide joules"),
    (exercises.noise_behind, lambda x, v, t: x - (1 - spread(t, x)) * v, "goes back by 1 - t"),
    (exercises.noise_behind, lambda x, v, t: x + spread(t, x) * v, "subtract"),
    (exercises.noise_behind, lambda x, v, t: x - t * v, "does one of them lack an axis"),
    (exercises.noise_behind, lambda x, v, t: x[0], "its shape is (3, 4, 4), not (5, 3, 4, 4)"),
    (exercises.noise_behind, lambda x, v, t: 3, "not a int"),
    (exercises.noise_behind, lambda x, v, t: (x - spread(t, x) * (x + (1 - spread(t, x)) * v))
     / (1 - spread(t, x)), "0 / 0"),
    (exercises.translated, lambda f: lambda x, t, given=None: -f(x, t), "clock says 1 - t"),
    (exercises.translated, lambda f: lambda x, t, given=None: f(x, 1 - t), "arrow"),
    (exercises.perfect_guess, lambda p, x, t: p[torch.cdist(x, p).argmin(1)], "too sure"),
    (exercises.perfect_guess,
     lambda p, x, t: towards(p, x, t, 2 * (1 - t[:, None])), "divide by 2"),
    (exercises.perfect_guess,
     lambda p, x, t: towards(p, x, t, (1 - t[:, None]) ** 2), "the 2 is missing"),
    (exercises.perfect_guess,
     lambda p, x, t: likely(p, x, t).softmax(1) @ p, "softmax does exp by itself"),
    (exercises.perfect_guess,
     lambda p, x, t: towards(p, x, t, -2 * (1 - t[:, None]) ** 2), "a minus is missing"),
    (exercises.perfect_guess,
     lambda p, x, t: towards(p, x, t, 2 / (1 - t[:, None]) ** 2), "brackets"),
    (exercises.perfect_guess, lambda p, x, t: (-torch.cdist(x[:, None], t[:, None, None] * p)[:, 0]
     / (2 * (1 - t[:, None]) ** 2)).softmax(1) @ p, "must be squared"),
    (exercises.variations, lambda m, c, n, t: sample(m, n), "pure noise"),
    (exercises.variations, lambda m, c, n, t: sample(m, add_noise(n, c, t), start=t), "exchanged"),
    (exercises.variations, lambda m, c, n, t: sample(m, add_noise(c, n, t)), "start=t"),
    (exercises.variations, lambda m, c, n, t: add_noise(c, n, t), "let the sampler"),
    (exercises.retrieved, lambda p, t: ((p @ t.T).argmax(1) == torch.arange(len(t))).sum(),
     "that is how many"),
    (exercises.retrieved, lambda p, t: ((p @ t.T).argmax(0) == torch.arange(len(t))).float().mean(),
     "each picture looks for its text"),
    (exercises.retrieved, lambda p, t: (p * t).sum(1).mean(), "how alike the pairs are"),
    (exercises.retrieved, lambda p, t: 1.0, "compare every picture"),
    (exercises.away_from, lambda m, u, s: Guided(m, s), "stopped with AttributeError"),
    (exercises.away_from, lambda m, u, s: lambda x, t, g: m(x, t, None) + s * (
        m(x, t, g) - m(x, t, None)), "without words: begin"),
    (exercises.away_from, lambda m, u, s: lambda x, t, g: m(x, t, g) + s * (
        m(x, t, u) - m(x, t, g)), "towards what is unwanted"),
    (exercises.away_from, lambda m, u, s: lambda x, t, g: m(x, t, g) + s * (
        m(x, t, g) - m(x, t, u)), "begin at the velocity for what is unwanted"),
    (exercises.away_from, lambda m, u, s: m, "nothing is avoided"),
    (exercises.away_from, lambda m, u, s: 3.0, "return a function"),
    (exercises.pushed_guess, lambda x, t, s: best(x, t, -1) + s * (best(x, t, 1) - best(x, t, -1)),
     "weigh their guesses"),
    (exercises.pushed_guess, lambda x, t, s: (best(x, t, -1) + best(x, t, 1)) / 2 + s * (
        best(x, t, 1) - best(x, t, -1)) / 2, "not equally likely"),
    (exercises.pushed_guess, lambda x, t, s: best(x, t, 1), "without + scale"),
    (exercises.pushed_guess, lambda x, t, s: x[0], "its shape is (), not (15,)"),
    (exercises.smoothness, lambda p: unlike(p, empty=torch.nan), "0 / 0 for a frozen film"),
    (exercises.smoothness, lambda p: unlike(p, empty=1.0), "a frozen film fools it"),
    (exercises.smoothness, lambda p: unlike(p, twice=1.0), "twice the product"),
    (exercises.smoothness, lambda p: 1 - unlike(p, empty=1.0), "how unlike"),
    (exercises.smoothness, lambda p: 2 * (p[:, 1:] * p[:, :-1]).sum((1, 2)) / (
        p[:, 1:]**2 + p[:, :-1]**2).sum((1, 2)).clamp(min=1e-9), "compare steps"),
    (exercises.smoothness, lambda p: 2 * ((p[:, 1:-1] - p[:, :-2]) * (
        p[:, 2:] - p[:, 1:-1])).sum((1, 2)), "fast and slow films"),
    (exercises.smoothness, lambda p: unlike(p).mean(), "its shape is (), not (4,)"),
    (exercises.smoothness, lambda p: torch.stack([unlike(p[:, n:n + 3]) for n in range(6)]).mean(0),
     "one ratio for the whole film"),
    (exercises.handed_on, lambda o, r: handed(o, r, 1 - r), "the noise fades"),
    (exercises.handed_on, lambda o, r: handed(o, r**0.5, (1 - r)**0.5), "a share of sqrt(rho)"),
    (exercises.handed_on, lambda o, r: handed(o, r, (1 - r)**0.5), "gets sqrt(1 - rho**2)"),
    (exercises.handed_on, lambda o, r: handed(o, r, 1), "too wide"),
    (exercises.handed_on, lambda o, r: torch.cat([o[:, :, :1], r * o[:, :, :-1] + (
        1 - r**2)**0.5 * o[:, :, 1:]], 2), "what was made for the frame before"),
    (exercises.handed_on, lambda o, r: torch.cat([o[:, :, :1], r * o[:, :, :1] + (
        1 - r**2)**0.5 * o[:, :, 1:]], 2), "alike to the first now"),
    (exercises.handed_on, lambda o, r: r**0.5 * o[:, :, :1] + (1 - r)**0.5 * o, "the first too"),
    (exercises.handed_on, lambda o, r: torch.cat([o[:, :, :1], r**0.5 * o[:, :, :-1] + (
        1 - r)**0.5 * o[:, :, 1:]], 2), "not the last one's own noise"),
    (exercises.handed_on, lambda o, r: o[:, :, 0], "its shape is"),
    (exercises.going_on, lambda m, f, n, k: lambda x, t, g=None: kept(n - f, m(x, t)),
     "from noise to clean"),
    (exercises.going_on, lambda m, f, n, k: lambda x, t, g=None: kept(f, m(x, t)),
     "not the frames themselves"),
    (exercises.going_on, lambda m, f, n, k: lambda x, t, g=None: kept(f - x, m(x, t)),
     "at every t"),
    (exercises.going_on, lambda m, f, n, k: lambda x, t, g=None: f - n, "only the first"),
    (exercises.going_on, lambda m, f, n, k: lambda x, t, g=None: kept(m(x, t), f - n),
     "the last ones are made"),
    (exercises.going_on, lambda m, f, n, k: m, "nothing is kept yet"),
    (exercises.going_on, lambda m, f, n, k: lambda x, t, g=None: torch.cat(
        [(f - n)[:, :, :k], m(x[:, :, k:], t)], 2), "show the model all frames"),
    (exercises.going_on, lambda m, f, n, k: f - n, "return a function"),
    (exercises.film_tokens, lambda f, h, w, c, g: f * h * w // c**2, "groups of frames"),
    (exercises.film_tokens, lambda f, h, w, c, g: (1 + (f - 1) // g) * h * w, "those are pixels"),
    (exercises.film_tokens, lambda f, h, w, c, g: (1 + (f - 1) // g) * h * w / c, "both sides"),
    (exercises.film_tokens, lambda f, h, w, c, g: (f - 1) // g * (h // c) * (w // c),
     "tokens of its own"),
    (exercises.film_tokens, lambda f, h, w, c, g: f / g * (h // c) * (w // c), "others are in"),
    (exercises.film_tokens, lambda f, h, w, c, g: h // w, "groups in time"),
    (exercises.film_tokens, lambda f, h, w, c, g: (1 + f // g) * (h // c) * (w // c),
     "with the first frame alone"),  # right but for groups of one
    (exercises.film_tokens, lambda f, h, w, c, g: "many", "stopped with ValueError"),
    (exercises.attention_flops, lambda n, d: 4 * n * d**2 + 2 * n**2 * d, "*and* an addition"),
    (exercises.attention_flops, lambda n, d: 8 * n * d**2 + 2 * n**2 * d, "looking multiplies"),
    (exercises.attention_flops, lambda n, d: 4 * n * d**2 + 4 * n**2 * d, "matrices multiply"),
    (exercises.attention_flops, lambda n, d: 8 * n * d**2, "matrices alone"),
    (exercises.attention_flops, lambda n, d: 4 * n**2 * d, "looking alone"),
    (exercises.attention_flops, lambda n, d: 6 * n * d**2 + 4 * n**2 * d, "not three"),
    (exercises.attention_flops, lambda n, d: 8 * n * d**2 + 4 * n * d, "pairs"),
    (exercises.exponent, lambda x, y: y[-1] / x[-1], "its slope is 2"),
    (exercises.exponent, lambda x, y: (x * y).sum() / (x**2).sum(), "its slope is 2"),
    (exercises.exponent, lambda x, y: (x.log() * y.log()).sum() / (x.log() ** 2).sum(),
     "line through 0"),
    (exercises.exponent, lambda x, y: slope(y.log(), x.log()), "upside down"),
    (exercises.exponent, lambda x, y: slope(x, y), "logarithms of both"),
    (exercises.exponent, lambda x, y: (y[-1] / y[0]).log() / (x[-1] / x[0]).log(), "all of them"),
    (exercises.crossing, lambda d, wider: 6 * d, "`wider` is 4"),
    (exercises.crossing, lambda d, wider: wider * d, "four matrices of attention count"),
    (exercises.crossing, lambda d, wider: (4 + 2 * wider) * d, "to compare, and to take"),
    (exercises.crossing, lambda d, wider: (2 + wider) * d / 2, "2 operations for each weight"),
    (exercises.crossing, lambda d, wider: (2 + wider / 2) * d, "there and back"),
    (exercises.crossing, lambda d, wider: (2 + wider) * d**2, "divide by width once"),
    (exercises.times_fewer, lambda f, h, w, g, c, n: 3 * g * c**2 / n, "as if the film were"),
    (exercises.times_fewer, lambda f, h, w, g, c, n: 1 / fewer(f, h, w, g, c, n), "upside down"),
    (exercises.times_fewer, lambda f, h, w, g, c, n: 3 * f * h * w / fewer(f, h, w, g, c, n),
     "divide the film's by them"),
    (exercises.times_fewer, lambda f, h, w, g, c, n: fewer(f, h, w, g, c, n) / 3, "three numbers"),
    (exercises.times_fewer, lambda f, h, w, g, c, n: fewer(f, h, w, g, c, n) * n, "`channels`"),
    (exercises.times_fewer, lambda f, h, w, g, c, n: fewer(f, h, w, g, c, n) / c, "both sides"),
    (exercises.times_fewer, lambda f, h, w, g, c, n: 3 * g * f * c**2 / (n * (f - 1)),
     "of its own"),
    (exercises.times_fewer, lambda f, h, w, g, c, n: 3 * f * g * c**2 / (n * (g + f)), "twice"),
    (exercises.times_fewer, lambda f, h, w, g, c, n: 3 * c**2 / n, "come in groups"),
    (exercises.times_fewer, lambda f, h, w, g, c, n: 3 * f * c**2 / (n * (f // g)), "forgets that"),
    (exercises.times_fewer, lambda f, h, w, g, c, n: 3 * f * c**2 / (n * (f // g + 1)), "twice"),
    (exercises.times_fewer, lambda *sizes: round(fewer(*sizes)), "do not round"),
    (exercises.times_fewer, lambda *sizes: int(fewer(*sizes)), "not // at"),
    (exercises.decibels, lambda m, r: loud(m, r, 1), "not 1"),
    (exercises.decibels, lambda m, r: loud(m, r, 2), "must be squared"),
    (exercises.decibels, lambda m, r: loud(m, r, 255**2), "not to 255"),
    (exercises.decibels, lambda m, r: -loud(m, r), "turn it round"),
    (exercises.decibels, lambda m, r: loud(m, r) * 2.302585, "log10, not log"),
    (exercises.decibels, lambda m, r: loud(m, r) / 10, "10 * log10"),
    (exercises.decibels, lambda m, r: 2 * loud(m, r), "20 * log10"),
    (exercises.decibels, lambda m, r: 10 * (4 / (m - r).abs().mean((1, 2, 3, 4)) ** 2).log10(),
     "the mean of squares"),
    (exercises.decibels, lambda m, r: 10 * (4 / (m - r).square().mean((1, 2, 3, 4)).sqrt()).log10(),
     "no root"),
    (exercises.decibels, lambda m, r: 10 * (4 / (m - r).square().sum((1, 2, 3, 4))).log10(),
     "their sum"),
    (exercises.decibels, lambda m, r: 10 * (4 / (m - r).abs().mean((1, 2, 3, 4))).log10(),
     "*squared* error"),
    (exercises.decibels, lambda m, r: 10 * (2 / (m - r).abs().mean((1, 2, 3, 4))).log10(),
     "both squared"),
    (exercises.decibels, lambda m, r: 10 * (4 / (m - r).square().mean((1, 3, 4))).log10().mean(1),
     "its frames' PSNR"),
    (exercises.decibels, lambda m, r: loud(m, r).mean(), "one figure for each film"),
    (exercises.decibels, lambda m, r: 10 * (4 / (m - r).square().mean()).log10(), "one figure for"),
    (exercises.spend, lambda a, b: (8, 16, 64), "where each frame is of another film"),
    (exercises.spend, lambda a, b: (1, 16, 8), "where one thing moves"),
    (exercises.spend, lambda a, b: (8, 16, 60), "spends 60 numbers"),
    (exercises.spend, lambda a, b: (3, 16, 8), "must fill the film"),
    (exercises.spend, lambda a, b: min(layouts(), key=lambda x: lost(a, x, a)), "not `films`"),
    (exercises.spend, lambda a, b: (16, 8, 64), "in the order"),
    (exercises.spend, lambda a, b: (2, 12, 9), "side divides 16"),
    (exercises.spend, lambda a, b: (8, 16, 64), "try every `frames`"),
    (exercises.spend, lambda a, b: lost(a, (8, 16, 64), b), "three whole numbers"),
    (exercises.spend, lambda a, b: lost(a, (4, 8, 64 / 8), b), "divide with //"),
    (exercises.spend, lambda a, b: len(8), "stopped with TypeError: object of type"),
    (exercises.word_before, lambda k: torch.cat([k[:1], k[:-1]]), "make the queries longer"),
    (exercises.word_before, lambda k: 40 * k.roll(1, 0), "right but for the first word"),
    (exercises.word_before, lambda k: 40 * torch.cat([k[1:], k[-1:]]), "at the word after"),
    (exercises.word_before, lambda k: 40 * k, "each looks at itself"),
    (exercises.word_before, lambda k: 40 * k.flip(0), "the key of the word before"),
    (exercises.word_before, lambda k: (k @ k.T).roll(1, 0), "its shape is (6, 6), not (6, 12)"),
    (exercises.turned, lambda x, p, r: spun(x, p, r, (1, 1, -1, 1)), "the other way round"),
    (exercises.turned, lambda x, p, r: spun(x, p, r, (1, 1, 1, 1)), "one sign is wrong"),
    (exercises.turned, lambda x, p, r: spun(x, p, r, (1, -1, 1, -1)), "the second half gets"),
    (exercises.turned, lambda x, p, r: spun(x, p, r[:1]), "each pair has its own"),
    (exercises.turned, lambda x, p, r: spun(x, p, 0 * r), "nothing is turned yet"),
    (exercises.turned, lambda x, p, r: torch.cat(
        [x[:, :3] * (p[:, None] * r).cos(), x[:, 3:] * (p[:, None] * r).sin()], 1), "stretches"),
    (exercises.turned, lambda x, p, r: x + torch.cat(
        [(p[:, None] * r).cos(), (p[:, None] * r).sin()], 1), "a wave is added"),
    (exercises.turned, lambda x, p, r: spun(x[:, [0, 2, 4, 1, 3, 5]], p, r)[:, [0, 3, 1, 4, 2, 5]],
     "channels k and k + d / 2"),
    (exercises.turned, lambda x, p, r: spun(x, p * r, 1), "stopped with RuntimeError"),
    (exercises.turned, lambda x, p, r: spun(x, torch.arange(7.0), r), "that counts the rows"),
    (exercises.turned, lambda x, p, r: spun(x, p, r).unflatten(1, (2, 3)).mT.flatten(1),
     "one after the other again"),
    (exercises.turned, lambda x, p, r: turned_in_place(x, p[:, None] * r), "needs the old a"),
    (exercises.other_order, lambda n, x, p, m, o: n(x[:, o], p[:, o], moved(m, o)),
     "still in the new order"),
    (exercises.other_order, lambda n, x, p, m, o: n(x[:, o], p[:, o], moved(m, o))[:, o],
     "order.argsort()"),
    (exercises.other_order, lambda n, x, p, m, o: n(x[:, o], p, moved(m, o))[:, o.argsort()],
     "places must travel"),
    (exercises.other_order, lambda n, x, p, m, o: n(x[:, o], p[:, o], m)[:, o.argsort()],
     "mask must travel too, on both"),
    (exercises.other_order, lambda n, x, p, m, o: n(x[:, o], p[:, o], m[..., o])[:, o.argsort()],
     "rows, who looks"),
    (exercises.other_order, lambda n, x, p, m, o: n(x[:, o], p[:, o], m[:, :, o])[:, o.argsort()],
     "who looks, and at whom"),
    (exercises.other_order, lambda n, x, p, m, o: n(x[:, o], p, m)[:, o.argsort()],
     "their places and the mask must travel"),
    (exercises.other_order, lambda n, x, p, m, o: n(x, p[:, o], moved(m, o))[:, o.argsort()],
     "the tokens themselves were not shuffled"),
    (exercises.other_order, lambda n, x, p, m, o: n(x[:, o], p[:, o], None)[:, o.argsort()],
     "hand the mask on"),
    (exercises.other_order, lambda n, x, p, m, o: n(x, p, m), "without any shuffling"),
    (exercises.other_order, lambda n, x, p, m, o: (n(x[:, o], p[:, o], moved(m, o)), n(x, p, m))[1],
     "without any shuffling"),
    (exercises.other_order,
     lambda n, x, p, m, o: n(x[:, o], p[:, o], m[:, :, o, o])[:, o.argsort()], "single places"),
    (exercises.number_of, lambda s, r, c, d, a: (s * a + r) * d + c, "`across` long"),
    (exercises.number_of, lambda s, r, c, d, a: (s * a + c) * d + r, "columns come last"),
    (exercises.number_of, lambda s, r, c, d, a: (r * a + c) * 3 + s, "time comes first"),
    (exercises.number_of, lambda s, r, c, d, a: (s * d + r) * a + c + 1, "count from 0"),
    (exercises.number_of, lambda s, r, c, d, a: (s + r) * a + c, "down * across patches"),
    (exercises.number_of, lambda s, r, c, d, a: s * 16 + r * 4 + c, "not always of 4 x 4"),
    (exercises.number_of, lambda s, r, c, d, a: 7, "how many whole slabs"),
    (exercises.middles, lambda f, r, g: torch.arange(1 + (f - 1) // g), "numbers of slabs"),
    (exercises.middles, lambda f, r, g: torch.arange(1 + (f - 1) // g) * g / r, "the last frame"),
    (exercises.middles, lambda f, r, g: (torch.arange(1 + (f - 1) // g) * g - g + 1).clamp(min=0)
     / r, "the first frame of each"),
    (exercises.middles, lambda f, r, g: (torch.arange(1 + (f - 1) // g) * g - (g - 1) / 2) / r,
     "frame 0 alone, at 0 s"),
    (exercises.middles, lambda f, r, g: (torch.arange(1 + (f - 1) // g) * g + (g - 1) / 2) / r,
     "slab 1 begins with frame 1"),
    (exercises.middles, lambda f, r, g: (torch.arange(1 + (f - 1) // g) * g - (g - 1) / 2).clamp(
        min=0), "divide by fps"),
    (exercises.middles, lambda f, r, g: (torch.arange(1 + (f - 1) // g) * 4 - 1.5).clamp(min=0) / r,
     "`group` as given, not 4"),
    (exercises.middles, lambda f, r, g: (torch.arange(1 + (f - 1) // g) * g - 1.5).clamp(min=0) / r,
     "not always 1.5"),
    (exercises.middles, lambda f, r, g: (torch.arange(1 + (f - 1) // g) * g - (g - 1) / 2).clamp(
        min=0) / 8, "`fps` as given, not 8"),
    (exercises.middles, lambda f, r, g: (torch.arange(1 + (f - 1) // g) * 4 - 1.5).clamp(min=0) / 8,
     "`group` and `fps` as given"),
    (exercises.middles, lambda f, r, g: torch.arange(f) / r, "its shape is (9,), not (3,)"),
    (exercises.join, lambda x, f, h, w, p: x.reshape(len(x), -1, f, h, w), "permute before"),
    (exercises.join, lambda x, f, h, w, p: x.view(len(x), f, h // p, w // p, p, p, -1).permute(
        0, 6, 1, 2, 4, 3, 5).reshape(len(x), -1, f, h, w), "channel, row, column"),
    (exercises.join, lambda x, f, h, w, p: x.transpose(1, 2).reshape(len(x), -1, f, h, w),
     "not one channel's"),
    (exercises.join, lambda *a: joined(*a, order=(0, 2, 3, 5, 1, 4, 6)), "`cut`'s numbers"),
    (exercises.join, lambda *a: joined(*a, order=(0, 4, 1, 2, 6, 3, 5)), "are exchanged"),
    (exercises.join, lambda *a: joined(*a, order=(0, 4, 1, 2, 3, 5, 6)), "the row inside it"),
    (exercises.join, lambda *a: joined(*a, order=(0, 4, 1, 5, 2, 6, 3)), "after the row"),
    (exercises.join, lambda x, f, h, w, p: x, "its shape is"),
    (exercises.reordered, lambda m, x, t, g, o: m(x[:, o], t, g)[:, o.argsort()],
     "addresses stayed"),
    (exercises.reordered, lambda m, x, t, g, o: m(x, t, readdressed(g, o))[:, o.argsort()],
     "tokens must move"),
    (exercises.reordered, lambda m, x, t, g, o: m(x[:, o], t, g), "neither addresses"),
    (exercises.reordered, lambda m, x, t, g, o: m(x[:, o], t, readdressed(g, o)),
     "still in the new order"),
    (exercises.reordered, lambda m, x, t, g, o: m(x[:, o], t, readdressed(g, o))[:, o],
     "order twice"),
    (exercises.reordered, lambda m, x, t, g, o: m(x, t, g), "in its old order"),
    (exercises.reordered, lambda m, x, t, g, o: m(x[:, o], t, readdressed(g, o)) * 0 + m(x, t, g),
     "in its old order"),
    (exercises.reordered, lambda m, x, t, g, o: m(x[:, o.argsort()], t, readdressed(
        g, o.argsort()))[:, o], "another order than `order`"),
    (exercises.reordered, lambda m, x, t, g, o: m(x[:, o.argsort()], t, readdressed(
        g, o.argsort())), "the order undone, not `order`"),
    (exercises.reordered, lambda m, x, t, g, o: m(x[:, o], t, readdressed(g, o.argsort()))[
        :, o.argsort()], "`order` as well"),
    (exercises.reordered, lambda m, x, t, g, o: m(x[:, o], t, readdressed(g, o.argsort())),
     "both take `order`"),
    (exercises.reordered, lambda m, x, t, g, o: m(x, t, readdressed(g, o)), "and the answer back"),
    (exercises.addresses, lambda f, r, m, s: torch.cat([torch.arange(f), torch.arange(m)]),
     "places in the row"),
    (exercises.addresses, lambda f, r, m, s: torch.cat([torch.arange(f), torch.arange(m)]) / r,
     "whatever fps is"),
    (exercises.addresses, lambda f, r, m, s: torch.cat(
        [torch.arange(f) / r, torch.arange(m) * s / m]), "half a moment later"),
    (exercises.addresses, lambda f, r, m, s: torch.cat(
        [(torch.arange(m) + 0.5) * s / m, torch.arange(f) / r]), "picture comes first"),
    (exercises.addresses, lambda f, r, m, s: torch.cat(
        [torch.arange(f) / r, (torch.arange(m) + 0.5) / 16]), "not in every one"),
    (exercises.addresses, lambda f, r, m, s: torch.cat(
        [torch.arange(f) / r, torch.linspace(0, s, m)]), "as far from the end"),
    (exercises.addresses, lambda f, r, m, s: torch.cat(
        [torch.arange(f) / r, (torch.arange(m) + 0.5) * m / s]), "not moments / seconds"),
    (exercises.addresses, lambda f, r, m, s: torch.cat(
        [torch.arange(f) / r, (torch.arange(m) + 0.5) / m]), "multiply by seconds"),
    (exercises.addresses, lambda f, r, m, s: torch.cat(
        [torch.arange(f) / r, (torch.arange(m) + 1) * s / m]), "half a moment earlier"),
    (exercises.addresses, lambda f, r, m, s: torch.cat(
        [torch.arange(f) * r, (torch.arange(m) + 0.5) * s / m]), "divide by fps"),
    (exercises.addresses, lambda f, r, m, s: torch.arange(f) / r, "its shape is (9,), not (24,)"),
    (exercises.start_of, lambda task, kind, at: {"both": kind < 0, "sound": kind == 1,
     "picture": kind == 0, "go on": at < 1}[task].float(), "what is made: it starts at 0"),
    (exercises.start_of, lambda task, kind, at: {"both": kind < 0, "sound": kind == 0,
     "picture": kind == 1, "go on": at <= 1}[task].float(), "the frame at 1 s is made"),
    (exercises.start_of, lambda task, kind, at: {"both": kind < 0, "sound": kind == 0,
     "picture": kind == 1, "go on": (at < 1) & (kind == 0)}[task].float(), "sound of the first"),
    (exercises.start_of, lambda task, kind, at: torch.ones(len(kind)), "nothing is given"),
    (exercises.start_of, lambda task, kind, at: {"both": kind < 0, "sound": kind == 0,
     "picture": kind == 1, "go on": at >= 1}[task].float(), "0 is noise"),
    (exercises.start_of, lambda task, kind, at: {"both": kind < 0, "sound": kind == 0, "picture":
     kind == 1, "go on": torch.arange(len(at)) < (at < 1).sum()}[task].float(), "not its place"),
    (exercises.coupled, lambda m, s: Guided(m, s), "takes the words away"),
    (exercises.coupled, lambda m, s: m, "not used yet"),
    (exercises.coupled, lambda m, s: lambda x, t, g: s * m(x, t, g), "the difference alone"),
    (exercises.coupled, lambda m, s: lambda x, t, g: m(x, t, g) + s * (
        m(x, t, g) - m(x, t, g.without("sound"))), "begin from the velocity with the kinds hidden"),
    (exercises.coupled, lambda m, s: 3.0, "return a function"),
])  # fmt: skip
def test_typical_wrong_answers_get_their_hint(check, wrong, hint):
    assert said(check, wrong).startswith("hint: ") and hint in said(check, wrong)


def test_queries_just_long_enough_are_right():
    def exact(keys, share=0.99):
        least = 12**0.5 * torch.tensor(share / (1 - share) * (len(keys) - 1)).log()
        return least * torch.cat([keys[:1], keys[:-1]])

    assert said(exercises.word_before, exact) == "right"
    assert "98.5%" in said(exercises.word_before, lambda keys: exact(keys, 0.985))
