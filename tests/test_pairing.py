"""The link of words and pictures: a bag, a contrast, and a log that adds up to certainty."""

import pytest
import torch

from minivid.pairing import PictureLink, contrast, log_fit


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def link():
    torch.manual_seed(0)
    return PictureLink(words=9, width=16)


WORDS = torch.tensor([[1, 2, 3], [4, 5, 0], [6, 7, 8], [1, 5, 8]])


def test_vectors_have_length_1_and_words_are_a_bag(link):
    said = link.of_words(WORDS)
    assert torch.allclose(said.norm(dim=1), torch.ones(4))
    assert torch.allclose(link.of_pictures(draw(2, 3, 16, 16)).norm(dim=1), torch.ones(2))
    assert torch.allclose(said, link.of_words(WORDS[:, [2, 0, 1]]), atol=1e-6)
    for same in ([0, 5, 4], [4, 5]):  # 0 says nothing
        assert torch.allclose(said[1], link.of_words(torch.tensor([same]))[0], atol=1e-6)
    assert not torch.allclose(said[0], link.of_words(torch.tensor([[1, 2, 4]]))[0], atol=1e-2)


def test_the_score_is_likeness_sharpened(link):
    pictures = draw(2, 3, 16, 16)
    score = link(pictures, WORDS)
    assert score.shape == (2, 4)
    assert torch.allclose(score[1, 2], link.sharpness.exp() * (
        link.of_pictures(pictures)[1] @ link.of_words(WORDS)[2]), atol=1e-5)


def test_what_a_network_is_given_is_each_word_and_which_are_said(link):
    given = link.condition(WORDS)
    assert given.text.shape == (4, 3, 16) and not given.text.requires_grad
    assert given.text_mask.sum(1).tolist() == [3, 2, 3, 3]
    assert torch.equal(given.text[0, 0], given.text[3, 0])  # one word, one vector
    assert torch.allclose(given.text.std(-1, correction=0), torch.ones(4, 3), atol=1e-3)


def test_contrast_is_0_when_sure_and_the_log_of_the_number_when_not():
    assert contrast(50 * torch.eye(4), WORDS) < 1e-6
    assert torch.allclose(contrast(torch.zeros(4, 4), WORDS), torch.tensor(4.0).log())
    assert contrast(-50 * torch.eye(4), WORDS) > 10
    wrong_way = 50 * torch.eye(4).roll(1, 0)
    assert contrast(wrong_way, WORDS) > 10


def test_captions_that_are_alike_are_no_fault():
    score = torch.zeros(4, 4)
    score[0, 3] = score[3, 0] = 50.0
    assert contrast(score, WORDS) > 10
    left = (torch.tensor(3.0).log() + torch.tensor(4.0).log()) / 2  # 3 or 4 are equally likely
    assert torch.allclose(contrast(score, WORDS[[0, 1, 2, 0]]), left)  # the fourth is the first


def test_log_fit_is_a_share_among_rivals(link):
    x_t, t = draw(4, 3, 16, 16, seed=1), torch.rand(4)
    shares = torch.stack([log_fit(link, WORDS[[k] * 4], WORDS)(x_t, t).exp() for k in range(4)], 1)
    assert torch.allclose(shares.sum(1), torch.ones(4), atol=1e-5)
    assert torch.allclose(shares, link(x_t, WORDS).softmax(1), atol=1e-5)


def test_it_learns_which_words_go_with_which_pictures():
    torch.manual_seed(0)
    looks = draw(9, 3, 16, 16, seed=2)
    link = PictureLink(9, 16)
    optimizer = torch.optim.Adam(link.parameters(), lr=3e-3)
    for step in range(60):
        words = torch.stack([1 + torch.randperm(8)[:3] for _ in range(16)])
        pictures = looks[words].sum(1) + 0.3 * torch.randn(16, 3, 16, 16)
        optimizer.zero_grad()
        contrast(link(pictures, words), words).backward()
        optimizer.step()
    words = torch.combinations(torch.arange(1, 9), 3)[:20]
    assert (link(looks[words].sum(1), words).argmax(1) == torch.arange(20)).float().mean() >= 0.7
