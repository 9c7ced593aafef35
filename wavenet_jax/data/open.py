"""From a config to the clips of one split."""

from wavenet_jax.config import DataConfig, WaveNetConfig
from wavenet_jax.data.source import Source
from wavenet_jax.data.synthetic import SyntheticSource

SPLITS = ("train", "validation", "test")


def open_source(data: DataConfig, model: WaveNetConfig, split: str) -> Source:
    """The clips of a split, at the model's sample rate.

    Args:
      data: which folders and how they are divided; no folder means synthetic sounds.
      model: its sample rate, and the receptive field that a clip must be longer than.
      split: one of ``train``, ``validation``, ``test``. The last two may be empty.

    Raises:
      ValueError: nothing is usable.
    """
    seed = SPLITS.index(split)
    clips = data.synthetic_clips if split == "train" else max(1, round(data.synthetic_clips * data.validation_fraction))
    clip_samples = round(data.synthetic_seconds * model.sample_rate)
    if clip_samples <= model.receptive_field:
        raise ValueError(
            f"synthetic_seconds must give clips longer than the receptive field of {model.receptive_field} samples, got "
            f"{data.synthetic_seconds} s ({clip_samples} samples); raise it"
        )
    return SyntheticSource(clips, clip_samples, seed)
