import type { ComposeProject } from "../../ports.ts";

const PREFIX = "com.docker.compose.";

type Labels = Readonly<Record<string, string>>;

/**
 * Where a container's compose project is, from the labels that compose wrote; null where it is no
 * compose container. Paths are as they were on the host that ran compose.
 */
export function composeProjectOf(labels: Labels): ComposeProject | null {
  const project = labels[`${PREFIX}project`] ?? "";
  const service = labels[`${PREFIX}service`] ?? "";
  if (project === "" || service === "") return null;
  return {
    project,
    service,
    workingFolder: labels[`${PREFIX}project.working_dir`] ?? "",
    files: listIn(labels[`${PREFIX}project.config_files`]),
    environmentFiles: listIn(labels[`${PREFIX}project.environment_file`]),
  };
}

/**
 * Containers of compose that are no service: one-off ones of `compose run` and those that run a
 * service's hooks. They come and go by themselves and are never updated.
 */
export function isComposeHelper(labels: Labels): boolean {
  const isOneOff = labels[`${PREFIX}oneoff`]?.toLowerCase() === "true";
  return isOneOff || labels[`${PREFIX}hook`] !== undefined;
}

function listIn(label: string | undefined): string[] {
  return (label ?? "").split(",").filter((path) => path !== "");
}
