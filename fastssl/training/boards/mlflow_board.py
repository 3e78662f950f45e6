"""MLflow: a run in the experiment that MLFLOW_EXPERIMENT_NAME names, else "fastssl", where MLFLOW_TRACKING_URI says.

Covers: beginning a run or going on with it, settings as parameters, metrics in batches. Does not cover: servers.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .board import keep_id, read_id

NAME, EXPERIMENT = "mlflow", "fastssl"
BATCH = 500
"""Metrics that are sent together, below MLflow's limit of 1000."""
LONGEST = 500
"""Characters of a parameter that every version of MLflow takes."""


class MlflowBoard:
    """Writes to MLflow.

    Args:
        folder: of the run; its name is the run's.
        settings: of the run.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        from mlflow.tracking import MlflowClient

        self._client = MlflowClient()
        known = read_id(folder, NAME)
        self._run = known or self._begin(folder.name, settings)
        if known:
            self._client.update_run(known, status="RUNNING")
        keep_id(folder, NAME, self._run)
        self._waiting: list[Any] = []

    def write(self, step: int, values: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        moment = int(1000 * time.time())
        self._waiting += [Metric(name, float(value), moment, step) for name, value in values.items()]
        if len(self._waiting) >= BATCH:
            self._send()

    def close(self) -> None:
        self._send()
        self._client.set_terminated(self._run)

    def _begin(self, name: str, settings: Mapping[str, Any]) -> str:
        title = os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
        experiment = self._client.get_experiment_by_name(title)
        number = experiment.experiment_id if experiment is not None else self._client.create_experiment(title)
        run: str = self._client.create_run(number, run_name=name).info.run_id
        for setting, value in settings.items():
            self._client.log_param(run, setting, str(value)[:LONGEST])
        return run

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._client.log_batch(self._run, metrics=waiting)
