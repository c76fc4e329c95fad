"""A job: the stages agreement, training and timing, or some of them, into one results folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from reference import dialects
from suite.adapters import ORACLE
from suite.benchmark.interleaved import InterleavedRun, TimedTarget, groups, timed_targets
from suite.benchmark.statistics import timing_rows
from suite.cases import catalogue, datasets
from suite.cases.benchmarks import PROFILES, Benchmark, benchmarks
from suite.cases.catalogue import Case
from suite.cases.datasets import Dataset
from suite.cases.expression import Selection
from suite.cases.metamorphic import RELATIONS, MetamorphicRelation
from suite.cases.tapes import REDUCED, WIDE
from suite.cases.tasks import tasks
from suite.conformance.metamorphic import MetamorphicVerdicts
from suite.conformance.targets import Target, tape_batches, targets
from suite.conformance.training import Trainings, training_requests, training_targets
from suite.conformance.verdicts import Verdicts, replay_requests
from suite.errors import UserError
from suite.results import provenance
from suite.results.expectations import Expectations
from suite.results.provenance import Conditions
from suite.results.rows import TABLES, TIMINGS, TRAINING, VERDICTS, RunRow, RunRowT, Table
from suite.results.run_context import RunContext, RunOptions
from suite.results.store import require_usable
from suite.workers import selection
from suite.workers.environments import Environment, Release, environments
from suite.workers.progress import Progress
from suite.workers.protocol import Message, Request, Response

STAGES = ("agreement", "training", "timing")
"""The stages of a job; each one fills a table."""

SECTION_DIALECTS = ("d2l", "torch", "keras3", "tf-kernel", "tf1", "mxnet1")
"""The dialects that scratch implementations run by default: those of the section's implementations."""


@dataclass(frozen=True, kw_only=True)
class Options(RunOptions):
    """The options of a job.

    Attributes:
        among: patterns of the implementations that are run; unlike `implementations`, they need not match any.
        whole: whether all cases are batched, whatever is selected, because the position of a coordinate in an array
            can change its last bits.
    """

    implementations: Sequence[str] = ()
    among: Sequence[str] = ()
    cases: Sequence[str] = ()
    tasks: Sequence[str] = ()
    dtypes: Sequence[str] = (*WIDE, *REDUCED)
    dialects: Sequence[str] = SECTION_DIALECTS
    claim: str | None = None
    profile: str = "quick"
    rounds: int | None = None
    sizes: Sequence[int] = ()
    tensors: Sequence[int] = ()
    keep_traces: bool = False
    whole: bool = False
    select: str = ""
    tables: Sequence[str] = STAGES


