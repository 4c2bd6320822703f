/** The files of examples/, and a copy of them in which the host's folders lie inside the lab. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const EXAMPLES = join(import.meta.dirname, "../../../examples");

export type ExampleName = "amy" | "bender";

export interface ExamplePlaces {
  /** Folder of the compose project on the host. */
  project: string;
  /** Every folder of the host that the files name, and no longer path begins elsewhere. */
  hostFolders: readonly string[];
  trivyPort: number;
}

export const PLACES: Readonly<Record<ExampleName, ExamplePlaces>> = {
  amy: {
    project: "/docker-compose",
    hostFolders: ["/docker-compose", "/docker"],
    trivyPort: 8083,
  },
  bender: {
    project: "/mnt/BIG/filme/docker-compose",
    hostFolders: ["/mnt/BIG"],
    trivyPort: 8082,
  },
};

export function exampleText(name: ExampleName, file: string): string {
  return readFileSync(join(EXAMPLES, name, file), "utf8");
}

export function exampleFiles(name: ExampleName): string[] {
  return readdirSync(join(EXAMPLES, name)).sort();
}

export interface ExampleCopy {
  /** Where the compose project lies. */
  project: string;
  config: string;
  /** `configs/secure-update`. */
  state: string;
  /** Variables of `.env`, for programs that run beside the containers. */
  environment: Record<string, string>;
  /** A path of the example as it is in the copy. */
  moved(path: string): string;
}

/** Lays the example out as its comments say, below `root`. `values` fill in `.env`. */
export function layOut(
  name: ExampleName,
  root: string,
  values: Readonly<Record<string, string>> = {},
): ExampleCopy {
  const { project, hostFolders } = PLACES[name];
  const moved = (text: string) =>
    hostFolders.reduce(
      (before, folder) =>
        before.replace(new RegExp(`(?<![\\w./-])${folder}(?=[/: ]|$)`, "gm"), root + folder),
      text,
    );
  const write = (path: string, file: string) => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, moved(exampleText(name, file)), { mode: 0o600 });
  };
  const folder = root + project;
  const state = join(folder, "configs/secure-update");
  const config = join(folder, "configs/pratique/pratique.yaml");
  write(join(folder, "compose.yaml"), "compose.yaml");
  write(config, "pratique.yaml");
  write(join(state, "critical-containers.json"), "critical-containers.json");
  mkdirSync(join(state, "logs"), { recursive: true });
  const environment = environmentOf(name, values);
  const lines = Object.entries(environment).map(([key, value]) => `${key}=${value}\n`);
  writeFileSync(join(folder, ".env"), lines.join(""), { mode: 0o600 });
  return { project: folder, config, state, environment, moved };
}

const PRESETS: Readonly<Record<string, string>> = {
  NTFY_ADDRESS: "192.0.2.1:8081",
  DIUN_TOKEN: "diun_token_0123456789",
};

/** Every variable of `.env.example` with a value of its kind. */
function environmentOf(
  name: ExampleName,
  values: Readonly<Record<string, string>>,
): Record<string, string> {
  const keys = [...exampleText(name, ".env.example").matchAll(/^([A-Z_]+)=/gm)].map(
    ([, key = ""]) => key,
  );
  return Object.fromEntries(
    keys.map((key) => {
      return [key, values[key] ?? PRESETS[key] ?? `${key.toLowerCase()}1`];
    }),
  );
}

export interface CronLine {
  when: string;
  command: string;
}

/** Lines of a user's crontab; `ALL=CAPS` lines and comments are left out. */
export function cronLines(text: string): CronLine[] {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "" && !/^\s*#|^[A-Z_]+=/.test(line))
    .map((line) => {
      const match = /^(@\w+|\S+ \S+ \S+ \S+ \S+)\s+(\S.*)$/.exec(line);
      if (match === null) throw new Error(`no line of a crontab: ${line}`);
      return { when: match[1] ?? "", command: match[2] ?? "" };
    });
}
