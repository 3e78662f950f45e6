"""Pixel transforms of a stored batch. The public function is `fastssl.kernels.transform_pixels`."""
