"""Triton's real server with two models for its generate extension: one answer, and a stream."""

import os
import time
from collections.abc import Iterator

import numpy as np
from pytriton.decorators import batch
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

TEXT = Tensor(name="text_input", dtype=bytes, shape=(1,))
ANSWER = Tensor(name="text_output", dtype=bytes, shape=(1,))
LIMIT = Tensor(name="top_k", dtype=np.int32, shape=(1,))
SCORE = Tensor(name="score", dtype=np.float32, shape=(1,))


@batch
def echo(text_input: np.ndarray, top_k: np.ndarray) -> dict[str, np.ndarray]:
    """Answer each text with itself."""
    answers = [[b"you said " + row[0]] for row in text_input]
    return {"text_output": np.array(answers), "score": top_k.astype(np.float32) / 8}


def words(requests: list[dict[str, np.ndarray]]) -> Iterator[list[dict[str, np.ndarray]]]:
    """Answer in four pieces."""
    asked = requests[0]["text_input"].ravel()[0]
    for piece in (b"you", b" said", b" ", asked):
        time.sleep(0.02)
        yield [{"text_output": np.array([piece], dtype=object)}]


ports = [int(port) for port in os.environ["PORTS"].split(",")]
settings = TritonConfig(
    http_address="127.0.0.1", http_port=ports[0], grpc_port=ports[1], metrics_port=ports[2]
)
with Triton(config=settings) as triton:
    triton.bind("echo", echo, [TEXT, LIMIT], [ANSWER, SCORE], config=ModelConfig(max_batch_size=8))
    streamed = ModelConfig(batching=False, decoupled=True)
    triton.bind("words", words, [TEXT], [ANSWER], config=streamed)
    triton.serve()
