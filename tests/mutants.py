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
BUTTON, NOISE, WORDS, FRAMES, COST, LATENTS, LOOK, PATCHES, SOUND = (
    f"course/{name}.ipynb" for name in (
        "00_press_the_button", "01_noise", "02_words", "03_frames", "04_cost", "05_latents",
        "06_transformers", "07_latent_diffusion_transformer", "08_sound"))
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
    "guidance leads away from the words": (WORDS, [
        ("minivid/guidance.py", "v_with + (scale - 1) * (v_with - v_without)",
         "v_with - (scale + 1) * (v_with - v_without)")]),
    "steering leads away from the words": (WORDS, [
        ("minivid/guidance.py", "velocity + self.scale * spread", "velocity - self.scale * spread"),
        (WORDS, "+ scale * push", "- scale * push")]),
    "captions are shuffled within the batch of words": (WORDS, [
        (WORDS, "contrast(model(x, words)", "contrast(model(x, words.roll(1, 0))"),
        (WORDS, "link.condition(words), gen", "link.condition(words.roll(1, 0)), gen")]),
    "red words are painted blue": (WORDS, [
        ("minivid/pictures.py", "scene = Scene(shape, colour,",
         "scene = Scene(shape, colour + 4 * (colour == 0),")]),
    "the velocity of films has the wrong sign": (FRAMES, [
        ("minivid/flow.py", "return clean - noise", "return noise - clean")]),
    "frames are filmed out of order": (FRAMES, [
        ("minivid/moving.py", '"(b f) c h w -> b c f h w", f=FRAMES)',
         '"(b f) c h w -> b c f h w", f=FRAMES)[:, :, [0, 4, 2, 6, 1, 5, 3, 7]]')]),
    "things change colour midway": (FRAMES, [
        ("minivid/moving.py", "    day = torch.zeros(",
         "    kinds[1].view(-1, FRAMES)[:, 4:] = 0\n    day = torch.zeros(")]),
    "each frame is shown itself in training": (FRAMES, [
        ("minivid/frames.py", "video[:, :, :-1]], 2)", "video[:, :, 1:]], 2)")]),
    "each frame follows the first": (FRAMES, [
        ("minivid/frames.py", "sample(model, x, made[-1], steps)",
         "sample(model, x, made[0], steps)")]),
    "attention is counted as nothing": (COST, [
        ("minivid/estimate.py", "looking = 4 * tokens**2", "looking = 0 * tokens**2")]),
    "the bill forgets guidance's second pass": (COST, [
        ("minivid/estimate.py", "steps * self.passes * once", "steps * once")]),
    "a factor 2 of the bill is lost": (COST, [
        ("minivid/estimate.py", "through = 2 * (tokens", "through = (tokens")]),
    "the bill takes tokens of half the size": (COST, [
        ("minivid/estimate.py", "-(-width // self.cell), -(-height // self.cell)",
         "-(-2 * width // self.cell), -(-2 * height // self.cell)")]),
    "the bill takes every frame by itself": (COST, [
        ("minivid/estimate.py", "(1 + -(-(frames - 1) // self.group))", "frames")]),
    "the exponent of the bill is upside down": (COST, [
        ("minivid/estimate.py", "(u * v).sum() / (u**2).sum()", "(u * v).sum() / (v**2).sum()")]),
    "the bill's seconds and joules are swapped": (COST, [
        ("data/published.csv", "steps,seconds,joules", "steps,joules,seconds")]),
    "the bill's film takes half of its steps": (COST, [
        ("minivid/sampling.py", "torch.linspace(0, 1, steps + 1)",
         "torch.linspace(0, 1, (steps + 1) // 2 + 1)")]),
    "frames of latents come back in reverse": (LATENTS, [
        ("minivid/autoencoder.py", "self.decoder(raw.transpose(1, 2))",
         "self.decoder(raw.transpose(1, 2).flip(1))")]),
    "the scale of latents is forgotten": (LATENTS, [
        ("minivid/autoencoder.py", "self.raw_decode(latents * self.scale + self.mean)",
         "self.raw_decode(latents + self.mean)")]),
    "small latents are learnt the wrong way": (LATENTS, [
        ("minivid/autoencoder.py", "return (error * weight).mean()",
         "return -(error * weight).mean()")]),
    "latents are of the patterns that matter least": (LATENTS, [
        ("minivid/linear.py", "full_matrices=False)[2][:channels]",
         "full_matrices=False)[2].flip(0)[:channels]")]),
    "latents of red films are painted blue": (LATENTS, [
        ("minivid/paint.py", "colour = PALETTE.to(device)[scene.colour[who, a]]",
         "colour = PALETTE[[4, 1, 2, 3, 0, 5]].to(device)[scene.colour[who, a]]")]),
    "words are not heard among latents": (LATENTS, [
        ("minivid/frames.py", "() if given is None else (given,)", "()")]),
    "words of other films come with latents": (LATENTS, [
        (LATENTS, "words(learning).text)", "words(learning).text.roll(1, 0))")]),
    "latents' velocity has the wrong sign": (LATENTS, [
        ("minivid/flow.py", "return clean - noise", "return noise - clean")]),
    "no bit is flipped where latents are nudged": (LATENTS, [
        ("minivid/forms.py", "data[at] ^ 1", "data[at] ^ 0")]),
    "attention adds up over those who look": (LOOK, [
        ("minivid/layers.py", "score.softmax(-1).to(v.dtype) @ v",
         "score.softmax(-2).to(v.dtype) @ v")]),
    "attention prefers what fits least": (LOOK, [
        ("minivid/layers.py", "score = q @ k.mT  #", "score = -q @ k.mT  #")]),
    "attention knows no positions": (LOOK, [
        ("minivid/layers.py", "return angle.cos(), angle.sin()",
         "return torch.ones_like(angle), torch.zeros_like(angle)")]),
    "the causal mask is dropped": (LOOK, [
        ("minivid/layers.py", "score = score.masked_fill(~mask, -torch.inf)", "pass")]),
    "another thing comes out from behind the wall": (LOOK, [
        ("minivid/wall.py", "dice.uniform(6, -HEIGHT, HEIGHT))",
         "dice.uniform(6, -HEIGHT, HEIGHT))\n    looks[:, :, 3:] = looks.roll(1, 0)[:, :, 3:]")]),
    "films are painted in other colours than told": (LOOK, [
        ("minivid/wall.py", "_painted(shape, colour, place", "_painted(shape, 5 - colour, place")]),
    "captions are learnt with their colours swapped": (LOOK, [
        (LOOK, "torch.cat([words[some], album.swapped(words[some])])",
         "torch.cat([album.swapped(words[some]), words[some]])")]),
    "patches of films are cut in another order": (LOOK, [
        ("minivid/wall.py", '"b c f h (s w) -> b (f s) (c h w)"',
         '"b c f h (s w) -> b (s f) (c h w)"')]),
    "the velocity of patches has the wrong sign": (PATCHES, [
        ("minivid/flow.py", "return clean - noise", "return noise - clean")]),
    "patches are joined with rows and columns swapped": (PATCHES, [
        ("minivid/tokens.py", '"b (f h w) (c p q) -> b c f (h p) (w q)"',
         '"b (f h w) (c q p) -> b c f (h p) (w q)"')]),
    "patches have shuffled addresses": (PATCHES, [
        ("minivid/transformer.py", "self.rotary(layout.positions)",
         "self.rotary(layout.positions[:, torch.randperm(layout.positions.shape[1])])")]),
    "red patches are painted blue": (PATCHES, [
        ("minivid/paint.py", "colour = PALETTE.to(device)[scene.colour[who, a]]",
         "colour = PALETTE[[4, 1, 2, 3, 4, 5]].to(device)[scene.colour[who, a]]")]),
    "patches are shown with other films' words": (PATCHES, [
        ("minivid/little.py", "Condition(self.text[rows]", "Condition(self.text[rows.roll(1)]")]),
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
SEEDS = {  # what holds a seed, the seed that is there, and two others
    BUTTON: [("seed={}", 0, 1, 2), ("[asked], [{}]", 0, 1, 2), ("noises([{}]", 0, 1, 2),
             ("new, {}, fmt", 0, 1000, 2000), ("* 16, {}, fmt", 40, 140, 240),
             ("caption, {}, fmt", 7, 107, 207)],
    NOISE: [("manual_seed({})", 0, 11, 12), ("manual_seed({})", 1, 21, 22),
            ("manual_seed({})", 7, 31, 32), ("seed={}", 0, 1, 2), ("seed={}", 1000, 1001, 1002),
            ("seed={}", 2000, 2001, 2002)],
    WORDS: [("seed={}", 0, 50, 60), ("seed={}", 1, 51, 61), ("seed={}", 2, 52, 62),
            ("manual_seed({})", 7, 31, 32), ("manual_seed({})", 8, 41, 42)],
    FRAMES: [("manual_seed({})", 7, 31, 32), ("seed={}", 0, 1, 2)],
    COST: [("seed={}", 0, 1, 2), ("[asked], [{}]", 0, 1, 2)],
    LATENTS: [("2**{} + torch", 40, 41, 42), ("manual_seed({})", 0, 50, 60),
              ("manual_seed({})", 4, 51, 61), ("manual_seed({})", 5, 52, 62),
              ("manual_seed({})", 7, 53, 63), ("seed={}", 0, 1, 2)],
    LOOK: [("manual_seed({})", 7, 31, 32), ("manual_seed({})", 8, 41, 42),
           ("manual_seed({})", 9, 51, 52), ("seed={}", 0, 1, 2)],
    PATCHES: [("manual_seed({})", 0, 11, 12), ("seed={}", 0, 1, 2), ("seed={}", 7, 31, 32),
              ("manual_seed({})", 5, 51, 52), ("prompts, {})", 70, 170, 270),
              (":8], {}, fmt", 80, 180, 280), ("told, {})", 90, 190, 290)],
    SOUND: [("manual_seed({})", 7, 31, 32), ("seed={}", 0, 1, 2), ("seed={}", 3, 4, 5),
            ('seeds\\": [{}]', 0, 1, 2)],  # as JSON has it
}
HARMLESS = {f"nothing is changed in {lesson[7:9]}": (lesson, []) for lesson in SEEDS} | {
    f"other seeds in {lesson[7:9]} ({s})": (lesson, [
        (lesson, text.format(there), text.format(others[s - 1])) for text, there, *others in rows])
    for lesson, rows in SEEDS.items() for s in (1, 2)
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
