"""Style shared by all figures: colours, sizes, pictures, and how figures are saved."""

import io
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from textwrap import wrap
from typing import Any, ParamSpec

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import LogLocator, NullFormatter

from encoded_ensembles.storage.files import replacing, sha256_file
from encoded_ensembles.storage.seals import blank_seal, seal

# Okabe & Ito's colours, distinguishable by colour-blind people
BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#7F7F7F"
DPI = 200
WIDTH = 7.0  # inches, the text width of a page
CELL = 0.8  # inches of a picture with a title
STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}
Arguments = ParamSpec("Arguments")


def styled(draw: Callable[Arguments, Figure]) -> Callable[Arguments, Figure]:
    """Make a function draw in `STYLE` without changing matplotlib's global settings."""

    @wraps(draw)
    def wrapper(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Figure:
        with mpl.rc_context(STYLE):
            return draw(*args, **kwargs)

    return wrapper


def show(
    ax: Axes, image: np.ndarray, *, extent: tuple[float, float, float, float] | None = None
) -> None:
    """Draw one (C, H, W) image in [-1, 1], without axes; extent as of Matplotlib's `imshow`."""
    pixels = np.clip((image.transpose(1, 2, 0) + 1) / 2, 0, 1)
    ax.imshow(
        pixels if len(image) == 3 else pixels[..., 0],
        cmap="gray",
        vmin=0,
        vmax=1,
        interpolation="nearest",
        extent=extent,
    )
    _bare(ax)


def plain_ticks(axis: Axis, *, steps: Sequence[float] = (1, 2, 5)) -> None:
    """Write the ticks of a logarithmic axis as plain numbers: 1, 10, 100 with steps (1,)."""
    axis.set_major_locator(LogLocator(subs=steps))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def show_change(ax: Axes, change: np.ndarray, bound: float) -> AxesImage:
    """Draw a difference of images (C, H, W), mean over channels: red lighter, blue darker."""
    drawn = ax.imshow(
        change.mean(axis=0), cmap="RdBu_r", vmin=-bound, vmax=bound, interpolation="nearest"
    )
    _bare(ax)
    return drawn


def _bare(ax: Axes) -> None:
    ax.axis("on")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)


def say_below(figure: Figure, remark: str) -> None:
    """Write a remark below a figure, if it is not empty."""
    if remark:
        figure.supxlabel("\n".join(wrap(remark, 110)), fontsize=6.5)


def shorten(text: str, length: int = 18) -> str:
    """Return text on one line, cut in the middle to `length` characters, safe for mathtext."""
    text = "".join(sign if sign.isprintable() else " " for sign in text)
    half = length // 2 - 1
    cut = text if len(text) <= length else f"{text[:half]}…{text[-half:]}"
    return cut.replace("$", r"\$")


def save(figure: Figure, output: Path) -> None:
    """Write a figure as PNG and PDF (its keeper), without dates, so that equal figures have equal bytes.

    Both are drawn in memory first: on a full disk Matplotlib's PDF writer hides the error by another.
    The PDF keeps the layout of the PNG, which takes more time than drawing.
    """
    png = output.with_suffix(".png")
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=DPI)
    figure.set_layout_engine(None)
    with replacing(png) as temporary:
        temporary.write_bytes(drawn.getvalue())
    drawn = io.BytesIO()
    figure.savefig(drawn, format="pdf", metadata={"CreationDate": None}, dpi=DPI)
    drawn.write(f"% {blank_seal({png.name: sha256_file(png)})}\n".encode())
    with replacing(output) as temporary:
        temporary.write_bytes(drawn.getvalue())
        seal(temporary)
