"""The incident report: what happened, since when, what was done, and how far it can be believed.

`chronicle` reads the journal, `evidence` what monitors and insights tell, `build` makes of both one
value, `IncidentReport`, and `document` writes that value as one HTML file that needs nothing else:
no script, no request, plots as inline SVG. Building and writing are pure; whoever has the journal
of yesterday gets the same report as who asked the running sidecar then.
"""

from proxy.telemetry.report.build import NothingToReportError, build, build_from
from proxy.telemetry.report.document import Document, document
from proxy.telemetry.report.evidence import abridged
from proxy.telemetry.report.live import Live
from proxy.telemetry.report.markup import pretty, visible
from proxy.telemetry.report.sections import column_figures
from proxy.telemetry.report.values import IncidentReport

__all__ = [
    "Document",
    "IncidentReport",
    "Live",
    "NothingToReportError",
    "abridged",
    "build",
    "build_from",
    "column_figures",
    "document",
    "pretty",
    "visible",
]
