"""The interface of measures, and the table of all of them."""

import importlib
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, ClassVar, Literal, NamedTuple, TypeVar

import numpy as np
import soxr

from wavenet_jax.audio.features import LogMel
from wavenet_jax.config.tables import Table

T = TypeVar("T")

SPEECH_RATE = 16_000
"""Sample rate in Hz of the models that judge speech."""


class Sound:
    """A waveform that caches what measures derive from it."""

    def __init__(self, waveform: np.ndarray, sample_rate: int) -> None:
        """
        Args:
          waveform: float ``[T]`` in [-1, 1].
          sample_rate: in Hz.

        Raises:
          ValueError: it is empty.
        """
        if not len(waveform):
            raise ValueError("a sound needs samples, got none")
        self.waveform, self.sample_rate = waveform, sample_rate
        self._kept: dict[object, Any] = {}

    def __len__(self) -> int:
        return len(self.waveform)

    def cut(self, samples: int) -> "Sound":
        """Returns the first ``samples``, or itself if it is no longer than that."""
        return self if samples >= len(self) else Sound(self.waveform[:samples], self.sample_rate)

    def at(self, sample_rate: int) -> np.ndarray:
        """Returns the waveform at another sample rate in Hz (soxr, high quality): float32 ``[T]`` in [-1, 1]."""

        def convert() -> np.ndarray:
            converted = soxr.resample(np.asarray(self.waveform, np.float32), self.sample_rate, sample_rate)
            return np.clip(converted, -1, 1)

        return self._keep(sample_rate, convert)

    def derived(self, function: "Callable[[Sound], T]") -> T:
        """Returns the result of a function of this sound, computed once."""
        return self._keep(function, lambda: function(self))

    def _keep(self, key: object, make: Callable[[], T]) -> T:
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]


class Clip(NamedTuple):
    """A sound to be judged."""

    name: str
    sound: Sound
    reference: Sound | None = None
    """The recording that the sound is a copy of, of the same rate and length."""
    text: str | None = None
    """The transcript."""


@dataclass(frozen=True)
class Material:
    """What measures use besides the clip that they judge."""

    log_mel: LogMel
    """Settings of log-mel spectra, and the sample rate of all sounds."""
    speaker: Mapping[str, Callable[[], Sound]] = field(default_factory=dict)
    """Recordings of the speaker by the names of their clips, read when they are needed."""
    other_texts: Sequence[str] = ()
    """Transcripts of clips other than the judged ones."""
    language_model: Literal["transcripts", "pocketsphinx"] = "transcripts"
    """Language model of the recogniser: ``transcripts`` (of ``other_texts``), or ``pocketsphinx`` (its own)."""


class Reading(NamedTuple):
    """The value of a measure for a clip."""

    value: float
    weight: float = 1.0
    """Weight in the mean over clips: for rates, their denominator."""


class NoValueError(ValueError):
    """A measure has no value for a clip; the message gives the reason, without names."""


class MissingPackageError(ValueError):
    """A package that a measure or a yardstick needs cannot be imported."""

    def __init__(self, user: str, package: str, problem: str, extra: str) -> None:
        self.reason = f"{problem}: pip install wavenet-jax[{extra}]"
        """The problem and the remedy."""
        super().__init__(f"{user} needs {package}, which is {self.reason}")


class Measure(ABC):
    """A number about one aspect of a sound.

    The class describes the measure; an instance has loaded what it needs. To add one, write a class in this package
    under ``@MEASURES.register(name)``; the name is its key in results.
    """

    name: ClassVar[str]
    """Name in the table."""
    unit: ClassVar[str]
    """Unit; empty for a pure number."""
    range: ClassVar[tuple[float, float]]
    """Lowest and highest possible value."""
    better: ClassVar[Literal["higher", "lower"]]
    purpose: ClassVar[str]
    """What it is good for, in a few words."""
    needs: ClassVar[tuple[Literal["reference", "speaker", "text"], ...]] = ()
    """The parts of a clip and of the material that it requires."""
    extra: ClassVar[str | None] = None
    """The extra that installs its packages; None if it needs none."""

    @abstractmethod
    def __init__(self, material: Material) -> None:
        """Loads what the measure needs.

        Raises:
          MissingPackageError: a package is not installed.
        """

    @abstractmethod
    def __call__(self, clip: Clip) -> Reading:
        """Judges a clip, which has what the measure ``needs``.

        Raises:
          NoValueError: the measure is not defined for this clip.
        """

    @property
    def note(self) -> str | None:
        """Returns what else the numbers depend on, such as a language model."""
        return None

    @classmethod
    def load(cls, module: str) -> ModuleType:
        """Imports a module of an optional package.

        Raises:
          MissingPackageError: it cannot be imported.
        """
        return load(module, cls.name, str(cls.extra))


def load(module: str, user: str, extra: str) -> ModuleType:
    """Imports a module of the packages of an extra, for a measure or a yardstick called ``user``.

    Raises:
      MissingPackageError: it cannot be imported.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # several of them use what Python, scipy or setuptools deprecate
            return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingPackageError(user, str(error.name), "not installed", extra) from None
    except (ImportError, OSError) as error:
        raise MissingPackageError(user, module, f"broken ({' '.join(str(error).split())})", extra) from None


class _Measures(Table):
    def register(self, name: str) -> Callable[[T], T]:
        add = super().register(name)

        def named(entry: T) -> T:
            entry.name = name  # type: ignore[attr-defined]
            return add(entry)

        return named


MEASURES = _Measures("measures", "wavenet_jax.measures")
"""Classes of measures: see ``Measure``."""
