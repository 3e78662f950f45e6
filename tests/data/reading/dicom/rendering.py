"""An independent rendering of DICOM images, in float64, from the formulas of PS3.3 and stored values that pydicom has
decoded with pylibjpeg or Pillow. It shares no code with `fastssl`."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels import iter_pixels
from pydicom.uid import JPEGBaseline8Bit

WHITE = 65535


def stored_values(dataset: Dataset) -> list[np.ndarray]:
    """The frames as pydicom decodes them, YBR as RGB."""
    lossy = dataset.file_meta.get("TransferSyntaxUID") == JPEGBaseline8Bit  # of which decoders differ by some levels
    return [frame.copy() for frame in iter_pixels(dataset, decoding_plugin="pillow" if lossy else "")]


def render(dataset: Dataset) -> list[np.ndarray]:
    """Every frame as grey levels or colours from 0 to 65535, in float64."""
    frames = stored_values(dataset)
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        return [palette_colours(dataset, frame) for frame in frames]
    if dataset.SamplesPerPixel == 3:
        return [frame * (WHITE / (2.0**dataset.BitsStored - 1)) for frame in frames]
    return [render_grey(dataset, frame, number) for number, frame in enumerate(frames)]


def render_grey(dataset: Dataset, stored: np.ndarray, number: int = 0) -> np.ndarray:
    values, inside = in_units(dataset, stored, number), ~is_padding(dataset, stored)
    found = window_of(dataset, number)
    if found is None and "VOILUTSequence" in dataset:
        grey = look_up(dataset.VOILUTSequence[0], values)
    elif found is None:
        black, white = range_without_window(dataset, values[inside])
        grey = np.clip((values - black) / (white - black), 0, 1) * WHITE
    else:
        grey = through(values, *found)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        grey = WHITE - grey
    return np.where(inside, grey, 0)


def group(dataset: Dataset, number: int, name: str) -> Dataset | None:
    """A functional group of a frame (PS3.3 C.7.6.16)."""
    for place in (
        *dataset.get("PerFrameFunctionalGroupsSequence", [])[number : number + 1],
        *dataset.get("SharedFunctionalGroupsSequence", []),
    ):
        if name in place:
            return place[name].value[0]
    return None


def in_units(dataset: Dataset, stored: np.ndarray, number: int) -> np.ndarray:
    """PS3.3 C.11.1: the modality LUT, else units = stored * slope + intercept."""
    place = group(dataset, number, "PixelValueTransformationSequence")
    if place is None and "ModalityLUTSequence" in dataset:
        return look_up(dataset.ModalityLUTSequence[0], stored, raw=True)
    place = dataset if place is None else place
    return stored.astype(np.float64) * float(place.get("RescaleSlope", 1)) + float(place.get("RescaleIntercept", 0))


def look_up(item: Dataset, values: np.ndarray, raw: bool = False) -> np.ndarray:
    count, first, bits = item.LUTDescriptor
    table = item.LUTData
    table = np.frombuffer(table, "<u2") if isinstance(table, bytes) else np.array(table)
    entries = table[np.clip(np.rint(values) - first, 0, (count or 65536) - 1).astype(int)].astype(np.float64)
    return entries if raw else entries * WHITE / (2**bits - 1)


def is_padding(dataset: Dataset, stored: np.ndarray) -> np.ndarray:
    """PS3.3 C.7.5.1.1.2."""
    if dataset.get("PixelPaddingValue") is None:
        return np.zeros(stored.shape, bool)
    ends = [dataset.PixelPaddingValue, dataset.get("PixelPaddingRangeLimit", dataset.PixelPaddingValue)]
    return (stored >= min(ends)) & (stored <= max(ends))


def window_of(dataset: Dataset, number: int) -> tuple[float, float, str] | None:
    place = group(dataset, number, "FrameVOILUTSequence")
    place = dataset if place is None else place
    if place.get("WindowCenter") is None or place.get("WindowWidth") is None:
        return None
    centre, width = (np.atleast_1d(place[name].value)[0] for name in ("WindowCenter", "WindowWidth"))
    return float(centre), float(width), place.get("VOILUTFunction", "LINEAR")


def through(x: np.ndarray, c: float, w: float, function: str) -> np.ndarray:
    """PS3.3 C.11.2.1.2.1 (LINEAR), C.11.2.1.3.1 (SIGMOID), C.11.2.1.3.2 (LINEAR_EXACT), y from 0 to 65535."""
    if function == "SIGMOID":
        return WHITE / (1 + np.exp(-4 * (x - c) / w))
    if function == "LINEAR_EXACT":
        between = ((x - c) / w + 0.5) * WHITE
        return np.where(x <= c - w / 2, 0, np.where(x > c + w / 2, WHITE, between))
    between = ((x - (c - 0.5)) / max(w - 1, 1e-9) + 0.5) * WHITE
    return np.where(x <= c - 0.5 - (w - 1) / 2, 0, np.where(x > c - 0.5 + (w - 1) / 2, WHITE, between))


def range_without_window(dataset: Dataset, values: np.ndarray) -> tuple[float, float]:
    """What the documentation states: Hounsfield units, levels of 8 bits, or percentiles of the image."""
    if dataset.get("Modality") == "CT" and "RescaleIntercept" in dataset:
        return -1000.0, 1000.0
    plain = float(dataset.get("RescaleSlope", 1)) == 1 and "ModalityLUTSequence" not in dataset
    if dataset.BitsStored <= 8 and not dataset.PixelRepresentation and plain:
        return 0.0, 2.0**dataset.BitsStored - 1
    black, white = np.percentile(values, (0.5, 99.5))
    return (black, white) if black < white else (values.min(), max(values.max(), values.min() + 1))


def palette_colours(dataset: Dataset, stored: np.ndarray) -> np.ndarray:
    """PS3.3 C.7.6.3.1.5, C.7.6.3.1.6: 16-bit entries in the byte order of the file."""
    count, first, bits = dataset.RedPaletteColorLookupTableDescriptor
    order = "<" if dataset.original_encoding[1] else ">"
    found = []
    for colour in ("Red", "Green", "Blue"):
        if f"Segmented{colour}PaletteColorLookupTableData" in dataset:
            data = dataset[f"Segmented{colour}PaletteColorLookupTableData"].value
            found.append(np.array(expanded(np.frombuffer(data, f"{order}u2").tolist())))
            continue
        data = dataset[f"{colour}PaletteColorLookupTableData"].value
        wide = len(data) > (count or 65536) + 1
        found.append(np.frombuffer(data, f"{order}u2" if wide else "u1"))
    index = np.clip(stored.astype(int) - first, 0, (count or 65536) - 1)
    return np.stack([entries[index] for entries in found], -1) * (WHITE / (2.0**bits - 1))


def expanded(data: list[int]) -> list[float]:
    """PS3.3 C.7.9.2: segments that list values (0), or go to a value in equal steps (1)."""
    entries: list[float] = []
    at = 0
    while at < len(data):
        code, length = data[at : at + 2]
        if code == 0:
            entries += data[at + 2 : at + 2 + length]
            at += 2 + length
        elif code == 1:
            entries += np.linspace(entries[-1], data[at + 2], length + 1)[1:].tolist()
            at += 3
        else:
            raise NotImplementedError(f"segment {code}")
    return [np.floor(entry + 0.5) for entry in entries]
