"""Tests may run in several processes at once (`pytest -n auto`): each has a share of the cores."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

PROCESSES = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
if PROCESSES > 1:
    share = max(1, torch.get_num_threads() // PROCESSES)
    torch.set_num_threads(share)
    os.environ.setdefault("OMP_NUM_THREADS", str(share))  # of processes that tests start


@pytest.fixture
def printed_by(tmp_path):
    """A function from a program to what it prints, run by a Python of its own: what is measured of
    a whole process is that program's alone."""
    def run(program: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])})
        assert done.returncode == 0, done.stderr
        return done.stdout
    return run
