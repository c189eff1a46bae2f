"""Builds and installs mftrpo_openspiel."""

import pathlib

import setuptools

# Subpackages of mftrpo_openspiel that are folders of it.
SUBPACKAGES = (
  "utils",
  "openspiel",
  "mdp",
  "chains",
  "values",
  "compiler",
  "simulators",
  "models",
  "equilibria",
  "finite_population",
  "runs",
  "plots",
  "benchmarks",
  "paper",
)
# Subpackages of it that are top-level folders.
TOP_FOLDERS = ("games", "algorithms", "scripts")

# Console commands, mftrpo-..., and the scripts that they run.
PROGRAMS = {
  "benchmark": "benchmark",
  "lint": "lint_game",
  "n-player": "n_player",
  "paper-claim": "paper_claim",
  "plot": "plot",
  "reproduce-companion": "reproduce_companion",
  "reproduce-paper": "reproduce_paper",
  "solve": "solve",
  "sweep": "sweep",
}

setuptools.setup(
  name="mftrpo_openspiel",
  version="0.1.0",
  description=(
    "Mean-field games and Mean-Field Trust Region Policy Optimization for"
    " OpenSpiel"
  ),
  long_description=pathlib.Path("README.md").read_text(encoding="utf-8"),
  long_description_content_type="text/markdown",
  license="Apache-2.0",
  license_files=["LICENSE"],
  python_requires=">=3.11",
  packages=["mftrpo_openspiel"]
  + [f"mftrpo_openspiel.{name}" for name in (*SUBPACKAGES, *TOP_FOLDERS)],
  package_dir={f"mftrpo_openspiel.{name}": name for name in TOP_FOLDERS},
  package_data={"mftrpo_openspiel": ["py.typed"]},
  install_requires=[
    "absl-py>=1.0",
    # The first version that can run without soft locks.
    "filelock>=3.30.3",
    "matplotlib>=3.8",
    "numpy>=1.24",
    "open_spiel>=2.0.2",
    # The first version with optimize.NoConvergence.
    "scipy>=1.13",
    "tqdm>=4.64",
  ],
  extras_require={
    # Together with the extra test.
    "bench": [
      "pytest-benchmark>=4.0",
    ],
    "dask": ["distributed>=2024.1"],
    "docs": [
      "furo>=2024.8.6",
      "myst-nb>=1.2",
      "sphinx>=8.1",
      "sphinx-copybutton>=0.5.2",
    ],
    "lint": [
      "codespell>=2.3",
      "import-linter>=2.1",
      "mypy>=1.14",
      "ruff>=0.9",
      "scipy-stubs>=1.14",
      "types-tqdm>=4.64",
    ],
    "parquet": ["pyarrow>=14"],
    # MFGLib needs PyTorch; its build for CPUs is sufficient.
    "peers": ["bench-mfg-suite==0.1.3", "mfglib==0.3.0"],
    "tensorboard": ["tensorboardX>=2.6"],
    "test": [
      "build>=1.2.1",
      "distributed>=2024.1",
      "hypothesis>=6.100",
      "ipykernel>=6.29",
      "nbclient>=0.10",
      "pyarrow>=14",
      "pytest>=7.4",
      "pytest-cov>=5.0",
      "pytest-xdist>=3.5",
      "PyYAML>=6.0.1",
      # The first version that builds wheels without the package wheel.
      "setuptools>=70.1",
      "tensorboardX>=2.6",
    ],
  },
  entry_points={
    "console_scripts": [
      f"mftrpo-{program} = mftrpo_openspiel.scripts.{script}:run"
      for program, script in PROGRAMS.items()
    ],
  },
)
