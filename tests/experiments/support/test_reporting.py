"""What a run takes from the network that it begins from stands in a table."""

import io

from rich.console import Console

from experiments.support.reporting import transfer_table
from wavenet_jax.training import BEGUN, LEFT, RESHAPED, TAKEN, Begun, Part


def test_every_array_has_a_row_with_its_fate_and_the_reason() -> None:
    parts = [
        Part("stack/skip_kernel", TAKEN, (2, 4), (2, 4)),
        Part("conditioner/class_[b]_table", RESHAPED, (3, 2), (1, 2), "x, y begin as their mean"),
        Part("output/outputs_bias", BEGUN, (6,), (16,), "head logistic_mixture"),
        Part("old", LEFT, None, (5,), "the new network has none"),
    ]
    screen = Console(file=io.StringIO(), width=120)
    screen.print(transfer_table(Begun("runs/[base]", 7, parts, [])))
    text = screen.file.getvalue()  # type: ignore[attr-defined]
    rows = {
        cells[1]: cells[2:5]
        for cells in (list(map(str.strip, line.split("│"))) for line in text.splitlines())
        if len(cells) > 5
    }
    assert rows == {
        "stack/skip_kernel": ["2 x 4", "taken", ""],
        "conditioner/class_[b]_table": ["1 x 2 to 3 x 2", "reshaped", "x, y begin as their mean"],
        "output/outputs_bias": ["16 to 6", "begun anew", "head logistic_mixture"],
        "old": ["5", "left", "the new network has none"],
    }
    assert "begun from runs/[base], step 7" in text
    assert "1 taken, 1 reshaped, 1 begun anew, 1 left" in text
