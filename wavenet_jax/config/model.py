"""The network, and the audio that its weights stand for."""

import dataclasses
import math
from dataclasses import dataclass

from wavenet_jax.arithmetic import round_up
from wavenet_jax.config.conditioning import (
    ConditioningConfig,
    ContextConfig,
    FeatureConfig,
    PredictionConfig,
    held_samples,
    upsampling_factors,
)
from wavenet_jax.config.options import Checked, option
from wavenet_jax.config.tables import HEADS

MOST_ROWS = 4_096
"""The most levels for which the input learns a vector each."""


@dataclass(frozen=True)
class WaveNetConfig(Checked):
    """The network and the audio that its weights stand for (WaveNet, van den Oord et al. 2016, §2)."""

    sample_rate: int = option(16_000, "Sample rate in Hz.", at_least=100, at_most=768_000)
    levels: int = option(256, "Number of quantisation levels.", at_least=2, at_most=65_536)
    companding: str = option(
        "mu_law", "Spacing of the levels: mu_law (finer near silence) or linear.", choices=("mu_law", "linear")
    )
    head: str = option(
        "categorical",
        "Distribution of the next sample: categorical (a probability for each level), coarse_fine (the high byte "
        "of 16 bits, then the low byte given the high one), logistic_mixture or gaussian_mixture (discretised).",
        choices=HEADS,
    )
    mixture_components: int = option(10, "Components of a mixture head.", at_least=1)
    log_scale_floor: float = option(
        -9.0, "Lower bound on the natural logarithm of a component's scale; full scale is 1.", at_least=-20, at_most=0
    )
    mixture_axis: str = option(
        "mu_law",
        "Axis on which components are logistic or normal: mu_law (companded with mu = 255, which gives quiet "
        "sound more room) or linear; use linear for levels that are companded themselves.",
        choices=("mu_law", "linear"),
    )
    fine_channels: int = option(
        64, "Hidden channels between the high byte and the probabilities of the low one, for coarse_fine.", at_least=1
    )
    input: str = option(
        "embedding",
        "How a sample enters the network: scalar (its companded value), waveform (its value as it sounds) or "
        "embedding (a learned vector for each level; above 4096 levels, one for each of 256 µ-law levels, and the "
        "companded value as well).",
        choices=("embedding", "scalar", "waveform"),
    )
    residual_channels: int = option(64, "Residual channels, between the layers.", at_least=1)
    gate_channels: int | None = option(
        None, "Channels of the gate, tanh and sigmoid halves together; none: twice residual_channels.", at_least=2
    )
    skip_channels: int = option(256, "Skip channels, summed over all layers.", at_least=1)
    end_channels: int | None = option(
        None, "Channels between the two output projections; none: skip_channels.", at_least=1
    )
    dilation_cycle: tuple[int, ...] = option(
        (1, 2, 4, 8, 16, 32, 64, 128, 256, 512), "Dilations of one cycle of layers, in samples.", at_least=1
    )
    cycles: int = option(1, "Repetitions of the cycle of dilations.", at_least=1)
    kernel_size: int = option(2, "Kernel size of each dilated convolution, in taps.", at_least=1)
    input_kernel_size: int = option(1, "Kernel size of the causal convolution before the stack, in taps.", at_least=1)
    bias: bool = option(True, "Use biases inside the stack (the output projections always have them).")
    dropout: float = option(0.0, "Fraction of each layer's input channels dropped in training.", at_least=0, below=1)
    weight_norm: bool = option(False, "Apply weight normalisation (Salimans and Kingma 2016) to every projection.")
    residual_scaling: bool = option(False, "Scale each residual sum by sqrt(1/2), which preserves its variance.")
    compute_dtype: str = option(
        "float32", "Data type of activations; parameters stay float32.", choices=("float32", "bfloat16")
    )
    rematerialize: bool = option(
        False, "Recompute activations in the backward pass instead of storing them: less memory, more time."
    )
    features: FeatureConfig = dataclasses.field(default_factory=FeatureConfig)
    conditioning: ConditioningConfig = dataclasses.field(default_factory=ConditioningConfig)
    context: ContextConfig = dataclasses.field(default_factory=ContextConfig)
    prediction: PredictionConfig = dataclasses.field(default_factory=PredictionConfig)

    def check_together(self) -> None:
        if not self.dilation_cycle:
            raise ValueError("dilation_cycle must name at least one dilation, got none")
        if self.gate_channels is not None and self.gate_channels % 2:
            raise ValueError(f"gate_channels must be even (a tanh and a sigmoid half), got {self.gate_channels}")
        HEADS[self.head].check(self)
        highest = self.features.mel_high_hz
        if "mel" in self.features.local_features and highest is not None and highest > self.sample_rate / 2:
            raise ValueError(f"mel_high_hz must be at most half the sample rate of {self.sample_rate}, got {highest}")
        strides, hop = self.conditioning.upsampling_strides, self.features.hop_samples
        if strides and math.prod(strides) != hop:
            raise ValueError(
                f"upsampling_strides must multiply to hop_samples={hop}, got {', '.join(map(str, strides))}"
            )
        if self.prediction.linear_prediction:
            self._check_prediction()

    def _check_prediction(self) -> None:
        features, prediction = self.features, self.prediction
        if self.has_log_mel and min(self.conditioning.frames_before, self.conditioning.frames_after) < 1:
            raise ValueError(
                "linear_prediction interpolates between frames: it needs lookbehind_frames and lookahead_frames of at "
                "least 1, or another upsampling than nearest"
            )
        if not prediction.pitch_taps:
            return
        if not {"mel", "f0"} <= set(features.local_features):
            raise ValueError("pitch_taps needs local_features=mel and f0, which says how long a pitch period is")
        shortest = self.sample_rate / features.f0_high_hz
        if shortest < prediction.pitch_taps // 2 + 2:
            raise ValueError(
                f"pitch_taps={prediction.pitch_taps} reach over the shortest pitch period of {shortest:.3g} samples; "
                "use fewer, or lower f0_high_hz"
            )

    @property
    def dilations(self) -> tuple[int, ...]:
        """Dilation of each of the L layers, in samples."""
        return self.dilation_cycle * self.cycles

    @property
    def layers(self) -> int:
        """L: how many dilated layers the stack has."""
        return len(self.dilations)

    @property
    def hidden_channels(self) -> int:
        """H: channels of one half of the gate."""
        return (self.gate_channels or 2 * self.residual_channels) // 2

    @property
    def resolved_end_channels(self) -> int:
        """E: channels between the two output projections."""
        return self.end_channels or self.skip_channels

    @property
    def table_rows(self) -> int:
        """Vectors that the input learns, one for each level or group of levels; 0 for input of values alone."""
        if self.input != "embedding":
            return 0
        return self.levels if self.levels <= MOST_ROWS else 256

    @property
    def input_has_values(self) -> bool:
        """True where the input takes the value of a sample, instead of or beside a learned vector."""
        return self.table_rows != self.levels

    @property
    def is_local(self) -> bool:
        """True if features describe each frame."""
        return bool(self.features.local_features)

    @property
    def has_log_mel(self) -> bool:
        """True if log-mel is among the features."""
        return "mel" in self.features.local_features

    @property
    def hop(self) -> int:
        """Samples per frame; 1 for a network without features."""
        return self.features.hop_samples if self.is_local else 1

    @property
    def upsampling_strides(self) -> tuple[int, ...]:
        """Factors of the hop, one for each learned stage of upsampling."""
        if self.conditioning.upsampling not in ("transposed", "smoothed"):
            return ()
        return self.conditioning.upsampling_strides or upsampling_factors(self.features.hop_samples)

    @property
    def held(self) -> int:
        """Samples for which gate inputs of features hold."""
        return held_samples(self.hop) if self.conditioning.upsampling == "held" else 1

    @property
    def predicted_samples(self) -> int:
        """Samples for which the coefficients of the linear prediction hold."""
        return held_samples(self.hop)

    @property
    def adaptation_samples(self) -> int:
        """Samples for which a filter computed from the past holds: one millisecond."""
        return max(round(self.sample_rate / 1_000), 1)

    @property
    def around_samples(self) -> int:
        """Samples of the frames before and after a piece that its conditioning depends on."""
        return (self.conditioning.frames_before + self.conditioning.frames_after) * self.hop

    @property
    def longest_period(self) -> int:
        """The longest pitch period, in samples."""
        return round(self.sample_rate / self.features.f0_low_hz)

    def whole_frames(self, samples: int) -> int:
        """Rounds a number of samples up to a multiple of the hop."""
        return round_up(samples, self.hop)

    @property
    def time_channels(self) -> int:
        """Channels that condition each sample: features and context stacks."""
        return self.feature_channels + self.context_channels

    @property
    def feature_channels(self) -> int:
        """Channels of the features, as the gates take them."""
        return self.conditioning.local_channels if self.is_local else 0

    @property
    def context_channels(self) -> int:
        """Channels of all context outputs together."""
        return len(self.context.context_periods) * self.context.context_channels

    @property
    def context_periods(self) -> tuple[int, ...]:
        """Samples between two steps of each context stack."""
        return self.context.context_periods

    @property
    def stream_channels(self) -> int:
        """Channels that condition a whole stream: classes and vectors."""
        return self.conditioning.global_channels if self.conditioning.is_global else 0

    @property
    def tempo(self) -> int:
        """Samples after which frames, context stacks and predictions from the past are in step again."""
        adapts = self.prediction.linear_prediction and not self.has_log_mel
        return math.lcm(self.hop, *self.context_periods, self.adaptation_samples if adapts else 1)

    def context_stack(self, period: int) -> "WaveNetConfig":
        """Returns the config of the context stack that steps every ``period`` samples."""
        context = self.context
        return WaveNetConfig(
            sample_rate=max(self.sample_rate // period, 100),
            residual_channels=context.context_residual_channels,
            skip_channels=context.context_skip_channels,
            dilation_cycle=context.context_dilation_cycle,
            cycles=context.context_cycles,
            kernel_size=context.context_kernel_size,
            bias=self.bias,
            weight_norm=self.weight_norm,
            residual_scaling=self.residual_scaling,
            compute_dtype=self.compute_dtype,
        )
