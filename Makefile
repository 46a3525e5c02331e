# Everything that a contributor or CI runs. `make help` lists it.
CARGO ?= cargo
.DEFAULT_GOAL := help

.PHONY: help synth schemas test test-all test-browser check-stacks demo bench fmt clean

help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

synth: ## Show the example's templates: write them to stacks/
	$(CARGO) run --quiet --no-default-features -- synth --example

schemas: ## Write the schemas of the JSON output to schemas/
	S3FERRY_WRITE_SCHEMAS=1 $(CARGO) test --quiet --lib schemas_are_current

test: ## Format, lints, all tests (makes its own Python environment), stale files
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --features slow-tests -- -D warnings
	$(CARGO) test
	$(MAKE) --no-print-directory check-stacks

check-stacks: ## Fail when the checked-in templates are stale
	$(CARGO) run --quiet -- synth --example --check

demo: ## Deploy to an emulator, play a run of the pipeline, break a policy, find the cause
	sh tests/python/venv.sh
	$(CARGO) build --quiet
	.venv/bin/python -B demo/demo.py $${CARGO_TARGET_DIR:-target}/debug/s3ferry

test-browser: ## The report and the diagrams, in Chromium, Mermaid, and Graphviz (screenshots in target/screenshots)
	$(CARGO) build --quiet
	sh tests/browser.sh $${CARGO_TARGET_DIR:-target}/debug/s3ferry

test-all: test demo test-browser ## The same, the demonstration, the browser, 10,000 worlds of the proof, 1,000 more changes of a live pipeline, and stack sets, with an emulator that is built once (12 minutes)
	S3FERRY_WORLDS=10000 S3FERRY_FIRST_WORLD=500 $(CARGO) test --test it differential
	S3FERRY_PAIRS=500 S3FERRY_SEED=1 $(CARGO) test --test it a_pipeline_works
	fakecloud=$$(sh tests/fakecloud.sh) && \
	S3FERRY_FAKECLOUD="$$fakecloud" $(CARGO) test --features slow-tests --test slow

bench: ## Measure: whole process (hyperfine), parts (criterion), deploys beside the AWS CLI
	benches/run

fmt: ## Format the code
	$(CARGO) fmt

clean: ## Remove what was built
	$(CARGO) clean
	rm -rf .venv
