"""Triton's real server, through its Python interface, with the iris model."""

import os

import joblib
import numpy as np
from pytriton.decorators import batch
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

model = joblib.load("model.joblib")


@batch
def infer(x: np.ndarray) -> dict[str, np.ndarray]:
    """Give labels and probabilities."""
    return {
        "label": model.predict(x).astype(np.int64)[:, None],
        "proba": model.predict_proba(x).astype(np.float32),
    }


ports = [int(port) for port in os.environ["PORTS"].split(",")]
settings = TritonConfig(
    http_address="127.0.0.1", http_port=ports[0], grpc_port=ports[1], metrics_port=ports[2]
)
with Triton(config=settings) as triton:
    triton.bind(
        model_name="iris",
        infer_func=infer,
        inputs=[Tensor(name="x", dtype=np.float64, shape=(4,))],
        outputs=[
            Tensor(name="label", dtype=np.int64, shape=(1,)),
            Tensor(name="proba", dtype=np.float32, shape=(3,)),
        ],
        config=ModelConfig(max_batch_size=16),
    )
    triton.serve()
