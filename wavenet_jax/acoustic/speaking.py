"""From sentences to the features of a vocoder."""

import math
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from wavenet_jax.acoustic.data import AlignedClip
from wavenet_jax.acoustic.features import feature_range
from wavenet_jax.acoustic.flow import Harmonics, Noise
from wavenet_jax.acoustic.linguistic import whole_frames
from wavenet_jax.acoustic.model import AcousticModel, places_of
from wavenet_jax.acoustic.runs import TrainedAcoustic
from wavenet_jax.acoustic.spectra import contrasted, drawn
from wavenet_jax.acoustic.symbols import Symbols, segments_of, symbols_of
from wavenet_jax.alignment import Segment
from wavenet_jax.arithmetic import round_up
from wavenet_jax.config import Prosody
from wavenet_jax.text import Lexicon, Sentence, sentences
from wavenet_jax.typing import Array

_PHONES_AT_ONCE, _FRAMES_AT_ONCE = 64, 256
"""Sizes are rounded up to multiples of these, so that few programs are compiled."""

_LONGEST_FRAMES = 400

AS_PREDICTED = Prosody()


class Utterance(NamedTuple):
    """A sentence ready to be spoken: the features for the vocoder, and when each phone will sound."""

    words: Sentence
    segments: tuple[Segment, ...]
    """Phones and pauses without gaps, in seconds from the start of the sentence; a segment's word is its place in
    ``words``."""
    features: np.ndarray
    """Float32 ``[F, C]``."""
    labels: tuple[str, ...] = ()
    """Its classes, as FAMILY=NAME."""


