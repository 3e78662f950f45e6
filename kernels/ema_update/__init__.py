"""Exponential moving average of parameters. The public function is `fastssl.kernels.ema_update_`."""
