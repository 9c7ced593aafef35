"""From a config to the clips of each split."""

from collections.abc import Sequence

from wavenet_jax.config import DataConfig, WaveNetConfig
from wavenet_jax.data.describer import usable
from wavenet_jax.data.files.manifest import Progress
from wavenet_jax.data.folder import Collection, collect, refuse_unusable
from wavenet_jax.data.source import Source
from wavenet_jax.data.splits import ALL, SPLITS
from wavenet_jax.data.synthetic import SyntheticSource
from wavenet_jax.model import receptive_field


def open_source(data: DataConfig, model: WaveNetConfig, split: str, progress: Progress | None = None) -> Source:
    """Opens the clips of one split; see ``open_sources``."""
    (source,) = open_sources(data, model, (split,), progress)
    return source


def open_sources(
    data: DataConfig, model: WaveNetConfig, splits: Sequence[str] = SPLITS, progress: Progress | None = None
) -> list[Source]:
    """Opens the clips of several splits, at the model's sample rate; the folders are searched once.

    Args:
      data: which folders, and how they are divided and prepared; no folder means synthetic sounds.
      model: its sample rate, the receptive field that clips must not be shorter than, and the classes that it has.
      splits: of ``train``, ``validation`` and ``test``, of which the last two may be empty, and ``all``.
      progress: see ``Progress``.

    Raises:
      ValueError: nothing is usable, or nothing is left to train on.
    """
    if not data.data_dir:
        return [_synthetic(data, model, split) for split in splits]
    collection = collect(data, model, progress)
    refuse_unusable(collection, data)
    return [_opened(collection, data, model, split) for split in splits]


def _opened(collection: Collection, data: DataConfig, model: WaveNetConfig, split: str) -> Source:
    source = collection.split(*(SPLITS if split == ALL else (split,)))
    if split == "train" and not len(source):
        fields = ("validation_files", "test_files", "validation_fraction", "test_fraction")
        asked = ", ".join(f"{name}={getattr(data, name)}" for name in fields if getattr(data, name))
        raise ValueError(f"all {len(collection.clips)} files are held out by {asked}; hold out fewer")
    fitting = usable(model, source, data.feature_folder)
    if split == "train" and not len(fitting):
        name, reason = fitting.skipped[-1]
        raise ValueError(
            f"the network can be trained on none of the {len(source)} clips; the last one, {name}, {reason}"
        )
    return fitting


def _synthetic(data: DataConfig, model: WaveNetConfig, split: str) -> SyntheticSource:
    fraction = {"validation": data.validation_fraction, "test": data.test_fraction}.get(split, 1.0)
    clip_samples = round(data.synthetic_seconds * model.sample_rate)
    if clip_samples < receptive_field(model):
        raise ValueError(
            f"synthetic_seconds={data.synthetic_seconds} makes clips of {clip_samples} samples, shorter than the "
            f"receptive field of {receptive_field(model)}; raise it"
        )
    clips = max(1, round(fraction * data.synthetic_clips)) if fraction else 0
    return SyntheticSource(clips, clip_samples, SPLITS.index(split) if split in SPLITS else 0)
