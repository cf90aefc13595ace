"""The configuration files in ``deploy/``, which docker compose and the local servers share."""

from pathlib import Path

from schemas.errors import UnavailableError


def deploy_file(name: str) -> Path:
    """Return the path of a file of ``deploy/``, such as ``redis.conf``.

    Raises:
        UnavailableError: it is not part of this installation.
    """
    package = Path(__file__).parent
    for folder in (package.parent / "deploy", package / "deploy"):
        if (folder / name).is_file():
            return folder / name
    raise UnavailableError(
        f"deploy/{name} is missing", where=str(package), mend="install Daybeat from its repository or wheel"
    )
