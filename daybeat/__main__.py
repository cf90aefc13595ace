"""``python -m daybeat``: the command line."""

from daybeat.cli import main

if __name__ == "__main__":
    main()
