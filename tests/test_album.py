"""The album shows what its captions say, keeps some of them from training, and is read back."""

import torch

from minivid import album
from minivid.album import WORDS, caption, descriptions, draw, read, words_of

SHOWN, TOGETHER, PAIRED = (descriptions(w) for w in ("shown", "never together", "never paired"))


def has(captions, *words):
    return torch.stack([(captions == WORDS.index(word)).any(1) for word in words]).all(0)


def test_words_are_numbers_and_back():
    assert words_of("large red ball left day").tolist() == [2, 3, 9, 12, 15]
    assert caption(words_of("red ball")) == "red ball" and words_of("red ball")[2:].sum() == 0
    assert caption(torch.zeros(5, dtype=torch.long)) == "unreadable"
    assert len(set(WORDS)) == 17


def test_three_kinds_of_captions_and_none_twice():
    assert [len(d) for d in (SHOWN, TOGETHER, PAIRED)] == [116, 64, 36]
    assert len({caption(words) for words in torch.cat([SHOWN, TOGETHER, PAIRED])}) == 216
    for pair in album.NEVER:
        assert not has(torch.cat([SHOWN, TOGETHER]), *pair).any()
        assert has(PAIRED, *pair).sum() == 12


def test_any_two_words_of_what_is_never_together_are_shown():
    for words in TOGETHER:
        for a in words:
            for b in words:
                assert ((SHOWN == a).any(1) & (SHOWN == b).any(1)).any()


def test_real_pictures_are_read_as_captioned():
    every = torch.cat([SHOWN, TOGETHER, PAIRED])
    words, where = read(draw(every, range(10**6, 10**6 + 216)))
    assert torch.equal(words, every)
    assert where.shape == (216, 3) and where[:, 0].abs().max() < album.HEIGHT + 0.02


def test_seeds_give_the_same_pictures_in_any_batch():
    pixels, words = album.singles(range(20), of=SHOWN)
    again, same = album.singles(torch.tensor([7]), of=SHOWN)
    assert torch.equal(pixels[7], again[0]) and torch.equal(words[7], same[0])
    assert pixels.shape == (20, 3, 16, 16) and pixels.abs().max() <= 1


def test_the_caption_leaves_height_and_size_open():
    _, where = read(draw(words_of("small red ball left day").repeat(40, 1), range(40)))
    assert where[:, 0].std() > 0.05 and where[:, 2].std() > 0.005


def test_what_is_no_picture_of_one_thing_is_unreadable():
    dice = torch.Generator().manual_seed(0)
    assert (read(torch.randn(16, 3, 16, 16, generator=dice))[0] == 0).all()
    assert (read(album.pairs(range(16))[0])[0] == 0).all()


def test_of_two_things_the_first_named_is_on_the_left():
    pixels, words = album.pairs(range(200))
    left = pixels.clone()
    left[..., 8:] = draw(words_of("small red ball left day")[None], range(1))[0][:, :, 8:]
    day = has(words, "day")
    seen, _ = read(left[day])
    known = seen.any(1)
    assert known.float().mean() > 0.8
    assert (seen[known, 1:3] == words[day][known, :2]).float().mean() > 0.97
    assert (words[:, 0] != words[:, 2]).all() and (words[:, 1] != words[:, 3]).all()
    swap = album.swapped(words)
    for pair in album.NEVER:
        for two in (words[:, :2], words[:, 2:4], swap[:, :2], swap[:, 2:4]):
            assert not has(two, *pair).any()


def test_swapped_is_the_same_bag_and_recoloured_is_not():
    _, words = album.pairs(range(100))
    swap, other = album.swapped(words), album.recoloured(words)
    assert torch.equal(swap.sort(1).values, words.sort(1).values) and (swap != words).any(1).all()
    assert torch.equal(album.swapped(swap), words)
    assert torch.equal(swap[:, [1, 3, 4]], words[:, [1, 3, 4]])  # the shapes stay where they are
    assert ((other != words).sum(1) == 1).all() and (other[:, 0] != words[:, 2]).all()
    assert ((other[:, 0] >= WORDS.index("red")) & (other[:, 0] <= WORDS.index("purple"))).all()
