"""Batch norm of consecutive parts of a batch. The public function is `fastssl.kernels.grouped_batch_norm`."""
