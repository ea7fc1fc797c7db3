#!/usr/bin/env bash
# Install Debian's packages for `make test-page`, where they are missing: Chromium with fonts, and LaTeX with booktabs.
set -euo pipefail

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

packages=()
command -v chromium > /dev/null || packages+=(chromium)
# Other packages may have installed a part of LaTeX only
if ! command -v pdflatex > /dev/null || ! kpsewhich booktabs.sty > /dev/null; then
    packages+=(texlive-latex-base texlive-latex-recommended)
fi
# Without any font Chromium draws no text
[ -n "$(command -v fc-list > /dev/null && fc-list)" ] || packages+=(fontconfig fonts-dejavu-core)
[ "${#packages[@]}" -gt 0 ] || exit 0

missing="${packages[*]}"
command -v apt-get > /dev/null || fail "missing: $missing, and no apt-get to install them: this needs Debian"
[ "$(id -u)" = 0 ] || fail "missing: $missing, and only root can install them: apt-get install $missing"
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" \
    || fail "could not be installed: $missing"
