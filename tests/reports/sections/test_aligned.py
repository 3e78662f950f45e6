"""Methods side by side in a report: who leads, who was left out, and how far the proxy was right."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastssl.evaluation.shared.statistics import mean_interval
from fastssl.recipes.aligned.agreement import rank_agreement
from fastssl.recipes.aligned.choice import choose, leads_of
from fastssl.recipes.aligned.proxy import ProxyScores
from fastssl.recipes.aligned.report import AlignedResult, AlignedRow, write_aligned_report
from fastssl.reports.blocks import FindingCard, Findings, ReportTable
from fastssl.reports.reading.run_record import find_records
from fastssl.reports.sections.aligned import aligned_section
from fastssl.reports.sections.overview import overview_section

DRAWS = {"moco": (0.80, 0.84, 0.85), "simclr": (0.7, 0.72, 0.71), "tower": (0.6, 0.7, 0.6), "random": (0.6, 0.65, 0.61)}
TEST = {"moco": (0.9, 0.92), "simclr": (0.85, 0.86), "tower": (0.8, 0.81), "random": (0.82, 0.8)}


def write(folder: Path, *, tuned: bool, draws: dict[str, tuple[float, ...]] = DRAWS) -> AlignedResult:
    """The files of a comparison, as the recipe writes them."""
    scores = ProxyScores(by_draw=draws, seconds=dict.fromkeys(draws, 6.0))
    rows = [
        AlignedRow(
            candidate=name,
            encoder="resnet18",
            pretraining_seconds=0.0 if name == "random" else 90.0,
            images=0 if name == "random" else 12800,
            proxy=mean_interval(values),
            proxy_by_draw=values,
            proxy_seconds=6.0,
            rank=1 + place,
            **({"finetuned": mean_interval(TEST[name]), "finetune_seconds": 30.0} if tuned else {}),
        )
        for place, (name, values) in enumerate(draws.items())
    ]
    means = {name: mean_interval(values).mean for name, values in draws.items()}
    result = AlignedResult(
        folder=folder,
        task="classification",
        metric="AUC",
        data="cells",
        rows=(*rows, AlignedRow(candidate="vae", left_out="takes no images of 12 px")),
        choice=choose(scores, None),
        leads=leads_of(scores),
        agreement=rank_agreement(means, {name: mean_interval(TEST[name]).mean for name in draws}) if tuned else None,
        notes=("a note",),
    )
    (folder / "report").mkdir(parents=True, exist_ok=True)
    write_aligned_report(result)
    return result


def cells(table: ReportTable) -> list[list[str]]:
    return [[cell if isinstance(cell, str) else cell.text + "*" * cell.best for cell in row] for row in table.rows]


def test_proxy_and_test_stand_side_by_side_with_what_each_cost(tmp_path: Path) -> None:
    result = write(tmp_path, tuned=True)
    section = aligned_section(find_records([tmp_path]))
    candidates, leads = (block for block in section.blocks if isinstance(block, ReportTable))
    rows = cells(candidates)
    assert rows[0] == ["moco", "0.830 ± 0.026*", "1", "0.910 ± 0.014*", "1.5", "12,800", "6.0", "0.5"]
    assert rows[3][4:6] == ["", ""]
    assert candidates.notes[1:] == ("Encoders: resnet18.", "vae is left out: takes no images of 12 px")
    assert [row[:2] for row in cells(leads)] == [[one, "random"] for one in ("moco", "simclr", "tower")]
    (notes,) = (block.lines for block in section.blocks if block.kind == "lines")
    assert notes[-1] == "a note"
    assert str(result.agreement) in notes[1]


def test_before_fine_tuning_there_is_no_column_of_it(tmp_path: Path) -> None:
    write(tmp_path, tuned=False)
    (table, _) = (block for block in aligned_section(find_records([tmp_path])).blocks if isinstance(block, ReportTable))
    assert table.columns[-1] == "proxy, s"
    assert "fine-tuning" not in table.caption


@pytest.mark.parametrize(
    ("draws", "begins", "tone"),
    [
        (DRAWS, "Winner: moco; ", "good"),
        ({**DRAWS, "random": (0.9, 0.9, 0.91)}, "No pre-training pays here: ", "muted"),
    ],
)
def test_the_overview_says_which_method_pays(
    tmp_path: Path, draws: dict[str, tuple[float, ...]], begins: str, tone: str
) -> None:
    write(tmp_path, tuned=False, draws=draws)
    (found,) = (block for block in overview_section(find_records([tmp_path])).blocks if isinstance(block, Findings))
    (card,) = found.findings
    assert isinstance(card, FindingCard)
    assert card.text.startswith(begins)
    assert card.tone == tone
