"""Facts about a machine, from files as Linux keeps them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from fastssl.diagnosis.facts import Graphics
from fastssl.diagnosis.graphics import NOT_TOLD, find_graphics, why_no_gpu
from fastssl.diagnosis.processor import find_processor
from fastssl.diagnosis.resources import find_memory, find_places, look_at
from fastssl.diagnosis.variables import shown_variables
from fastssl.memory import installed_memory

CPUINFO = """processor\t: 0
cpu family\t: 25
model\t\t: 17
model name\t: AMD EPYC
flags\t\t: fpu avx2 avx512f avx512_bf16

processor\t: 1
cpu family\t: 25
model name\t: another
"""


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_the_first_processor_is_described_with_what_a_container_allows(tmp_path: Path) -> None:
    write(tmp_path / "proc/cpuinfo", CPUINFO)
    write(tmp_path / "sys/fs/cgroup/cpu.max", "50000 100000")
    found = find_processor(tmp_path)
    assert (found.name, found.family, found.model) == ("AMD EPYC", "25", "17")
    assert found.instructions == ("avx2", "avx512f", "avx512_bf16")
    assert found.quota == 0.5


def test_a_system_that_tells_nothing_has_a_processor_all_the_same(tmp_path: Path) -> None:
    found = find_processor(tmp_path)
    assert (found.family, found.instructions, found.quota) == (None, (), None)
    assert found.allowed >= 1


def fake_torch(count: int, cuda: str | None = "13.0") -> SimpleNamespace:
    properties = SimpleNamespace(name="H100", major=9, minor=0, total_memory=80 * 10**9)
    own = SimpleNamespace(
        is_available=lambda: count > 0, device_count=lambda: count, get_device_properties=lambda index: properties
    )
    return SimpleNamespace(cuda=own, version=SimpleNamespace(cuda=cuda))


def test_gpus_and_their_driver_are_found(tmp_path: Path) -> None:
    write(tmp_path / "proc/driver/nvidia/version", "NVRM version: NVIDIA UNIX Open Kernel Module  580.65.06  Release\n")
    found = find_graphics(fake_torch(2), tmp_path, {"CUDA_VISIBLE_DEVICES": "0,1"})
    assert [(gpu.name, gpu.capability, gpu.memory) for gpu in found.gpus] == 2 * [("H100", "9.0", 80 * 10**9)]
    assert (found.driver, found.cuda, found.visible) == ("580.65.06", "13.0", "0,1")


def test_a_driver_without_its_version_is_a_driver(tmp_path: Path) -> None:
    write(tmp_path / "dev/nvidiactl", "")
    assert find_graphics(None, tmp_path, {}).driver == NOT_TOLD


@pytest.mark.parametrize(
    ("graphics", "why"),
    [
        (Graphics(), "no NVIDIA driver was found"),
        (Graphics(driver="580.1", cuda="13.0", visible="-1"), "hidden by CUDA_VISIBLE_DEVICES='-1'"),
        (Graphics(driver="580.1"), "this PyTorch is built without CUDA, and NVIDIA's driver 580.1 is there"),
        (Graphics(driver="580.1", cuda="13.0"), "PyTorch for CUDA 13.0 finds none through NVIDIA's driver 580.1"),
    ],
    ids=["driver", "hidden", "build", "old"],
)
def test_why_there_is_no_gpu_is_told(graphics: Graphics, why: str) -> None:
    assert why_no_gpu(graphics) == why


def test_a_folder_that_is_not_there_is_judged_by_the_one_it_would_be_made_in(tmp_path: Path) -> None:
    found = look_at("cache", tmp_path / "a" / "b")
    assert found.writable
    assert found.free is not None
    write(tmp_path / "file", "")
    assert not look_at("cache", tmp_path / "file" / "b").writable
    assert not (tmp_path / "a").exists()


def test_memory_and_folders_of_this_machine_are_told() -> None:
    memory = find_memory()
    assert memory.installed == installed_memory()
    assert [place.name for place in find_places()] == ["runs (here)", "MedMNIST files", "decoded images", "temporary"]


def test_variables_are_shown_but_no_paths_no_secrets_and_not_our_own() -> None:
    environment = {
        "OMP_NUM_THREADS": "2",
        "FASTSSL_THREADS": "2",  # set by fastssl itself, with the variable above
        "CUDA_VISIBLE_DEVICES": "1",
        "HF_HOME": "/data/somebody",
        "HF_TOKEN": "secret",
        "MASTER_ADDR": "10.0.0.1",
    }
    assert shown_variables(environment) == {"CUDA_VISIBLE_DEVICES": "1", "HF_HOME": "(set)"}
    assert shown_variables({"OMP_NUM_THREADS": "2"}) == {"OMP_NUM_THREADS": "2"}
