"""The network, and the audio that its weights stand for."""

from dataclasses import dataclass

from wavenet_jax.config.options import Checked, option


@dataclass(frozen=True)
class WaveNetConfig(Checked):
    """The network and the audio that its weights stand for (WaveNet, van den Oord et al. 2016, §2)."""

    sample_rate: int = option(16_000, "Sample rate in Hz.", at_least=100, at_most=768_000)
    levels: int = option(256, "Quantisation levels of a sample.", at_least=2, at_most=65_536)
    companding: str = option(
        "mu_law", "Spacing of the levels: mu_law (finer near silence) or linear.", choices=("mu_law", "linear")
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

    def check_together(self) -> None:
        if not self.dilation_cycle:
            raise ValueError("dilation_cycle must name at least one dilation, got none")
        if self.gate_channels is not None and self.gate_channels % 2:
            raise ValueError(f"gate_channels must be even (a tanh and a sigmoid half), got {self.gate_channels}")

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
    def multiply_adds(self) -> int:
        """Multiplications with an addition that one sample costs."""
        layer = self.hidden_channels * (2 * self.kernel_size * self.residual_channels + self.skip_channels)
        residual = (self.layers - 1) * self.hidden_channels * self.residual_channels
        return self.layers * layer + residual + self.resolved_end_channels * (self.skip_channels + self.levels)

    @property
    def receptive_field(self) -> int:
        """Samples of the past, the newest included, that a prediction depends on."""
        return (self.kernel_size - 1) * sum(self.dilations) + self.input_kernel_size

    @property
    def receptive_field_seconds(self) -> float:
        """The receptive field in seconds."""
        return self.receptive_field / self.sample_rate
