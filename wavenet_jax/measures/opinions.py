"""Models of listeners who grade a sound from 1 to 5 without a reference."""

import contextlib
import importlib.util
import io
import sys
from collections.abc import Iterator
from types import ModuleType

import numpy as np

from wavenet_jax.measures.base import MEASURES, SPEECH_RATE, Clip, Material, Measure, Reading


@MEASURES.register("distillmos")
class DistillMos(Measure):
    """Distill-MOS (Stahl and Gamper 2025): the grade that listeners give to recordings and codecs."""

    unit = "MOS"
    range = (1, 5)
    better = "higher"
    purpose = "naturalness; noise gets about 1.5; deaf to words, so read it beside word errors"
    extra = "mos"

    def __init__(self, material: Material) -> None:
        self._torch = self.load("torch")
        with _stand_in("torchaudio"), contextlib.redirect_stdout(io.StringIO()):  # it announces its weights
            self._model = self.load("distillmos").ConvTransformerSQAModel().eval()

    def __call__(self, clip: Clip) -> Reading:
        with self._torch.no_grad():
            return Reading(float(self._model(self._torch.from_numpy(clip.sound.at(SPEECH_RATE))[None])))


@MEASURES.register("dnsmos")
class DnsMos(Measure):
    """DNSMOS P.835 (Reddy et al. 2022): the overall grade."""

    unit = "MOS"
    range = (1, 5)
    better = "higher"
    purpose = "noise and distortion; hardly separates good voices"
    extra = "metrics"

    def __init__(self, material: Material) -> None:
        self._package = self.load("speechmos.dnsmos")

    def __call__(self, clip: Clip) -> Reading:
        sound = np.clip(clip.sound.at(SPEECH_RATE), -1, 1)
        return Reading(float(self._package.run(sound, SPEECH_RATE)["ovrl_mos"]))


@contextlib.contextmanager
def _stand_in(name: str) -> Iterator[None]:
    """Substitutes an empty module for a missing package that another one imports but does not use here."""
    with contextlib.ExitStack() as stack:
        if name not in sys.modules and importlib.util.find_spec(name) is None:
            sys.modules[name] = ModuleType(name)
            stack.callback(sys.modules.pop, name)
        yield
