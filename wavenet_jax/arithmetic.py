"""Arithmetic on whole numbers that every room needs."""


def ceil_div(dividend: int, divisor: int) -> int:
    """Divides and rounds up."""
    return -(-dividend // divisor)


def round_down(number: int, multiple: int) -> int:
    """Returns the greatest multiple that is at most ``number``."""
    return number // multiple * multiple


def round_up(number: int, multiple: int) -> int:
    """Returns the smallest multiple that is at least ``number``."""
    return ceil_div(number, multiple) * multiple
