#!/bin/sh
# Makes the fixtures debian, alpine, fedora and npm anew, beside this script; README.md says what is in them.
#
#   apt-get install jq npm rpm sqlite3   on Debian 12: its dpkg database is the source of debian/
#   APK=path/to/apk ./make-fixtures.sh   apk of apk-tools 3.0.6, which Debian does not package
set -eu
export LC_ALL=C SOURCE_DATE_EPOCH=1735689600
umask 022

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

make_debian() {
	out=$here/debian db=$here/debian/var/lib/dpkg
	rm -rf "$out" && mkdir -p "$out/etc" "$db/info"
	cp /usr/lib/os-release "$out/etc/os-release"
	cp /etc/debian_version "$out/etc/debian_version"
	for p in base-files base-passwd bash coreutils dash debconf gcc-12-base libacl1 libattr1 libc6 libcrypt1 \
		libgcc-s1 libgmp10 libpcre2-8-0 libselinux1 libssl3 libtinfo6 netbase sed tar tzdata zlib1g; do
		dpkg-query -s "$p" && echo
	done >"$db/status"
	# Only packages whose files have no colon in their names: Windows and Go module archives refuse those.
	for p in base-files bash netbase; do
		cp -p "/var/lib/dpkg/info/$p.list" "/var/lib/dpkg/info/$p.md5sums" "$db/info/"
	done
	dpkg-query --admindir="$db" -W -f 'deb ${Package} ${Version}\n' | sort >"$out/packages.txt"
}

# apk_package NAME VERSION LICENSE ORIGIN DESCRIPTION [DEPENDENCIES]
apk_package() {
	name=$1 version=$2 license=$3 origin=$4 description=$5
	shift 5
	root=$work/apk/root/$name
	mkdir -p "$root"
	"${APK:-apk}" mkpkg --files "$root" --output "$work/apk/repo/$name-$version.apk" \
		--info "name:$name" --info "version:$version" --info "license:$license" --info "origin:$origin" \
		--info "description:$description" --info "depends:$*" --info arch:x86_64 \
		--info url:https://alpinelinux.org --info "build-time:$SOURCE_DATE_EPOCH"
}

# apk_file PACKAGE PATH puts a file with the text of standard input into an apk that is about to be made.
apk_file() {
	mkdir -p "$work/apk/root/$1/$(dirname "$2")"
	cat >"$work/apk/root/$1/$2"
}

