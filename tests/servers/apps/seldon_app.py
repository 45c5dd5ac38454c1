"""A Seldon V1 microservice of the iris model."""

import joblib

# ruff: noqa: ANN001, ANN201, ARG002, D102, N803 - the methods and their signatures are Seldon's


class Iris:
    """Probabilities with the names of their classes."""

    def __init__(self) -> None:
        """Load the model."""
        self.model = joblib.load("model.joblib")

    def predict(self, X, names=None, meta=None):
        return self.model.predict_proba(X)
