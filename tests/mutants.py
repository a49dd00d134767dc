"""Change the package or the lesson on purpose: faults must be caught, other seeds must not matter.

    python tests/mutants.py            all of them (minutes: each re-runs a notebook)
    python tests/mutants.py velocity   those whose name holds this word

Not collected by pytest: `make mutants` runs it before a release.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUTTON, NOISE, SOUND = ("course/00_press_the_button.ipynb", "course/01_noise.ipynb",
                        "course/08_sound.ipynb")
FAULTS = {  # what is wrong: the lesson, and (file, what is there, what it becomes), ...
    "the sampler walks backwards": (BUTTON, [
        ("minivid/sampling.py", "x_t + dt * velocity", "x_t - dt * velocity")]),
    "the words are not heard": (BUTTON, [
        ("minivid/guidance.py", "joined(given, given.without(self.without))",
         "joined(given.without(self.without), given.without(self.without))")]),
    "the judge takes every film": (BUTTON, [
        ("minivid/evaluate.py", '"together": scores.rate()', '"together": 1.0')]),
    "the velocity has the wrong sign": (NOISE, [
        ("minivid/flow.py", "return clean - noise", "return noise - clean")]),
    "the sampler runs time backwards": (NOISE, [
        ("minivid/sampling.py", "velocity = model(x_t, t, given)",
         "velocity = model(x_t, 1 - t, given)")]),
    "red is painted blue": (NOISE, [
        ("minivid/paint.py", "colour = PALETTE.to(device)[scene.colour[who, a]]",
         "colour = PALETTE[[4, 1, 2, 3, 4, 5]].to(device)[scene.colour[who, a]]")]),
    "sound is addressed by its number": (SOUND, [
        ("minivid/tokens.py", "(torch.arange(self.sound) + 0.5) * self.fmt.seconds / self.sound",
         "(torch.arange(self.sound) + 0.5) / self.fmt.fps")]),
    "tones are struck 80 ms late": (SOUND, [
        ("minivid/ball.py", "seconds = torch.tensor([at for",
         "seconds = torch.tensor([at + 0.08 for")]),
    "picture and sound are never hidden from each other": (SOUND, [
        ("minivid/layers.py", "apart=torch.ones_like(self.apart)",
         "apart=torch.zeros_like(self.apart)")]),
}
HARMLESS = {f"nothing is changed in {lesson[7:9]}": (lesson, [])
            for lesson in (BUTTON, NOISE, SOUND)} | {
    f"other seeds in 00 ({s})": (BUTTON, [
        (BUTTON, "seed=0", f"seed={s}"),
        (BUTTON, "[asked], [0]", f"[asked], [{s}]"),
        (BUTTON, "noises([0]", f"noises([{s}]"),
        (BUTTON, "new, 0, fmt", f"new, {1000 * s}, fmt"),
        (BUTTON, "* 16, 40, fmt", f"* 16, {40 + 100 * s}, fmt"),
        (BUTTON, "real.caption, 7, fmt", f"real.caption, {7 + 100 * s}, fmt"),
    ]) for s in (1, 2)
} | {
    f"other seeds in 01 ({s})": (NOISE, [
        (NOISE, "manual_seed(0)", f"manual_seed({10 + s})"),
        (NOISE, "manual_seed(1)", f"manual_seed({20 + s})"),
        (NOISE, "manual_seed(7)", f"manual_seed({30 + s})"),
        (NOISE, "seed=0", f"seed={s}"),
        (NOISE, "seed=1000", f"seed={1000 + s}"),
        (NOISE, "seed=2000", f"seed={2000 + s}"),
    ]) for s in (1, 2)
} | {
    f"other seeds in 08 ({s})": (SOUND, [
        (SOUND, "manual_seed(7)", f"manual_seed({30 + s})"),
        (SOUND, "seed=0", f"seed={s}"),
        (SOUND, "seed=3", f"seed={3 + s}"),
        (SOUND, "[0], (), fmt", f"[{s}], (), fmt"),
    ]) for s in (1, 2)
}


def passes(lesson: str, changes: list[tuple[str, str, str]]) -> bool:
    """Whether the lesson agrees with its stored outputs, in a changed copy of the project."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("minivid", "course", "data", "tests", "pyproject.toml"):
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, Path(folder) / name)
        for file, old, new in changes:
            text = (Path(folder) / file).read_text(encoding="utf-8")
            assert old in text, f"{file} no longer says {old!r}"
            (Path(folder) / file).write_text(text.replace(old, new), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "--nbval", "--nbval-current-env",
             "--nbval-cell-timeout=300", "--nbval-sanitize-with", "tests/sanitize.cfg", lesson],
            cwd=folder, env={**os.environ, "PYTHONPATH": folder}, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stdout + done.stderr  # 1: cells differ, not a mishap
    return done.returncode == 0


if __name__ == "__main__":
    failed = False
    for name, (lesson, changes) in (FAULTS | HARMLESS).items():
        if all(word in name for word in sys.argv[1:]):
            good = passes(lesson, changes) == (name in HARMLESS)
            failed |= not good
            print(f"{'as it should be' if good else 'WRONG'}: {name}: "
                  f"the lesson {'fails' if (name in FAULTS) == good else 'passes'}", flush=True)
    sys.exit(failed)
