"""One training loop for every network: a generator that yields progress, and can be resumed.

    for now in Training(model, loss, steps=1000).fit():
        print(now)

`loss(model, step, generator)` gives a scalar; the generator's numbers depend on seed and step
alone, so a training that was cut off and resumed ends with the same weights as an unbroken one (on
a CPU; some of a GPU's sums come out in another order each time).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from . import checkpoints, cost, distributed
from .errors import CheckpointError
from .muon import Muon

Tensor = torch.Tensor
Loss = Callable[[nn.Module, int, torch.Generator], Tensor]
AHEAD = 10  # steps that a GPU is given before it is waited for


@dataclass(frozen=True)
class Progress:
    """Where a training stands; printed as one line.

    A GPU is given its next step while it works on this one: only to look at `loss` waits for it.
    """

    step: int
    steps: int
    lost: Tensor  # the loss, a scalar, as soon as it is there
    milliseconds: float
    tokens_per_second: float | None
    mfu: float | None

    @property
    def loss(self) -> float:
        return float(self.lost)

    @property
    def memory(self) -> float | None:
        """The most that was held so far, in GiB."""
        most = cost.peak_memory(self.lost.device)
        return most and most / 2**30

    def __str__(self) -> str:
        tokens, memory = self.tokens_per_second, self.memory
        rate = "" if tokens is None else f" | {tokens / 1e3:.0f}k tok/s"
        mfu = "" if self.mfu is None else f" | mfu {self.mfu:.0%}"
        held = "" if memory is None else f" | {memory:.1f} GiB"
        return (f"step {self.step}/{self.steps} | loss {self.loss:.4f} | "
                f"{self.milliseconds:.1f} ms{rate}{mfu}{held}")


def low_precision(device: torch.device | str) -> bool:
    """Whether products in bfloat16 are fast here: on a GPU or a CPU made for them."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)  # Ampere, 2020, and later
    return getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()


def autocast(device: torch.device | str):
    """Matrix products in bfloat16 where that is fast; weights stay in float32."""
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=low_precision(device))


def fused(parts: nn.ModuleList, backend: str = "inductor") -> None:
    """Let torch.compile write a few kernels for each of these parts, which are all alike.

    On a GPU a step of ours spends its time in starting many small kernels, each of which reads
    again what the one before it wrote. Where nothing can be compiled (it takes Triton and a C
    compiler), the parts run as they are.
    """
    torch._dynamo.config.suppress_errors = True
    for part in parts:
        part.compile(dynamic=True, backend=backend)  # clips of another size: the same kernels


def optimizers_for(model: nn.Module, lr: float, decay: float = 0.01) -> list[torch.optim.Optimizer]:
    """Muon (K. Jordan, 2024) for hidden matrices, AdamW for everything else.

    A network names its hidden matrices itself, by a part of their names: `model.hidden`.
    """
    matrices, rest = [], []
    for name, p in model.named_parameters():
        is_hidden = name.endswith("weight") and any(part in name for part in model.hidden)
        (matrices if is_hidden else rest).append(p)
    chosen = [torch.optim.AdamW(rest, lr=lr / 2, betas=(0.9, 0.98), weight_decay=decay,
                                fused=True)]  # all in one call: they are many and small
    if matrices:
        fast = torch.bfloat16 if low_precision(matrices[0].device) else torch.float32
        chosen.append(Muon(matrices, lr, decay, dtype=fast))
    for optimizer in chosen:
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return chosen


