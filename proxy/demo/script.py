"""The script as data: what is done in each act, what must come of it, and what must not.

An act is a row of stages. A stage begins with a deed, waits until all that must happen has happened
(or its deadline has passed), and watches all the while for what must never happen. A check looks at
a `Scene`: the sidecar's own status page, the alerts that arrived, and what the client saw.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from proxy.actuators.notice import Notice
from proxy.demo.traffic import Tally
from proxy.records import AlarmName, AlarmState, Model
from proxy.telemetry.desk import AlarmView, Status


class Deed(StrEnum):
    """What the director does at the beginning of a stage."""

    WATCH = "watch"
    BREAK_DATA = "break_data"
    MEND_DATA = "mend_data"
    BREAK_MODEL = "break_model"
    MEND_MODEL = "mend_model"
    RESTORE = "restore"
    KILL_CANDIDATE = "kill_candidate"
    START_CANDIDATE = "start_candidate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """All that can be seen at one moment."""

    status: Status
    notices: tuple[Notice, ...]
    """Alerts that arrived since the stage began."""
    tally: Tally

    def alarm(self, name: AlarmName) -> AlarmView | None:
        """Give one alarm as the status page shows it."""
        return next((alarm for alarm in self.status.alarms if alarm.name == name), None)


@dataclass(frozen=True, slots=True)
class Check:
    """Something that can be seen, in words and as a test."""

    words: str
    holds: Callable[[Scene], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One deed and what must come of it."""

    deed: Deed
    words: str
    """What is done, for people."""
    musts: tuple[Check, ...] = ()
    nevers: tuple[Check, ...] = ()
    deadline_s: float
    at_least_s: float = 0.0
    """The stage lasts this long even when all musts are met: the time in which nothing may
    happen."""
    limits_s: tuple[tuple[str, float], ...] = ()
    """Earlier deadlines of single musts, by their words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One lesson."""

    letter: str
    title: str
    stages: tuple[Stage, ...]


def fires(name: AlarmName, naming: str = "") -> Check:
    """An alarm fires, and names the column."""

    def holds(scene: Scene) -> bool:
        alarm = scene.alarm(name)
        if alarm is None or alarm.state is not AlarmState.FIRING:
            return False
        return not naming or naming in " ".join((alarm.words, *alarm.blamed[:1]))

    return Check(f"{name} fires" + (f" and names {naming}" if naming else ""), holds)


def opens(name: AlarmName) -> Check:
    """An alarm is pending or firing."""

    def holds(scene: Scene) -> bool:
        alarm = scene.alarm(name)
        return alarm is not None and alarm.state.is_open

    return Check(f"{name} becomes an alarm", holds)


def is_over(*names: AlarmName) -> Check:
    """Alarms have ended."""

    def holds(scene: Scene) -> bool:
        found = [scene.alarm(name) for name in names]
        return all(alarm is None or not alarm.state.is_open for alarm in found)

    return Check(f"{' and '.join(names)} end{'' if len(names) > 1 else 's'}", holds)


def any_alarm(*except_for: AlarmName) -> Check:
    """Any alarm is pending or firing."""

    def holds(scene: Scene) -> bool:
        return any(
            alarm.state.is_open and alarm.name not in except_for for alarm in scene.status.alarms
        )

    words = f"an alarm other than {', '.join(except_for)}" if except_for else "an alarm"
    return Check(words, holds)


def serves(model: Model) -> Check:
    """A model answers the clients, the other one gets copies."""

    def holds(scene: Scene) -> bool:
        routing = scene.status.routing
        return routing.serving is model and routing.shadow is model.other

    return Check(f"{model} serves, {model.other} is its shadow", holds)


def leaves(model: Model) -> Check:
    """The traffic goes elsewhere."""
    return Check(
        f"traffic leaves the {model} model",
        lambda scene: scene.status.routing.serving is not model,
    )


def is_ready(model: Model) -> Check:
    """The sidecar's probe of a model succeeds."""
    return Check(
        f"the {model} model is seen to be ready", lambda scene: _probe(scene, model) is True
    )


def is_unready(model: Model) -> Check:
    """The sidecar's probe of a model fails."""
    return Check(
        f"the {model} model is seen to be down", lambda scene: _probe(scene, model) is False
    )