make_alpine() {
	out=$here/alpine
	rm -rf "$out" && mkdir -p "$out" "$work/apk/repo" "$work/apk/image"
	echo 3.22.0 | apk_file alpine-release etc/alpine-release
	apk_file alpine-release etc/os-release <<-END
		NAME="Alpine Linux"
		ID=alpine
		VERSION_ID=3.22.0
		PRETTY_NAME="Alpine Linux v3.22"
		HOME_URL="https://alpinelinux.org/"
		BUG_REPORT_URL="https://gitlab.alpinelinux.org/alpine/aports/-/issues"
	END
	echo localhost | apk_file alpine-baselayout etc/hostname
	echo stub | apk_file musl lib/ld-musl-x86_64.so.1
	echo stub | apk_file busybox bin/busybox
	echo stub | apk_file ssl_client usr/bin/ssl_client
	echo stub | apk_file zlib usr/lib/libz.so.1.3.1
	echo stub | apk_file apk-tools sbin/apk
	apk_package musl 1.2.5-r10 MIT musl "the musl c library (libc) implementation"
	apk_package zlib 1.3.1-r2 Zlib zlib "A compression/decompression Library" "musl"
	apk_package libcrypto3 3.5.0-r0 Apache-2.0 openssl "Crypto library from openssl" "musl"
	apk_package libssl3 3.5.0-r0 Apache-2.0 openssl "SSL shared libraries" "musl libcrypto3=3.5.0-r0"
	apk_package busybox 1.37.0-r18 GPL-2.0-only busybox "Size optimized toolbox of many common UNIX utilities" "musl"
	apk_package ssl_client 1.37.0-r18 GPL-2.0-only busybox "External ssl_client for busybox wget" "musl libcrypto3 libssl3"
	apk_package alpine-baselayout 3.7.0-r0 GPL-2.0-only alpine-baselayout "Alpine base dir structure and init scripts" "busybox"
	apk_package alpine-keys 2.5-r0 MIT alpine-keys "Public keys for Alpine Linux packages"
	apk_package alpine-release 3.22.0-r0 MIT alpine-base "Alpine release data" "alpine-keys"
	apk_package apk-tools 2.14.9-r2 GPL-2.0-only apk-tools "Alpine Package Keeper" "musl zlib libcrypto3 libssl3"
	"${APK:-apk}" mkndx --allow-untrusted --output "$work/apk/repo/packages.adb" "$work"/apk/repo/*.apk
	"${APK:-apk}" add --root "$work/apk/image" --arch x86_64 --initdb --allow-untrusted --no-network --no-cache \
		--no-scripts --repositories-file /dev/null --repository "$work/apk/repo/packages.adb" \
		alpine-baselayout alpine-release apk-tools busybox ssl_client
	for f in etc/os-release etc/alpine-release etc/apk/world etc/apk/arch lib/apk/db/installed; do
		mkdir -p "$out/$(dirname $f)"
		cp "$work/apk/image/$f" "$out/$f"
	done
	"${APK:-apk}" query --root "$out" --installed --format json --fields name,version '*' >"$work/apk/all.json"
	jq -r '.[] | "apk \(.name) \(.version)"' "$work/apk/all.json" | sort >"$out/packages.txt"
}

# rpm_package NAME EPOCH VERSION RELEASE LICENSE SUMMARY PATH; an EPOCH of - is none.
rpm_package() {
	cat >"$work/rpm/$1.spec" <<-END
		Name: $1
		$([ "$2" = - ] || echo "Epoch: $2")
		Version: $3
		Release: $4
		License: $5
		Summary: $6
		BuildArch: noarch
		%description
		$6.
		%install
		mkdir -p "%{buildroot}/$(dirname "$7")"
		echo stub >"%{buildroot}/$7"
		%files
		"/$7"
	END
	rpmbuild --quiet -bb --define "_topdir $work/rpm" --define "_rpmdir $work/rpm" \
		--define "vendor Fedora Project" --define "_buildhost localhost" \
		--define "use_source_date_epoch_as_buildtime 1" "$work/rpm/$1.spec"
}

make_fedora() {
	out=$here/fedora db=usr/lib/sysimage/rpm
	rm -rf "$out" && mkdir -p "$out/etc" "$out/$db" "$work/rpm" "$work/image"
	cat >"$out/etc/os-release" <<-END
		NAME="Fedora Linux"
		VERSION="42 (Container Image)"
		RELEASE_TYPE=stable
		ID=fedora
		VERSION_ID=42
		PRETTY_NAME="Fedora Linux 42 (Container Image)"
		CPE_NAME="cpe:/o:fedoraproject:fedora:42"
		HOME_URL="https://fedoraproject.org/"
		VARIANT="Container Image"
		VARIANT_ID=container
	END
	rpm_package filesystem - 3.18 42.fc42 "LicenseRef-Fedora-Public-Domain" "The basic directory layout for a Linux system" etc/hosts.allow
	rpm_package setup - 2.15.0 13.fc42 "LicenseRef-Fedora-Public-Domain" "A set of system configuration and setup files" etc/protocols
	rpm_package glibc - 2.41 1.fc42 "LGPL-2.1-or-later AND MIT" "The GNU libc libraries" usr/lib64/libc.so.6
	rpm_package bash - 5.2.37 1.fc42 "GPL-3.0-or-later" "The GNU Bourne Again shell" usr/bin/bash
	rpm_package coreutils-single - 9.6 2.fc42 "GPL-3.0-or-later" "coreutils multicall binary" usr/bin/coreutils
	rpm_package openssl-libs 1 3.2.4 3.fc42 "Apache-2.0" "A general purpose cryptography library with TLS implementation" usr/lib64/libssl.so.3.2.4
	rpm_package ncurses-libs - 6.5 5.20250125.fc42 "MIT-open-group" "Ncurses libraries" usr/lib64/libtinfo.so.6.5
	rpm_package tzdata - 2025b 1.fc42 "LicenseRef-Fedora-Public-Domain" "Timezone data" usr/share/zoneinfo/UTC
	rpm --root "$work/image" --dbpath "/$db" --nodeps --noscripts -i "$work"/rpm/noarch/*.rpm
	# Small pages: the database has some forty tables and indexes, nearly all of them emptier than a page.
	sqlite3 "$work/image/$db/rpmdb.sqlite" 'PRAGMA journal_mode=DELETE; PRAGMA page_size=1024; VACUUM' >"$work/rpm/journal"
	cp "$work/image/$db/rpmdb.sqlite" "$out/$db/rpmdb.sqlite"
	rpm --root "$work/image" --dbpath "/$db" -qa \
		--qf 'rpm %{NAME} %|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\n' | sort >"$out/packages.txt"
}

make_npm() {
	out=$here/npm
	rm -rf "$out" && mkdir -p "$out"
	npm install --global --prefix "$out/usr" --no-audit --no-fund --silent ms@2.1.3 is-odd@3.0.1 semver@7.6.3
	find "$out" ! -type d ! -name package.json -delete
	find "$out" -type d -empty -delete
	npm ls --global --prefix "$out/usr" --all --parseable --long |
		sed -n 's/^[^:]*:\(..*\)@\([0-9][^@]*\)$/npm \1 \2/p' | sort >"$out/packages.txt"
}

make_debian
make_alpine
make_fedora
make_npm
