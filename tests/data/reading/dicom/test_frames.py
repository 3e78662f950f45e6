"""Files of several frames: functional groups, order, every n-th, neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.uid import RLELossless

from fastssl.data.reading import ReadingOptions, read_image_header

from .dicom_files import RANDOM, dataset, item, read, save
from .rendering import through

STORED = RANDOM.integers(0, 4096, (5, 7, 6)).astype(np.uint16)


def groups(place: float | None = None, slope: float = 1.0, window: tuple[float, float] = (2048, 4096)):
    found = item(
        PixelValueTransformationSequence=[item(RescaleSlope=slope, RescaleIntercept=0, RescaleType="US")],
        FrameVOILUTSequence=[item(WindowCenter=window[0], WindowWidth=window[1])],
    )
    if place is not None:
        found.PlanePositionSequence = [item(ImagePositionPatient=[0, 0, place])]
    return found


def film(stored: np.ndarray = STORED, **elements):
    return dataset(stored, WindowCenter=2048, WindowWidth=4096, **elements)


def grey(stored: np.ndarray) -> np.ndarray:
    return np.rint(through(stored.astype(float), 2048, 4096, "LINEAR")).astype(np.uint16)


def test_each_frame_has_its_own_rescaling_and_window(tmp_path):
    own = [groups(slope=k + 1, window=(1000 * k + 500, 800)) for k in range(5)]
    images = read(save(tmp_path / "a", film(PerFrameFunctionalGroupsSequence=own)))
    for k, image in enumerate(images):
        expected = through(STORED[k] * (k + 1.0), 1000 * k + 500, 800, "LINEAR")
        assert np.abs(image.pixels[..., 0] - expected).max() <= 1


def test_what_frames_share_counts_where_they_have_none(tmp_path):
    shared = item(FrameVOILUTSequence=[item(WindowCenter=100, WindowWidth=50)])
    images = read(save(tmp_path / "a", film(SharedFunctionalGroupsSequence=[shared])))
    assert np.abs(images[3].pixels[..., 0] - through(STORED[3].astype(float), 100, 50, "LINEAR")).max() <= 1


def test_frames_of_a_volume_are_in_the_order_of_their_places(tmp_path):
    shared = item(PlaneOrientationSequence=[item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])])
    places = [30.0, -10.0, 20.0, 0.0, 10.0]
    made = film(PerFrameFunctionalGroupsSequence=[groups(place) for place in places])
    made.SharedFunctionalGroupsSequence = [shared]
    assert [image.frame for image in read(save(tmp_path / "a", made))] == np.argsort(places).tolist()


def test_frames_at_one_place_keep_their_order_in_time(tmp_path):
    shared = item(PlaneOrientationSequence=[item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])])
    made = film(PerFrameFunctionalGroupsSequence=[groups(place) for place in (5.0, 0.0, 5.0, 0.0, 5.0)])
    made.SharedFunctionalGroupsSequence = [shared]
    assert [image.frame for image in read(save(tmp_path / "a", made))] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("every", "taken"), [(1, [0, 1, 2, 3, 4]), (2, [0, 2, 4]), (3, [0, 3]), (9, [0])])
def test_every_nth_frame_is_taken(tmp_path, every, taken):
    path = save(tmp_path / "a", film())
    images = read(path, every=every)
    assert [image.frame for image in images] == taken
    assert all((image.pixels[..., 0] == grey(STORED[image.frame])).all() for image in images)
    header = read_image_header(path, ReadingOptions(every=every))
    assert (header.frames, header.pages) == (len(taken), 5)


@pytest.mark.parametrize("every", [1, 2, 3])
@pytest.mark.parametrize("compressed", [False, True])
def test_neighbours_are_channels_and_the_edges_repeat(tmp_path, every, compressed):
    made = film()
    path = save(tmp_path / "a", made)
    if compressed:
        made.compress(RLELossless)
        made.save_as(path)
    images = read(path, every=every, neighbours=True)
    assert [image.frame for image in images] == list(range(0, 5, every))
    for image in images:
        beside = [max(image.frame - 1, 0), image.frame, min(image.frame + 1, 4)]
        assert (image.pixels == np.stack([grey(STORED[k]) for k in beside], -1)).all()
    assert read_image_header(path, ReadingOptions(neighbours=True)).channels == 3


def test_a_single_frame_has_no_neighbours_in_its_file(tmp_path):
    path = save(tmp_path / "a", film(STORED[0]))
    assert read(path, neighbours=True)[0].pixels.shape == (7, 6, 1)
    assert read_image_header(path, ReadingOptions(neighbours=True)).channels == 1


@pytest.mark.parametrize("said", [None, "", "1A"])
def test_the_number_of_frames_is_found_by_the_length_of_the_pixels(tmp_path, said):
    made = film()
    del made.NumberOfFrames
    path = save(tmp_path / "a", made)
    if said is not None:
        made.NumberOfFrames = "5 "
        path = save(path, made)
        content = path.read_bytes()
        path.write_bytes(content.replace(b"\x28\0\x08\0IS\x02\0005 ", b"\x28\0\x08\0IS\x02\0" + said.encode().ljust(2)))
    assert len(read(path)) == 5
