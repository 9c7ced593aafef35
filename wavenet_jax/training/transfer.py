"""Takes the parameters of a trained network over into another one, by name, and says what became of each.

Everything that means the same in both networks is taken. Where one is larger along an axis whose places have a meaning
of their own (classes, features, layers, taps, levels), the places that both have are taken, and what is only added to
the rest begins at zero, so that the new network first computes what the old one did. Everything else begins anew.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from wavenet_jax.audio.codec import Grid
from wavenet_jax.audio.companding import compress
from wavenet_jax.config import FeatureConfig, RunConfig, WaveNetConfig
from wavenet_jax.config.tables import FRAME_CONDITIONS
from wavenet_jax.integrity import flatten, unflatten
from wavenet_jax.model import head_of
from wavenet_jax.typing import Params

TAKEN, RESHAPED, BEGUN, LEFT = "taken", "reshaped", "begun anew", "left"
"""What becomes of an array. What is left belongs to the old network alone."""

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Part:
    """What became of one array."""

    path: str
    fate: str  # TAKEN, RESHAPED, BEGUN or LEFT
    shape: tuple[int, ...] | None  # None: the new network has none
    source_shape: tuple[int, ...] | None  # None: the old network has none
    why: str = ""


class Transferred(NamedTuple):
    """Parameters of a new network, and where they come from."""

    params: Params
    parts: list[Part]
    notes: list[str]  # differences between the networks that no shape shows


class _Axis(NamedTuple):
    """Which places of an axis both arrays have."""

    mine: Sequence[int]
    theirs: Sequence[int]
    adds: bool = False  # the others are only added to what these give, so they begin at zero
    what: str = ""


def transfer(
    fresh: Params, config: RunConfig, source: Params, source_config: RunConfig, class_from: str | None = None
) -> Transferred:
    """Takes over what it can of a trained network.

    Args:
      fresh: the untrained parameters of the new network, numpy arrays.
      config: its config.
      source: the trained parameters, numpy arrays.
      source_config: their config.
      class_from: class of the trained network, as NAME or FAMILY=NAME, that new classes begin as; None: the mean.

    Raises:
      ValueError: see ``check_source``.
    """
    check_source(source, source_config.model, class_from)
    surgeon = _Surgeon(config.model, source_config.model, _plain(flatten(source)), class_from)
    arrays: Arrays = {}
    parts = []
    for path, array in _plain(flatten(fresh)).items():
        arrays[path], part = surgeon.of(path, array)
        parts.append(part)
    parts += surgeon.left()
    rescaled = _with_scales(arrays, flatten(fresh))
    return Transferred(unflatten(rescaled, fresh), parts, list(_notes(config, source_config)))


def check_source(source: Params, config: WaveNetConfig, class_from: str | None) -> None:
    """Raises ``ValueError`` where a trained network has numbers that are not finite, or no class ``class_from``."""
    for path, array in flatten(source).items():
        if not np.isfinite(array).all():
            raise ValueError(
                f"{path} has numbers that are not finite: that network diverged; choose another checkpoint"
            )
    _family_and_name(config, class_from)


class _Surgeon:
    """Finds for each array of the new network what the old one has of it."""

    def __init__(self, config: WaveNetConfig, source_config: WaveNetConfig, source: Arrays, class_from: str | None):
        self._new, self._old = config, source_config
        self._source = dict(source)
        self._class_from = _family_and_name(source_config, class_from)
        self._used: set[str] = set()
        self._folded = self._fold_classes()

    def of(self, path: str, fresh: np.ndarray) -> tuple[np.ndarray, Part]:
        """Returns the array of the new network at a path, and what became of it."""
        theirs = self._source_path(path)
        old = self._source.get(theirs)
        if old is None:
            adds = path in ("input/value_kernel", "prediction/kernel", "stack/stream_kernel", "stack/time_kernel")
            why = "there was none" + ("; begins at zero" if adds else "")
            return np.zeros_like(fresh) if adds else fresh, Part(path, BEGUN, fresh.shape, None, why)
        self._used.add(theirs)
        reason = self._other_meaning(path)
        if reason is not None:
            return fresh, Part(path, BEGUN, fresh.shape, old.shape, reason)
        family = _family_of(path)
        if family is not None and old.shape[1:] == fresh.shape[1:]:
            return self._class_table(path, family, old)
        notes = [self._folded] if path == "stack/dilated_bias" and self._folded else []
        if path == "input/kernel" and not self._same_rows():
            old = self._rows(old)
            notes.append("rows between those of the old levels")
        axes = self._axes(path, fresh.shape, old.shape)
        wrong = [axis.what for axis in axes if not axis.mine]
        if wrong:
            return fresh, Part(path, BEGUN, fresh.shape, self._source[theirs].shape, "; ".join(wrong))
        array = fresh.copy()
        array[
            np.ix_(*(range(size) if axis.adds else axis.mine for axis, size in zip(axes, fresh.shape, strict=True)))
        ] = 0
        array[np.ix_(*(axis.mine for axis in axes))] = old[np.ix_(*(axis.theirs for axis in axes))]
        notes += [axis.what for axis in axes if axis.what]
        return array, Part(
            path, RESHAPED if notes else TAKEN, fresh.shape, self._source[theirs].shape, "; ".join(notes)
        )

    def left(self) -> list[Part]:
        """Returns the arrays of the old network that the new one has no place for."""
        return [
            Part(path, LEFT, None, array.shape, "the new network has none")
            for path, array in self._source.items()
            if path not in self._used
        ]

    def _source_path(self, path: str) -> str:
        """Returns the path of the same part in the old network: context stacks go by their period."""
        module, _, rest = path.partition("/")
        if not module.startswith("contexts_"):
            return path
        period, periods = self._new.context_periods[int(module.removeprefix("contexts_"))], self._old.context_periods
        return f"contexts_{periods.index(period)}/{rest}" if period in periods else ""

    def _other_meaning(self, path: str) -> str | None:
        """Returns why arrays of one name mean different things, if they do."""
        new, old = self._new, self._old
        if path.startswith(("output/outputs_", "fine/")):
            if (new.head, head_of(new)) != (old.head, head_of(old)):
                return f"head {_head_name(new)}, was {_head_name(old)}"
            if new.companding != old.companding:
                return f"companding {new.companding}, was {old.companding}"
            orders = [config.prediction.linear_prediction for config in (new, old)]
            if all(orders) != any(orders):
                return f"linear_prediction {orders[0]}, was {orders[1]}"
        if path == "input/value_kernel" and new.input != old.input:
            return f"input {new.input}, was {old.input}"
        if path.startswith("conditioner/upsampling_") and new.hop != old.hop:
            return f"hop_samples {new.hop}, was {old.hop}"
        return None

    def _axes(self, path: str, mine: tuple[int, ...], theirs: tuple[int, ...]) -> list[_Axis]:
        module, _, name = path.rpartition("/")
        axes = [_exact(*sizes) for sizes in zip(mine, theirs, strict=True)]
        if path in ("input/kernel", "input/value_kernel"):
            axes[0] = _from_end(mine[0], theirs[0], "taps")
        elif path == "conditioner/frames_kernel":
            axes[0], axes[1] = self._frame_taps(), self._features()
        elif path.startswith("conditioner/frames_") and name.endswith("_kernel"):
            axes[0] = self._frame_taps()
        elif module.endswith("stack"):
            axes = self._stack_axes(module, name, axes, mine, theirs)
        return axes

    def _stack_axes(
        self, module: str, name: str, axes: list[_Axis], mine: tuple[int, ...], theirs: tuple[int, ...]
    ) -> list[_Axis]:
        layer_axis = 1 if name in ("stream_kernel", "time_kernel") else 0
        if name != "skip_bias":
            new, old = self._dilations(module)
            axes[layer_axis] = _layers(new, old, mine[layer_axis], theirs[layer_axis])
        if name == "dilated_kernel":
            axes[1] = _from_end(mine[1], theirs[1], "taps")
        elif name == "time_kernel":
            axes[0] = self._time_channels()
        return axes

    def _dilations(self, module: str) -> tuple[Sequence[int], Sequence[int]]:
        if module == "stack":
            return self._new.dilations, self._old.dilations
        new, old = (c.context.context_dilation_cycle * c.context.context_cycles for c in (self._new, self._old))
        return new, old

    def _frame_taps(self) -> _Axis:
        (before, after), (b, a) = (
            (config.conditioning.lookbehind_frames, config.conditioning.lookahead_frames)
            for config in (self._new, self._old)
        )
        shared = range(-min(before, b), min(after, a) + 1)
        changed = (before, after) != (b, a)
        return _Axis([t + before for t in shared], [t + b for t in shared], True, "frames around" if changed else "")

    def _features(self) -> _Axis:
        """Matches the features that are measured in the same way, whatever their order."""
        new, old = self._new, self._old
        mine: list[int] = []
        theirs: list[int] = []
        reasons = []
        places = dict(_places(old.features))
        for name, place in _places(new.features):
            if name not in places:
                reasons.append(f"{name} is new")
            elif (reason := _measured_otherwise(name, new, old)) is not None:
                reasons.append(reason)
            else:
                mine += place
                theirs += places[name]
        reasons += [f"{name} is gone" for name in places if name not in new.features.local_features]
        if [*mine] != [*theirs] and not reasons:
            reasons.append("features in another order")
        return _Axis(mine, theirs, True, "features: " + ", ".join(reasons) if reasons else "")

    def _time_channels(self) -> _Axis:
        """Matches the channels of frames as a whole, and those of context stacks of the same period."""
        new, old = self._new, self._old
        mine: list[int] = []
        theirs: list[int] = []
        reasons = []
        places = dict(_time_places(old))
        for name, place in _time_places(new):
            if name in places and len(places[name]) == len(place):
                mine += place
                theirs += places[name]
            else:
                reasons.append(f"{name} new")
        reasons += [f"{name} gone" for name in places if name not in dict(_time_places(new))]
        return _Axis(mine, theirs, True, ", ".join(reasons))

    def _class_table(self, path: str, family: str, old: np.ndarray) -> tuple[np.ndarray, Part]:
        """Takes the rows of the classes that both networks have; new ones begin as an old one, or as their mean."""
        names, old_names = self._new.conditioning.families[family], self._old.conditioning.families[family]
        array = np.stack(
            [old[old_names.index(name)] if name in old_names else self._class_row(family, old) for name in names]
        )
        new, gone = ([n for n in some if n not in others] for some, others in ((names, old_names), (old_names, names)))
        notes = [f"{', '.join(new)} begin as {self._class_words([family])}"] * bool(new)
        notes += [f"{', '.join(gone)} left"] * bool(gone)
        if names != old_names and not notes:
            notes = ["classes in another order"]
        return array, Part(path, RESHAPED if notes else TAKEN, array.shape, old.shape, "; ".join(notes))

    def _class_row(self, family: str, table: np.ndarray) -> np.ndarray:
        if self._class_from is not None and self._class_from[0] == family:
            return table[self._old.conditioning.families[family].index(self._class_from[1])]
        return table.mean(axis=0)

    def _fold_classes(self) -> str:
        """Adds what families of classes that are gone say on the average to the biases of the gates."""
        bias, kernel = (self._source.get(f"stack/{name}") for name in ("dilated_bias", "stream_kernel"))
        gone = [family for family in self._classes(self._old) if family not in self._classes(self._new)]
        if not gone or bias is None or kernel is None:
            return ""
        for family in gone:
            row = self._class_row(family, self._source[f"conditioner/class_{family}_table"])
            bias = bias + np.einsum("c,clg->lg", row, kernel)
        self._source["stack/dilated_bias"] = bias
        return f"classes of {', '.join(gone)} are gone: {self._class_words(gone)} is added"

    def _class_words(self, families: Sequence[str]) -> str:
        if self._class_from is not None and self._class_from[0] in families:
            return "=".join(self._class_from)
        return "their mean"

    @staticmethod
    def _classes(config: WaveNetConfig) -> Sequence[str]:
        return list(config.conditioning.families) if config.conditioning.condition_on_classes else []

    def _same_rows(self) -> bool:
        return _row_values(self._new).shape == _row_values(self._old).shape and bool(
            np.allclose(_row_values(self._new), _row_values(self._old), atol=1e-6)
        )

    def _rows(self, table: np.ndarray) -> np.ndarray:
        """Interpolates a table for the levels of the new network: ``[Ki, rows, R]``."""
        at, old_at = _row_values(self._new), _row_values(self._old)
        flat = table.swapaxes(0, 1).reshape(len(old_at), -1)
        columns = np.stack([np.interp(at, old_at, column) for column in flat.T], axis=-1)
        return columns.reshape(len(at), table.shape[0], table.shape[2]).swapaxes(0, 1).astype(table.dtype)


def _family_of(path: str) -> str | None:
    """Returns the family of classes whose table is at a path, if it is one."""
    name = path.removeprefix("conditioner/class_")
    return name.removesuffix("_table") if name != path and name.endswith("_table") else None


def _exact(mine: int, theirs: int) -> _Axis:
    if mine != theirs:
        return _Axis([], [], what=f"width {mine}, was {theirs}")
    return _Axis(range(mine), range(mine))


def _from_end(mine: int, theirs: int, what: str) -> _Axis:
    """Matches taps from the newest one back."""
    common = min(mine, theirs)
    text = "" if mine == theirs else f"{mine} {what}, were {theirs}"
    return _Axis(range(mine - common, mine), range(theirs - common, theirs), True, text)


def _layers(new: Sequence[int], old: Sequence[int], mine: int, theirs: int) -> _Axis:
    """Matches the first layers, as far as their dilations agree; all projections but the residual one have all L."""
    common = next(
        (n for n, pair in enumerate(zip(new, old, strict=False)) if pair[0] != pair[1]), min(len(new), len(old))
    )
    common = min(common, mine, theirs)
    text = "" if (mine, theirs) == (common, common) else f"{common} of {mine} layers have the dilation that they had"
    return _Axis(range(common), range(common), False, text)


def _places(features: FeatureConfig) -> Iterator[tuple[str, range]]:
    """Yields the features of a frame, and the channels of each."""
    for name in features.local_features:
        columns = features.columns(name)
        yield name, range(columns.start, columns.stop)


def _time_places(config: WaveNetConfig) -> Iterator[tuple[str, range]]:
    start = config.feature_channels
    if start:
        yield "features", range(start)
    for period in config.context_periods:
        yield f"context stack of {period}", range(start, start + config.context.context_channels)
        start += config.context.context_channels


def _measured_otherwise(name: str, new: WaveNetConfig, old: WaveNetConfig) -> str | None:
    """Returns what decides the numbers of a feature, and has changed."""
    ours, theirs = (FRAME_CONDITIONS[name](config).description() for config in (new, old))
    for config, description in ((new, ours), (old, theirs)):
        description["width"] = FRAME_CONDITIONS[name].width(config.features)
    # Windows and hops have other lengths at other rates; what is measured stays the same.
    same = ("sample_rate", "hop_samples", "fft_size", "window_samples")
    for key in [*ours, *theirs]:
        if key not in same and ours.get(key) != theirs.get(key):
            return f"{name} has another {key}"
    return None


def _row_values(config: WaveNetConfig) -> np.ndarray:
    """Returns the waveform value that each row of the input's table stands for, companded with µ = 255."""
    grid = Grid.of(config) if config.table_rows == config.levels else Grid(config.table_rows, "mu_law")
    return np.asarray(compress(grid.values.astype(np.float64)))


