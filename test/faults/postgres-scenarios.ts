/** The procedures of PostgreSQL that faults strike, with the states that they may end in. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { pushPostgres } from "../integration/postgres/server.ts";
import { type DatabaseHost, openDatabaseHost } from "../integration/postgres/update-lab.ts";
import { runningImage } from "../integration/update/host.ts";
import type { Lab } from "../lab/lab-types.ts";
import type { Scenario, Work } from "./postgres-faults.ts";

const ROWS = 5000;

export const DUMPING = { name: "the dump", program: /^pg_dumpall --clean/ };
const MAKING = { name: "initdb", program: /^initdb .*-D/ };
const RESTORING = { name: "the restore by psql", program: /psql -X -q -v ON_ERROR_STOP=0/ };
const LOADING = {
  name: "the restore by pg_restore",
  program: /^pg_restore --exit-on-error/,
};
const COLD_COPYING = { name: "the cold copy", program: /cp -a .*pratique-backups/ };
const COPYING_BACK = { name: "the copy back", program: /cp -a .*pratique-incoming/ };
export const EXCHANGING = {
  name: "the exchange of the data",
  program: /^\/bin\/sh -c .* exchange \/var/s,
};

/** What `npm run faults` strikes of PostgreSQL, besides the calls and entries of an update. */
export const POSTGRES_PROCEDURES: readonly {
  name: string;
  title: string;
  work: readonly Work[];
  open(lab: Lab): Promise<{ database: DatabaseHost; scenario: Scenario }>;
}[] = [
  {
    ...{ name: "postgres-update", title: "PostgreSQL, update", work: [DUMPING, COLD_COPYING] },
    async open(lab) {
      const database = await openDatabaseHost(lab, { rows: ROWS });
      return { database, scenario: await updateScenario(database) };
    },
  },
  {
    ...{ name: "postgres-restore-dump", title: "restore of a dump, on a volume" },
    work: [DUMPING, MAKING, RESTORING, EXCHANGING],
    async open(lab) {
      const database = await openDatabaseHost(lab, { rows: ROWS });
      return { database, scenario: await restoreScenario(database, "dump") };
    },
  },
  {
    ...{ name: "postgres-restore-copy", title: "restore of a cold copy, on a bind mount" },
    work: [DUMPING, COPYING_BACK, EXCHANGING],
    async open(lab) {
      const data = `${lab.folder("data")}:/var/lib/postgresql/data`;
      const database = await openDatabaseHost(lab, { rows: ROWS, data });
      await pushPostgres(lab, "15");
      const { outcome } = await database.update();
      assert.equal(outcome.kind, "updated", "its cold copy is the one to restore");
      return { database, scenario: await restoreScenario(database, "cold copy") };
    },
  },
  {
    ...{ name: "postgres-restore-database", title: "restore of one database" },
    work: [MAKING, RESTORING, LOADING],
    async open(lab) {
      const database = await openDatabaseHost(lab, { rows: ROWS });
      return { database, scenario: await databaseScenario(database) };
    },
  },
];

/** A tag that moves to and fro: whatever ended in service, the other one is the candidate. */
export async function updateScenario(database: DatabaseHost): Promise<Scenario> {
  const { lab } = database;
  const images = {
    "15": (await pushPostgres(lab, "15")).imageId,
    "15-old": (await pushPostgres(lab, "15-old")).imageId,
  };
  const before = await stateOf(database);
  let former = "";
  return {
    name: "update",
    words: ["update", "postgres", "--json"],
    async prepare() {
      former = await runningImage(lab, "postgres");
      await pushPostgres(lab, former === images["15"] ? "15-old" : "15");
    },
    async findEnd() {
      const now = await runningImage(lab, "postgres");
      const end = now === former ? "former" : "candidate";
      const isKnown = Object.values(images).includes(now);
      return {
        end: isKnown ? end : "none",
        problems: [
          ...(isKnown ? [] : [`it runs ${now}`]),
          ...((await stateOf(database)) === before ? [] : ["the data changed"]),
        ],
      };
    },
  };
}

let spoiledTimes = 0;

/** Another state, that no mix of it with the former could be taken for: rows, a table, an owner. */
async function spoil({ server }: DatabaseHost): Promise<void> {
  spoiledTimes += 1;
  const owner = spoiledTimes % 2 === 0 ? "atuin" : "miniflux";
  await server.sql(
    "atuin",
    "delete from history where id in (select id from history order by id limit 50)",
    `create table added_${spoiledTimes} (a int)`,
    `alter table history owner to ${owner}`,
  );
}

/** A setting, a database and a role too. */
async function spoilServer(database: DatabaseHost): Promise<void> {
  await spoil(database);
  await database.server.sql(
    "postgres",
    `alter database atuin set work_mem = '${20 + spoiledTimes}MB'`,
    `create database later_${spoiledTimes}`,
    `create role late_${spoiledTimes}`,
  );
}

