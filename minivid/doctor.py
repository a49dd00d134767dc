"""What this computer has, whether everything needed is there, and what to do where it is not."""

import os
import platform
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch

from minivid import __version__, checkpoints, presets
from minivid.errors import MinividError

GIB = 2**30
NEEDED = ("torchvision", "numpy", "matplotlib", "einops", "ipywidgets", "jupyterlab", "nbval",
          "safetensors", "av", "PIL", "tqdm", "voila")


@dataclass(frozen=True)
class Finding:
    """One thing looked at: its name, what was found, and what is wrong with it, if anything."""

    name: str
    fact: str
    wrong: str | None = None


def version() -> Finding:
    """Which minivid, on which Python, on which system."""
    return Finding("version", f"minivid {__version__}, Python {platform.python_version()} on "
                              f"{platform.system()} {platform.machine()}")


def packages() -> Finding:
    """Whether the packages that minivid needs are installed, and torchvision fits torch."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    again = "In the environment you use, run: pip install -e ."
    if missing:
        fact = f"{', '.join(missing)} missing"
        return Finding("packages", fact, f"Packages are missing. {again}")
    try:
        import torchvision
    except (ImportError, RuntimeError) as problem:
        return Finding("packages", "torchvision does not load",
                       f"torchvision was built for another torch ({problem}). {again}")
    return Finding("packages", f"all there, torchvision {torchvision.__version__}")


def arithmetic() -> Finding:
    """torch, its threads, and the graphics chips it was built for against the one here."""
    built = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU only"
    fact = f"{torch.__version__} ({built}), {torch.get_num_threads()} threads"
    if torch.version.hip:
        return Finding("torch", f"{torch.__version__} (ROCm)")
    if not torch.cuda.is_available():
        unused = shutil.which("nvidia-smi") and not torch.version.cuda
        return Finding("torch", fact, "This torch cannot use the GPU that is here. Install torch "
                       "with CUDA, as its site says." if unused else None)
    chips, mine = torch.cuda.get_arch_list(), torch.cuda.get_device_capability()
    fact += f", for {' '.join(chips)}"
    return Finding("torch", fact, None if runs_on(mine, chips) else
                   f"This torch was not built for your GPU (sm_{mine[0]}{mine[1]}). Use the CPU "
                   "(set CUDA_VISIBLE_DEVICES to nothing), or another release of torch.")


def runs_on(capability: tuple[int, int], chips: list[str]) -> bool:
    """Whether code built for `chips` ("sm_80", "compute_90") runs on a chip of `capability`.

    Machine code runs on later chips of the same generation, PTX ("compute_") on all later ones.
    """
    for chip in chips:
        kind, digits = chip.rstrip("af").split("_")
        built = int(digits[:-1]), int(digits[-1])
        if built <= capability and (kind == "compute" or built[0] == capability[0]):
            return True
    return False


def device() -> Finding:
    """What networks run on, and its free memory."""
    best = presets.best_device()
    if best.type == "cuda":
        free, whole = torch.cuda.mem_get_info()
        name, least = torch.cuda.get_device_name(), 1
    else:
        (free, whole), least = system_memory(), 2
        name = f"CPU, {os.cpu_count()} cores"
    if free is None:
        return Finding("device", f"{name}, memory unknown")
    wrong = (f"Less than {least} GiB of memory is free. Close other programs and notebooks."
             if free < least * GIB else None)
    return Finding("device", f"{name}, {free / GIB:.1f} of {whole / GIB:.1f} GiB free", wrong)


def system_memory() -> tuple[int | None, int | None]:
    """Free and whole memory in bytes, from Linux; (None, None) elsewhere."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        kib = {line.split(":")[0]: int(line.split()[1]) for line in lines}
        return kib["MemAvailable"] * 1024, kib["MemTotal"] * 1024
    except (OSError, KeyError, ValueError):
        return None, None


def preset() -> Finding:
    """Which sizes are used here."""
    try:
        presets.choose()
    except MinividError as problem:
        return Finding("preset", "unknown", f"{problem} Change MINIVID_PRESET, or unset it.")
    try:
        size = presets.choose_trained()
    except MinividError:  # no list of checkpoints: `trained` says what to do
        size = presets.choose()
    fmt = size.fmt
    return Finding("preset", f"{size.name}: {fmt.width}x{fmt.height} pixels, {fmt.frames} frames, "
                             f"{fmt.fps} a second")


def trained() -> Finding:
    """Whether the checkpoints of this preset are there, and whole."""
    try:
        size, known = presets.choose_trained(), checkpoints.manifest()
        if broken := checkpoints.verify_manifest():
            return Finding("checkpoints", "damaged", f"{'; '.join(broken)}. Restore what was "
                                                     "shipped with: git checkout data/checkpoints")
        paths = [checkpoints.find(network, size.name) for network in size.networks]
    except MinividError as problem:
        return Finding("checkpoints", "not all there", str(problem))
    if misfits := checkpoints.misfits(size.name):
        return Finding("checkpoints", "do not fit together", " ".join(misfits))
    big = sum(path.stat().st_size for path in paths)
    return Finding("checkpoints", f"{', '.join(path.stem for path in paths)}: {big / 1e6:.1f} MB, "
                                  f"whole ({len(known)} in the manifest)")


def disk() -> Finding:
    """Room for films and trainings in the current folder."""
    usage = shutil.disk_usage(Path.cwd())
    wrong = "Less than 1 GiB of disk is free. Remove what you no longer need."
    return Finding("disk", f"{usage.free / GIB:.0f} GiB free", wrong if usage.free < GIB else None)


def films() -> Finding:
    """Whether film files can be written."""
    try:
        import av
    except ImportError:
        return Finding("films", "PyAV is missing", "Films cannot be written. Run: pip install av")
    codecs = {"libx264": "pictures (H.264)", "libmp3lame": "sound (MP3)"}
    missing = [what for codec, what in codecs.items() if codec not in av.codecs_available]
    again = "Install PyAV from its wheel: pip install --force-reinstall --only-binary :all: av"
    return Finding("films", f"PyAV {av.__version__}" if missing else
                   f"PyAV {av.__version__} with {', '.join(codecs)}",
                   f"Films cannot hold {' and '.join(missing)}. {again}" if missing else None)


CHECKS: tuple[Callable[[], Finding], ...] = (
    version, packages, arithmetic, device, preset, trained, disk, films)


def examine() -> list[Finding]:
    """Look at everything, in the order above."""
    return [check() for check in CHECKS]


def report(findings: list[Finding]) -> str:
    """What was found, a line each, then what is wrong and what to do, numbered."""
    lines = [f"{finding.name:<12} {finding.fact}" for finding in findings]
    wrong = [finding.wrong for finding in findings if finding.wrong]
    if not wrong:
        return "\n".join([*lines, "", "Everything is in order."])
    things = "One thing is" if len(wrong) == 1 else f"{len(wrong)} things are"
    return "\n".join([*lines, "", f"{things} wrong:",
                      *(f"{n}. {what}" for n, what in enumerate(wrong, 1))])
