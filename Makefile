# The commands of contributors and CI. `make help` lists them.
CARGO ?= cargo
.DEFAULT_GOAL := help

# The features of the tests. All targets use them, so that everything is compiled only once.
TESTED = --features slow-tests
BUILT = $${CARGO_TARGET_DIR:-target}/debug/s3ferry
QUICK = $${CARGO_TARGET_DIR:-target}/quick/s3ferry

.PHONY: help binary synth schemas docs test test-all test-browser test-docs check-stacks check-workflows demo bench package deny fmt clean

help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

synth: ## Write the templates of the example to stacks/
	@test -x "$(QUICK)" || echo "The first build takes about 3 minutes on two cores, and 0.6 GB in target/."
	$(CARGO) run --profile quick --no-default-features -- synth --example

schemas: ## Write the schemas of the JSON output to schemas/
	S3FERRY_WRITE_SCHEMAS=1 $(CARGO) test $(TESTED) --lib schemas_are_current

docs: schemas binary ## Write the generated pages of the book, and build the book in target/book
	python3 -B docs/reference.py "$(BUILT)"
	sh tests/book.sh

test: ## Check the formatting, run Clippy, and run the tests (30 minutes the first time, 5 GB)
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets $(TESTED) -- -D warnings
	$(CARGO) test $(TESTED) --lib --bins --test it
	$(CARGO) test $(TESTED) --doc
	$(MAKE) --no-print-directory check-stacks

# The program that the tests use. `cargo build` would compile most dependencies again, without the
# features that only the tests need.
binary:
	$(CARGO) test $(TESTED) --no-run --test it

check-stacks: binary
	"$(BUILT)" synth --example --check

demo: binary ## Deploy to an emulator, run the pipeline, break a policy, and find the cause
	sh tests/python/venv.sh
	.venv/bin/python -B demo/demo.py "$(BUILT)"

test-browser: binary ## Test the report and the diagrams in a browser (keeps target/screenshots)
	sh tests/browser.sh "$(BUILT)"

test-docs: binary ## Build the book, and check its links and generated pages
	python3 -B docs/reference.py "$(BUILT)" --check
	sh tests/book.sh

check-workflows: ## Check the action and the workflows, including those in the documentation
	sh tests/python/venv.sh
	.venv/bin/python -B tests/python/workflows.py

# The targets run one after the other, because the tests use the whole machine.
.NOTPARALLEL:
test-all: test demo test-browser test-docs check-workflows ## Run all tests, with more cases, the demo, a browser, and slow emulators (60 to 80 minutes)
	S3FERRY_WORLDS=10000 S3FERRY_FIRST_WORLD=500 $(CARGO) test $(TESTED) --test it differential
	S3FERRY_PAIRS=500 S3FERRY_SEED=1 $(CARGO) test $(TESTED) --test it a_pipeline_works
	fakecloud=$$(sh tests/fakecloud.sh) && \
	S3FERRY_FAKECLOUD="$$fakecloud" $(CARGO) test $(TESTED) --test slow

bench: ## Measure processes (hyperfine) and parts (criterion), and compare deployments with the AWS CLI
	benches/run

package: ## Build the package for the registry, and run its tests outside the checkout
	sh tests/package.sh

deny: ## Check licenses, sources, and advisories of the dependencies (needs cargo-deny)
	$(CARGO) deny check

fmt: ## Format the code
	$(CARGO) fmt

clean: ## Remove the build output and the virtual environment
	$(CARGO) clean
	rm -rf .venv
