import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { ImageSpec, Lab, LabImage } from "../../lab/lab-types.ts";
import { openLab } from "../../lab/open-lab.ts";
import { postgresImage } from "../../lab/postgres-images.ts";
import { isFull } from "../../lab/slice-of.ts";
import { hostOn, runningImage } from "../update/host.ts";
import { checksums, definitions, type Server, serverNamed } from "./server.ts";

const SUPERUSER = "Root Of-It";
/** 63 bytes, as long as PostgreSQL has names. */
const LONGEST = `${"ü".repeat(31)}x`;
const NAMES = ["--help", "UPPER case", LONGEST, "back\\slash 'quote' \"=1\" %20.", "postgres://x"];

const MEMBERSHIPS = `select roleid::regrole, member::regrole, grantor::regrole,
  pg_get_userbyid(10), current_setting('server_version_num'), datlocprovider, datlocale
  from pg_auth_members, pg_database where datname = 'template0' order by 1, 2`;
const MOUNTS = "{{range .Mounts}}{{.Name}} {{.Destination}}{{end}}";

/** From 18 on the volume is the folder above, and each major version has its own below it. */
function layoutOf18(build: string): ImageSpec {
  const image = postgresImage("17");
  return {
    ...image,
    env: { ...image.env, PGDATA: "/var/lib/postgresql/18/docker", BUILD: build },
    volumes: ["/var/lib/postgresql"],
  };
}

async function run(
  lab: Lab,
  server: Server,
  image: LabImage,
  options: readonly string[],
  command: readonly string[] = [],
): Promise<void> {
  const run = ["run", "--detach", "--name", server.name, "--restart", "always"];
  await lab.docker([...run, ...options, image.reference, ...command]);
  await server.ready();
}

