/**
 * The configuration file as it is written. Every key has its description and default here and
 * nowhere else: the JSON schema, `config print` and docs/configuration.md are made from it.
 * A key that is null (or left empty) has its default.
 */
import * as v from "valibot";
import { EVENTS, WEEKDAYS } from "./names.ts";
import { serviceSchema } from "./service-schema.ts";
import {
  age,
  commandLine,
  containerGlob,
  containerName,
  cron,
  endpoint,
  hostAndPort,
  hostName,
  httpUrl,
  list,
  oneOf,
  pause,
  secret,
  secretUrl,
  text,
  timeout,
  timezone,
  token,
  topic,
  wholeNumber,
  yesOrNo,
} from "./values.ts";
import { listed } from "./words.ts";

const engine = v.strictObject({
  endpoint: v.nullish(
    v.pipe(
      endpoint,
      v.description(
        "Address of the Docker Engine: unix://, tcp:// or ssh://. Without it $DOCKER_HOST, else unix:///var/run/docker.sock.",
      ),
    ),
    null,
  ),
  tls: v.nullish(
    v.pipe(
      v.strictObject({
        ca: v.pipe(text, v.description("PEM file of the authority that signed the engine's.")),
        cert: v.pipe(text, v.description("PEM file of our certificate.")),
        key: v.pipe(text, v.description("PEM file of our private key.")),
      }),
      v.description(
        "Certificates for a tcp:// endpoint. Without it $DOCKER_CERT_PATH where $DOCKER_TLS_VERIFY is set.",
      ),
    ),
    null,
  ),
});

const watch = v.strictObject({
  default: v.nullish(
    v.pipe(
      yesOrNo,
      v.description("false: only containers that are labelled pratique.watch=true are watched."),
    ),
    true,
  ),
  exclude: v.nullish(
    v.pipe(list(containerGlob), v.description("Names of containers left alone; * and ? allowed.")),
    [],
  ),
});

function scheduled(what: string) {
  return v.nullish(v.pipe(cron, v.description(`Cron expression of ${what}; null: never.`)), null);
}

const schedule = v.strictObject({
  timezone: v.nullish(
    v.pipe(timezone, v.description("Time zone of the schedule. Without it $TZ, else UTC.")),
    null,
  ),
  weekly: scheduled("the whole cycle over every watched container"),
  retry: scheduled("the retry queue"),
  check: scheduled("a look for updates that only notifies"),
  backup: scheduled("the database dumps into daily/"),
  drill: scheduled("the restore drill"),
  never: v.nullish(
    v.pipe(
      list(oneOf(WEEKDAYS)),
      v.description("Weekdays on which nothing is put in service: it is reported and waits."),
    ),
    [],
  ),
});

const scanner = v.strictObject({
  server: v.nullish(
    v.pipe(
      httpUrl,
      v.description("Address of the Trivy server; null scans with the program's own database."),
    ),
    null,
  ),
  token: v.nullish(v.pipe(secret, v.description("Token of the Trivy server.")), null),
  command: v.nullish(
    v.pipe(
      commandLine,
      v.description("How trivy is started, as a list, e.g. [docker, exec, trivy, trivy]."),
    ),
    ["trivy"],
  ),
  timeout: v.nullish(v.pipe(timeout, v.description("How long one scan may take.")), "10m"),
  maxDatabaseAge: v.nullish(
    v.pipe(
      v.union([v.literal("off"), age], "must be a duration such as 48h, or off"),
      v.description(
        "With an older vulnerability database nothing is decided. off accepts any age, also an unknown one.",
      ),
    ),
    "48h",
  ),
  parallel: v.nullish(
    v.pipe(wholeNumber(1, 16), v.description("How many images are pulled and scanned at a time.")),
    2,
  ),
});

const TREATMENTS = ["block", "warn", "log"] as const;

