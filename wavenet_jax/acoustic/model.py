"""The acoustic model: convolutions over phones, their lengths, convolutions over frames, and a flow of spectra.

Phones are repeated by their lengths, as in FastSpeech (Ren et al. 2019); there is no attention, so a word is neither
left out nor said twice, and everything is computed at once. Shapes: P phones and pauses, F frames, M mel bands, H
channels of phones; see ``wavenet_jax.typing`` for the other letters.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from wavenet_jax.acoustic.config import AcousticConfig, AcousticRunConfig
from wavenet_jax.acoustic.flow import UNIT, Flow
from wavenet_jax.acoustic.layers import Conv, Residual
from wavenet_jax.acoustic.symbols import COLUMNS, NUMBERS
from wavenet_jax.typing import Array

PLACES = 5
"""Numbers that say where in its phone a frame lies."""


class Melody(NamedTuple):
    """What is predicted first of each frame."""

    hidden: Array  # [B, F, C]
    pitch: Array  # [B, F] from 0 to 1, where voiced
    voicing: Array  # [B, F] logits


class Spectra(NamedTuple):
    """The average spectrum of each frame, of a pitch."""

    mel: Array  # [B, F, M] in [-1, 1], the range that measured ones can have
    hidden: Array  # [B, F, C]: the last layer, a part of the condition of the flow


class AcousticModel(nn.Module):
    """From phones to their lengths and to the features of frames.

    ``encode``, then ``lengths``, then ``melody``, then ``spectra``; what is padded comes after everything else. Without
    bands, melody is all that there is of frames.
    """

    config: AcousticConfig
    bands: int  # M; 0: for a network that is told phones in place of log-mel

    def setup(self) -> None:
        config = self.config
        channels, drop = config.phone_channels, config.acoustic_dropout
        self.tables = [
            # A new class begins as if there were none.
            nn.Embed(values, channels, embedding_init=nn.initializers.normal(0.5 if column < COLUMNS else 0.0))
            for column, values in enumerate(config.inventory.sizes)
        ]
        self.numbers = nn.Dense(channels)
        self.over_phones = [Residual(config.phone_kernel_size, 1, drop) for _ in range(config.phone_layers)]
        self.length_in = Conv(config.length_channels, 3)
        self.length_inside = Residual(3, 1, drop)
        self.length_out = nn.Dense(1)
        self.frame_in = nn.Dense(config.frame_channels)
        self.for_melody, self.for_spectra = (
            [Residual(config.frame_kernel_size, d, drop) for d in dilations]
            for dilations in (config.melody_dilations, config.frame_dilations)
        )
        self.melody_norm, self.frame_norm = nn.LayerNorm(), nn.LayerNorm()
        self.melody_out, self.frame_out = nn.Dense(2), nn.Dense(self.bands)
        self.pitch_in = nn.Dense(config.frame_channels)
        self.flow: Flow | None = None
        if config.flow_channels:
            self.flow = Flow(config.flow_channels, config.flow_dilations, config.flow_dropout)
        if self.bands:  # layers have parameters when they are used, these have them at once
            self.log_spread = self.param("log_spread", nn.initializers.zeros, (self.bands,))
            self.centre = self.param("centre", nn.initializers.zeros, (self.bands,))

    def weights(self) -> None:
        """Makes all parameters, for ``init(key, method="weights")``."""
        columns = len(self.config.inventory.sizes)
        encoded = self.encode(jnp.zeros((1, 1, columns), jnp.int32), jnp.zeros((1, 1, NUMBERS)))
        self.lengths(encoded)
        melody = self.melody(encoded, jnp.zeros((1, 1), jnp.int32), jnp.zeros((1, 1, PLACES)))
        if not self.bands:
            return
        present, harmonics = jnp.ones((1, 1, 1)), jnp.zeros((1, 1, self.bands + 2))
        spectra = self.spectra(melody.hidden, harmonics, present)
        if self.flow is not None:
            self.velocity(spectra.mel, jnp.zeros(1), self.condition(spectra, harmonics), present)

    def encode(self, kinds: Array, numbers: Array, train: bool = False) -> Array:
        """Reads symbols, see ``symbols.Symbols``: ``[B, P, K], [B, P, N] -> [B, P, H]``."""
        x = self.numbers(numbers) * self._kept(kinds, train)
        for column, table in enumerate(self.tables):
            is_class = column >= COLUMNS
            x = x + table(kinds[:, :, column]) * (1.0 if is_class else self._kept(kinds, train, half=column == 0))
        present = (kinds[:, :, :1] > 0).astype(x.dtype)
        for layer in self.over_phones:
            x = layer(x * present, train)
        return x * present

    def _kept(self, kinds: Array, train: bool, half: bool = False) -> Array:
        """Returns 0 for the symbols that something is withheld of in training, and 1 for others: ``[B, P, 1]``.

        Words and their contexts are few in a small data set: what is withheld at times is not learned by heart.
        """
        rate = self.config.symbol_dropout / (2 if half else 1)
        if not train or not rate:
            return jnp.ones((1, 1, 1))
        kept = jax.random.bernoulli(self.make_rng("dropout"), 1 - rate, kinds.shape[:2])
        return kept.astype(jnp.float32)[:, :, None]

    def lengths(self, encoded: Array, train: bool = False) -> Array:
        """Predicts ``log(1 + frames)`` of each symbol: ``[B, P, H] -> [B, P]``."""
        x = self.length_inside(self.length_in(nn.gelu(encoded)), train)
        return self.length_out(nn.gelu(x))[:, :, 0] + 1.8  # about five frames at the start of training

    def melody(self, encoded: Array, owner: Array, places: Array, train: bool = False) -> Melody:
        """Predicts pitch and voicing of frames.

        Args:
          encoded: ``[B, P, H]``.
          owner: the symbol that each frame belongs to, ``[B, F]`` int32.
          places: where in it: see ``places_of``, ``[B, F, PLACES]``; zeros for frames that are not there.
          train: drops channels.
        """
        x = jnp.take_along_axis(encoded, owner[:, :, None], axis=1)
        x = self.frame_in(jnp.concatenate([x, places], axis=-1))
        present = (places[:, :, :1] > 0).astype(x.dtype)
        for layer in self.for_melody:
            x = layer(x * present, train)
        y = self.melody_out(nn.gelu(self.melody_norm(x)))
        return Melody(x, y[:, :, 0], y[:, :, 1])

    def spectra(self, hidden: Array, harmonics: Array, present: Array, train: bool = False) -> Spectra:
        """Predicts the average spectra of frames.

        Args:
          hidden: of ``melody``, ``[B, F, C]``.
          harmonics: of the pitch that they shall have: see ``flow.Harmonics``, ``[B, F, M + 2]``.
          present: 1 for frames that there are, ``[B, F, 1]``.
          train: drops channels.
        """
        x = hidden + self.pitch_in(harmonics)
        for layer in self.for_spectra:
            x = layer(x * present, train)
        hidden = nn.gelu(self.frame_norm(x))
        return Spectra(self.frame_out(hidden), hidden)

    def condition(self, spectra: Spectra, harmonics: Array) -> Array:
        """Returns the condition of the flow at each frame: ``[B, F, C]``.

        The layers below learn nothing from the flow, whose gradient is many times as noisy as that of averages.
        """
        hidden, mel = jax.lax.stop_gradient((spectra.hidden, spectra.mel))
        return jnp.concatenate([hidden, mel / UNIT, harmonics], axis=-1)

    def velocity(self, x: Array, time: Array, condition: Array, present: Array, train: bool = False) -> Array:
        """Returns the velocity of the flow: see ``flow.Flow``, ``[B, F, M] -> [B, F, M]``."""
        assert self.flow is not None
        return self.flow(x, time, condition, present, train)

    def statistics(self) -> tuple[Array, Array]:
        """Returns, for each band of frames of speech, the logarithm of how much wider the spread of measured frames is
        than that of predicted ones, and the centre of the predicted ones: ``[M], [M]``."""
        return self.log_spread, self.centre


def places_of(lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Says of each frame to which symbol it belongs, and where in it.

    Args:
      lengths: frames of each symbol, ``[P]`` int.

    Returns:
      The symbols, ``[F]`` int32, and ``[F, PLACES]`` float32: the part of the symbol before the frame's middle and
      after it, the frames to both ends, squashed, and the symbol's length.
    """
    owner = np.repeat(np.arange(len(lengths)), lengths)
    total = lengths[owner].astype(np.float32)
    since = np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + np.float32(0.5)
    until = total - since
    columns = (since / total, until / total, np.exp(-since / 4), np.exp(-until / 4), np.log1p(total) / 3)
    return owner.astype(np.int32), np.stack(columns, axis=1).astype(np.float32)


def parameter_shapes(config: AcousticRunConfig) -> dict:
    """Returns shapes and dtypes of the parameters, without making them."""
    model = AcousticModel(config.acoustic, config.bands)
    return jax.eval_shape(lambda: model.init(jax.random.key(0), method="weights")["params"])
