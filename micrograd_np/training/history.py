"""What was measured in each epoch, as lists by name."""

from __future__ import annotations

SHOWN = 8


class History(dict[str, list[float]]):
    """Lists by name, with a number for each epoch: `history["loss"][-1]` is the last; `ended` says why it is the last.

    Examples
    --------
    >>> history = History()
    >>> history.add({"loss": 0.7, "val_loss": 0.8})
    >>> history.add({"loss": 0.5, "val_loss": 0.6})
    >>> history
    epoch  loss  val_loss
        1   0.7       0.8
        2   0.5       0.6
    """

    ended: str = ""

    def add(self, figures: dict[str, float]) -> None:
        """Take note of an epoch."""
        for name, value in figures.items():
            self.setdefault(name, []).append(value)

    def epochs(self) -> int:
        """How many epochs were taken note of."""
        return max(map(len, self.values()), default=0)

    def __repr__(self) -> str:
        rows = [[str(i + 1), *(f"{column[i]:.4g}" for column in self.values())] for i in range(self.epochs())]
        if len(rows) > SHOWN:
            rows[SHOWN // 2 : -SHOWN // 2] = [["…"] * (len(self) + 1)]
        rows.insert(0, ["epoch", *self])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
        return "\n".join([*lines, self.ended] if self.ended else lines)
