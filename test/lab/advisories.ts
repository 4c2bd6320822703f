import type { Advisory } from "./lab-types.ts";

/**
 * Real advisories for Debian 12. Fixed versions are those that the changelogs of the Debian
 * packages name for the CVE; the severity is NVD's rating. The ones without a fixed version were
 * marked "no DSA" or "unimportant" in Debian's security tracker while Debian 12 was stable.
 * When adding one, read its changelog (`/usr/share/doc/<package>/changelog.Debian.gz`).
 */
export const ADVISORIES: readonly Advisory[] = [
  critical("CVE-2023-38545", "curl", "7.88.1-10+deb12u4", "SOCKS5 heap buffer overflow"),
  critical("CVE-2024-5535", "openssl", "3.0.15-1~deb12u1", "SSL_select_next_proto buffer overread"),
  critical("CVE-2024-45491", "expat", "2.5.0-1+deb12u1", "Integer overflow in dtdCopy"),
  critical("CVE-2023-38408", "openssh", "1:9.2p1-2+deb12u1", "Remote code execution in ssh-agent"),
  critical("CVE-2024-37371", "krb5", "1.20.1-2+deb12u2", "Invalid memory reads in GSS messages"),
  critical("CVE-2023-45853", "zlib", undefined, "Heap overflow in MiniZip"),

  high("CVE-2023-0286", "openssl", "3.0.8-1", "X.400 address type confusion"),
  high("CVE-2023-5363", "openssl", "3.0.11-1~deb12u2", "Wrong key and IV lengths"),
  high("CVE-2023-4911", "glibc", "2.36-9+deb12u3", "Buffer overflow by GLIBC_TUNABLES"),
  high("CVE-2023-6246", "glibc", "2.36-9+deb12u4", "Heap buffer overflow in syslog"),
  high("CVE-2024-2961", "glibc", "2.36-9+deb12u6", "Out-of-bounds write in iconv"),
  high("CVE-2024-33599", "glibc", "2.36-9+deb12u7", "Buffer overflow in nscd"),
  high("CVE-2025-4802", "glibc", "2.36-9+deb12u11", "LD_LIBRARY_PATH in static setuid programs"),
  high("CVE-2023-52425", "expat", "2.5.0-1+deb12u2", "Denial of service by large tokens"),
  high("CVE-2024-8176", "expat", "2.5.0-1+deb12u2", "Stack overflow by entity recursion"),
  high("CVE-2023-44487", "nghttp2", "1.52.0-1+deb12u1", "HTTP/2 rapid reset"),
  high("CVE-2023-7104", "sqlite3", "3.40.1-2+deb12u1", "Heap overflow in sessions"),
  high("CVE-2023-4863", "libwebp", "1.2.4-0.2+deb12u1", "Heap overflow in lossless decoding"),
  high("CVE-2025-6020", "pam", "1.5.2-6+deb12u2", "Directory traversal in pam_namespace"),
  high(
    "CVE-2025-27363",
    "freetype",
    "2.12.1+dfsg-5+deb12u4",
    "Out-of-bounds write in variable fonts",
  ),
  high("CVE-2024-56171", "libxml2", "2.9.14+dfsg-1.3~deb12u2", "Use after free in XML schemas"),
  high("CVE-2025-24928", "libxml2", "2.9.14+dfsg-1.3~deb12u2", "Stack overflow in validation"),
  high("CVE-2023-31484", "perl", "5.36.0-7+deb12u3", "CPAN does not verify TLS certificates"),
  high("CVE-2023-2953", "openldap", undefined, "Null pointer dereference in ber_memalloc_x"),

  medium("CVE-2023-2650", "openssl", "3.0.9-1", "Slow translation of object identifiers"),
  medium("CVE-2024-0727", "openssl", "3.0.13-1~deb12u1", "Denial of service by PKCS12 files"),
  medium("CVE-2024-9143", "openssl", "3.0.15-1~deb12u1", "Out-of-bounds access in binary fields"),
  medium("CVE-2023-46218", "curl", "7.88.1-10+deb12u5", "Cookies for public suffixes"),
  medium("CVE-2023-4039", "gcc-12", undefined, "Stack protector misses dynamic variables"),

  low("CVE-2023-38546", "curl", "7.88.1-10+deb12u4", "Cookie injection from a file"),
  low("CVE-2024-28085", "util-linux", "2.38.1-5+deb12u1", "Escape sequences through wall"),
  low("CVE-2022-3219", "gnupg2", undefined, "Denial of service by crafted signatures"),
  low("CVE-2011-3374", "apt", undefined, "apt-key does not verify keys from keyservers"),
];

type Rest = [id: string, source: string, fixedVersion: string | undefined, title: string];

function critical(...rest: Rest): Advisory {
  return advisory("CRITICAL", ...rest);
}
function high(...rest: Rest): Advisory {
  return advisory("HIGH", ...rest);
}
function medium(...rest: Rest): Advisory {
  return advisory("MEDIUM", ...rest);
}
function low(...rest: Rest): Advisory {
  return advisory("LOW", ...rest);
}

function advisory(
  severity: Advisory["severity"],
  ...[id, source, fixedVersion, title]: Rest
): Advisory {
  const fix = fixedVersion === undefined ? {} : { fixedVersion };
  return { id, package: source, ...fix, severity, title: `${source}: ${title}` };
}