/** The restore of a cluster to what it was before it was spoiled. */
export async function restoreScenario(
  database: DatabaseHost,
  kind: "dump" | "cold copy",
): Promise<Scenario> {
  const { host, folder, lab } = database;
  const restored = await stateOf(database);
  const made = await host.pratique("backup", "postgres", "--json");
  assert.equal(made.code, 0, made.stderr);
  const [dump] = JSON.parse(made.stdout).dumps as { path: string }[];
  const copies = join(folder, "pre-update");
  const cold =
    kind === "dump" ? "" : (readdirSync(copies).find((name) => name.endsWith(".cold")) ?? "");
  const path = kind === "dump" ? (dump?.path ?? "") : join(copies, cold);
  let spoiled = "";
  return {
    name: `restore of a ${kind}`,
    words: ["rollback", "postgres", path, "--yes", "--json"],
    async prepare() {
      if ((await stateOf(database)) !== restored) return;
      await spoilServer(database);
      spoiled = await stateOf(database);
    },
    async findEnd() {
      const problems: string[] = [];
      const now = await stateOf(database);
      const end = now === restored ? "restored" : now === spoiled ? "former" : "none";
      if (end === "none") problems.push(`a mix: ${differing(now, restored, spoiled)}`);
      const list = ["exec", "postgres", "sh", "-c", 'ls -d "$PGDATA"/pratique-*; true'];
      const own = (await lab.docker(list)).stdout.split("\n").filter((name) => name !== "");
      const unfinished = own.filter((name) => !name.includes("pratique-aside-"));
      if (unfinished.length > 0) problems.push(`left in the data: ${unfinished.join(", ")}`);
      const last = (await host.messages()).findLast(({ message = "" }) =>
        message.startsWith("restored - "),
      );
      const kept = /former data: (\S+)/.exec(last?.message ?? "")?.[1] ?? "";
      if (end === "restored" && !own.includes(kept)) problems.push(`not kept: ${kept}`);
      // Else the volume grows with every fault.
      for (const name of own) await lab.docker(["exec", "postgres", "rm", "-r", name]);
      return { end, problems };
    },
  };
}

/** The restore of one database out of a whole dump. */
export async function databaseScenario(database: DatabaseHost): Promise<Scenario> {
  const { host, server } = database;
  const restored = await stateOf(database);
  const made = await host.pratique("backup", "postgres", "--json");
  const [dump] = JSON.parse(made.stdout).dumps as { path: string }[];
  let spoiled = "";
  return {
    name: "restore of one database",
    words: ["rollback", "database", "atuin", dump?.path ?? "", "--yes", "--json"],
    async prepare() {
      if ((await stateOf(database)) !== restored) return;
      await spoil(database);
      spoiled = await stateOf(database);
    },
    async findEnd() {
      const problems: string[] = [];
      const select = "select datname from pg_database where datname ~ '^atuin_' order by 1";
      const own = (await server.sql("postgres", select)).split("\n").filter((name) => name !== "");
      const halves = own.filter((name) => !name.includes("_before_"));
      if (halves.length > 0) problems.push(`left behind: ${halves.join(", ")}`);
      for (const name of own) await server.sql("postgres", `drop database "${name}"`);
      const now = await stateOf(database);
      const end = now === restored ? "restored" : now === spoiled ? "former" : "none";
      if (end === "none") problems.push(`a mix: ${differing(now, restored, spoiled)}`);
      if (end === "restored" && own.length !== 1) problems.push(`kept: ${own.join(", ")}`);
      return { end, problems };
    },
  };
}

/**
 * Everything there is: roles, databases, owners, grants, settings, tables and rows, as pg_dumpall
 * writes it; without the rows of the application, which writes all the time. One program instead of
 * one for each table: a fault test asks often.
 */
async function stateOf({ lab, server }: DatabaseHost): Promise<string> {
  const dump = await lab.docker(["exec", "postgres", "pg_dumpall", "--username", server.user]);
  const lines: string[] = [];
  let isApplication = false;
  for (const line of dump.stdout.split("\n")) {
    isApplication ||= line.startsWith("COPY public.visits ");
    // A key of its own in every dump, and comments with versions.
    if (!isApplication && !/^(--|\\(un)?restrict )/.test(line)) lines.push(line);
    if (line === "\\.") isApplication = false;
  }
  return lines.join("\n");
}

/** Lines that neither state has, and lines that both have and are missing: a readable part. */
function differing(now: string, ...states: string[]): string {
  const lines = new Set(now.split("\n"));
  const all = states.map((state) => new Set(state.split("\n")));
  const added = [...lines].filter((line) => !all.some((state) => state.has(line)));
  const gone = [...(all[0] ?? [])].filter(
    (line) => !lines.has(line) && all.every((state) => state.has(line)),
  );
  return `added ${added.slice(0, 10).join(" | ")}; missing ${gone.slice(0, 10).join(" | ")}`;
}
