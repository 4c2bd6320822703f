import { composeProjectOf } from "./compose-project.ts";

/**
 * What a person types to update a container that pratique must leave alone, ready for a shell:
 * names from labels are quoted, whatever is in them.
 */
export function updateByHand(
  image: string,
  labels: Readonly<Record<string, string>>,
  imageLabels: Readonly<Record<string, string>>,
): string {
  const project = composeProjectOf(labels, imageLabels);
  if (project === null) {
    return `docker pull ${quoted(image)}, then remove it and run it as before`;
  }
  const { project: name, workingFolder, files, environmentFiles, service } = project;
  const compose = [
    ...["docker", "compose", "-p", name, "--project-directory", workingFolder],
    ...files.flatMap((file) => ["-f", file]),
    ...environmentFiles.flatMap((file) => ["--env-file", file]),
  ].map(quoted);
  return [...compose, "up", "-d", "--no-deps", "--pull", "always", quoted(service)].join(" ");
}

function quoted(word: string): string {
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
