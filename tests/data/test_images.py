"""Folders of pictures, what is refused about them, and augmentation."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from netgrad.data import images
from netgrad.data.augmentation import augment
from netgrad.data.images import read_image_folder, read_images, white_of
from netgrad.errors import DataError, FileError, NetgradError, NetgradWarning, ShapeError


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
        ("I;16", 819, 1, [819 / 1023]),
        ("I;16", 13107, 1, [13107 / 16383]),
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
    whole = (folder / "dog" / "1.png").read_bytes()
    for half in ("cat/1.png", "dog/1.png"):
        (folder / half).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileError, match=r"2 of 4 pictures cannot be read: .*cat.1\.png, .*dog.1\.png") as caught:
        read_image_folder(folder)
    assert "\n" not in str(caught.value)
    for none in ("cat/0.png", "dog/0.png"):
        (folder / none).write_bytes(b"no picture")
    with pytest.raises(FileError, match=r"4 of 4 pictures cannot be read: .*cat.0\.png, .*cat.1\.png, .*dog.0\.png"):
        read_image_folder(folder)


def test_large_pictures_are_decoded_small_and_one_at_a_time(tmp_path):
    """A folder of photographs in a process of its own: its peak of memory, less that without them."""
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    for i in range(12):
        Image.fromarray(noise).resize((4000, 3000)).save(tmp_path / f"{i}.jpg")
    code = """
