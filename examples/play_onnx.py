"""Generates a sound with an exported step; needs numpy and onnxruntime, neither JAX nor the package that it comes from.

wavenet export --workdir=DIR --output=MODEL --onnx
python examples/play_onnx.py MODEL/step.onnx out.wav [SECONDS [SEED]]
"""

import itertools
import json
import sys
import wave

import numpy as np
import onnxruntime


def main(step: str, output: str, seconds: float = 2.0, seed: int = 0) -> None:
    session = onnxruntime.InferenceSession(step)
    about = {name: json.loads(text) for name, text in session.get_modelmeta().custom_metadata_map.items()}
    kinds = {"tensor(float)": np.float32, "tensor(int32)": np.int32}
    inputs = {value.name: np.zeros(value.shape, kinds[value.type]) for value in session.get_inputs()}
    states = [name for name in inputs if name.startswith("state_")]
    inputs["codes"][:] = about["silence"]
    inputs["temperature"] = np.array(1, np.float32)
    random, codes = np.random.default_rng(seed), []
    for _ in range(round(seconds * about["sample_rate"])):
        inputs["uniforms"] = random.random(inputs["uniforms"].shape, np.float32)
        inputs["codes"], *after = session.run(["next_codes", *(f"next_{name}" for name in states)], inputs)
        inputs.update(zip(states, after, strict=True))
        codes.append(inputs["codes"][0])
    emphasised, a = np.float32(about["values"])[codes], about["pre_emphasis"] or 0.0
    sound = np.fromiter(itertools.accumulate(emphasised, lambda before, now: now + a * before), np.float32)
    with wave.open(output, "wb") as file:
        file.setparams((1, 2, about["sample_rate"], len(sound), "NONE", ""))
        file.writeframes(np.rint(sound.clip(-1, 1) * 32767).astype("<i2").tobytes())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(float, sys.argv[3:4]), *map(int, sys.argv[4:5]))
