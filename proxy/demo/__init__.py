"""The demonstration: real flights, two real models, real faults, and a script of acts.

`flights` are the data, `models` the two models trained on them, `server` puts one model behind
HTTP in a process of its own, `traffic` replays flights as requests, `receiver` is who gets the
alerts. `script` says as data what is done and what must come of it; `director` does it and judges;
`view` shows it. Nothing here is needed, or imported, by the sidecar.
"""
