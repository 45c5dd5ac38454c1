"""LitServe servers: a prediction, a stream of JSON lines, and OpenAI's chat; `APP` chooses."""

import os
import time

import joblib
import litserve as ls
import numpy as np

WORDS = ("the", "quick", "brown", "fox", "jumps", "over")


# ruff: noqa: ANN001, ANN201, ARG002, D102 - the methods and their signatures are LitServe's


class Iris(ls.LitAPI):
    """Labels and probabilities."""

    def setup(self, device):
        self.model = joblib.load("model.joblib")

    def decode_request(self, request):
        return np.asarray(request["input"], float)

    def predict(self, x):
        return self.model.predict_proba(np.atleast_2d(x))

    def encode_response(self, output):
        return {"output": output.argmax(-1).tolist(), "proba": output.round(6).tolist()}


class Lines(ls.LitAPI):
    """A stream of JSON lines without a content type."""

    def setup(self, device):
        pass  # there is nothing to load

    def decode_request(self, request):
        return request["n"]

    def predict(self, n):
        for i in range(n):
            time.sleep(0.02)
            yield i

    def encode_response(self, output):
        for one in output:
            yield {"o": one}


class Chat(ls.LitAPI):
    """Six words, whoever asks."""

    def setup(self, device):
        pass  # there is nothing to load

    def predict(self, prompt):
        for word in WORDS:
            time.sleep(0.01)
            yield word + " "


if __name__ == "__main__":
    apps = {
        "iris": Iris,
        "lines": lambda: Lines(stream=True),
        "chat": lambda: Chat(spec=ls.OpenAISpec()),
    }
    server = ls.LitServer(apps[os.environ["APP"]](), accelerator="cpu", workers_per_device=1)
    server.run(
        port=int(os.environ["PORT"]),
        host="127.0.0.1",
        generate_client_file=False,
        log_level="warning",
    )