def _head_name(config: WaveNetConfig) -> str:
    return f"{config.head} of {head_of(config).outputs} outputs"


def _family_and_name(config: WaveNetConfig, given: str | None) -> tuple[str, str] | None:
    if given is None:
        return None
    found = [
        (family, name)
        for family, names in config.conditioning.families.items()
        for name in names
        if given in (name, f"{family}={name}")
    ]
    if len(found) != 1:
        problem = "names several classes" if found else "is no class"
        names = ", ".join(config.conditioning.classes) or "none"
        raise ValueError(f"init_classes_from {given!r} {problem} of the network in init_from; give one of: {names}")
    return found[0]


def _plain(arrays: Arrays) -> Arrays:
    """Resolves weight normalisation: kernels as they are multiplied with, without scales."""
    plain = {}
    for path, array in arrays.items():
        if path.endswith("_kernel_scale"):
            continue
        scale = arrays.get(f"{path}_scale")
        plain[path] = np.asarray(array) if scale is None else array * (scale / _norm(array, scale.shape))
    return plain


def _with_scales(plain: Arrays, like: dict[str, Any]) -> Arrays:
    """Returns the arrays with scales of weight normalisation where ``like`` has some."""
    arrays = dict(plain)
    for path, leaf in like.items():
        if path not in plain:
            arrays[path] = _norm(plain[path.removesuffix("_scale")], leaf.shape)
    return {path: np.asarray(arrays[path], np.float32) for path in like}


def _norm(kernel: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    axes = tuple(axis for axis, size in enumerate(shape) if size == 1)
    return np.maximum(np.sqrt(np.square(kernel).sum(axes, keepdims=True)), np.float32(1e-12))


def _notes(new: RunConfig, old: RunConfig) -> Iterator[str]:
    for name, mine, theirs in (
        ("sample_rate", new.model.sample_rate, old.model.sample_rate),
        ("pre_emphasis", new.data.pre_emphasis, old.data.pre_emphasis),
        ("residual_scaling", new.model.residual_scaling, old.model.residual_scaling),
    ):
        if mine != theirs:
            yield f"{name} is {mine}, was {theirs}: the same numbers mean other sound, until training has moved them"
