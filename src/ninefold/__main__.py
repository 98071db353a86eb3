"""`python -m ninefold`: the command, where it is not on the path."""

from ninefold.entry import run

if __name__ == "__main__":
    run()
