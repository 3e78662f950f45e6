"""The smallest model of each of timm's families, at sizes of small images: it trains and comes back, or is one line.

Covers: creating, a step of training in channels-last order, the export, loading it again and by timm alone. All of it
is slow; the families were listed with timm 1.0.31 (without deepseek_vit, whose smallest has 411 million weights).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import load_file

from fastssl.errors import ConfigError
from fastssl.models.encoder import EncoderSpec, create_encoder, feature_dim
from fastssl.models.encoder_file import load_encoder, save_encoder
from fastssl.models.timm_call import timm_call
from fastssl.runtime import Runtime

NAMES = """
    beit_base_patch16_224 cait_xxs24_224 coat_tiny convit_tiny convmixer_768_32 cpubone_nano crossvit_tiny_240
    cs3darknet_focus_s csatv2 cspnext_tiny davit_tiny deit_tiny_patch16_224 densenet121 dla46x_c dpn48b
    edgenext_xx_small efficientformer_l1 efficientformerv2_s0 efficientvim_m1 efficientvit_b0 efficientvit_m0
    ese_vovnet19b_slim_dw fasternet_t0 fastvit_t8 focalnet_tiny_srf gcvit_xxtiny gemma4_vit_167m ghostnet_050
    gmlp_ti16_224 halonet_h1 hardcorenas_b hgnetv2_b0 hiera_tiny_224 hrnet_w18_small iformer_t inception_next_atto
    inception_resnet_v2 inception_v3 inception_v4 lcnet_035 lcnetv2_small legacy_seresnet18 legacy_xception
    levit_128s lowformer_b0 mobilenetv5_base mobilevit_xxs mvitv2_tiny naflexvit_base_patch16_parfac_gap
    nasnetalarge nest_tiny nextvit_small pit_ti_224 pnasnet5large poolformerv2_s12 pvt_v2_b0 qwen3_vit_88m
    rdnet_tiny regnetx_002 repghostnet_050 repvit_m1 res2next50 resnest14d resnetv2_18 rexnet_100 sam2_hiera_tiny
    samvit_base_patch16_224 selecsls42 sequencer2d_s shvit_s1 skresnet18 starnet_s050 swiftformer_xs
    swin_tiny_patch4_window7_224 swinv2_cr_tiny_224 swinv2_tiny_window8_256 test_byobnet test_coatnet test_convnext
    test_efficientnet test_mambaout test_nfnet test_resnet test_vit test_vit_relpos tiny_vit_5m_224
    tnt_s_legacy_patch16_224 tresnet_m twins_svt_small vgg11 visformer_tiny vit_tiny_patch16_dinov3_qkvb
    vit_tiny_r_s16_p8_224 vitamin_small_224 volo_d1_224 xception41p xcit_nano_12_p8_224
"""
CPU = Runtime(device=torch.device("cpu"), precision="fp32", compile=False)


@pytest.mark.slow
@pytest.mark.parametrize("size", [28, 32, 64])
@pytest.mark.parametrize("name", NAMES.split())
def test_a_family_trains_and_comes_back_or_is_refused_in_one_line(tmp_path: Path, name: str, size: int) -> None:
    try:
        encoder = create_encoder(name, 3, size, seed=0)
    except ConfigError as error:
        text = str(error)
        assert text.startswith(f"encoder='{name}'")
        assert text.endswith(("would fit", "loses nothing", "give another --encoder"))
        assert "\n" not in text
        return
    assert feature_dim(encoder, 3, size) > 0
    CPU.place(encoder).train()
    images = torch.randn(4, 3, size, size).to(memory_format=torch.channels_last)
    encoder(images).square().mean().backward()
    with torch.no_grad():
        for parameter in encoder.parameters():
            if parameter.grad is not None:
                parameter.sub_(parameter.grad.nan_to_num(), alpha=1e-6)
    spec = EncoderSpec(name=name, in_channels=3, size=size)
    save_encoder(tmp_path / "encoder.safetensors", encoder, spec)
    loaded = load_encoder(tmp_path)
    names: dict[str, Any] = {"timm": timm, "torch": torch}
    exec(timm_call(spec), names)
    plain = names["encoder"]
    plain.load_state_dict(load_file(tmp_path / "encoder.safetensors"), strict=True)
    with torch.no_grad():
        expected = encoder.eval()(images)
        for module in (loaded.module, plain.eval()):
            torch.testing.assert_close(module(images), expected, rtol=1e-3, atol=1e-4)
