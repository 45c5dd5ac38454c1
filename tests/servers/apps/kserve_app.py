"""A KServe server of the iris model: V1, V2 and the binary extension."""

import os

import joblib
import numpy as np
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer


class Iris(Model):
    """Labels for V1, labels and probabilities for V2."""

    def __init__(self) -> None:
        """Load the model."""
        super().__init__("iris")
        self.model = joblib.load("model.joblib")
        self.ready = True

    def predict(self, payload, headers=None, response_headers=None):  # noqa: ANN001, ANN201, ARG002, D102 - KServe's signature
        if not isinstance(payload, InferRequest):
            return {"predictions": self.model.predict(np.asarray(payload["instances"])).tolist()}
        rows = payload.inputs[0].as_numpy()
        outputs = []
        for name, datatype, values in (
            ("predict", "INT64", self.model.predict(rows)),
            ("predict_proba", "FP64", self.model.predict_proba(rows)),
        ):
            output = InferOutput(name, list(values.shape), datatype)
            output.set_data_from_numpy(values, binary_data=bool(payload.use_binary_outputs))
            outputs.append(output)
        return InferResponse(
            payload.id or "gen-1",
            self.name,
            outputs,
            model_version="v1",
            use_binary_outputs=payload.use_binary_outputs,
            requested_outputs=payload.request_outputs,
        )


if __name__ == "__main__":
    port = int(os.environ["PORT"])
    ModelServer(http_port=port, enable_grpc=False, workers=1).start([Iris()])