test("names, users, passwords and mounts of every kind are updated; what does not last is held", async (t) => {
  await using lab = await openLab({ remembersScans: true });
  const data = lab.folder("data");
  const configuration = join(lab.folder("configuration"), "custom.conf");
  const settings = "listen_addresses = '*'\nshared_preload_libraries = 'pg_stat_statements'\n";
  writeFileSync(configuration, settings);
  const trust = ["--env", "POSTGRES_HOST_AUTH_METHOD=trust"];
  const former = await lab.image("postgres:15", postgresImage("15-old"));
  const bound = serverNamed(lab, "bound", SUPERUSER);
  const other = serverNamed(lab, "layout18");
  const options = [
    ...["--env", `POSTGRES_USER=${SUPERUSER}`, ...trust],
    ...["--volume", `${data}:/var/lib/postgresql/data`],
    ...["--volume", `${configuration}:/etc/custom.conf:ro`],
  ];
  await run(lab, bound, former, options, ["postgres", "-c", "config_file=/etc/custom.conf"]);
  const layout = await lab.image("postgres:17", layoutOf18("1"));
  await run(lab, other, layout, [
    ...["--env", "POSTGRES_PASSWORD=a b'c\"d$e"],
    ...["--env", "POSTGRES_INITDB_ARGS=--locale-provider=builtin --builtin-locale=C.UTF-8"],
  ]);
  const fleeting = await lab.image("postgres:15-fleeting", postgresImage("15-old"));
  await run(lab, serverNamed(lab, "fleeting"), fleeting, [
    ...trust,
    ...["--mount", "type=tmpfs,destination=/var/lib/postgresql/data"],
  ]);
  const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
  await bound.sql(
    "postgres",
    ...NAMES.flatMap((name) => [`create database ${quoted(name)}`]),
    ...NAMES.slice(0, 3).map((name) => `create role ${quoted(name)}`),
  );
  for (const name of NAMES) {
    await bound.sql(name, "create table rows as select generate_series(1, 100) as n");
  }
  // Can be filled only where the library is loaded, which the configuration outside the data says.
  await bound.sql(
    LONGEST,
    "create extension pg_stat_statements",
    "create materialized view statements as select count(*) from pg_stat_statements",
  );
  await other.sql(
    "postgres",
    "create table rows as select generate_series(1, 100) as n",
    "create role second superuser login",
    "create role exporter",
    "grant pg_monitor to exporter",
  );
  const host = hostOn(
    lab,
    `backups:
  postgres: ${join(lab.folder("backups"), "postgres")}
services:
  bound: &how { check: postgres, dataBackup: true, timeout: 20s, stable: 1s }
  layout18: { check: postgres, user: second, dataBackup: true, timeout: 20s, stable: 1s }
  fleeting: *how
`,
  );

  let whole = "";
  let wholeOfOther = "";
  await t.test("a dump of each database, and one of the whole", async () => {
    const made = await host.pratique("backup", "postgres", "--per-database", "--json");
    assert.equal(made.code, 0, made.stdout + made.stderr);
    const { dumps } = JSON.parse(made.stdout) as {
      dumps: { path: string; manifest: { container: string; kind: string } }[];
    };
    const isWholeOf = (container: string) => (each: (typeof dumps)[0]) =>
      each.manifest.container === container && each.manifest.kind === "cluster";
    const ofBound = dumps.filter(({ manifest }) => manifest.container === "bound");
    assert.equal(ofBound.length, 1 + NAMES.length + 2, "postgres and the superuser's own too");
    whole = dumps.find(isWholeOf("bound"))?.path ?? "";
    wholeOfOther = dumps.find(isWholeOf("layout18"))?.path ?? "";
  });

  await t.test("a tablespace is held", async () => {
    await lab.docker(["exec", "bound", "sh", "-c", "mkdir /tmp/space; chown postgres /tmp/space"]);
    await bound.sql("postgres", "create tablespace elsewhere location '/tmp/space'");
    await lab.image("postgres:15", postgresImage("15"));
    const [report] = (await host.run("update", "bound")).containers;
    assert.match(JSON.stringify(report?.outcome), /held.*tablespaces .*elsewhere/);
    assert.equal(await runningImage(lab, "bound"), former.imageId);
    await bound.sql("postgres", "drop tablespace elsewhere");
  });

  await t.test("the others are updated in one run", async () => {
    const before = [];
    for (const server of [bound, other]) {
      before.push([await checksums(server), await definitions(server)]);
    }
    const volume = async () =>
      (await lab.docker(["inspect", "--format", MOUNTS, "layout18"])).stdout;
    const mounts = await volume();
    assert.match(mounts, /^[0-9a-f]{64} \/var\/lib\/postgresql$/);
    const candidates = {
      bound: await lab.image("postgres:15", postgresImage("15")),
      layout18: await lab.image("postgres:17", layoutOf18("2")),
    };
    await lab.image("postgres:15-fleeting", postgresImage("15"));

    const { containers } = await host.run("update", "bound", "layout18", "fleeting");

    const outcomes = new Map(containers.map(({ container, outcome }) => [container, outcome]));
    for (const [name, { imageId }] of Object.entries(candidates)) {
      assert.equal(outcomes.get(name)?.kind, "updated", JSON.stringify(outcomes.get(name)));
      assert.equal(await runningImage(lab, name), imageId);
    }
    assert.match(JSON.stringify(outcomes.get("fleeting")), /held.*data directory/);
    assert.equal(await runningImage(lab, "fleeting"), fleeting.imageId);
    assert.equal(await volume(), mounts, "the same anonymous volume");
    const after = [];
    for (const server of [bound, other]) {
      after.push([await checksums(server), await definitions(server)]);
    }
    assert.deepEqual(after, before);
  });

  if (!isFull) return;
  await t.test(
    "a builtin locale is restored, by a user who is not the first superuser",
    async () => {
      const state = async () => [
        await checksums(other),
        await definitions(other),
        await other.sql("postgres", MEMBERSHIPS),
      ];
      const before = await state();
      await other.sql("postgres", "delete from rows", "drop role exporter");
      const restored = await host.pratique("rollback", "postgres", wholeOfOther, "--yes");
      assert.equal(restored.code, 0, restored.stdout + restored.stderr);
      assert.deepEqual(await state(), before);
    },
  );

  await t.test("what was granted in it by 17's first superuser passes a drill", async () => {
    const drill = await host.pratique("backup", "drill", wholeOfOther, "--json");
    assert.equal(drill.code, 0, drill.stdout + drill.stderr);
  });

  await t.test("the whole dump passes its drill", async () => {
    const drill = await host.pratique("backup", "drill", whole, "--json");
    assert.equal(drill.code, 0, drill.stdout + drill.stderr);
    assert.equal(JSON.parse(drill.stdout).rows, NAMES.length * 100);
  });

  await t.test("the whole dump is restored into service", async () => {
    const before = [await checksums(bound), await definitions(bound)];
    await bound.sql(LONGEST, "delete from rows");
    const restored = await host.pratique("rollback", "postgres", whole, "--yes");
    assert.equal(restored.code, 0, restored.stdout + restored.stderr);
    assert.deepEqual([await checksums(bound), await definitions(bound)], before);
  });
});
