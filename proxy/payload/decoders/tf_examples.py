"""TensorFlow Serving `classify` and `regress`: examples with a shared context, scored labels.

Source: TensorFlow Serving RESTful API, "Classify and Regress API".
"""

from __future__ import annotations

from proxy.payload.body import Body
from proxy.payload.parse import Json
from proxy.payload.reasons import Reason, Unreadable
from proxy.payload.table import Table
from proxy.records import Side


def read_input(body: Body) -> Table:
    """Read the examples; features of the context hold for each of them."""
    found = body.object()
    examples = found.get("examples")
    if not isinstance(examples, list):
        raise Unreadable(Reason.MISSING_FIELD, "The body has no list `examples`.")
    context = found.get("context")
    shared = context if isinstance(context, dict) else {}
    table = Table(Side.INPUT, body.kit)
    table.add_rows([shared | row if isinstance(row, dict) else row for row in examples])
    return table


def read_output(body: Body) -> Table:
    """Read the results: one value per example, or a list of label and score pairs."""
    found = body.object()
    results = found.get("results", found.get("result"))
    if not isinstance(results, list):
        reason = Reason.ERROR_BODY if "error" in found else Reason.MISSING_FIELD
        raise Unreadable(reason, "The body has no list `results`.")
    table = Table(Side.OUTPUT, body.kit)
    scored = [_scores(result) for result in results]
    pairs = [one for one in scored if one is not None]
    if len(pairs) != len(results) or not pairs:
        table.add_rows(results)
        return table
    best = [max(one.items(), key=lambda item: item[1], default=(None, None)) for one in pairs]
    table.add("class", [label for label, _ in best])
    table.add("confidence", [score for _, score in best])
    for label in sorted({label for one in pairs for label in one}):
        table.add(f"score[{label}]", [one.get(label) for one in pairs])
    return table


def _scores(result: Json) -> dict[str, float] | None:
    """Give the scores by label of one result; `None` when it is no list of pairs."""
    if not isinstance(result, list):
        return None
    scores: dict[str, float] = {}
    for pair in result:
        match pair:
            case [str(label), float(score) | int(score)]:
                scores[label] = float(score)
            case _:
                return None
    return scores
