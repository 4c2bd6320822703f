/** Packages whose findings are known (test/lab/advisories.ts), to plant in images. */
import type { DebianPackageVersion } from "../../lab/lab-types.ts";

type Packages = Record<string, DebianPackageVersion>;

const expat = (version: string): Packages => ({ libexpat1: { version, source: "expat" } });

/** CVE-2024-45491 (CRITICAL), CVE-2023-52425 and CVE-2024-8176 (HIGH). */
export const CRITICAL = expat("2.5.0-1");
/** CVE-2023-52425 and CVE-2024-8176 (HIGH): better than CRITICAL, not clean. */
export const HIGH = expat("2.5.0-1+deb12u1");
/** No finding. */
export const CLEAN = expat("2.5.0-1+deb12u2");
/** CVE-2023-46218. */
export const MEDIUM: Packages = { libcurl4: { version: "7.88.1-10+deb12u4", source: "curl" } };
/** CVE-2024-28085. */
export const LOW: Packages = { bsdutils: { version: "2.38.1-5", source: "util-linux" } };
