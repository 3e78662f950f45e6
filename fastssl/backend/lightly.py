"""lightly's contrastive loss by fastssl's kernels, and batches of lightly's transforms for fastssl's stages.

Covers: `NTXentLoss`, in the place of `lightly.loss.NTXentLoss`; `batch_of`, what a stage reads of lightly's views.
Works without lightly. Does not cover: lightly's other losses and heads, which take embeddings of any loader
(`fastssl.pipelines.Loader` among them) as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fastssl.distributed.collectives import gather_rows, gather_views
from fastssl.distributed.contrast import shared_nt_xent
from fastssl.distributed.world import ALONE, World, world
from fastssl.kernels import info_nce, nt_xent
from fastssl.kernels.checks import MAX_WIDTH, as_temperature
from fastssl.kernels.nt_xent.reference import nt_xent_formula


class MemoryBank(nn.Module):
    """Rows of past embeddings, a ring that begins anew where a batch reaches its end, as lightly's does.

    Args:
        size: K and D; (0,) for none, which is then not in the state dict either.
    """

    bank: Tensor
    bank_ptr: Tensor

    def __init__(self, size: tuple[int, ...]) -> None:
        super().__init__()
        self.size = size
        kept = len(size) == 2
        rows = F.normalize(torch.randn(size), dim=-1) if kept else torch.empty(0)
        self.register_buffer("bank", rows, persistent=kept)
        self.register_buffer("bank_ptr", torch.zeros(1, dtype=torch.int64), persistent=kept)

    def on(self, device: torch.device) -> Tensor:
        """Move the bank to where the embeddings are, as loops need whose loss was left on the CPU.

        Args:
            device: of the embeddings.

        Returns:
            The bank, `[K, D]`.
        """
        if self.bank.device != device:
            self.to(device)
        return self.bank

    @torch.no_grad()
    def enqueue(self, rows: Tensor) -> None:
        """Write rows over the oldest ones; what does not fit before the end is left out. It waits for no device.

        Args:
            rows: `[B, D]`, normalised, on the bank's device.
        """
        rows_kept, batch = self.size[0], len(rows)
        written = rows[:rows_kept].to(self.bank.dtype)
        places = self.bank_ptr + torch.arange(len(written), device=rows.device)
        ring = places % rows_kept
        self.bank.index_copy_(0, ring, torch.where((places < rows_kept)[:, None], written, self.bank[ring]))
        after = self.bank_ptr + batch
        self.bank_ptr.copy_(torch.where(after < rows_kept, after, 0))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Lightly saves no memory bank: where there is none, this one stays as it is."""
        if len(self.size) == 2:
            state_dict.setdefault(f"{prefix}bank", self.bank)
            state_dict.setdefault(f"{prefix}bank_ptr", self.bank_ptr)
        super()._load_from_state_dict(state_dict, prefix, *rest)


