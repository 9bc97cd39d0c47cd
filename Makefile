# `make demo` and `make test` set up everything they need; the rest is for who works on qtui.
PYTHON ?= python3
BIN := .venv/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# What llama.cpp computes on: auto (the GPU that is here), cuda, rocm, vulkan, metal or cpu.
BACKEND ?= auto

.PHONY: demo test check engines bench fuzz torture gpu-proof gpu-bundle docs format pictures audit

demo: .venv/installed
	$(BIN)/qtui demo

# Side by side on the cores that are here; the tests of one file stay together, because they share models.
TESTS = $(BIN)/pytest --numprocesses logical --maxprocesses 4 --dist loadfile

test: .venv/installed
	$(TESTS)

# What CI runs. The tests come last, so that the last line is pytest's.
check: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(TESTS)

# llama.cpp built again: `make engines BACKEND=cuda`, with JOBS=1 where memory is short.
engines: .venv/installed
	$(BIN)/qtui engines --backend $(BACKEND) $(addprefix --jobs ,$(JOBS))

# Speed as ratios against a yardstick in the same run; on a quiet machine.
bench: .venv/installed
	$(BIN)/python -m tests.bench $(ARGS)

# Damaged files and replies by the thousand: `make fuzz N=20000 SEED=1`; ARGS="--only theme" for one kind.
SEED ?= 1
fuzz: .venv/installed
	$(BIN)/python -m tests.fuzz -n $(or $(N),2000) --seed $(SEED) $(ARGS)

# Processes of real runs killed at seeded moments: `make torture N=100 SEED=1`, and a failed round again by `make torture ROUND=1042`.
torture: .venv/installed
	$(BIN)/python -m tests.torture --rounds $(or $(N),100) --seed $(SEED) $(addprefix --round ,$(ROUND)) $(ARGS)

# What works on a GPU and how fast, in under ten minutes. On a machine without a network: BUNDLE=.gpu-bundle, made by `make gpu-bundle`.
gpu-proof: $(if $(BUNDLE),,.venv/installed)
	$(if $(BUNDLE),$(PYTHON),$(BIN)/python) -m tests.gpu_proof $(if $(BUNDLE),--bundle $(BUNDLE),--installed) $(ARGS)

gpu-bundle: .venv/installed
	$(BIN)/python -m tests.gpu_proof.bundle $(ARGS)

# Pictures and tables of the README again; STUDY is the assets folder of a clone of gpt4-autoeval.
docs: .venv/installed
	$(BIN)/python docs/refresh.py $(STUDY)
	$(BIN)/python -m tests.zoo docs/architectures.md

# Pictures of the screens that tests/pictures compares, taken anew; `git diff --stat` then says which have changed.
pictures: .venv/installed
	$(BIN)/pytest tests/pictures --snapshot-update

# Known vulnerabilities of the packages in constraints.txt, asked of their database over the network; what cannot be asked fails with a
# sentence and the status 2. The tool has a venv of its own.
audit: .audit/bin/pip-audit
	$(PYTHON) -m tests.audit .audit/bin/pip-audit --strict --requirement constraints.txt --no-deps --disable-pip --progress-spinner off $(ARGS)

.audit/bin/pip-audit:
	$(PYTHON) -m venv .audit
	.audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit

format: .venv/installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# First what shows progress, then everything else while llama.cpp compiles for this processor and GPU.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(PIP) --upgrade pip rich platformdirs psutil
	$(BIN)/python -m qtui.building --constraints constraints.txt --backend $(BACKEND) $(addprefix --jobs ,$(JOBS)) '.[engines,dev]'
	touch $@
