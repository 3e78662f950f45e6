"""The tables of the page on scaling, as Markdown.

Covers: counted terms, assumptions, bytes on the wire, memory, efficiency, and what choices change, each for the stages
and networks of `terms.json`. Does not cover: the formulae, where tables stand (`bench/table.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from bench.scaling.buckets import MIB
from bench.scaling.cluster import Accelerator, Cluster
from bench.scaling.memory import largest_batch, memory_bytes, optimizer_of
from bench.scaling.step_time import efficiency, schedule, step_seconds
from bench.scaling.terms import StepTerms, read_figures, read_terms
from bench.scaling.traffic import Plan, wire_bytes

GPUS = (8, 64, 512)
BATCH = 128
UTILISATIONS = (0.1, 0.3, 0.5)
CHOICES_AT = 0.3
"""Utilisation of the table of choices."""
JITTER = 0.02
ETHERNET = 1.25e9
"""Bytes per second of 10 Gb/s."""
STAGES = {"moco": "MoCo", "simclr": "SimCLR"}
NETWORKS = {"resnet50": "ResNet-50", "vit_base_patch16_224": "ViT-B/16"}
ASSUMED, SHEET = "assumed", "data sheet"


def counted() -> list[str]:
    """Make the table of what was counted, and say where."""
    rows = [
        [
            _name(terms),
            f"{terms.parameters / 1e6:.1f} M",
            f"{terms.gradient_bytes / MIB:.1f} MiB",
            f"{len(terms.batch_norm_channels)} ({sum(terms.batch_norm_channels):,})",
            f"{terms.step_flops / 1e9:.1f} GFLOP",
            f"{terms.activation_bytes['bf16'] / MIB:.1f} MiB",
            f"{terms.activation_bytes['fp32'] / MIB:.1f} MiB",
        ]
        for terms in read_terms()
    ]
    heads = ["", "trained", "gradients", "batch norms (channels)", "a step, per image", "kept, bf16", "kept, fp32"]
    environment = read_figures()["environment"]
    packages = ", ".join(f"{name} {environment['packages'][name]}" for name in ("torch", "timm"))
    said = f"Counted on {environment['device']} with {packages}, {environment['date'][:10]}; 224 px, 3 channels."
    return [*_table(heads, rows), "", said]


def assumptions() -> list[str]:
    """Make the table of what is assumed, with its kind."""
    gpu, links = Accelerator(), Cluster()
    rows = [
        ["bf16 products of a GPU (H100 SXM)", f"{gpu.peak_flops / 1e12:.0f} TFLOP/s", SHEET],
        ["share of it that a step reaches", " to ".join(f"{UTILISATIONS[i]:g}" for i in (0, -1)), "not yet measured"],
        ["memory of a GPU", f"{gpu.memory / 1e9:.0f} GB, {gpu.memory_bandwidth / 1e12:.2f} TB/s", SHEET],
        ["of it, CUDA, cuDNN and NCCL", f"{gpu.reserved / 1e9:.0f} GB", ASSUMED],
        ["GPUs of a node (DGX H100)", f"{links.gpus_per_node}", SHEET],
        ["NVLink of a GPU, one direction", f"{links.node_bandwidth / 1e9:.0f} GB/s", SHEET],
        ["network card of a GPU, one direction", f"{links.network_bandwidth / 1e9:.0f} GB/s (400 Gb/s)", SHEET],
        ["share of both that large messages reach", f"{links.link_share:g}", ASSUMED],
        ["latency of a hop within a node", _micro(links.node_latency), ASSUMED],
        ["latency of a hop between nodes", _micro(links.network_latency), ASSUMED],
        ["launch of a collective operation", _micro(links.launch), ASSUMED],
        ["each message of an all-to-all", _micro(links.message_overhead), ASSUMED],
        ["jitter of a GPU's pace, standard deviation", f"{JITTER:.0%}", ASSUMED],
    ]
    return _table(["", "value", "kind"], rows)


def wire() -> list[str]:
    """Make the table of what each GPU sends in a step, in MB."""
    rows = []
    for terms in read_terms():
        by_gpus = [wire_bytes(terms, Plan(gpus=gpus, batch=BATCH)) for gpus in GPUS]
        compressed = [wire_bytes(terms, Plan(gpus=gpus, batch=BATCH, compress=True)) for gpus in GPUS]
        synchronised = [wire_bytes(terms, Plan(gpus=gpus, batch=BATCH, norm_gpus=gpus)) for gpus in GPUS]
        names = [name for name in by_gpus[0] if name != "metrics"]
        items = {name: [found[name] for found in by_gpus] for name in names}
        items["gradients, bf16"] = [found["gradients"] for found in compressed]
        if terms.batch_norm_channels:
            items["statistics of synchronised batch norm"] = [found["batch norm"] for found in synchronised]
        rows += [
            ["" if number else _name(terms), name, *(_megabytes(size) for size in sizes)]
            for number, (name, sizes) in enumerate(items.items())
        ]
    return _table(["", f"MB, {BATCH} images per GPU", *_gpus()], rows)


def memory() -> list[str]:
    """Make the table of what lies in a GPU's memory, in GB, and of the largest batches."""
    plan, gpu = Plan(gpus=64, batch=BATCH), Accelerator()
    every = read_terms()
    found = [memory_bytes(terms, plan, gpu) for terms in every]
    rows = [
        [name, *(f"{sizes[name] / 1e9:.2f}" for sizes in found)] for name in found[0] if any(s[name] for s in found)
    ]
    rows.append(["**all**", *(f"**{sum(sizes.values()) / 1e9:.1f}**" for sizes in found)])
    rows.append(["images per GPU that fill it", *(f"{largest_batch(terms, plan, gpu):,}" for terms in every)])
    heads = [f"GB, {BATCH} images per GPU, 64 GPUs", *(f"{_name(terms)} ({optimizer_of(terms)})" for terms in every)]
    return _table(heads, rows)


