import type { CheckName } from "../config/names.ts";
import { parseImageReference } from "../values/image-reference.ts";
import type { ServiceDefinition } from "./define-service.ts";
import { generic } from "./generic.ts";

const PRESETS: readonly ServiceDefinition[] = [generic];

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
