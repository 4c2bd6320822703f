import type { Config } from "../config/config.ts";
import { deniedScannerVersion } from "../policy/scanner-deny-list.ts";
import type { ContainerSummary, Ports, RegistryFailure } from "../ports.ts";
import { formatDuration } from "../values/duration.ts";
import { type ImageReference, parseImageReference } from "../values/image-reference.ts";
import { type DoctorCheck, fail, missing, ok, warn } from "./doctor-check.ts";
import { proveDelivery } from "./prove-delivery.ts";

/** Asks every registry that a watched image comes from for one digest: reach and credentials. */
export async function checkRegistries(
  containers: readonly ContainerSummary[],
  { engine, registry }: Pick<Ports, "engine" | "registry">,
): Promise<DoctorCheck[]> {
  const examples = await oneReferencePerRegistry(containers, engine);
  if (examples.length === 0) return [ok("registry", "no image here comes from a registry")];
  return await Promise.all(
    examples.map(async (reference) => {
      const answer = await registry.resolve(reference);
      const name = `registry ${reference.registry}`;
      // Asked even where the registry lets everybody in: a login lifts its limits.
      const problem = await registry.loginProblem(reference.registry);
      if (problem !== null) {
        const fix = "install the credential helper, or mend $DOCKER_CONFIG/config.json";
        return fail(name, `its login cannot be had: ${problem}`, fix);
      }
      if (answer.kind === "resolved") return ok(name, `answers for ${reference.text}`);
      return explainFailure(name, reference, answer);
    }),
  );
}

/** Only images that came from a registry; a locally built one has no digest of a repository. */
async function oneReferencePerRegistry(
  containers: readonly ContainerSummary[],
  engine: Ports["engine"],
): Promise<ImageReference[]> {
  const digestsById = new Map(
    (await engine.listImages()).map((image) => [image.id, image.repoDigests]),
  );
  const examples = new Map<string, ImageReference>();
  for (const { image, imageId } of containers) {
    const reference = parseImageReference(image);
    if (reference === null || reference.digest !== null) continue;
    const hasDigest = (digestsById.get(imageId) ?? []).length > 0;
    if (hasDigest && !examples.has(reference.registry)) examples.set(reference.registry, reference);
  }
  return [...examples.values()];
}

function explainFailure(
  name: string,
  reference: ImageReference,
  failure: RegistryFailure,
): DoctorCheck {
  switch (failure.kind) {
    case "unauthorised":
      return fail(
        name,
        `refuses ${reference.text} (status ${failure.status})`,
        `run \`docker login ${reference.registry}\` for the user that runs pratique`,
      );
    case "not-found":
      return warn(name, `does not have ${reference.text}`, "correct the image's name or tag");
    case "rate-limited": {
      const pause =
        failure.retryAfterMs === null ? "" : ` for ${formatDuration(failure.retryAfterMs)}`;
      const fix = `log in with \`docker login ${reference.registry}\`: accounts have a higher limit`;
      return warn(name, `limits our requests${pause}`, fix);
    }
    case "unreachable":
      return missing(name, `cannot be reached: ${failure.why}`, "check DNS, proxy and firewall");
    case "unexpected":
      return fail(name, `answers ${failure.why}`, "see whether the registry has a disturbance");
  }
}

/** The scanner answers, is a release one may trust, and its database is young enough. */
export async function checkScanner(
  config: Config,
  { scanner, clock }: Pick<Ports, "scanner" | "clock">,
): Promise<DoctorCheck[]> {
  const status = await scanner.status();
  const address = config.scanner.server ?? config.scanner.command.join(" ");
  if (!status.reachable) {
    const fix =
      config.scanner.server === null
        ? "install trivy, or correct scanner.command"
        : "start the trivy server, or correct scanner.server and scanner.token";
    return [missing("scanner", `${address} does not answer: ${status.why ?? "no reason"}`, fix)];
  }
  const version = status.version ?? "of unknown version";
  const isDenied = status.version !== null && deniedScannerVersion(status.version);
  const checks = [
    isDenied
      ? fail("scanner", `trivy ${version} is a hijacked release`, "use another trivy release")
      : ok("scanner", `trivy ${version} at ${address}`),
  ];
  return [...checks, databaseCheck(status.databaseUpdatedAtMs, config, clock.now())];
}

function databaseCheck(updatedAtMs: number | null, config: Config, nowMs: number): DoctorCheck {
  const name = "scanner database";
  const limitMs = config.scanner.maxDatabaseAgeMs;
  const fix = "see why the trivy server does not update its database (network, disk, registry)";
  if (updatedAtMs === null) {
    if (limitMs === null) return warn(name, "its age is unknown and not asked for", "update trivy");
    const older = "use a trivy server that answers /version, or set scanner.maxDatabaseAge: off";
    return fail(name, "its age is unknown, so every update is held", older);
  }
  const age = `is ${formatDuration(Math.max(0, nowMs - updatedAtMs))} old`;
  if (limitMs === null) return ok(name, `${age}; no limit is set`);
  const limit = formatDuration(limitMs);
  if (nowMs - updatedAtMs > limitMs) return fail(name, `${age}, the limit is ${limit}`, fix);
  return ok(name, `${age}, the limit is ${limit}`);
}

/** One message there and back. */
export async function checkNotifier(
  config: Config,
  { notifier }: Pick<Ports, "notifier">,
): Promise<DoctorCheck> {
  const { ntfy } = config.notify;
  if (ntfy === null) {
    return warn(
      "ntfy",
      "no message is sent anywhere",
      "set notify.ntfy, so that you hear of failures",
    );
  }
  const proof = await proveDelivery(notifier, {
    title: `[${config.host}] doctor`,
    body: "A test by pratique doctor; nothing is to be done.",
    priority: 1,
    tags: ["stethoscope"],
  });
  const address = `${ntfy.url}, topic ${ntfy.topic}`;
  return {
    name: "ntfy",
    verdict: proof.verdict,
    found: `${address}: ${proof.found}`,
    fix: proof.fix,
    isEnvironment: proof.isUnreachable,
  };
}
