// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the configuration's own syntax
import assert from "node:assert/strict";
import test from "node:test";
import { inspect } from "node:util";
import type { Config } from "./config.ts";
import { loadConfig } from "./load.ts";
import type { LoadedConfig, LoadResult } from "./load-types.ts";
import { formatProblem } from "./problems.ts";

const FILE = "/etc/pratique/pratique.yaml";

function load(
  text: string,
  options: { environment?: Record<string, string>; files?: Record<string, string> } = {},
): LoadResult {
  const files: Record<string, string> = { [FILE]: text, ...options.files };
  return loadConfig({
    environment: options.environment ?? {},
    workingFolder: "/home/amy",
    readFile: (path) => {
      const content = files[path];
      if (content === undefined) throw Object.assign(new Error("no file"), { code: "ENOENT" });
      return content;
    },
  });
}

function loaded(...parameters: Parameters<typeof load>): LoadedConfig {
  const result = load(...parameters);
  assert.ok(result.ok, inspect(result));
  return result;
}

function configOf(...parameters: Parameters<typeof load>): Config {
  return loaded(...parameters).config;
}

function problemsOf(...parameters: Parameters<typeof load>): string[] {
  const result = load(...parameters);
  assert.ok(!result.ok && result.kind === "invalid", inspect(result));
  return result.problems.map((problem) => formatProblem("f", problem));
}

test("a file with only a host has every default", () => {
  const config = configOf("host: amy");
  assert.equal(config.engine.endpoint, "unix:///var/run/docker.sock");
  assert.equal(config.state, "/var/lib/pratique");
  assert.equal(config.scanner.maxDatabaseAgeMs, 48 * 3_600_000);
  assert.equal(config.scanner.timeoutMs, 600_000);
  assert.equal(config.gate.high, "block");
  assert.equal(config.gate.medium, "warn");
  assert.equal(config.backups.keep, 3);
  assert.deepEqual(config.backups.keepDumps, { daily: 7, preUpdate: 3 });
  assert.deepEqual(config.health, { timeoutMs: 120_000, stableMs: 10_000 });
  assert.equal(config.schedule.timezone, "UTC");
  assert.equal(config.notify.ntfy, null);
  assert.deepEqual(Object.keys(config.services), []);
});

test("a section or key that is left empty has its default", () => {
  const config = configOf("host: amy\nservices:\ngate:\n  high:\nschedule:\n  never:\n");
  assert.equal(config.gate.high, "block");
  assert.deepEqual(config.schedule.never, []);
  assert.deepEqual(Object.keys(config.services), []);
});

test("a container has no settings because of a name that every object has", () => {
  const { services } = configOf("host: amy\nservices:\n  web: {}\n");
  for (const name of ["constructor", "toString", "hasOwnProperty", "__proto__"]) {
    assert.equal(services[name], undefined, name);
  }
});

test("all problems are reported at once, each with its line, column and path", () => {
  const text = [
    "hots: amy", // 1
    "gate:", // 2
    "  mode: strct", // 3
    "  hihg: warn", // 4
    "  cooldown: 5 minutes", // 5
    "schedule:", // 6
    '  weekly: "30 25 * * 3"', // 7
    "  never: [sun, mon, tue, wed, thu, fri, sat]", // 8
    "notify:", // 9
    "  ntfy:", // 10
    "    url: ntfy:80", // 11
    "    topic: a b", // 12
    "    token: ${NO_SUCH}", // 13
    "backups: { keep: 0 }", // 14
    "critical: none.json", // 15
    "services:", // 16
    "  web: { check: pihoel, tcp: 80 }", // 17
    "  app: { container: web }", // 18
  ].join("\n");
  assert.deepEqual(problemsOf(text), [
    "f:1:1 host: is missing",
    "f:1:1 hots: unknown key; did you mean host?",
    'f:3:9 gate.mode: must be strict or no-new-risk, not "strct"; did you mean strict?',
    "f:4:3 gate.hihg: unknown key; did you mean high?",
    "f:5:13 gate.cooldown: must be a duration such as 10s, 5m, 48h or 3d",
    'f:7:11 schedule.weekly: is no cron expression: "25" is no hour (0 to 23, *, lists, ranges, steps of * or of a range)',
    "f:8:10 schedule.never: names every day: nothing would ever be updated",
    "f:11:10 notify.ntfy.url: must be an address such as http://ntfy:80",
    "f:12:12 notify.ntfy.topic: must be an ntfy topic: letters, digits, _ and -, at most 64",
    "f:13:12 notify.ntfy.token: the environment variable NO_SUCH is not set",
    "f:14:18 backups.keep: must be a whole number from 1 to 50",
    "f:15:11 critical: there is no file /etc/pratique/none.json",
    'f:17:17 services.web.check: must be postgres, ntfy, pihole, trivy, diun, vaultwarden, beszel, keepalived, spendspentspent, immich, hedgedoc, jellyfin, transmission, atuin, miniflux or generic, not "pihoel"; did you mean pihole?',
    "f:17:30 services.web.tcp: must be text; put it in quotes if it looks like a number",
    "f:18:21 services.app.container: the container web belongs to services.web already",
  ]);
});

