"""How speech sounds beside what a model predicts."""

from dataclasses import dataclass

from wavenet_jax.config.options import Checked, option


@dataclass(frozen=True)
class Prosody(Checked):
    """How speech sounds beside what the model predicts (prosody of SSML 1.1, §3.2.4)."""

    speed: float = option(1.0, "Speed of speech; 2 is twice as fast.", at_least=0.25, at_most=4)
    pitch: float = option(0.0, "Semitones by which the voice is raised.", at_least=-24, at_most=24)
    pitch_range: float = option(
        1.0,
        "Factor by which the pitch moves around a sentence's average: 0 is monotone, 2 lively.",
        at_least=0,
        at_most=4,
    )
