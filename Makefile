# textback: two commands on a fresh Debian 12, as root, from a bare clone:
#   make demo    a real call on a private Asterisk 22 becomes a text, live; under a minute
#   make test    everything that is checked: style, types, unit, integration, acceptance
# `make help` lists the rest. Nothing outside this tree and the cache
# (TEXTBACK_CACHE, else ~/.cache/textback) is touched, but for Debian packages that are missing.

PYTHON ?= python3
VENV   ?= .venv
PY      = $(VENV)/bin/python
# Most of the acceptance tests' time is spent ringing, so two of them keep no core busy.
WORKERS ?= 4
PYTEST  = PYTHONASYNCIODEBUG=1 $(PY) -m pytest
# A class of calls stays in one process. The long waits of acceptance come first, not last, so that
# the quick tests fill the gaps.
SPREAD  = --dist loadscope --no-loadscope-reorder

# where `make install` puts things
DESTDIR      ?=
PREFIX       ?= /usr/local
HOME_DIR     ?= /opt/textback
SYSCONFDIR   ?= /etc
STATEDIR     ?= /var/lib/textback
BINDIR       ?= $(PREFIX)/bin
MANDIR       ?= $(PREFIX)/share/man
SHAREDIR     ?= $(PREFIX)/share/textback
COMPLETIONS  ?= $(PREFIX)/share
UNITDIR      ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR  ?= /usr/lib/sysusers.d
TMPFILESDIR  ?= /usr/lib/tmpfiles.d
PACKAGES      = agi ami_listener sms_gateway textback
export PYTHON

.PHONY: help demo test style types unit integration acceptance crash bench bench-pages bench-desk browser \
        screenshots traces generated messages \
        install uninstall clean venv asterisk asterisk-22 asterisk-16 smscs axe nginx packages-demo packages-test
