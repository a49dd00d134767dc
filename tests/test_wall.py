"""Films behind a wall are what their truth says, and can be read back; nothing is seen between."""

import pytest
import torch

from minivid import wall
from minivid.wall import FRAMES, LIGHTS, LONGEST, MADE, SHOWN, STRIPS, cut, films, read

REAL = films(range(10**6, 10**6 + 96))
FRAME = torch.arange(FRAMES)
HIDDEN = (FRAME >= REAL.hides[:, None]) & (FRAME < REAL.returns[:, None])
BEFORE = (FRAME >= REAL.hides[:, None] - SHOWN) & (FRAME < REAL.hides[:, None])
AFTER = (FRAME >= REAL.returns[:, None]) & (FRAME < REAL.returns[:, None] + SHOWN)
SHOWS = BEFORE | AFTER
WHOLE = SHOWS & (FRAME != REAL.hides[:, None] - 1) & (FRAME != REAL.returns[:, None])  # not half
SEEN = read(REAL.video)


def test_seeds_give_the_same_films_in_any_batch():
    some = films(torch.tensor([10**6 + 5, 10**6]))
    assert torch.equal(some.video, REAL.video[[5, 0]]) and some.caption(1) == REAL.caption(0)
    assert some.video.shape == (2, 3, FRAMES, 16, 16)


def test_every_kind_and_place_and_side_comes():
    many = films(range(600))
    assert len({many.caption(b) for b in range(600)}) == 2 * 6 * len(LIGHTS)
    assert (many.returns - many.hides).unique().tolist() == list(range(1, LONGEST + 1))
    assert sorted(many.way.unique().tolist()) == [-1, 1] and 0.4 < many.last.float().mean() < 0.6
    assert (many.returns[many.last] == FRAMES - MADE).all()
    assert (many.hides[~many.last] == MADE).all()


def test_a_length_and_which_end_is_made_can_be_asked_for():
    for hidden in (1, 7, LONGEST):
        some = films(range(20), hidden)
        assert (some.returns - some.hides == hidden).all()
    for last in (True, False):
        assert (films(range(20), last=last).last == last).all()


def test_nothing_is_seen_of_a_thing_hidden_not_yet_there_or_gone():
    empty = wall.empty_places()[REAL.place] * 2 - 1  # (B, 3, 16, 16)
    away = (REAL.video - empty[:, :, None]).abs().amax((1, 3, 4))  # (B, F)
    assert away[~SHOWS].max() < 1e-6 and away[SHOWS].min() > 0.2
    assert not (SHOWS & HIDDEN).any() and (SHOWS.sum(1) == 2 * SHOWN).all()


def test_no_given_frame_shows_the_thing_in_most_films():
    given = REAL.given()[:, ::STRIPS] == 1
    for last in (True, False):
        assert (SHOWS & given)[REAL.last == last].float().mean(0).max() < 0.5


def test_each_frame_is_read_as_it_was_painted():
    right = (SEEN.shape == REAL.shape[:, None]) & (SEEN.colour == REAL.colour[:, None])
    assert right[WHOLE].all() and (SEEN.shape[~SHOWS] == -1).all()
    assert (right | (SEEN.shape < 0)).all()  # half behind the wall, it is no other thing
    assert (SEEN.place == REAL.place[:, None]).all()
    assert SEEN.kept().all() and SEEN.steady().all()


def test_the_judge_notices_another_thing_another_place_and_nothing():
    some = films(range(48), hidden=6, last=True)
    late = (FRAME >= FRAMES - MADE)[:, None, None]
    seen = read(torch.where(late, some.video.flip(0), some.video))
    kind, where = some.shape * 6 + some.colour, some.place
    assert not seen.kept()[kind != kind.flip(0)].any()
    assert torch.equal(seen.steady(), where == where.flip(0))
    noise = torch.randn(REAL.video[:16].shape, generator=torch.Generator().manual_seed(0))
    assert (read(noise).shape < 0).all() and (read(noise).place < 0).all()
    assert not read(torch.where(late, some.video[:, :, [12]], some.video)).kept().any()  # no return
    assert read(REAL.video[:16] + 0.05 * noise).kept().float().mean() >= 0.75


def test_kept_and_steady_by_hand():
    shape = torch.tensor([[0, 0, -1, 0], [0, -1, -1, 2], [0, 2, -1, 0], [-1, 0, 0, 0],
                          [0, 0, 0, 0], [-1, 0, -1, 0]])
    colour = torch.tensor([[1, 1, -1, 1], [1, -1, -1, 1], [1, 1, -1, 1], [-1, 1, 1, 1],
                           [1, 1, 1, 3], [-1, 1, -1, 1]])
    place = torch.tensor([[1, 1, 1, 1], [1, 1, 2, 1], [-1, -1, -1, -1], [0, 0, 0, 0],
                          [3, 3, 3, -1], [2, 2, 2, 2]])
    seen = wall.Seen(shape, colour, place)
    assert seen.kept().tolist() == [True, False, False, False, False, True]
    assert seen.steady().tolist() == [True, False, False, True, False, True]


def test_all_is_given_but_three_frames_beyond_the_hidden_ones():
    given = REAL.given().view(-1, FRAMES, STRIPS)
    assert torch.equal(given.amin(2), given.amax(2)) and (given[..., 0].sum(1) == 13).all()
    assert given[..., 0][HIDDEN].all()
    made = given[..., 0] == 0
    assert torch.equal(made, torch.where(REAL.last[:, None], FRAME >= REAL.returns[:, None],
                                         FRAME < REAL.hides[:, None]))
    assert made[torch.arange(96), REAL.asked()].all()
    assert WHOLE[torch.arange(96), REAL.asked()].all()


def test_films_are_cut_into_strips_and_joined_again():
    patches = cut(REAL.video[:4])
    assert patches.shape == (4, FRAMES * STRIPS, 3 * 16 * 4)
    assert torch.equal(wall.join(patches), REAL.video[:4])
    where = wall.addresses()[0]
    for n in (0, 3, 17, 63):
        frame, strip = where[n].long().tolist()
        piece = REAL.video[1, :, frame, :, 4 * strip : 4 * strip + 4]
        assert torch.equal(patches[1, n].view(3, 16, 4), piece)


def test_patches_in_which_it_is_seen():
    seen, each = REAL.visible().view(-1, FRAMES, STRIPS), torch.arange(96)
    assert torch.equal(seen.amax(2) == 1, SHOWS)
    first = torch.where(REAL.way > 0, 0, STRIPS - 1)  # it comes from the other side
    for at, strip in ((REAL.hides - 2, first), (REAL.returns + 1, 3 - first)):
        assert seen[each, at, strip].all() and not seen[each, at, 3 - strip].any()
    frame, strip = REAL.asked_patch() // STRIPS, REAL.asked_patch() % STRIPS
    assert torch.equal(frame, REAL.asked()) and seen[each, frame, strip].all()
    assert torch.equal(strip, torch.where(REAL.last, 3 - first, first))


@pytest.mark.parametrize("frames", (1, 5))
def test_addresses_have_any_length(frames):
    assert wall.addresses(frames).shape == (1, STRIPS * frames, 2)
    assert torch.equal(wall.addresses(frames), wall.addresses()[:, : STRIPS * frames])
