"""The example launch files: their shell is sound, and their flags exist."""

import re
import shlex
import subprocess

import pytest
import yaml

from experiments import train
from experiments.support import flags
from experiments.support.runtime import Hosts
from tests.experiments.conftest import ROOT
from wavenet_jax.config import RunConfig

LAUNCH = ROOT / "experiments" / "launch"


def script(name: str) -> str:
    text = (LAUNCH / name).read_text()
    return yaml.safe_load(text)["run"] if name.endswith(".yaml") else text


@pytest.mark.parametrize("name", ["slurm.sh", "skypilot.yaml"])
def test_the_flags_of_an_example_exist(name: str) -> None:
    text = script(name)
    subprocess.run(["bash", "-n"], input=text, text=True, check=True)
    command = re.search(r"-m experiments\.train ((?:.*\\\n)*.*)", text)
    assert command is not None
    filled = command[1].replace('"$(echo "$SKYPILOT_NODE_IPS" | head -n1):8476"', "host:8476")
    arguments = shlex.split(re.sub(r'"?\$(\w+)"?', "1", filled.replace("\\\n", "")))
    arguments[arguments.index("--flagfile=base.flags")] = (
        f"--flagfile={ROOT / 'experiments' / 'presets' / 'base.flags'}"
    )
    config, hosts, options = flags.read([RunConfig, Hosts, train.Options], ["train", *arguments])
    assert hosts.distributed
    assert config.data.data_dir == ("1",)
    assert options.workdir == "1"
