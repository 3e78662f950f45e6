"""Mean squared error over masked pixels. The public function is `fastssl.kernels.masked_mse`."""
