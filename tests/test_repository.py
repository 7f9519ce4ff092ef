"""What must hold for the repository itself."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_folder_platform_is_no_package() -> None:
    """An `__init__.py` there would hide Python's own `platform` and break `uuid` and more."""
    assert (ROOT / "platform").is_dir()
    assert not (ROOT / "platform" / "__init__.py").exists()


def test_the_lock_files_pin_every_package_with_its_hash() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        packages = [line for line in lines if line and not line.startswith((" ", "#"))]
        assert packages
        assert all("==" in line and line.endswith("\\") for line in packages), name


def test_every_setting_of_the_environment_has_its_line_in_the_docs() -> None:
    from signalbox.environment import Environment

    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    missing = [name.upper() for name in Environment.model_fields if name.upper() not in page]
    assert missing == []
