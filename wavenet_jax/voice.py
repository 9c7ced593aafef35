"""A voice: an acoustic model and its vocoder, which speak text.

A voice folder holds ``vocoder/`` (a model folder), ``acoustic/`` (config and weights), ``lexicon.txt`` (pronunciations
that override the package's; may be missing; of further languages, ``lexicon.es.txt``) and ``README.md`` (a card: who
speaks, and under which licence).
"""

import dataclasses
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wavenet_jax.acoustic import Speaker, TrainedAcoustic, Utterance, check_vocoder, fitted
from wavenet_jax.acoustic.beginning import read_source
from wavenet_jax.acoustic.classes import narrowed
from wavenet_jax.acoustic.model_folder import read_acoustic, write_acoustic
from wavenet_jax.config import Prosody
from wavenet_jax.run import PathLike, Run, load
from wavenet_jax.storage import write_whole
from wavenet_jax.text import Language, Lexicon, Sentence, phones_as_text, read_lexicon, sentences

VOCODER, ACOUSTIC, LEXICON, CARD = "vocoder", "acoustic", "lexicon.txt", "README.md"

DEFAULT_VOICE = Path(__file__).with_name("voices") / "allison"
"""The voice that comes with the package; its card says whose it is, and under which licence."""


class Voice:
    """Speaks text. ``load_voice`` reads one; an acoustic model and a vocoder make a new one."""

    def __init__(
        self,
        acoustic: TrainedAcoustic,
        vocoder: Run,
        lexicon: Lexicon | Sequence[Lexicon] | None = None,
        card: str = "",
    ) -> None:
        """
        Args:
          acoustic: predicts the features.
          vocoder: makes sound of them.
          lexicon: pronounces the words, one for each language; languages without get the package's.
          card: text of README.md.

        Raises:
          ValueError: the vocoder takes other features, or a lexicon is of another language.
        """
        check_vocoder(acoustic.config, vocoder.config)
        given = [lexicon] if isinstance(lexicon, Lexicon) else list(lexicon or ())
        languages = acoustic.config.languages
        for one in given:
            if one.language not in languages:
                names = " and ".join(language.name for language in languages)
                raise ValueError(f"the acoustic model speaks {names}, got a lexicon of {one.language.name}")
        own = {one.language: one for one in given}
        self.lexicons = {language: own.get(language) or Lexicon(language=language) for language in languages}
        """Pronounce the words of each language."""
        self.acoustic, self.vocoder, self.card = acoustic, vocoder, card
        self._speaker = Speaker(acoustic)

    @property
    def lexicon(self) -> Lexicon:
        """Pronounces the words of ``language``."""
        return self.lexicons[self.language]

    @property
    def sample_rate(self) -> int:
        """Samples per second."""
        return self.vocoder.sample_rate

    @property
    def language(self) -> Language:
        """What it speaks, unless a label says otherwise."""
        return self.acoustic.config.language

    @property
    def languages(self) -> tuple[Language, ...]:
        """All that it speaks, ``language`` first."""
        return self.acoustic.config.languages

    @property
    def families(self) -> dict[str, tuple[str, ...]]:
        """The names of its classes by family, such as speaker or language; most voices have none."""
        return self.acoustic.config.acoustic.conditioning.families

    def say(self, text: str | Iterable[str], **options: Any) -> np.ndarray:
        """Speaks a text, and returns it when it is whole: float32 ``[T]`` in [-1, 1]; see ``stream``."""
        return np.concatenate(list(self.stream(text, **options)))

    def stream(
        self,
        text: str | Iterable[str],
        *,
        speed: float = 1.0,
        pitch: float = 0.0,
        pitch_range: float = 1.0,
        phones: bool = False,
        seed: int = 0,
        label: str | Sequence[str] = (),
        **options: Any,
    ) -> Iterator[np.ndarray]:
        """Speaks a text piece by piece, a tenth of a second at a time: float32 ``[T]``. Memory does not grow with it.

        Args:
          text: any text, or its pieces, such as the lines of a file; ``{HH AH0 L OW1}`` in it gives phones of the
            voice's language.
          speed: 2 speaks twice as fast.
          pitch: by which the voice is raised, in semitones.
          pitch_range: factor by which the pitch moves around a sentence's average: 0 is monotone, 2 lively.
          phones: the text is phones with blanks between them, words with ``|``, and marks of pauses.
          seed: of the randomness; the same one gives the same samples.
          label: class of the speech, as NAME or FAMILY=NAME, one of each family, for a voice with classes: ``es``
            speaks Spanish; without a language, ``language`` is spoken.
          options: of the vocoder: see ``Run.stream``; by default a temperature of 0.8, of 1 in unvoiced frames, and one
            pass of mel equalisation where log-mel is among its features.

        Raises:
          ValueError: there is nothing to speak, the voice has no such class, or an option is out of its bounds.
        """
        utterances = self.utterances(
            text, speed=speed, pitch=pitch, pitch_range=pitch_range, phones=phones, seed=seed, label=label
        )
        for utterance in utterances:
            yield from self.utter(utterance, seed=seed, **options)

    def utterances(
        self,
        text: str | Iterable[str],
        *,
        speed: float = 1.0,
        pitch: float = 0.0,
        pitch_range: float = 1.0,
        phones: bool = False,
        seed: int = 0,
        label: str | Sequence[str] = (),
    ) -> Iterator[Utterance]:
        """Reads a text sentence by sentence, each with its words, when its phones will sound, and its features.

        ``utter`` makes sound of one; ``stream`` does both, and explains the arguments.
        """
        labels, prosody = self._labels(label), Prosody(speed, pitch, pitch_range)
        for number, sentence in enumerate(self.sentences(text, phones, labels)):
            yield self._speaker.utter(sentence, prosody, (seed, number), labels)

    def utter(self, utterance: Utterance, *, seed: int = 0, **options: Any) -> Iterator[np.ndarray]:
        """Speaks one of ``utterances``, as ``stream`` does: float32 ``[T]``, a tenth of a second at a time."""
        families = self.vocoder.config.model.conditioning.families
        known = [label for label in utterance.labels if label.partition("=")[0] in families]
        options = {**self._defaults(), **({"label": known} if known else {}), **options}
        for piece in self.vocoder.stream(features=utterance.features, seed=seed, **options):
            yield piece.audio

    def _defaults(self) -> dict[str, Any]:
        """Returns the options of the vocoder that make a voice clear without making it dull."""
        model = self.vocoder.config.model
        knows_pitch = "f0" in model.features.local_features
        return {
            "guard": None,
            "temperature": 0.8,
            "unvoiced_temperature": 1.0 if knows_pitch else None,
            "mel_equalization": int(model.has_log_mel),
        }

    def sentences(
        self, text: str | Iterable[str], phones: bool = False, label: str | Sequence[str] = ()
    ) -> Iterator[Sentence]:
        """Reads a text as it is spoken: words with their phones and pauses, sentence by sentence; see ``stream``."""
        lexicon = self.lexicons[self.acoustic.config.language_of(self._labels(label))]
        return sentences(phones_as_text([text] if isinstance(text, str) else text) if phones else text, lexicon)

    def features(
        self,
        sentence: Sentence,
        *,
        speed: float = 1.0,
        pitch: float = 0.0,
        pitch_range: float = 1.0,
        seed: int | Sequence[int] = 0,
        label: str | Sequence[str] = (),
    ) -> np.ndarray:
        """Predicts the vocoder's features for a sentence: float32 ``[frames, channels]``; see ``stream``."""
        return self._speaker(sentence, Prosody(speed, pitch, pitch_range), seed, self._labels(label))

    def _labels(self, label: str | Sequence[str]) -> tuple[str, ...]:
        """Returns the class of each family, as FAMILY=NAME; raises ``ValueError`` where one is missing or unknown."""
        return self.acoustic.config.chosen((label,) if isinstance(label, str) else label)

    def save(self, folder: PathLike, dtype: str = "float16") -> None:
        """Writes the voice as a folder, which ``load_voice`` reads.

        Args:
          folder: made where there is none.
          dtype: number format of the weights: ``float32``, or ``float16`` for half the size.
        """
        path = Path(folder)
        self.vocoder.save(path / VOCODER, dtype)
        write_acoustic(path / ACOUSTIC, self.acoustic, dtype)
        for language, lexicon in self.lexicons.items():
            name = lexicon_file(self.languages, language)
            lines = [f"{word}\t{' '.join(phones)}\n" for word, phones in lexicon.own.items()]
            if lines or name == LEXICON:
                write_whole(path / name, "".join(lines).encode())
        write_whole(path / CARD, self.card.encode())


