# make setup | demo | bundles | bench | bench-accuracy | bench-segment | bench-executors | bench-dicom | bench-web | pictures | docs | test | test-all | lint | format | clean
# Every target makes and uses .venv by itself. Choose another interpreter with PYTHON=…

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
DATA ?=
OUTPUT ?= demo_output
BENCH_OUTPUT ?= bench_output
ACCURACY_OUTPUT ?= accuracy_output
ACCURACY_ARGS ?=
BUNDLE ?=
LABEL ?=
PYTEST_ARGS ?=
WORKERS ?= --numprocesses logical --maxprocesses 4 --dist worksteal

.PHONY: setup demo bundles bench bench-accuracy bench-segment bench-executors bench-dicom bench-web pictures docs test test-all lint format clean

setup: .venv/.installed

.venv/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

# The main job on an embedded default. DATA=<folder of a Medical Segmentation Decathlon task> takes real data.
demo: setup
	$(BIN)/mobileunet demo --output $(OUTPUT) $(if $(DATA),--data $(DATA))

# The configs and metadata of the shipped bundles, from the plan.json in each; after an edit of one, or of a template.
bundles: setup
	$(BIN)/python -m monai_mobileunet.planning bundles/*

# Ratios of speed against other networks, in one run on this machine, which should do nothing else meanwhile. With
# BUNDLE=<folder of a trained bundle> DATA=<folder of its images> also what lower precision does to its masks.
bench: setup
	$(BIN)/python -m benchmarks speed --output $(BENCH_OUTPUT) $(if $(BUNDLE),--bundle $(BUNDLE) --data $(DATA))

# Dice of BUNDLE's network and of its peers, each trained by the bundle's recipe on DATA=<folder of its data set>, and
# what a volume costs each. Hours; an interrupted run goes on with the network that it was at.
bench-accuracy: setup
	$(BIN)/python -m benchmarks accuracy $(BUNDLE) $(DATA) --output $(ACCURACY_OUTPUT) $(ACCURACY_ARGS)

# Images per second and memory: make bench-segment BUNDLE=<trained bundle> DATA=<folder of images>
bench-segment: setup
	$(BIN)/python -m benchmarks folder $(BUNDLE) $(DATA) --large

# What workers and a Dask cluster cost beside a single process: make bench-executors BUNDLE=… DATA=…
bench-executors: setup
	$(BIN)/python -m benchmarks folder $(BUNDLE) $(DATA) --executors --output bench_executors

# DICOM SEG and RTSTRUCT on 58 geometries, read by others: make bench-dicom LABEL=<NIfTI file of class numbers>
bench-dicom: setup
	$(BIN)/python -m benchmarks dicom $(LABEL)

# The page of mobileunet web in Chromium beside ONNX Runtime, one thread each: make bench-web BUNDLE=… DATA=<images>
bench-web: setup
	$(BIN)/python -m benchmarks web $(BUNDLE) $(DATA)

# The pictures of the README, from the output of make demo and from docs/accuracy.csv.
pictures: setup
	$(BIN)/python -m benchmarks pictures --demo $(OUTPUT)

# The site, from docs/ and the docstrings. A broken link, or a page without a place in mkdocs.yml, ends the build.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "Open build/site/index.html"

# In as many processes as there are processors, four at most: one holds a gigabyte, and tests use one thread each.
# PYTEST_ARGS come last and win: make test PYTEST_ARGS="-n 0 -x --pdb tests/data"
test: setup
	$(BIN)/python -m pytest -m "not slow" $(WORKERS) $(PYTEST_ARGS)

# In one process: slow tests share an environment of MONAI Label and use threads of their own.
test-all: setup
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .venv-label demo_output bench_output accuracy_output eval_output build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
