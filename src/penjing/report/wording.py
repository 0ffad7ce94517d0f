"""Numbers as people read them."""

from penjing.objectives import metric_named


def size(n_bytes: float | None) -> str:
    """Write a file size with three digits.

    Example:
        >>> size(38_412), size(None)
        ('38.4 kB', '–')
    """
    return "–" if n_bytes is None else metric_named("size_bytes").text(float(n_bytes), digits=3)


def time(milliseconds: float | None) -> str:
    """Write a latency with three digits.

    Example:
        >>> time(0.0421), time(3.0)
        ('42.1 μs', '3.0 ms')
    """
    if milliseconds is None:
        return "–"
    return metric_named("latency_ms").text(float(milliseconds), digits=3).replace(" us", " μs")


def per_cent(fraction: float | None, digits: int = 2) -> str:
    """Write a share in per cent.

    Example:
        >>> per_cent(0.98765)
        '98.77 %'
    """
    return "–" if fraction is None else f"{100 * fraction:.{digits}f} %"


def count(number: float | None) -> str:
    """Write a count: whole with thousands set apart, or in millions.

    Example:
        >>> count(12_345), count(3_456_789)
        ('12,345', '3.46 M')
    """
    if number is None:
        return "–"
    return f"{number / 1e6:.2f} M" if abs(number) >= 1e6 else f"{number:,.0f}"


def factor(ratio: float | None) -> str:
    """Write a ratio with two digits behind the point, one above ten.

    Example:
        >>> factor(1.834), factor(25.2)
        ('1.83×', '25.2×')
    """
    if ratio is None:
        return "–"
    return f"{ratio:.1f}×" if ratio >= 10 else f"{ratio:.2f}×"


def duration(seconds: float | None) -> str:
    """Write how long something took.

    Example:
        >>> duration(42), duration(605), duration(7260)
        ('42 s', '10 min 5 s', '2 h 1 min')
    """
    if seconds is None:
        return "–"
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def listed(parts: list[str]) -> str:
    """Join with commas and "and".

    Example:
        >>> listed(["a", "b", "c"])
        'a, b and c'
    """
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
