"""Do requests and answers still have the form that was certified?

What breaks a form is said in `payload.schema`; here the shares of exchanges that do are watched for
growth: of the requests, and of the candidate's answers, which are told apart by `output:`. Which
columns it is, is told by name. How values are distributed within the form is the business of drift.

Requests are sent to both models alike, so a break of theirs is always shared. The stable model's
answers have a watch of their own: when they keep their form on the same requests, the candidate is
alone with a break of its.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from proxy.benchmark import Benchmark
from proxy.monitors import Engine
from proxy.monitors.settings import SchemaSettings
from proxy.payload.schema import Schema as CertifiedSchema
from proxy.records import AlarmName, Finding, Model, Observation, Rows, Side, Undecodable, Verdict
from proxy.stats.basis.functionals import Floats
from proxy.stats.engine import snapshot
from proxy.stats.engine.acquittal import Abreast, shared_by
from proxy.stats.engine.conclude import Wording, conclude, detail_of, unknown
from proxy.stats.engine.effects import Effect
from proxy.stats.engine.streams import WatchedStream
from proxy.stats.engine.watch import Watch
from proxy.stats.reference.column import ColumnProfile
from proxy.stats.watches.forms import FormRule, FormWatch

OUTPUT: Final = "output: "
"""Begins the names of the streams that watch answers."""
OUR_LIMITS: Final = frozenset({"truncated", "too_large", "decoder_failed", "media_unavailable"})
"""Reasons for which a body cannot be read that speak of us, not of who wrote it."""


class Schema:
    """The form of requests and answers against the certified schemas."""

    name = AlarmName.SCHEMA

    def __init__(
        self, settings: SchemaSettings, benchmark: Benchmark | None, engine: Engine
    ) -> None:
        """Watch against the certified schemas; without one nothing can be said."""
        known = benchmark if settings.enabled else None
        self._input = _requests(known, settings)
        self._output = _answers(known, Model.CANDIDATE, settings)
        self._stable = _answers(known, Model.STABLE, settings)
        self._watch = _watch_of((self._input, self._output), engine)
        self._stable_watch = _watch_of((self._stable,), engine)
        self._abreast = Abreast()
        self._wording = Wording(
            name=self.name,
            rows="exchanges",
            min_rows=settings.min_rows,
            tick_s=engine.tick_s,
            describe=self._describe,
        )
        self._why_unknown = "switched off" if not settings.enabled else "no certified schema"
        self._shared = Verdict.OK
        """As the last breach had it: while its alarm ends, its cause stays what it was."""

    def observe(self, value: Observation) -> None:
        """Look at the form of one request, or of one answer."""
        if not isinstance(value, Rows | Undecodable):
            return
        form = self._form(value.side, value.model)
        if form is None:
            return
        if isinstance(value, Rows):
            if value.n > 0:
                form.look(value)
        elif value.reason not in OUR_LIMITS:
            form.unreadable(value.reason)

    def _form(self, side: Side, model: Model) -> FormWatch | None:
        """Give the form that a body is held to: requests are the same for both models."""
        if side is Side.INPUT:
            return self._input
        return self._output if model is Model.CANDIDATE else self._stable

    def _describe(self, stream: WatchedStream, functional: int, counts: Floats) -> Effect:
        """Give the share of exchanges, with the columns that carry it."""
        return self._owner(stream.name).describe(stream, functional, counts)

    def _owner(self, stream: str) -> FormWatch:
        forms = (self._input, self._output, self._stable)
        return next(form for form in forms if form is not None and form.has(stream))

    def judge(self, now_s: float) -> Finding:
        """Fold the exchanges since the last tick and conclude."""
        for watch in (self._watch, self._stable_watch):
            if watch is not None:
                watch.tick()
        if self._watch is None:
            return unknown(self.name, now_s, self._why_unknown)
        if self._stable_watch is not None:
            self._abreast.note(self._stable_watch, self._watch)
        if self._watch.breach is not None:
            self._shared = self._is_shared(self._watch)
        finding = self._named(conclude(self._watch, self._wording, now_s, self._shared))
        for form in (self._input, self._output, self._stable):
            if form is not None:
                form.fade()
        return finding

    def _named(self, finding: Finding) -> Finding:
        """Let the subject of broken answers name their column, as that of any other alarm of them.

        Of requests it names the kind of break: their columns are often many at once.
        """
        if not finding.subject.startswith(OUTPUT):
            return finding
        names = self._owner(finding.subject).named(finding.subject)
        subject = f"{OUTPUT}{names[0]}" if names else finding.subject
        return msgspec.structs.replace(finding, subject=subject)

    def _is_shared(self, watch: Watch) -> Verdict:
        """Say whether the stable model meets the same: always, where requests break their form."""
        blamed = [watch.streams[stream].name for stream in watch.blamed()]
        if not all(name.startswith(OUTPUT) for name in blamed):
            return Verdict.BREACH
        if self._stable_watch is None:
            return Verdict.UNKNOWN
        n, prefix = self._wording.min_rows, f"{Model.STABLE} "
        return shared_by(self._stable_watch, watch, n, self._abreast, prefix)

    def snapshot(self) -> bytes:
        """Give the evidence as bytes."""
        if self._watch is None:
            return b""
        watches = (self._watch, self._stable_watch)
        saved = [b"" if watch is None else snapshot.save(watch) for watch in watches]
        return msgspec.msgpack.encode(saved)

    def restore(self, raw: bytes) -> bool:
        """Go on from a snapshot of the same benchmark."""
        if self._watch is None:
            return False
        try:
            own, stable = msgspec.msgpack.decode(raw, type=tuple[bytes, bytes])
        except (msgspec.DecodeError, ValueError):
            return False
        if self._stable_watch is not None and not snapshot.load(self._stable_watch, stable):
            return False
        return snapshot.load(self._watch, own)

    def detail(self) -> dict[str, object]:
        """Give the share of each form and the columns that carry it; the stable's apart."""
        if self._watch is None:
            return {"reason": self._why_unknown}
        forms = {"expected": self._input, "expected_output": self._output}
        names: dict[str, list[str]] = {}
        for form in forms.values():
            names |= {} if form is None else form.names()
        stable = self._stable_watch
        return detail_of(self._watch, self._wording) | {
            "names": names,
            **{key: [] if it is None else sorted(it.check.columns) for key, it in forms.items()},
            "stable": {} if stable is None else detail_of(stable, self._wording),
        }

    def reset(self) -> None:
        """Forget the evidence."""
        self._shared = Verdict.OK
        for watch in (self._watch, self._stable_watch):
            if watch is not None:
                watch.reset()
        for form in (self._input, self._output, self._stable):
            if form is not None:
                form.reset()


