"""Pruning: blocks of weights become zeros, more and more of them in the course of a run, and stay zeros.

Gradual magnitude pruning (Zhu and Gupta 2017, §3), by blocks that kernels can leave out (Kalchbrenner et al. 2018, §4):
those whose weights have the smallest squares, of each matrix or of all that are summed. Pruned are the kernels in which
a sample spends its time: of the stack's gates, residuals and skips, of both projections after it, and of frames where
each sample has one. Embeddings, biases, what conditions whole streams or stretches of samples, context stacks, and
kernels that blocks do not divide, such as the last one of a mixture, stay dense.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from wavenet_jax.config import RunConfig, WaveNetConfig
from wavenet_jax.integrity import flatten, unflatten
from wavenet_jax.model import parameter_shapes
from wavenet_jax.typing import Array, Key, Params

Masks = dict[str, Array]
"""Blocks that are kept, for the path of each pruned kernel: bool, shaped as the kernel in blocks."""


class Blocks(NamedTuple):
    """How a kernel consists of blocks; outputs are its last axis."""

    shape: tuple[int, ...]  # of the kernel
    inputs_axis: int
    apart: int  # leading axes along which matrices lie that are pruned each by itself
    inputs: int  # of a block
    outputs: int

    @property
    def masks_shape(self) -> tuple[int, ...]:
        """The kernel's shape in blocks."""
        return (*self._cut[: self.inputs_axis + 1], *self._cut[self.inputs_axis + 2 : -1])

    @property
    def _cut(self) -> tuple[int, ...]:
        """The kernel's shape with both axes of blocks cut in two."""
        at = self.inputs_axis
        inside = self.shape[at + 1 : -1]
        return (
            *self.shape[:at],
            self.shape[at] // self.inputs,
            self.inputs,
            *inside,
            self.shape[-1] // self.outputs,
            self.outputs,
        )

    def sizes(self, kernel: Array) -> Array:
        """Sums the squares of each block."""
        return jnp.square(kernel.reshape(self._cut)).sum((self.inputs_axis + 1, -1))

    def masked(self, kernel: Array, mask: Array) -> Array:
        """Returns the kernel with zeros in the blocks that are not kept."""
        kept = jnp.expand_dims(mask, (self.inputs_axis + 1, mask.ndim + 1))
        return jnp.where(kept, kernel.reshape(self._cut), 0).reshape(self.shape)

    def smallest(self, sizes: Array, share: Array | float) -> Array:
        """Marks a share of the blocks, those of the smallest sizes; among equal ones the first."""
        flat = sizes.reshape(math.prod(sizes.shape[: self.apart]), -1)
        ranks = jnp.argsort(jnp.argsort(flat, axis=-1), axis=-1)
        return (ranks < jnp.round(share * flat.shape[-1])).reshape(sizes.shape)


def prunable(config: WaveNetConfig, block: str) -> dict[str, Blocks]:
    """Returns the kernels that are pruned in blocks of ``block``, as ``16x4`` (outputs x inputs), by their paths.

    Raises:
      ValueError: there are none.
    """
    outputs, inputs = map(int, block.split("x"))
    places = {
        "stack/dilated_kernel": (2, 1),
        "stack/residual_kernel": (1, 1),
        "stack/skip_kernel": (1, 0),
        "output/hidden_kernel": (0, 0),
        "output/outputs_kernel": (0, 0),
    }
    if config.feature_channels and config.held == 1 and not config.context_periods:
        places["stack/time_kernel"] = (0, 0)
    shapes = {path: leaf.shape for path, leaf in flatten(parameter_shapes(config)).items()}
    found = {}
    for path, (axis, apart) in places.items():
        gates = 2 if path in ("stack/dilated_kernel", "stack/time_kernel") else 1  # halves that no block straddles
        shape = shapes.get(path)
        if shape is not None and shape[axis] % inputs == 0 and shape[-1] % (gates * outputs) == 0:
            found[path] = Blocks(shape, axis, apart, inputs, outputs)
    if not found:
        raise ValueError(
            f"sparsity needs kernels that blocks of {block} divide, and this network has none; make its channels "
            f"multiples of {max(outputs, inputs)}"
        )
    return found