import resource, sys, pathlib
from netgrad.data.images import read_images
files = sorted(pathlib.Path(sys.argv[1]).iterdir())
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
read_images(files[:1], 32)
before = peak()
print(read_images(files, 32).shape, peak() - before)
"""
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True).stdout
    shape, grown = done.rsplit(maxsplit=1)
    assert shape == "(12, 32, 32, 3)"
    assert int(grown) < 30_000  # kilobytes; one of them at full size takes 36,000


def test_what_is_decoded_small_looks_as_if_it_were_not(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter
    ramp = np.linspace(0, 255, 640 * 480).reshape(480, 640).astype(np.uint8)
    Image.fromarray(ramp).save(tmp_path / "p.jpg", exif=exif, quality=95)
    Image.fromarray(np.rot90(ramp, -1)).save(tmp_path / "p.png")
    small, whole = (read_images([tmp_path / name], (20, 10)) for name in ("p.jpg", "p.png"))
    np.testing.assert_allclose(small, whole, atol=0.02)


def test_more_pixels_than_are_read_are_refused_from_the_head_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "MOST_PIXELS", 100)
    Image.new("L", (11, 10)).save(tmp_path / "p.png")
    with pytest.raises(DataError, match=r"p\.png has more than 100 pixels: make it smaller before"):
        read_images([tmp_path / "p.png"])
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)  # Pillow refuses to open twice as many
    with pytest.raises(DataError, match=r"p\.png has more than 100 pixels"):
        read_images([tmp_path / "p.png"])


def test_pictures_that_would_fill_the_memory_are_refused(folder, monkeypatch):
    monkeypatch.setattr(images, "memory", lambda: 2**20)
    with pytest.raises(DataError, match=r"4 pictures of 1000x1000 pixels would take .*give a smaller size"):
        read_image_folder(folder, 1000)
    assert len(read_image_folder(folder).x) == 4


def test_a_png_that_says_behind_its_pixels_that_it_is_turned(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (4, 2)).save(tmp_path / "a.png")
    Image.new("L", (4, 2)).save(tmp_path / "b.png", exif=exif)
    data = (tmp_path / "b.png").read_bytes()
    start = data.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(data[start : start + 4], "big")
    (tmp_path / "b.png").write_bytes(data[:start] + data[end:-12] + data[start:end] + data[-12:])
    with pytest.raises(DataError, match=r"b\.png is 4x2, others 2x4: give a size"):
        read_images([tmp_path / "a.png", tmp_path / "b.png"])
    assert read_images([tmp_path / "a.png", tmp_path / "b.png"], size=3).shape == (2, 3, 3, 1)


def test_sixteen_bits_of_grey_keep_their_levels(tmp_path):
    ramp = (3 * np.arange(64, dtype=np.uint16)).reshape(8, 8)
    Image.fromarray(ramp).save(tmp_path / "dark.png")
    assert white_of([tmp_path / "dark.png"]) == 255
    x = read_images([tmp_path / "dark.png"])
    np.testing.assert_allclose(x[0, ..., 0], ramp / 255, rtol=1e-6)
    # Twelve bits, as microscopes and X-ray cameras write them; what white is, is told for all of a folder, or by it.
    Image.fromarray((ramp * 21).astype(np.uint16)).save(tmp_path / "twelve.png")
    files = [tmp_path / "dark.png", tmp_path / "twelve.png"]
    assert white_of(files) == 4095
    x = read_images(files)
    np.testing.assert_allclose(x[:, ..., 0], np.stack([ramp, ramp * 21]) / 4095, rtol=1e-6)
    np.testing.assert_array_equal(read_images(files[:1], white=4095)[0], x[0])
    assert len(np.unique(read_images(files, 4)[1])) == 16
    # Beside pictures of 8 bits, grey or in colours, these are as they are.
    Image.new("RGBA", (8, 8), (255, 0, 51, 102)).save(tmp_path / "colour.png")
    both = read_images([*files, tmp_path / "colour.png"])
    np.testing.assert_allclose(both[2, 0, 0], [1, 0, 0.2, 0.4], rtol=1e-6)
    np.testing.assert_allclose(both[1, ..., :3], np.repeat(x[1], 3, axis=2), rtol=1e-6)
    assert (both[:2, ..., 3] == 1).all()
    assert white_of([tmp_path / "colour.png"]) is None
    with pytest.raises(DataError, match="no pictures have 100 for white: expected one of 1, 255, 1023"):
        read_images(files, white=100)


def test_sixteen_bits_of_each_colour_are_cut_and_said(tmp_path):
    import struct
    import zlib

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    line = b"\0" + struct.pack(">6H", 65535, 0, 13107, 0, 65535, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(line)) + chunk(b"IEND", b"")
    (tmp_path / "p.png").write_bytes(b"\x89PNG\r\n\x1a\n" + parts)
    with pytest.warns(NetgradWarning, match="1 picture has 16 bits of each colour: the upper 8"):
        x = read_images([tmp_path / "p.png"])
    np.testing.assert_allclose(x[0, 0], [[1, 0, 0.2], [0, 1, 0]], atol=1e-6)


def test_every_picture_of_a_class_is_found_and_the_rest_is_counted(folder):
    picture = Image.open(folder / "cat" / "0.png")
    for name in ("cat/a.bmp", "cat/b.WEBP", "dog/deep/er/c.tif", "dog/d.gif", "dog/.hidden/e.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        picture.save(folder / name, lossless=True) if "WEBP" in name else picture.save(folder / name)
    for name in ("cat/notes.txt", "README"):
        (folder / name).write_text("no picture")
    with pytest.warns(NetgradWarning, match=r"2 files in .* \(.txt, README\) are no pictures of a class: left out"):
        found = read_image_folder(folder, channels=1)
    assert np.bincount(found.y).tolist() == [4, 4]
    for pixels in found.x[[2, 3]]:
        np.testing.assert_allclose(pixels, found.x[0], atol=1e-6)


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


def test_pictures_are_mirrored_cut_and_lit_otherwise():
    x, key = jnp.asarray(np.random.default_rng(0).uniform(size=(6, 5, 7, 4)), jnp.float32), jax.random.key(3)
    np.testing.assert_allclose(augment(x, key, flip=1.0), x[:, :, ::-1], atol=1e-5)
    half = np.asarray(augment(x, key, flip=0.5))
    kinds = {(bool(np.allclose(a, b)), bool(np.allclose(a, b[:, ::-1]))) for a, b in zip(half, x, strict=True)}
    assert kinds == {(True, False), (False, True)}
    ramp = jnp.broadcast_to(jnp.arange(9.0)[:, None, None], (6, 9, 9, 1))
    cut = np.asarray(augment(ramp, key, crop=0.5))
    assert (np.ptp(cut, axis=(1, 2, 3)) < 8).all()  # a part of the ramp, brought to the old size
    assert cut.min() >= 0
    lit = np.asarray(augment(x, key, colour=0.3))
    np.testing.assert_array_equal(lit[..., 3], x[..., 3])
    assert (np.abs(lit[..., :3] - x[..., :3]).max(axis=(1, 2, 3)) > 0.01).all()
    grey = jnp.full((4, 3, 3, 1), 0.5)
    assert ((np.asarray(augment(grey, key, colour=0.3)) - 0.5) ** 2 <= 0.15**2 + 1e-6).all()
    with pytest.raises(DataError, match=r"flip 2, crop 0.0, colour 0.0: expected shares"):
        augment(x, key, flip=2)
    with pytest.raises(DataError, match=r"expected shares from 0 to 1, of a crop below 1"):
        augment(x, key, crop=1.0)


def test_what_was_drawn_before_is_drawn_still():
    x, key = jnp.arange(60.0).reshape(2, 5, 6, 1), jax.random.key(0)
    first = np.asarray(augment(x, key, shift=2, rotation=15, noise=0.5))[0, :2, :3, 0]
    before = [[0.67307293, 0.67750525, -0.20480278], [1.130984, 0.90820336, 1.4685531]]
    np.testing.assert_allclose(first, before, rtol=1e-4)


def test_shares_in_floats_are_grey(tmp_path):
    ramp = np.linspace(0, 1, 64).reshape(8, 8).astype(np.float32)
    Image.fromarray(ramp).save(tmp_path / "shares.tif")
    Image.fromarray(ramp * 1000 - 1).save(tmp_path / "counts.tif")
    np.testing.assert_allclose(read_images([tmp_path / "shares.tif"])[0, :, :, 0], ramp, rtol=1e-6)
    counts = read_images([tmp_path / "counts.tif"])[0, :, :, 0]
    np.testing.assert_allclose(counts, np.maximum(ramp * 1000 - 1, 0) / 1023, rtol=1e-5, atol=1e-7)
    Image.fromarray(np.full((8, 8), np.inf, np.float32)).save(tmp_path / "inf.tif")
    with pytest.raises(DataError, match=r"inf\.tif holds inf: expected finite numbers in each pixel"):
        read_images([tmp_path / "inf.tif"])


def test_of_several_frames_the_first_is_read_and_said(tmp_path):
    frames = [Image.new("L", (4, 3), grey) for grey in (255, 0, 0)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "pages.tif", save_all=True, append_images=frames[1:])
    with pytest.warns(NetgradWarning, match="^2 pictures have several frames: the first is read$"):
        x = read_images([tmp_path / "moving.gif", tmp_path / "pages.tif"])
    assert (x == 1).all()


def test_a_page_that_cannot_be_read_does_not_cost_the_first(tmp_path):
    page = Image.new("L", (4, 3), 255)
    page.save(tmp_path / "pages.tif", save_all=True, append_images=[page])
    data = bytearray((tmp_path / "pages.tif").read_bytes())
    width = (256).to_bytes(2, "little") + (4).to_bytes(2, "little")  # the tag of the width, of the type LONG
    data[data.rindex(width)] = 250  # another tag's number, in the second page
    (tmp_path / "pages.tif").write_bytes(data)
    with pytest.warns(NetgradWarning, match="^1 picture has several frames: the first is read$"):
        np.testing.assert_array_equal(read_images([tmp_path / "pages.tif"]), np.ones((1, 3, 4, 1)))
    data[data.index(width)] = 250  # in the first, too
    (tmp_path / "pages.tif").write_bytes(data)
    with pytest.raises(FileError, match=r"^1 of 1 pictures cannot be read: .*pages\.tif"):
        read_images([tmp_path / "pages.tif"])
