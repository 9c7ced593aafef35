"""The network, and the audio that its weights stand for."""

import dataclasses
import math
from dataclasses import dataclass

from wavenet_jax.config.conditioning import (
    ConditioningConfig,
    ContextConfig,
    FeatureConfig,
    upsampling_factors,
)
from wavenet_jax.config.options import Checked, option

MOST_ROWS = 4_096
"""Levels up to which each has a vector, and a probability, of its own."""

HEADS = ("categorical", "coarse_fine", "logistic_mixture", "gaussian_mixture")


@dataclass(frozen=True)
class WaveNetConfig(Checked):
    """The network and the audio that its weights stand for (WaveNet, van den Oord et al. 2016, §2)."""

    sample_rate: int = option(16_000, "Sample rate in Hz.", at_least=100, at_most=768_000)
    levels: int = option(256, "Quantisation levels of a sample.", at_least=2, at_most=65_536)
    companding: str = option(
        "mu_law", "Spacing of the levels: mu_law (finer near silence) or linear.", choices=("mu_law", "linear")
    )
    head: str = option(
        "categorical",
        "What the network says about the next sample: a probability for each level; for the high and the low byte of "
        "16 bits one after the other; a mixture of logistic or of normal distributions, discretised.",
        choices=HEADS,
    )
    mixture_components: int = option(10, "Components of a mixture head.", at_least=1)
    log_scale_floor: float = option(
        -9.0, "Natural logarithm of the smallest scale of a component; full scale is 1.", at_least=-20, at_most=0
    )
    mixture_axis: str = option(
        "mu_law",
        "Axis on which components are logistic or normal: mu_law (companded by 255, where small values have room) or "
        "linear; for levels that are companded themselves, linear.",
        choices=("mu_law", "linear"),
    )
    fine_channels: int = option(
        64, "Channels between the high byte and the probabilities of the low one, for coarse_fine.", at_least=1
    )
    input: str = option(
        "embedding",
        "How the network hears a sample: scalar: its companded value; embedding: a learned vector for each level, or, "
        "of more than 4096 levels, for each of 256 µ-law levels, and the value besides.",
        choices=("embedding", "scalar"),
    )
    residual_channels: int = option(64, "Channels of the stream between layers.", at_least=1)
    gate_channels: int | None = option(
        None, "Channels of the gate, tanh and sigmoid halves together; none: twice the residual channels.", at_least=2
    )
    skip_channels: int = option(256, "Channels of the sum over all layers.", at_least=1)
    end_channels: int | None = option(
        None, "Channels between the two output projections; none: as many as skip channels.", at_least=1
    )
    dilation_cycle: tuple[int, ...] = option(
        (1, 2, 4, 8, 16, 32, 64, 128, 256, 512), "Dilations of a cycle of layers, in samples.", at_least=1
    )
    cycles: int = option(1, "How often the cycle of dilations is repeated.", at_least=1)
    kernel_size: int = option(2, "Taps of each dilated convolution.", at_least=1)
    input_kernel_size: int = option(1, "Taps of the causal convolution in front of the stack.", at_least=1)
    bias: bool = option(True, "Biases inside the stack (the output projections always have them).")
    dropout: float = option(
        0.0, "Share of each layer's input channels that is dropped in training.", at_least=0, below=1
    )
    weight_norm: bool = option(False, "Weight normalisation (Salimans and Kingma 2016) of every projection.")
    residual_scaling: bool = option(False, "Scale each residual sum by sqrt(1/2), which keeps its variance.")
    compute_dtype: str = option(
        "float32", "Number format of activations; parameters stay float32.", choices=("float32", "bfloat16")
    )
    rematerialize: bool = option(
        False, "Compute activations again for the gradient instead of keeping them: less memory, more time."
    )
    features: FeatureConfig = dataclasses.field(default_factory=FeatureConfig)
    conditioning: ConditioningConfig = dataclasses.field(default_factory=ConditioningConfig)
    context: ContextConfig = dataclasses.field(default_factory=ContextConfig)

    def check_together(self) -> None:
        if not self.dilation_cycle:
            raise ValueError("dilation_cycle must name at least one dilation, got none")
        if self.gate_channels is not None and self.gate_channels % 2:
            raise ValueError(f"gate_channels must be even (a tanh and a sigmoid half), got {self.gate_channels}")
        if self.head == "coarse_fine" and self.levels != 65_536:
            raise ValueError(f"head coarse_fine needs levels=65536 (two bytes), got {self.levels}")
        if self.head == "categorical" and self.levels > MOST_ROWS:
            raise ValueError(f"head categorical takes up to 4096 levels, got {self.levels}; choose another --head")
        highest = self.features.mel_high_hz
        if "mel" in self.features.local_features and highest is not None and highest > self.sample_rate / 2:
            raise ValueError(f"mel_high_hz must be at most half the sample rate of {self.sample_rate}, got {highest}")

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
        """Vectors that the input learns, one for each level or for each cell of several; 0 for scalar input."""
        if self.input == "scalar":
            return 0
        return self.levels if self.levels <= MOST_ROWS else 256

    @property
    def hears_values(self) -> bool:
        """Whether the input hears the companded value of a sample."""
        return self.table_rows != self.levels

    @property
    def is_local(self) -> bool:
        """Whether features describe each frame."""
        return bool(self.features.local_features)

    @property
    def time_channels(self) -> int:
        """Channels that condition each sample: features and context stacks."""
        local = self.conditioning.local_channels if self.is_local else 0
        return local + self.context_channels

    @property
    def context_channels(self) -> int:
        """Those of them that all context stacks give together."""
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
        """Samples after which frames and context stacks are in step again."""
        return math.lcm(self.features.hop_samples if self.is_local else 1, *self.context_periods)

    def context_stack(self, period: int) -> "WaveNetConfig":
        """The stack of a context network that steps every ``period`` samples, as a config of its own."""
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

    @property
    def stack_multiply_adds(self) -> int:
        """Those of one step of the dilated stack."""
        layer = self.hidden_channels * (2 * self.kernel_size * self.residual_channels + self.skip_channels)
        layer += 2 * self.hidden_channels * self.time_channels
        residual = (self.layers - 1) * self.hidden_channels * self.residual_channels
        return self.layers * layer + residual

    @property
    def multiply_adds(self) -> int:
        """Multiplications with an addition that one sample costs; slower parts count by their share."""
        total = float(self.stack_multiply_adds)
        total += self.resolved_end_channels * (self.skip_channels + self.head_outputs)
        if self.head == "coarse_fine":
            total += 256 * self.fine_channels
        if self.hears_values:
            total += self.input_kernel_size * self.residual_channels
        for period in self.context_periods:
            slow = self.context_stack(period)
            ends = period * slow.residual_channels + slow.skip_channels * period * self.context.context_channels
            total += (slow.stack_multiply_adds + ends) / period
        if self.is_local:
            total += self._conditioner_multiply_adds
        return round(total)

    @property
    def head_outputs(self) -> int:
        """Numbers that the network gives per sample."""
        mixture = 3 * self.mixture_components
        return {"categorical": self.levels, "coarse_fine": 256 + self.fine_channels}.get(self.head, mixture)

    @property
    def _conditioner_multiply_adds(self) -> float:
        conditioning, hop = self.conditioning, self.features.hop_samples
        channels = conditioning.local_channels
        taps = conditioning.lookbehind_frames + 1 + conditioning.lookahead_frames
        frame = taps * self.features.channels * channels
        if conditioning.upsampling == "transposed":
            rate = 1
            for factor in upsampling_factors(hop):
                rate *= factor
                frame += rate * 2 * channels**2
        return frame / hop

    @property
    def stack_receptive_field(self) -> int:
        """Samples that the main stack alone sees, the newest included."""
        return (self.kernel_size - 1) * sum(self.dilations) + self.input_kernel_size

    @property
    def receptive_field(self) -> int:
        """Samples of the past, the newest included, that a prediction depends on at most."""
        # The first layer hands what a context stack says on through the layers behind it.
        handed_on = (self.kernel_size - 1) * sum(self.dilations[1:])
        fields = [handed_on + (self.context.context_steps + 1) * period for period in self.context_periods]
        return max([self.stack_receptive_field, *fields])

    @property
    def receptive_field_seconds(self) -> float:
        """The receptive field in seconds."""
        return self.receptive_field / self.sample_rate