class Speaker:
    """Predicts the features of sentences."""

    def __init__(self, trained: TrainedAcoustic) -> None:
        config = trained.config
        self.config = config
        self._params = jax.tree.map(jnp.asarray, trained.params)
        self._range = feature_range(config)
        self._model = AcousticModel(config.acoustic, config.bands)
        self._encode = jax.jit(self._encoded)
        self._melody = jax.jit(partial(self._model.apply, method="melody"))
        self._spectra = jax.jit(self._spoken)
        self._harmonics = Harmonics.of(config) if config.bands else None
        self._noise = Noise.of(config) if config.bands else None

    def __call__(
        self,
        sentence: Sentence,
        prosody: Prosody = AS_PREDICTED,
        seed: int | Sequence[int] = 0,
        label: Sequence[str] = (),
    ) -> np.ndarray:
        """Predicts the frames of a sentence, pauses at both ends included: float32 ``[F, C]``; see ``utter``."""
        return self.utter(sentence, prosody, seed, label).features

    def utter(
        self,
        sentence: Sentence,
        prosody: Prosody = AS_PREDICTED,
        seed: int | Sequence[int] = 0,
        label: Sequence[str] = (),
    ) -> Utterance:
        """Predicts the frames of a sentence, and when its phones sound.

        Args:
          sentence: words with their phones.
          prosody: on top of what the model's own ``length_scale`` and ``pitch_range`` make of it.
          seed: of the noise that spectra are drawn from.
          label: the class of each family: see ``AcousticRunConfig.chosen``.

        Raises:
          ValueError: the model has no such class.
        """
        labels = self.config.chosen(label)
        symbols = symbols_of(sentence, self.config.acoustic.inventory, self.config.class_ids(labels))
        encoded, logs = self._read(symbols)
        lengths = whole_lengths(np.expm1(logs) * self.config.acoustic.length_scale / prosody.speed)
        melody, present, spoken = self._sung(encoded, symbols, lengths)
        voiced = (np.asarray(melody.voicing)[0] > 0) & self._range.has_pitch
        pitch = self._moved(np.asarray(melody.pitch)[0], voiced & present, prosody)
        measured = self._painted(melody, pitch, voiced, present, spoken, seed)[: lengths.sum()]
        frames = whole_frames(self.config, symbols, lengths, measured)
        return Utterance(sentence, segments_of(sentence, lengths, self.config.hop_seconds), frames, labels)

    def _moved(self, pitch: np.ndarray, heard: np.ndarray, prosody: Prosody) -> np.ndarray:
        """Widens predicted pitch, from 0 to 1, around the average of the frames where it is heard, and raises it."""
        features = self.config.features
        semitone = math.log(2) / 12 / math.log(features.f0_high_hz / features.f0_low_hz)
        factor = self.config.acoustic.pitch_range * prosody.pitch_range
        if factor != 1 and heard.any():
            centre = pitch[heard].mean()
            pitch = centre + (pitch - centre) * factor
        return pitch + prosody.pitch * semitone

    def follow(self, clip: AlignedClip, seed: int | Sequence[int] = 0) -> np.ndarray:
        """Predicts the frames of a recording, with the lengths and the pitch that it has: float32 ``[F, C]``.

        A vocoder that learns from them meets in training what it gets in speaking (as in Tacotron 2, Shen et al. 2018).
        """
        encoded, _ = self._read(clip.symbols)
        melody, present, spoken = self._sung(encoded, clip.symbols, clip.lengths)
        more = melody.pitch.shape[1] - len(clip.frames)
        _, pitch, voiced = self._range.split(clip.frames)
        pitch, voiced = np.pad(pitch, (0, more)), np.pad(voiced, (0, more)) > 0
        measured = self._painted(melody, pitch, voiced, present, spoken, seed)[: len(clip.frames)]
        return whole_frames(self.config, clip.symbols, clip.lengths, measured)

    def _read(self, symbols: Symbols) -> tuple[Any, np.ndarray]:
        """Returns the encoded symbols, padded, and what the model says of their lengths, ``[P]``."""
        count = len(symbols.kinds)
        more = round_up(count, _PHONES_AT_ONCE) - count
        kinds, numbers = (np.pad(array, ((0, more), (0, 0)))[None] for array in symbols)
        encoded, logs = self._encode(self._params, kinds, numbers)
        return encoded, np.asarray(logs)[0, :count]

    def _sung(self, encoded: Any, symbols: Symbols, lengths: np.ndarray) -> tuple[Any, np.ndarray, np.ndarray]:
        """Returns the melody of frames, padded, which of them there are, and which are speech: ``[F]``."""
        owner, places = places_of(lengths)
        total = len(owner)
        more = round_up(total, _FRAMES_AT_ONCE) - total
        owner, places = np.pad(owner, (0, more)), np.pad(places, ((0, more), (0, 0)))
        melody = self._melody({"params": self._params}, encoded, owner[None], places[None])
        return melody, np.arange(len(owner)) < total, symbols.kinds[owner, 0] > 1

    def _painted(
        self,
        melody: Any,
        pitch: np.ndarray,
        voiced: np.ndarray,
        present: np.ndarray,
        spoken: np.ndarray,
        seed: int | Sequence[int],
    ) -> np.ndarray:
        """Returns frames of a pitch, with spectra where there are bands; those that are not there, too: ``[F, C]``."""
        if self._noise is None:
            return self._range.joined(np.zeros((len(pitch), 0), np.float32), pitch, voiced)
        rows = self._noise.before + len(pitch)
        white = np.random.default_rng(seed).standard_normal((rows, self.config.bands), np.float32)
        arrays = (array.astype(np.float32)[None] for array in (pitch, voiced, present, spoken))
        mel = self._spectra(self._params, melody, *arrays, white[None])
        return self._range.joined(np.asarray(mel)[0], pitch, voiced)

    def synthesise(
        self,
        text: str | Iterable[str],
        lexicon: Lexicon | None = None,
        prosody: Prosody = AS_PREDICTED,
        seed: int = 0,
        label: Sequence[str] = (),
    ) -> np.ndarray:
        """Predicts the frames of a whole text, one sentence after the other: float32 ``[F, C]``.

        A .npy file of them is what ``wavenet sample --mel_from`` reads; see ``text.sentences`` and ``__call__``.
        """
        found = sentences(text, lexicon or Lexicon(language=self.config.language_of(self.config.chosen(label))))
        return np.concatenate([self(sentence, prosody, (seed, number), label) for number, sentence in enumerate(found)])

    def _encoded(self, params: Any, kinds: Any, numbers: Any) -> Any:
        encoded = self._model.apply({"params": params}, kinds, numbers, method="encode")
        return encoded, self._model.apply({"params": params}, encoded, method="lengths")

    def _spoken(
        self, params: Any, melody: Any, pitch: Any, voiced: Any, present: Any, spoken: Any, white: Any
    ) -> Array:
        """Predicts the spectra of a pitch: ``[B, F]`` each, and white noise, to ``[B, F, M]``."""
        assert self._harmonics is not None
        assert self._noise is not None
        harmonics = self._harmonics(pitch, voiced)
        averages: Any = self._model.apply(
            {"params": params}, melody.hidden, harmonics, present[:, :, None], method="spectra"
        )
        mel = drawn(self._model, params, averages, harmonics, present, spoken, self._noise(white))
        return contrasted(mel, spoken * present, self.config.acoustic.spectral_contrast, self._range.log_power)


def whole_lengths(lengths: np.ndarray) -> np.ndarray:
    """Rounds lengths ``[P]`` to whole frames, at least one each; what is rounded off goes to the next one."""
    result = np.empty(len(lengths), np.int32)
    owed = 0.0
    for place, length in enumerate(np.clip(lengths, 0, _LONGEST_FRAMES)):
        owed += float(length)
        result[place] = max(1, round(owed))
        owed = min(owed - result[place], 0.5)
    return result
