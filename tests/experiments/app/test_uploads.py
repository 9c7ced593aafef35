"""What a browser sends is used, or refused in one line."""

import numpy as np
import pytest
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.runtime.uploaded_file_manager import UploadedFile, UploadedFileRec

from experiments.app.uploads import MOST_BYTES, MOST_SECONDS, Clip, received
from tests.data.bad_files import encoded
from tests.experiments.app.sent import HOSTILE_NAMES, files

RATE = 4_000


def sent(name: str, data: bytes) -> Clip:
    return received(UploadedFile(UploadedFileRec("1", name, "audio/wav", data), FileURLs()), RATE)


def test_each_bad_file_is_used_or_refused_in_one_line_with_its_name_and_the_reason() -> None:
    count = 0
    for name, data, reason in files():
        count += 1
        if reason is None:
            waveform = sent(name, data).waveform
            assert waveform.size, name
            assert np.abs(waveform).max() <= 1, name
        else:
            with pytest.raises(ValueError, match=reason) as refused:
                sent(name, data)
            assert str(refused.value).startswith(f"{name} ")
            assert "\n" not in str(refused.value)
    assert count > 40


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_no_name_is_opened(name: str) -> None:
    assert sent(name, encoded(np.full(100, 0.25), rate=RATE)).waveform == pytest.approx(0.25, abs=1e-4)
    with pytest.raises(ValueError, match="is not readable audio"):
        sent(name, b"This is no sound.")


def test_what_is_too_large_or_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="has 20,971,521 bytes; send at most 20,971,520"):
        sent("large.wav", bytes(MOST_BYTES + 1))
    samples = round(MOST_SECONDS * RATE)
    longest = encoded(np.zeros(samples), "FLAC", rate=RATE)
    assert len(sent("longest.flac", longest).waveform) == samples
    longer = encoded(np.zeros(samples + 1), "FLAC", rate=RATE)
    with pytest.raises(ValueError, match="^longer.flac is longer than 60 seconds; cut it first$"):
        sent("longer.flac", longer)
    hours = encoded(np.zeros(10_000_000), "FLAC", rate=100)  # a day and some, in a few bytes
    with pytest.raises(ValueError, match="is longer than 60 seconds"):
        sent("hours.flac", hours)
