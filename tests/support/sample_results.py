"""A synthetic results folder with every outcome, many implementations, and text with markup of every output format."""

import hashlib
import json
import math
import random
from pathlib import Path

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> | [bold red]`x`\n# no \x1b[31m heading"

FRAMEWORKS = {
    "torch": ("2.13.0", ("builtin", "builtin-foreach", "scratch")),
    "tensorflow": ("2.21.0", ("keras", "kernel", "scratch")),
    "tensorflow-2.15": ("2.15.1", ("keras", "keras-legacy", "v1")),
    "mxnet": ("1.9.1", ("builtin", "scratch")),
    "jax": ("0.10.2", ("optax", "scratch")),
    "paddle": ("3.3.1", ("builtin",)),
    "mlx": ("0.32.4", ("builtin",)),
}
BUILT_IN_DIALECTS = {
    "torch/builtin": "torch",
    "torch/builtin-foreach": "torch",
    "tensorflow/keras": "keras3",
    "tensorflow/kernel": "tf1",
    "tensorflow-2.15/keras": "keras2",
    "tensorflow-2.15/keras-legacy": "keras-legacy",
    "tensorflow-2.15/v1": "tf1",
    "mxnet/builtin": "mxnet1",
    "jax/optax": "optax",
    "paddle/builtin": "paddle",
    "mlx/builtin": "torch",
}
DIALECTS = ("d2l", "torch", "keras3", "keras2", "keras-legacy", "tf1", "mxnet1", "mxnet2", "optax", "paddle", "timm-tf",
            "graves")  # fmt: skip
CASES = ("constant", "sign-flips", "zeros", "tiny", "huge", "subnormal", "schedule", "momentum", "centered", "long")
STEPS = (1, 2, 5, 10, 20, 50, 200)
START_AT_ONE = ("tf1", "keras-legacy", "timm-tf")
OUTSIDE = ("torch", "optax", "keras-legacy", "mxnet2")


def implementations():
    """Return the implementations as tuples of framework, implementation and version."""
    return [(name, kind, version) for name, (version, kinds) in FRAMEWORKS.items() for kind in kinds]


def manifest(**changes):
    """Return a manifest as a run writes it, with these changes."""
    frameworks = {
        name: {"python": "3.11.7", "versions": {name.split("-")[0]: version, "numpy": "2.4.6"}}
        for name, (version, _) in FRAMEWORKS.items()
    }
    frameworks["megengine"] = {"missing": "no wheel for CPython 3.11 <b>here</b>"}
    return {
        "schema": 2,
        "created": "2026-03-02T09:30:00+00:00",
        "command": ["rmsuite", "run", "--dialect", "all"],
        "commit": "4f0c6b1d2e8a9c7b5a3f1e0d9c8b7a6f5e4d3c2b",
        "machine": {
            "cpu": "AMD EPYC 7763 64-Core Processor",
            "cores": 8,
            "memory_bytes": 33_554_432_000,
            "os": "Linux 6.1 x86-64",
            "python": "3.11.7",
        },
        "threads": 1,
        "device": "cpu",
        "seed": 20260302,
        "catalogue": "1",
        "data": {
            "name": "airfoil",
            "source": "cache",
            "detail": "1500 rows, 5 features",
            "sha256": hashlib.sha256(b"airfoil").hexdigest(),
        },
        "frameworks": frameworks,
        "implementations": {
            f"{framework}/{kind}": {
                "native": f"{framework}'s {kind}",
                "dialect": BUILT_IN_DIALECTS.get(f"{framework}/{kind}"),
            }
            for framework, kind, _ in implementations()
        },
        "dialects": {
            name: {
                "epsilon": "outside" if name in OUTSIDE else "inside",
                "initial_accumulator": 1.0 if name in START_AT_ONE else 0.0,
                "weight_decay": "decoupled" if name.startswith("keras") else "l2",
            }
            for name in DIALECTS
        },
        **changes,
    }


