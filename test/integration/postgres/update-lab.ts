/** A host with a database server and applications that use it, and images to update it to. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { ContainerReport, RunReport } from "../../../src/update/outcome.ts";
import { rareOnceWell } from "../../lab/behaviours.ts";
import type { ImageSpec, Lab } from "../../lab/lab-types.ts";
import { pollUntil } from "../../lab/poll-until.ts";
import { postgresImage } from "../../lab/postgres-images.ts";
import { type Host, hostOn } from "../update/host.ts";
import { checksums, fillServer, type Server, startServer } from "./server.ts";

export interface DatabaseHost {
  lab: Lab;
  host: Host;
  server: Server;
  folder: string;
  /** Checksums of every table but those that the application writes. */
  data(): Promise<Record<string, string>>;
  update(): Promise<ContainerReport>;
  /** `running unless-stopped` by container. */
  states(): Promise<Record<string, string>>;
}

/**
 * Inserts a row every second and is healthy while that works. Like a real application it keeps its
 * session for as long as the server lets it.
 */
export function application(user: string, database: string): ImageSpec {
  const script = `trap 'exit 0' TERM
while :; do
  echo 'insert into visits default values \\watch 1' |
    psql -X -h postgres -U ${user} -d ${database} >/tmp/ok & wait $!
  rm -f /tmp/ok
  sleep 1 & wait $!
done`;
  return {
    ...postgresImage("15-old"),
    volumes: [],
    entrypoint: ["sh", "-c", script],
    cmd: [],
    healthcheck: { ...rareOnceWell("test -s /tmp/ok"), retries: 3 },
  };
}

export interface DatabaseHostOptions {
  rows?: number;
  extra?: string;
  /** More settings of the service, indented by four. */
  settings?: string;
  user?: string;
  /** How long a server may take to prove itself. */
  timeout?: string;
  /** Default: app. */
  dependents?: readonly string[];
  /** Where the data lies, as `docker run --volume` takes it. */
  data?: string;
}

/** Server, application, sidecar; by plain `docker run`, restarting by themselves. */
export async function openDatabaseHost(
  lab: Lab,
  options: DatabaseHostOptions = {},
): Promise<DatabaseHost> {
  const { rows = 1000, extra = "", settings = "", user = "admin", timeout = "20s" } = options;
  const { data = "postgres-data:/var/lib/postgresql/data", dependents = ["app"] } = options;
  await lab.docker(["network", "create", "apps"]);
  const server = await startServer(lab, {
    user,
    options: ["--network", "apps", "--volume", data],
  });
  await fillServer(server, rows);
  await server.sql(
    "atuin",
    "create table visits (at timestamptz default now())",
    "alter table visits owner to atuin",
  );
  const image = await lab.image("app:1", application("atuin", "atuin"));
  for (const name of ["app", "backup"]) {
    await lab.docker([
      ...["run", "--detach", "--name", name, "--network", "apps", "--restart", "always"],
      ...["--env", "PGPASSWORD=atuin-password"],
      ...(name === "backup"
        ? ["--no-healthcheck", "--stop-signal", "KILL", "--entrypoint", "sleep"]
        : []),
      image.reference,
      ...(name === "backup" ? ["100000"] : []),
    ]);
  }
  await pollUntil("the application to write", 60_000, async () =>
    Number(await server.sql("atuin", "select count(*) from visits")) > 0 ? true : undefined,
  );
  const folder = join(lab.folder("backups"), "postgres");
  const host = hostOn(
    lab,
    `backups:
  postgres: ${folder}
watch:
  exclude: [backup, ${dependents.join(", ")}]
services:
  postgres:
    check: postgres
    timeout: ${timeout}
    stable: 1s
    databases: [atuin]
    dependents: [${dependents.join(", ")}]
    sidecars: [backup]
    dataBackup: true
${settings}${extra}`,
  );
  return {
    ...{ lab, host, server, folder },
    async data() {
      const sums = await checksums(server);
      delete sums["atuin: public.visits"];
      return sums;
    },
    update: () => updateBy(lab, host),
    async states() {
      const format = "{{.Name}}={{.State.Status}} {{.HostConfig.RestartPolicy.Name}}";
      const ids = (await lab.docker(["ps", "--all", "--quiet"])).stdout.split("\n");
      const { stdout } = await lab.docker(["inspect", "--format", format, ...ids]);
      return Object.fromEntries(
        stdout.split("\n").map((line) => line.slice(1).split("=") as [string, string]),
      );
    },
  };
}

/** An update of the server by this lab's pratique. */
export async function updateBy(lab: Lab, { config }: Host): Promise<ContainerReport> {
  const words = ["update", "postgres", "--json"];
  const { stdout, stderr, code } = await lab.pratique(words, { config, timeoutMs: 300_000 });
  assert.ok(stdout.startsWith("{"), `no report (exit ${code}): ${stdout}\n${stderr}`);
  const [container] = (JSON.parse(stdout) as RunReport).containers;
  assert.ok(container !== undefined, stdout);
  return container;
}

export const RUNNING = {
  app: "running always",
  backup: "running always",
  postgres: "running unless-stopped",
};
