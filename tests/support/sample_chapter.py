"""A synthetic results folder of the chapter, with simple numbers for every part."""

import json
import math

from tests.support import sample_results

MANIFEST = {
    "schema": 2,
    "created": "2026-01-02T03:04:05+00:00",
    "command": ["rmsuite", "chapter"],
    "commit": "0" * 40,
    "machine": {"cpu": sample_results.HOSTILE, "cores": 2, "memory_bytes": 2**33, "os": "Linux", "python": "3.11.2"},
    "threads": 1,
    "device": "cpu",
    "seed": 0,
    "catalogue": "section 11.8, 1",
    "data": {"name": "airfoil", "source": "folder", "detail": "made up", "sha256": "ab" * 32},
    "frameworks": {
        "torch": {"python": "3.11.2", "versions": {"torch": "2.13.0"}, "threads": 1},
        "mxnet": {"missing": "there is no environment for mxnet"},
    },
    "implementations": {},
}


def oracle(part, problem, method, setting="", **columns):
    return {"part": part, "framework": "oracle", "problem": problem, "method": method, "setting": setting, **columns}


def torch(part, problem, method, setting="", implementation="scratch", **columns):
    about = {"framework": "torch", "implementation": implementation, "version": "2.13.0", "device": "cpu"}
    outcome = {"outcome": "agrees", "gradient_ratio": 0.1, "update_ratio": 0.25, "dialect": "d2l", "dtype": "float32"}
    return {**oracle(part, problem, method, setting), **about, **outcome, **columns}


def averages():
    for decay in (0.95, 0.9):
        weights = [(1 - decay) * decay**age for age in range(40)]
        results = {
            "weight_sum": 1 - decay**40,
            "numerical_sum": sum(weights),
            "half_life": math.log(0.5) / math.log(decay),
            "window": 1 / (1 - decay),
            "printed_half_life": 1 / decay,
        }
        series = {"age": list(range(40)), "weight": weights, "impulse_response": [*weights]}
        inputs = {"decay": decay, "steps": 40}
        yield oracle("averages", "average", "leaky", f"γ = {decay}", inputs=inputs, results=results, series=series)


def trajectory():
    inputs = {"learning_rate": 0.4, "decay": 0.9, "epsilon": 1e-6, "steps": 20, "threshold": 0.01}
    steps = list(range(41))
    for method, late, first, last in (
        ("rmsprop", 0.1, 1.2649, 0.2),
        ("mean of squares", 1e-9, 0.4, 0.3),
        ("adagrad", 1e-6, 0.4, 0.07),
    ):
        results = {
            "x1": -0.010599,
            "x2": 0.0,
            "loss": 1e-5,
            "steps_to_threshold": 12,
            "first_step_size": first,
            "last_step_size": last,
            "late_loss": late,
        }
        series = {
            "step": steps,
            "loss": [5 / (1 + s) for s in steps],
            "x1": [-5 / (1 + s) for s in steps],
            "x2": [-2 / (1 + s) for s in steps],
        }
        yield oracle("trajectory", "quadratic", method, inputs=inputs, results=results, series=series)
        if method == "rmsprop":
            yield torch("trajectory", "quadratic", method, inputs=inputs, results=results, series=series)


def regression():
    inputs = {"epochs": 2, "minimum_loss": 0.24}
    yield oracle("regression", "regression", "nothing", inputs=inputs, results={"loss": 0.2446})
    for number in range(1, 11):
        for method in ("order", "start", "both"):
            yield oracle(
                "regression",
                "regression",
                method,
                str(number),
                inputs=inputs,
                results={"loss": 0.242 + 0.0005 * number},
            )
    for epochs in range(1, 5):
        yield oracle(
            "regression", "regression", "epochs", str(epochs), inputs=inputs, results={"loss": 0.25 - 0.002 * epochs}
        )
    yield oracle("regression", "regression", "doubled", "gradients doubled", inputs=inputs, results={"loss": 0.2446001})
    yield oracle("regression", "regression", "epsilon", "1e-8 inside", inputs=inputs, results={"loss": 0.2446002})
    series = {"step": [0, 20, 40], "loss": [0.5, 0.3, 0.2446]}
    for implementation in ("section", "section-concise"):
        more = {"inputs": inputs, "series": series, "detail": "airfoil", "implementation": implementation}
        yield torch("regression", "regression", "program", results={"loss": 0.2446}, **more)
        seconds = {"median": 0.03, "low": 0.029, "high": 0.031}
        yield torch("regression", "regression", "seconds", implementation=implementation, results=seconds)
    yield torch("regression", "regression", "order", "in a framework", inputs=inputs, results={"loss": 0.2425})