test("unknown keys are found at every level, each with the nearest known one", () => {
  const text = [
    "host: amy",
    "notify:",
    "  events: { update-succes: off, update-failed: { prioritty: 4 } }",
    "services:",
    "  web:",
    "    dns: { server: 127.0.0.1, name: a, tpye: A }",
    "    http: [{ url: http://x, satus: 200 }]",
    "zzz: 1",
  ].join("\n");
  assert.deepEqual(
    problemsOf(text).map((line) => line.replace(/known here:.*/, "known here")),
    [
      "f:3:13 notify.events.update-succes: unknown key; did you mean update-success?",
      "f:3:33 notify.events.update-failed.priority: is missing",
      "f:3:50 notify.events.update-failed.prioritty: unknown key; did you mean priority?",
      "f:6:40 services.web.dns.tpye: unknown key; did you mean type?",
      "f:7:29 services.web.http[0].satus: unknown key; did you mean status?",
      "f:8:1 zzz: unknown key; known here",
    ],
  );
});

test("syntax errors and repeated keys are told with their line", () => {
  assert.deepEqual(problemsOf("host: amy\nhost: bender"), [
    "f:2:1 the file: this key is there twice",
  ]);
  assert.match(problemsOf("host: [amy")[0] ?? "", /^f:1:\d+ the file: is no YAML: /);
  assert.match(
    problemsOf("host: amy\nnotify: { ntfy: { url: http://n, topic: t, token: ${T} } }")[0] ?? "",
    /^f:2:\d+ the file: is no YAML: .*inside \{ \} write "\$\{NAME\}" in quotes/,
  );
  assert.deepEqual(problemsOf(""), ["f:1:1 the file: is empty; it must at least say host:"]);
  assert.deepEqual(problemsOf("- host"), [
    "f:1:1 the file: must be a section: keys with values, no list",
  ]);
});

test("relations between services are checked", () => {
  const text = [
    "host: amy",
    "services:",
    "  a: { dependsOn: [b] }",
    "  b: { dependsOn: [c] }",
    "  c: { dependsOn: [a, c] }",
    "  d: { check: ntfy, databases: [x], username: me, password: pass }",
  ].join("\n");
  assert.deepEqual(
    problemsOf(text),
    [
      "f:3:19 services.a.dependsOn: the dependencies go round in a circle: a → b → c → a",
      "f:5:23 services.c.dependsOn[1]: a service cannot be related to itself",
      "f:5:19 services.c.dependsOn: the dependencies go round in a circle: c → c",
      "f:6:32 services.d.databases: is read only with check: postgres; this service has check: ntfy",
    ].sort(),
  );
});

test("secrets come from the environment or a file and never print", () => {
  const text = "host: amy\nscanner:\n  server: http://t\n  token: ${TRIVY_TOKEN}\n";
  const files = { "/run/secrets/trivy": "s3cret-value\n" };
  const { scanner } = configOf(text, {
    environment: { TRIVY_TOKEN_FILE: "/run/secrets/trivy" },
    files,
  });
  assert.equal(scanner.token?.reveal(), "s3cret-value");
  const printed = `${inspect(scanner)}${JSON.stringify(scanner)}${scanner.token}`;
  assert.ok(!printed.includes("s3cret"), printed);
  assert.match(printed, /\[redacted\]/);
});

test("an unset variable with an empty default is no value", () => {
  const config = configOf("host: amy\nscanner:\n  token: ${T:-}\n  parallel: ${P:-3}\n");
  assert.equal(config.scanner.token, null);
  assert.equal(config.scanner.parallel, 3);
});

test("a value from the environment is not shown in a problem", () => {
  const [problem = ""] = problemsOf("host: amy\ngate:\n  mode: ${TOKEN}\n", {
    environment: { TOKEN: "s3cret" },
  });
  assert.equal(problem, "f:3:9 gate.mode: must be strict or no-new-risk");
});

test("critical services are a list, or a JSON file beside the configuration", () => {
  const files = { "/etc/pratique/critical.json": '["postgres", "ntfy"]' };
  assert.deepEqual(configOf("host: amy\ncritical: [postgres]").critical, ["postgres"]);
  assert.deepEqual(configOf("host: amy\ncritical: critical.json", { files }).critical, [
    "postgres",
    "ntfy",
  ]);
});

