"""Checkpoints of https://github.com/r9y9/wavenet_vocoder (version 0.2) as networks of this package.

Both compute the same function in different forms: weight normalisation is resolved, the biases of the first
convolution go into its table, those of the conditions into the gates, and the factor ``sqrt(1 / L)`` of the skip sum
into its projections. Options of that repository without a counterpart here are refused by name.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from wavenet_jax.arithmetic import round_up
from wavenet_jax.config import ConditioningConfig, DataConfig, FeatureConfig, RunConfig, WaveNetConfig
from wavenet_jax.integrity import different_form, flatten, listing, unflatten
from wavenet_jax.model import head_of, parameter_shapes
from wavenet_jax.runs import Trained

LOWEST_LOG_SCALE = -20.0
"""Lowest bound on a mixture's log scales that a config accepts; e^-20 is far below the finest level."""


class Imported(NamedTuple):
    """An imported network, and notes for the user."""

    trained: Trained
    notes: list[str]


def import_r9y9(tensors: Mapping[str, Any], hparams: Mapping[str, Any], sample_rate: int | None = None) -> Imported:
    """Builds the network of a checkpoint.

    Args:
      tensors: a state_dict, or a checkpoint that has one, as numpy arrays by name; names may begin with ``weights/``.
      hparams: the hyper-parameters under that repository's names.
      sample_rate: in Hz; None takes that of ``hparams``, or 16,000.

    Raises:
      ValueError: it cannot be imported; the message gives the reason.
    """
    state = _State(tensors)
    notes: list[str] = []
    config = _config(state, _Hparams(hparams), sample_rate, notes)
    params = _params(state, config)
    state.check_all_used()
    like = parameter_shapes(config)
    difference = different_form(listing(params), flatten(like))
    assert difference is None, difference
    crop = round_up(DataConfig.crop_samples, config.hop)
    step = tensors.get("global_step")
    run = RunConfig(config, DataConfig(crop_samples=crop))
    return Imported(Trained(run, unflatten(params, like), step if isinstance(step, int) and step >= 0 else 0), notes)


