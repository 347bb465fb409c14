"""`python -m sparkgap`: the command line, where the command itself is not on the PATH."""

from sparkgap.cli import main

if __name__ == "__main__":
    main(prog_name="sparkgap")
