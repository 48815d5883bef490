"""Pictures: a folder of classes as arrays."""

from __future__ import annotations

import struct
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from netgrad.data.files import regular
from netgrad.errors import DataError, FileError, NetgradError, warn
from netgrad.resources import gib, memory

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff")
MOST_PIXELS = 100_000_000  # of one picture: decoding that many takes seconds and, of WebP, 800 MB
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
# What Pillow raises for a file that it cannot read: its readers of some formats are surprised by what they find.
BROKEN = (OSError, SyntaxError, ValueError, TypeError, EOFError, LookupError, ArithmeticError, struct.error)
WHITES = (1, 255, 1023, 4095, 16383, 65535)  # the largest values of shares, and of 8, 10, 12, 14 and 16 bits
USUAL_SIZE = 64  # pixels along each side at most, to which pictures of several sizes are brought where nobody says
_ORIENTATION = 0x0112  # of EXIF: above 4, height and width are exchanged


class ImageFolder(NamedTuple):
    """Pictures with their classes, in the order of the class names and of the file names.

    - x: pixels in [0, 1], (N, height, width, channels), float32
    - y: class labels (N,), int32
    - class_names: the sub-folders' names, sorted; the place of a name is its label
    - files: where each picture came from
    """

    x: np.ndarray
    y: np.ndarray
    class_names: tuple[str, ...]
    files: list[Path]


def read_image_folder(
    path: str | Path, size: int | tuple[int, int] | None = None, channels: int | None = None
) -> ImageFolder:
    """The pictures (PNG, JPEG, BMP, WebP, GIF, TIFF) of a folder with one sub-folder for each class, named for it.

    Folders within a class's are its own. Names that begin with a dot are ignored; other files are left out, and counted
    in a warning. `size` and `channels` are as in `read_images`.
    Raises `FileError` where there is no such folder, `DataError` for a single class, a class without pictures,
    and whatever `read_images` refuses.

    >>> import pathlib, tempfile
    >>> from PIL import Image
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for name, grey in ("day", 255), ("night", 0):
    ...     (folder / name).mkdir()
    ...     Image.new("L", (3, 2), grey).save(folder / name / "1.png")
    >>> x, y, class_names, files = read_image_folder(folder)
    >>> x.shape, y, class_names, x[:, 0, 0, 0]
    ((2, 2, 3, 1), array([0, 1], dtype=int32), ('day', 'night'), array([1., 0.], dtype=float32))
    """
    folders, pictures = classes_of(path)
    files = [file for of_class in pictures for file in of_class]
    y = np.repeat(np.arange(len(folders), dtype=np.int32), [len(of_class) for of_class in pictures])
    return ImageFolder(read_images(files, size, channels), y, tuple(f.name for f in folders), files)


def classes_of(path: str | Path) -> tuple[list[Path], list[list[Path]]]:
    """The sub-folders of a folder of classes, and the pictures of each, as `read_image_folder` takes them."""
    path = Path(path)
    if not path.is_dir():
        raise FileError(f"there is no folder {path}: expected one with a sub-folder of pictures for each class")
    folders = sorted(f for f in path.iterdir() if f.is_dir() and not f.name.startswith("."))
    if len(folders) < 2:
        raise DataError(
            f"{path} has {len(folders)} sub-folder{'s'[: len(folders) != 1]}: "
            "expected at least two, one for each class of pictures"
        )
    found = [pictures_in(folder) for folder in folders]
    pictures = [files for files, _ in found]
    empty = [folder.name for folder, files in zip(folders, pictures, strict=True) if not files]
    if empty:
        raise DataError(f"no {', '.join(SUFFIXES)} pictures in {', '.join(empty)}: expected some in each sub-folder")
    others = [file for _, files in found for file in files]
    others += [file for file in path.iterdir() if file.is_file() and not file.name.startswith(".")]
    if others:
        kinds = ", ".join(sorted({file.suffix.lower() or file.name for file in others})[:5])
        warn(f"{len(others)} file{'s'[: len(others) > 1]} in {path} ({kinds}) are no pictures of a class: left out")
    return folders, pictures


def pictures_in(folder: Path) -> tuple[list[Path], list[Path]]:
    """The pictures in a folder and in its folders, and its other files, sorted; a dot at the beginning hides a name."""
    files = sorted(
        f
        for f in folder.rglob("*")
        if not f.is_dir() and not any(part.startswith(".") for part in f.relative_to(folder).parts)
    )
    return [f for f in files if f.suffix.lower() in SUFFIXES], [f for f in files if f.suffix.lower() not in SUFFIXES]


