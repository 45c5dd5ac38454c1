"""An insight survives the way to the API and the journal, and its keys are those readers use."""

from __future__ import annotations

import msgspec

from proxy.records import (
    AlarmName,
    ColumnInsight,
    Discrepancy,
    Example,
    HistogramBin,
    Insight,
    Separation,
    SubPopulation,
)

COLUMN = ColumnInsight(
    name="temp",
    kind="numeric",
    n_reference=5000,
    n_current=400,
    shift_sd=-1.9,
    auc=0.02,
    psi=3.1,
    psi_null=0.18,
    wasserstein_sd=1.9,
    wasserstein_null=0.05,
    new_share=0.4,
    missing=(0.01, 0.0),
    effect=-1.9,
    interval=(-2.0, -1.8),
    unit="sd",
    summary="temp moved down by 1.9 sd",
    histogram=(HistogramBin(label="< 12", reference=0.0, current=0.4),),
)
INSIGHT = Insight(
    alarm=AlarmName.INPUT_DRIFT,
    at_s=120.0,
    since_s=60.0,
    columns=(COLUMN,),
    sub_populations=(
        SubPopulation(
            condition="carrier = UA",
            share=0.91,
            n=120,
            effect=-2.1,
            unit="sd",
            summary="91 % of it comes from carrier = UA",
        ),
    ),
    examples=(
        Example(
            exchange="00000000000000ff", at_s=90.0, why="temp is low", values={"temp": 2, "x": None}
        ),
    ),
    separation=Separation(
        auc=0.98,
        interval=(0.97, 0.99),
        carriers=(("temp", 0.4),),
        n_reference=1000,
        n_current=400,
        summary="told apart nearly always",
    ),
    discrepancy=Discrepancy(
        mmd2=0.4, p_value=0.005, permutations=200, n_reference=500, n_current=400, summary="far"
    ),
    reason="",
)


def test_an_insight_comes_back_from_json_as_it_went() -> None:
    """The API and the journal lose nothing of it."""
    assert msgspec.json.decode(msgspec.json.encode(INSIGHT), type=Insight) == INSIGHT


def test_the_keys_are_the_ones_a_report_reads() -> None:
    """Renaming a key here would silently empty a part of every report."""
    found = msgspec.to_builtins(INSIGHT)
    assert set(found) == {
        "alarm",
        "at_s",
        "since_s",
        "columns",
        "sub_populations",
        "examples",
        "separation",
        "discrepancy",
        "reason",
    }
    assert set(found["columns"][0]["histogram"][0]) == {"label", "reference", "current"}
    assert found["alarm"] == "input_drift"
