/** Each example is read without a problem and says what the table of the reference hosts says. */
import assert from "node:assert/strict";
import test from "node:test";
import { parse } from "yaml";
import type { Config } from "../src/config/config.ts";
import { cronProblem } from "../src/config/cron.ts";
import { loadConfig } from "../src/config/load.ts";
import {
  cronLines,
  type ExampleName,
  exampleFiles,
  exampleText,
  PLACES,
} from "./integration/examples/example-files.ts";

interface ComposeService {
  image: string;
  container_name: string;
  ports?: string[];
  environment?: Record<string, string>;
  volumes?: string[];
}

function composeOf(name: ExampleName): Record<string, ComposeService> {
  return parse(exampleText(name, "compose.yaml")).services;
}

const DIUN_TOKEN = "c".repeat(16);

function configOf(name: ExampleName): Config {
  const files: Record<string, string> = {
    "pratique.yaml": exampleText(name, "pratique.yaml"),
    [`${PLACES[name].project}/configs/secure-update/critical-containers.json`]: exampleText(
      name,
      "critical-containers.json",
    ),
  };
  const result = loadConfig({
    path: "pratique.yaml",
    workingFolder: "/",
    environment: {
      ...{ NTFY_ADDRESS: "192.0.2.1:8081", DIUN_TOKEN },
      ...{ TRIVY_TOKEN: "a", NTFY_TOKEN: "b" },
    },
    readFile: (path) => files[path] ?? files[path.replace(/^\//, "")] ?? missing(path),
  });
  assert.ok(result.ok, JSON.stringify(result));
  return result.config;
}

function missing(path: string): never {
  throw new Error(`the example reads ${path}, which it does not bring`);
}

const NAMES = ["amy", "bender"] as const;
/** One of the scripts, or the program inside its container. */
const SCRIPT =
  /scripts\/secure-container-update\.sh (?:weekly|retry) |docker exec pratique pratique /;

test("amy is as the table of the reference hosts has it", () => {
  const { host, schedule, scanner, notify, critical, services, backups } = configOf("amy");
  assert.equal(host, "amy");
  assert.deepEqual(
    { weekly: schedule.weekly, retry: schedule.retry, check: schedule.check },
    { weekly: "30 4 * * 3", retry: "30 4 * * *", check: null },
  );
  assert.deepEqual(schedule.never, ["sat"]);
  assert.equal(schedule.timezone, "Europe/Berlin");
  assert.equal(scanner.server, "http://trivy:8080");
  assert.deepEqual(critical, [
    "postgres",
    "ntfy",
    "beszel",
    "pihole",
    "keepalived",
    "vaultwarden",
    "spendspentspent",
    "diun",
  ]);
  assert.deepEqual(
    [notify.ntfy?.url, notify.ntfy?.topic],
    ["http://ntfy:80", "container-updates-amy"],
  );
  assert.deepEqual(services.postgres?.databases, ["atuin", "miniflux", "sss"]);
  assert.deepEqual(services.postgres?.dependents, ["atuin", "miniflux", "spendspentspent"]);
  assert.equal(backups.postgres, "/docker/backups/postgres");
});

test("bender is as the table of the reference hosts has it", () => {
  const { host, schedule, notify, critical, services, backups } = configOf("bender");
  assert.equal(host, "bender");
  assert.deepEqual(
    { weekly: schedule.weekly, retry: schedule.retry, check: schedule.check },
    { weekly: null, retry: null, check: "30 4 * * 6" },
  );
  assert.deepEqual(schedule.never, ["wed"]);
  assert.deepEqual(critical, ["postgres"]);
  assert.deepEqual(
    [notify.ntfy?.url, notify.ntfy?.topic],
    ["http://192.0.2.1:8081", "container-updates-bender"],
  );
  const { postgres } = services;
  assert.deepEqual(postgres?.databases, ["immich", "hedgedoc"]);
  assert.deepEqual(postgres?.dependents, ["immich_server", "immich_machine_learning", "hedgedoc"]);
  assert.deepEqual(postgres?.sidecars, ["postgres-backup"]);
  assert.match(composeOf("bender").postgres?.image ?? "", /vectorchord/);
  assert.equal(backups.postgres, "/mnt/BIG/filme/docker-compose/backups/postgres");
});

for (const name of NAMES) {
  const { project, trivyPort } = PLACES[name];

  test(`${name}: state, critical list and logs stay at the known paths`, () => {
    const { state } = configOf(name);
    assert.equal(state, `${project}/configs/secure-update`);
    const mounts = composeOf(name).pratique?.volumes ?? [];
    assert.ok(mounts.includes(`${state}:${state}`), mounts.join("\n"));
    assert.ok(mounts.includes(`${project}:${project}:ro`), mounts.join("\n"));
    const { postgres } = configOf(name).backups;
    assert.ok(mounts.includes(`${postgres}:${postgres}`), mounts.join("\n"));
  });

  test(`${name}: trivy, diun and ntfy are set as the table says`, () => {
    const services = composeOf(name);
    assert.deepEqual(services.trivy?.ports, [`${trivyPort}:8080`]);
    const diun = services.diun?.environment ?? {};
    assert.match(diun.DIUN_WATCH_SCHEDULE ?? "", /\S/);
    assert.equal(diun.DIUN_NOTIF_NTFY_TOPIC, `container-updates-${name}`);
    const address = name === "amy" ? "http://ntfy:80" : "http://$" + "{NTFY_ADDRESS}";
    assert.equal(diun.DIUN_NOTIF_NTFY_ENDPOINT, address);
    const { bind, hosts, hooks } = configOf(name).http;
    assert.equal(diun.DIUN_NOTIF_WEBHOOK_ENDPOINT, "http://pratique:8585/api/v1/hooks/diun");
    assert.deepEqual([bind, hosts], ["0.0.0.0:8585", ["pratique"]]);
    assert.equal(hooks.diunToken?.reveal(), DIUN_TOKEN);
    assert.match(diun.DIUN_NOTIF_WEBHOOK_HEADERS_AUTHORIZATION ?? "", /^Bearer \$\{DIUN_TOKEN:/);
  });

  test(`${name}: every container that the configuration names is in compose.yaml, by its name`, () => {
    const { services, critical } = configOf(name);
    const compose = composeOf(name);
    for (const [key, { container_name }] of Object.entries(compose)) {
      assert.equal(container_name, key);
    }
    const named = [
      ...critical,
      ...Object.values(services).flatMap((service) => [
        service.container,
        ...service.dependents,
        ...service.sidecars,
      ]),
    ];
    assert.deepEqual(
      named.filter((container) => !(container in compose)),
      [],
    );
  });

  test(`${name}: .env.example has every variable that is used, and no other`, () => {
    const used = ["compose.yaml", "pratique.yaml"].flatMap((file) =>
      [...withoutComments(exampleText(name, file)).matchAll(/\$\{([A-Z_]+)/g)].map(
        ([, key = ""]) => key,
      ),
    );
    const written = [...exampleText(name, ".env.example").matchAll(/^([A-Z_]+)=/gm)];
    assert.deepEqual(
      [...new Set(used)].filter((key) => key !== "PRATIQUE_IMAGE").sort(),
      written.map(([, key = ""]) => key).sort(),
    );
  });

  test(`${name}: lines of the crontab are lines of a crontab, on days that are its own`, () => {
    const lines = cronLines(exampleText(name, "crontab"));
    assert.ok(lines.length > 0);
    for (const { when, command } of lines) {
      if (when !== "@reboot") assert.equal(cronProblem(when), null, when);
      assert.match(command, /configs\/secure-update\/logs\/cron\.log 2>&1$/);
      // In a crontab a bare % ends the command.
      assert.doesNotMatch(command, /(?<!\\)%/);
      assert.match(command, SCRIPT);
    }
  });

  test(`${name}: images are named by tag, and only the scanner by digest too`, () => {
    for (const [key, { image }] of Object.entries(composeOf(name))) {
      if (key === "pratique") continue;
      assert.match(image, key === "trivy" ? /:[\d.]+@sha256:[0-9a-f]{64}$/ : /:[\w.-]+$/);
    }
  });
}

test("amy and bender never deploy on the same day", () => {
  const [amy, bender] = [configOf("amy"), configOf("bender")];
  assert.deepEqual([amy.schedule.never, bender.schedule.never], [["sat"], ["wed"]]);
  assert.deepEqual(exampleFiles("amy"), exampleFiles("bender"));
});

function withoutComments(text: string): string {
  return text.replace(/(^|\s)#.*$/gm, "");
}