def efficiencies() -> list[str]:
    """Make the table of efficiency: the closed form, and in brackets the simulation with stragglers."""
    cluster, rows = Cluster(), []
    for terms in read_terms():
        for number, utilisation in enumerate(UTILISATIONS):
            gpu = Accelerator(utilisation=utilisation)
            alone = step_seconds(schedule(terms, Plan(gpus=1, batch=BATCH), gpu, cluster))
            plans = [_default(terms, gpus) for gpus in GPUS]
            cells = [
                f"{efficiency(terms, plan, gpu, cluster):.0%} "
                f"({efficiency(terms, plan, gpu, cluster, jitter=JITTER):.0%})"
                for plan in plans
            ]
            rows.append(["" if number else _name(terms), f"{utilisation:g}", f"{BATCH / alone:,.0f}", *cells])
    return _table(["", "share of peak", "images/s of one", *_gpus()], rows)


def _default(terms: StepTerms, gpus: int) -> Plan:
    """What `fastssl train` does unasked: SimCLR's batch norm is over all GPUs, MoCo's groups of 64 lie within one."""
    return Plan(gpus=gpus, batch=BATCH, norm_gpus=gpus if terms.stage == "simclr" else 1)


def choices() -> list[str]:
    """Make the table of what a choice does to efficiency."""
    known = {(terms.stage, terms.network): terms for terms in read_terms()}
    moco = Plan(gpus=1, batch=BATCH)
    everywhere, node = max(GPUS), Cluster().gpus_per_node
    simclr, apart = replace(moco, norm_gpus=everywhere), moco
    cases: list[tuple[str, str, Plan]] = [
        ("moco", f"{BATCH} images per GPU", moco),
        ("moco", "512 images", replace(moco, batch=512)),
        ("moco", "64 images", replace(moco, batch=64)),
        ("moco", "64 images, gradients as bf16 (`--compress-gradients`)", replace(moco, batch=64, compress=True)),
        ("moco", "64 images, 4 passes per update (`--accumulate`)", replace(moco, batch=64, accumulate=4)),
        ("moco", "32 images: batch-norm groups of 64 span two GPUs", replace(moco, batch=32, norm_gpus=2)),
        ("moco", "batch norm over all GPUs", replace(moco, norm_gpus=everywhere)),
        ("simclr", f"{BATCH} images per GPU, batch norm over all GPUs", simclr),
        ("simclr", "512 images", replace(simclr, batch=512)),
        ("simclr", "each GPU's own batch norm (`--no-sync-bn`)", apart),
        ("simclr", "likewise, every GPU the whole loss (not ours)", replace(apart, whole_loss=True)),
        ("simclr", "batch norm over each node (not built)", replace(apart, norm_gpus=node)),
    ]
    gpu, cluster = Accelerator(utilisation=CHOICES_AT), Cluster()
    rows, before = [], ""
    for stage, name, plan in cases:
        terms = known[stage, "resnet50"]
        rows.append([_name(terms) if stage != before else "", name, *_shares(terms, plan, gpu, cluster)])
        before = stage
    vit, slow = known["moco", "vit_base_patch16_224"], replace(cluster, network_bandwidth=ETHERNET)
    rows.append([_name(vit), "10 Gb/s per GPU between nodes", *_shares(vit, moco, gpu, slow)])
    rows.append(["", "likewise, gradients as bf16", *_shares(vit, replace(moco, compress=True), gpu, slow)])
    return _table(["", f"at {CHOICES_AT:g} of the peak", *_gpus()], rows)


def _shares(terms: StepTerms, plan: Plan, gpu: Accelerator, cluster: Cluster) -> list[str]:
    """Efficiency on each number of GPUs."""
    return [f"{efficiency(terms, replace(plan, gpus=gpus), gpu, cluster):.0%}" for gpus in GPUS]


TABLES: dict[str, Callable[[], list[str]]] = {
    "counted": counted,
    "assumptions": assumptions,
    "wire": wire,
    "memory": memory,
    "efficiency": efficiencies,
    "choices": choices,
}
"""Name, as a page asks for it ("scaling/wire") -> what makes the lines."""


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    rule = f"| --- |{' ---: |' * (len(heads) - 1)}"
    return [f"| {' | '.join(heads)} |", rule, *(f"| {' | '.join(row)} |" for row in rows)]


def _gpus() -> list[str]:
    return [f"{gpus} GPUs" for gpus in GPUS]


def _name(terms: StepTerms) -> str:
    return f"{STAGES[terms.stage]}, {NETWORKS[terms.network]}"


def _megabytes(size: float) -> str:
    return f"{size / 1e6:,.1f}"


def _micro(seconds: float) -> str:
    return f"{seconds * 1e6:g} us"
