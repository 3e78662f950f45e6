"""Convolutions on maps of a few pixels. The public function is `fastssl.kernels.small_map_conv2d`."""
