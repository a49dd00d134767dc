"""The house rules: floors, what is listed where, what starts quickly, what an install contains."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from minivid import doctor

ROOT = Path(__file__).resolve().parents[1]
MODULES = {path.stem: path for path in (ROOT / "minivid").glob("*.py")}
FLOORS = [floor.split() for floor in (
    "errors files arguments checks",
    "grammar dice paint layers muon cost media checkpoints distributed claims steady",
    "acting speech sounds flow text autoencoder audio tokens motion pixels shapes fit page reset "
    "linear decode",
    "forms world guidance transformer convnet sampling track hear pictures estimate",
    "train presets leftover show moving frames pairing album squeeze wall folded slices",
    "pool verify chooser budget beginning",
    "compression course variety sync probe",
    "recipes ball",
    "generate runs exercises ingredients",
    "batches little advice",
    "harmony ladder",
    "evaluate doctor",
    "bench films",
    "takes app sentence",
    "screen",
    "cli playground calculator",
)]


def imported(path):
    """The modules of ours that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.level or node.module.startswith("minivid")):
            inside = (node.module or "").removeprefix("minivid").strip(".")
            yield from [inside] if inside else [name.name for name in node.names]
        elif isinstance(node, ast.Import):
            yield from (n.name.removeprefix("minivid.") for n in node.names if "minivid." in n.name)


def test_imports_only_point_down():
    floor = {name: n for n, names in enumerate(FLOORS) for name in names}
    for name, path in MODULES.items():
        if name not in ("__init__", "__main__"):
            assert name in floor, f"give {name} a floor"
            for other in set(imported(path)) - {"__version__"}:
                assert floor[other] < floor[name], f"{name} must not import {other}"
    for path in (ROOT / "minivid" / "exercises").glob("[!_]*.py"):
        for other in imported(path):
            assert floor[other] < floor["exercises"], f"{path.stem} must not import {other}"


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_conda_and_pip_ask_for_the_same():
    asked = [Requirement(line) for line in project()["project"]["dependencies"]]
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    names = {"torch": "pytorch"}
    ours = {f"{names.get(r.name, r.name)}{r.specifier}" for r in asked}
    assert {line for line in conda if isinstance(line, str)} == ours | {"python=3.12", "pip"}
    assert conda[-1] == {"pip": ["-e .[test]"]}
    assert Version("3.12") in Requirement(f"x{project()['project']['requires-python']}").specifier


def test_the_doctor_looks_for_all_that_is_asked_for():
    modules = {"pillow": "PIL"}
    asked = {Requirement(line).name for line in project()["project"]["dependencies"]}
    assert {modules.get(name, name) for name in asked} == {"torch", *doctor.NEEDED}


def test_what_is_asked_for_is_pinned_and_has_a_reason():
    tables = project()["project"]
    asked = tables["dependencies"] + tables["optional-dependencies"]["test"]
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().split())
    text = (ROOT / "pyproject.toml").read_text()
    for line in asked:
        need = Requirement(line)
        assert re.search(rf'"{re.escape(line)}", +# \w', text), f"say why {line} is needed"
        assert need.specifier.contains(pins[need.name]), line


def test_the_tree_in_the_readme_says_what_the_modules_say():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    fences = "\n".join(re.findall(r"```\w*\n(.*?)```", readme, flags=re.S))
    listed = dict(re.findall(r"(\w+)\.py +(\S.*)", fences))
    told = {name: ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).split("\n")[0]
            for name, path in MODULES.items() if not name.startswith("__")}
    assert {name: line.strip() for name, line in listed.items() if name in told} == told
    at = {name: n for n, name in enumerate(listed)}
    for name in told:  # from the whole down to its parts
        for other in set(imported(MODULES[name])) & set(told):
            assert at[name] < at[other], f"list {name} above {other}"


