"""Other logs: which are opened, what they are told, and that none of them ends a training."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import pytest

from fastssl.errors import ConfigError
from fastssl.training.boards import check_boards, open_boards
from fastssl.training.boards.board import Guarded, keep_id, read_id


def installed(folder: Path, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Packages that can be found, and hold nothing."""
    for name in names:
        (folder / "packages" / name).mkdir(parents=True)
        (folder / "packages" / name / "__init__.py").touch()
    monkeypatch.syspath_prepend(folder / "packages")


def test_what_is_asked_for_has_to_be_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if find_spec("wandb") is None:
        with pytest.raises(ConfigError, match="log=wandb: not installed; pip install wandb"):
            check_boards(["wandb"])
    installed(tmp_path, monkeypatch, "wandb", "mlflow")
    assert check_boards(["wandb", "mlflow"]) == ("wandb", "mlflow")
    assert check_boards(["none"]) == ()


def test_tensorboard_is_used_unasked_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if find_spec("tensorboard") is None:
        assert check_boards(["auto"]) == ()
    installed(tmp_path, monkeypatch, "tensorboard", "wandb")
    assert check_boards(["auto"]) == ("tensorboard",)


class Writer:
    """What TensorBoard's writer is asked."""

    made: tuple[Any, ...] = ()
    told: list[Any]

    def __init__(self, *given: Any, **named: Any) -> None:
        Writer.made, Writer.told = (given, named), []

    def add_scalar(self, *given: Any) -> None:
        Writer.told.append(given)

    def close(self) -> None:
        Writer.told.append("closed")


def test_tensorboard_hides_what_lies_after_the_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    (board,) = open_boards(["tensorboard"], tmp_path, 4, {}, pytest.fail)
    board.write(5, {"loss": 2.0, "lr": 0.1})
    board.close()
    assert Writer.made == ((str(tmp_path / "tensorboard"),), {"purge_step": 5})
    assert Writer.told == [("loss", 2.0, 5), ("lr", 0.1, 5), "closed"]


class WandbRun:
    """A run that keeps what it is told."""

    def __init__(self, named: Mapping[str, Any]) -> None:
        self.named, self.id, self.told = named, named["id"] or "abc", []

    def define_metric(self, *given: Any, **named: Any) -> None:
        self.told.append((given, named))

    def log(self, values: Mapping[str, float]) -> None:
        self.told.append(dict(values))

    def finish(self) -> None:
        self.told.append("finished")


def test_a_resumed_run_goes_on_in_the_same_run_of_wandb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[WandbRun] = []
    module = ModuleType("wandb")
    module.init = lambda **named: runs.append(WandbRun(named)) or runs[-1]  # type: ignore[attr-defined,func-returns-value]
    monkeypatch.setitem(sys.modules, "wandb", module)
    for step in (1, 2):
        (board,) = open_boards(["wandb"], tmp_path, 0, {"lr": 0.1}, pytest.fail)
        board.write(step, {"loss": 2.0})
        board.close()
    first, second = runs
    assert (first.named["id"], first.named["resume"], first.named["config"]) == (None, None, {"lr": 0.1})
    assert (second.named["id"], second.named["resume"]) == ("abc", "allow")
    assert first.told[1:] == [{"trainer/step": 1, "loss": 2.0}, "finished"]


class MlflowClient:
    """A client of one store."""

    told: ClassVar[list[Any]] = []

    def get_experiment_by_name(self, name: str) -> None:
        return None

    def create_experiment(self, name: str) -> str:
        return f"number of {name}"

    def create_run(self, number: str, run_name: str) -> Any:
        self.told.append(("run", number, run_name))
        return SimpleNamespace(info=SimpleNamespace(run_id="r1"))

    def update_run(self, run: str, status: str) -> None:
        self.told.append((run, status))

    def log_param(self, *given: Any) -> None:
        self.told.append(given)

    def log_batch(self, run: str, metrics: Any) -> None:
        self.told.append((run, [(one.key, one.value, one.step) for one in metrics]))

    def set_terminated(self, run: str) -> None:
        self.told.append((run, "ended"))


def test_mlflow_gets_settings_as_parameters_and_metrics_in_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracking, entities = ModuleType("mlflow.tracking"), ModuleType("mlflow.entities")
    tracking.MlflowClient = MlflowClient  # type: ignore[attr-defined]
    entities.Metric = lambda key, value, moment, step: SimpleNamespace(key=key, value=value, step=step)  # type: ignore[attr-defined]
    for name, module in (
        ("mlflow", ModuleType("mlflow")),
        ("mlflow.tracking", tracking),
        ("mlflow.entities", entities),
    ):
        monkeypatch.setitem(sys.modules, name, module)
    folder = tmp_path / "run"
    folder.mkdir()
    for step in (1, 2):
        (board,) = open_boards(["mlflow"], folder, 0, {"data": "x" * 600}, pytest.fail)
        board.write(step, {"loss": 2.0, "lr": 0.5})
        board.close()
    assert MlflowClient.told == [
        ("run", "number of fastssl", "run"),
        ("r1", "data", "x" * 500),
        ("r1", [("loss", 2.0, 1), ("lr", 0.5, 1)]),
        ("r1", "ended"),
        ("r1", "RUNNING"),
        ("r1", [("loss", 2.0, 2), ("lr", 0.5, 2)]),
        ("r1", "ended"),
    ]


def test_a_board_that_fails_is_left_out_after_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing:
        calls = 0

        def write(self, step: int, values: Mapping[str, float]) -> None:
            Failing.calls += 1
            raise ConnectionError("no route")

        def close(self) -> None:
            raise ConnectionError("no route")

    heard: list[str] = []
    board = Guarded("wandb", Failing(), heard.append)
    for step in (1, 2):
        board.write(step, {})
    board.close()
    assert Failing.calls == 1
    assert heard == ["warning: wandb failed (ConnectionError: no route); training goes on without it"]
    module = ModuleType("wandb")
    monkeypatch.setitem(sys.modules, "wandb", module)  # without init
    assert open_boards(["wandb"], tmp_path, 0, {}, heard.append) == []
    assert heard[1].startswith("warning: wandb cannot be opened (AttributeError")


@pytest.mark.parametrize("content", [None, "", "[]", "{", '{"wandb": 3}'])
def test_ids_that_cannot_be_read_are_none(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "boards.json").write_text(content)
    assert read_id(tmp_path, "wandb") is None
    keep_id(tmp_path, "wandb", "a")
    keep_id(tmp_path, "mlflow", "b")
    assert (read_id(tmp_path, "wandb"), read_id(tmp_path, "mlflow")) == ("a", "b")
