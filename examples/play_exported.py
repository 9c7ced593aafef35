"""Generates a sound with exported functions; needs JAX, numpy and flatbuffers, not the package that they come from.

wavenet export --workdir=DIR --output=MODEL --functions
python examples/play_exported.py MODEL/functions out.wav [SECONDS [SEED]]
"""

import itertools
import json
import sys
import wave
from pathlib import Path

import jax
import numpy as np
from jax import export


def main(folder: Path, output: str, seconds: float = 2.0, seed: int = 0) -> None:
    about = json.loads((folder / "about.json").read_text())
    functions = {path.stem: export.deserialize(path.read_bytes()) for path in folder.glob("*.stablehlo")}
    begin, sample = (jax.jit(functions[name].call) for name in ("begin", "sample"))
    with np.load(folder / "arrays.npz") as arrays:
        weights, values = [arrays[f"weights/{index}"] for index in range(about["weights"])], arrays["values"]
    state = begin(np.uint32(seed), np.arange(about["streams"] or 8, dtype=np.uint32))
    length, pieces = round(seconds * about["sample_rate"]), []
    while sum(piece.shape[1] for piece in pieces) < length:
        codes, state = sample(weights, state, np.float32(1), {})
        pieces.append(values[np.asarray(codes)])
    emphasised, a = np.concatenate(pieces, axis=1)[0, :length], about["pre_emphasis"] or 0.0
    sound = np.fromiter(itertools.accumulate(emphasised, lambda before, now: now + a * before), np.float32)
    with wave.open(output, "wb") as file:
        file.setparams((1, 2, about["sample_rate"], length, "NONE", ""))
        file.writeframes(np.rint(sound.clip(-1, 1) * 32767).astype("<i2").tobytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], *map(float, sys.argv[3:4]), *map(int, sys.argv[4:5]))
