"""NT-Xent within a batch (SimCLR, TOWER). The public function is `fastssl.kernels.nt_xent`."""
