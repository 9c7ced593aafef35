"""Similarity of a voice to that of a speaker."""

import numpy as np

from wavenet_jax.measures.base import MEASURES, SPEECH_RATE, Clip, Material, Measure, NoValueError, Reading, Sound

_MOST_RECORDINGS = 50


@MEASURES.register("speaker_similarity")
class SpeakerSimilarity(Measure):
    """Cosine between the speaker embedding (GE2E; Wan et al. 2018) of a sound and that of the speaker's recordings.

    At most 50 recordings are used, never the clip's own, so that recordings are judged like any other sound.
    """

    unit = ""
    range = (0, 1)
    better = "higher"
    purpose = "speaker identity; below 0.8 it is another voice, or damaged"
    needs = ("speaker",)
    extra = "mos"

    def __init__(self, material: Material) -> None:
        package = self.load("resemblyzer")
        self._preprocess = package.preprocess_wav
        self._encoder = package.VoiceEncoder("cpu", verbose=False)
        self._recordings = material.speaker
        self._embedded: dict[str, np.ndarray] | None = None

    def __call__(self, clip: Clip) -> Reading:
        others = [embedding for name, embedding in self._speaker().items() if name != clip.name]
        if not others:
            raise NoValueError("there is no other recording of the speaker")
        mean = np.mean(others, axis=0)
        return Reading(float(self._embed(clip.sound) @ mean / np.linalg.norm(mean)))

    @property
    def note(self) -> str:
        return f"{len(self._speaker())} recordings of the speaker"

    def _speaker(self) -> dict[str, np.ndarray]:
        if self._embedded is None:
            names = list(self._recordings)
            chosen = np.linspace(0, len(names) - 1, min(len(names), _MOST_RECORDINGS)).round().astype(int)
            self._embedded = {}
            for name in (names[number] for number in chosen):
                try:
                    self._embedded[name] = self._embed(self._recordings[name]())
                except NoValueError:
                    continue
        return self._embedded

    def _embed(self, sound: Sound) -> np.ndarray:
        speech = self._preprocess(sound.at(SPEECH_RATE))
        if not len(speech):
            raise NoValueError("no voice was found in it")
        return self._encoder.embed_utterance(speech)
