"""From a trained network to sound: options, conditions, prompts, and waveforms as they are generated."""

from wavenet_jax.generation.conditions import ConditionOptions, conditioned_on
from wavenet_jax.generation.decoding import SavedSession, audible
from wavenet_jax.generation.equalization import equalized, mel_of
from wavenet_jax.generation.generation import Generation, Waveforms, engine_of, file_count, prepare, samples_of_a_piece
from wavenet_jax.generation.options import MOST_PASSES, GenerationOptions
from wavenet_jax.generation.recordings import Conditioned, Given, Recording, open_recording

__all__ = [
    "MOST_PASSES",
    "ConditionOptions",
    "Conditioned",
    "Generation",
    "GenerationOptions",
    "Given",
    "Recording",
    "SavedSession",
    "Waveforms",
    "audible",
    "conditioned_on",
    "engine_of",
    "equalized",
    "file_count",
    "mel_of",
    "open_recording",
    "prepare",
    "samples_of_a_piece",
]
