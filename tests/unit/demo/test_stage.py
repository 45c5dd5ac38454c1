"""The stage: the sidecar's configuration, the files of certification, the doors of the sidecar."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import numpy as np
import pytest
import yaml

from proxy.certify.answers import decode_inputs, stack
from proxy.certify.recorded import read_requests
from proxy.certify.reference import Reference
from proxy.demo import stage
from proxy.demo.flights import COLUMNS, DemoError, Flights
from proxy.demo.processes import ModelServer, Sidecar
from proxy.demo.receiver import Receiver
from proxy.demo.stage import PREDICT, Company, _empty, _write_files, template_path, write_config
from proxy.demo.traffic import Traffic
from proxy.payload.decode import Decoder
from proxy.payload.settings import Payload, Redact
from proxy.records import Model


def test_the_configuration_is_the_template_with_own_ports_and_paths(tmp_path: Path) -> None:
    """Nothing else is changed, so that what the template explains is what runs."""
    servers = {
        model: ModelServer(f"{model}-server", tmp_path / "m.npz", tmp_path) for model in Model
    }
    servers[Model.CANDIDATE]._port = 7001
    servers[Model.STABLE]._port = 7002
    urls = ("http://127.0.0.1:7003", "http://127.0.0.1:7004", "http://127.0.0.1:7005/alerts")
    path = write_config(tmp_path, servers, urls, tmp_path / "benchmark.json")
    written = yaml.safe_load(path.read_text())
    template = yaml.safe_load(template_path().read_text())
    assert written["listen"]["port"] == 7003
    assert written["admin"]["port"] == 7004
    assert written["models"]["candidate"]["url"] == "http://127.0.0.1:7001"
    assert written["models"]["stable"]["url"] == "http://127.0.0.1:7002"
    assert written["alerts"]["receivers"][0]["url"] == urls[2]
    assert written["benchmark"] == str(tmp_path / "benchmark.json")
    assert Path(written["state"]["dir"]).is_dir()
    assert written.keys() == template.keys()
    for key in ("mirror", "monitors", "alarms", "policy"):
        assert written[key] == template[key]


def test_the_state_of_an_earlier_run_is_removed(tmp_path: Path) -> None:
    """An alarm of yesterday's demonstration must not be today's."""
    state = tmp_path / "state"
    (state / "inner").mkdir(parents=True)
    (state / "inner" / "old").write_text("x")
    _empty(state)
    assert list(state.iterdir()) == []


def test_certification_reads_what_the_demonstration_writes(
    flights: Flights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Single rows first, then batches; rows and requests say the same, missing is missing."""
    reference, requests = tmp_path / "r.csv", tmp_path / "q.jsonl"
    monkeypatch.setattr(stage, "N_SINGLE", 3)
    few = flights.part(0, 50)
    _write_files(few, reference, requests)
    (columns,) = Reference(files=(reference,), kinds={}).chunks()
    recorded, _ = read_requests(requests)
    asked = stack(decode_inputs(Decoder(Payload(), Redact(categories="clear")), recorded))
    assert list(columns) == list(COLUMNS)
    assert asked == columns
    assert columns["visibility"][3] is None
    assert {one.target for one in recorded} == {PREDICT}
    assert len(recorded) == 3 + 3  # three single rows, then 47 rows in batches of 20


def test_a_sidecar_that_is_away_has_no_status_and_takes_no_orders(
    flights: Flights, tmp_path: Path
) -> None:
    """The director asks again; an order that is lost is an error."""

    async def scenario() -> None:
        async with aiohttp.ClientSession() as session:
            url = "http://127.0.0.1:1"
            company = Company(
                session=session,
                candidate=ModelServer("c", tmp_path, tmp_path),
                stable=ModelServer("s", tmp_path, tmp_path),
                sidecar=Sidecar(tmp_path, url, tmp_path),
                receiver=Receiver(),
                traffic=Traffic(url, flights, np.random.default_rng(0)),
                admin_url=url,
                data_url=url,
                folder=tmp_path,
            )
            assert await company.status() is None
            with pytest.raises(aiohttp.ClientError):
                await company.order("ack", {"alarm": "all"})

    asyncio.run(scenario())
    assert issubclass(DemoError, Exception)
