"""Times as pages and figures write them: seconds below a minute, then minutes and seconds."""


def stamp(seconds: float) -> str:
    """12.34 s, 1:02.34, 61:02.34."""
    return clock(seconds) if round(seconds, 2) >= 60 else f"{seconds:.2f} s"


def stamp_range(start_s: float, end_s: float) -> str:
    """1.92 to 2.88 s, 59.52 s to 1:00.48."""
    if round(end_s, 2) < 60:
        return f"{start_s:.2f} to {end_s:.2f} s"
    return f"{stamp(start_s)} to {stamp(end_s)}"


def clock(seconds: float, digits: int = 1) -> str:
    """0:12.34; `digits` is how many the minutes have at least, so that columns can be sorted."""
    minutes, hundredths = divmod(round(seconds * 100), 6_000)
    return f"{minutes:0{digits}}:{hundredths / 100:05.2f}"


def whole(seconds: float) -> str:
    """1:02: minutes and whole seconds that have passed."""
    return f"{int(seconds // 60)}:{int(seconds % 60):02}"


def column(seconds: list[float]) -> list[str]:
    """Times for a table, in minutes and seconds; sorted as texts, they are in order."""
    digits = len(str(int(max(seconds, default=0.0) // 60)))
    return [clock(one, digits) for one in seconds]
