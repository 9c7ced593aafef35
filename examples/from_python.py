"""Trains a small network on the recordings beside this file, generates with it and measures it, from Python alone.

    python examples/from_python.py [FOLDER]

Takes about half a minute on two cores. FOLDER, by default from_python/, gets the run, the sounds and a copy of the
network without its run. The network is far too small and too young to sound well: the README shows what longer training
gives.
"""

import math
import sys
from pathlib import Path

import numpy as np

import wavenet_jax
from wavenet_jax.training import StepDone, Validated

RECORDINGS = Path(__file__).parent / "speech"


def report(event: object) -> None:
    """Prints every twentieth step, and every validation."""
    match event:
        case StepDone(step, metrics) if step % 20 == 0:
            print(f"step {step}: {metrics['bits_per_sample']:.3f} bits per sample")
        case Validated(step, bits_per_sample):
            print(f"step {step}: {bits_per_sample:.3f} bits per sample of held-out recordings")


def main(folder: Path) -> None:
    config = wavenet_jax.RunConfig(
        model=wavenet_jax.WaveNetConfig(
            sample_rate=8_000, residual_channels=16, skip_channels=32, dilation_cycle=(1, 2, 4, 8, 16, 32, 64, 128)
        ),
        data=wavenet_jax.DataConfig(
            data_dir=(str(RECORDINGS),), validation_fraction=0.2, batch_size=4, crop_samples=1_000
        ),
        optimizer=wavenet_jax.OptimizerConfig(learning_rate=1e-2, ema_decay=0.98),
        train=wavenet_jax.TrainConfig(num_steps=100, validate_every=50, save_every=50, validation_samples=40_000),
    )
    run = wavenet_jax.train(config, folder / "run", on_event=report)

    audio = run.generate(seconds=1, temperature=0.9, seed=0)
    wavenet_jax.write_wav(folder / "generated.wav", audio, run.sample_rate)

    clip = sorted(RECORDINGS.glob("*.flac"))[0]
    stream = run.stream(seconds=0.5, prompt=clip, prime_seconds=0.5, include_prompt=True, seed=1)
    continued = np.concatenate([piece.audio for piece in stream])
    stream.save(folder / "session.safetensors")
    more = run.generate(seconds=0.5, session=folder / "session.safetensors")
    wavenet_jax.write_wav(folder / "continued.wav", np.concatenate([continued, more]), run.sample_rate)

    nats = run.log_prob(clip)
    print(f"{clip.name}: {-nats.mean() / math.log(2):.3f} bits per sample, {len(nats)} samples")
    measured = run.evaluate()
    without = measured["baselines"]["linear_prediction"]
    print(f"held out: {measured['bits_per_sample']:.3f} bits per sample; linear prediction alone: {without:.3f}")

    run.save(folder / "model", dtype="float16")
    print(f"the network, {sum(f.stat().st_size for f in (folder / 'model').iterdir()):,} bytes: {folder / 'model'}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "from_python"))