def schedule(step: int, steps: int, cooldown: float, warmup: int = 50) -> float:
    """Learning rate as a share of its peak: up, level, and down to nothing over the last part, a
    `cooldown` of all steps."""
    left = (steps - step) / max(1, round(cooldown * steps))
    return min(1.0, (step + 1) / min(warmup, max(1, steps // 10)), left)


def fewest_steps(step: int, cooldown: float) -> int:
    """Of how many steps a training must be at least, for its rate not to have fallen at `step`."""
    return math.ceil(step / (1 - cooldown))


class Recipe:
    """What a kind of network has to do around its training, where it has anything to do."""

    anchored = False  # whether it learns from the shipped weights that it began from, all along
    long = 1  # steps from which on one that goes on from shipped weights has the full rate

    def go_on(self) -> None:
        """The weights are those of the shipped network now."""

    def fuse(self) -> None:
        """Have compiled what a GPU takes long to start, if anything."""

    def finish(self) -> None:
        """The weights are the final ones now."""


class Training:
    """A network in training: its optimizers, its averaged weights, and how far it is.

    `ema` is the decay of the running average of the weights, which is what is used in the end
    (0: none). `tokens(step)` says how many are in that step's batch, for the progress; `cooldown`
    is for `schedule`. Several processes under `torchrun` share each batch: `loss` is given the same
    generator everywhere, and takes its own rows with `mine`.
    """

    def __init__(self, model: nn.Module, loss: Loss, steps: int, lr: float = 3e-3, seed: int = 0,
                 ema: float = 0.999, tokens: Callable[[int], int] | None = None,
                 cooldown: float = 0.4):
        self.model, self.loss, self.steps, self.lr, self.seed = model, loss, steps, lr, seed
        self.ema, self.tokens, self.cooldown = ema, tokens, cooldown
        self.flops = None  # of a token, or where tokens are not counted of a step
        self.step = 0
        self.seconds = 0.0  # spent in steps, over all sittings
        self.device = next(model.parameters()).device
        self.optimizers = optimizers_for(model, lr)
        self.average = [p.detach().clone() for p in model.parameters()] if ema else []
        distributed.share_weights(model)
        self.peak = None

    def fit(self, until: int | None = None) -> Iterator[Progress]:
        """Go on to the end (or to step `until`), yielding after every step.

        Whoever is told of a step may move the end: `self.steps`.
        """
        on_cpu, spent, unseen, pace = self.device.type == "cpu", 0.0, 0, None
        while self.step < (end := self.steps if until is None else min(until, self.steps)):
            begin = time.perf_counter()
            loss = self.one_step() if self.flops or on_cpu else self.counted_step()
            ended = on_cpu or self.step == end or self.step % AHEAD == 0
            if ended:
                cost.synchronize(self.device)
            spent, unseen = spent + time.perf_counter() - begin, unseen + 1
            if ended:
                self.seconds, pace = self.seconds + spent, spent / unseen
                spent = unseen = 0
            yield self.progress(loss, pace or spent / unseen)

    def one_step(self) -> Tensor:
        """Loss, gradients, optimizers, average: one step on; returns the loss, a scalar."""
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                share = schedule(self.step, self.steps, self.cooldown)
                group["lr"] = group["peak"] * share
            optimizer.zero_grad()
        dice = torch.Generator().manual_seed(self.seed * 1_000_003 + self.step)
        with autocast(self.device):
            loss = self.loss(self.model, self.step, dice)
            loss.backward()
        distributed.average_gradients(self.model)
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        if self.ema:
            decay = min(self.ema, (1 + self.step) / (10 + self.step))
            with torch.no_grad():
                torch._foreach_lerp_(self.average, list(self.model.parameters()), 1 - decay)
        self.step += 1
        return loss.detach()

    def counted_step(self) -> Tensor:
        """One step whose floating-point operations are counted, for the share of peak (mfu)."""
        losses, tokens = [], self.tokens(self.step) if self.tokens else 1
        with torch.compiler.set_stance("force_eager"):  # what is compiled cannot be counted
            flops = cost.count_flops(lambda: losses.append(self.one_step()), self.device)
        self.flops = flops / tokens
        return losses[0]

    def progress(self, loss: Tensor, took: float) -> Progress:
        """Where the training stands after a step that took so many seconds."""
        tokens = self.tokens(self.step - 1) if self.tokens else None
        rate = tokens / took if tokens else None
        mfu = None
        if self.flops and self.device.type == "cuda":
            self.peak = self.peak or cost.matmul_rate(self.device, torch.bfloat16, 4096)
            mfu = self.flops * (tokens or 1) / took / self.peak
        return Progress(self.step, self.steps, distributed.all_mean(loss), took * 1e3, rate, mfu)

    def best(self) -> dict[str, Tensor]:
        """The weights to keep: averaged ones where there is an average."""
        state = {name: x.detach().clone() for name, x in self.model.state_dict().items()}
        names = [name for name, _ in self.model.named_parameters()]
        return state | dict(zip(names, (x.clone() for x in self.average)))

    # ------------------------------------------------------------ to be gone on with

    def save(self, path, meta: dict) -> None:
        """All that is needed to go on, in one file, written whole or not at all."""
        tensors = {f"model.{n}": x for n, x in self.model.state_dict().items()}
        tensors |= {f"average.{n}": x for n, x in enumerate(self.average)}
        for i, optimizer in enumerate(self.optimizers):
            for n, state in optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer.{i}.{n}.{k}": torch.as_tensor(v) for k, v in state.items()}
        about = {"step": self.step, "steps": self.steps, "seconds": self.seconds, "seed": self.seed}
        checkpoints.save(path, tensors, {**meta, **about, "kind": f"training {meta['kind']}"})

    def load(self, path, kind: str) -> dict:
        """Go on from `save`; returns its meta. Raises `CheckpointError` for another kind."""
        tensors, meta = checkpoints.load(path, f"training {kind}")
        def part(name):
            return {n[len(name) + 1 :]: x for n, x in tensors.items() if n.startswith(name + ".")}

        try:
            self.model.load_state_dict(part("model"))
        except RuntimeError as error:
            raise CheckpointError(f"{path} is of a network of another size: {str(error)[:200]}; "
                                  "train with the same --preset, or without --resume.") from error
        for n, saved in part("average").items():
            self.average[int(n)].copy_(saved)
        for i, optimizer in enumerate(self.optimizers):
            state = {}
            for name, x in part(f"optimizer.{i}").items():
                n, key = name.split(".")
                state.setdefault(int(n), {})[key] = x
            optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
        self.step, self.steps, self.seconds = meta["step"], meta["steps"], meta["seconds"]
        self.seed = meta["seed"]
        return meta


def draw_noise(shape: tuple[int, ...], dice: torch.Generator, device: torch.device | str) -> Tensor:
    """Standard normal numbers of that shape, drawn where they are needed.

    A GPU draws its own, from a seed that `dice` throws: a CPU would take longer over them than a
    GPU over the rest of a step.
    """
    if torch.device(device).type == "cpu":
        return torch.randn(shape, generator=dice)
    seed = int(torch.randint(2**62, (), generator=dice))
    return torch.randn(shape, generator=torch.Generator(device).manual_seed(seed), device=device)


def mine(x: Tensor) -> Tensor:
    """This process's rows of a batch that all processes drew alike."""
    return x[distributed.rank() :: distributed.world_size()]
