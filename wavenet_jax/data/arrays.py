"""Waveforms in memory as a source."""

from collections.abc import Sequence

import numpy as np

from wavenet_jax.data.source import ListedSource


class ArraySource(ListedSource):
    """Clips that are arrays: float ``[T]`` in [-1, 1] each, at the model's sample rate, taken as they are."""

    def __init__(self, waveforms: Sequence[np.ndarray], labels: Sequence[tuple[str, ...]] | None = None) -> None:
        """
        Args:
          waveforms: the clips.
          labels: the class of each clip in each family, as FAMILY=NAME; default: none.

        Raises:
          ValueError: an array is not a mono waveform of finite numbers, or labels are not one for each clip.
        """
        for number, waveform in enumerate(waveforms):
            if waveform.ndim != 1 or not np.issubdtype(waveform.dtype, np.floating):
                raise ValueError(
                    f"clip {number} must be a mono waveform of floats, [samples], "
                    f"got {waveform.dtype} of shape {list(waveform.shape)}"
                )
            if not np.isfinite(waveform).all():
                raise ValueError(f"clip {number} must hold finite numbers")
        if labels is not None and len(labels) != len(waveforms):
            raise ValueError(f"labels must be one for each of {len(waveforms)} clips, got {len(labels)}")
        super().__init__(
            names=[f"clip {number}" for number in range(len(waveforms))],
            lengths=[len(waveform) for waveform in waveforms],
            labels=[()] * len(waveforms) if labels is None else list(labels),
        )
        self.waveforms = waveforms

    @property
    def classes(self) -> Sequence[str]:
        return sorted({label for labels in self._labels for label in labels})

    def read(self, clip: int, start: int, stop: int) -> np.ndarray:
        return np.asarray(self.waveforms[clip][start:stop], np.float32)
