import type { Config } from "../config/config.ts";
import type { ContainerSummary, EngineInfo, Ports } from "../ports.ts";
import { formatDuration } from "../values/duration.ts";
import { nearest } from "../values/nearest.ts";
import { type DoctorCheck, missing, ok, warn } from "./doctor-check.ts";

/** The engine answered; what is it? Its version and API. */
export function checkEngine(info: EngineInfo, endpoint: string): DoctorCheck {
  const store = info.containerdStore ? ", containerd image store" : "";
  return ok(
    "engine",
    `Docker Engine ${info.version} at ${endpoint}, API ${info.apiVersion}, ${info.platform.os}/${info.platform.architecture}${store}`,
  );
}

/** Clocks that differ make young digests look old and tokens look expired. */
const CLOCK_TOLERANCE_MS = 5000;

export function checkClock(info: EngineInfo, nowMs: number): DoctorCheck {
  if (info.serverTimeMs === null) {
    return warn("clock", "the engine does not tell its time", "compare the clocks by hand");
  }
  const offsetMs = Math.abs(info.serverTimeMs - nowMs);
  if (offsetMs <= CLOCK_TOLERANCE_MS) return ok("clock", "agrees with the engine's");
  const found = `differs from the engine's by ${formatDuration(offsetMs)}`;
  return warn("clock", found, "set both hosts' clocks by NTP");
}

/** Compose is needed only where compose made a container. */
export async function checkCompose(
  containers: readonly ContainerSummary[],
  config: Config,
  { compose }: Pick<Ports, "compose">,
): Promise<DoctorCheck> {
  const version = await compose.version();
  if (version !== null) return ok("compose", `docker compose ${version}`);
  const made = containers.filter(({ labels }) => "com.docker.compose.project" in labels);
  if (made.length === 0 || config.deploy.strategy === "engine") {
    return ok("compose", "not installed, and nothing here needs it");
  }
  return missing(
    "compose",
    `not installed, but compose made ${made.length} of the containers here`,
    "install the docker compose plugin (2.17 or newer), or set deploy.strategy: engine",
  );
}

/** Names in the configuration that no container has: typing mistakes, or services long gone. */
export function checkNames(containers: readonly ContainerSummary[], config: Config): DoctorCheck[] {
  const existing = new Set(containers.map(({ name }) => name));
  const aliases = new Map(
    Object.values(config.services).map((each) => [each.name, each.container]),
  );
  const isKnown = (name: string) => existing.has(name) || existing.has(aliases.get(name) ?? "");
  const named = [
    ...Object.values(config.services).flatMap((service) => [
      { where: `services.${service.name}`, name: service.container },
      ...[...service.dependsOn, ...service.dependents, ...service.sidecars].map((name) => ({
        where: `services.${service.name}`,
        name,
      })),
    ]),
    ...config.critical.map((name) => ({ where: "critical", name })),
  ].filter(({ name }) => !isKnown(name));
  if (named.length === 0) return [ok("names", "every configured container exists")];
  return named.map(({ where, name }) => {
    const meant = nearest(name, existing);
    const advice = meant === null ? "correct it or remove it" : `did you mean ${meant}?`;
    return warn("names", `${where} names ${name}, and there is no such container`, advice);
  });
}

/** Two programs that replace the same containers undo each other's work. */
const OTHER_UPDATERS =
  /(?:^|\/)(?:watchtower|ouroboros|wud|whats-up-docker|shepherd|drydock|tugtainer)(?::|@|$)/;

export function checkOtherUpdaters(containers: readonly ContainerSummary[]): DoctorCheck[] {
  return containers
    .filter(({ image, state }) => state === "running" && OTHER_UPDATERS.test(image))
    .map(({ name, image }) =>
      warn(
        "other updaters",
        `${name} runs ${image}, which may update the same containers unscanned`,
        "stop it, or set it to notify only",
      ),
    );
}