def white_of(files: Sequence[str | Path]) -> int | None:
    """The value that is white in the pictures of more than 8 bits of grey among these, None where there are none.

    It is the largest value of 8, 10, 12, 14 or 16 bits that the brightest needs, as cameras write 12 bits into 16; or
    1, as programs write shares into floats.
    """
    peaks = [peak for peak in _each([regular(file) for file in files], _peak) if peak is not None]
    return next(white for white in WHITES if white >= max(peaks)) if peaks else None


def usual_size(files: Sequence[str | Path]) -> int | None:
    """The size to which pictures of several sizes are brought where nobody says: the median of their shorter sides, at
    most 64 pixels; None where all have one size.

    >>> import pathlib, tempfile
    >>> from PIL import Image
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> files = [folder / f"{size}.png" for size in (20, 30, 40)]
    >>> for file in files:
    ...     Image.new("L", (int(file.stem), 50)).save(file)
    >>> usual_size(files), usual_size(files[:1])
    (30, None)
    """
    sizes = [head.size for head in _each([regular(file) for file in files], _head)]
    return min(USUAL_SIZE, int(np.median([min(size) for size in sizes]))) if len(set(sizes)) > 1 else None


def read_images(
    files: Sequence[str | Path],
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    white: int | None = None,
) -> np.ndarray:
    """Pictures as one array of pixels in [0, 1], (N, height, width, channels), float32.

    - size: resize all to (height, width), or to a square; None: they must have one size.
    - channels: 1 for grey, 3 for colour, 4 with opacity; None: the fewest that lose nothing.
    - white: the value that becomes 1 in pictures of more than 8 bits of grey; None: as `white_of` these files.

    They are decoded one at a time, JPEG no larger than the size asks for. A picture may have 100 million pixels, all
    together half of the memory. Raises `FileError` that names every file that cannot be read, `DataError` for pictures
    of differing size.

    >>> import pathlib, tempfile
    >>> from PIL import Image
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> Image.new("L", (4, 4)).save(folder / "a.png")
    >>> Image.new("L", (3, 2)).save(folder / "b.png")
    >>> read_images([folder / "a.png", folder / "b.png"], size=8).shape
    (2, 8, 8, 1)
    >>> read_images([folder / "a.png", folder / "b.png"])
    Traceback (most recent call last):
    netgrad.errors.DataError: the pictures differ in size (height x width): 4x4 (1 picture), 2x3 (1 picture); \
expected one size (or give the size to resize them to)
    """
    if channels not in (None, *_MODES):
        raise DataError(f"{channels} channels: expected 1 (grey), 3 (colour) or 4 (with opacity)")
    if white not in (None, *WHITES):
        raise DataError(f"no pictures have {white!r:.40} for white: expected one of {', '.join(map(str, WHITES))}")
    if not files:
        raise DataError("there are no pictures: expected at least one file")
    if size is not None:
        size = (size, size) if isinstance(size, int) else size
        if min(size) < 1:
            raise DataError(f"a picture of {size[0]}x{size[1]}: expected a height and width of at least 1")
    paths = [regular(file) for file in files]
    heads = list(_each(paths, _head))
    height, width = size or _one_size(Counter(head.size for head in heads))
    channels = channels or max(head.channels for head in heads)
    need = 4 * len(files) * height * width * channels
    if need > memory() / 2:
        raise DataError(
            f"{len(files):,} pictures of {height}x{width} pixels would take {gib(need)}, more than half of what this "
            f"process may have: give a smaller size to resize them to (of {gib(memory())})"
        )
    x = np.empty((len(files), height, width, channels), np.float32)
    if any(head.deep for head in heads):
        white = white or white_of([path for path, head in zip(paths, heads, strict=True) if head.deep])
    said = (
        (sum(head.cut for head in heads), "16 bits of each colour: the upper 8 of them are read"),
        (sum(head.several for head in heads), "several frames: the first is read"),
    )
    if notes := [f"{count} picture{'s have' if count > 1 else ' has'} {what}" for count, what in said if count]:
        warn("; ".join(notes))

    def decode(file: Path) -> np.ndarray:
        return _pixels(file, (height, width), channels, 255 / (white or 255), resize=size is not None)

    # One at a time, and only as large as it is needed: a folder of photographs decoded whole takes gigabytes.
    for row, pixels in zip(x, _each(paths, decode), strict=True):
        np.divide(pixels, 255, out=row)
    return x


class _Head(NamedTuple):
    """What a picture's file says before its pixels are decoded: (height, width) as it is seen, and channels."""

    size: tuple[int, int]
    channels: int
    deep: bool = False  # more than 8 bits of grey
    cut: bool = False  # more than 8 bits of each colour
    several: bool = False  # frames or pages, of which the first is taken


