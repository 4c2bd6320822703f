import type { ComposeProject } from "../ports.ts";

const PREFIX = "com.docker.compose.";

/**
 * Where a compose container comes from, by the labels that compose put on it; null where it is no
 * compose service. An image cannot make a service of its container: compose itself labels the
 * images that it builds with project and service, but never with the folder, so that a folder
 * which the image brought is not believed. One-off and hook containers have one too: see `watch.ts`.
 */
export function composeProjectOf(
  labels: Readonly<Record<string, string>>,
  imageLabels: Readonly<Record<string, string>>,
): ComposeProject | null {
  const label = (name: string) => labels[PREFIX + name] ?? "";
  const [project, service, workingFolder] = [
    label("project"),
    label("service"),
    label("project.working_dir"),
  ];
  if (project === "" || service === "" || workingFolder === "") return null;
  const isBrought = (name: string) => imageLabels[PREFIX + name] === label(name);
  if (["project.working_dir", "project.config_files"].some(isBrought)) return null;
  return {
    project,
    service,
    workingFolder,
    files: listOf(label("project.config_files")),
    environmentFiles: listOf(label("project.environment_file")),
  };
}

/**
 * Whether `docker compose run` made this container: a person's, beside the service's own, whose
 * labels it shares otherwise. Compose writes the label on everything that it makes, so an image
 * cannot say it of a service's container.
 */
export function isOneOff(labels: Readonly<Record<string, string>>): boolean {
  return labels[`${PREFIX}oneoff`]?.toLowerCase() === "true";
}

function listOf(text: string): string[] {
  return text.split(",").filter((entry) => entry !== "");
}
