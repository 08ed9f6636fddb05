"""`python -m twinstage`: the same as the `twinstage` command."""

from twinstage.cli import main

if __name__ == "__main__":
    main()