test("a missing or broken file of critical services is an error", () => {
  for (const content of ["{}", "not json", '["a b"]', "[1]"]) {
    const files = { "/etc/pratique/c.json": content };
    const problems = problemsOf("host: amy\ncritical: c.json", { files });
    assert.match(problems.join(), /critical: \/etc\/pratique\/c\.json (?:is no|cannot)/, content);
  }
});

test("services have their container, probes as lists, and durations in milliseconds", () => {
  const text = [
    "host: amy",
    "services:",
    "  immich:",
    "    container: immich_server",
    "    timeout: 10m",
    "    tcp: 127.0.0.1:80",
    "    http: { url: http://x/, status: 204 }",
    "    exec: [pg_isready, -q]",
    "  web:",
    "    exec: [[a], [b, c]]",
  ].join("\n");
  const { immich, web } = configOf(text).services;
  assert.equal(immich?.container, "immich_server");
  assert.equal(immich?.timeoutMs, 600_000);
  assert.deepEqual(immich?.tcp, ["127.0.0.1:80"]);
  assert.deepEqual(immich?.http, [{ url: "http://x/", status: [204], contains: null }]);
  assert.deepEqual(immich?.exec, [["pg_isready", "-q"]]);
  assert.equal(web?.container, "web");
  assert.deepEqual(web?.exec, [["a"], ["b", "c"]]);
});

test("events are switched off or given a priority", () => {
  const text =
    "host: amy\nnotify:\n  events: { update-success: off, run-summary: { priority: 1 }, update-held: on }";
  assert.deepEqual(configOf(text).notify.events, {
    "update-success": { send: false, priority: null },
    "run-summary": { send: true, priority: 1 },
    "update-held": { send: true, priority: null },
  });
});

test("the fallback is an ntfy topic, or a webhook whose address is a secret", () => {
  const webhook = configOf("host: a\nnotify: { fallback: { url: https://h/T0K }}").notify.fallback;
  assert.equal(webhook?.kind, "webhook");
  assert.ok(!JSON.stringify(webhook).includes("T0K"));
  const ntfy = configOf("host: a\nnotify: { fallback: { url: https://n, topic: t }}").notify
    .fallback;
  assert.deepEqual(ntfy, { kind: "ntfy", url: "https://n", topic: "t", token: null });
});

test("the engine is found by the file, then by DOCKER_HOST", () => {
  const environment = {
    DOCKER_HOST: "tcp://dock:2376",
    DOCKER_TLS_VERIFY: "1",
    DOCKER_CERT_PATH: "/certs",
  };
  assert.deepEqual(configOf("host: a", { environment }).engine, {
    endpoint: "tcp://dock:2376",
    tls: { ca: "/certs/ca.pem", cert: "/certs/cert.pem", key: "/certs/key.pem" },
  });
  assert.deepEqual(
    configOf("host: a\nengine: { endpoint: ssh://me@dock }", { environment }).engine,
    {
      endpoint: "ssh://me@dock",
      tls: null,
    },
  );
  assert.match(
    problemsOf("host: a", { environment: { DOCKER_HOST: "npipe://x" } }).join(),
    /engine\.endpoint: \$DOCKER_HOST must be unix/,
  );
});

test("every value tells where it comes from", () => {
  const { originOf } = loaded("host: amy\ngate:\n  high: ${HIGH:-block}\n", {
    environment: { TZ: "Europe/Berlin" },
  });
  assert.deepEqual(originOf(["host"]), { kind: "file", line: 1 });
  assert.deepEqual(originOf(["gate", "high"]), { kind: "environment", line: 3, names: ["HIGH"] });
  assert.deepEqual(originOf(["gate", "low"]), { kind: "default" });
  assert.deepEqual(originOf(["schedule", "timezone"]), {
    kind: "environment",
    line: null,
    names: ["TZ"],
  });
});

test("the file is the one that was named, else the first that exists", () => {
  const find = (files: Record<string, string>, path?: string, PRATIQUE_CONFIG?: string) => {
    const result = loadConfig({
      ...(path === undefined ? {} : { path }),
      environment: PRATIQUE_CONFIG === undefined ? {} : { PRATIQUE_CONFIG },
      workingFolder: "/home/amy",
      readFile: (name) => {
        const content = files[name];
        if (content === undefined) throw Object.assign(new Error("no file"), { code: "ENOENT" });
        return content;
      },
    });
    return result.ok ? result.file : result.kind;
  };
  const here = "/home/amy/pratique.yaml";
  const all = { [FILE]: "host: a", [here]: "host: a", "/x.yaml": "host: a", "/y.yaml": "host: a" };
  assert.equal(find(all), FILE);
  assert.equal(find({ [here]: "host: a" }), here);
  assert.equal(find(all, undefined, "/x.yaml"), "/x.yaml");
  assert.equal(find(all, "/y.yaml", "/x.yaml"), "/y.yaml");
  assert.equal(find(all, "none.yaml"), "unreadable");
  assert.equal(find({}), "unreadable");
});
