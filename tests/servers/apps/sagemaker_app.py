"""The inference script of a SageMaker container: the toolkit's own types, and RecordIO.

RecordIO is read and written with SageMaker's own code, which the toolkit for inference lacks.
"""

import io
from pathlib import Path

import joblib
import numpy as np
from sagemaker_inference import decoder, encoder
from sagemaker_training import recordio
from sagemaker_training.record_pb2 import Record

RECORDIO = "application/x-recordio-protobuf"

# ruff: noqa: ANN001, ANN201 - the functions and their signatures are SageMaker's


def model_fn(model_dir):
    """Load the model."""
    return joblib.load(Path(model_dir) / "model.joblib")


def input_fn(body, content_type):
    """Read the rows of a request."""
    if content_type != RECORDIO:
        return decoder.decode(body, content_type)
    rows = []
    for raw in recordio._read_recordio(io.BytesIO(body)):
        record = Record()
        record.ParseFromString(raw)
        rows.append(list(record.features["values"].float32_tensor.values))
    return np.array(rows)


def predict_fn(rows, model):
    """Give probabilities."""
    return model.predict_proba(np.atleast_2d(rows))


def output_fn(odds, accept):
    """Write the answer in the type that was asked for."""
    if accept != RECORDIO:
        return encoder.encode(odds, accept), accept
    found = io.BytesIO()
    for row in odds:
        record = Record()
        record.label["predicted_label"].float32_tensor.values.append(row.argmax())
        record.label["score"].float32_tensor.values.extend(row)
        recordio._write_recordio(found, record.SerializeToString())
    return found.getvalue(), accept
