"""The audio that a run learns from: its files, splits, labels and preparation, and how it is cropped."""

from dataclasses import dataclass
from pathlib import Path

from wavenet_jax.config.options import Checked, option

PLACES = frozenset({"data_dir", "cache_dir", "cache_gib"})
"""Fields that say where recordings and caches lie. What a run computes depends on the clips alone
(``data.fingerprint``), so a run may be resumed with others."""

SELECTION = frozenset({"include", "exclude"})
"""Fields that only choose files; different globs may lead to the same clips."""


@dataclass(frozen=True)
class DataConfig(Checked):
    """Audio, its splits, labels and preparation, and the crops that batches are made of."""

    data_dir: tuple[str, ...] = option(
        (),
        "Folder of recordings, tar archive of them, or URL (s3://, gs://, hf://), searched recursively; repeat for "
        "several; none: synthetic sounds.",
        path=True,
    )
    include: tuple[str, ...] = option(
        (), "Glob that a file's relative name must match (* also matches slashes); none: every audio file."
    )
    exclude: tuple[str, ...] = option(
        (),
        "Glob of relative names to leave out. Hidden files, run directories and generated sound are always left out.",
    )
    channel: int | None = option(None, "Channel to read, counted from 0; none: the mean of all.", at_least=0)
    synthetic_clips: int = option(200, "Training clips of the synthetic data set.", at_least=1)
    synthetic_seconds: float = option(2.0, "Length of a synthetic clip in seconds.", above=0)

    validation_fraction: float = option(
        0.05,
        "Fraction of the files held out for validation; of a single file, its end is held out.",
        at_least=0,
        below=1,
    )
    test_fraction: float = option(0.0, "Fraction of the files held out for testing.", at_least=0, below=1)
    validation_files: tuple[str, ...] = option(
        (),
        "Glob of the validation files, or @LIST, a file in the data folder with one name per line; none: by "
        "validation_fraction.",
    )
    test_files: tuple[str, ...] = option((), "Glob or @LIST of the test files; none: by test_fraction.")

    label_from: str | None = option(
        None,
        "Where a clip's class is read from: its first folder, label_pattern or label_table.",
        choices=("folder", "pattern", "table"),
    )
    label_pattern: str | None = option(
        None,
        "Regular expression searched for in the relative name. Its first group is the class; named groups are "
        "one family each.",
    )
    label_table: str | None = option(
        None, "Table in the data folder of names and classes, separated by tabs or |.", path=True
    )
    transcript_table: str | None = option(
        None, "Table in the data folder of names and transcripts, separated by tabs or |.", path=True
    )

    trim_silence: bool = option(False, "Cut the silence at both ends of each file.")
    trim_threshold_db: float = option(
        -50.0, "Level below which a sample counts as silence, in dBFS.", at_least=-90, below=0
    )
    trim_margin_seconds: float = option(0.1, "Silence to keep at each end when trimming, in seconds.", at_least=0)
    remove_dc: bool = option(False, "Subtract the mean of each file.")
    normalize: str | None = option(
        None, "Scale each file to peak_db or loudness_db, without clipping; none: off.", choices=("peak", "loudness")
    )
    peak_db: float = option(-1.0, "Peak level for normalize=peak, in dBFS.", at_most=0, at_least=-60)
    loudness_db: float = option(-23.0, "RMS level for normalize=loudness, in dBFS.", at_most=0, at_least=-60)
    pre_emphasis: float | None = option(
        None,
        "Coefficient a of the pre-emphasis filter x[t] - a x[t-1], undone in generated audio; none: off.",
        above=0,
        below=1,
    )
    gain_db: float = option(
        0.0, "Augmentation: scale each crop by a random gain of up to this many dB, up or down.", at_least=0, at_most=40
    )
    flip_polarity: bool = option(False, "Augmentation: invert the polarity of half of the crops.")

    feature_dir: str | None = option(
        None,
        "Folder of arrays, with the clips' names and .npy, that take the place of measured frames in training, such as "
        "those that an acoustic model predicts (wavenet features --acoustic); clips without one are measured. "
        "local_features=phones needs it (wavenet features --phones), and goes without the clips that have none.",
        path=True,
    )

    cache_dir: str | None = option(
        None,
        "Folder for decoded audio and scan results; none: wavenet_jax in the user's cache folder.",
        path=True,
    )
    cache_gib: float = option(50.0, "Space for decoded audio in the cache, in GiB.", above=0)

    crop_samples: int = option(4_000, "Scored samples per crop.", at_least=1)
    full_context: bool = option(
        False,
        "Show the network a receptive field of unscored audio before each crop, so that it trains with the "
        "context that it has in a whole clip.",
    )
    batch_size: int = option(8, "Crops per batch, over all devices and hosts.", at_least=1)

    @property
    def feature_folder(self) -> Path | None:
        """The path of ``feature_dir``, if it is given."""
        return Path(self.feature_dir) if self.feature_dir else None

    def check_together(self) -> None:
        if self.feature_dir is not None and self.gain_db:
            raise ValueError(f"gain_db changes features, and those in feature_dir stay; got {self.gain_db:g}")
        if self.validation_fraction + self.test_fraction >= 1:
            raise ValueError(
                "validation_fraction and test_fraction must leave files to train on, got "
                f"{self.validation_fraction} and {self.test_fraction}"
            )
        for way in ("pattern", "table"):
            given = getattr(self, f"label_{way}")
            if self.label_from == way and given is None:
                raise ValueError(f"label_from={way} needs label_{way}, got none")
            if self.label_from != way and given is not None:
                raise ValueError(
                    f"label_{way} is used with label_from={way} alone, got label_from={self.label_from or 'none'}; "
                    "leave one of them out"
                )
