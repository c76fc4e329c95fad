"""A job: agreement, training, timing, or all three, into one results folder."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from reference import dialects
from suite.adapters import ORACLE
from suite.benchmark import interleaved, rows
from suite.cases import catalogue, datasets
from suite.cases.benchmarks import PROFILES, Benchmark, benchmarks
from suite.cases.catalogue import Case
from suite.cases.expression import Selection
from suite.cases.metamorphic import RELATIONS, MetamorphicRelation
from suite.cases.tapes import REDUCED, WIDE
from suite.cases.tasks import tasks
from suite.conformance import training, verdicts
from suite.conformance.metamorphic import MetamorphicVerdicts
from suite.conformance.tape_batches import tape_batches
from suite.conformance.targets import Target, key, targets
from suite.results import provenance
from suite.results.expectations import Expectations
from suite.results.repeat_command import Conditions
from suite.results.store import Row, Store, require_room
from suite.workers import selection
from suite.workers.coordinator import Coordinator
from suite.workers.environments import Release, environments
from suite.workers.progress import Progress
from suite.workers.protocol import Message, Request, Response, WorkerError

TABLES = ("agreement", "training", "timing")

SECTION_DIALECTS = ("d2l", "torch", "keras3", "tf-kernel", "tf1", "mxnet1")
"""What the section's implementations compute: these a scratch implementation runs unless told otherwise."""


@dataclass(frozen=True)
class Options:
    """What a user may choose; see the command line's help.

    With `whole`, cases are batched with the whole catalogue, whatever is selected, because the position of a
    coordinate can change its last bits.
    """

    output: Path
    frameworks: Sequence[str]
    implementations: Sequence[str] = ()
    cases: Sequence[str] = ()
    tasks: Sequence[str] = ()
    dtypes: Sequence[str] = (*WIDE, *REDUCED)
    dialects: Sequence[str] = SECTION_DIALECTS
    claim: str | None = None
    device: str = "cpu"
    threads: int = 1
    seed: int = 0
    profile: str = "quick"
    rounds: int | None = None
    sizes: Sequence[int] = ()
    tensors: Sequence[int] = ()
    timeout: float = 180.0
    pythons: Mapping[str, Path] = field(default_factory=dict)
    data: Path | None = None
    cache: Path = Path()
    download: bool = True
    resume: bool = False
    keep_traces: bool = False
    whole: bool = False
    select: str = ""
    tables: Sequence[str] = TABLES