class NTXentLoss(nn.Module):
    """A drop-in for `lightly.loss.NTXentLoss`: the same arguments, values and gradients, by fused kernels.

    Without a memory bank it is NT-Xent within the batch (Chen et al., ICML 2020, equation 1); with one, InfoNCE of out0
    with out1 as positives and the bank as negatives (He et al., CVPR 2020, equation 1), which out1 then enters. Unlike
    lightly's, the memory bank is part of the state dict, moves to the embeddings' device once and is not copied at
    every step; and what is computed in half precision is summed in float32. Embeddings of more than 256 numbers take
    the plain formula.

    Args:
        temperature: by which similarities are divided, from 1e-6 to 1e6.
        memory_bank_size: (rows, length of an embedding); 0: no memory bank.
        gather_distributed: take embeddings of all processes as negatives, and into the memory bank.

    Raises:
        TypeError: the temperature is not a number.
        ValueError: a temperature or a size that cannot be used.
    """

    def __init__(
        self,
        temperature: float = 0.5,
        memory_bank_size: int | Sequence[int] = 0,
        gather_distributed: bool = False,
    ) -> None:
        super().__init__()
        self.temperature = as_temperature(temperature)
        self.gather_distributed = gather_distributed
        self.memory_bank = MemoryBank(_size_of(memory_bank_size))

    def forward(self, out0: Tensor, out1: Tensor) -> Tensor:
        """Compute the mean loss of a batch.

        Args:
            out0: `[B, D]`, embeddings of one view.
            out1: `[B, D]`, of the other.

        Returns:
            Scalar, float32 (float64 for float64). With `gather_distributed` and no memory bank that of this process's
            rows, as lightly's.

        Raises:
            ValueError: shapes do not fit.
        """
        if out0.ndim != 2 or out0.shape != out1.shape:
            raise ValueError(f"out0 and out1 must both be [B, D], got {list(out0.shape)} and {list(out1.shape)}")
        if self.memory_bank.size[0]:
            return self._against_the_bank(out0, out1)
        embeddings = torch.cat([out0, out1])
        wide = embeddings.shape[1] > MAX_WIDTH
        if not self.gather_distributed:
            return _plain_nt_xent(embeddings, self.temperature) if wide else nt_xent(embeddings, self.temperature)
        if not wide:
            return shared_nt_xent(embeddings, self.temperature, own=True)
        return _plain_nt_xent(gather_views(embeddings), self.temperature, world())

    def _against_the_bank(self, out0: Tensor, out1: Tensor) -> Tensor:
        bank = self.memory_bank.on(out0.device)
        if out0.shape[1] != bank.shape[1]:
            raise ValueError(f"embeddings have {out0.shape[1]} numbers, those of the memory bank {bank.shape[1]}")
        key = F.normalize(out1, dim=1)
        if bank.shape[1] > MAX_WIDTH:
            loss = _plain_info_nce(F.normalize(out0, dim=1), key, bank, self.temperature)
        else:
            loss = info_nce(out0, key, bank, self.temperature, normalize=True)
        if out0.requires_grad and torch.is_grad_enabled():
            self.memory_bank.enqueue(gather_rows(key.detach()) if self.gather_distributed else key.detach())
        return loss


def batch_of(views: Sequence[Tensor], index: Tensor | None = None) -> dict[str, Tensor]:
    """Make a batch of MoCo or SimCLR from two views, as lightly's transforms give them through a DataLoader.

    Args:
        views: two tensors `[B, C, H, W]`, normalised; of more, the first two are taken.
        index: int64 `[B]`, which samples they are; MoCo then leaves older keys of a query's own image out.

    Returns:
        What `Stage.loss` and `fastssl.backend.Step` take: "query", "key", and "index" where it is given.

    Raises:
        ValueError: fewer than two views, or of other shapes.
    """
    if len(views) < 2 or views[0].shape != views[1].shape or views[0].ndim != 4:
        shapes = [list(view.shape) for view in views]
        raise ValueError(f"views must be two tensors [B, C, H, W] of one shape, got {shapes}")
    batch = {"query": views[0], "key": views[1]}
    return batch if index is None else {**batch, "index": index}


def _size_of(given: int | Sequence[int]) -> tuple[int, ...]:
    size = (given,) if isinstance(given, int) else tuple(given)
    if size == (0,) or (len(size) == 2 and min(size) >= 0):
        return (0,) if size[0] == 0 else size
    raise ValueError(f"memory_bank_size must be 0, or (rows, length of an embedding), got {given!r}")


def _plain_nt_xent(embeddings: Tensor, temperature: float, of: World = ALONE) -> Tensor:
    """Mean over the rows of one process, of embeddings `[2 * size * B, D]`, samples by rank."""
    losses = nt_xent_formula(embeddings, temperature, True)
    return losses.view(2, of.size, -1)[:, of.rank].mean()


def _plain_info_nce(query: Tensor, key: Tensor, bank: Tensor, temperature: float) -> Tensor:
    query, key = (rows.to(torch.promote_types(rows.dtype, torch.float32)) for rows in (query, key))
    negatives = bank.to(query.dtype, copy=True)  # backward reads them after new keys are in the bank
    logits = torch.cat([(query * key).sum(1, keepdim=True), query @ negatives.T], dim=1) / temperature
    return F.cross_entropy(logits, torch.zeros(len(query), dtype=torch.int64, device=query.device))
