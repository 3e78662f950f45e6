"""`fastssl doctor` on this machine, and on one whose PyTorch is broken."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import fastssl
from fastssl import kernels
from fastssl.cli import main
from fastssl.diagnosis.switches import TORCH_KERNELS, TRITON_KERNELS, find_compiler, usual_runtime

KERNELS = Path(__file__).parents[2] / "kernels"


def test_it_says_what_is_on_and_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    before = (torch.get_num_threads(), torch.backends.cuda.matmul.allow_tf32)
    assert main(["doctor"]) == 0
    said, complained = capsys.readouterr()
    assert complained == ""
    for name in ("processor", "threads", "memory", "GPU", "device", "precision", "executor", "kernels", "packages"):
        assert f"\n  {name} " in said
    assert f"torch {torch.__version__.partition('+')[0]}" in said
    assert (torch.get_num_threads(), torch.backends.cuda.matmul.allow_tf32) == before
    assert str(Path.home()) + "/" not in said


def test_json_is_what_python_gets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told.keys() == {"findings", "facts"}
    assert told["facts"]["fastssl"] == fastssl.__version__
    assert {switch["name"] for switch in told["facts"]["switches"]} >= {"device", "precision", "compile", "executor"}


def test_every_public_kernel_has_a_line_and_those_with_a_triton_kernel_are_known() -> None:
    own = {folder.name for folder in KERNELS.iterdir() if (folder / "op.py").is_file()}
    functions = {name for name in kernels.__all__ if name.rstrip("_") in own}
    assert functions == {*TRITON_KERNELS, *TORCH_KERNELS}
    assert {name.rstrip("_") for name in TRITON_KERNELS} == {
        name for name in own if (KERNELS / name / "kernel.py").is_file()
    }
    for name, products in TRITON_KERNELS.items():
        texts = [path.read_text() for path in (KERNELS / name.rstrip("_")).glob("*.py")]
        calls = [node for text in texts for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
        asked = [call for call in calls if ast.unparse(call.func) == "runs_triton"]
        assert {any(word.arg == "products" for word in call.keywords) for call in asked} == {products}


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"torch": "raise OSError('libcudart.so.13: cannot open shared object file')"}, "OSError: libcudart.so.13"),
        ({"numpy": "raise ImportError('numpy was built for another Python')", "torch": "import numpy"}, "torch"),
    ],
    ids=["torch", "numpy"],
)
def test_a_package_that_cannot_be_imported_is_a_problem_and_no_traceback(
    tmp_path: Path, broken: dict[str, str], said: str
) -> None:
    for name, text in broken.items():
        (tmp_path / f"{name}.py").write_text(text)
    line = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from fastssl.cli import main; sys.exit(main(['doctor']))"
    )
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    problems = [line for line in done.stdout.splitlines() if line.startswith("problem: ")]
    assert any(said in line and "cannot be imported" in line for line in problems)
    assert "\n  processor " in done.stdout
    assert "\n  precision " not in done.stdout


def test_a_compiler_that_is_named_and_missing_is_none() -> None:
    found = find_compiler(usual_runtime(), tried=False, environment={"CXX": "no-such-compiler"})
    assert (found.value, found.reason.rpartition("; ")[2]) == ("none", "not tried: fastssl doctor --compile tries it")


@pytest.mark.parametrize("option", ["--jsn", "--compile=3", "extra"])
def test_a_mistake_is_one_line(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", option]) == 2
    assert capsys.readouterr().err.count("\n") == 1
