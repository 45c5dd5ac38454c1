"""Saves the iris model in MLflow's format, with a signature."""

import joblib
import mlflow.sklearn
import pandas as pd
from mlflow.models import infer_signature

model = joblib.load("model.joblib")
rows = pd.DataFrame([[5.1, 3.5, 1.4, 0.2]], columns=["sl", "sw", "pl", "pw"])
signature = infer_signature(rows, model.predict(rows.to_numpy()))
mlflow.sklearn.save_model(model, "model-mlflow", signature=signature)
