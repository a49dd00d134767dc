"""Checkpoints: safetensors files with a checksum, and the manifest that says how each was made."""

import hashlib
import json
import os
from pathlib import Path

import torch

from minivid.errors import CheckpointError
from minivid.files import write_whole

MANIFEST = "manifest.json"


def save(path: str | Path, tensors: dict[str, torch.Tensor], meta: dict) -> str:
    """Write `tensors` (any shapes) and `meta` to `path`; returns the file's sha256 in hex.

    `meta` is JSON (config, vocabulary, ...) with at least "kind", the network it is for; it is
    kept in the header beside a checksum over the tensors. No pickle: loading runs no code.
    Raises CheckpointError when the file cannot be written; an older file then stays as it was.
    """
    from safetensors.torch import save as to_bytes

    if "kind" not in meta:
        raise CheckpointError("A checkpoint's meta needs a 'kind', such as 'transformer'.")
    tensors = {name: x.detach().cpu().contiguous().clone() for name, x in tensors.items()}
    meta = {**meta, "format": "minivid", "checksum": checksum(tensors)}
    data = to_bytes(tensors, metadata={"minivid": json.dumps(meta, sort_keys=True)})
    write_whole(path, data, CheckpointError)
    return hashlib.sha256(data).hexdigest()


def load(path: str | Path, kind: str | None = None) -> tuple[dict[str, torch.Tensor], dict]:
    """Read back (tensors, meta), on the CPU; checks everything a damaged or foreign file can be.

    Raises CheckpointError, saying what to do, when the file is missing, cut short, not ours, of
    another kind than `kind`, or when its tensors no longer match their checksum.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    again = "Train it again, or restore it with `git checkout`."
    if not path.is_file():
        raise CheckpointError(f"There is no checkpoint at {path}. Check the name, or train it.")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except OSError as problem:
        reason = (problem.strerror or str(problem)).lower()
        raise CheckpointError(f"Cannot read {path}: {reason}.") from problem
    except SafetensorError as problem:
        raise CheckpointError(
            f"{path} is cut short or no safetensors file ({problem}). {again}") from problem
    try:
        meta = json.loads(header.get("minivid", "{}"))
    except json.JSONDecodeError as problem:
        raise CheckpointError(f"{path} has a damaged header. {again}") from problem
    if not isinstance(meta, dict) or meta.get("format") != "minivid" \
            or not {"kind", "checksum"} <= meta.keys():
        raise CheckpointError(f"{path} was not written by minivid, which reads only its own files.")
    if kind is not None and meta["kind"] != kind:
        raise CheckpointError(f"{path} holds a {meta['kind']}, but a {kind} is needed here.")
    if meta["checksum"] != checksum(tensors):
        raise CheckpointError(f"{path} is damaged: its checksum does not match. {again}")
    return tensors, meta


def checksum(tensors: dict[str, torch.Tensor]) -> str:
    """sha256 in hex over every tensor's name, type, shape and bytes, in order of the names."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        x = tensors[name].detach().cpu().contiguous()
        total.update(f"{name} {x.dtype} {tuple(x.shape)}\n".encode())
        total.update(x.flatten().view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


def data_dir() -> Path:
    """The folder of checkpoints, and of what is measured here: MINIVID_DATA, or `shipped_dir`."""
    return Path(os.environ.get("MINIVID_DATA") or shipped_dir())


def shipped_dir() -> Path:
    """The folder of tables and checkpoints that came with the code: a checkout keeps it at the
    top, a plain install carries a copy inside the package."""
    package = Path(__file__).resolve().parent
    checkout = package.parent / "data"
    return checkout if (package.parent / "pyproject.toml").is_file() else package / "_data"


def manifest() -> dict[str, dict]:
    """What is known of each shipped checkpoint: {"transformer-laptop": {"file": ..., ...}, ...}.

    Raises CheckpointError where there is none, or it says something else.
    """
    path = data_dir() / "checkpoints" / MANIFEST
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        if not (isinstance(entries, dict) and all(
                isinstance(entry, dict) and {"file", "sha256"} <= entry.keys()
                for entry in entries.values())):
            raise ValueError("it is no list of checkpoints")
        return entries
    except FileNotFoundError as problem:
        raise CheckpointError(
            f"There is no manifest at {path}. MINIVID_DATA must name a folder that has "
            "checkpoints/manifest.json in it ({} where nothing is trained yet)."
        ) from problem
    except (OSError, ValueError) as problem:
        raise CheckpointError(
            f"Cannot read {path} ({problem}). Restore it with `git checkout`.") from problem


def find(name: str, preset: str) -> Path:
    """The path of network `name` ("autoencoder", "text", "transformer", ...) for a preset.

    Raises CheckpointError when the manifest has none, or its file is gone or another.
    """
    entry = manifest().get(f"{name}-{preset}")
    command = f"minivid train {name} --preset {preset}"
    if entry is None:
        raise CheckpointError(
            f"There is no {name} for the preset {preset} yet. Train it with `{command}`.")
    path = data_dir() / "checkpoints" / entry["file"]
    if not path.is_file():
        raise CheckpointError(f"{path} is gone. Restore it with `git checkout`, or `{command}`.")
    if sha256(path) != entry["sha256"]:
        raise CheckpointError(f"{path} is not the file that the manifest knows. Restore it with "
                              f"`git checkout`, or `{command}`.")
    return path


def record(name: str, preset: str, path: str | Path, **facts) -> dict:
    """Enter the checkpoint at `path` into the manifest, atomically; returns its entry.

    `path` lies in data_dir()/checkpoints. `facts` say how it was made: config, command, seed,
    wall_seconds, hardware, scores. Kind, sha256 and bytes are read from the file itself.
    """
    path = Path(path)
    _, meta = load(path)
    entry = {"file": path.name, "kind": meta["kind"], "preset": preset, **facts,
             "sha256": sha256(path), "bytes": path.stat().st_size}
    _write_manifest({**manifest(), f"{name}-{preset}": entry})
    return entry


def annotate(name: str, preset: str, **facts) -> None:
    """Add facts, such as scores measured later, to a checkpoint's entry in the manifest."""
    find(name, preset)  # says what to do if there is none
    entries = manifest()
    entries[f"{name}-{preset}"] |= facts
    _write_manifest(entries)


def _write_manifest(entries: dict[str, dict]) -> None:
    text = json.dumps(dict(sorted(entries.items())), indent=1) + "\n"  # scores keep their order
    write_whole(data_dir() / "checkpoints" / MANIFEST, text.encode(), CheckpointError)


def verify_manifest() -> list[str]:
    """Problems, one line each: files that are gone, changed, or lie there without an entry."""
    folder, problems, entries = data_dir() / "checkpoints", [], manifest()
    for name, entry in sorted(entries.items()):
        path = folder / entry["file"]
        if not path.is_file():
            problems.append(f"{name}: {entry['file']} is gone")
        elif sha256(path) != entry["sha256"]:
            problems.append(f"{name}: {entry['file']} is not the file that was recorded")
    known = {entry["file"] for entry in entries.values()}
    strays = sorted(p.name for p in folder.glob("*.safetensors") if p.name not in known)
    return problems + [f"{stray} lies there, but the manifest does not know it" for stray in strays]


BUILT_ON = {"autoencoder": (), "sound": (), "text": ("autoencoder",),
            "transformer": ("autoencoder", "sound", "text")}


def misfits(preset: str, names: tuple[str, ...] = tuple(BUILT_ON)) -> list[str]:
    """Those of these networks that were trained on others than are here now, one line each."""
    known = manifest()
    return [f"The {name} here was trained with another {below} than the one here. Train it again: "
            f"`minivid train {name} --preset {preset}`, or bring back what was shipped: "
            "`git checkout data/checkpoints`"
            for name in names if f"{name}-{preset}" in known for below in BUILT_ON[name]
            if known[f"{name}-{preset}"].get("built_on", {}).get(below)
            not in stands_for(below, preset)]


def stands_for(name: str, preset: str) -> set[str | None]:
    """The sha256 of the network that is here, and of those before it whose latents it has: what was
    built on them can be used with it. Where there is none, {None}."""
    entry = manifest().get(f"{name}-{preset}", {})
    return {entry.get("sha256"), *entry.get("latents_of", ())}


def digests(preset: str) -> dict[str, str]:
    """The sha256 of each network of this preset that the manifest knows."""
    known = manifest()
    return {name: known[f"{name}-{preset}"]["sha256"] for name in BUILT_ON
            if f"{name}-{preset}" in known}


def sha256(path: str | Path) -> str:
    """sha256 of a file's bytes, in hex."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
