"""A comparison of methods as a Markdown table.

Covers: a row for each candidate, by the proxy's rank. Does not cover: measuring (`fastssl train --recipe aligned`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def table(record: Mapping[str, Any]) -> list[str]:
    """The lines of a comparison.

    Args:
        record: what `bench/results/aligned/NAME.json` holds.
    """
    metric, where = record["metric"], record["environment"]
    tested = sorted((row for row in record["rows"] if not row["left_out"]), key=lambda row: -row["finetuned"]["mean"])
    ranks = {row["candidate"]: place for place, row in enumerate(tested, start=1)}
    return [
        f"| {record['data']} | encoder | pre-training, min | proxy: validation {metric} | proxy, s | rank | "
        f"fine-tuned: test {metric} | min | rank |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        *(_row(row, ranks) for row in record["rows"] if not row["left_out"]),
        "",
        f"{_sentence(record['decision'])} {_sentence(record['agreed'])}",
        "",
        f"`{record['command']}`; {where['device']}; commit {where['commit']['id']}; {where['date'][:10]}.",
    ]


def _row(row: Mapping[str, Any], ranks: Mapping[str, int]) -> str:
    own = f"{row['pretraining_seconds'] / 60:.1f}" if row["images"] else ""
    cells = [
        row["candidate"],
        row["encoder"],
        own,
        _mean(row["proxy"]),
        f"{row['proxy_seconds']:.1f}",
        str(row["rank"]),
        _mean(row["finetuned"]),
        f"{row['finetune_seconds'] / 60:.1f}",
        str(ranks[row["candidate"]]),
    ]
    return f"| {' | '.join(cells)} |"


def _mean(found: Mapping[str, Any]) -> str:
    deviation = "" if found["std"] is None else f" ± {found['std']:.3f}"
    return f"{found['mean']:.3f}{deviation}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
