/** What containers look like from outside that makes updates of them blind, or dangerous. */
import type { Config } from "../config/config.ts";
import { deniedCandidate, deniedImage } from "../policy/scanner-deny-list.ts";
import type { ContainerSummary, ImageSummary } from "../ports.ts";
import { choosePreset } from "../services/catalog.ts";
import { OPERATION_LABEL } from "../update/plan.ts";
import { parseImageReference } from "../values/image-reference.ts";
import { nearest } from "../values/nearest.ts";
import { type DoctorCheck, fail, ok, warn } from "./doctor-check.ts";

const LABELS: ReadonlySet<string> = new Set([
  "pratique.watch",
  "pratique.mode",
  "pratique.cooldown",
  "pratique.depends-on",
]);

/** Labels that begin as ours and are none: nobody reads them, so they tighten nothing. */
export function checkLabels(
  containers: readonly ContainerSummary[],
  images: readonly ImageSummary[],
): DoctorCheck[] {
  const imageLabels = new Map(images.map(({ id, labels }) => [id, labels]));
  return containers.flatMap(({ name, labels, imageId }) =>
    Object.keys(labels)
      .filter((key) => key.startsWith("pratique.") && !LABELS.has(key))
      .filter(
        (key) => !key.startsWith(OPERATION_LABEL) && !(key in (imageLabels.get(imageId) ?? {})),
      )
      .map((key) => {
        const meant = nearest(key, LABELS);
        const advice =
          meant === null ? `known are ${[...LABELS].join(", ")}` : `did you mean ${meant}?`;
        return warn("labels", `${name} has the label ${key}, which nobody reads`, advice);
      }),
  );
}

/** Hijacked releases of trivy (facts/trivy section 11), also where they only lie in wait. */
export function checkDeniedImages(
  containers: readonly ContainerSummary[],
  images: readonly ImageSummary[],
): DoctorCheck[] {
  const byId = new Map(images.map((image) => [image.id, image]));
  return containers.flatMap(({ name, image, imageId }) => {
    const digests = (byId.get(imageId)?.repoDigests ?? []).map((text) => text.replace(/^.*@/, ""));
    const reference = parseImageReference(image);
    const isDenied =
      [imageId, ...digests].some(deniedImage) ||
      (reference !== null && deniedCandidate(reference, imageId));
    if (!isDenied) return [];
    const fix = "stop it, use another release, and renew every secret that it could read";
    return [fail("scanner image", `${name} runs ${image}, a hijacked release of trivy`, fix)];
  });
}

/** Servers whose data belong to a major version: a floating tag brings the next one by itself. */
const DATABASES =
  /(?:^|\/)(?:postgres|postgresql|postgis|timescaledb|pgvector|mariadb|mysql|percona|mongo)$/;

export function checkDatabaseTags(containers: readonly ContainerSummary[]): DoctorCheck[] {
  return containers.flatMap(({ name, image }) => {
    const reference = parseImageReference(image);
    if (reference === null || reference.digest !== null) return [];
    if (!DATABASES.test(reference.repository) || /\d/.test(reference.tag ?? "")) return [];
    const found = `${name} runs ${image}: the tag will bring the next major version, which cannot read its data`;
    return [warn("database tags", found, "name the major version in the tag, such as postgres:17")];
  });
}

/** Where there is nothing to ask, an update is successful as soon as the container stays up. */
export function checkHealthChecks(
  containers: readonly ContainerSummary[],
  config: Config,
): DoctorCheck {
  const blind = containers.filter(
    (container) =>
      container.state === "running" &&
      // The list shows the health in brackets: `Up 2 hours (healthy)`.
      !/\((?:healthy|unhealthy|health: starting)\)$/.test(container.status) &&
      !hasOwnChecks(container, config),
  );
  if (blind.length === 0) return ok("health checks", "every running container has one");
  const names = blind
    .map(({ name }) => name)
    .sort()
    .join(", ");
  const found = `of ${names} only "up and stable" can be asked after an update`;
  const fix = "give them a HEALTHCHECK, or http, tcp or exec below services";
  return warn("health checks", found, fix);
}

function hasOwnChecks({ name, image }: ContainerSummary, config: Config): boolean {
  const settings = Object.values(config.services).find(({ container }) => container === name);
  if (settings !== undefined) {
    const { http, tcp, exec, dns, url } = settings;
    if (http.length + tcp.length + exec.length > 0 || dns !== null || url !== null) return true;
  }
  return choosePreset(settings?.check ?? null, image).preset.name !== "generic";
}
