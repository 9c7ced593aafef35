"""The WaveNet family in JAX: train on your own audio, sample faster than real time."""
