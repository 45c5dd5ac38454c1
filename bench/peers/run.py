"""Run the comparison with other libraries: one after the other, each in its own environment.

Run with `make peers`: twenty minutes of an idle core, twice that on a busy one. With
`ARGS="river alibi"` only these run. What each run finds stands in `.peers/results`; the tables in
docs/detection.md are written anew from whatever is there.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import report

ROOT: Final = Path(__file__).resolve().parents[2]
HERE: Final = Path(__file__).resolve().parent
PEERS: Final = ("river", "evidently", "nannyml", "whylogs", "frouros", "alibi", "stablehand")
"""In the order of the runs: stablehand judges the series that river leaves."""
TIMEOUT_S: Final = 1800.0
QUIET: Final = {
    "DO_NOT_TRACK": "1",
    "NML_DISABLE_USAGE_LOGGING": "1",
    "WHYLOGS_NO_ANALYTICS": "True",
    # Whatever still calls home reaches a port where nobody listens.
    "http_proxy": "http://127.0.0.1:9",
    "https_proxy": "http://127.0.0.1:9",
}


def main() -> None:
    """Run the libraries that are named, or all of them, and write the tables."""
    wanted = sys.argv[1:] or PEERS
    results = ROOT / ".peers" / "results"
    results.mkdir(parents=True, exist_ok=True)
    for name in PEERS:
        python = ROOT / ".peers" / name / "bin" / "python"
        if name == "stablehand":
            python = Path(sys.executable)
        if name not in wanted:
            continue
        if not python.exists():
            print(f"{name} is left out: no {python}")
            continue
        command = [str(python), str(HERE / f"run_{name}.py"), str(results / f"{name}.json")]
        ran = subprocess.run(command, env=os.environ | QUIET, timeout=TIMEOUT_S, check=False)
        if ran.returncode != 0:
            print(f"{name} failed with status {ran.returncode}: its older figures, if any, stay")
    report.write(results, ROOT / "docs" / "detection.md")


if __name__ == "__main__":
    main()