def verdict(framework, implementation, version, dialect, case, generator):
    """Return the row of a verdict; about one in twelve does not agree."""
    name = f"{framework}/{implementation}"
    others = [other for other in DIALECTS if other != dialect]
    row = {
        "framework": framework,
        "implementation": implementation,
        "version": version,
        "device": "cpu",
        "dtype": "float32" if CASES.index(case) % 3 else "float64",
        "case": f"{case}/{dialect}",
        "dialect": dialect,
        "requested_dialect": dialect if implementation == "scratch" else None,
        "outcome": "agrees",
        "quantity": "parameters",
        "worst_step": generator.randrange(1, 200),
        "worst_index": [generator.randrange(64)],
        "first_step": None,
        "ulps": round(generator.uniform(0.1, 3), 4),
        "bound_ratio": round(generator.uniform(0.05, 0.95), 6),
        "decided": round(generator.uniform(0.97, 1), 4),
        "fits": [],
        "trace_sha256": hashlib.sha256(f"{framework}{dialect}{case}".encode()).hexdigest(),
        "error_curve": [[step, round(0.1 * step**0.5, 3), round(2.5 * step**0.5, 3)] for step in STEPS],
        "ruled_out_at": dict.fromkeys(others, 1 + CASES.index(case)) if name in BUILT_IN_DIALECTS else None,
        "reason": None,
        "repeat": f"rmsuite agree --implementation {name} --dialect {dialect} --case {case}",
        "seconds": 0.01,
        "sha256": hashlib.sha256(f"{name}{dialect}{case}".encode()).hexdigest(),
        "unknown_column": {"kept": False},
    }
    return row | _deviation(name, dialect, case, generator)


def _deviation(name, dialect, case, generator):
    no_numbers = {"ulps": None, "bound_ratio": None, "worst_step": None, "worst_index": None, "quantity": None}
    if name == "tensorflow-2.15/v1" and case in ("constant", "long"):
        return {
            "outcome": "differs",
            "quantity": "square_average",
            "first_step": 1,
            "ulps": 1.9e6,
            "bound_ratio": 4.1e5 + CASES.index(case),
            "fits": ["keras-legacy", "timm-tf"],
            "reason": "the accumulator starts at one where this dialect starts at zero",
        }
    if name == "mlx/builtin" and case == "subnormal":
        return {"outcome": "differs", "first_step": 17, "ulps": None, "bound_ratio": None, "reason": HOSTILE}
    if case == "centered" and "scratch" in name:
        reason = "this implementation has no centred form"
        return {"outcome": "unsupported", "reason": reason, **no_numbers}
    if case == "huge" and dialect in ("graves", "d2l") and name.startswith("jax"):
        return {
            "outcome": "undecided",
            "bound_ratio": None,
            "reason": "the bound is wider than the effect",
            "decided": 0.41,
        }
    if name == "paddle/builtin" and case == "tiny":
        return {"outcome": "failed", "reason": "timeout after 60 s\n  in `step`\n  <stopped>", **no_numbers}
    return {}


def dialects_of(framework, implementation):
    """Return the dialects in which an implementation is tested: its own, or all if it is written from scratch."""
    own = BUILT_IN_DIALECTS.get(f"{framework}/{implementation}")
    return DIALECTS if own is None else (own,)


def verdicts():
    """Return about 800 verdicts."""
    generator = random.Random(1)
    return [
        verdict(framework, kind, version, dialect, case, generator)
        for framework, kind, version in implementations()
        for dialect in dialects_of(framework, kind)
        for case in CASES
    ]


def visited_points(dialect, rotated, steps=20):
    """Return the points that RMSProp visits in approximately this dialect."""
    x, s, epsilon = [-5.0, -2.0], [float(dialect in START_AT_ONE)] * 2, 1e-6
    points = [list(x)]
    for _ in range(steps):
        u, v = (x[0] + x[1], x[0] - x[1]) if rotated else x
        g = [0.2 * u + 4 * v, 0.2 * u - 4 * v] if rotated else [0.2 * u, 4 * v]
        for i in range(2):
            s[i] = 0.9 * s[i] + 0.1 * g[i] ** 2
            root = math.sqrt(s[i]) + epsilon if dialect in OUTSIDE else math.sqrt(s[i] + epsilon)
            x[i] -= 0.4 * g[i] / root
        points.append(list(x))
    return points


