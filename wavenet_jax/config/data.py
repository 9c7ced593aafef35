"""Which audio a run learns from, and how it is cut."""

from dataclasses import dataclass

from wavenet_jax.config.options import Checked, option


@dataclass(frozen=True)
class DataConfig(Checked):
    """Audio, its split, and the crops that batches are made of."""

    data_dir: tuple[str, ...] = option(
        (), "Folder of recordings, read recursively; repeat for several; none: synthetic sounds."
    )
    synthetic_clips: int = option(200, "Training clips of the synthetic data set.", at_least=1)
    synthetic_seconds: float = option(2.0, "Length of a synthetic clip in seconds.", above=0)
    validation_fraction: float = option(
        0.05, "Share of the files that is held out for validation.", at_least=0, below=1
    )
    crop_samples: int = option(4_000, "Scored samples of a crop.", at_least=1)
    batch_size: int = option(8, "Crops in a batch, over all devices and hosts.", at_least=1)
