"""Whether made films vary as real clips do, and whether they are copies of what was trained on."""

from __future__ import annotations

from collections.abc import Callable

import torch

from . import checkpoints
from .pool import UNSEEN, first_seed, taught
from .presets import Preset
from .world import Knobs, film

Tensor = torch.Tensor


def measure(preset: Preset, video: Tensor, made: list, real: list) -> dict:
    """Both, of films video (B, 3, F, H, W), from the readings of them and of real clips."""
    unseen = film(UNSEEN + (1 << 22) + torch.arange(len(video)), preset.fmt, Knobs(cast="one"),
                  sound=False)
    far = nearest(torch.cat([video, unseen.video]), preset)[0]
    return {"spread": spread(made, real),
            "nearest training clip": {"made": float(far[: len(video)].median()),
                                      "real, unseen": float(far[len(video) :].median())}}


def spread(made: list, real: list) -> dict[str, float] | None:
    """Standard deviations of place and size over clips with one actor, as a share of real clips'.

    None where there are hardly any such clips.
    """

    def alone(readings):
        return [(r.position[0].nanmean(0), r.radius[0].nanmean()) for r in readings
                if r.description is not None and len(r.position) == 1 and r.visible.any()]

    def measure(rows):
        place, size = torch.stack([p for p, _ in rows]), torch.stack([s for _, s in rows])
        return place.std(0), size.std()

    if min(len(alone(made)), len(alone(real))) < 2:
        return None
    (place, size), (place0, size0) = measure(alone(made)), measure(alone(real))
    ratio = place / place0
    return {"y": float(ratio[0]), "x": float(ratio[1]), "size": float(size / size0)}


def trained_on(preset: Preset) -> Tensor:
    """The seeds (n,) of the clips of the preset's own aspect that its last training saw: they are
    of the kind `taught`."""
    entry = checkpoints.manifest()[f"transformer-{preset.name}"]
    return first_seed(entry["seed"]) + torch.arange(entry["clips"] // 2)


def nearest(video: Tensor, preset: Preset,
            tick: Callable[[int], None] | None = None) -> tuple[Tensor, Tensor]:
    """The nearest training clip: root mean square distance of pixels (B,), and its seed (B,).

    Compared on clips made four times smaller, with all clips of the preset's own aspect that its
    last training saw.
    """

    def small(v: Tensor) -> Tensor:
        return torch.nn.functional.avg_pool3d(v[:, :, ::4], (1, 4, 4)).flatten(1)

    fmt, seeds = preset.fmt, trained_on(preset)
    mine, knobs = small(video), taught(preset)
    far, which = torch.full((len(mine),), torch.inf), seeds.new_zeros(len(mine))
    for part in seeds.split(64):
        off, row = (torch.cdist(mine, small(film(part, fmt, knobs, sound=False).video))).min(1)
        which = torch.where(off < far, part[row], which)
        far = far.minimum(off)
        if tick:
            tick(len(part))
    return far / mine.shape[1] ** 0.5, which
