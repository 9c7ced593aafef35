"""Configuration of an acoustic model and of its training."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wavenet_jax.acoustic.symbols import Inventory
from wavenet_jax.conditions import ClassCondition
from wavenet_jax.config import (
    Checked,
    ConditioningConfig,
    DataConfig,
    FeatureConfig,
    OptimizerConfig,
    RunConfig,
    TrainConfig,
    WaveNetConfig,
    option,
)
from wavenet_jax.data import Source, with_classes
from wavenet_jax.text.languages import ENGLISH, LANGUAGES, Language

PREPARATION = ("channel", "remove_dc", "normalize", "peak_db", "loudness_db", "pre_emphasis")
"""Fields of ``DataConfig`` that change the features of a recording."""

LANGUAGE = "language"
"""The family of classes that say which language is spoken, by its code."""

_OF_CROPS = ("feature_dir", "crop_samples", "full_context", "gain_db", "flip_polarity")
_OF_LABELS = ("label_from", "label_pattern", "label_table")


@dataclass(frozen=True)
class AcousticConfig(Checked):
    """The acoustic model: from phones to their lengths and to the features of frames."""

    sample_rate: int = option(16_000, "Sample rate of the vocoder, in Hz.", at_least=100, at_most=768_000)
    language: str = option(
        ENGLISH.code,
        f"Language of the texts: {', '.join(f'{code} ({spoken.name})' for code, spoken in LANGUAGES.items())}.",
        choices=tuple(LANGUAGES),
    )
    condition_on_classes: bool = option(
        False,
        "Tell the model the class of each clip, such as its speaker (see label_from); classes of a family called "
        "language are codes of the languages that are spoken.",
    )
    classes: tuple[str, ...] = option(
        (), "Classes of the model, as FAMILY=NAME; repeat for each; none: the classes of the data when training begins."
    )
    phone_channels: int = option(160, "Channels of the layers over phones.", at_least=1)
    phone_layers: int = option(2, "Residual convolutions over phones.", at_least=0)
    phone_kernel_size: int = option(3, "Kernel size of the convolutions over phones, in phones.", at_least=1)
    length_channels: int = option(64, "Channels of the two convolutions that predict lengths.", at_least=1)
    frame_channels: int = option(288, "Channels of the layers over frames.", at_least=1)
    melody_dilations: tuple[int, ...] = option(
        (1, 2, 4), "Dilation of each residual convolution over frames that pitch and voicing come from.", at_least=1
    )
    frame_dilations: tuple[int, ...] = option(
        (1, 2, 4, 8), "Dilation of each further one, from which spectra come, conditioned on the pitch.", at_least=1
    )
    frame_kernel_size: int = option(3, "Kernel size of the convolutions over frames, in frames.", at_least=1)
    acoustic_dropout: float = option(
        0.25, "Fraction of a layer's input channels dropped in training.", at_least=0, below=1
    )
    symbol_dropout: float = option(
        0.1,
        "Fraction of the phones' attributes, such as stress or place, withheld in training; of phones, half of it.",
        at_least=0,
        below=1,
    )
    flow_channels: int = option(
        256, "Channels of the flow that draws spectra around their averages; 0: the averages are spoken.", at_least=0
    )
    flow_dilations: tuple[int, ...] = option(
        (1, 2, 4, 8, 1, 2), "Dilation of each residual convolution of the flow, over frames.", at_least=1
    )
    flow_dropout: float = option(0.15, "As acoustic_dropout, of the flow.", at_least=0, below=1)
    flow_steps: int = option(6, "Steps along the flow in speaking; each computes it twice.", at_least=1, at_most=100)
    flow_temperature: float = option(
        0.0, "Share of the flow's noise in speaking: 0 is the smoothest, 1 as in training.", at_least=0, at_most=2
    )
    length_scale: float = option(
        1.0,
        "Factor of the lengths of phones in speaking, where a voice speaks faster or slower than its speaker.",
        at_least=0.5,
        at_most=2,
    )
    pitch_range: float = option(
        1.0,
        "Factor by which the pitch moves around a sentence's average in speaking; predictions are flatter than speech.",
        at_least=0,
        at_most=4,
    )
    spectral_contrast: float = option(
        1.0,
        "Factor by which the shapes of spectra differ from a sentence's average in speaking, each at its own power; "
        "predictions are smoother than speech.",
        at_least=0,
        at_most=4,
    )
    row_frames: int = option(800, "Frames of a row of a batch, which holds several clips.", at_least=16)
    row_phones: int = option(160, "Phones and pauses of a row, at most.", at_least=16)
    spread: float = option(
        1.6, "Greatest factor by which the spread of mel bands is restored where averages are spoken.", at_least=1
    )

    def check_together(self) -> None:
        codes = self.conditioning.families.get(LANGUAGE, ())
        for code in codes:
            if code not in LANGUAGES:
                raise ValueError(
                    f"classes of the family {LANGUAGE} must be codes of languages, {', '.join(LANGUAGES)}, got {code!r}"
                )
        if codes and self.language not in codes:
            raise ValueError(f"language must be one of the classes {', '.join(codes)}, got {self.language}")
        if self.classes and not self.condition_on_classes:
            raise ValueError("classes are for condition_on_classes; give both, or leave classes out")

    @property
    def conditioning(self) -> ConditioningConfig:
        """The classes, as those of a network."""
        return ConditioningConfig(condition_on_classes=self.condition_on_classes, classes=self.classes)

    @property
    def inventory(self) -> Inventory:
        """What the model tells apart."""
        families = self.conditioning.families
        codes = families.get(LANGUAGE, (self.language,))
        return Inventory(tuple(LANGUAGES[code] for code in codes), families)


@dataclass(frozen=True)
class AcousticRunConfig:
    """The whole configuration of a run that trains an acoustic model."""

    acoustic: AcousticConfig = dataclasses.field(default_factory=AcousticConfig)
    features: FeatureConfig = dataclasses.field(default_factory=FeatureConfig)
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    optimizer: OptimizerConfig = dataclasses.field(default_factory=OptimizerConfig)
    train: TrainConfig = dataclasses.field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        kinds = self.features.local_features
        predicted = "mel" in kinds or {"phones", "f0"} <= set(kinds)
        if kinds and not (predicted and set(kinds) <= {"mel", "f0", "phones"}):
            raise ValueError(
                "local_features must be mel, mel and f0, or phones and f0, for an acoustic model, got "
                f"{', '.join(kinds)}"
            )
        if "phones" in kinds and self.acoustic.condition_on_classes:
            raise ValueError(
                "condition_on_classes needs local_features=mel: a network that is told phones has no classes"
            )
        if "phones" in kinds and self.language != ENGLISH:
            raise ValueError(
                f"local_features=phones describes the phones of English, got language={self.language.code}; give "
                "local_features=mel and a vocoder of it"
            )
        defaults = DataConfig()
        for name in _OF_CROPS:
            if getattr(self.data, name) != getattr(defaults, name):
                raise ValueError(
                    f"{name} has no use for an acoustic model, got {getattr(self.data, name)}; leave it out"
                )
        if self.optimizer.microbatches > 1:
            raise ValueError("microbatches has no use for an acoustic model; lower batch_size instead")

    @property
    def language(self) -> Language:
        """What the texts are written in; where there are several languages, unless a class says which."""
        return LANGUAGES[self.acoustic.language]

    @property
    def languages(self) -> tuple[Language, ...]:
        """All languages of the model, that of ``language`` first."""
        others = (language for language in self.acoustic.inventory.languages if language != self.language)
        return self.language, *others

    def language_of(self, labels: Sequence[str]) -> Language:
        """Returns the language of a clip with these classes, given as FAMILY=NAME."""
        for label in labels:
            family, _, name = label.partition("=")
            if family == LANGUAGE and self.acoustic.condition_on_classes:
                return LANGUAGES[name]
        return self.language

    def with_classes(self, source: Source) -> "AcousticRunConfig":
        """Returns the config with the classes of a data set, where it is conditioned on classes and names none yet.

        Raises:
          ValueError: the data set has no classes, or its languages are not known, without ``language``, or of a family
            of another name.
        """
        conditioning = with_classes(self.model, source).conditioning
        for family, names in conditioning.families.items():
            if family != LANGUAGE and LANGUAGES.keys() >= set(names):
                raise ValueError(
                    f"classes of the family {family!r} are codes of languages, {', '.join(names)}; call it {LANGUAGE}, "
                    "so that texts are read in them: give label_from=pattern and label_pattern=^(?P<language>[^/]+)/"
                )
        classes = conditioning.classes
        return dataclasses.replace(self, acoustic=dataclasses.replace(self.acoustic, classes=classes))

    def class_ids(self, labels: Sequence[str]) -> tuple[int, ...]:
        """Returns the ids of the classes of a clip, given as FAMILY=NAME, one of each family; see ``ClassCondition``.

        Raises:
          ValueError: a family is missing, or the model has no such class.
        """
        return tuple(ClassCondition(self.model).ids(labels).tolist())

    def chosen(self, labels: Sequence[str]) -> tuple[str, ...]:
        """Returns the classes of speech, as FAMILY=NAME, one of each family.

        Args:
          labels: as NAME, or FAMILY=NAME; without one of a language, that of ``language`` is spoken.

        Raises:
          ValueError: a family is missing or given twice, or the model has no such class.
        """
        given = self.named(labels)
        if LANGUAGE in self.acoustic.conditioning.families:
            given.setdefault(LANGUAGE, self.acoustic.language)
        return ClassCondition(self.model).complete(given)

    def named(self, labels: Sequence[str]) -> dict[str, str]:
        """Returns the class of each family that labels name, each NAME or FAMILY=NAME.

        A model without classes has one language, which may be named.

        Raises:
          ValueError: the model has no such class, several families have the name, or two of a family are given.
        """
        if self.acoustic.classes:
            return ClassCondition(self.model).named(labels)
        for label in labels:
            if label not in (self.acoustic.language, f"{LANGUAGE}={self.acoustic.language}"):
                raise ValueError(
                    f"label says {label!r}, and the voice speaks {self.language.name} alone, without classes; leave it "
                    "out"
                )
        return {}

    @property
    def model(self) -> WaveNetConfig:
        """The audio and the features that a vocoder has to have, and the classes; its layers say nothing."""
        return WaveNetConfig(
            sample_rate=self.acoustic.sample_rate,
            features=self.features,
            conditioning=self.acoustic.conditioning,
            dilation_cycle=(1,),
        )

    @property
    def measured(self) -> WaveNetConfig:
        """The same with the features alone that a recording tells, and that are predicted: all but the phones."""
        names = tuple(name for name in self.features.local_features if name != "phones")
        return dataclasses.replace(self.model, features=dataclasses.replace(self.features, local_features=names))

    @property
    def bands(self) -> int:
        """M: mel bands that are predicted; 0 for a network that is told phones in their place."""
        return self.features.mel_channels if "mel" in self.features.local_features else 0

    @property
    def hop_seconds(self) -> float:
        """Length of a frame."""
        return self.features.hop_samples / self.acoustic.sample_rate

    def check_complete(self) -> None:
        """Raises ``ValueError`` where the features are still to be taken from a vocoder."""
        if not self.features.local_features:
            raise ValueError(
                "an acoustic model needs features; give vocoder=RUN that takes log-mel or phones, or local_features=mel"
            )

    def for_vocoder(self, vocoder: RunConfig) -> "AcousticRunConfig":
        """Returns the config with the features of a vocoder, and with the preparation of its recordings."""
        taken: dict[str, Any] = {name: getattr(vocoder.data, name) for name in PREPARATION}
        return dataclasses.replace(
            self,
            acoustic=dataclasses.replace(self.acoustic, sample_rate=vocoder.model.sample_rate),
            features=vocoder.model.features,
            data=dataclasses.replace(self.data, **taken),
        )

    @classmethod
    def of_vocoder(cls, vocoder: RunConfig) -> "AcousticRunConfig":
        """Returns the config of models for a vocoder, on the recordings that it learns from."""
        defaults = DataConfig()
        data = {name: getattr(defaults, name) for name in (*_OF_CROPS, *_OF_LABELS)}
        return cls(data=dataclasses.replace(vocoder.data, **data)).for_vocoder(vocoder)
