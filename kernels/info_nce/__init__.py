"""InfoNCE against a queue of negatives (MoCo). The public function is `fastssl.kernels.info_nce`."""
