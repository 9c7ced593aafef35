"""Word error rate of a recogniser (pocketsphinx, with its own acoustic model of English)."""

import io
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wavenet_jax.audio.wav import pcm16
from wavenet_jax.measures.base import MEASURES, SPEECH_RATE, Clip, Material, Measure, NoValueError, Reading

_QUIET_SECONDS = 0.25
_FEWEST_TEXTS = 10


@MEASURES.register("word_error_rate")
class WordErrorRate(Measure):
    """Substituted, missing and inserted words, relative to the words of the transcripts of all clips.

    The language model is a two-gram model of the transcripts of other clips, or pocketsphinx's own of English; figures
    of different models do not compare.
    """

    unit = "%"
    range = (0, 100)
    better = "lower"
    purpose = "intelligibility of English; compare only with the recordings of the same run"
    needs = ("text",)
    extra = "metrics"

    def __init__(self, material: Material) -> None:
        package = self.load("pocketsphinx")
        with tempfile.TemporaryDirectory() as folder:
            model = package.get_model_path("en-us/en-us.lm.bin")
            self._note = "pocketsphinx's own language model"
            if material.language_model == "transcripts":
                texts = sorted({" ".join(words) for text in material.other_texts if (words := spoken(text))})
                if len(texts) < _FEWEST_TEXTS:
                    raise ValueError(
                        f"language_model=transcripts needs transcripts of at least {_FEWEST_TEXTS} other clips, got "
                        f"{len(texts)}; give more in transcripts, or use language_model=pocketsphinx"
                    )
                model = str(Path(folder) / "texts.lm")
                Path(model).write_text(self._two_grams(texts), encoding="utf-8")
                self._note = f"a two-gram model of {len(texts)} other transcripts"
            self._decoder = package.Decoder(lm=model, cmn="batch", loglevel="FATAL")

    @property
    def note(self) -> str:
        return self._note

    def __call__(self, clip: Clip) -> Reading:
        assert clip.text is not None
        expected = spoken(clip.text)
        if not expected:
            raise NoValueError("its transcript has no words")
        return Reading(
            100 * word_errors(expected, self._recognized(clip.sound.at(SPEECH_RATE))) / len(expected), len(expected)
        )

    def _recognized(self, waveform: np.ndarray) -> list[str]:
        padded = np.pad(waveform, round(_QUIET_SECONDS * SPEECH_RATE))
        # Digital silence has no spectrum: like a recording, every sound gets a step or two of noise.
        samples = pcm16(padded) + np.random.default_rng(0).integers(-2, 3, len(padded), np.int16)
        self._decoder.start_utt()
        self._decoder.process_raw(samples.tobytes(), False, True)
        self._decoder.end_utt()
        found = self._decoder.hyp()
        return spoken(found.hypstr) if found else []

    def _two_grams(self, texts: Sequence[str]) -> str:
        builder: Any = self.load("pocketsphinx.lm").ArpaBoLM(text="\n".join(texts), add_start=True)
        builder.grams_3.clear()
        builder.compute()
        model = io.StringIO()
        builder.write(model)
        return model.getvalue()


def spoken(text: str) -> list[str]:
    """Returns the words of a text in lower case, without punctuation other than the apostrophes inside them."""
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.lower().replace("’", "'"))


def word_errors(expected: Sequence[str], found: Sequence[str]) -> int:
    """Counts the substitutions, insertions and deletions between two texts (Levenshtein 1966)."""
    costs = list(range(len(found) + 1))
    for row, word in enumerate(expected, 1):
        diagonal, costs[0] = costs[0], row
        for column, other in enumerate(found, 1):
            best = min(diagonal + (word != other), costs[column] + 1, costs[column - 1] + 1)
            diagonal, costs[column] = costs[column], best
    return costs[-1]
