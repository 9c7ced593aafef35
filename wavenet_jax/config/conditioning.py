"""Conditions of a network, besides its own past samples: features, classes, vectors and context stacks."""

from dataclasses import dataclass

from wavenet_jax.config.options import Checked, option
from wavenet_jax.config.tables import FRAME_CONDITIONS, STREAM_CONDITIONS


@dataclass(frozen=True)
class FeatureConfig(Checked):
    """Local conditioning: the features, their hop, and how log-mel and pitch are measured."""

    local_features: tuple[str, ...] = option(
        (),
        "Features that describe each frame: mel (log-mel spectrum), f0 (pitch and voicing; needs the extra "
        "[f0]), file (an array beside each recording), phones (what is said; needs feature_dir). Repeat for several; "
        "none: no local conditioning.",
        choices=FRAME_CONDITIONS,
    )
    hop_samples: int = option(256, "Hop length: samples per frame.", at_least=1)
    fft_size: int = option(1_024, "FFT size for log-mel, in samples.", at_least=2)
    window_samples: int | None = option(
        None, "Length of the Hann window for log-mel, centred on the frame, in samples; none: fft_size.", at_least=2
    )
    mel_channels: int = option(80, "Number of mel bands.", at_least=1)
    mel_low_hz: float = option(0.0, "Lower edge of the lowest mel band, in Hz.", at_least=0)
    mel_high_hz: float | None = option(
        None, "Upper edge of the highest mel band, in Hz; none: half the sample rate.", above=0
    )
    mel_scale: str = option(
        "slaney",
        "Mel scale: slaney (bands of equal area, as in librosa) or htk (bands of equal height).",
        choices=("slaney", "htk"),
    )
    mel_power: float = option(1.0, "Exponent of the magnitude spectrum: 1 for amplitude, 2 for power.", above=0)
    mel_log: str = option(
        "natural",
        "Logarithm of the band values; decibel is 20 log10 of the amplitude.",
        choices=("natural", "log10", "decibel"),
    )
    mel_floor: float = option(1e-5, "Smallest band value; smaller ones are raised to it before the logarithm.", above=0)
    mel_normalization: str = option(
        "range",
        "range: map the floor to -1 and a band value of 1 to 1; none: keep the logarithm.",
        choices=("range", "none"),
    )
    f0_low_hz: float = option(60.0, "Lowest pitch to search for, in Hz.", above=0)
    f0_high_hz: float = option(500.0, "Highest pitch to search for, in Hz.", above=0)
    file_channels: int = option(0, "Channels of the arrays beside the recordings, for local_features=file.", at_least=0)
    file_suffix: str = option(
        ".npy",
        "Suffix that replaces a recording's extension in the name of its array file, which holds [frames, "
        "file_channels].",
    )

    def check_together(self) -> None:
        if len(set(self.local_features)) < len(self.local_features):
            raise ValueError(f"local_features must name each feature once, got {', '.join(self.local_features)}")
        if ("file" in self.local_features) != (self.file_channels > 0):
            raise ValueError(
                "local_features=file and file_channels need each other, got "
                f"{', '.join(self.local_features) or 'none'} and {self.file_channels}"
            )
        if (self.window_samples or 0) > self.fft_size:
            raise ValueError(f"window_samples must be at most fft_size={self.fft_size}, got {self.window_samples}")
        if self.f0_low_hz >= self.f0_high_hz:
            raise ValueError(f"f0_low_hz must be below f0_high_hz={self.f0_high_hz}, got {self.f0_low_hz}")

    @property
    def channels(self) -> int:
        """C: channels of a frame, all features together."""
        return sum(FRAME_CONDITIONS[name].width(self) for name in self.local_features)

    def columns(self, name: str) -> slice:
        """Returns which of the C channels are those of one feature."""
        before = self.local_features[: self.local_features.index(name)]
        first = sum(FRAME_CONDITIONS[other].width(self) for other in before)
        return slice(first, first + FRAME_CONDITIONS[name].width(self))


