"""The warning where validation and test accuracy part by more than chance."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from scipy import stats

import fastssl
from fastssl.evaluation.probe.part_shift import DEVIATIONS, LEAST_DIFFERENCE, shift_notes
from fastssl.evaluation.probe.report import ProbeRow


def row(val_acc: float, acc: float) -> ProbeRow:
    return ProbeRow(features="trained", classifier="linear", auc=0.5, acc=acc, val_acc=val_acc)


@pytest.mark.parametrize("counts", [(100, 100), (400, 800), (30, 2000)])
@pytest.mark.parametrize(("right_val", "right_test"), [(0.87, 0.36), (0.9, 0.8), (0.8, 0.9), (0.7, 0.66), (1.0, 1.0)])
def test_it_warns_where_the_chi_square_test_does(counts: tuple[int, int], right_val: float, right_test: float) -> None:
    """Oracle: Pearson's chi-square of the 2x2 table, which is the squared deviate of two proportions."""
    right = [round(right_val * counts[0]), round(right_test * counts[1])]
    accuracies = [own / count for own, count in zip(right, counts, strict=True)]
    wrong = [count - own for own, count in zip(right, counts, strict=True)]
    far = False
    if any(wrong):
        chi_square = stats.chi2_contingency([right, wrong], correction=False).statistic
        far = chi_square > DEVIATIONS**2 and abs(accuracies[0] - accuracies[1]) >= LEAST_DIFFERENCE
    assert bool(shift_notes([row(*accuracies)], *counts)) == far


def test_a_test_part_with_other_labels_is_warned_of_and_both_scores_are_shown(
    run_folder: Path, data_file: Path, tmp_path: Path
) -> None:
    arrays = dict(np.load(data_file))
    many = np.arange(200) % len(arrays["val_labels"])
    arrays["val_images"], arrays["val_labels"] = arrays["val_images"][many], arrays["val_labels"][many]
    arrays["test_images"], arrays["test_labels"] = arrays["val_images"], (arrays["val_labels"] + 1) % 3
    np.savez(tmp_path / "shifted.npz", **arrays)
    console = Console(file=io.StringIO(), width=120)
    result = fastssl.probe(run_folder, data=str(tmp_path / "shifted.npz"), device="cpu", console=console)
    best = result.row("raw pixels")
    assert best.val_acc > 0.8
    assert best.acc <= 1 - best.val_acc + 1e-9  # the same images, every label another: right there is wrong here
    printed = " ".join(console.file.getvalue().split())
    assert "val ACC" in printed
    assert max(abs(one.val_acc - one.acc) for one in result.rows if one.features == "trained") > 0.3
    assert any(note.startswith("warning: validation ACC") for note in result.notes)


def test_parts_of_one_set_are_not_warned_of(run_folder: Path) -> None:
    result = fastssl.probe(run_folder, device="cpu", console=Console(file=io.StringIO()))
    assert all(not np.isnan(one.val_acc) for one in result.rows)
    assert not any("part by more" in note for note in result.notes)
