"""A model card: what an exported encoder is, in facts.

Covers: the text of README.md, with the fields that the Hugging Face hub reads. Does not cover: what the encoder is good
for, which nobody has said.
"""

from __future__ import annotations

import fastssl
from fastssl.text import printable

from .subject import ExportSubject


def model_card(subject: ExportSubject) -> str:
    """Write the card.

    Args:
        subject: the encoder.

    Returns:
        Markdown, with YAML at its beginning.
    """
    spec = subject.spec
    facts = {
        "encoder": f"`{spec.name}` of timm, without a classifier",
        **{name: printable(str(value)) for name, value in subject.facts().items()},
        "input": subject.input_text(normalised=True),
        "output": f"[batch, {subject.features(subject.normalised(subject.images(1))).shape[1]}] features",
        "trained with": f"fastssl {fastssl.__version__}",
    }
    rows = "\n".join(f"| {name} | {_cell(text)} |" for name, text in facts.items())
    return f"""---
library_name: timm
pipeline_tag: image-feature-extraction
tags:
- image-feature-extraction
- timm
- transformers
- fastssl
---

# {_cell(subject.run)}

An image encoder, pre-trained without labels.

|  |  |
| --- | --- |
{rows}

Load it from a folder; from the hub, write `hf-hub:USER/NAME` and `USER/NAME` in place of the paths:

```python
import timm
import transformers

encoder = timm.create_model("local-dir:PATH", pretrained=True).eval()
same = transformers.AutoModel.from_pretrained("PATH").eval()  # its features are .pooler_output
```

What it is good for is not said here; `fastssl probe` and the other evaluations of fastssl measure it on your data.
"""


def _cell(text: str) -> str:
    """Text that Markdown shows as it is, in a cell of a table."""
    shown = printable(text)
    for sign in ("\\", "|", "*", "_", "[", "<"):
        shown = shown.replace(sign, f"\\{sign}") if "`" not in text else shown
    return shown
