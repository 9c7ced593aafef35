"""Which audio a run learns from, how it is divided and prepared, and how it is cut."""

from dataclasses import dataclass

from wavenet_jax.config.options import Checked, option


@dataclass(frozen=True)
class DataConfig(Checked):
    """Audio, its split, labels and preparation, and the crops that batches are made of."""

    data_dir: tuple[str, ...] = option(
        (), "Folder of recordings, read recursively; repeat for several; none: synthetic sounds."
    )
    include: tuple[str, ...] = option(
        (), "Glob on the relative name (* also stands for slashes) that files must fit; none: every audio file."
    )
    exclude: tuple[str, ...] = option((), "Glob on the relative name that files must not fit.")
    channel: int | None = option(None, "Channel to read, counted from 0; none: the mean of all.", at_least=0)
    synthetic_clips: int = option(200, "Training clips of the synthetic data set.", at_least=1)
    synthetic_seconds: float = option(2.0, "Length of a synthetic clip in seconds.", above=0)

    validation_fraction: float = option(
        0.05, "Share of the files that is held out for validation.", at_least=0, below=1
    )
    test_fraction: float = option(0.0, "Share of the files that is held out for testing.", at_least=0, below=1)
    validation_files: tuple[str, ...] = option(
        (), "Glob of the validation files, or @LIST: a file in the data folder with one name a line; none: by fraction."
    )
    test_files: tuple[str, ...] = option((), "Glob or @LIST of the test files; none: by fraction.")

    label_from: str | None = option(
        None,
        "What a clip's class is read from: its first folder, label_pattern or label_table.",
        choices=("folder", "pattern", "table"),
    )
    label_pattern: str | None = option(
        None, "Regular expression found in the relative name; its first group is the class."
    )
    label_table: str | None = option(None, "Table of names and classes, separated by tabs or |, in the data folder.")
    transcript_table: str | None = option(
        None, "Table of names and transcripts, separated by tabs or |, in the data folder."
    )

    trim_silence: bool = option(False, "Leave out the silence at both ends of a file.")
    trim_threshold_db: float = option(
        -50.0, "Level in dBFS below which a sample counts as silence.", at_least=-90, below=0
    )
    trim_margin_seconds: float = option(0.1, "Silence that trimming leaves at each end, in seconds.", at_least=0)
    remove_dc: bool = option(False, "Subtract the mean of each file.")
    normalize: str | None = option(
        None, "Scale each file to peak_db or to loudness_db, without clipping.", choices=("peak", "loudness")
    )
    peak_db: float = option(-1.0, "Greatest level of a file normalised by peak, in dBFS.", at_most=0, at_least=-60)
    loudness_db: float = option(
        -23.0, "Mean level of a file normalised by loudness, in dBFS (RMS).", at_most=0, at_least=-60
    )
    pre_emphasis: float | None = option(
        None, "Coefficient a of x[t] - a x[t-1]; undone when sampling.", above=0, below=1
    )
    gain_db: float = option(
        0.0, "Augmentation: each crop is scaled by up to this many dB, up or down.", at_least=0, at_most=40
    )
    flip_polarity: bool = option(False, "Augmentation: half of the crops are turned upside down.")

    cache_dir: str | None = option(
        None, "Folder for decoded audio and what is known of files; none: wavenet_jax in the user's cache folder."
    )
    cache_gib: float = option(50.0, "Space that decoded audio may take there, in GiB.", above=0)

    crop_samples: int = option(4_000, "Scored samples of a crop.", at_least=1)
    full_context: bool = option(
        False,
        "Show the network a receptive field of audio in front of each crop's scored samples, so that it learns from "
        "the context that it has in a whole clip.",
    )
    batch_size: int = option(8, "Crops in a batch, over all devices and hosts.", at_least=1)

    def check_together(self) -> None:
        if self.validation_fraction + self.test_fraction >= 1:
            raise ValueError(
                "validation_fraction and test_fraction must leave files to train on, got "
                f"{self.validation_fraction} and {self.test_fraction}"
            )
        for way in ("pattern", "table"):
            if self.label_from == way and getattr(self, f"label_{way}") is None:
                raise ValueError(f"label_from={way} needs label_{way}, got none")