def _requests(benchmark: Benchmark | None, settings: SchemaSettings) -> FormWatch | None:
    """Give the form of requests; `None` when it was not certified."""
    if benchmark is None or benchmark.schema is None:
        return None
    rule = FormRule(tolerance=settings.tolerance, max_names=settings.max_new_columns)
    return FormWatch(benchmark.schema, benchmark.input.columns, rule)


def _answers(
    benchmark: Benchmark | None, model: Model, settings: SchemaSettings
) -> FormWatch | None:
    """Give the form of one model's answers; `None` when it was not certified."""
    schema: CertifiedSchema | None = None
    columns: Sequence[ColumnProfile] = ()
    if benchmark is not None:
        schema = benchmark.output_schemas.get(model)
        profile = benchmark.outputs.get(model)
        columns = () if profile is None else profile.columns
    if schema is None:
        return None
    # The stable's streams need other names than the candidate's: both can be asked for.
    label = OUTPUT if model is Model.CANDIDATE else f"{model} {OUTPUT}"
    rule = FormRule(
        tolerance=settings.tolerance,
        max_names=settings.max_new_columns,
        label=label,
        rows="answers",
    )
    return FormWatch(schema, columns, rule)


def _watch_of(forms: Sequence[FormWatch | None], engine: Engine) -> Watch | None:
    """Give one watch on all streams of these forms, so that one budget holds for them together."""
    there = [form for form in forms if form is not None]
    if not there:
        return None
    streams = tuple(stream for form in there for stream in form.streams)
    terms = msgspec.json.encode([form.schema for form in there])
    watch = Watch(streams, engine.certainty, terms)
    for form in there:
        form.join(watch)
    return watch
