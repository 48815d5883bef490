"""What every kind of input is: almost valid inputs made from valid ones, and what a user would do with one."""

from ..mutate import change_bytes


class Target:
    """Base: the input is one file."""

    suffix = ""
    seconds = 10  # of computing that an input may take
    room = 300  # MiB that an input may take beyond what the process held before

    def __init__(self, folder):
        self.path = folder / f"input{self.suffix}"
        self.seeds = self.valid()

    def valid(self):
        """Valid inputs, to begin with."""
        raise NotImplementedError

    def make(self, rng):
        return change_bytes(rng, rng.choice(self.seeds), self.seeds)

    def put(self, data):
        self.path.write_bytes(data)

    def take(self, data):
        raise NotImplementedError