function treatment(severity: string, preset: (typeof TREATMENTS)[number]) {
  const words = `What ${severity} findings do: block, warn (passes, named in the message) or log.`;
  return v.nullish(v.pipe(oneOf(TREATMENTS), v.description(words)), preset);
}

const gate = v.strictObject({
  mode: v.nullish(
    v.pipe(
      oneOf(["strict", "no-new-risk"]),
      v.description(
        "strict: blocking findings in the new image block. no-new-risk: only those that the running image does not have.",
      ),
    ),
    "strict",
  ),
  critical: treatment("CRITICAL", "block"),
  high: treatment("HIGH", "block"),
  medium: treatment("MEDIUM", "warn"),
  low: treatment("LOW", "log"),
  unknown: treatment("UNKNOWN", "log"),
  unfixed: v.nullish(
    v.pipe(
      oneOf(["same", "warn", "log"]),
      v.description("Treatment of findings that have no fix yet: as the others, or softer."),
    ),
    "same",
  ),
  unscannable: v.nullish(
    v.pipe(
      oneOf(["hold", "allow"]),
      v.description("What happens to an image in which there is nothing to analyse."),
    ),
    "hold",
  ),
  cooldown: v.nullish(
    v.pipe(age, v.description("Hold digests first seen less than this ago.")),
    "0s",
  ),
});

const ntfy = v.strictObject({
  url: v.pipe(httpUrl, v.description("Address of the ntfy server.")),
  topic: v.pipe(topic, v.description("Topic of the messages.")),
  token: v.nullish(v.pipe(secret, v.description("Access token; without it anonymous.")), null),
});

const fallback = v.strictObject({
  url: v.pipe(secretUrl, v.description("Another ntfy server, or a webhook.")),
  topic: v.nullish(
    v.pipe(topic, v.description("ntfy topic; null: the address is a webhook.")),
    null,
  ),
  token: v.nullish(v.pipe(secret, v.description("Access token of that ntfy server.")), null),
});

const EVENT = "must be on, off or { priority: 1 to 5 }";

const event = v.union(
  [
    v.picklist(["on", "off"], EVENT),
    v.boolean(EVENT),
    v.strictObject({
      priority: v.pipe(wholeNumber(1, 5), v.description("Priority as ntfy has them.")),
    }),
  ],
  EVENT,
);

const notify = v.strictObject({
  ntfy: v.nullish(v.pipe(ntfy, v.description("Where messages go; null: nowhere.")), null),
  fallback: v.nullish(
    v.pipe(fallback, v.description("Where urgent messages go too, when one is set.")),
    null,
  ),
  events: v.nullish(
    v.pipe(
      v.record(oneOf(EVENTS), event),
      v.description(
        `Single events off, or with another priority: update-success: off, run-summary: { priority: 1 }. They are ${listed(EVENTS)}.`,
      ),
    ),
    {},
  ),
});

const backups = v.strictObject({
  keep: v.nullish(
    v.pipe(wholeNumber(1, 50), v.description("How many former images of a container are kept.")),
    3,
  ),
  postgres: v.nullish(
    v.pipe(
      text,
      v.description("Folder of database dumps, with daily/, manual/ and pre-update/ below it."),
    ),
    null,
  ),
  keepDumps: v.nullish(
    v.pipe(
      v.strictObject({
        daily: v.nullish(
          v.pipe(wholeNumber(1, 1000), v.description("How many dumps stay in daily/.")),
          7,
        ),
        "pre-update": v.nullish(
          v.pipe(wholeNumber(1, 1000), v.description("How many dumps stay in pre-update/.")),
          3,
        ),
      }),
      v.description(
        "How many dumps are kept. Those in manual/, and files without our manifest, are never deleted.",
      ),
    ),
    {},
  ),
});

const deploy = v.strictObject({
  strategy: v.nullish(
    v.pipe(
      oneOf(["auto", "compose", "engine"]),
      v.description("auto: compose for containers that compose made, the engine for all others."),
    ),
    "auto",
  ),
  drift: v.nullish(
    v.pipe(
      oneOf(["hold", "engine"]),
      v.description(
        "What happens when the compose file and the container differ: hold, or recreate by the engine.",
      ),
    ),
    "hold",
  ),
});

