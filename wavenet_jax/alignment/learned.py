"""Alignment by models of phones that are learned from the recordings themselves, for any language.

A phone, whatever its neighbours and its stress, is three states in a row, and a state a mixture of Gaussians over the
cepstra of a frame. Learning begins with phones of equal lengths. Its first passes weigh all ways in which the phones
may lie, trusting the models more and more (deterministic annealing, Ueda and Nakano 1998), and the later ones take
the likeliest way (Viterbi training), while the Gaussians are divided.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from wavenet_jax.alignment.cepstra import HOP_SAMPLES, SAMPLE_RATE, Scale, cepstra_of
from wavenet_jax.alignment.search import STATES, Chain, Group, best_places, chain_of, groups, occupancies
from wavenet_jax.alignment.segments import Alignment, Segment
from wavenet_jax.text import Word
from wavenet_jax.text.phones import without_stress
from wavenet_jax.typing import Array

LEAST_SECONDS = 40.0
"""Speech that models are learned from, at least: with less, most boundaries are far from where they should be."""

_FRAMES_PER_SECOND = SAMPLE_RATE // HOP_SAMPLES
_MOST_SECONDS = 3_600.0  # an hour says all that such models can hold
_LONGEST_FRAMES = 4_096  # of a clip that is learned from: the memory of a pass grows with the square
_TRUST = (0.05, 0.1, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
_GAUSSIANS = (2, 2, 2, 2, 4, 4, 4, 4)
PASSES = len(_TRUST) + len(_GAUSSIANS)
"""Passes over the clips, in learning."""

_BLOCK_FRAMES = 4_096
_SPLIT_DEVIATIONS = 0.2
_PRIOR_FRAMES = 30.0
_LEAST_VARIANCE = 0.02
_QUIET_LEVEL = 0.3
_QUIET_FRAMES = 10


class Mixtures(NamedTuple):
    """The Gaussians of M states, G of each, with diagonal covariances."""

    weights: Array  # [M, G], logarithms
    means: Array  # [M, G, C]
    variances: Array  # [M, G, C]


class LearnedAligner:
    """Aligns phones to the sound of clips by models of a data set."""

    def __init__(self, numbers: Mapping[str, int], scale: Scale, models: Mixtures) -> None:
        """
        Args:
          numbers: of the phones without stress, from 1; the pause is 0.
          scale: of the data set.
          models: of ``STATES`` states of the pause, and then of each phone.
        """
        self._numbers, self._scale, self._models = numbers, scale, models

    def __call__(self, waveform: np.ndarray, words: Sequence[Word]) -> Alignment | None:
        """Aligns a clip; returns None where it is too short for its phones.

        Args:
          waveform: float ``[T]`` in [-1, 1] at ``SAMPLE_RATE``.
          words: the words of the clip in order, at least one, of phones that the models know; pauses may lie between
            any two.
        """
        features = self._scale.features(cepstra_of(waveform))
        chain = _chain(words, self._numbers)
        if len(features) < chain.least_frames:
            return None
        (group,) = groups([chain], [len(features)], most_rows=1)
        likelihoods = _likelihoods(self._models, group.padded([features])[0])
        places = np.asarray(best_places(likelihoods[None], group.rows))[0, : len(features)]
        score = _score(np.asarray(likelihoods)[: len(features)], chain.states[places])
        return Alignment(tuple(words), _segments(words, places, len(waveform) / SAMPLE_RATE), score)


def learn(
    clips: Sequence[Sequence[Word]], read: Callable[[int], np.ndarray], progress: Callable[[int], None] | None = None
) -> LearnedAligner:
    """Learns the models of the phones of a data set; the same clips give the same models.

    Args:
      clips: what is said in each.
      read: gives the waveform of a clip, float ``[T]`` in [-1, 1] at ``SAMPLE_RATE``, by its number.
      progress: called with the number of passes done.

    Raises:
      ValueError: there is too little speech.
    """
    phones = sorted({without_stress(phone) for words in clips for word in words for phone in word.phones})
    numbers = {phone: number for number, phone in enumerate(phones, start=1)}
    cepstra, chains = _learned_from(clips, read, numbers)
    scale = Scale.of(cepstra)
    features = [scale.features(clip) for clip in cepstra]
    learning = _Learning(STATES * (1 + len(phones)), features, chains)
    models = learning.begun([_even_states(clip[:, 0], chain) for clip, chain in zip(cepstra, chains, strict=True)])
    for done, trust in enumerate(_TRUST):
        models = learning.softly(models, trust)
        if progress is not None:
            progress(done + 1)
    for done, gaussians in enumerate(_GAUSSIANS, start=len(_TRUST)):
        models = learning.by_best_ways(models if models.weights.shape[1] == gaussians else _split(models))
        if progress is not None:
            progress(done + 1)
    return LearnedAligner(numbers, scale, models)


def _learned_from(
    clips: Sequence[Sequence[Word]], read: Callable[[int], np.ndarray], numbers: Mapping[str, int]
) -> tuple[list[np.ndarray], list[Chain]]:
    """Measures clips from all over the data set that are long enough for their words, as many as it takes."""
    cepstra, chains, frames = [], [], 0
    for clip in np.random.default_rng(0).permutation(len(clips)):
        chain, measured = _chain(clips[clip], numbers), cepstra_of(read(int(clip)))
        if chain.least_frames <= len(measured) <= _LONGEST_FRAMES:
            cepstra.append(measured)
            chains.append(chain)
            frames += len(measured)
        if frames >= _MOST_SECONDS * _FRAMES_PER_SECOND:
            break
    if frames < LEAST_SECONDS * _FRAMES_PER_SECOND:
        raise ValueError(
            f"alignment learns its models from {LEAST_SECONDS:g} seconds of speech at least, and the clips of data_dir "
            f"that fit their transcripts, of at most {_LONGEST_FRAMES / _FRAMES_PER_SECOND:.0f} seconds each, have "
            f"{frames / _FRAMES_PER_SECOND:.0f}; add recordings"
        )
    return cepstra, chains


class _Learning:
    """Re-estimates models from clips."""

    def __init__(self, states: int, features: Sequence[np.ndarray], chains: Sequence[Chain]) -> None:
        self._states, self._features, self._chains = states, features, chains
        self._groups = list(groups(chains, list(map(len, features))))

    def begun(self, states: Sequence[np.ndarray]) -> Mixtures:
        """Makes the first models, of one Gaussian each, from the state of each frame."""
        channels = self._features[0].shape[1]
        equal = Mixtures(
            jnp.zeros((self._states, 1)),
            jnp.zeros((self._states, 1, channels)),
            jnp.ones((self._states, 1, channels)),
        )
        return self._from_states(equal, states)

    def softly(self, models: Mixtures, trust: float) -> Mixtures:
        """Re-estimates single Gaussians over all ways; logarithms of likelihoods are multiplied by ``trust``."""
        sums = np.zeros((self._states, 1 + 2 * self._features[0].shape[1]))
        for group, likelihoods in self._heard(models):
            found = np.asarray(occupancies(trust * likelihoods, group.rows))
            for row, clip in enumerate(group.clips):
                moments = _moments(self._features[clip])
                sums += found[row, : len(moments)].T @ moments
        return _estimated(sums[:, None])

    def by_best_ways(self, models: Mixtures) -> Mixtures:
        """Re-estimates models from the likeliest way through each clip."""
        states = [np.zeros(0, np.int32)] * len(self._features)
        for group, likelihoods in self._heard(models):
            places = np.asarray(best_places(likelihoods, group.rows))
            for row, clip in enumerate(group.clips):
                states[clip] = self._chains[clip].states[places[row, : len(self._features[clip])]]
        return self._from_states(models, states)

    def _from_states(self, models: Mixtures, states: Sequence[np.ndarray]) -> Mixtures:
        sums = np.zeros((*models.weights.shape, 1 + 2 * models.means.shape[2]))
        for features, of_frames in _blocks(np.concatenate(self._features), np.concatenate(states)):
            sums += np.asarray(_sums(models, features, of_frames))
        return _estimated(sums)

    def _heard(self, models: Mixtures) -> Iterator[tuple[Group, np.ndarray]]:
        """Yields each group with the likelihoods of its frames, ``[B, F, M]``."""
        frames = np.concatenate(self._features)
        blocks = [np.asarray(_likelihoods(models, block)) for block, _ in _blocks(frames, np.zeros(len(frames), int))]
        ends = np.cumsum([len(clip) for clip in self._features])
        clips = np.split(np.concatenate(blocks)[: len(frames)], ends[:-1])
        for group in self._groups:
            yield group, group.padded(clips)


def _chain(words: Sequence[Word], numbers: Mapping[str, int]) -> Chain:
    return chain_of([[numbers[without_stress(phone)] for phone in word.phones] for word in words])


def _even_states(loudness: np.ndarray, chain: Chain) -> np.ndarray:
    """Divides the frames of a clip evenly among its phones; what is quiet for long, or at an end, is a pause."""
    low, high = np.percentile(loudness, [5, 95])
    quiet = np.pad(loudness < low + _QUIET_LEVEL * (high - low), 1).astype(int)
    edges = np.flatnonzero(np.diff(quiet))
    loud = np.ones(len(loudness), bool)
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        if stop - start >= _QUIET_FRAMES or start == 0 or stop == len(loudness):
            loud[start:stop] = False
    states = np.arange(len(loudness), dtype=np.int32) % STATES
    spoken = chain.states[chain.states >= STATES]
    states[loud] = spoken[np.arange(loud.sum()) * len(spoken) // max(loud.sum(), 1)]
    return states


def _blocks(frames: np.ndarray, states: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Divides frames, and a number for each, into blocks of one shape; the number of what is not there is -1."""
    for start in range(0, len(frames), _BLOCK_FRAMES):
        part = frames[start : start + _BLOCK_FRAMES]
        behind = _BLOCK_FRAMES - len(part)
        numbers = states[start : start + _BLOCK_FRAMES]
        yield np.pad(part, ((0, behind), (0, 0))), np.pad(numbers, (0, behind), constant_values=-1)


