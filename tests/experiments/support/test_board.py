"""TensorBoard's event files."""

from pathlib import Path

import numpy as np
import pytest

from experiments.support.board import Board


def test_sound_beyond_full_scale_says_nothing_on_standard_output(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    board = Board(tmp_path / "tensorboard", 0)
    board.add_sound("probe", np.float32([0.0, 1.5, -2.0]), np.zeros((4, 4)), 1, 4_000)
    board.close()
    assert tuple(capfd.readouterr()) == ("", "")