def gamma_one():
    steps = list(range(21))
    for decay in (0.9, 0.99, 1.0):
        inputs = {"decay": decay, "learning_rate": 0.4, "epsilon": 1e-6, "steps": 20}
        first = 0.4 / (1 - decay) ** 0.5 if decay < 1 else 400.0
        results = {"first_step_size": first, "loss": 1e30 if decay == 1 else 0.1}
        series = {"step": steps, "loss": [10.0 ** (s if decay == 1 else -s / 10) for s in steps]}
        yield oracle(
            "gamma-one", "quadratic", "rmsprop", f"γ = {decay:g}", inputs=inputs, results=results, series=series
        )
    for implementation, rate in (("scratch", 400.0), ("builtin", 4e5), ("v1", 0.4)):
        ended = None if rate < 1 else 6
        results = {
            "descent_rate": rate,
            "distance": 1e-6,
            "ended_after": ended,
            "square_overflow": ended,
            "loss": 1.0 if rate < 1 else None,
        }
        series = {
            "step": steps[:7],
            "loss": [5.0 / (1 + s) for s in steps[:7]],
            "closed_form": [5.0 / (1 + s) for s in steps[:7]],
        }
        yield torch("gamma-one", "quadratic", "gamma one", "section", implementation, results=results, series=series)


def rotation():
    angles = [0, 45, 90]
    for method, losses in (
        ("rmsprop", [1e-5, 0.1, 1e-5]),
        ("adagrad", [0.6, 1.9, 0.6]),
        ("gradient descent", [0.09, 0.09, 0.09]),
    ):
        series = {"angle": angles, "loss": losses, "steps_to_threshold": [12, 29, 12]}
        inputs = {"steps": 20, "threshold": 0.01}
        yield oracle("rotation", "rotated", method, "over angles", inputs=inputs, series=series)
        for angle in ("0°", "45°"):
            yield oracle("rotation", "rotated", method, angle, series={"step": [0, 1, 2], "loss": [5, 1, 0.1]})
    for problem, loss in (("quadratic", 1e-5), ("rotated", 0.3)):
        results = {"x1": 0.1, "x2": 0.2, "loss": loss}
        yield oracle("rotation", problem, "rmsprop", "as printed", results=results)
        yield torch("rotation", problem, "rmsprop", "as printed", results=results)


def network():
    steps = [0, 10, 20]
    for setting, end, accuracy in (("constant", 0.2, 0.91), ("cosine", 0.1, 0.97)):
        inputs = {"learning_rate": 0.01, "decay": 0.9, "epsilon": 1e-6, "steps": 20, "epochs": 2, "test_images": 400}
        rates = [0.01, 0.01, 0.01] if setting == "constant" else [0.01, 0.005, 0.0]
        series = {"step": steps, "loss": [2.3, 0.5, end], "accuracy": [0.1, 0.8, accuracy]}
        results = {"loss": end, "accuracy": accuracy, "mean_loss": end, "loss_range": end**2}
        more = {"inputs": inputs, "detail": "made-up images"}
        yield oracle(
            "network", "digits", "schedule", setting, results=results, series={**series, "rate": rates}, **more
        )
        peaks = {"peak": [0.01, 0.1], "mean_loss": [end, 0.15]}
        yield oracle("network", "digits", "peaks", setting, series=peaks)
        yield torch(
            "network",
            "digits",
            "schedule",
            setting,
            results={**results, "same_class": 1.0},
            series=series,
            inputs=inputs,
        )


def sensitivity():
    for problem, lowest in (("regression", 0.24), ("quadratic", 0.0)):
        for decay in (0.5, 0.9, 0.99):
            rates = [0.001, 0.01, 0.1, 0.4]
            losses = [
                lowest + 0.01 * (1 + abs(math.log10(rate / (0.01 / (1 + 9 * (decay == 0.99)))))) for rate in rates
            ]
            inputs = {"decay": decay, "minimum_loss": lowest}
            yield oracle(
                "sensitivity", problem, "grid", f"γ = {decay}", inputs=inputs, series={"rate": rates, "loss": losses}
            )
    for name, mean in (("γ = 0.9", 0.25), ("rising", 0.249), ("falling", 0.26)):
        inputs = {"learning_rate": 0.01, "minimum_loss": 0.24, "last_steps": 60}
        series = {"step": [0, 3, 6], "loss": [0.5, 0.3, mean], "decay": [0.9, 0.9, 0.9]}
        results = {"loss": mean, "mean_loss": mean, "loss_deviation": 0.002}
        yield oracle("sensitivity", "regression", "decay schedule", name, inputs=inputs, results=results, series=series)
    inputs = {"decay": 0.5, "learning_rate": 0.001, "minimum_loss": 0.24}
    yield torch("sensitivity", "regression", "grid", "γ = 0.5, η = 0.001", inputs=inputs, results={"loss": 0.26})


def rows():
    for part in (averages, trajectory, regression, gamma_one, rotation, network, sensitivity):
        yield from part()


def build(folder, chapter_rows=None, *, manifest=MANIFEST, finished=True):
    """Write a results folder with these rows, by default those of all parts."""
    folder.mkdir(parents=True)
    chapter_rows = list(rows() if chapter_rows is None else chapter_rows)
    parts = [
        {"part": name, "seconds": 1.5, "frameworks": ["torch"]}
        for name in dict.fromkeys(row["part"] for row in chapter_rows)
    ]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "chapter.jsonl").write_text("".join(json.dumps(row) + "\n" for row in chapter_rows))
    if finished:
        (folder / "parts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in parts))
        counts = {"chapter": len(chapter_rows), "parts": len(parts)}
        (folder / "footer.json").write_text(json.dumps({"status": "complete", "seconds": 12.0, "rows": counts}))
    return folder