@jax.jit
def _likelihoods(models: Mixtures, features: Array) -> Array:
    """Logarithms of the likelihoods of states, ``[F, C]`` to ``[F, M]``."""
    return jax.nn.logsumexp(_of_gaussians(models, features), axis=-1)


def _of_gaussians(models: Mixtures, features: Array) -> Array:
    precisions = 1 / models.variances
    constants = jnp.sum(models.means**2 * precisions + jnp.log(2 * jnp.pi * models.variances), axis=-1)
    linear = jnp.einsum("fc,mgc->fmg", features, models.means * precisions)
    square = jnp.einsum("fc,mgc->fmg", features**2, precisions)
    return (models.weights - 0.5 * constants)[None] + linear - 0.5 * square


@jax.jit
def _sums(models: Mixtures, features: Array, states: Array) -> Array:
    """Sums the moments of the frames of each Gaussian of the state that they are in: ``[M, G, 1 + 2 C]``."""
    own = jnp.take_along_axis(_of_gaussians(models, features), jnp.maximum(states, 0)[:, None, None], axis=1)[:, 0]
    shares = jax.nn.softmax(own, axis=-1) * (states >= 0)[:, None]
    moments = jnp.concatenate([jnp.ones((len(features), 1)), features, features**2], axis=1)
    return jax.ops.segment_sum(shares[:, :, None] * moments[:, None], jnp.maximum(states, 0), len(models.weights))


