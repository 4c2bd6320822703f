/**
 * Dumps and restores of a database against the same by hand (`pg_dumpall | gzip`,
 * `gunzip | psql`), with the peak memory of pratique for a small database and for a big one.
 * `PRATIQUE_BENCH_DATABASE_MB` sets the big one's size (2048); it needs about five times that.
 */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fillServer, type Server, startServer } from "../test/integration/postgres/server.ts";
import { hostOn } from "../test/integration/update/host.ts";
import { openLab } from "../test/lab/open-lab.ts";
import { runProgram } from "../test/lab/run-program.ts";

const SIZE_MB = Number(process.env.PRATIQUE_BENCH_DATABASE_MB ?? 2048);
const SMALL_MB = 16;
/** One row of the table that is filled, with its index, on the disk. */
const ROW_BYTES = 320;
const LONGEST_MS = 60 * 60_000;
const POLL_MS = 50;

interface Measured {
  ms: number;
  /** Peak resident memory; 0 for what is done by hand. */
  peakMb: number;
}

// On the disk: labs may lie in memory, which is too small for this.
process.env.TMPDIR = process.env.PRATIQUE_LAB_FOLDER ?? process.env.TMPDIR;
await using lab = await openLab({ parts: ["engine", "registry"] });
const server = await startServer(lab, { command: ["postgres", "-c", "max_wal_size=4GB"] });
await fillServer(server);
const folder = lab.folder("backups");
const host = hostOn(
  lab,
  `backups:\n  postgres: ${folder}\nservices:\n  postgres: { check: postgres }\n`,
);

await grow(server, SMALL_MB);
const small = {
  dump: await pratique("backup", "postgres"),
  restore: await pratique("backup", "drill"),
};
rmSync(join(folder, "manual"), { recursive: true });
await grow(server, SIZE_MB);
const sizeMb = Number(await server.sql("postgres", "select pg_database_size('atuin') / 1000000"));
const big = await compare();

console.log(
  `database of ${sizeMb} MB        by hand   pratique   ratio   peak memory (${SMALL_MB} MB)`,
);
for (const what of ["dump", "restore"] as const) {
  const { byHand, ours } = big[what];
  const memory = `${ours.peakMb} MB (${small[what].peakMb} MB)`;
  console.log(
    `${what.padEnd(23)} ${seconds(byHand)} s ${seconds(ours)} s   ${ratio(ours, byHand)} ×   ${memory}`,
  );
}

/** Rows that compress about as well as an application's: hashes and words. */
async function grow({ sql }: Server, targetMb: number): Promise<void> {
  const rows = Math.ceil((targetMb * 1_000_000) / ROW_BYTES / 16);
  const words = "repeat('what somebody typed or read once upon a time, ', 4)";
  const text = `md5(n::text) || ' ' || ${words} || md5((n * 7)::text)`;
  await sql(
    "atuin",
    "drop table if exists big",
    "create table big (id bigint, at timestamptz default now(), note text, body text)",
    `insert into big (id, note, body) select n, 'entry ' || n, ${text} from generate_series(1, ${rows}) n`,
  );
  for (let doubled = 0; doubled < 4; doubled += 1) {
    await long("insert into big select id + (select max(id) from big), at, note, body from big");
  }
  await long("create index on big (id)");
  await long("vacuum analyze big");
  await long("checkpoint");
}

async function long(statement: string): Promise<void> {
  const psql = ["psql", "-X", "-q", "-U", "postgres", "-d", "atuin", "-c", statement];
  await lab.docker(["exec", "postgres", ...psql], { timeoutMs: LONGEST_MS });
}

async function compare() {
  const file = "by-hand.sql.gz";
  const dump = {
    byHand: await byHand(
      `docker exec postgres pg_dumpall -U postgres --clean --if-exists | gzip > ${file}`,
    ),
    ours: await pratique("backup", "postgres"),
  };
  const restore = { byHand: await restoreAlone(file), ours: await pratique("backup", "drill") };
  return { dump, restore };
}

/** Into a fresh server; its start is not part of it. */
async function restoreAlone(file: string): Promise<Measured> {
  const fresh = await startServer(lab, { name: "fresh", options: [], user: "other" });
  const measured = await byHand(
    `gunzip -c ${file} | docker exec -i fresh psql -X -q -o /dev/null -U other -d postgres`,
  );
  const rows = await fresh.sql("atuin", "select count(*) from big");
  if (rows !== (await server.sql("atuin", "select count(*) from big"))) throw new Error(rows);
  await lab.docker(["rm", "--force", "--volumes", "fresh"]);
  return measured;
}

async function byHand(script: string): Promise<Measured> {
  const startMs = performance.now();
  await runProgram("bash", ["-c", `set -eu -o pipefail; ${script}`], {
    folder: lab.folder("by-hand"),
    environment: lab.environment,
    timeoutMs: LONGEST_MS,
  });
  return { ms: performance.now() - startMs, peakMb: 0 };
}

async function pratique(...words: string[]): Promise<Measured> {
  const startMs = performance.now();
  const child = lab.startPratique(words, { config: host.config });
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  child.stdout?.resume();
  const peak = watchPeak(child);
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`pratique ${words.join(" ")}: exit ${code}\n${said}`);
  return { ms: performance.now() - startMs, peakMb: peak() };
}

/** The kernel keeps the highest value (VmHWM); it must only be read before the process ends. */
function watchPeak({ pid }: ChildProcess): () => number {
  let peakKb = 0;
  const timer = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      peakKb = Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? peakKb);
    } catch {
      clearInterval(timer);
    }
  }, POLL_MS);
  return () => {
    clearInterval(timer);
    return Math.round(peakKb / 1000);
  };
}

function seconds({ ms }: Measured): string {
  return (ms / 1000).toFixed(1).padStart(8);
}

function ratio(ours: Measured, byHand: Measured): string {
  return (ours.ms / byHand.ms).toFixed(2).padStart(5);
}
