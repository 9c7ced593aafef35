#!/bin/bash
# An example to adapt: two nodes with four GPUs each under SLURM, one process per GPU.
#
#   DATA_DIR=/shared/speech WORKDIR=/shared/runs/speech sbatch experiments/launch/slurm.sh
#
# WORKDIR and DATA_DIR are on a file system that all nodes share. Two minutes before the time limit SLURM sends SIGTERM:
# the run saves after the current step and exits with 143, and the job requeues itself to resume.
#SBATCH --job-name=wavenet
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=4
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=8
#SBATCH --time=04:00:00
#SBATCH --signal=TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append

srun .venv/bin/python -m experiments.train --flagfile=base.flags --distributed \
    --batch_size=256 --learning_rate=4e-3 --num_steps=100000 \
    --workdir="$WORKDIR" --data_dir="$DATA_DIR"
code=$?
if [ "$code" -eq 143 ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
