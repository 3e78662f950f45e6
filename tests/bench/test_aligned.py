"""What is kept of a comparison of methods, and its table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.aligned import board, record

MEAN = {"mean": 0.9, "std": 0.01, "low": 0.8, "high": 1.0}


def row(name: str, rank: int, tested: float, **more: object) -> dict[str, object]:
    return {
        "candidate": name,
        "encoder": "resnet18",
        "pretraining_seconds": 0.0 if name == "random" else 90.0,
        "images": 0 if name == "random" else 1280,
        "proxy": {**MEAN, "mean": 0.8 - rank / 100},
        "proxy_seconds": 2.0,
        "rank": rank,
        "finetuned": {**MEAN, "mean": tested},
        "finetune_seconds": 60.0,
        "left_out": "",
        **more,
    }


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a finished comparison, as the recipe leaves it."""
    (tmp_path / "report").mkdir()
    rows = [row("moco", 1, 0.85), row("random", 2, 0.9), row("vae", 0, 0.0, left_out="diverged", finetune_seconds=0.0)]
    found = dict.fromkeys(record.KEPT, "") | {"data": "cells", "metric": "AUC", "rows": rows, "finished": True}
    found |= {"decision": "winner: moco", "agreed": "Spearman -1.00", "folder": str(tmp_path)}
    (tmp_path / "report" / "aligned.json").write_text(json.dumps(found))
    command = "fastssl train --recipe aligned --data /somewhere/cells.npz --minutes 5"
    (tmp_path / "config.yaml").write_text(f"# command: {command}\nrecipe: aligned\n")
    return tmp_path


def test_a_comparison_is_kept_without_places_and_shown_with_both_ranks(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "RESULTS", tmp_path / "results")
    assert record.main([str(run), "cells"]) == 0
    text = (tmp_path / "results" / "cells.json").read_text()
    assert str(tmp_path) not in text
    lines = board.table(json.loads(text))
    assert lines[2] == "| moco | resnet18 | 1.5 | 0.790 ± 0.010 | 2.0 | 1 | 0.850 ± 0.010 | 1.0 | 2 |"
    assert lines[3].startswith("| random | resnet18 |  | 0.780")
    assert lines[3].endswith("| 1 |")
    assert lines[5] == "Winner: moco. Spearman -1.00."
    assert lines[7].startswith("`fastssl train --recipe aligned --data cells.npz --minutes 5`; ")


def test_one_that_is_not_finished_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = run / "report" / "aligned.json"
    found = json.loads(path.read_text())
    found["rows"][0]["finetune_seconds"] = 0.0
    path.write_text(json.dumps(found))
    with pytest.raises(SystemExit):
        record.main([str(run), "cells"])
    assert "not every candidate is fine-tuned; go on with --resume --finetune all" in capsys.readouterr().err