@dataclass(frozen=True)
class ConditioningConfig(Checked):
    """Use of features, classes and vectors by the network (WaveNet §2.5)."""

    condition_on_classes: bool = option(False, "Condition the network on the class of each clip (see label_from).")
    classes: tuple[str, ...] = option(
        (),
        "Classes of the network, as FAMILY=NAME; repeat for each; none: the classes of the data when training begins.",
    )
    vector_channels: int = option(
        0,
        "Width of the vector that describes each clip, such as a speaker embedding, read from a file beside it; "
        "0: no vector.",
        at_least=0,
    )
    vector_suffix: str = option(
        ".vector.npy", "Suffix that replaces a recording's extension in the name of its vector file."
    )
    global_channels: int = option(16, "Channels of the embedding of classes and vectors.", at_least=1)
    local_channels: int = option(64, "Channels of the features after each convolution over frames.", at_least=1)
    lookbehind_frames: int = option(1, "Earlier frames that a convolution over frames covers.", at_least=0)
    lookahead_frames: int = option(1, "Later frames that a convolution over frames covers.", at_least=0)
    frame_layers: int = option(
        1, "Convolutions over frames, each over as many; a ReLU lies between two of them.", at_least=1
    )
    upsampling: str = option(
        "transposed",
        "Upsampling from frames to samples: transposed (learned transposed convolutions), nearest, linear, held "
        "(linear, in steps of about 50 samples: the gates' projection is computed once for each, which is much "
        "faster) or smoothed (every stage repeats its input, and smooths it by a learned filter that all channels "
        "share).",
        choices=("transposed", "nearest", "linear", "held", "smoothed"),
    )
    upsampling_strides: tuple[int, ...] = option(
        (),
        "Factors of hop_samples, one for each stage of learned upsampling; none: at most 8 each, in rising order.",
        at_least=1,
    )
    smoothing_channels: int = option(
        1, "Neighbouring channels that the filters of smoothed upsampling cover, an odd number.", at_least=1
    )
    condition_dropout: float = option(
        0.0,
        "Fraction of crops trained without any condition, for classifier-free guidance (Ho and Salimans 2022).",
        at_least=0,
        below=1,
    )

    def check_together(self) -> None:
        names = [name for name in self.classes if not all(name.partition("="))]
        if names:
            raise ValueError(f"classes must be of the form FAMILY=NAME, got {names[0]!r}")
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("classes must name each class once")
        if self.smoothing_channels % 2 == 0:
            raise ValueError(f"smoothing_channels must be odd, got {self.smoothing_channels}")

    @property
    def families(self) -> dict[str, tuple[str, ...]]:
        """The names of the classes by family; class ``n`` of a family has id ``n + 1``, and 0 means no class."""
        found: dict[str, tuple[str, ...]] = {}
        for text in self.classes:
            family, _, name = text.partition("=")
            found[family] = (*found.get(family, ()), name)
        return found

    @property
    def is_global(self) -> bool:
        """True if the network is conditioned on anything that describes a whole clip."""
        return any(kind.is_on(self) for kind in STREAM_CONDITIONS.values())

    @property
    def reach_frames(self) -> int:
        """Frames to each side that upsampling mixes into a frame."""
        return {"nearest": 0, "linear": 1, "held": 1, "transposed": 2, "smoothed": 2}[self.upsampling]

    @property
    def frames_before(self) -> int:
        """Frames before a piece that its conditioning depends on."""
        return self.frame_layers * self.lookbehind_frames + self.reach_frames

    @property
    def frames_after(self) -> int:
        """Frames after a piece that its conditioning depends on."""
        return self.frame_layers * self.lookahead_frames + self.reach_frames


@dataclass(frozen=True)
class ContextConfig(Checked):
    """Context stacks: slower, smaller networks with a longer past that condition the main stack (WaveNet §2.6)."""

    context_periods: tuple[int, ...] = option(
        (), "Period of each context stack, in samples per step; none: no context stacks.", at_least=1
    )
    context_residual_channels: int = option(32, "Residual channels of a context stack.", at_least=1)
    context_skip_channels: int = option(64, "Skip channels of a context stack.", at_least=1)
    context_dilation_cycle: tuple[int, ...] = option(
        (1, 2, 4, 8, 16, 32), "Dilations of one cycle of a context stack's layers, in its own steps.", at_least=1
    )
    context_cycles: int = option(1, "Repetitions of that cycle.", at_least=1)
    context_kernel_size: int = option(2, "Kernel size of a context stack's dilated convolutions, in taps.", at_least=1)
    context_channels: int = option(16, "Output channels of each context stack, per sample.", at_least=1)

    def check_together(self) -> None:
        if not self.context_dilation_cycle:
            raise ValueError("context_dilation_cycle must name at least one dilation, got none")


@dataclass(frozen=True)
class PredictionConfig(Checked):
    """Linear prediction and pitch taps, which the network refines."""

    linear_prediction: int = option(
        0,
        "Order of the linear prediction of each sample, whose coefficients are computed from the log-mel features or, "
        "without them, from the last milliseconds: the network takes the prediction and its residual as inputs, and a "
        "mixture head is centred on the one and scaled by the other (LPCNet, Valin and Skoglund 2019; "
        "LP-WaveNet, Hwang et al. 2018); 0: none.",
        at_least=0,
        at_most=32,
    )
    pitch_taps: int = option(
        0,
        "Samples around one pitch period back, of the signal and of the residual, that are inputs of the network; an "
        "odd number; needs local_features=mel and f0; 0: none.",
        at_least=0,
        at_most=31,
    )
    input_noise: float = option(
        0.0,
        "Noise on the past samples in training, in units of the prediction's residual; makes generation more robust to "
        "its own errors.",
        at_least=0,
        at_most=10,
    )

    def check_together(self) -> None:
        if self.pitch_taps and not self.pitch_taps % 2:
            raise ValueError(f"pitch_taps must be odd, or 0, got {self.pitch_taps}")
        for name in ("pitch_taps", "input_noise"):
            if getattr(self, name) and not self.linear_prediction:
                raise ValueError(f"{name} needs linear_prediction above 0, got 0")


def held_samples(hop: int) -> int:
    """Returns the samples for which values computed from frames are held: the largest divisor of ``hop`` up to 64."""
    return max(size for size in range(1, min(hop, 64) + 1) if hop % size == 0)


def upsampling_factors(hop: int) -> tuple[int, ...]:
    """Factors ``hop`` into the strides of the transposed convolutions, at most 8 where possible; empty for 1."""
    factors: list[int] = []
    rest = hop
    while rest > 1:
        factor = next((f for f in range(min(8, rest), 1, -1) if rest % f == 0), None)
        if factor is None:  # no divisor up to 8: the smallest prime there is
            factor = next(f for f in range(9, rest + 1) if rest % f == 0)
        factors.append(factor)
        rest //= factor
    return tuple(sorted(factors))