@dataclass(frozen=True)
class Pruning:
    """How the kernels of one run become sparse."""

    kernels: dict[str, Blocks]
    sparsity: float
    start: int  # steps after which it begins
    end: int  # and ends
    every: int

    @classmethod
    def of(cls, config: RunConfig) -> "Pruning | None":
        """Returns the pruning of a run; None where it has none.

        Raises:
          ValueError: the network has no kernel that the blocks divide.
        """
        options = config.pruning
        if not options.sparsity:
            return None
        start, end = options.steps(config.train.num_steps)
        kernels = prunable(config.model, options.sparsity_block)
        return cls(kernels, options.sparsity, start, end, options.sparsity_every)

    def sparsity_after(self, step: Array | int) -> Array:
        """The share of zeros that is due after ``step`` steps: it rises fast at first, ever slower towards the end."""
        done = jnp.clip((step - self.start) / max(self.end - self.start, 1), 0, 1)
        return jnp.where(jnp.asarray(step) >= self.end, self.sparsity, self.sparsity * (1 - (1 - done) ** 3))

    def begin(self, params: Params) -> Masks:
        """Returns the masks before the first step: everything is kept, but for what is due by then."""
        masks = {path: jnp.ones(blocks.masks_shape, bool) for path, blocks in self.kernels.items()}
        return self._after(params, masks, self.sparsity_after(0))

    def after(self, step: Array, params: Params, masks: Masks) -> Masks:
        """Returns the masks after ``step`` steps: new ones every now and then up to the end; what is zero stays so."""
        due = ((step - self.start) % self.every == 0) | (step == self.end)
        due &= (step >= self.start) & (step <= self.end)
        return jax.lax.cond(due, lambda: self._after(params, masks, self.sparsity_after(step)), lambda: masks)

    def _after(self, params: Params, masks: Masks, share: Array) -> Masks:
        leaves = flatten(params)
        return {
            path: masks[path] & ~blocks.smallest(jnp.where(masks[path], blocks.sizes(leaves[path]), -1), share)
            for path, blocks in self.kernels.items()
        }

    def masked(self, params: Params, masks: Masks) -> Params:
        """Returns parameters, or anything shaped like them, with zeros in what is not kept."""
        leaves = flatten(params)
        return unflatten(
            {
                path: self.kernels[path].masked(leaf, masks[path]) if path in self.kernels else leaf
                for path, leaf in leaves.items()
            },
            params,
        )

    def zeros(self, masks: Masks) -> Array:
        """Computes the share of zeros in the pruned kernels."""
        total = sum(math.prod(blocks.shape) for blocks in self.kernels.values())
        pruned = sum((~masks[path]).sum() * (blocks.inputs * blocks.outputs) for path, blocks in self.kernels.items())
        return jnp.asarray(pruned / total)


def randomly_pruned(config: WaveNetConfig, params: Params, sparsity: float, key: Key, block: str = "16x4") -> Params:
    """Returns parameters with zeros in random blocks: networks of that sparsity, to measure the speed of.

    Raises:
      ValueError: the network has no kernel that the blocks divide.
    """
    kernels = prunable(config, block)
    pruning = Pruning(kernels, sparsity, start=0, end=0, every=1)
    keys = dict(zip(kernels, jax.random.split(key, len(kernels)), strict=True))
    sizes = {path: jax.random.uniform(keys[path], blocks.masks_shape) for path, blocks in kernels.items()}
    masks = {path: ~blocks.smallest(sizes[path], sparsity) for path, blocks in kernels.items()}
    return pruning.masked(params, masks)
