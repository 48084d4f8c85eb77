# `make demo` and `make test` set up whatever they need in .venv, once; docs/installation.md tells what that is.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL = tools/install.sh $(BIN)/pip $(VENV)/install.log
PINNED := -c requirements/constraints.txt
MESSAGES := $(wildcard ssc_ros_msgs/* ssc_ros_msgs/*/* ssc_ros_msgs/*/*/*)

# What the demonstration reads: make demo KITTI_ROOT=... SEQUENCE=08 CHECKPOINT=... SEGMENTATION=...; VIEW=1 shows it
DEMO = $(if $(KITTI_ROOT),--kitti-root $(KITTI_ROOT)) $(if $(SEQUENCE),--sequence $(SEQUENCE)) \
       $(if $(CHECKPOINT),--checkpoint $(CHECKPOINT)) $(if $(SEGMENTATION),--segmentation $(SEGMENTATION)) \
       $(if $(VIEW),--view)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup demo test lint docs clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.warm  ## virtual environment with ROS 2 wheels, torch, the messages and ssc_ros

demo: setup $(if $(VIEW),$(VENV)/.viewer)  ## simulated (or KITTI_ROOT=... SEQUENCE=08) stereo -> bag -> node over DDS -> scores and pictures; VIEW=1: in a browser
	@$(BIN)/ssc-ros demo $(DEMO)

test: lint docs  ## lint, site and every test (set SSC_KITTI_ROOT for those on real frames)
	@$(BIN)/pytest -n 2

lint: $(VENV)/.dev  ## ruff, mypy, import contract, spelling
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo --config pyproject.toml
	@$(BIN)/codespell

# with --quiet MkDocs would count no warnings, and so fail at none
docs: $(VENV)/.docs  ## the site, in build/site; fails at warnings and at broken links and anchors
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

clean:  ## remove the virtual environment and everything generated
	rm -rf $(VENV) build install log results .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || \
	  { echo "setup: '$(PYTHON)' is missing or older than Python 3.10; name a newer one: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "setup: '$(PYTHON)' cannot make virtual environments: sudo apt install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.messages: $(MESSAGES) | $(BIN)/pip
	@$(INSTALL) "the messages, with the ROS 2 Jazzy wheels (half a minute)" $(PINNED) ./ssc_ros_msgs
	@touch $@

$(VENV)/.runtime: setup.py requirements/runtime.txt requirements/constraints.txt $(VENV)/.messages
	@$(INSTALL) "torch and what else ssc_ros needs (about 1 GB, once)" $(PINNED) -e '.[ros-jazzy]'
	@touch $@

# compiled loops and the converted network lie in the user's cache folder, for all environments
$(VENV)/.warm: $(VENV)/.runtime
	@$(BIN)/ssc-ros node --warm-up
	@touch $@

$(VENV)/.viewer: $(VENV)/.runtime
	@$(INSTALL) "the viewer (0.2 GB, once)" $(PINNED) -e '.[ros-jazzy,viewer]'
	@touch $@

$(VENV)/.docs: $(VENV)/.dev
	@$(INSTALL) "what the site needs" $(PINNED) -e '.[ros-jazzy,train,dev,docs]'
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	@$(INSTALL) "what training and the tests need" $(PINNED) -e '.[ros-jazzy,train,dev]'
	@touch $@