.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z][a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

# --- the two commands ---------------------------------------------------------------------------

demo: packages-demo venv ## a missed call becomes a text, live, on a real Asterisk
	@$(PY) -m tests.lab.demo

# Style and types are tests like the others (tests/checks), so that one run and one summary say all.
test: packages-test venv asterisk smscs axe nginx ## style, types, unit, integration, browser, acceptance
	@$(PYTEST) -n $(WORKERS) $(SPREAD) \
	    tests/acceptance tests/browser tests/checks tests/crash tests/integration tests/unit

# --- parts of it --------------------------------------------------------------------------------

style: venv ## ruff: lint and layout
	@$(PY) -m ruff check . && $(PY) -m ruff format --check .

types: venv ## mypy --strict
	@$(PY) -m mypy

unit: venv ## fast tests of single modules
	@$(PYTEST) tests/unit

integration: venv ## tests over real sockets and SQLite, without Asterisk
	@$(PYTEST) tests/integration

browser: packages-test venv axe nginx ## the console's pages in Debian's Chromium
	@$(PYTEST) -n $(WORKERS) $(SPREAD) tests/browser

acceptance: packages-test venv asterisk smscs axe ## every topology on real Asterisks and two foreign SMSCs
	@$(PYTEST) -n $(WORKERS) $(SPREAD) tests/acceptance

crash: packages-test venv smscs ## 200 kills and 20 cut connections under load, both policies
	@$(PYTEST) tests/crash -s

bench: packages-demo venv ## latency, throughput, memory; prints a table, keeps JSON
	@$(PY) -m bench.run $(BENCH_ARGS)

bench-pages: venv ## server times of every page at 1,000,000 calls (the first run makes that database)
	@$(PY) -m bench.pages $(BENCH_ARGS)

bench-desk: venv ## calls while ten desks have the inbox open, beside calls that nobody looks at
	@$(PY) -m bench.desk $(BENCH_ARGS)

screenshots: packages-test venv ## every page, light and dark, desktop and phone, into a folder (TO=folder)
	@$(PY) -m tests.lab.screenshots "$(TO)"

traces: packages-demo venv asterisk ## record tests/data/ami, cel and cdr anew (about eight minutes)
	@$(PY) -m tests.lab.record
	@$(PY) -m tests.lab.records

generated: venv ## write the sample configuration, the man pages and README's table of topologies anew
	@$(PY) -m textback.config_reference sample >conf/textback.toml
	@$(PY) -m textback.config_reference man >conf/man/textback.toml.5
	@$(PY) -m textback.cli_manual >conf/man/textback.1
	@$(PY) -m textback.tell_reference schema >conf/textback-event.schema.json
	@$(PY) -m textback.tell_reference man >conf/man/textback-webhooks.7
	@$(PY) -m textback.console.api_reference openapi >conf/textback-openapi.json
	@$(PY) -m textback.console.api_reference man >conf/man/textback-api.7
	@$(PY) -m tests.lab.readme_table >README.md.new && mv README.md.new README.md

messages: venv ## gather the console's texts into its translations; then fill in what is empty
	@$(PY) -m tests.lab.messages

# --- what they need -----------------------------------------------------------------------------

packages-demo packages-test: packages-%:
	@tests/lab/packages.sh $*

venv: $(VENV)/.textback-stamp

$(VENV)/.textback-stamp: requirements-dev.txt
	@echo "textback: Python packages into $(VENV)" >&2
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

asterisk: ## the folders with Debian's Asterisk 22 and 16, where they are not there yet
	@[ "$$(id -u)" != 0 ] || $(MAKE) --no-print-directory -s -j 2 asterisk-22 asterisk-16

asterisk-22 asterisk-16: asterisk-%:
	@tests/lab/setup.sh $* >/dev/null

smscs:
	@tests/smscs/setup.sh >/dev/null

axe:
	@tests/browser/setup.sh >/dev/null

nginx:
	@tests/proxies/setup.sh >/dev/null

# --- on a PBX host ------------------------------------------------------------------------------

# Configuration is root's and textback's alone: it holds secrets. Where the account does not exist
# yet (DESTDIR, no systemd) the modes are set all the same and systemd-tmpfiles sets the owners.
install: ## into /opt/textback, with units, man pages, completion, configuration (DESTDIR= works)
	@case "$(DESTDIR)$$(id -u)" in 0|/*) ;; *) echo "textback: as root, or with DESTDIR=/absolute/path" >&2; exit 1;; esac
	@$(PYTHON) -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "textback: Python 3.11 or newer with venv is needed (apt-get install python3-venv)" >&2; exit 1; }
	@echo "textback: programme into $(HOME_DIR)"
	install -d -m 755 $(DESTDIR)$(HOME_DIR)
	$(PYTHON) -m venv --clear $(DESTDIR)$(HOME_DIR)/venv
	$(DESTDIR)$(HOME_DIR)/venv/bin/python -m pip install --quiet --disable-pip-version-check \
	    --require-hashes --only-binary :all: -r requirements.txt
	site=$$($(DESTDIR)$(HOME_DIR)/venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') && \
	    cp -R $(PACKAGES) "$$site/" && \
	    find "$$site" -name __pycache__ -prune -exec rm -rf {} + && \
	    $(DESTDIR)$(HOME_DIR)/venv/bin/python -m compileall -q -j 2 -s "$(DESTDIR)" "$$site"
	@[ -z "$(DESTDIR)" ] || sed -i 's|$(DESTDIR)||' $(DESTDIR)$(HOME_DIR)/venv/pyvenv.cfg \
	    $$(grep -lI '$(DESTDIR)' $(DESTDIR)$(HOME_DIR)/venv/bin/*)
	printf '#!%s\nfrom textback.cli import main\n\nmain()\n' "$(HOME_DIR)/venv/bin/python -I" \
	    >$(DESTDIR)$(HOME_DIR)/venv/bin/textback
	chmod 755 $(DESTDIR)$(HOME_DIR)/venv/bin/textback
	chmod -R u+w,a+rX $(DESTDIR)$(HOME_DIR) # whatever root's umask is
	install -d -m 755 $(DESTDIR)$(BINDIR)
	ln -sf $(HOME_DIR)/venv/bin/textback $(DESTDIR)$(BINDIR)/textback
	@echo "textback: units, man pages, completion, Asterisk's drop-in"
	install -D -m 644 systemd/textback.service $(DESTDIR)$(UNITDIR)/textback.service
	sed -i 's|/opt/textback/|$(HOME_DIR)/|g; s|/etc/textback/textback.toml|$(SYSCONFDIR)/textback/textback.toml|g; s|/etc/textback/conf.d|$(SYSCONFDIR)/textback/conf.d|g' \
	    $(DESTDIR)$(UNITDIR)/textback.service
	install -D -m 644 systemd/textback.sysusers.conf $(DESTDIR)$(SYSUSERSDIR)/textback.conf
	install -D -m 644 systemd/textback.tmpfiles.conf $(DESTDIR)$(TMPFILESDIR)/textback.conf
	for page in conf/man/*.[1-8]; do \
	    install -D -m 644 "$$page" "$(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/}" || exit 1; \
	done
	cd conf/asterisk && find . -type f -exec install -D -m 644 {} $(DESTDIR)$(SHAREDIR)/asterisk/{} \;
	cd conf/texts && find . -type f -exec install -D -m 644 {} $(DESTDIR)$(SHAREDIR)/texts/{} \;
	cd conf/fail2ban && find . -type f -exec install -D -m 644 {} $(DESTDIR)$(SHAREDIR)/fail2ban/{} \;
	install -D -m 644 conf/crm/textback_crm.py $(DESTDIR)$(SHAREDIR)/crm/textback_crm.py
	for proxy in nginx apache; do \
	    install -D -m 644 conf/$$proxy/textback.conf $(DESTDIR)$(SHAREDIR)/$$proxy/textback.conf || exit 1; \
	done
	install -D -m 644 conf/textback-event.schema.json $(DESTDIR)$(SHAREDIR)/textback-event.schema.json
	install -D -m 644 conf/textback-openapi.json $(DESTDIR)$(SHAREDIR)/textback-openapi.json
	install -D -m 644 conf/voicemail-disclosure.txt $(DESTDIR)$(SHAREDIR)/voicemail-disclosure.txt
	run() { (cd / && _TEXTBACK_COMPLETE=source_$$1 \
	        $(DESTDIR)$(HOME_DIR)/venv/bin/python -I -c 'from textback.cli import main; main()'); }; \
	    set -e; for to in bash:bash-completion/completions/textback zsh:zsh/site-functions/_textback \
	            fish:fish/vendor_completions.d/textback.fish; do \
	        file="$(DESTDIR)$(COMPLETIONS)/$${to#*:}"; \
	        install -d -m 755 "$${file%/*}"; run "$${to%%:*}" >"$$file"; \
	    done
	@echo "textback: configuration into $(SYSCONFDIR)/textback"
	install -d -m 750 $(DESTDIR)$(SYSCONFDIR)/textback $(DESTDIR)$(STATEDIR)
	install -d -m 3770 $(DESTDIR)$(SYSCONFDIR)/textback/conf.d # the console has a file of its own there
	@set -e; to=$(DESTDIR)$(SYSCONFDIR)/textback/textback.toml; \
	if [ ! -e "$$to" ]; then install -m 640 conf/textback.toml "$$to"; \
	elif ! cmp -s conf/textback.toml "$$to"; then \
	    install -m 640 conf/textback.toml "$$to.new"; \
	    echo "textback: your textback.toml is kept; this version's sample is textback.toml.new"; fi
	@[ -n "$(DESTDIR)" ] || $(MAKE) --no-print-directory -s _account
	@echo "textback: installed. Next: edit $(SYSCONFDIR)/textback/textback.toml; give Asterisk the user in"
	@echo "  $(SHAREDIR)/asterisk (see its README); then: textback check-config && textback doctor"
	@echo "  && systemctl enable --now textback"

.PHONY: _account
_account:
	@if command -v systemd-sysusers >/dev/null; then systemd-sysusers $(SYSUSERSDIR)/textback.conf; \
	elif ! getent passwd textback >/dev/null; then \
	    useradd --system --user-group --home-dir $(STATEDIR) --no-create-home --shell /usr/sbin/nologin textback; fi
	@chown root:textback $(SYSCONFDIR)/textback $(SYSCONFDIR)/textback/conf.d $(SYSCONFDIR)/textback/textback.toml*
	@chown textback:textback $(STATEDIR)
	@[ ! -d /run/systemd/system ] || systemctl daemon-reload

uninstall: ## the reverse; keeps /etc and /var/lib unless PURGE=1
	@[ -n "$(DESTDIR)" ] || [ ! -d /run/systemd/system ] || systemctl disable --now textback || true
	rm -rf $(DESTDIR)$(HOME_DIR) $(DESTDIR)$(SHAREDIR)
	rm -f $(DESTDIR)$(BINDIR)/textback $(DESTDIR)$(UNITDIR)/textback.service \
	    $(DESTDIR)$(SYSUSERSDIR)/textback.conf $(DESTDIR)$(TMPFILESDIR)/textback.conf \
	    $(DESTDIR)$(COMPLETIONS)/bash-completion/completions/textback \
	    $(DESTDIR)$(COMPLETIONS)/zsh/site-functions/_textback \
	    $(DESTDIR)$(COMPLETIONS)/fish/vendor_completions.d/textback.fish
	for page in conf/man/*.[1-8]; do rm -f "$(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/}"; done
	@if [ "$(PURGE)" = 1 ]; then \
	    rm -rf $(DESTDIR)$(SYSCONFDIR)/textback $(DESTDIR)$(STATEDIR); \
	    [ -n "$(DESTDIR)" ] || ! getent passwd textback >/dev/null || userdel textback; \
	    echo "textback: removed, with its configuration and its calls"; \
	else \
	    echo "textback: removed; $(SYSCONFDIR)/textback and $(STATEDIR) are kept (PURGE=1 removes them)"; \
	fi
	@[ -n "$(DESTDIR)" ] || [ ! -d /run/systemd/system ] || systemctl daemon-reload

clean: ## remove what was made in this tree (not the cache)
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis bench/results
	rm -rf tests/smscs/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
