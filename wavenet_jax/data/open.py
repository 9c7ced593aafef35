"""From a config to the clips of one split."""

from wavenet_jax.config import DataConfig, WaveNetConfig
from wavenet_jax.data.folder import collect, refuse_unusable
from wavenet_jax.data.manifest import Progress
from wavenet_jax.data.source import Source
from wavenet_jax.data.splits import SPLITS
from wavenet_jax.data.synthetic import SyntheticSource


def open_source(data: DataConfig, model: WaveNetConfig, split: str, progress: Progress | None = None) -> Source:
    """The clips of a split, at the model's sample rate.

    Args:
      data: which folders, and how they are divided and prepared; no folder means synthetic sounds.
      model: its sample rate, and the receptive field that clips must not be shorter than.
      split: one of ``train``, ``validation``, ``test``. The last two may be empty.
      progress: is told the bytes of the files that were listened to, and of all that have to be.

    Raises:
      ValueError: nothing is usable, or nothing is left to train on.
    """
    if not data.data_dir:
        return _synthetic(data, model, split)
    collection = collect(data, model, progress)
    refuse_unusable(collection, data.data_dir)
    source = collection.split(split)
    if split == "train" and not len(source):
        raise ValueError(
            f"all {len(collection.recordings)} files are held out (validation_fraction={data.validation_fraction}, "
            f"test_fraction={data.test_fraction}); hold out fewer"
        )
    return source


def _synthetic(data: DataConfig, model: WaveNetConfig, split: str) -> SyntheticSource:
    fraction = {"train": 1.0, "validation": data.validation_fraction, "test": data.test_fraction}[split]
    clip_samples = round(data.synthetic_seconds * model.sample_rate)
    if clip_samples < model.receptive_field:
        raise ValueError(
            f"synthetic_seconds={data.synthetic_seconds} makes clips of {clip_samples} samples, shorter than the "
            f"receptive field of {model.receptive_field}; raise it"
        )
    return SyntheticSource(round(fraction * data.synthetic_clips), clip_samples, SPLITS.index(split))
