"""Folders of pictures, what is refused about them, and augmentation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from netgrad.data.images import augment, read_image_folder, read_images
from netgrad.errors import DataError, FileError, NetgradError, ShapeError


@pytest.fixture
def folder(tmp_path):
    """Two classes of two pictures, 5 high and 4 wide, of random greys."""
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for i in range(2):
            Image.fromarray(rng.integers(0, 256, (5, 4), np.uint8)).save(tmp_path / name / f"{i}.png")
    return tmp_path


def test_a_folder_of_classes(folder):
    (folder / "cat" / "notes.txt").write_text("not a picture")
    (folder / ".hidden").mkdir()
    x, y, class_names, files = read_image_folder(str(folder))
    assert class_names == ("cat", "dog")
    assert y.tolist() == [0, 0, 1, 1]
    assert x.shape == (4, 5, 4, 1)
    assert x.dtype == np.float32
    for pixels, file in zip(x, files, strict=True):
        np.testing.assert_allclose(pixels[..., 0], np.asarray(Image.open(file)) / 255, rtol=1e-6)


@pytest.mark.parametrize(
    ("mode", "colour", "channels", "pixel"),
    [
        ("L", 51, 1, [0.2]),
        ("1", 1, 1, [1]),
        ("RGB", (255, 51, 0), 3, [1, 0.2, 0]),
        ("RGBA", (255, 51, 0, 102), 4, [1, 0.2, 0, 0.4]),
        ("LA", (51, 102), 4, [0.2, 0.2, 0.2, 0.4]),
        ("P", 0, 3, [0, 0, 0]),
        ("I;16", 51 * 256 + 7, 1, [0.2]),
    ],
)
def test_every_mode_of_png(tmp_path, mode, colour, channels, pixel):
    Image.new(mode, (2, 3), colour).save(tmp_path / "p.png")
    x = read_images([tmp_path / "p.png"])
    assert x.shape == (1, 3, 2, channels)
    np.testing.assert_allclose(x[0, 1, 1], pixel, atol=1e-6)


def test_grey_among_colour_becomes_colour_unless_channels_are_given(folder):
    Image.new("RGB", (4, 5), (255, 0, 0)).save(folder / "dog" / "red.jpg")
    assert read_image_folder(folder).x.shape == (5, 5, 4, 3)
    grey = read_image_folder(folder, channels=1)
    assert grey.x.shape == (5, 5, 4, 1)
    with pytest.raises(DataError, match="2 channels: expected 1"):
        read_image_folder(folder, channels=2)


def test_a_camera_held_sideways(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter
    Image.new("L", (8, 16)).save(tmp_path / "p.jpg", exif=exif)
    assert read_images([tmp_path / "p.jpg"]).shape == (1, 8, 16, 1)


def test_differing_sizes_are_named_or_resized(folder):
    Image.new("L", (7, 6)).save(folder / "dog" / "big.png")
    with pytest.raises(DataError, match=r"5x4 \(4 pictures\), 6x7 \(1 picture\); expected one size"):
        read_image_folder(folder)
    assert read_image_folder(folder, size=(3, 9)).x.shape == (5, 3, 9, 1)
    assert read_image_folder(folder, size=8).x.shape == (5, 8, 8, 1)
    with pytest.raises(DataError, match="a picture of 0x3"):
        read_image_folder(folder, size=(0, 3))


def test_unreadable_pictures_are_all_named_at_once(folder):
    (folder / "cat" / "0.png").write_bytes(b"no picture")
    whole = (folder / "dog" / "1.png").read_bytes()
    (folder / "dog" / "1.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileError, match=r"2 of 4 pictures cannot be read: .*cat.0\.png, .*dog.1\.png") as caught:
        read_image_folder(folder)
    assert "\n" not in str(caught.value)


def test_folders_that_are_no_classes(folder, tmp_path):
    with pytest.raises(FileError, match="there is no folder"):
        read_image_folder(folder / "nothing")
    with pytest.raises(DataError, match="cat has 0 sub-folders: expected at least two"):
        read_image_folder(folder / "cat")
    (folder / "eel").mkdir()
    with pytest.raises(DataError, match="pictures in eel: expected some in each"):
        read_image_folder(folder)
    with pytest.raises(DataError, match="no pictures"):
        read_images([])


def test_one_class_only(folder):
    for file in (folder / "dog").iterdir():
        file.unlink()
    (folder / "dog").rmdir()
    with pytest.raises(DataError, match="has 1 sub-folder: expected at least two"):
        read_image_folder(folder)


@pytest.fixture
def spot():
    """A bright spot off the centre of a 15x15 picture with two channels, the second twice as bright."""
    image = np.zeros((15, 15, 2), np.float32)
    image[6:9, 10:13] = [1, 2]
    return jnp.asarray(np.repeat(image[None], 200, axis=0))


def middle(x):
    """The centre of brightness (N, 2) of the first channel, from the picture's centre, in pixels."""
    grid = np.stack(np.meshgrid(np.arange(15) - 7, np.arange(15) - 7, indexing="ij"), axis=-1)
    weight = np.asarray(x[..., 0])
    return np.einsum("nhw,hwk->nk", weight, grid) / weight.sum(axis=(1, 2))[:, None]


def test_shifts_move_by_at_most_so_many_pixels_in_all_directions(spot):
    moved = augment(spot, jax.random.key(0), shift=2)
    offset = middle(moved) - [0, 4]
    assert np.abs(offset).max() <= 2 + 1e-4
    assert (offset.max(axis=0) > 1.5).all()
    assert (offset.min(axis=0) < -1.5).all()
    np.testing.assert_allclose(moved[..., 1], 2 * moved[..., 0], rtol=1e-5)


def test_rotations_turn_about_the_centre_both_ways(spot):
    turned = middle(augment(spot, jax.random.key(0), rotation=30))
    np.testing.assert_allclose(np.hypot(*turned.T), 4, atol=0.1)
    angles = np.degrees(np.arctan2(turned[:, 0], turned[:, 1]))
    assert np.abs(angles).max() <= 31
    assert angles.max() > 25
    assert angles.min() < -25


def test_noise_has_the_asked_for_spread(spot):
    noise = augment(spot, jax.random.key(0), noise=0.1) - spot
    assert float(noise.std()) == pytest.approx(0.1, rel=0.02)
    assert float(noise.mean()) == pytest.approx(0, abs=0.002)


def test_augmentation_can_be_jitted_and_its_key_decides(spot):
    def change(x, key):
        return augment(x, key, shift=1, rotation=5, noise=0.01)

    np.testing.assert_allclose(jax.jit(change)(spot, jax.random.key(1)), change(spot, jax.random.key(1)), atol=1e-4)
    assert (change(spot, jax.random.key(1)) != change(spot, jax.random.key(2))).any()


def test_bad_augmentation(spot):
    with pytest.raises(ShapeError, match="expected pictures"):
        augment(spot[0], jax.random.key(0), shift=1)
    with pytest.raises(NetgradError, match="nothing below 0"):
        augment(spot, jax.random.key(0), noise=-1)
