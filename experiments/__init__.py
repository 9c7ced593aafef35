"""Command-line programs: flags, progress and files around the library in wavenet_jax."""

from experiments.support import early

if early.is_program():
    early.prepare()