def _probe(scene: Scene, model: Model) -> bool | None:
    return next((one.ready for one in scene.status.models if one.model is model), None)


def is_told(name: AlarmName, naming: str = "", kind: str = "firing") -> Check:
    """An alert about an alarm arrives at the receiver."""

    def holds(scene: Scene) -> bool:
        return any(
            notice.kind == kind
            and name in notice.alarms
            and (not naming or naming in " ".join((notice.title, notice.what, *notice.blamed)))
            for notice in scene.notices
        )

    about = f"{name}, naming {naming}," if naming else name
    return Check(f"the operator is told: {about} {kind}", holds)


def client_fails() -> Check:
    """A client's request failed."""
    return Check("a failed request", lambda scene: scene.tally.n_failed > 0)


TEMPERATURE: Final = "temperature"
INPUT, OUTPUT = AlarmName.INPUT_DRIFT, AlarmName.OUTPUT_DRIFT
APART: Final = AlarmName.DISAGREEMENT
SWITCH_LIMIT_S: Final = 10.0

ACTS: Final = (
    Act(
        letter="a",
        title="A quiet stretch",
        stages=(
            Stage(
                deed=Deed.WATCH,
                words="Flights of August are replayed in time order; nothing is wrong.",
                musts=(serves(Model.CANDIDATE),),
                nevers=(any_alarm(), client_fails()),
                deadline_s=16,
                at_least_s=16,
            ),
        ),
    ),
    Act(
        letter="b",
        title="The data break upstream",
        stages=(
            Stage(
                deed=Deed.BREAK_DATA,
                words="A feed begins to send temperatures in °C instead of °F.",
                musts=(fires(INPUT, naming=TEMPERATURE), is_told(INPUT, naming=TEMPERATURE)),
                # Both models meet the same input: leading traffic away would cure nothing.
                nevers=(leaves(Model.CANDIDATE), client_fails()),
                deadline_s=12,
                at_least_s=12,
            ),
            Stage(
                deed=Deed.MEND_DATA,
                words="The feed is mended: °F again.",
                musts=(is_over(INPUT, OUTPUT, APART),),
                nevers=(leaves(Model.CANDIDATE), client_fails()),
                # Usually 8 to 13 s. How much the models differ varies with the day, so that the
                # disagreement took up to 32 s to be believed as over.
                deadline_s=60,
            ),
        ),
    ),
    Act(
        letter="c",
        title="The candidate alone goes wrong",
        stages=(
            Stage(
                deed=Deed.BREAK_MODEL,
                words="A hot fix makes the candidate encode its columns in alphabetical order.",
                musts=(
                    opens(APART),
                    serves(Model.STABLE),
                    fires(APART),
                    fires(OUTPUT),
                    is_told(APART),
                ),
                nevers=(opens(INPUT), client_fails()),
                deadline_s=20,
                at_least_s=8,
                limits_s=((serves(Model.STABLE).words, SWITCH_LIMIT_S),),
            ),
        ),
    ),
    Act(
        letter="d",
        title="The operator restores",
        stages=(
            Stage(
                deed=Deed.MEND_MODEL,
                words="The operator acknowledges, and takes the hot fix back.",
                musts=(is_over(APART, OUTPUT),),
                nevers=(leaves(Model.STABLE), opens(INPUT), client_fails()),
                deadline_s=40,
            ),
            Stage(
                deed=Deed.RESTORE,
                words="The operator leads the traffic back to the candidate.",
                musts=(serves(Model.CANDIDATE),),
                nevers=(opens(INPUT), client_fails()),
                deadline_s=5,
                at_least_s=5,
            ),
        ),
    ),
    Act(
        letter="e",
        title="The candidate dies",
        stages=(
            Stage(
                deed=Deed.KILL_CANDIDATE,
                words="The candidate's process is killed (SIGKILL) under load.",
                musts=(is_unready(Model.CANDIDATE), serves(Model.STABLE)),
                nevers=(opens(INPUT), client_fails()),
                deadline_s=15,
                at_least_s=6,
            ),
            Stage(
                deed=Deed.START_CANDIDATE,
                words="The candidate's process is started again.",
                musts=(is_ready(Model.CANDIDATE),),
                nevers=(opens(INPUT), client_fails()),
                deadline_s=15,
                at_least_s=3,
            ),
        ),
    ),
)
