"""The records of a diagnosis.

Covers: facts about a machine, findings. Does not cover: gathering them, or judging them (`checks.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Processor:
    """The processor.

    Args:
        name: as the system has it; hypervisors give many processors one name.
        family: of x86 processors; None elsewhere.
        model: likewise.
        instructions: the sets that decide which kernels are taken (`processor.INSTRUCTION_SETS`), those that it has.
        allowed: processors that this process may run on.
        quota: seconds of processor time per second that a container allows; None where there is no limit.
    """

    name: str
    family: str | None = None
    model: str | None = None
    instructions: tuple[str, ...] = ()
    allowed: int = 1
    quota: float | None = None


@dataclass(frozen=True, kw_only=True)
class Threads:
    """The threads that PyTorch uses on a CPU.

    Args:
        count: how many.
        reason: why so many, and how they wait.
    """

    count: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class HostMemory:
    """The host's memory, in bytes; None where the system does not say.

    Args:
        installed: in the machine.
        free: that this process may still take.
        limit: of the container, the least; None where there is none.
        swapped: that was moved to a disk.
        shared: size of /dev/shm, which processes exchange data through.
    """

    installed: int | None = None
    free: int | None = None
    limit: int | None = None
    swapped: int | None = None
    shared: int | None = None


@dataclass(frozen=True, kw_only=True)
class Package:
    """A package that fastssl uses.

    Args:
        name: as pip has it.
        version: that is installed; None: it is not.
        least: the oldest version that will do, "" for any.
        needed: fastssl does not work, or not wholly, without it.
        brings: what it is for, of one that is not needed.
        problem: why it cannot be imported, in one line; "" where it can, or was not tried.
    """

    name: str
    version: str | None
    least: str = ""
    needed: bool = True
    brings: str = ""
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """A CUDA GPU that PyTorch can use.

    Args:
        name: of the product.
        capability: "9.0".
        memory: bytes.
    """

    name: str
    capability: str
    memory: int


@dataclass(frozen=True, kw_only=True)
class Graphics:
    """Graphics processors and what they are reached through.

    Args:
        gpus: that PyTorch can use.
        driver: version of NVIDIA's driver; None where there is none.
        cuda: version of CUDA that PyTorch is built for; None for a build without, or where PyTorch is not there.
        visible: value of CUDA_VISIBLE_DEVICES; None where it is not set.
    """

    gpus: tuple[Gpu, ...] = ()
    driver: str | None = None
    cuda: str | None = None
    visible: str | None = None


@dataclass(frozen=True, kw_only=True)
class Switch:
    """Something that is chosen automatically.

    Args:
        name: of it.
        value: that it has here.
        reason: why.
    """

    name: str
    value: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Place:
    """A folder that fastssl reads or writes.

    Args:
        name: what it is for.
        path: where it is.
        free: bytes of the disk that are free; None where that is not known.
        writable: files can be written there, or the folder can be made.
    """

    name: str
    path: str
    free: int | None
    writable: bool


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything that was found out about a machine.

    Args:
        system: name and release of the operating system, and the kind of machine.
        python: its version.
        fastssl: its version.
        processor: the processor.
        memory: the host's.
        packages: needed ones, then others.
        graphics: GPUs.
        threads: None where PyTorch cannot be imported.
        switches: device, precision, compilation, executor; none where PyTorch cannot be imported.
        kernels: by public name, which implementation runs.
        compiler: of C++, for `torch.compile`, and whether it was tried.
        places: folders.
        variables: of the environment, which change what is done; paths and secrets are not shown.
    """

    system: str
    python: str
    fastssl: str
    processor: Processor = field(default_factory=lambda: Processor(name=""))
    memory: HostMemory = field(default_factory=HostMemory)
    packages: tuple[Package, ...] = ()
    graphics: Graphics = field(default_factory=Graphics)
    threads: Threads | None = None
    switches: tuple[Switch, ...] = ()
    kernels: tuple[Switch, ...] = ()
    compiler: Switch | None = None
    places: tuple[Place, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something in the way.

    Args:
        kind: "problem": something does not work, or far too slowly; "hint": something could be better.
        text: what it is and what to do, in one line.
    """

    kind: Literal["problem", "hint"]
    text: str


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What `fastssl doctor` finds; without names of users and machines.

    Args:
        findings: problems, then hints.
        facts: about the machine.
    """

    findings: tuple[Finding, ...]
    facts: Facts

    def as_dict(self) -> dict[str, Any]:
        """Write everything as JSON knows it.

        Returns:
            The fields by name.
        """
        return asdict(self)