class Job:
    """A run of the suite. A context manager: on exit it ends all workers and writes the footer."""

    def __init__(self, options: Options, progress: Progress, data: Dataset | None = None) -> None:
        """Find the data (unless given: those of the options), start the workers and open the results folder.

        Raises:
            UserError: if an option, the data or the folder can't be used, or nothing is selected.
        """
        self.options, self.progress = options, progress
        self.unexpected = 0  # rows that are not as expected
        require_usable(options.output, resume=options.resume)  # before anything takes time
        self.expectations = Expectations.read()
        self.selection = Selection.of(options.select)
        self.data = data or datasets.resolve(options.data, options.cache, download=options.download)
        progress.say(f"data: {self.data.detail}")
        known_tasks = tasks(self.data, options.seed)
        self.tasks = selection.matching_tasks(known_tasks, options.tasks)
        self.profile = PROFILES[options.profile]
        self.benchmarks = list(benchmarks(self.profile, known_tasks, options.seed, options.sizes, options.tensors))
        self.catalogue = catalogue.catalogue(known_tasks, options.seed)
        everything: list[Case | MetamorphicRelation] = [*self.catalogue, *RELATIONS]
        chosen = catalogue.select(everything, options.cases)
        self.cases = [one for one in chosen if isinstance(one, Case)]
        self.relations = [one for one in chosen if isinstance(one, MetamorphicRelation)]
        self.chosen: dict[str, list[str]] = {}  # framework -> implementations
        self.targets: list[Target] = []  # of the agreement stage
        self.trained: list[Target] = []  # the targets of the training stage
        self.context = RunContext(self._environments(), options, progress, self._manifest, TABLES)
        self.store, self.missing = self.context.store, self.context.missing

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self.context.__exit__(kind, *rest)

    @property
    def hellos(self) -> dict[str, Any]:
        """Framework -> handshake, without the oracle."""
        return {name: hello for name, hello in self.context.hellos.items() if name != ORACLE}

    @property
    def status(self) -> int:
        """The exit status: 0 if every framework was available and every row is as expected, else 1."""
        return 1 if self.unexpected or self.missing else 0

    def agree(self, verdicts: Verdicts | None = None) -> None:
        """Replay every selected case and metamorphic relation in every implementation, and write a verdict on each.

        `verdicts` turns responses into verdicts.
        """
        options, folder = self.options, self.store.folder
        verdicts = verdicts or Verdicts(
            self.catalogue, other_dialects=self._dialects(), keep_traces=options.keep_traces
        )
        done = self._done(VERDICTS)
        chosen = {case.id for case in self.cases}
        batched = [case for case in self.cases if any(self._selected(target, case.id) for target in self.targets)]
        requests = replay_requests(
            self.targets,
            tape_batches(self.catalogue if options.whole else batched, folder / "tapes"),
            traces=folder / "traces",
            selected=lambda target, case: case in chosen and self._selected(target, case),
            done=done,
        )
        self._write_all("agreement", requests, verdicts.rows)
        metamorphic = MetamorphicVerdicts(self.relations, options.seed, folder)
        first = list(metamorphic.first_requests(self.targets, selected=self._selected, done=done))
        self._write_all("metamorphic relations, first replay", first, metamorphic.first_rows)
        second = metamorphic.second_requests
        self._write_all("metamorphic relations, second replay", second, metamorphic.second_rows)

    def train(self) -> None:
        """Train every selected task in every implementation, and check each gradient and each update."""
        requests = training_requests(
            self.trained,
            self.tasks,
            folder=self.store.folder,
            selected=self._selected,
            done=self._done(TRAINING),
        )
        trainings = Trainings()
        self._write_all("training", requests, lambda response: [trainings.row(response)])

    def bench(self, known: Mapping[str, Mapping[str, str]] | None = None) -> None:
        """Time the implementations at every benchmark of the profile, one benchmark after another.

        `known` says for each framework and implementation which dialect it was found to compute. If it is given,
        exactly these implementations are timed; else those that are selected, as what they declare.
        """
        options, done = self.options, self._done(TIMINGS)
        rounds = options.rounds or self.profile.rounds
        runs = [
            (InterleavedRun(self.context.coordinator, benchmark, self.store.folder, self.profile, rounds, options.seed),
             group)
            for benchmark in self.benchmarks
            for group in groups(
                [target for target in self._timed(benchmark, known) if target.key(benchmark) not in done], benchmark
            )
        ]  # fmt: skip
        self.progress.say(f"order of the rounds: from seed {options.seed}")
        with self.progress.stage("timing", sum(run.step_count(group) for run, group in runs)) as advance:
            for run, group in runs:
                for entrant in run.run(group):
                    advance(entrant.target.framework)
                for row in timing_rows(run):
                    self._write(row)

    def _timed(self, benchmark: Benchmark, known: Mapping[str, Mapping[str, str]] | None) -> list[TimedTarget]:
        """Return the targets of a benchmark; the oracle is timed too, unless nothing is selected."""
        oracle = self.context.hellos.get(ORACLE)
        beside = list(timed_targets({ORACLE: oracle}, {ORACLE: ["numpy"]}, benchmark)) if oracle else []
        if known is None:
            every = timed_targets(self.hellos, self.chosen, benchmark)
            selected = [target for target in every if self.selection.matches(target.text(benchmark))]
        else:
            hellos, chosen = {name: self.hellos[name] for name in known}, {name: [*known[name]] for name in known}
            selected = [
                replace(target, identified=known[target.framework].get(target.implementation))
                for target in timed_targets(hellos, chosen, benchmark)
            ]
        return [*selected, *beside] if selected else []

    @property
    def conditions(self) -> Conditions:
        """The conditions of the run, for the commands that repeat rows."""
        options = self.options
        return Conditions(
            device=options.device,
            threads=options.threads,
            seed=options.seed,
            data=datasets.named(options.data),
            download=options.download and self.data.source != "embedded",  # a repeated run must use the same data
            timeout=options.timeout,
            pythons=options.pythons,
        )

    def _environments(self) -> dict[str, Environment]:
        options = self.options
        known = environments(options.pythons, releases=map(Release.parse, options.frameworks))
        names = [*selection.matching_frameworks(options.frameworks, options.implementations)]
        return {name: known[name] for name in [*names, *([ORACLE] if "timing" in options.tables else [])]}

    def _selected(self, target: Target, case: str) -> bool:
        return self.selection.matches(target.text(case))

    def _write_all(self, stage: str, requests: Sequence[Request], rows: Callable[[Response], Iterable[RunRow]]) -> None:
        for response in self.context.send_all(stage, requests):
            for row in rows(response):
                self._write(row)

    def _write(self, row: RunRow) -> None:
        row = self.expectations.apply(row)
        self.store.append(row)
        self.unexpected += not row.expected

    def _done(self, table: Table[RunRowT]) -> frozenset[tuple[object, ...]]:
        """Return the keys of the rows that a resumed run has already; count those that are not as expected."""
        keys = set()
        for row in self.store.rows(table):
            keys.add(table.key_of(row))
            self.unexpected += not row.expected
        return frozenset(keys)

    def _dialects(self) -> list[str]:
        """Return the dialects that implementations declare, or that scratch implementations run."""
        declared = [one["dialect"] for hello in self.hellos.values() for one in hello["implementations"].values()]
        return sorted({*self.options.dialects, *filter(None, [*declared, self.options.claim])})

    def _manifest(self, context: RunContext) -> dict[str, Any]:
        """Choose the implementations and targets, check that something is selected, and return the manifest."""
        options = self.options
        hellos = {name: hello for name, hello in context.hellos.items() if name != ORACLE}
        if not hellos:
            raise UserError("no framework is available; see `rmsuite envs`")
        chosen = selection.matching_implementations(hellos, options.implementations)
        self.chosen = {
            framework: [name for name in names if self._among(f"{framework}/{name}")]
            for framework, names in chosen.items()
        }
        given = hellos, self.chosen, options.dialects, self.conditions
        self.targets = list(targets(*given, dtypes=options.dtypes, claim=options.claim))
        self.trained = list(training_targets(*given))
        selection.require_match(self.selection, self._selection_texts(hellos))
        return {
            **provenance.manifest(self.data, hellos, context.missing),
            "threads": options.threads,
            "device": options.device,
            "seed": options.seed,
            "catalogue": catalogue.VERSION,
            "implementations": {
                f"{framework}/{name}": hello["implementations"][name]
                for framework, hello in hellos.items()
                for name in self.chosen[framework]
            },
            "dialects": {name: dialect.axes() for name, dialect in dialects.items()},
        }

    def _among(self, name: str) -> bool:
        among = self.options.among
        return not among or any(selection.matches_pattern(name, pattern) for pattern in among)

    def _selection_texts(self, hellos: Mapping[str, Message]) -> Iterator[str]:
        """Yield the texts of all rows that the stages can make, with which an expression is matched."""
        options = self.options
        if "agreement" in options.tables:
            for target in self.targets:
                yield from (target.text(case.id) for case in self.cases if target.dtype in case.tape.dtypes)
                yield from (target.text(relation.id) for relation in self.relations if target.dtype in WIDE)
        if "training" in options.tables:
            yield from (target.text(task) for target in self.trained for task in self.tasks)
        if "timing" in options.tables:
            for benchmark in self.benchmarks:
                yield from (target.text(benchmark) for target in timed_targets(hellos, self.chosen, benchmark))
