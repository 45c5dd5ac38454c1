"""A BentoML service of the iris model: an array, scalars, a batch and a stream of bare text."""

import asyncio
from collections.abc import AsyncGenerator

import bentoml
import joblib
import numpy as np


@bentoml.service(name="iris", traffic={"timeout": 10}, workers=1)
class Iris:
    """Four ways to ask."""

    def __init__(self) -> None:
        """Load the model."""
        self.model = joblib.load("model.joblib")

    @bentoml.api
    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Give probabilities."""
        return self.model.predict_proba(rows)

    @bentoml.api
    def label(self, sl: float, sw: float, pl: float, pw: float) -> dict:
        """Give the label of one flower."""
        return {"label": int(self.model.predict([[sl, sw, pl, pw]])[0])}

    @bentoml.api(batchable=True, max_batch_size=16, max_latency_ms=1000)
    def batch(self, rows: list[list[float]]) -> list[int]:
        """Give labels."""
        return self.model.predict(np.asarray(rows)).tolist()

    @bentoml.api
    async def gen(self, n: int) -> AsyncGenerator[str, None]:
        """Give words, one by one."""
        for i in range(n):
            await asyncio.sleep(0.02)
            yield f"tok{i} "