const health = v.strictObject({
  timeout: v.nullish(
    v.pipe(timeout, v.description("Deadline of the checks after an update.")),
    "2m",
  ),
  stable: v.nullish(
    v.pipe(pause, v.description("How long a container must stay up without a restart.")),
    "10s",
  ),
});

const retention = v.strictObject({
  logs: v.nullish(v.pipe(age, v.description("How long daily logs are kept.")), "90d"),
  reports: v.nullish(v.pipe(age, v.description("How long scan reports are kept.")), "90d"),
});

const hooks = v.strictObject({
  diunToken: v.nullish(
    v.pipe(
      token,
      v.description("What diun must show to say that an image is new; without it the hook is off."),
    ),
    null,
  ),
});

const http = v.strictObject({
  bind: v.nullish(
    v.pipe(
      hostAndPort,
      v.description(
        "Where the daemon listens: loopback unless told otherwise; 0.0.0.0:8585 in a container.",
      ),
    ),
    "127.0.0.1:8585",
  ),
  hosts: v.nullish(
    v.pipe(
      list(hostName),
      v.description(
        "Names under which others reach it, such as pratique in a compose network. Addresses, localhost and publicUrl's name are known; requests for any other name are refused.",
      ),
    ),
    [],
  ),
  hooks: v.nullish(v.pipe(hooks, v.description("What other programs may tell it.")), {}),
  publicUrl: v.nullish(
    v.pipe(httpUrl, v.description("Address under which people reach it.")),
    null,
  ),
});

const CRITICAL = "must be the path of a JSON list, or a list of services";

export const configSchema = v.strictObject({
  host: v.pipe(hostName, v.description("Name of this host, shown in every message's title.")),
  engine: v.nullish(v.pipe(engine, v.description("The Docker Engine.")), {}),
  state: v.nullish(
    v.pipe(text, v.description("Folder of the database, logs, reports and retry-queue.json.")),
    "/var/lib/pratique",
  ),
  watch: v.nullish(v.pipe(watch, v.description("Which containers are looked after.")), {}),
  schedule: v.nullish(v.pipe(schedule, v.description("When the daemon does what.")), {}),
  scanner: v.nullish(v.pipe(scanner, v.description("The vulnerability scanner (Trivy).")), {}),
  gate: v.nullish(v.pipe(gate, v.description("What a new image must be to be let in.")), {}),
  retry: v.nullish(
    v.pipe(
      v.strictObject({
        maxAttempts: v.nullish(
          v.pipe(
            wholeNumber(1, 100),
            v.description("How often an update of one digest may fail; blocked ones wait on."),
          ),
          3,
        ),
      }),
      v.description("The retry queue."),
    ),
    {},
  ),
  notify: v.nullish(v.pipe(notify, v.description("Messages.")), {}),
  backups: v.nullish(v.pipe(backups, v.description("What is kept of former images and data.")), {}),
  deploy: v.nullish(v.pipe(deploy, v.description("How images are put in service.")), {}),
  health: v.nullish(v.pipe(health, v.description("How success is told.")), {}),
  critical: v.nullish(
    v.pipe(
      v.union([text, v.array(containerName, CRITICAL)], CRITICAL),
      v.description("Services that are updated last: a list, or the path of a JSON file with one."),
    ),
    [],
  ),
  services: v.nullish(
    v.pipe(
      v.record(containerName, v.nullish(serviceSchema, {})),
      v.description("What is known of single services; the key is the container's name."),
    ),
    {},
  ),
  retention: v.nullish(v.pipe(retention, v.description("How long records are kept.")), {}),
  http: v.nullish(v.pipe(http, v.description("The web interface of the daemon.")), {}),
});

export type ParsedConfig = v.InferOutput<typeof configSchema>;
