"""`python -m textback` is the same as `textback`."""

from textback.cli import main

if __name__ == "__main__":
    main()
