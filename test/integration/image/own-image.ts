/** pratique's own image, built by the Dockerfile of this checkout on the lab's base. */
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { importImageBase } from "../../lab/image-base.ts";
import type { Lab } from "../../lab/lab-types.ts";
import { runtimePackages } from "../../runtime-packages.ts";

const CHECKOUT = join(import.meta.dirname, "../../..");
export const OWN_IMAGE = "pratique:local";
/** Has Node and the clients, for other containers of a test. */
export const BASE_IMAGE = "base:1";
/** Where tests mount the lab's Trivy: copying 200 MB into an image proves nothing more. */
export const TRIVY_MOUNT = "/opt/trivy";

/** Builds it as docs/install.md says; what cannot be downloaded here is in the base already. */
export async function buildOwnImage(lab: Lab): Promise<void> {
  await importImageBase(lab, BASE_IMAGE);
  const trivy = await lab.image("trivy-image:1", {
    files: { "/usr/local/bin/trivy": `#!/bin/sh\nexec ${TRIVY_MOUNT}/trivy "$@"\n` },
  });
  const folder = lab.folder("base");
  for (const name of runtimePackages()) {
    const from = join(CHECKOUT, "node_modules", name);
    cpSync(from, join(folder, "node_modules", name), { recursive: true, dereference: true });
  }
  const lines = [`FROM ${BASE_IMAGE}`, "COPY node_modules /opt/pratique/node_modules"];
  writeFileSync(join(folder, "Dockerfile"), `${lines.join("\n")}\n`);
  await build(lab, folder, "base-with-packages:1");
  await build(lab, CHECKOUT, OWN_IMAGE, {
    BASE: "base-with-packages:1",
    TRIVY_IMAGE: trivy.byDigest,
  });
}

async function build(
  lab: Lab,
  folder: string,
  tag: string,
  buildArguments: Record<string, string> = {},
): Promise<void> {
  const args = Object.entries(buildArguments).map(
    ([name, value]) => `--build-arg=${name}=${value}`,
  );
  await lab.docker(["build", "--tag", tag, ...args, folder], {
    environment: { DOCKER_BUILDKIT: "0" },
    timeoutMs: 400_000,
  });
}
