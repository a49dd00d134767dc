"""Tests may run in several processes at once (`pytest -n auto`): each has a share of the cores."""

import os

import torch

PROCESSES = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
if PROCESSES > 1:
    share = max(1, torch.get_num_threads() // PROCESSES)
    torch.set_num_threads(share)
    os.environ.setdefault("OMP_NUM_THREADS", str(share))  # of processes that tests start
