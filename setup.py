"""Metadata of dashcamd.

It lives here and not in ``pyproject.toml`` because Raspberry Pi OS 11, the last system on which
legacy picamera runs, ships a setuptools that does not know the ``[project]`` table.
"""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
CORE = ["numpy>=1.19", "pyudev>=0.22", "psutil>=5.8", 'tomli>=1.1; python_version < "3.11"']
MEDIA = ["av>=10", "pillow>=8.1"]
PLOT = ["matplotlib>=3.3"]
WEB = ["tornado>=6.1"]
BENCH = ["opencv-python-headless>=4.5"]
DEV = [
    "pytest>=7",
    "pytest-timeout>=2.1",
    "hypothesis>=6.80",
    "ruff>=0.6",
    "mypy>=1.8",
    "interrogate>=1.5",
]

setup(
    name="dashcamd",
    version="0.1.0",
    description="Camera daemon for a Raspberry Pi in a car or at a door: what moves, "
    "with the seconds before it, in files that survive a pulled stick and a cut wire",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.9",
    packages=find_packages(include=["dashcamd", "dashcamd.*"]),
    package_data={
        "dashcamd": ["py.typed"],
        "dashcamd.storage": ["page/*"],
        "dashcamd.web": ["static/*"],
    },
    install_requires=CORE,
    extras_require={
        "media": MEDIA,
        "plot": PLOT,
        "web": WEB,
        "all": MEDIA + PLOT + WEB,
        "bench": MEDIA + PLOT + BENCH,
        "dev": DEV,
    },
    entry_points={"console_scripts": ["dashcamd = dashcamd.cli.main:main"]},
)