class Job:
    """Data, workers and a results folder, ready to be asked. A context manager: it always leaves a footer."""

    def __init__(self, options: Options, progress: Progress) -> None:
        """Find the data, shake hands with the frameworks, open the results folder.

        Raises:
            DataError, StoreError, LookupError: on what can't be used; each says what to do.
        """
        self.options, self.progress = options, progress
        self.begin = time.perf_counter()
        require_room(options.output, resume=options.resume)
        self.unexpected = 0
        self.expectations = Expectations.read()
        self.selection = Selection.of(options.select)
        self.data = self.dataset()
        progress.say(f"data: {self.data.detail}")
        known_tasks = tasks(self.data, options.seed)
        self.tasks = selection.matching_tasks(known_tasks, options.tasks)
        self.profile = PROFILES[options.profile]
        self.benchmarks = list(benchmarks(self.profile, known_tasks, options.seed, options.sizes, options.tensors))
        self.catalogue = catalogue.catalogue(known_tasks, options.seed)
        everything: list[Case | MetamorphicRelation] = [*self.catalogue, *RELATIONS]
        chosen = catalogue.select(everything, options.cases)
        self.cases = [one for one in chosen if isinstance(one, Case)]
        self.laws = [one for one in chosen if isinstance(one, MetamorphicRelation)]
        known = environments(options.pythons, releases=map(Release.parse, options.frameworks))
        wanted = {
            name: known[name] for name in selection.matching_frameworks(options.frameworks, options.implementations)
        }
        if "timing" in options.tables:
            wanted[ORACLE] = known[ORACLE]
        self.coordinator = Coordinator(wanted, options.device, options.threads, options.timeout)
        try:
            self.hellos, self.missing = self._greet()
            self.oracle = self.hellos.pop(ORACLE, None)
            self.chosen = selection.matching_implementations(self.hellos, options.implementations)
            self._check_selection()
            self.store = Store(options.output, self._manifest(), resume=options.resume)
        except BaseException:
            self.coordinator.__exit__(*sys.exc_info())
            raise

    def dataset(self) -> datasets.Dataset:
        """The data of the tasks that have some."""
        options = self.options
        return datasets.resolve(options.data, options.cache, download=options.download)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.coordinator.__exit__(kind)
        inside = self.coordinator.framework_seconds
        harness = time.process_time() + self.coordinator.overhead_seconds
        seconds = time.perf_counter() - self.begin
        status = "complete" if kind is None else "interrupted"
        footer = {"status": status, "seconds": seconds, "framework_seconds": inside, "harness_seconds": harness}
        self.store.finish(footer)
        share = harness / (inside + harness)
        parts = f"{inside:.0f} s in the frameworks, {harness:.0f} s in the harness ({share:.0%} of both)"
        self.progress.say(f"{status} after {seconds:.0f} s: {parts}")

    def agree(self) -> None:
        """Replay every case in every implementation, a verdict each; then try the laws."""
        options, folder, done = self.options, self.store.folder, self._done("verdicts", key)
        every = list(self.targets())

        def selected(target: Target, case: str) -> bool:
            return self.selection.matches(target.words(case))

        chosen = {case.id for case in self.cases}
        riding = [case for case in self.cases if any(selected(one, case.id) for one in every)]
        questions = verdicts.questions(
            every,
            tape_batches(self.catalogue if options.whole else riding, folder / "tapes"),
            traces=folder / "traces",
            selected=lambda target, case: case in chosen and selected(target, case),
            done=done,
        )
        self._judge("agreement", questions, self.verdicts().rows)
        laws = MetamorphicVerdicts(self.laws, options.seed, folder)
        self._judge("laws, first", list(laws.questions(every, selected=selected, done=done)), laws.first_rows)
        self._judge("laws", laws.following, laws.rows)

    def verdicts(self) -> verdicts.Verdicts:
        """Where answers become verdicts."""
        return verdicts.Verdicts(self.catalogue, rivals=self._dialects(), keep_traces=self.options.keep_traces)

    def targets(self) -> Iterator[Target]:
        """Who is asked about cases and laws."""
        options = self.options
        return targets(
            self.hellos,
            dtypes=options.dtypes,
            chosen=self.chosen,
            scratch_dialects=options.dialects,
            claim=options.claim,
            conditions=self.conditions,
        )

    def _check_selection(self) -> None:
        """See to it that something is selected: LookupError if nothing is."""
        options, implementations = self.options, list(selection.chosen_implementations(self.hellos, self.chosen))
        words = {
            "agreement": self._verdict_words(),
            "training": training.every(implementations, self.tasks, options.dialects),
            "timing": self._timing_words(),
        }
        selection.require_match(self.selection, (text for table in options.tables for text in words[table]))

    def _verdict_words(self) -> Iterator[str]:
        for target in self.targets():
            yield from (target.words(case.id) for case in self.cases if target.dtype in case.tape.dtypes)
            yield from (target.words(law.id) for law in self.laws if target.dtype in WIDE)

    def _timing_words(self) -> Iterator[str]:
        for benchmark in self.benchmarks:
            entered = interleaved.entries(self.hellos, self.chosen, benchmark)
            yield from (entry.words(benchmark) for entry in entered)

    @property
    def conditions(self) -> Conditions:
        """Under which rows are made, for the commands that repeat them."""
        options = self.options
        return Conditions(
            device=options.device,
            threads=options.threads,
            seed=options.seed,
            data=datasets.named(options.data),
            download=options.download and self.data.source != "embedded",  # what was generated must not be replaced
            timeout=options.timeout,
            pythons=options.pythons,
        )

    def _judge(self, stage: str, questions: Sequence[Request], rows: Callable[[Response], Iterable[Row]]) -> None:
        if not questions:
            return
        with self.progress.stage(stage, len(questions)) as advance:
            for answer in self.coordinator.ask_all(questions):
                for row in rows(answer):
                    self._keep("verdicts", row)
                advance(answer.request.framework)

    def train(self) -> None:
        """Train every implementation on every task; each gradient and each update is checked."""
        questions = training.questions(
            self.hellos,
            self.tasks,
            chosen=self.chosen,
            scratch_dialects=self.options.dialects,
            folder=self.store.folder,
            done=self._done("training", training.key),
            selection=self.selection,
            conditions=self.conditions,
        )
        trainings = training.Trainings()
        with self.progress.stage("training", len(questions)) as advance:
            for answer in self.coordinator.ask_all(questions):
                self._keep("training", trainings.row(answer))
                advance(answer.request.framework)

    def believe(self, framework: str, name: str, fitting: Sequence[str]) -> None:
        """Take it from now on that an implementation computes one of the dialects that fit, if it declares another."""
        described = self.hellos[framework]["implementations"][name]
        if described["dialect"] not in fitting:
            described["dialect"] = fitting[0]

    def bench(self) -> None:
        """Time every implementation at every benchmark of the profile, one benchmark after the other."""
        options, done = self.options, self._done("timings", interleaved.key)
        rounds = options.rounds or self.profile.rounds
        races = [
            (
                interleaved.InterleavedRun(
                    self.coordinator, benchmark, self.store.folder, self.profile, rounds, options.seed
                ),
                group,
            )
            for benchmark in self.benchmarks
            for group in interleaved.groups(
                [entry for entry in self._entries(benchmark) if self._key(entry, benchmark) not in done], benchmark
            )
        ]
        self.progress.say(f"order of the rounds: from seed {options.seed}")
        with self.progress.stage("timing", sum(one.turns(entered) for one, entered in races)) as advance:
            for one, entered in races:
                for entrant in one.run(entered):
                    advance(entrant.entry.framework)
                for row in rows.rows(one):
                    self._keep("timings", row)

    def _entries(self, benchmark: Benchmark) -> list[interleaved.Entry]:
        """Who is selected; if anyone is, the oracle too."""
        entered = interleaved.entries(self.hellos, self.chosen, benchmark)
        selected = [one for one in entered if self.selection.matches(one.words(benchmark))]
        beside = interleaved.entries({ORACLE: self.oracle}, {ORACLE: ["numpy"]}, benchmark) if self.oracle else ()
        return [*selected, *beside] if selected else []

    def _key(self, entry: interleaved.Entry, benchmark: Benchmark) -> tuple[Any, ...]:
        return interleaved.key({**entry.named, "device": self.options.device, "benchmark": benchmark.id})

    @property
    def status(self) -> int:
        """0 only if nothing differs from what is expected."""
        return 1 if self.unexpected or self.missing else 0

    def _keep(self, table: str, row: Row) -> None:
        row = self.expectations.judged(row)
        self.store.append(table, row)
        self.unexpected += not row["expected"]

    def _done(self, table: str, key: Callable[[Row], tuple[Any, ...]]) -> frozenset[tuple[Any, ...]]:
        found = set()
        for row in self.store.rows(table):
            found.add(key(row))
            self.unexpected += not row["expected"]
        return frozenset(found)

    def _greet(self) -> tuple[dict[str, Message], dict[str, str]]:
        hellos, missing = {}, {}
        started = [name for name in self.coordinator.clients if name != ORACLE]
        self.progress.say(f"starting {', '.join(started)} on {self.options.device}")
        for name, reply in self.coordinator.hello().items():
            if isinstance(reply, WorkerError):
                missing[name] = str(reply)
                self.progress.say(f"{name} is left out: {reply}")
            else:
                hellos[name] = reply
                if reply["threads"] != self.options.threads:
                    self.progress.say(f"{name} runs with {reply['threads']} threads, not {self.options.threads}")
        if not hellos.keys() - {ORACLE}:
            raise LookupError("no framework can be asked; see `rmsuite envs`")
        return hellos, missing

    def _dialects(self) -> list[str]:
        """Those that are claimed by an implementation, or run by one that can run any."""
        declared = [one["dialect"] for hello in self.hellos.values() for one in hello["implementations"].values()]
        return sorted({*self.options.dialects, *filter(None, [*declared, self.options.claim])})

    def _manifest(self) -> Row:
        options = self.options
        return {
            **provenance.manifest(self.data, self.hellos, self.missing),
            "threads": options.threads,
            "device": options.device,
            "seed": options.seed,
            "catalogue": catalogue.VERSION,
            "implementations": {
                f"{framework}/{name}": hello["implementations"][name]
                for framework, hello in self.hellos.items()
                for name in self.chosen[framework]
            },
            "dialects": {name: dialect.axes() for name, dialect in dialects.items()},
        }
