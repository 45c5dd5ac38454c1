"""The line from observations to decisions, as one pure value machine.

`Pipeline.observe` takes what relays and probes report and shows it to the monitors; `tick` lets
them judge, moves the alarms and asks the policy. What comes out is a `Turn`: findings, changes, the
decision and the routing it asks for. Nothing is done here and no clock is read, so that tests and
`replay` can drive the same code with times of their own.
"""

from proxy.pipeline.line import Pipeline
from proxy.pipeline.values import Keeper, Meter, Plan, Reader, Standing, Turn

__all__ = ["Keeper", "Meter", "Pipeline", "Plan", "Reader", "Standing", "Turn"]