def _each(files: Sequence[Path], read: Callable[[Path], Any]) -> Iterator[Any]:
    """What ``read`` makes of each file; one error that names all of which it cannot make anything."""
    from PIL import Image

    failed = False
    for file in files:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is the stricter
                found = read(file)
        except NetgradError:
            raise
        except Image.DecompressionBombError as error:  # twice Pillow's own limit, before the head can be looked at
            raise _too_large(file) from error
        except BROKEN:
            failed = True
        else:
            yield found
    if failed:  # all that is wrong, in their heads or in what follows, is said at once
        unreadable = [str(file) for file in files if not _readable(file)]
        names = ", ".join(unreadable[:20]) + (", ..." if len(unreadable) > 20 else "")
        raise FileError(f"{len(unreadable)} of {len(files)} pictures cannot be read: {names} (replace or remove them)")


def _readable(file: Path) -> bool:
    from PIL import Image

    try:
        with Image.open(file) as picture:
            picture.load()
    except BROKEN:
        return False
    return True


def _head(file: Path) -> _Head:
    from PIL import Image

    with Image.open(file) as picture:
        if picture.width * picture.height > MOST_PIXELS:
            raise _too_large(file)
        turned = picture.getexif().get(_ORIENTATION, 1) > 4 if "exif" in picture.info else False
        size = (picture.width, picture.height) if turned else (picture.height, picture.width)
        deep = _is_deep(picture)
        cut = False
        if picture.format == "PNG" and not deep:
            with file.open("rb") as raw:
                cut = raw.read(26)[24:] in (b"\x10\x02", b"\x10\x04", b"\x10\x06")  # depth and type of the header
        transparent = picture.has_transparency_data and not deep
        channels = 4 if transparent else 1 if picture.mode in ("1", "L") or deep else 3
        return _Head(size, channels, deep, cut, _several(picture))  # which is asked last: it may go to other frames


def _several(picture: Image.Image) -> bool:
    """Whether the file has frames or pages behind the first, of which it may be that they cannot be read."""
    try:
        return getattr(picture, "n_frames", 1) > 1
    except BROKEN:
        return True


def _is_deep(picture: Image.Image) -> bool:
    """Whether a picture has more than 8 bits of grey: whole numbers, or floats."""
    return picture.mode.startswith(("I", "F"))


def _peak(file: Path) -> int | None:
    """The largest value of a picture of more than 8 bits of grey."""
    from PIL import Image

    with Image.open(file) as picture:
        if not _is_deep(picture):
            return None
        peak = float(np.asarray(picture).max())
        if not np.isfinite(peak):
            raise DataError(f"{file} holds {peak}: expected finite numbers in each pixel")
        return min(int(np.ceil(peak)), WHITES[-1])


def _too_large(file: Path) -> DataError:
    return DataError(f"{file} has more than {MOST_PIXELS:,} pixels: make it smaller before")


def _one_size(sizes: Counter[tuple[int, int]]) -> tuple[int, int]:
    if len(sizes) > 1:
        most = sizes.most_common(4)
        counts = ", ".join(f"{h}x{w} ({n} picture{'s'[: n > 1]})" for (h, w), n in most)
        more = f" and {len(sizes) - 4} more" if len(sizes) > 4 else ""
        raise DataError(
            f"the pictures differ in size (height x width): {counts}{more}; "
            "expected one size (or give the size to resize them to)"
        )
    return next(iter(sizes))


def _pixels(file: Path, size: tuple[int, int], channels: int, scale: float, *, resize: bool) -> np.ndarray:
    """The picture's pixels from 0 to 255, (*size, channels); scale: for those of more than 8 bits of grey."""
    from PIL import Image

    with Image.open(file) as picture:
        if resize:  # a JPEG can be decoded at a half, a quarter or an eighth, no smaller than asked for
            side = max(size)
            picture.draft(None, (side, side))
        plain = _plain(picture)
        if resize:
            plain = plain.resize(size[::-1], Image.Resampling.BILINEAR)
        elif (plain.height, plain.width) != size:  # turned by what stands behind its pixels
            raise DataError(f"{file} is {plain.height}x{plain.width}, others {size[0]}x{size[1]}: give a size")
        if plain.mode == "F":  # more than 8 bits of grey
            grey = np.repeat(np.asarray(plain)[..., None] * scale, channels, axis=2)
            grey[..., 3:] = 255  # opaque
            return grey
        return np.asarray(plain.convert(_MODES[channels])).reshape(*size, channels)


def _plain(picture: Image.Image) -> Image.Image:
    """The picture the right way up (as cameras record it), in the smallest mode that holds what it shows."""
    from PIL import Image, ImageOps

    picture = ImageOps.exif_transpose(picture)
    if _is_deep(picture):  # which Pillow's own conversion would cut to 8 bits
        return Image.fromarray(np.maximum(np.asarray(picture), 0).astype(np.float32))
    if picture.has_transparency_data:
        return picture.convert("RGBA")
    return picture.convert("L" if picture.mode in ("1", "L") else "RGB")