def load_voice(path: PathLike | None = None) -> Voice:
    """Reads a voice folder; none: the voice that comes with the package.

    Raises:
      ValueError: it is none, or a part of it is damaged.
    """
    folder = DEFAULT_VOICE if path is None else Path(path)
    if not (folder / VOCODER).is_dir() or not (folder / ACOUSTIC).is_dir():
        if path is None:
            raise ValueError(f"the package has no voice in {folder}; install it anew, or give the folder of a voice")
        raise ValueError(
            f"{os.fspath(path)} is not a voice folder: it has no {VOCODER}/ or no {ACOUSTIC}/; make one with "
            "wavenet voice"
        )
    acoustic = read_acoustic(folder / ACOUSTIC)
    languages = acoustic.config.languages
    lexicons = [
        Lexicon(read_lexicon(folder / name, language), language)
        for language in languages
        if (folder / (name := lexicon_file(languages, language))).is_file()
    ]
    card = (folder / CARD).read_text(encoding="utf-8", errors="replace") if (folder / CARD).is_file() else ""
    return Voice(acoustic, load(folder / VOCODER), lexicons, card)


def lexicon_file(languages: Sequence[Language], language: Language) -> str:
    """Names the file of pronunciations of one of a voice's languages, in its folder."""
    stem, suffix = os.path.splitext(LEXICON)
    return LEXICON if language == languages[0] else f"{stem}.{language.code}{suffix}"