def _moments(features: np.ndarray) -> np.ndarray:
    """Frames beside a one and their squares: ``[F, 1 + 2 C]``."""
    return np.concatenate([np.ones((len(features), 1), np.float32), features, features**2], axis=1)


def _estimated(sums: np.ndarray) -> Mixtures:
    """Estimates Gaussians from sums of moments, ``[M, G, 1 + 2 C]``.

    Those of few frames are drawn to their state, and a state of few frames to all speech, as if they had seen some of
    that as well.
    """
    every = sums.sum(axis=(0, 1))
    channels = len(every) // 2
    mean = every[1 : 1 + channels] / every[0]
    variance = np.maximum(every[1 + channels :] / every[0] - mean**2, _LEAST_VARIANCE)
    least = _LEAST_VARIANCE * variance
    of_states, around = _drawn(sums.sum(axis=1), mean, variance, least)
    means, variances = _drawn(sums, of_states[:, None], around[:, None], least)
    shares = (sums[..., 0] + 1) / (sums[..., 0] + 1).sum(axis=1, keepdims=True)
    return Mixtures(*(jnp.asarray(values, jnp.float32) for values in (np.log(shares), means, variances)))


def _drawn(
    sums: np.ndarray, mean: np.ndarray, variance: np.ndarray, least: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Estimates means and variances as if some frames of a prior mean and variance had been seen."""
    channels = sums.shape[-1] // 2
    count = sums[..., :1] + _PRIOR_FRAMES
    means = (sums[..., 1 : 1 + channels] + _PRIOR_FRAMES * mean) / count
    squares = (sums[..., 1 + channels :] + _PRIOR_FRAMES * (variance + mean**2)) / count
    return means, np.maximum(squares - means**2, least)


def _split(models: Mixtures) -> Mixtures:
    """Makes two of each Gaussian, a little apart."""
    apart = _SPLIT_DEVIATIONS * jnp.sqrt(models.variances)
    return Mixtures(
        jnp.concatenate([models.weights - np.log(2)] * 2, axis=1),
        jnp.concatenate([models.means - apart, models.means + apart], axis=1),
        jnp.concatenate([models.variances] * 2, axis=1),
    )


def _score(likelihoods: np.ndarray, states: np.ndarray) -> float:
    """The mean log-probability of the states of spoken frames, where any state might be there: ``[F, M]``, ``[F]``."""
    spoken = np.flatnonzero(states >= STATES)
    heard = likelihoods[spoken].astype(np.float64)
    shares = heard[np.arange(len(spoken)), states[spoken]] - np.logaddexp.reduce(heard, axis=1)
    return round(float(shares.mean()), 3)


def _segments(words: Sequence[Word], places: np.ndarray, seconds: float) -> tuple[Segment, ...]:
    """Converts the place of each frame to phones and pauses."""
    owners: list[tuple[str, int | None]] = [("", None)]
    for number, word in enumerate(words):
        owners += [(phone, number) for phone in word.phones]
        owners.append(("", None))
    units = places // STATES
    edges = np.flatnonzero(np.diff(units)) + 1
    times = [0.0, *(round(int(edge) / _FRAMES_PER_SECOND, 3) for edge in edges), seconds]
    return tuple(
        Segment(owners[units[first]][0], owners[units[first]][1], start, stop)
        for first, start, stop in zip([0, *edges], times[:-1], times[1:], strict=True)
    )
