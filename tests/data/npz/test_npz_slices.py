"""Three-dimensional MedMNIST sets as slices, by files of their form."""

from __future__ import annotations

import numpy as np
import pytest

from fastssl.data import open_source
from fastssl.data.labels import medmnist_table
from fastssl.errors import DataError

VOLUMES = np.random.default_rng(0).integers(0, 256, (6, 28, 28, 28), dtype=np.uint8)
LABELS = np.arange(6)[:, None] % 2


@pytest.fixture
def npz(tmp_path):
    def write(name="nodulemnist3d", **arrays):
        three = {"train": slice(0, 3), "val": slice(3, 4), "test": slice(4, 6)}
        volumes, labels = arrays.pop("volumes", VOLUMES), arrays.pop("labels", LABELS)
        for split, rows in three.items():
            arrays |= {f"{split}_images": volumes[rows], f"{split}_labels": labels[rows]}
        path = tmp_path / f"{name}.npz"
        np.savez(path, **arrays)
        return path

    return write


def test_every_slice_has_the_label_of_its_volume_which_is_the_group(npz):
    source = open_source("nodulemnist3d", root=npz().parent)
    assert (source.task, source.class_names, source.modality) == ("binary-class", ("benign", "malignant"), "chest CT")
    for split, rows in {"train": [0, 1, 2], "val": [3], "test": [4, 5]}.items():
        own = source.splits[split]
        np.testing.assert_array_equal(own.images, VOLUMES[rows].reshape(-1, 28, 28, 1))
        np.testing.assert_array_equal(own.labels, np.repeat(LABELS[rows, 0], 28))
        assert len(np.unique(own.groups)) == len(rows)
        assert all(len(np.unique(part)) == 1 for part in own.groups.reshape(len(rows), 28))
    groups = [set(own.groups.tolist()) for own in source.splits.values()]
    assert len(set.union(*groups)) == 6
    assert "6 volumes of 28x28x28 are cut along axis 0 into 168 slices" in source.report.notes


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_axis_and_every_nth_slice_are_numpys(npz, axis):
    source = open_source(npz(), axis=str(axis), every=5)
    expected = np.moveaxis(VOLUMES[:3], axis + 1, 1)[:, ::5].reshape(-1, 28, 28, 1)
    np.testing.assert_array_equal(source.splits["train"].images, expected)


def test_neighbours_are_channels_whatever_slices_are_taken(npz):
    images = open_source(npz(), every=9, neighbours=True).splits["val"].images
    assert images.shape == (4, 28, 28, 3)
    for row, number in enumerate((0, 9, 18, 27)):
        three = [VOLUMES[3, max(0, number - 1)], VOLUMES[3, number], VOLUMES[3, min(27, number + 1)]]
        np.testing.assert_array_equal(images[row], np.stack(three, axis=-1))


def test_empty_slices_are_left_out_with_their_labels_and_counted(npz):
    volumes = VOLUMES.copy()
    volumes[1, 4:9], volumes[2, 0], volumes[5, 20] = 0, 77, 0
    volumes[5, 20, 0, :3] = 255  # 3 of 784 pixels
    source = open_source(npz(volumes=volumes))
    kept = np.ones((3, 28), bool)
    kept[1, 4:9], kept[2, 0] = False, False
    np.testing.assert_array_equal(source.splits["train"].images[..., 0], volumes[:3][kept])
    np.testing.assert_array_equal(source.splits["train"].labels, np.repeat(LABELS[:3, 0], kept.sum(axis=1)))
    assert len(source.splits["test"]) == 55
    assert "7 of them are empty and left out" in source.report.notes[0]


def test_shapes_of_0_and_1_are_not_empty(npz):
    shapes = (VOLUMES > 200).astype(np.uint8)
    assert len(open_source(npz("adrenalmnist3d", volumes=shapes)).splits["train"]) == 84


def test_groups_that_the_file_names_win(npz):
    source = open_source(npz(train_groups=np.array([7, 7, 8]), val_groups=np.array([9]), test_groups=np.array([3, 4])))
    groups = source.splits["train"].groups.reshape(3, 28)
    assert len(np.unique(groups[:2])) == 1
    assert groups[0, 0] != groups[2, 0]


def test_the_larger_volumes_are_a_file_of_their_own(npz):
    volumes = np.random.default_rng(1).integers(0, 256, (6, 64, 64, 64), dtype=np.uint8)
    source = open_source("organmnist3d", root=npz("organmnist3d_64", volumes=volumes).parent, size=64, every=16)
    assert source.image_shape == (64, 64, 1)
    assert len(source.splits["train"]) == 12
    with pytest.raises(DataError, match=r"organmnist3d comes at 28 and 64 px, not size=128"):
        open_source("organmnist3d", size=128)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"axis": "axial"}, "its volumes do not say where their axes point; give --axis 0, 1 or 2"),
        ({"volumes": np.zeros_like(VOLUMES)}, "every slice of the volumes of train is empty"),
    ],
)
def test_what_cannot_be_cut_is_refused_in_one_line(npz, options, words):
    path = npz(**{name: value for name, value in options.items() if name == "volumes"})
    with pytest.raises(DataError, match=words) as caught:
        open_source(path, **{name: value for name, value in options.items() if name != "volumes"})
    assert "\n" not in str(caught.value)


def test_only_files_named_after_a_set_hold_volumes(npz):
    with pytest.raises(DataError, match=r"expected \[N, H, W\]"):
        open_source(npz("mine"))
    assert open_source(npz("nodulemnist3d", volumes=VOLUMES[:, 0])).splits["train"].images.shape == (3, 28, 28, 1)


def test_the_six_sets_are_those_of_the_package():
    info = medmnist_table.table()
    assert set(medmnist_table.FLAGS_3D) == {flag for flag in info if flag.endswith("3d")}
    for flag in medmnist_table.FLAGS_3D:
        known = medmnist_table.describe(flag)
        assert known.volumes
        assert len(known.class_names) == len(info[flag]["label"])
        for size in medmnist_table.sizes_of(flag):
            suffix = "" if size == 28 else f"_{size}"
            assert info[flag][f"url{suffix}"].startswith("https://")
            assert len(bytes.fromhex(info[flag][f"MD5{suffix}"])) == 16


def test_neighbouring_slices_are_no_colours(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {f"{split}_images": rng.integers(0, 256, (2, 28, 28, 28), dtype=np.uint8) for split in ("train", "test")}
    np.savez(tmp_path / "organmnist3d.npz", **arrays)
    assert not open_source(tmp_path / "organmnist3d.npz", every=9, neighbours=True).rgb
    assert open_source(tmp_path / "organmnist3d.npz", every=9).rgb
