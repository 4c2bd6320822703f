import assert from "node:assert/strict";
import { test } from "node:test";
import { openLab } from "../../lab/open-lab.ts";
import { pollUntil } from "../../lab/poll-until.ts";
import { postgresImage, postgresMinor } from "../../lab/postgres-images.ts";
import { isFull } from "../../lab/slice-of.ts";
import { runningImage } from "../update/host.ts";
import { PASSWORD, pushPostgres } from "./server.ts";
import { type DatabaseHost, openDatabaseHost, RUNNING } from "./update-lab.ts";

const QUERY = "psql -X -A -t -q -h postgres -U admin -d atuin";

/** Healthy only while the server is the former one; `MIGRATION` is what it does to a new one. */
const PICKY = `trap 'exit 0' TERM
while :; do
  version=$(${QUERY} -c 'show server_version')
  case $version in
  ${postgresMinor("15-old")}*) touch /tmp/ok ;;
  ?*) rm -f /tmp/ok; if [ -n "$MIGRATION" ]; then ${QUERY} -c "$MIGRATION"; fi ;;
  esac
  sleep 1 & wait $!
done`;

const ALL_RUNNING = { ...RUNNING, picky: "running always" };

async function startPicky({ lab }: DatabaseHost, migration: string): Promise<void> {
  await lab.docker(["rm", "--force", "picky"], { mayFail: true });
  const image = await lab.image("picky:1", {
    ...postgresImage("15-old"),
    volumes: [],
    entrypoint: ["sh", "-c", PICKY],
    cmd: [],
    healthcheck: { test: ["CMD-SHELL", "test -e /tmp/ok"], intervalMs: 1000, retries: 3 },
  });
  const variables = [`PGPASSWORD=${PASSWORD}`, `MIGRATION=${migration}`];
  await lab.docker([
    ...["run", "--detach", "--name", "picky", "--network", "apps", "--restart", "always"],
    ...variables.flatMap((each) => ["--env", each]),
    image.reference,
  ]);
  await pollUntil("picky to be healthy", 120_000, async () => {
    const health = ["inspect", "--format", "{{.State.Health.Status}}", "picky"];
    return (await lab.docker(health)).stdout === "healthy" ? true : undefined;
  });
}

test("a dependent that is worse after the commit point brings the former image back only where it can read the data", async (t) => {
  await using lab = await openLab({ remembersScans: true });
  const database = await openDatabaseHost(lab, { rows: 200, dependents: ["app", "picky"] });
  const { host, server, data, states, update } = database;
  await server.sql("atuin", "create extension hstore version '1.4'");
  const before = await data();
  const former = await runningImage(lab, "postgres");
  const candidate = await pushPostgres(lab, "15");

  await t.test("extensions are the same: the former image, on the present data", async () => {
    await startPicky(database, "");
    const rows = Number(await server.sql("atuin", "select count(*) from visits"));

    const { outcome } = await update();

    assert.equal(outcome.kind, "rolled-back", JSON.stringify(outcome));
    assert.equal(await runningImage(lab, "postgres"), former);
    assert.deepEqual(await data(), before);
    assert.deepEqual(await states(), ALL_RUNNING);
    const now = Number(await server.sql("atuin", "select count(*) from visits"));
    assert.ok(now > rows, "what the application wrote meanwhile is there");
    const last = (await host.messages()).at(-1);
    assert.match(last?.message ?? "", /^failed - .*rolled back.*picky/s);
  });

  if (!isFull) return;
  await t.test("an extension changed: the new server goes on, and a person is called", async () => {
    await startPicky(database, "alter extension hstore update");

    const { outcome } = await update();

    assert.equal(outcome.kind, "rollback-failed", JSON.stringify(outcome));
    assert.equal(await runningImage(lab, "postgres"), candidate.imageId);
    const version = "select extversion from pg_extension where extname = 'hstore'";
    assert.equal(await server.sql("atuin", version), "1.8");
    assert.deepEqual(await data(), before);
    // Never-started anchors keep the images for whoever decides; no second server waits.
    const now = Object.entries(await states()).filter(([name]) => !/^pratique-anchor-/.test(name));
    assert.deepEqual(Object.fromEntries(now), ALL_RUNNING);
    const last = (await host.messages()).at(-1);
    assert.equal(last?.priority, 5);
    const text = JSON.stringify(outcome);
    const dump = /its dump is (\S+?\.sql\.gz)/.exec(text)?.[1] ?? "";
    assert.match(last?.message ?? "", /person/);
    const verified = await host.pratique("backup", "verify", dump);
    assert.equal(verified.code, 0, `${text}\n${verified.stderr}`);
  });
});
