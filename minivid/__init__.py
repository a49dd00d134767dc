"""How AI makes videos, in working parts: noise to video and sound, from scratch.

The legend of dimensions, for every comment that ends a line of code:

    B  clips in a batch          F  frames of video, 1 + 4k     H, W  pixels, height and width
    C  channels of the latents   f  frames of latents           h, w  height and width of latents
    N  tokens in a sequence      D  numbers in a token          d     width of a network
    L  words of a caption        E  numbers in an encoded word  S, s  samples of audio, of latents
    K  points of a data set      t  flow time: 0 is pure noise, 1 is clean; never frames

The nouns, and their shapes:

    video      (B, 3, F, H, W)  pixels in [-1, 1]
    audio      (B, S)           waveform in [-1, 1], (F - 1) / fps seconds
    latents    (B, C, f, h, w) or (B, C, s)   compressed video or audio
    tokens     (B, N, D)        patches of latents, one row each
    text       (B, L, E)        encoded caption, with its mask (B, L)
    velocity   as x_t           clean - noise, what the networks are asked for

`import minivid` is quick: each module is imported where it is used.
"""

__version__ = "0.1.0"
