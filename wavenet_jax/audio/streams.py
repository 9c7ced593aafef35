"""The streams of sound that follow each other in one file, and how long each really is.

A file is often several that were joined (``cat a.mp3 b.mp3 > c.mp3``), and an MP3 file need not state its length.
libsndfile reads the first stream of a file, and of an MP3 file as much as its header states or as it guesses from the
first frames. So the frames, pages and chunks of a file are followed here from its start to its end.
"""

import io
import os
import re
import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

_BIT_RATES = {
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Bit rates of layer III in kbit/s, by generation of MPEG (2 is 2 and 2.5) and index."""
_SAMPLE_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
"""In Hz, by the bits of the version (1, 2, 2.5) and index."""
_INFO_BIT_RATE = 8
"""Index of a bit rate at which a frame holds an Info tag at every sample rate."""
_FRAME = re.compile(rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb]")
"""The beginning of a frame of layer III."""
_FLAC = re.compile(rb"fLaC")
_LEAST_BYTES = 64
_BLOCK = 1 << 18
_MOST_JUNK = 1 << 16
"""Bytes that are searched for the first frame before a file is left to libsndfile."""
_MOST_TRIES = 10_000
"""Places in a row that look like frames without being any, after which the search ends."""


class Stream(NamedTuple):
    """A part of a file that holds a sound of its own."""

    start: int
    """First byte."""
    stop: int
    """One past the last."""
    prefix: bytes = b""
    """Stands in front of these bytes, so that a decoder knows how long they last."""


class _Bytes:
    """The content of a file, read where it is looked at. (A map of it would end the process if the file shrinks.)"""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        self._start = 0
        self._block = b""

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, place: slice) -> bytes:
        start, stop = place.start or 0, place.stop
        if start < self._start or stop > self._start + len(self._block):
            self._file.seek(start)
            self._start, self._block = start, self._file.read(max(_BLOCK, stop - start))
        return self._block[start - self._start : stop - self._start]

    def byte(self, place: int) -> int:
        return self[place : place + 1][0]

    def find(self, pattern: re.Pattern[bytes], length: int, start: int, stop: int) -> int:
        """Finds the first place between two of a pattern of this length; -1: there is none."""
        while start < stop and self[start : start + length]:  # which has the block there in memory
            found = pattern.search(self._block, start - self._start, stop - self._start)
            if found is not None:
                return self._start + found.start()
            start = max(start + 1, self._start + len(self._block) - length + 1)
        return -1


def streams(path: str) -> list[Stream]:
    """Returns the streams of a file, in order; none where libsndfile's own reading of the whole file is right.

    Raises:
      OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        data = _Bytes(file)
        if len(data) < _LEAST_BYTES:
            return []
        try:
            found = list(_walk(data)(data))
        except (IndexError, struct.error):  # it ends in the middle of a header, or has become shorter
            return []
    if len(found) == 1 and not found[0].prefix:
        return []
    return found


def _walk(data: _Bytes) -> Callable[[_Bytes], Iterator[Stream]]:
    start = data[:4]
    if start == b"OggS":
        return _ogg
    if start == b"fLaC":
        return _flac
    if start in (b"RIFF", b"FORM"):
        return _chunks
    if start[:3] == b"ID3" or _mpeg(data, 0) is not None:
        return _mp3
    return lambda data: iter(())


class Span(io.RawIOBase):
    """A stream as a file of its own; it is read only, and may be placed anywhere."""

    def __init__(self, path: str, stream: Stream) -> None:
        """
        Args:
          path: of the file that holds the stream.
          stream: its place there.

        Raises:
          OSError: the file cannot be opened.
        """
        self._file = open(path, "rb")  # noqa: SIM115 - closed with this object
        self._stream = stream
        self._size = len(stream.prefix) + stream.stop - stream.start
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(0, origin + offset)
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        wanted = min(len(buffer), max(0, self._size - self._place))
        prefix = self._stream.prefix[self._place : self._place + wanted]
        beyond = max(0, self._place - len(self._stream.prefix))
        self._file.seek(self._stream.start + beyond)
        content = prefix + self._file.read(wanted - len(prefix))
        memoryview(buffer).cast("B")[: len(content)] = content
        self._place += len(content)
        return len(content)

    def close(self) -> None:
        self._file.close()
        super().close()


class _Frame(NamedTuple):
    """The header of a frame of MPEG audio, layer III."""

    size: int
    """Bytes."""
    version: int
    sample_rate: int
    mono: bool

    @property
    def side(self) -> int:
        """Bytes between the header and the place of an Info tag."""
        if self.version == 3:
            return 17 if self.mono else 32
        return 9 if self.mono else 17


def _mpeg(data: _Bytes, place: int) -> _Frame | None:
    """Returns the header of the frame at a place, if there is one."""
    head = data[place : place + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    rate_index, bits = head[2] >> 2 & 3, head[2] >> 4
    if version == 1 or layer != 1 or rate_index == 3 or not 0 < bits < 15:
        return None
    rate = _SAMPLE_RATES[version][rate_index]
    return _Frame(_size(version, rate, bits) + (head[2] >> 1 & 1), version, rate, head[3] >> 6 == 3)


def _size(version: int, sample_rate: int, bits: int) -> int:
    """Returns the bytes of a frame without padding."""
    generation = 1 if version == 3 else 2
    return 144_000 // generation * _BIT_RATES[generation][bits] // sample_rate


def _mp3(data: _Bytes) -> Iterator[Stream]:
    """Yields streams of frames; each begins with an Info tag, or where the kind of frame changes."""
    place, first, frames, stated, kind = 0, None, 0, None, None
    end = len(data)
    while place < end:
        skip = _tag(data, place)
        if skip:
            place += skip
            continue
        frame = _mpeg(data, place)
        if frame is None or not _followed(data, place, frame):
            place = _next_frame(data, place + 1, _MOST_JUNK if kind is None else end)
            if place < 0:
                break
            continue
        count = _stated(data, place, frame)
        this = (frame.version, frame.sample_rate, frame.mono)
        if count is not None or (kind is not None and this != kind):
            if first is not None and frames:
                yield _stream(data, first, place, frames, stated)
            first, frames, stated, kind = place, 0, count, this
        if first is None:
            first, kind = place, this
        frames += count is None
        place += frame.size
    if first is not None and frames:
        yield _stream(data, first, end, frames, stated)


def _stream(data: _Bytes, start: int, stop: int, frames: int, stated: int | None) -> Stream:
    """Returns a stream of this many frames; one that does not state as many gets an Info tag in front that does."""
    if stated is not None and stated >= frames:
        return Stream(start, stop)
    if stated is not None:  # its own tag is wrong
        tag = _mpeg(data, start)
        assert tag is not None
        start += tag.size
    first = _mpeg(data, start)
    assert first is not None
    head = bytearray(data[start : start + 4])
    head[1] |= 1  # no checksum
    head[2] = _INFO_BIT_RATE << 4 | head[2] & 0x0C
    info = bytes(head) + bytes(first.side) + b"Info" + struct.pack(">II", 1, frames)
    return Stream(start, stop, info.ljust(_size(first.version, first.sample_rate, _INFO_BIT_RATE), b"\0"))


def _stated(data: _Bytes, place: int, frame: _Frame) -> int | None:
    """Returns the frames that the Info tag in this frame states (0: it does not); None for a frame without one."""
    tag = place + 4 + frame.side
    if data[tag : tag + 4] in (b"Xing", b"Info"):
        flags, count = struct.unpack(">II", data[tag + 4 : tag + 12])
        return count if flags & 1 else 0
    if data[place + 36 : place + 40] == b"VBRI":
        return int(struct.unpack(">I", data[place + 50 : place + 54])[0])
    return None


def _tag(data: _Bytes, place: int) -> int:
    """Returns the bytes of the tag (ID3, APE) at a place; 0 where there is none."""
    start = data[place : place + 8]
    if start[:3] == b"ID3" and place + 10 <= len(data):
        flags, *sizes = data[place + 5 : place + 10]
        return 10 + sum(size << 7 * (3 - n) for n, size in enumerate(sizes)) + (10 if flags & 0x10 else 0)
    if start[:3] == b"TAG":
        return 128
    if start == b"APETAGEX" and place + 32 <= len(data):
        return 32 + int(struct.unpack("<I", data[place + 12 : place + 16])[0])
    return 0


def _followed(data: _Bytes, place: int, frame: _Frame) -> bool:
    """Tells a frame from bytes that look like one: another frame, a tag or the end follows it."""
    after = place + frame.size
    if after >= len(data) - 4 or _tag(data, after):
        return True
    following = _mpeg(data, after)
    return following is not None and following.version == frame.version


def _next_frame(data: _Bytes, place: int, most: int) -> int:
    """Finds the next place of a frame among the ``most`` bytes from ``place`` on; -1: there is none."""
    stop = min(len(data), place + most)
    for _ in range(_MOST_TRIES):
        place = data.find(_FRAME, 2, place, stop)
        if place < 0:
            break
        frame = _mpeg(data, place)
        if frame is not None and _followed(data, place, frame):
            return place
        place += 1
    return -1


def _ogg(data: _Bytes) -> Iterator[Stream]:
    """Yields the links of a chain: each begins with the pages that begin its streams."""
    place = start = 0
    beginning = True
    while data[place : place + 4] == b"OggS" and place + 27 <= len(data):
        begins = bool(data.byte(place + 5) & 2)
        if begins and not beginning:
            yield Stream(start, place)
            start = place
        beginning = begins
        segments = data.byte(place + 26)
        place += 27 + segments + sum(data[place + 27 : place + 27 + segments])
    yield Stream(start, len(data))


def _flac(data: _Bytes) -> Iterator[Stream]:
    start = 0
    while True:
        following = start + 1
        while (following := data.find(_FLAC, 4, following, len(data))) >= 0:
            if data[following + 4 : following + 8] in (b"\0\0\0\x22", b"\x80\0\0\x22"):  # a STREAMINFO block
                break
            following += 4
        if following < 0:
            yield Stream(start, len(data))
            return
        yield Stream(start, following)
        start = following


def _chunks(data: _Bytes) -> Iterator[Stream]:
    """Yields files of chunks (WAV, AIFF), each in one that states its size."""
    kind = data[:4]
    form = "<I" if kind == b"RIFF" else ">I"
    start = 0
    while True:
        (size,) = struct.unpack(form, data[start + 4 : start + 8])
        stop = start + 8 + size + size % 2
        if size == 0 or data[stop : stop + 4] != kind or len(data) < stop + 12:
            yield Stream(start, len(data))
            return
        yield Stream(start, stop)
        start = stop