def make_voice(
    acoustic: PathLike,
    vocoder: PathLike,
    lexicon: PathLike | None = None,
    card: str = "",
    checkpoint: str = "latest",
    label: str | Sequence[str] = (),
    *,
    flow_temperature: float | None = None,
    length_scale: float | None = None,
    pitch_range: float | None = None,
    spectral_contrast: float | None = None,
) -> Voice:
    """Puts a voice together from the runs that trained its parts.

    Args:
      acoustic: run directory of the acoustic model, or a voice folder, whose model is taken.
      vocoder: run directory or model folder of the vocoder.
      lexicon: file of pronunciations that override the package's, in the model's first language.
      card: text of README.md.
      checkpoint: of both, ``latest`` or ``best``.
      label: classes that the voice has by nature, as NAME or FAMILY=NAME, such as its speaker: it is not asked for
        them.
      flow_temperature: share of the flow's noise in speaking; default, as of the others: that of the acoustic run.
      length_scale: factor of the lengths of phones in speaking.
      pitch_range: factor by which the pitch moves around a sentence's average in speaking.
      spectral_contrast: factor by which the shapes of spectra differ from a sentence's average in speaking.

    Raises:
      ValueError: they do not fit each other, or cannot be read.
    """
    run = load(vocoder, checkpoint)
    trained = narrowed(read_source(Path(acoustic), checkpoint), (label,) if isinstance(label, str) else label)
    trained = fitted(trained, run.config)
    speaking = {
        "flow_temperature": flow_temperature,
        "length_scale": length_scale,
        "pitch_range": pitch_range,
        "spectral_contrast": spectral_contrast,
    }
    given: dict[str, Any] = {name: value for name, value in speaking.items() if value is not None}
    model = dataclasses.replace(trained.config.acoustic, **given)
    trained = trained._replace(config=dataclasses.replace(trained.config, acoustic=model))
    language = trained.config.language
    own = None if lexicon is None else read_lexicon(Path(lexicon), language)
    return Voice(trained, run, Lexicon(own, language), card)
