"""A TorchServe handler of the iris model; run as a program it writes the model's archive."""

import json
import zipfile
from pathlib import Path

import joblib
import numpy as np

MODEL = []


# ruff: noqa: ANN001, ANN201 - the signature is TorchServe's


def handle(data, context):
    """Answer a batch of requests with probabilities."""
    if not MODEL:
        MODEL.append(joblib.load(Path(context.system_properties["model_dir"]) / "model.joblib"))
    answers = []
    for one in data or []:
        body = one.get("body", one.get("data"))
        found = json.loads(body) if isinstance(body, bytes | bytearray) else body
        rows = found["instances"] if isinstance(found, dict) else found
        answers.append(MODEL[0].predict_proba(np.asarray(rows, float)).tolist())
    return answers


if __name__ == "__main__":
    model = {"modelName": "iris", "handler": "torchserve_app.py", "modelVersion": "1.0"}
    manifest = {"runtime": "python", "model": model, "archiverVersion": "0.12.0"}
    Path("store").mkdir()
    with zipfile.ZipFile("store/iris.mar", "w") as archive:
        archive.writestr("MAR-INF/MANIFEST.json", json.dumps(manifest))
        archive.write("torchserve_app.py")
        archive.write("model.joblib")
