"""How good the machine is: prompts obeyed, each figure beside its floor and its ceiling."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from statistics import mean

import torch

from . import checkpoints, media, verify
from . import grammar as g
from .autoencoder import GROUP
from .generate import MEMORY, Machine, extend, generate
from .paint import ClipFormat
from .presets import Preset
from .recipes import TAUGHT, UNSEEN, first_seed
from .world import Clip, Knobs, film, script

Tensor = torch.Tensor
ARTICLE = "a cat riding a bicycle in the rain"
BATCH = 16


def prompts_for(knobs: Knobs, n: int, fmt: ClipFormat, start: int = 0) -> tuple[list[str], Tensor]:
    """n captions that were never trained on, and the seeds of their clips."""
    seeds = UNSEEN + start + torch.arange(n)
    return script(seeds, fmt, knobs)[0], seeds


def read_films(video: Tensor, fmt: ClipFormat) -> list[verify.Reading]:
    """Read clips as they come back from the film files that `minivid make` writes."""

    def through_a_file(n: int) -> Tensor:
        path = Path(folder) / f"{n}.mp4"
        media.write_film(path, video[n], fmt.fps)
        return media.read_film(path)[0]

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as threads:
        films = list(threads.map(through_a_file, range(len(video))))
    return verify.read(torch.cat(films), fmt.fps)


def make_all(machine: Machine, prompts: list[str], seed: int, fmt: ClipFormat, tick=None,
             beginning: Tensor | None = None, **options) -> Clip:
    """Generate in batches, one film a prompt."""
    videos = []
    for at in range(0, len(prompts), BATCH):
        begin = None if beginning is None else beginning[at : at + BATCH]
        part = prompts[at : at + BATCH]
        clip = generate(machine, part, seed + at, fmt=fmt, beginning=begin, **options)
        videos.append(clip.video)
        if tick:
            tick(len(part))
    return Clip(torch.cat(videos), None, prompts, None, fmt.fps)


def obeyed(readings: list, captions: list[str]) -> dict[str, float]:
    """Shares of clips: everything right together, and part by part."""
    scores = verify.score(readings, captions)
    out = {"together": scores.rate(), "swapped": mean(scores.swapped)}
    return out | {part: scores.rate(part) for part in verify.PARTS}


def group(machine: Machine, knobs: Knobs, n: int, seeds: list[int], fmt: ClipFormat,
          tick=None) -> dict:
    """One row of the table: made clips, with real ones as ceiling and wrong captions as floor."""
    prompts, clip_seeds = prompts_for(knobs, n, fmt)
    real = film(clip_seeds, fmt, knobs)
    packing = machine.preset.packing(fmt)
    parts = [machine.to_video(machine.to_tokens(v, packing), packing)
             for v in real.video.split(BATCH)]
    filmed = read_films(real.video, fmt)
    row = {"prompts": n, "seeds": len(seeds), "real": obeyed(filmed, prompts)["together"]}
    row["autoencoder"] = obeyed(read_films(torch.cat(parts), fmt), prompts)["together"]
    runs, floors = [], []
    for seed in seeds:
        made = make_all(machine, prompts, seed * 100_003, fmt, tick)
        readings = read_films(made.video, fmt)
        runs.append(obeyed(readings, prompts))
        floors.append(obeyed(readings, prompts[1:] + prompts[:1])["together"])
        if seed == seeds[0]:
            row |= {"video": made.video, "readings": (readings, filmed)}
    row |= {part: mean(run[part] for run in runs) for part in runs[0]}
    return row | {"each": [run["together"] for run in runs], "floor": mean(floors)}


def spread(made: list, real: list) -> dict[str, float] | None:
    """Standard deviations of place and size over clips with one actor, as a share of real clips'.

    None where there are hardly any such clips.
    """

    def alone(readings):
        return [(r.position[0].nanmean(0), r.radius[0].nanmean()) for r in readings
                if r.description is not None and len(r.position) == 1]

    def measure(rows):
        place, size = torch.stack([p for p, _ in rows]), torch.stack([s for _, s in rows])
        return place.std(0), size.std()

    if min(len(alone(made)), len(alone(real))) < 2:
        return None
    (place, size), (place0, size0) = measure(alone(made)), measure(alone(real))
    ratio = place / place0
    return {"y": float(ratio[0]), "x": float(ratio[1]), "size": float(size / size0)}


def nearest(video: Tensor, preset: Preset) -> tuple[Tensor, Tensor]:
    """The nearest training clip: root mean square distance of pixels (B,), and its seed (B,).

    Compared on clips made four times smaller, with all clips of the preset's own aspect that its
    last training saw.
    """

    def small(v: Tensor) -> Tensor:
        return torch.nn.functional.avg_pool3d(v[:, :, ::4], (1, 4, 4)).flatten(1)

    fmt, entry = preset.fmt, checkpoints.manifest()[f"transformer-{preset.name}"]
    seeds = first_seed(entry["seed"]) + torch.arange(entry["clips"] // 2)
    trained = torch.cat([small(film(part, fmt, TAUGHT).video) for part in seeds.split(64)])
    mine = small(video)
    far, which = (torch.cdist(mine, trained) / mine.shape[1] ** 0.5).min(1)
    return far, seeds[which]


# ---------------------------------------------------------------- special questions


def same_prompt(machine: Machine, prompt: str, n: int, fmt: ClipFormat, tick=None) -> float:
    """Share of n seeds in which a single prompt is obeyed."""
    made = make_all(machine, [prompt] * n, 7, fmt, tick)
    return obeyed(read_films(made.video, fmt), [prompt] * n)["together"]


def behind_wall(machine: Machine, n: int, fmt: ClipFormat, tick=None) -> float:
    """Share in which the actor that comes out is the one that went in, when nothing names it."""
    prompts = [f"something passing behind a wall {place}" for place in g.PLACES] * (-(-n // 4))
    made = make_all(machine, prompts[:n], 11, fmt, tick)
    return obeyed(read_films(made.video, fmt), prompts[:n])["together"]


def from_beginning(machine: Machine, n: int, frames: int, fmt: ClipFormat, tick=None) -> float:
    """Share obeyed when the first frames of a real clip of the caption are given."""
    knobs = Knobs(cast="one")
    prompts, seeds = prompts_for(knobs, n, fmt, start=1 << 20)
    begin = film(seeds, fmt, knobs).video[:, :, :frames]
    made = make_all(machine, prompts, 13, fmt, tick, begin)
    return obeyed(read_films(made.video, fmt), prompts)["together"]


def three_times(machine: Machine, n: int, fmt: ClipFormat, tick=None) -> tuple[float, float]:
    """Actions that last: share obeyed in one film, and in one continued to thrice its length."""
    knobs = Knobs(cast="one", actions=g.LASTING)
    prompts, _ = prompts_for(knobs, n, fmt, start=1 << 21)
    short = make_all(machine, prompts, 17, fmt, tick)
    parts = []
    for at in range(0, n, BATCH):
        piece = Clip(short.video[at : at + BATCH], None, prompts[at : at + BATCH], None, fmt.fps)
        parts.append(extend(machine, piece, 3 * (fmt.frames - 1) + 1, seed=19 + at).video)
    long = torch.cat(parts)
    return (obeyed(read_films(short.video, fmt), prompts)["together"],
            obeyed(read_films(long, fmt), prompts)["together"])


# ---------------------------------------------------------------- the table


def evaluate(machine: Machine, prompts: int = 100, seeds: int = 1,
             tick: Callable[[int], None] | None = None) -> dict:
    """The whole table, as plain numbers: see `table` for how it is read."""
    preset, which = machine.preset, list(range(seeds))
    fmt, few = preset.fmt, max(BATCH, prompts // 5)
    groups = {
        "seen, one actor": (Knobs(cast="one"), prompts, fmt),
        "seen, two actors": (Knobs(cast="two"), prompts // 2, fmt),
        "never-seen pairs": (Knobs(cast="one", split="pairs"), prompts // 2, fmt),
        "never-seen triples": (Knobs(cast="one", split="triples"), prompts // 2, fmt),
        "held-out phrasings": (Knobs(cast="one", phrasings="held out"), few, fmt),
    }
    for height, width in preset.held_out:
        name = f"held-out aspect {width}x{height}"
        groups[name] = (Knobs(cast="one"), few, replace(fmt, height=height, width=width))
    rows, first = {}, None
    for name, (knobs, n, size) in groups.items():
        row = group(machine, knobs, max(2, n), which, size, tick)
        video, readings = row.pop("video"), row.pop("readings")
        if first is None:
            first, row["spread"] = video, spread(*readings)
        rows[name] = row
    unseen = film(UNSEEN + (1 << 22) + torch.arange(len(first)), fmt, Knobs(cast="one")).video
    short, long = three_times(machine, few, fmt, tick)
    return without_nan({
        "preset": preset.name, "groups": rows,
        "article": {"prompt": ARTICLE, "seeds": 50,
                    "together": same_prompt(machine, ARTICLE, 50, fmt, tick)},
        "behind a wall, unnamed": behind_wall(machine, few, fmt, tick),
        "from a picture": from_beginning(machine, few, 1, fmt, tick),
        "continued": from_beginning(machine, few, min(MEMORY, fmt.frames - GROUP), fmt, tick),
        "lasting actions": {"one film": short, "three times as long": long},
        "nearest training clip": {"made": float(nearest(first, preset)[0].median()),
                                  "real, unseen": float(nearest(unseen, preset)[0].median())},
    })


def without_nan(x):
    """The same with None for every NaN (a share of nothing), which JSON does not know."""
    if isinstance(x, dict):
        return {key: without_nan(value) for key, value in x.items()}
    return None if isinstance(x, float) and x != x else x


def table(scores: dict) -> str:
    """The scores in words and columns."""
    head = "all attributes right together"
    lines = [f"{head:32}{'made':>7}{'floor':>7}{'autoenc.':>9}{'real':>7}"]
    for name, row in scores["groups"].items():
        lines.append(f"{name:32}{row['together']:7.1%}{row['floor']:7.1%}{row['autoencoder']:9.1%}"
                     f"{row['real']:7.1%}   {row['prompts']} prompts x {row['seeds']} seeds")
    article = scores["article"]
    lines.append(f"{article['prompt']!r}: {article['together']:.0%} of {article['seeds']} seeds")
    two = scores["groups"]["seen, two actors"]
    lines.append(f"two actors, colours swapped: {two['swapped']:.1%}")
    for name in ("behind a wall, unnamed", "from a picture", "continued"):
        lines.append(f"{name}: {scores[name]:.1%}")
    last = scores["lasting actions"]
    lines.append(f"actions that last: {last['one film']:.1%} in one film, "
                 f"{last['three times as long']:.1%} in one three times as long")
    wide = scores["groups"]["seen, one actor"]["spread"]
    lines.append("spread over real clips': " + (", ".join(f"{k} {v:.2f}" for k, v in wide.items())
                                                if wide else "too few films to tell"))
    near = scores["nearest training clip"]
    lines.append(f"distance to the nearest training clip: {near['made']:.3f}, of real clips never "
                 f"trained on {near['real, unseen']:.3f}")
    return "\n".join(lines)