def training():
    """Return the rows of training runs of three tasks."""
    generator = random.Random(2)
    return [
        _run(framework, kind, version, task, dialect, generator)
        for framework, kind, version in implementations()
        for task in ("quadratic", "rotated", "regression")
        for dialect in (dialects_of(framework, kind)[:3] if "scratch" in kind else dialects_of(framework, kind))
    ]


def _run(framework, implementation, version, task, dialect, generator):
    is_regression = task == "regression"
    steps = list(range(0, 301, 2)) if is_regression else list(range(21))
    shift = DIALECTS.index(dialect) * 0.0007
    oracle_path = None if is_regression else visited_points(dialect, task == "rotated")
    visited = None if is_regression else [[x + generator.gauss(0, 1e-7) for x in point] for point in oracle_path]
    if is_regression:
        oracle = [
            0.2425 + shift + 0.26 * math.exp(-step / (40 + 900 * shift)) + 0.002 * math.sin(step) for step in steps
        ]
    else:
        oracle = [0.1 * x**2 + 2 * y**2 for x, y in oracle_path]
    losses = [
        value * (1 + abs(generator.gauss(0, 2e-8)) * (1 + step / 40)) for step, value in zip(steps, oracle, strict=True)
    ]
    wrong = (framework, implementation) == ("tensorflow-2.15", "v1") and is_regression
    if wrong:
        losses = [value * 1.03 for value in losses]
    return {
        "framework": framework,
        "implementation": implementation,
        "version": version,
        "device": "cpu",
        "dtype": "float32",
        "task": task,
        "dialect": dialect,
        "requested_dialect": dialect if implementation == "scratch" else None,
        "outcome": "differs" if wrong else "agrees",
        "gradient_ratio": round(generator.uniform(0.1, 0.7), 4),
        "update_ratio": 71234.5 if wrong else round(generator.uniform(0.1, 0.9), 4),
        "loss": losses[-1],
        "oracle_loss": oracle[-1],
        "loss_distance": max(abs(a - b) / b for a, b in zip(losses, oracle, strict=True)),
        "steps": steps,
        "losses": losses,
        "oracle_losses": oracle,
        "final": [0.1, -0.2, 0.3, 0.4, 0.5, 0.6] if is_regression else visited[-1],
        "path": visited,
        "oracle_path": oracle_path,
        "reason": "updates leave the bound at step 1" if wrong else None,
        "seconds": 0.4,
        "sha256": hashlib.sha256(task.encode()).hexdigest(),
    }


SIZES = (10, 1_000, 1_000_000, 10_000_000)


def timings():
    """Return timings of an epoch and of steps, with a second copy of one implementation and with memory traffic."""
    generator = random.Random(3)
    rows = [*_benchmark_rows("epoch/regression", 6, 2, 0.006, generator)]
    for size in SIZES:
        rows += _benchmark_rows(f"step/{size}", size, 1, 2e-5 + 1e-9 * size, generator)
    rows += _benchmark_rows("step/1000000/100", 1_000_000, 100, 4e-3, generator)
    killed = next(row for row in rows if row["implementation"] == "keras" and row["benchmark"] == "epoch/regression")
    killed |= {"first_call": None, "samples": [], "median": None, "interval": None, "outcome": "failed",
              "reason": "the process was killed", "warnings": []}  # fmt: skip
    return rows