def tracked():
    """The text files under version control, with their text."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    for name in names.stdout.decode().split("\0"):
        path = ROOT / name
        if name and path.is_file() and path.suffix not in (".safetensors", ".png", ".mp4", ".gif"):
            yield name, path.read_text(encoding="utf-8", errors="replace")


def test_nothing_names_one_machine_or_a_registry():
    places = "|".join(("root", "home", "work", "Users"))
    hosts = "|".join(("py" + r"pi\.org", "python" + r"hosted\.org", r"download\.py" + r"torch\.org",
                      "index" + "-url", "find" + "-links"))
    talk = "|".join((r"\.\./" + "shared", r"\bissues? " + r"#?\d", "/" + r"tmp/\w"))
    names = dict(tracked())
    assert "pyproject.toml" in names
    for name, text in names.items():
        found = re.search(rf"(?<![\w.])/({places})/\w+|{hosts}|{talk}", text)
        assert found is None, f"{name} names {found.group()}"


def python(code, **env):
    """Run code in a Python of its own, from a folder that holds nothing; returns what it prints."""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd="/",
                         env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **env})
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_starting_is_quick():
    heavy = ("torch._dynamo", "torch._inductor", "torchvision", "matplotlib", "av", "PIL",
             "ipywidgets", "IPython", "sympy")
    took = python("import sys, minivid, minivid.cli; assert 'torch' not in sys.modules\n"
                  "import torch, time; start = time.process_time()\n"
                  "import minivid.generate, minivid.verify; print(time.process_time() - start)\n"
                  f"assert not set({heavy}) & set(sys.modules), set({heavy}) & set(sys.modules)")
    assert float(took) <= 0.3


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """What a plain `pip install .` puts into place: the wheel, unpacked into a folder."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for name in ("minivid", "data"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    built = subprocess.run([sys.executable, "-c", "from setuptools.build_meta import build_wheel\n"
                            "build_wheel('.')"], cwd=folder, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


def test_a_plain_install_finds_its_data(installed):
    package = Path(python("import minivid; print(minivid.__file__)",
                          PYTHONPATH=str(installed)).strip()).parent
    assert package == installed / "minivid"
    code = ("from minivid import checkpoints as c\n"
            "assert c.verify_manifest() == []\nprint(c.data_dir(), len(c.manifest()))")
    folder, entries = python(code, PYTHONPATH=str(installed), MINIVID_DATA="").split()
    assert Path(folder) == package / "_data"
    shipped = {path.relative_to(ROOT / "data") for path in (ROOT / "data").rglob("*")
               if path.suffix in (".csv", ".json", ".safetensors")}
    assert shipped == {path.relative_to(folder) for path in Path(folder).rglob("*")
                       if path.suffix in (".csv", ".json", ".safetensors")}
    assert 3 * int(entries) >= len(list(Path(folder).rglob("*.safetensors")))


def test_an_install_has_the_licence_and_the_command(installed):
    about = next(installed.glob("minivid-*.dist-info"))
    assert (about / "entry_points.txt").read_text().split("\n")[1] == "minivid = minivid.cli:main"
    assert (about / "licenses" / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


def test_films_and_pictures_of_the_examples_are_ignored_at_the_top_alone():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"(?:-o|--strip) (\w+\.\w+)", readme)
    assert {"film.gif", "ball.png", "strip.png"} <= set(named)
    names = sorted({*named, "film.mp4", "film-2.gif", "film-3.png", "wide.mp4"})
    paths = [*names, *(f"course/{name}" for name in names), *(f"data/{name}" for name in names)]
    said = subprocess.run(["git", "check-ignore", "--no-index", *paths], cwd=ROOT,
                          capture_output=True, text=True)
    assert said.stdout.split() == names


def test_make_help_lists_every_target():
    if shutil.which("make") is None:
        pytest.skip("there is no make here")
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target in ("lab", "video", "test", "train", "bench", "notebooks", "lint"):
        assert re.search(rf"^{target} +\w", said.stdout, flags=re.M), target
