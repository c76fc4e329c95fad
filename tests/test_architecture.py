"""The architecture: which package may import which, and that adapters can be read side by side."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(path for room in ("reference", "suite", "reports") for path in (ROOT / room).rglob("*.py"))
FRAMEWORKS = {"torch", "tensorflow", "keras", "tf_keras", "mxnet", "jax", "optax", "paddle", "mlx"}
ADAPTERS = sorted((ROOT / "suite" / "adapters").glob("*/*.py"))
KINDS = {"torch": {"torch"}, "keras": {"keras", "tensorflow"}, "mxnet": {"mxnet"}, "optax": {"jax"}}  # of a user's side
PLUGIN = sorted((ROOT / "suite" / "plugin").glob("*.py")) + sorted(
    (ROOT / "suite" / "plugin" / "adapters").glob("*.py")
)

# The packages in the order of their imports: each may import those before it, and none after it.
ORDER = (
    "reference",
    "suite/errors.py",
    "suite/cases",
    "suite/adapters",
    "suite/workers",
    "suite/results",
    "reports",
    "suite/compare",
    "suite/diagnosis",
    "suite/conformance",
    "suite/identification",
    "suite/benchmark",
    "suite/run.py",
    "suite/regression",
    "suite/validation",
    "suite/chapter",
    "suite/plugin/server",
    "suite/cli",
    "suite/__main__.py",
)
# What a package may import from outside this project; where nothing is said, whatever the extra `harness` installs.
THIRD_PARTY = {
    "reference": {"numpy"},
    "suite/cases": {"numpy", "pooch", "sklearn", "rich"},
    "suite/adapters": {"numpy", *FRAMEWORKS},
    "reports": {"numpy", "pandas", "rich", "jinja2", "markupsafe", "altair", "vl_convert", "PIL"},
}
WORKER = {"numpy", "safetensors", "reference", "suite"}  # what a framework's environment has, or is given by path
WORKERS_SIDE = [
    ROOT / "suite" / "workers" / f"{name}.py" for name in ("worker", "replay", "timer", "arrays", "protocol")
]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imported(path: Path) -> set[str]:
    """The modules that a file imports, with their packages."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


def outside(path: Path) -> set[str]:
    """The top-level packages that a file imports from outside the standard library."""
    return {module.partition(".")[0] for module in imported(path)} - set(sys.stdlib_module_names)


@pytest.mark.parametrize("path", [p for p in MODULES if p not in ADAPTERS], ids=name)
def test_no_framework_is_imported_outside_its_adapter(path):
    kind = (
        KINDS.get(path.stem, set()) if path.parent.name == "adapters" and path.parent.parent.name == "plugin" else set()
    )
    assert outside(path) & FRAMEWORKS <= kind


@pytest.mark.parametrize("path", PLUGIN, ids=name)
def test_the_plugin_imports_no_other_package_except_for_types(path):
    tree = ast.parse(path.read_text("utf-8"))
    for block in [
        node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]:
        block.body = [ast.Pass()]
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level == 0}
    assert not {module.partition(".")[0] for module in names} & {"reference", "suite", "reports"}


@pytest.mark.parametrize("path", ADAPTERS, ids=name)
def test_an_adapter_imports_its_own_framework_alone(path):
    own = path.parent.name
    family = {own, "keras", "tf_keras"} if own == "tensorflow" else {own}
    assert outside(path) & FRAMEWORKS <= family


def package(module: str) -> str | None:
    """The entry of `ORDER` that a module or a file belongs to."""
    place = module.replace(".", "/") if not module.endswith(".py") else module
    found = [one for one in ORDER if f"{place}/".startswith(one.removesuffix(".py") + "/") or place == one]
    return max(found, key=len, default=None)


@pytest.mark.parametrize("path", [path for path in MODULES if path not in PLUGIN], ids=name)
def test_imports_run_one_way(path):
    own = package(name(path))
    if own is None:
        assert name(path) == "suite/__init__.py"
        return
    ours = {package(module) for module in imported(path) if module.split(".")[0] in ("suite", "reports", "reference")}
    allowed = {*ORDER[: ORDER.index(own) + 1], None}
    assert ours - allowed == set()
    third_party = outside(path) - {"suite", "reports", "reference"}
    assert third_party <= THIRD_PARTY.get(own, third_party)


@pytest.mark.parametrize("path", WORKERS_SIDE, ids=name)
def test_the_workers_side_needs_numpy_and_safetensors_only(path):
    assert outside(path) <= WORKER


@pytest.mark.parametrize("path", [p for p in MODULES if "cli" not in p.parts and p.name != "__main__.py"], ids=name)
def test_nothing_imports_the_command_line(path):
    assert not [module for module in imported(path) if f"{module}.".startswith(("suite.cli.", "suite.__main__."))]


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_has_one_concern_and_says_it_first(path):
    assert len(path.read_text("utf-8").splitlines()) <= 400
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))


def methods(path: Path, suffix: str) -> list[str]:
    """The methods of the class of which the name ends so, in the order in which they stand."""
    classes = [node for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.ClassDef)]
    found = next(node for node in classes if node.name.endswith(suffix))
    return [item.name for item in found.body if isinstance(item, ast.FunctionDef)]


@pytest.mark.parametrize("framework", [folder.name for folder in (ROOT / "suite" / "adapters").glob("[a-z]*/")])
def test_adapters_have_the_same_shape_in_the_same_order(framework):
    folder, model = ROOT / "suite" / "adapters" / framework, ROOT / "suite" / "adapters" / "torch"
    for file, suffix in (("__init__.py", "Adapter"), ("scratch.py", "Scratch")):
        if (folder / file).exists():
            found, wanted = methods(folder / file, suffix), methods(model / file, suffix)
            assert [method for method in found if method in wanted] == [method for method in wanted if method in found]


def test_the_workers_side_runs_on_python_3_9():
    for path in [*WORKERS_SIDE, *(ROOT / "suite" / "adapters").rglob("*.py"), *(ROOT / "reference").glob("*.py")]:
        ast.parse(path.read_text("utf-8"), feature_version=(3, 9))


def test_importing_the_oracle_brings_numpy_and_nothing_else_from_outside():
    code = (
        "import sys, reference; names = {m.partition('.')[0] for m in sys.modules};"
        "print(*sorted(names - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run([sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"],
                          capture_output=True, text=True, cwd=ROOT, check=True)  # fmt: skip
    assert set(done.stdout.split()) - {"__main__", "cython_runtime", "_cython_3_0", "numpy"} <= {"reference"}


def test_the_document_names_every_package_and_the_order_of_imports():
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    listed = text.partition("## Imports run one way")[2].partition("\n    ")[2].partition("\n\n")[0]
    assert [name.strip() for name in listed.replace("\n", " ").split(",")] == list(ORDER)
    path = re.findall(r"^    ((?:suite|reports)/[a-z]+|reference) ", text, re.MULTILINE)
    assert len(path) == len(set(path)), "each package has one line"
    packages = {name(folder.parent) for root in ("suite", "reports") for folder in ROOT.glob(f"{root}/*/__init__.py")}
    assert {"reference", "reports/templates"} | packages == set(path)
