"""What a thing took: operations, seconds, joules and memory, each measured or not said."""

import ctypes
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch


@dataclass(frozen=True)
class Bill:
    """What something took. `joules` is None where no meter can be read, `flops` where uncounted.

    On a GPU the joules are the card's, on a CPU the whole processor's, others' work included.
    """

    seconds: float
    flops: int | None = None
    joules: float | None = None

    def words(self) -> str:
        """The bill in one plain sentence."""
        parts = [in_time(self.seconds)]
        if self.flops is not None:
            parts.append(f"{in_words(self.flops)} floating-point operations")
        parts.append("energy not measurable here" if self.joules is None
                     else f"{self.joules:,.3g} joules")
        return ", ".join(parts)


def in_words(count: float) -> str:
    """A large number as it is said: 1.4 trillion."""
    for size, word in ((1e24, "septillion"), (1e21, "sextillion"), (1e18, "quintillion"),
                       (1e15, "quadrillion"), (1e12, "trillion"), (1e9, "billion"),
                       (1e6, "million")):
        if count >= size:
            return f"{count / size:,.3g} {word}"
    return f"{count:,.0f}"


def in_time(seconds: float) -> str:
    """A time as it is said: 0.46 seconds, 9.5 minutes, 23 years."""
    for size, word in ((31_557_600, "years"), (86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= max(600, 2 * size):
            count = seconds / size
            return f"{count:,.0f} {word}" if count >= 10 else f"{count:.2g} {word}"
    if seconds < 0.01:
        return "less than 0.01 seconds"
    return format(seconds, "#.2g" if seconds < 10 else ".0f") + " seconds"


def in_seconds(length: float) -> str:
    """A film's or sound's length as it is said: 1 second, 1.5 seconds."""
    return f"{length:g} second" + "s" * (length != 1)


def measure(fn: Callable, device: str | torch.device = "cpu") -> tuple[object, Bill]:
    """Run `fn()` once; returns (its result, the Bill of seconds and joules, operations uncounted).

    Counting slows things down: put `count_flops` of a second run into the bill where wanted.
    """
    meter, start = EnergyMeter(device), time.perf_counter()
    result = fn()
    synchronize(device)
    return result, Bill(time.perf_counter() - start, joules=meter.joules())


def count_flops(fn: Callable, device: str | torch.device = "cpu") -> int:
    """Floating-point operations of `fn()`: a multiplication and an addition are two.

    Matrix products, convolutions and attention are counted, in the backward pass too; what acts
    on each number alone (sums, activations, norms) is not. On a CPU attention is made to run as
    plain matrix products meanwhile, since its fused kernel is not counted.
    """
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    plain = sdpa_kernel(SDPBackend.MATH) if torch.device(device).type == "cpu" else nullcontext()
    with FlopCounterMode(display=False) as counter, plain:
        fn()
    return counter.get_total_flops()


def largest_tensor(fn: Callable) -> int:
    """Bytes of the largest tensor that `fn()` makes: of attention, the table of all pairs."""
    from torch.utils._python_dispatch import TorchDispatchMode

    sizes = [0]

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            made = func(*args, **(kwargs or {}))
            sizes.extend(x.numel() * x.element_size()
                         for x in (made if isinstance(made, (tuple, list)) else (made,))
                         if isinstance(x, torch.Tensor))
            return made

    with Watch():
        fn()
    return max(sizes)


def matmul_rate(device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32,
                size: int = 1024) -> float:
    """FLOP/s that this device reaches on a product of two size × size matrices: its ceiling."""
    dice = torch.Generator(device).manual_seed(0)  # not ones: numbers such as networks multiply
    a = torch.randn(size, size, generator=dice, device=device, dtype=dtype)
    return 2 * size**3 / timed(lambda: a @ a, repeats=7, device=device)


def timed(fn: Callable, repeats: int = 5, device: str | torch.device = "cpu") -> float:
    """Median seconds of `fn()` over `repeats` runs; a first run, which warms up, is left out."""
    fn()
    seconds = []
    for _ in range(repeats):
        synchronize(device)
        start = time.perf_counter()
        fn()
        synchronize(device)
        seconds.append(time.perf_counter() - start)
    return median(seconds)


def synchronize(device: str | torch.device) -> None:
    """Wait for a GPU to finish what it was given; timing without this times the giving."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


def peak_memory(device: str | torch.device = "cpu") -> int | None:
    """The most bytes held so far: by tensors on a GPU, by the whole process on a CPU.

    None where the system does not say (Windows).
    """
    if torch.device(device).type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024  # Linux counts in KiB


class EnergyMeter:
    """Joules used since it was made: `meter = EnergyMeter(device); ...; meter.joules()`.

    A GPU's own counter (NVML, Volta and later), a CPU's RAPL counters (Linux, where readable).
    """

    def __init__(self, device: str | torch.device = "cpu"):
        self.read = _gpu_counters if torch.device(device).type == "cuda" else _cpu_counters
        self.device = torch.device(device)
        self.start = self.read(self.device)

    def joules(self) -> float | None:
        """Joules so far, or None where nothing can be read."""
        now = self.read(self.device)
        if not self.start or len(now) != len(self.start):
            return None
        pairs = zip(self.start, now)  # a CPU's counters start over at their range
        return sum((last - first) % span for (first, span), (last, _) in pairs)


def _cpu_counters(device: torch.device, root: str = "/sys/class/powercap") -> list[tuple]:
    """(joules, range) of each processor package, Intel's and AMD's; empty where unreadable."""
    try:
        return [tuple(int((package / name).read_text()) / 1e6
                      for name in ("energy_uj", "max_energy_range_uj"))
                for package in sorted(Path(root).glob("intel-rapl:[0-9]"))]
    except (OSError, ValueError):
        return []


def _gpu_counters(device: torch.device) -> list[tuple]:
    """[(joules, no range)] of a card since its driver started; empty where it does not count."""
    try:
        nvml = ctypes.CDLL("nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1")
        handle, millijoules = ctypes.c_void_p(), ctypes.c_ulonglong()
        uuid = f"GPU-{torch.cuda.get_device_properties(device).uuid}".encode()
        failed = (nvml.nvmlInit_v2()
                  or nvml.nvmlDeviceGetHandleByUUID(uuid, ctypes.byref(handle))
                  or nvml.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(millijoules)))
        return [] if failed else [(millijoules.value / 1000, float("inf"))]
    except (OSError, AttributeError):
        return []