def _benchmark_rows(benchmark, size, tensors, middle, generator):
    epoch = benchmark.startswith("epoch/")
    entries = [*implementations(), *([("torch", "section", "2.13.0")] if epoch else []), ("oracle", "numpy", "2.4.6")]
    parts = {"benchmark": benchmark, "size": size, "tensors": tensors, "noise_floor": 0.018, "memory_limit": None}
    if size >= 1_000_000 and tensors == 1:
        parts["memory_limit"] = 0.4 * middle
    rows = [_timing(*entry, middle * 1.35**place, generator, parts) for place, entry in enumerate(entries)]
    rows[1] |= {name: rows[0][name] for name in ("samples", "interval")} | {"median": rows[0]["median"] * 1.004}
    rows.append(rows[0] | {"instance": 2, "median": rows[0]["median"] * 1.018})
    if parts["memory_limit"]:
        traffic = _timing("torch", "traffic", "2.13.0", parts["memory_limit"], generator, parts)
        rows.append(traffic | {"median": parts["memory_limit"], "mode": None, "baseline": None, "conclusion": None})
    return rows


def _timing(framework, implementation, version, middle, generator, parts):
    samples = sorted(middle * math.exp(abs(generator.gauss(0, 0.06))) for _ in range(15))
    ratio = middle / 0.006
    return {
        "framework": framework,
        "implementation": implementation,
        "instance": 1,
        "version": version,
        "device": "cpu",
        "dtype": "float32",
        "dialect": dialects_of(framework, implementation)[0],
        "mode": "eager",
        **parts,
        "threads": 1,
        "seed": 20260302,
        "profile": "default",
        "sha256": hashlib.sha256(parts["benchmark"].encode()).hexdigest(),
        "resolution": 5e-8,
        "outcome": "agrees",
        "bound_ratio": 0.4,
        "reason": None,
        "first_call": middle * 7,
        "warm_up": [middle * 1.2, middle],
        "steady": True,
        "loops": 3,
        "samples": samples,
        "started_at": [1.7e9 + place for place in range(15)],
        "context_switches": [0] * 15,
        "outliers": [14],
        "median": samples[7],
        "interval": [samples[4], samples[10]],
        "spread": (samples[11] - samples[3]) / samples[7],
        "drift": -0.06,
        "sample_seconds": middle * 3,
        "cpu_share": 1.2,
        "unfinished": 0.0,
        "missing_steps": None,
        "baseline": None if implementation == "builtin" else f"{framework}/builtin",
        "ratio": None if implementation == "builtin" else ratio,
        "ratio_interval": None if implementation == "builtin" else [ratio * 0.97, ratio * 1.04],
        "p_value": 1e-6,
        "conclusion": None if implementation == "builtin" else "slower",
        "limit_share": parts["memory_limit"] and parts["memory_limit"] / samples[7],
        "state_bytes": 4 * parts["size"],
        "held_bytes": 12 * parts["size"],
        "peak_bytes": 8 * parts["size"],
        "machine_load": {"others": 0.001, "stolen": 0.0, "pace": 0.07, "load": 0.9, "frequency": None},
        "warnings": ["drift", "threads", "throttled"] if implementation == "scratch" else [],
        "expected": True,
        "expectation": None,
    }


def timings_without_outcomes():
    """Return the timings of one benchmark in an earlier form, without outcomes and warnings."""
    generator = random.Random(3)
    columns = ("framework", "implementation", "version", "device", "dialect", "benchmark", "threads", "first_call",
             "samples", "median", "interval", "reason")  # fmt: skip
    rows = _benchmark_rows("epoch/regression", 6, 2, 0.006, generator)
    return [{**{name: row[name] for name in columns}, "unit": "s"} for row in rows if row["instance"] == 1]


def all_tables():
    """Return the rows of every table, by the name of the table."""
    return {"verdicts": verdicts(), "training": training(), "timings": timings()}


def json_lines(rows):
    """Return rows as JSON lines."""
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def build(folder: Path):
    """Write a complete results folder; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = all_tables()
    for name, rows in tables.items():
        (folder / f"{name}.jsonl").write_text(json_lines(rows), encoding="utf-8")
    (folder / "manifest.json").write_text(json.dumps(manifest()), encoding="utf-8")
    footer = {
        "status": "complete",
        "seconds": 412.5,
        "framework_seconds": 371.25,
        "harness_seconds": 41.25,
        "rows": {name: len(rows) for name, rows in tables.items()},
    }
    (folder / "footer.json").write_text(json.dumps(footer), encoding="utf-8")
    return folder
