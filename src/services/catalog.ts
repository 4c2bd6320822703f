import type { CheckName } from "../config/names.ts";
import { parseImageReference } from "../values/image-reference.ts";
import { atuin } from "./atuin.ts";
import { beszel } from "./beszel.ts";
import type { ServiceDefinition } from "./define-service.ts";
import { diun } from "./diun.ts";
import { generic } from "./generic.ts";
import { hedgedoc } from "./hedgedoc.ts";
import { immich } from "./immich.ts";
import { jellyfin } from "./jellyfin.ts";
import { keepalived } from "./keepalived.ts";
import { miniflux } from "./miniflux.ts";
import { ntfy } from "./ntfy.ts";
import { pihole } from "./pihole.ts";
import { postgres } from "./postgres.ts";
import { spendspentspent } from "./spendspentspent.ts";
import { transmission } from "./transmission.ts";
import { trivy } from "./trivy.ts";
import { vaultwarden } from "./vaultwarden.ts";

const PRESETS: readonly ServiceDefinition[] = [
  generic,
  atuin,
  beszel,
  diun,
  hedgedoc,
  immich,
  jellyfin,
  keepalived,
  miniflux,
  ntfy,
  pihole,
  postgres,
  spendspentspent,
  transmission,
  trivy,
  vaultwarden,
];

export interface ChosenPreset {
  preset: ServiceDefinition;
  /** For `explain`: who chose it. */
  why: string;
  /** Chosen by the operator; a guess from the image does not hold updates. */
  isConfigured: boolean;
}

/** Which preset checks a container: the configuration's, else the one its image is known for. */
export function choosePreset(check: CheckName | null, image: string): ChosenPreset {
  if (check !== null) {
    return { preset: presetNamed(check), why: `check: ${check} is configured`, isConfigured: true };
  }
  const repository = parseImageReference(image)?.repository ?? null;
  const known =
    repository === null ? undefined : PRESETS.find((preset) => preset.matches(repository));
  if (repository !== null && known !== undefined) {
    const why = `the image repository ${repository} is known as ${known.name}`;
    return { preset: known, why, isConfigured: false };
  }
  return { preset: generic, why: "no preset knows this image", isConfigured: false };
}

function presetNamed(check: CheckName): ServiceDefinition {
  return PRESETS.find(({ name }) => name === check) ?? generic;
}

/** Every preset's name, for the test that each has its page and its integration test. */
export function presetNames(): readonly CheckName[] {
  return PRESETS.map(({ name }) => name);
}