class _Hparams:
    """Hyper-parameters by name; an error names a missing one."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def whole(self, name: str) -> int:
        """Returns a whole number above zero."""
        value = self._values.get(name)
        if not isinstance(value, int) or value < 1:
            raise ValueError(
                f"hparams need {name} as a whole number above 0, got {value!r}; give the JSON of that network"
            )
        return value

    def get(self, name: str, default: Any = None) -> Any:
        """Returns a value, or the default where there is none."""
        value = self._values.get(name)
        return default if value is None else value

    def refuse(self, name: str, allowed: tuple[Any, ...], values: Mapping[str, Any] | None = None) -> None:
        """Raises ``ValueError`` for a value without a counterpart here; a missing one is fine."""
        value = (self._values if values is None else values).get(name)
        if value is not None and value not in allowed:
            raise ValueError(f"networks with {name}={value!r} cannot be imported, only {allowed[0]!r}")


class _State:
    """The tensors of a state_dict: weight normalisation resolved, and every one used once."""

    def __init__(self, tensors: Mapping[str, Any]) -> None:
        tensors = tensors.get("state_dict", tensors)
        if not isinstance(tensors, Mapping):
            raise ValueError(f"state_dict must hold tensors by name, got {type(tensors).__name__}")
        if any(name.startswith("weights/") for name in tensors):
            tensors = {n.removeprefix("weights/"): value for n, value in tensors.items() if n.startswith("weights/")}
        self._tensors: dict[str, np.ndarray] = {}
        for name, value in tensors.items():
            if not isinstance(value, np.ndarray) or not np.issubdtype(np.asarray(value).dtype, np.number):
                continue  # checkpoints hold other things as well
            if not np.isfinite(np.asarray(value, np.float32)).all():
                raise ValueError(f"{name} has numbers that are not finite; choose another checkpoint")
            self._tensors[name.removeprefix("module.")] = np.asarray(value, np.float32)
        self._used: set[str] = set()
        if "first_conv.bias" not in self._tensors:
            names = ", ".join(list(self._tensors)[:3]) or "none"
            raise ValueError(f"the weights are not those of r9y9/wavenet_vocoder: no first_conv.bias among {names} ...")

    def __contains__(self, module: str) -> bool:
        return any(name.startswith(f"{module}.") for name in self._tensors)

    def count(self, module: str) -> int:
        """Counts the numbered submodules of a module."""
        numbers = {name.split(".")[module.count(".") + 1] for name in self._tensors if name.startswith(f"{module}.")}
        return len({number for number in numbers if number.isdecimal()})

    def shape(self, module: str) -> tuple[int, ...]:
        """Returns the shape of a module's weight."""
        return self._weight(module, use=False).shape

    def weight(self, module: str, shape: tuple[int, ...]) -> np.ndarray:
        """Returns the effective weight of a module."""
        return self._checked(f"{module}.weight", self._weight(module, use=True), shape)

    def bias(self, module: str, size: int) -> np.ndarray:
        """Returns the bias of a module, zeros where it has none."""
        name = f"{module}.bias"
        if name not in self._tensors:
            return np.zeros(size, np.float32)
        self._used.add(name)
        return self._checked(name, self._tensors[name], (size,))

    def check_all_used(self) -> None:
        """Raises ``ValueError`` for tensors that have no counterpart here."""
        unused = [name for name in self._tensors if name not in self._used]
        if unused:
            why = ": transposed convolutions of version 0.1" if unused[0].startswith("upsample_conv") else ""
            raise ValueError(f"{unused[0]} has no counterpart here{why}; this network cannot be imported")

    def _weight(self, module: str, use: bool) -> np.ndarray:
        for scale, direction in (
            ("weight_g", "weight_v"),
            ("parametrizations.weight.original0", "parametrizations.weight.original1"),
        ):
            names = [f"{module}.{scale}", f"{module}.{direction}"]
            if all(name in self._tensors for name in names):
                self._used.update(names if use else ())
                g, v = (self._tensors[name] for name in names)
                if g.shape != (v.shape[0], *[1] * (v.ndim - 1)):
                    raise ValueError(f"{names[0]} has shape {list(g.shape)}, which does not fit {list(v.shape)}")
                norm = np.sqrt(np.square(v.astype(np.float64)).sum(tuple(range(1, v.ndim)), keepdims=True))
                return (v * (g / np.maximum(norm, 1e-30))).astype(np.float32)
        name = f"{module}.weight"
        if name not in self._tensors:
            raise ValueError(f"the weights have no {name}; the hparams are of another network")
        self._used.update([name] if use else ())
        return self._tensors[name]

    @staticmethod
    def _checked(name: str, array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        if array.shape != shape:
            raise ValueError(f"{name} has shape {list(array.shape)}, and the hparams say {list(shape)}")
        return array


def _config(state: _State, hparams: _Hparams, sample_rate: int | None, notes: list[str]) -> WaveNetConfig:
    layers, stacks, kernel_size = (hparams.whole(name) for name in ("layers", "stacks", "kernel_size"))
    if layers % stacks:
        raise ValueError(f"layers must be a multiple of stacks={stacks}, got {layers}")
    if state.count("conv_layers") != layers:
        raise ValueError(f"hparams say layers={layers}, and the weights have {state.count('conv_layers')}")
    hparams.refuse("legacy", (False,))
    residual, inputs = state.shape("first_conv")[:2]
    gate = state.shape("conv_layers.0.conv")[0]
    skip = state.shape("conv_layers.0.conv1x1_skip")[0]
    for name, value in (("residual_channels", residual), ("gate_channels", gate), ("skip_out_channels", skip)):
        hparams.refuse(name, (value,))
    if sample_rate is None and hparams.get("sample_rate") is None:
        notes.append(
            f"hparams give no sample_rate: it is taken as {WaveNetConfig.sample_rate} Hz; sample_rate says another"
        )
    return WaveNetConfig(
        sample_rate=sample_rate or hparams.get("sample_rate", WaveNetConfig.sample_rate),
        residual_channels=residual,
        gate_channels=gate,
        skip_channels=skip,
        dilation_cycle=tuple(2**layer for layer in range(layers // stacks)),
        cycles=stacks,
        kernel_size=kernel_size,
        residual_scaling=True,
        dropout=float(hparams.get("dropout", 0.0)),
        **_samples(state, hparams, inputs, notes),
        **_conditions(state, hparams, notes),
    )


def _samples(state: _State, hparams: _Hparams, inputs: int, notes: list[str]) -> dict[str, Any]:
    """Returns the input and the output distribution of the network."""
    outputs = state.shape("last_conv_layers.3")[0]
    hparams.refuse("out_channels", (outputs,))
    kind = hparams.get("input_type", "raw" if inputs == 1 else "mulaw-quantize")
    if (kind in ("raw", "mulaw")) != (inputs == 1) or hparams.get("scalar_input", inputs == 1) != (inputs == 1):
        raise ValueError(f"hparams say input_type={kind!r}, and first_conv takes {inputs} channels")
    if inputs != 1:
        if inputs != outputs:
            raise ValueError(f"first_conv takes {inputs} levels, and the last layer gives {outputs}")
        notes.append("samples are coded to the nearest level here, to the one below there: equal when they are decoded")
        return {"levels": outputs, "companding": "mu_law", "head": "categorical", "input": "embedding"}
    hparams.refuse("output_distribution", ("Logistic", "Normal"))
    normal = hparams.get("output_distribution", "Logistic") == "Normal"
    if outputs % 3 and not (normal and outputs == 2):
        raise ValueError(f"a mixture has three outputs for each component, got {outputs} in all")
    floor = float(hparams.get("log_scale_min", -7.0))
    if floor < LOWEST_LOG_SCALE:
        notes.append(f"log_scale_min is {LOWEST_LOG_SCALE:g} instead of {floor:g}, which changes no sound")
    return {
        "levels": int(hparams.get("quantize_channels", 65_536)),
        "companding": "mu_law" if kind == "mulaw" else "linear",
        "head": "gaussian_mixture" if normal else "logistic_mixture",
        "mixture_components": max(outputs // 3, 1),
        "mixture_axis": "linear",
        "log_scale_floor": min(max(floor, LOWEST_LOG_SCALE), 0.0),
        "input": "scalar" if kind == "mulaw" else "waveform",
    }


def _conditions(state: _State, hparams: _Hparams, notes: list[str]) -> dict[str, Any]:
    features: dict[str, Any] = {}
    conditioning: dict[str, Any] = {}
    if "conv_layers.0.conv1x1c" in state:
        channels = state.shape("conv_layers.0.conv1x1c")[1]
        hparams.refuse("cin_channels", (channels,))
        strides: tuple[int, ...] = ()
        taps = smoothing = 1
        if "upsample_net" in state:
            options = hparams.get("upsample_params", {})
            strides = tuple(options.get("upsample_scales", ()))
            for name, allowed in (("upsample_activation", "none"), ("mode", "nearest")):
                hparams.refuse(name, (allowed,), options)
            filters = _filters(state)
            if len(strides) != len(filters) or not strides:
                raise ValueError(
                    f"upsample_scales must name {len(filters)} stages, as the weights have, got {len(strides)}"
                )
            smoothing = state.shape(filters[0])[2]
            if "upsample_net.conv_in" in state:
                taps = state.shape("upsample_net.conv_in")[2]
        notes.append(
            f"frames are read from arrays of {channels} numbers beside the recordings (local_features=file), prepared "
            "as they were for that network"
        )
        features = {"local_features": ("file",), "file_channels": channels, "hop_samples": math.prod(strides)}
        conditioning = {
            "local_channels": channels,
            "lookbehind_frames": taps // 2,
            "lookahead_frames": taps // 2,
            "upsampling": "smoothed" if strides else "nearest",
            "upsampling_strides": strides,
            "smoothing_channels": smoothing,
        }
    if "conv_layers.0.conv1x1g" in state:
        channels = state.shape("conv_layers.0.conv1x1g")[1]
        hparams.refuse("gin_channels", (channels,))
        conditioning["global_channels"] = channels
        if "embed_speakers" in state:
            names = tuple(f"speaker={number}" for number in range(state.shape("embed_speakers")[0]))
            conditioning |= {"condition_on_classes": True, "classes": names}
        else:
            conditioning["vector_channels"] = channels
    return {"features": FeatureConfig(**features), "conditioning": ConditioningConfig(**conditioning)}


def _filters(state: _State) -> list[str]:
    """Returns the modules of the upsampling network that smooth, first stage first: every other one only repeats."""
    inner = "upsample_net.upsample" if "upsample_net.upsample" in state else "upsample_net"
    return [f"{inner}.up_layers.{2 * stage + 1}" for stage in range(state.count(f"{inner}.up_layers"))]


def _params(state: _State, config: WaveNetConfig) -> dict[str, np.ndarray]:
    residual, gate, skip = config.residual_channels, 2 * config.hidden_channels, config.skip_channels
    inputs = 1 if config.input_has_values else config.levels
    first = state.weight("first_conv", (residual, inputs, 1))[:, :, 0].T
    bias = state.bias("first_conv", residual)
    if config.input_has_values:
        params = {"input/value_kernel": first, "input/bias": bias}
    else:
        params = {"input/kernel": (first + bias)[None]}
    blocks: dict[str, list[np.ndarray]] = {name: [] for name in ("dilated", "gates", "skip", "skips", "out", "outs")}
    for layer in range(config.layers):
        module = f"conv_layers.{layer}"
        kernel = state.weight(f"{module}.conv", (gate, residual, config.kernel_size))
        blocks["dilated"].append(kernel.transpose(2, 1, 0))
        conditions = sum(state.bias(f"{module}.conv1x1{kind}", gate) for kind in "cg")
        blocks["gates"].append(state.bias(f"{module}.conv", gate) + conditions)
        blocks["skip"].append(state.weight(f"{module}.conv1x1_skip", (skip, gate // 2, 1))[:, :, 0].T)
        blocks["skips"].append(state.bias(f"{module}.conv1x1_skip", skip))
        blocks["out"].append(state.weight(f"{module}.conv1x1_out", (residual, gate // 2, 1))[:, :, 0].T)
        blocks["outs"].append(state.bias(f"{module}.conv1x1_out", residual))
    scale = np.float32(config.layers**-0.5)
    params |= {
        "stack/dilated_kernel": np.stack(blocks["dilated"]),
        "stack/dilated_bias": np.stack(blocks["gates"]),
        "stack/skip_kernel": scale * np.stack(blocks["skip"]),
        "stack/skip_bias": scale * np.sum(blocks["skips"], axis=0),
    }
    if config.layers > 1:  # nothing reads the stream after the last layer
        params["stack/residual_kernel"] = np.stack(blocks["out"][:-1])
        params["stack/residual_bias"] = np.stack(blocks["outs"][:-1])
    params |= _outputs(state, config)
    if config.is_local:
        params |= _frames(state, config)
        params["stack/time_kernel"] = _projection(state, config, "conv1x1c", config.conditioning.local_channels)
    if config.stream_channels:
        params |= _streams(state, config)
        params["stack/stream_kernel"] = _projection(state, config, "conv1x1g", config.stream_channels)
    return {name: np.ascontiguousarray(array, np.float32) for name, array in params.items()}


def _outputs(state: _State, config: WaveNetConfig) -> dict[str, np.ndarray]:
    skip, head = config.skip_channels, head_of(config)
    count = state.shape("last_conv_layers.3")[0]
    kernel = state.weight("last_conv_layers.3", (count, skip, 1))[:, :, 0].T
    bias = state.bias("last_conv_layers.3", count)
    if count < head.outputs:  # one normal distribution, without the logit of a mixture
        kernel, bias = np.pad(kernel, ((0, 0), (1, 0))), np.pad(bias, (1, 0))
    return {
        "output/hidden_kernel": state.weight("last_conv_layers.1", (skip, skip, 1))[:, :, 0].T,
        "output/hidden_bias": state.bias("last_conv_layers.1", skip),
        "output/outputs_kernel": kernel / head.units(),
        "output/outputs_bias": bias / head.units(),
    }


def _frames(state: _State, config: WaveNetConfig) -> dict[str, np.ndarray]:
    options, channels = config.conditioning, config.conditioning.local_channels
    kernel = np.eye(channels, dtype=np.float32)[None]
    if "upsample_net.conv_in" in state:
        taps = options.lookbehind_frames + 1 + options.lookahead_frames
        kernel = state.weight("upsample_net.conv_in", (channels, channels, taps)).transpose(2, 1, 0)
    params = {"conditioner/frames_kernel": 10 * kernel}  # the conditioner divides by 10
    params["conditioner/frames_bias"] = state.bias("upsample_net.conv_in", channels)
    if options.upsampling == "smoothed":
        for index, (module, stride) in enumerate(zip(_filters(state), config.upsampling_strides, strict=True)):
            shape = (1, 1, options.smoothing_channels, 2 * stride + 1)
            params[f"conditioner/upsampling_{index}_kernel"] = state.weight(module, shape)[0, 0]
    return params


def _streams(state: _State, config: WaveNetConfig) -> dict[str, np.ndarray]:
    options, channels = config.conditioning, config.conditioning.global_channels
    if options.condition_on_classes:
        table = state.weight("embed_speakers", (len(options.classes), channels))
        return {"conditioner/class_speaker_table": table}
    return {"conditioner/vector_kernel": np.eye(channels, dtype=np.float32)}


def _projection(state: _State, config: WaveNetConfig, name: str, channels: int) -> np.ndarray:
    """Returns the projections of a condition by all layers: ``[C, L, G]``."""
    gate = 2 * config.hidden_channels
    layers = [
        state.weight(f"conv_layers.{layer}.{name}", (gate, channels, 1))[:, :, 0].T for layer in range(config.layers)
    ]
    return np.stack(layers, axis=1)
