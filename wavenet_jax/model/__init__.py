"""The network: the only room that imports flax."""

from wavenet_jax.model.heads import Categorical
from wavenet_jax.model.wavenet import WaveNet, WaveNetState, WaveNetWeights, parameter_count, step

__all__ = ["Categorical", "WaveNet", "WaveNetState", "WaveNetWeights", "parameter_count", "step"]
