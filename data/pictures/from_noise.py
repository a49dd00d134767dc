"""Make the moving picture at the top of the README: four films appear out of static, then play.

    python data/pictures/from_noise.py
"""

from pathlib import Path

import torch

from minivid import show, verify
from minivid.generate import Machine, generate

PROMPTS = ["a red ball bounces by day", "a blue cat moves right in the rain",
           "a yellow star grows at night", "a purple box passes behind a wall in the snow"]
STEPS, SEEDS = 16, range(20, 32)


def main() -> None:
    machine, films = Machine.load("laptop", "cpu"), []
    for prompt in PROMPTS:
        for seed in SEEDS:  # the first film that obeys
            moments = []
            clip = generate(machine, prompt, seed, STEPS, on_step=lambda n, s: moments.append(s))
            if verify.score(verify.read(clip.video), [prompt]).together[0]:
                break
        on_the_way = [machine.to_video(s.x_t, machine.preset.packing())[0] for s in moments[:-1]]
        appearing = torch.stack([film[:, n] for n, film in enumerate(on_the_way)], 1)
        films.append(torch.cat([appearing, clip.video[0, :, STEPS:], clip.video[0]], 1))
    alt = "Four films appear out of static and play: " + ", ".join(PROMPTS) + "."
    film = show.play(films, machine.preset.fmt.fps, alt, PROMPTS)
    Path(__file__).with_suffix(".png").write_bytes(film.png())


if __name__ == "__main__":
    main()
