"""A journal of one incident: drift of the input with an insight, then the candidate gone wrong."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

import made
from proxy.records import (
    AlarmName,
    AlarmState,
    Blame,
    ColumnInsight,
    Discrepancy,
    Example,
    Finding,
    HistogramBin,
    Insight,
    Separation,
    SubPopulation,
    Transition,
    Verdict,
)
from proxy.telemetry.journal import Entry
from proxy.telemetry.report.chronicle import unix_s, utc_of

BEGIN_S = unix_s("2026-01-02T03:04:00Z")
HOSTILE = "<script>alert('x')</script>\x00\u202e\"&"


def a_finding(name: AlarmName, at_s: float, **changes: object) -> Finding:
    """Give a breach whose onset lies three seconds back."""
    base = made.finding(
        monitor=name,
        subject="temperature",
        at_s=at_s,
        effect=-2.9,
        interval=(-3.2, -2.6),
        unit="sd",
        threshold=16.0,
        confirmation=7.0,
        shared=Verdict.BREACH,
        since_s=at_s - 3.0,
        blamed=(
            Blame(
                subject="temperature",
                effect=-2.9,
                interval=(-3.2, -2.6),
                unit="sd",
                evidence=19.0,
                n_current=420,
                summary="temperature: 2.9 sd lower (median 74 -> 23)",
            ),
        ),
        reason="temperature: 2.9 sd lower (median 74 -> 23)",
    )
    return msgspec.structs.replace(base, **changes)


def a_column() -> ColumnInsight:
    """Give a column that moved far."""
    return ColumnInsight(
        name="temperature",
        kind="numeric",
        n_reference=5000,
        n_current=420,
        shift_sd=-2.8,
        auc=0.02,
        psi=4.1,
        psi_null=0.011,
        wasserstein_sd=2.7,
        wasserstein_null=0.019,
        new_share=0.96,
        missing=(0.001, 0.03),
        effect=-2.9,
        interval=(-3.2, -2.6),
        unit="sd",
        summary="temperature: 2.9 sd lower",
        histogram=(
            HistogramBin(label="20 to 40", reference=0.0, current=0.97),
            HistogramBin(label="40 to 80", reference=0.99, current=0.0),
            HistogramBin(label=HOSTILE, reference=0.01, current=0.03),
        ),
    )


def an_insight(**changes: object) -> Insight:
    """Give an insight with one of everything, in hostile words."""
    base = Insight(
        alarm=AlarmName.INPUT_DRIFT,
        at_s=12.0,
        since_s=2.0,
        columns=(a_column(),),
        sub_populations=(
            SubPopulation(
                condition=f"carrier = {HOSTILE}",
                share=0.61,
                n=210,
                effect=-3.1,
                unit="sd",
                summary="Three fifths come from one carrier.",
            ),
        ),
        examples=(
            Example(
                exchange="00000000000000ff",
                at_s=11.0,
                why="lowest of the sample",
                values={"temperature": -3.5, "carrier": HOSTILE, "gate": None},
            ),
        ),
        separation=Separation(
            auc=0.98,
            interval=(0.97, 0.99),
            carriers=(("temperature", 0.41),),
            n_reference=1000,
            n_current=400,
            summary="A classifier tells them apart nearly always.",
        ),
        discrepancy=Discrepancy(
            mmd2=0.21,
            p_value=0.002,
            permutations=500,
            n_reference=500,
            n_current=400,
            summary="The joint distribution has moved.",
        ),
        reason="",
    )
    return msgspec.structs.replace(base, **changes)


class Book:
    """A journal in the making; times are seconds after 03:04:00 UTC, as on the monotonic clock."""

    def __init__(self) -> None:
        """Begin empty."""
        self.entries: list[Entry] = []

    def add(self, at_s: float, kind: str, body: object) -> Book:
        """Write one entry, as the watcher would."""
        entry = Entry(
            n=len(self.entries) + 1,
            at_utc=utc_of(BEGIN_S + at_s),
            kind=kind,
            body=msgspec.json.decode(msgspec.json.encode(body)),
            prev="",
        )
        self.entries.append(entry)
        return self

    def move(
        self, at_s: float, name: AlarmName, to: AlarmState, *, number: int = 1, **finding: object
    ) -> Book:
        """Write a transition of an episode of an alarm."""
        change = Transition(
            alarm=name,
            episode=number,
            was=AlarmState.INACTIVE,
            to=to,
            at_s=at_s,
            finding=a_finding(name, at_s, **finding),
        )
        return self.add(at_s, "transition", change)

    def tick(self, at_s: float, *names: AlarmName, **finding: object) -> Book:
        """Write a recorded tick at which some monitors say the same."""
        findings = [a_finding(name, at_s, blamed=(), **finding) for name in names]
        return self.add(at_s, "tick", {"at_s": at_s, "findings": findings, "n_pairs": 3})

    def tell(self, at_s: float, kind: str, *names: AlarmName, **changes: object) -> Book:
        """Write a notice about the incident of the first alarm."""
        notice = {
            "kind": kind,
            "incident": f"flights@pod/{names[0]}#1",
            "cause": "data",
            "alarm": names[0],
            "alarms": names,
            "title": "Data, not model: the incoming data has changed (input_drift)",
            "done": "Nothing was changed.",
            "next": "Look at where temperature comes from. To take over: stablehand ack"
            " input_drift --by NAME --why TEXT",
            "undo": "",
            "false_alarms": "at most one false detection in 365 days per watched quality",
            "candidate": "flights-trees",
            "stable": "flights-logistic",
            "source": "flights-trees@pod",
            **changes,
        }
        return self.add(at_s, "notice", notice)


def an_incident() -> Book:
    """Give the journal of an incident that lasts: drift of the input, told, with an insight."""
    book = Book()
    rules = {"alarms": {"expected_run_length_s": 31_536_000.0, "confirm_evidence": 4.605}}
    versions = {"stablehand": "1.2.3", "configuration": "c0ffee"}
    book.add(0, "start", {"text": "Watching began.", "settings": rules, "versions": versions})
    for at_s in range(5, 9):
        book.tick(at_s, AlarmName.INPUT_DRIFT, evidence=2.0 * at_s, verdict=Verdict.OK)
    book.move(9, AlarmName.INPUT_DRIFT, AlarmState.PENDING)
    book.tick(9, AlarmName.INPUT_DRIFT)
    book.move(11, AlarmName.INPUT_DRIFT, AlarmState.FIRING)
    book.tick(11, AlarmName.INPUT_DRIFT)
    book.tell(11, "firing", AlarmName.INPUT_DRIFT)
    book.add(12, "insight", an_insight())
    book.add(14, "ack", {"by": "ada", "why": "looking", "alarms": ["input_drift"]})
    return book


@pytest.fixture
def book() -> Book:
    """Give an empty journal."""
    return Book()


@pytest.fixture
def incident() -> Book:
    """Give the journal of an incident that lasts."""
    return an_incident()


@pytest.fixture
def insight() -> Callable[..., Insight]:
    """Give the maker of insights."""
    return an_insight


@pytest.fixture
def finding() -> Callable[..., Finding]:
    """Give the maker of findings."""
    return a_finding


@pytest.fixture
def hostile() -> str:
    """Give a text that would run, hide, or turn around what follows it."""
    return HOSTILE
