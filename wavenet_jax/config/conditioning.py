"""What a network is told besides the past of its own signal: features, classes, slower stacks."""

from dataclasses import dataclass

from wavenet_jax.config.options import Checked, option


@dataclass(frozen=True)
class FeatureConfig(Checked):
    """Local conditioning: which features there are, at which hop, and how log-mel and pitch are measured."""

    local_features: tuple[str, ...] = option(
        (),
        "Features that describe each frame: mel (log-mel spectrum), f0 (pitch and voicing; needs the extra [f0]), file "
        "(an array beside each recording); repeat for several; none: no local conditioning.",
        choices=("mel", "f0", "file"),
    )
    hop_samples: int = option(256, "Samples of a frame.", at_least=1)
    fft_size: int = option(1_024, "Samples of a Fourier transform for log-mel.", at_least=2)
    window_samples: int | None = option(
        None, "Samples of its Hann window, centred on the frame; none: fft_size.", at_least=2
    )
    mel_channels: int = option(80, "Bands of the log-mel spectrum.", at_least=1)
    mel_low_hz: float = option(0.0, "Lower end of the lowest mel band, in Hz.", at_least=0)
    mel_high_hz: float | None = option(
        None, "Upper end of the highest mel band, in Hz; none: half the sample rate.", above=0
    )
    mel_scale: str = option(
        "slaney",
        "Mel scale: slaney (bands of equal area, as librosa) or htk (bands of equal height).",
        choices=("slaney", "htk"),
    )
    mel_power: float = option(1.0, "Exponent of the magnitude spectrum: 1 amplitude, 2 power.", above=0)
    mel_log: str = option(
        "natural",
        "Logarithm of the band values; decibel: 20 log10 of amplitude.",
        choices=("natural", "log10", "decibel"),
    )
    mel_floor: float = option(1e-5, "Band values below this are raised to it.", above=0)
    mel_normalization: str = option(
        "range",
        "range: -1 at the floor and 1 at a band value of 1; none: the logarithm itself.",
        choices=("range", "none"),
    )
    f0_low_hz: float = option(60.0, "Lowest pitch that is looked for, in Hz.", above=0)
    f0_high_hz: float = option(500.0, "Highest pitch that is looked for, in Hz.", above=0)
    file_channels: int = option(0, "Channels of the arrays beside the recordings, for local_features=file.", at_least=0)
    file_suffix: str = option(
        ".npy", "What their names end in, instead of the recording's extension: float [frames, file_channels]."
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
        widths = {"mel": self.mel_channels, "f0": 2, "file": self.file_channels}
        return sum(widths[name] for name in self.local_features)


@dataclass(frozen=True)
class ConditioningConfig(Checked):
    """How the network uses features, classes and vectors (WaveNet §2.5)."""

    condition_on_classes: bool = option(False, "Global conditioning on the class of each clip (see label_from).")
    classes: tuple[str, ...] = option(
        (),
        "The classes that the network knows, as FAMILY=NAME; repeated; none: taken from the data when training begins.",
    )
    vector_channels: int = option(
        0, "Width of a vector that describes each clip (as a speaker embedding), read from a file; 0: none.", at_least=0
    )
    vector_suffix: str = option(
        ".vector.npy", "What the names of vector files end in, instead of the recording's extension."
    )
    global_channels: int = option(16, "Channels that classes and vectors are embedded in.", at_least=1)
    local_channels: int = option(64, "Channels of the features after the convolution over frames.", at_least=1)
    lookbehind_frames: int = option(1, "Earlier frames that the convolution over frames sees.", at_least=0)
    lookahead_frames: int = option(1, "Later frames that the convolution over frames sees.", at_least=0)
    upsampling: str = option(
        "transposed",
        "From frames to samples: transposed (learned transposed convolutions), nearest or linear.",
        choices=("transposed", "nearest", "linear"),
    )
    condition_dropout: float = option(
        0.0,
        "Share of the crops that are trained without any condition, for classifier-free guidance (Ho, Salimans 2022).",
        at_least=0,
        below=1,
    )

    def check_together(self) -> None:
        names = [name for name in self.classes if not all(name.partition("="))]
        if names:
            raise ValueError(f"classes must be of the form FAMILY=NAME, got {names[0]!r}")
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("classes must name each class once")

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
        """Whether anything describes a whole clip."""
        return self.condition_on_classes or self.vector_channels > 0

    @property
    def reach_frames(self) -> int:
        """Frames to each side that upsampling mixes into a frame."""
        return {"nearest": 0, "linear": 1, "transposed": 2}[self.upsampling]

    @property
    def frames_before(self) -> int:
        """Frames in front of a piece that its conditioning depends on."""
        return self.lookbehind_frames + self.reach_frames

    @property
    def frames_after(self) -> int:
        """Frames behind a piece that its conditioning depends on."""
        return self.lookahead_frames + self.reach_frames


@dataclass(frozen=True)
class ContextConfig(Checked):
    """Context stacks: slower, smaller networks with a longer past that condition the main stack (WaveNet §2.6)."""

    context_periods: tuple[int, ...] = option(
        (), "Samples between two steps of each context stack; none: no context stacks.", at_least=1
    )
    context_residual_channels: int = option(32, "Channels of the stream between a context stack's layers.", at_least=1)
    context_skip_channels: int = option(64, "Channels of the sum over a context stack's layers.", at_least=1)
    context_dilation_cycle: tuple[int, ...] = option(
        (1, 2, 4, 8, 16, 32), "Dilations of a cycle of a context stack's layers, in its own steps.", at_least=1
    )
    context_cycles: int = option(1, "How often that cycle is repeated.", at_least=1)
    context_kernel_size: int = option(2, "Taps of each dilated convolution of a context stack.", at_least=1)
    context_channels: int = option(16, "Channels that a context stack gives to each sample.", at_least=1)

    def check_together(self) -> None:
        if not self.context_dilation_cycle:
            raise ValueError("context_dilation_cycle must name at least one dilation, got none")

    @property
    def context_steps(self) -> int:
        """Receptive field of a context stack, in its own steps."""
        return (self.context_kernel_size - 1) * sum(self.context_dilation_cycle) * self.context_cycles + 1


def upsampling_factors(hop: int) -> tuple[int, ...]:
    """Strides of the transposed convolutions whose product is ``hop``, none above 8 where possible; none for 1."""
    factors: list[int] = []
    rest = hop
    while rest > 1:
        factor = next((f for f in range(min(8, rest), 1, -1) if rest % f == 0), None)
        if factor is None:  # no divisor up to 8: the smallest prime there is
            factor = next(f for f in range(9, rest + 1) if rest % f == 0)
        factors.append(factor)
        rest //= factor
    return tuple(sorted(factors))
