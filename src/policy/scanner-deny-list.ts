import type { Digest } from "../values/digest.ts";
import type { ImageReference } from "../values/image-reference.ts";

/**
 * Trivy releases that carried malware in March 2026 (GHSA-69fq-xp46-6x23, CVE-2026-33634). They
 * are refused for use and as candidates. Sources: the advisory and the public discussions
 * aquasecurity/trivy#10265 and #10425.
 */
const DENIED_VERSIONS: ReadonlySet<string> = new Set(["0.69.4", "0.69.5", "0.69.6"]);

/**
 * Image digests of these releases. Certainty of each: A = at least five independent public
 * copies, B = two, C = one copy that cites the advisory.
 */
const DENIED_IMAGES: ReadonlySet<string> = new Set<Digest>([
  // 0.69.4
  "sha256:27f446230c60bbf0b70e008db798bd4f33b7826f9f76f756606f5417100beef3", // index, A
  "sha256:12c702212dee1cbec9471e9261501a3335963321fe76e60e5a715b5acd3c40a2", // amd64, B
  "sha256:2d7cee41048988eec27615412e7c6e2e21046f2b5faa888c24e11ca6764058ed", // arm64, C
  "sha256:ae3494bd6ae860d7727116681bd09fc7b20dc994ec7a8105738f0a623ea93427", // ppc64le, C
  "sha256:43f46547efd488e56dcf862ed4d7cc342730a803f8d5bec5cac443028fefabef", // s390x, C
  "sha256:cc464a3961e1dbe145c75343b55c2f446e08b821782ec993728c4222b0d85589", // signature, C
  // 0.69.5; the digest of its amd64 image is not known for certain
  "sha256:5aaa1d7cfa9ca4649d6ffad165435c519dc836fa6e21b729a2174ad10b057d2b", // index, A
  "sha256:95ff680103570179feb0c6667a9b9b2d98c53fa5a9a451265036810390bbe70a", // arm64, C
  "sha256:4f7a06bb51714713ab308d2f8125f3b09ee1c3ffbba1a5ffd0cc80da95fbb6cc", // ppc64le, C
  "sha256:edef8e5816eced552a909b878ff262c0c47776d3297bcc23796ad4cce1e85414", // s390x, C
  // 0.69.6
  "sha256:425cd3e1a2846ac73944e891250377d2b03653e6f028833e30fc00c1abbc6d33", // index, A
  "sha256:dd8beb3b40df080b3fd7f9a0f5a1b02f3692f65c68980f46da8328ce8bb788ef", // amd64, C
  "sha256:4b22cedea58780ff76735c3e08b9ee8cb5d06c908ffa868152f11d45349eb696", // arm64, C
  "sha256:9efd59534d2b6b81b8b7a0eeb3ad0e74015f358650e24b9dab00c900d3118593", // ppc64le, C
  "sha256:5e5fb53cf4ce5555171ff5206302ba2f4f66f5381bbf673c354c87a925473f07", // s390x, C
]);

/** Whether a scanner that calls itself this version must not be used; `v0.69.4` counts too. */
export function deniedScannerVersion(version: string): boolean {
  // Build metadata and a leading v do not make another release of it.
  const release = /^\s*v?(\d+\.\d+\.\d+)/i.exec(version)?.[1];
  return release !== undefined && DENIED_VERSIONS.has(release);
}

/** Whether an image with this digest (index, manifest or signature) must not be used. */
export function deniedImage(digest: string): boolean {
  return DENIED_IMAGES.has(digest.toLowerCase());
}

/**
 * Whether a candidate must not be let in: by its digest, or because its tag names a hijacked release
 * of trivy. Mirrors rebuilt and re-tagged them, so the digest alone would not do.
 */
export function deniedCandidate(reference: ImageReference, digest: string): boolean {
  const isTrivy = /(?:^|\/)trivy$/.test(reference.repository);
  return deniedImage(digest) || (isTrivy && deniedScannerVersion(reference.tag ?? ""));
}
