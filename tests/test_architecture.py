"""The architecture: which package may import which, the size of modules, and the common form of the adapters."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(path for package in ("reference", "suite", "reports") for path in (ROOT / package).rglob("*.py"))
FRAMEWORKS = {"torch", "tensorflow", "keras", "tf_keras", "mxnet", "jax", "optax", "paddle", "mlx"}
ADAPTERS = sorted((ROOT / "suite" / "adapters").glob("*/*.py"))
PLUGIN_FRAMEWORKS = {"torch": {"torch"}, "keras": {"keras", "tensorflow"}, "mxnet": {"mxnet"}, "optax": {"jax"}}
PLUGIN = sorted((ROOT / "suite" / "plugin").glob("*.py")) + sorted(
    (ROOT / "suite" / "plugin" / "adapters").glob("*.py")
)

# Each package may import only itself and the packages before it.
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
# Third-party packages that a package may import; a package that is not listed may import all of the extra `harness`.
THIRD_PARTY = {
    "reference": {"numpy"},
    "suite/cases": {"numpy", "pooch", "sklearn", "rich"},
    "suite/adapters": {"numpy", *FRAMEWORKS},
    "reports": {"numpy", "pandas", "rich", "jinja2", "markupsafe", "altair", "vl_convert", "PIL"},
}
WORKER_PACKAGES = {"numpy", "safetensors", "reference", "suite"}  # installed with a framework, or found by path
WORKER_MODULES = [
    ROOT / "suite" / "workers" / f"{name}.py" for name in ("worker", "replay", "timer", "arrays", "protocol")
]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imported(path: Path) -> set[str]:
    """Return the full names of the modules that a file imports."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules.add(node.module)
    return modules


def nonstandard(path: Path) -> set[str]:
    """Return the top-level packages that a file imports from outside the standard library."""
    return {module.partition(".")[0] for module in imported(path)} - set(sys.stdlib_module_names)


@pytest.mark.parametrize("path", [p for p in MODULES if p not in ADAPTERS], ids=name)
def test_only_adapters_import_a_framework(path):
    allowed = (
        PLUGIN_FRAMEWORKS.get(path.stem, set())
        if path.parent.name == "adapters" and path.parent.parent.name == "plugin"
        else set()
    )
    assert nonstandard(path) & FRAMEWORKS <= allowed


@pytest.mark.parametrize("path", PLUGIN, ids=name)
def test_the_plugin_imports_other_packages_of_this_project_only_for_types(path):
    tree = ast.parse(path.read_text("utf-8"))
    for block in [
        node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]:
        block.body = [ast.Pass()]
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level == 0}
    assert not {module.partition(".")[0] for module in names} & {"reference", "suite", "reports"}


@pytest.mark.parametrize("path", ADAPTERS, ids=name)
def test_an_adapter_imports_no_other_framework(path):
    own = path.parent.name
    allowed = {own, "keras", "tf_keras"} if own == "tensorflow" else {own}
    assert nonstandard(path) & FRAMEWORKS <= allowed


def package(module: str) -> str | None:
    """Return the entry of `ORDER` that a module or a file belongs to; None if there is none."""
    path = module.replace(".", "/") if not module.endswith(".py") else module
    entries = [entry for entry in ORDER if f"{path}/".startswith(entry.removesuffix(".py") + "/") or path == entry]
    return max(entries, key=len, default=None)


@pytest.mark.parametrize("path", [path for path in MODULES if path not in PLUGIN], ids=name)
def test_a_package_imports_only_packages_before_it(path):
    own = package(name(path))
    if own is None:
        assert name(path) == "suite/__init__.py"
        return
    project = {
        package(module) for module in imported(path) if module.split(".")[0] in ("suite", "reports", "reference")
    }
    allowed = {*ORDER[: ORDER.index(own) + 1], None}
    assert project - allowed == set()
    third_party = nonstandard(path) - {"suite", "reports", "reference"}
    assert third_party <= THIRD_PARTY.get(own, third_party)


@pytest.mark.parametrize("path", WORKER_MODULES, ids=name)
def test_modules_of_a_worker_need_numpy_and_safetensors_only(path):
    assert nonstandard(path) <= WORKER_PACKAGES


@pytest.mark.parametrize("path", [p for p in MODULES if "cli" not in p.parts and p.name != "__main__.py"], ids=name)
def test_the_command_line_is_imported_by_no_other_package(path):
    assert not [module for module in imported(path) if f"{module}.".startswith(("suite.cli.", "suite.__main__."))]


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_has_at_most_400_lines_and_a_docstring(path):
    assert len(path.read_text("utf-8").splitlines()) <= 400
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))


def methods(path: Path, suffix: str) -> list[str]:
    """Return the methods of the class whose name has this suffix, in the order of their definitions."""
    classes = [node for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.ClassDef)]
    matching = next(node for node in classes if node.name.endswith(suffix))
    return [item.name for item in matching.body if isinstance(item, ast.FunctionDef)]


@pytest.mark.parametrize("framework", [folder.name for folder in (ROOT / "suite" / "adapters").glob("[a-z]*/")])
def test_the_adapters_define_their_methods_in_the_same_order(framework):
    folder, model = ROOT / "suite" / "adapters" / framework, ROOT / "suite" / "adapters" / "torch"
    for file, suffix in (("__init__.py", "Adapter"), ("scratch.py", "Scratch")):
        if (folder / file).exists():
            defined, expected = methods(folder / file, suffix), methods(model / file, suffix)
            assert [method for method in defined if method in expected] == [
                method for method in expected if method in defined
            ]


def test_modules_of_a_worker_have_the_syntax_of_python_3_9():
    for path in [*WORKER_MODULES, *(ROOT / "suite" / "adapters").rglob("*.py"), *(ROOT / "reference").glob("*.py")]:
        ast.parse(path.read_text("utf-8"), feature_version=(3, 9))


def test_importing_the_oracle_imports_no_third_party_package_but_numpy():
    code = (
        "import sys, reference; names = {m.partition('.')[0] for m in sys.modules};"
        "print(*sorted(names - set(sys.stdlib_module_names)))"
    )
    process = subprocess.run([sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"],
                          capture_output=True, text=True, cwd=ROOT, check=True)  # fmt: skip
    assert set(process.stdout.split()) - {"__main__", "cython_runtime", "_cython_3_0", "numpy"} <= {"reference"}


def test_the_documentation_lists_every_package_and_the_order_of_imports():
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    listed = text.partition("## Imports run one way")[2].partition("\n    ")[2].partition("\n\n")[0]
    assert [name.strip() for name in listed.replace("\n", " ").split(",")] == list(ORDER)
    documented = re.findall(r"^    ((?:suite|reports)/[a-z]+|reference) ", text, re.MULTILINE)
    assert len(documented) == len(set(documented)), "each package has one line"
    packages = {name(folder.parent) for root in ("suite", "reports") for folder in ROOT.glob(f"{root}/*/__init__.py")}
    assert {"reference", "reports/templates"} | packages == set(documented)
