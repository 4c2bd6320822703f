import { EXIT } from "../errors.ts";
import type { CommandSpec } from "./command.ts";

const WAIT = {
  flags: "--wait <duration>",
  description: "wait this long for another run to end, e.g. 10m",
};

const YES = { flags: "--yes", description: "do not ask" };
const INTO = {
  flags: "--container <name>",
  description: "the server to restore into, where the file does not say or names another one",
};

/** What a run that updates may end with. */
const RUN_EXITS = [
  EXIT.done,
  EXIT.failed,
  EXIT.refused,
  EXIT.environment,
  EXIT.locked,
  EXIT.interrupted,
];

/** Every command, in the order of the help. */
export const COMMANDS: readonly CommandSpec[] = [
  {
    name: "weekly",
    summary: "the whole cycle over every watched container, queued ones included",
    example: "pratique weekly --dry-run",
    options: [
      { flags: "--dry-run", description: "decide everything, put nothing in service" },
      WAIT,
    ],
    exitCodes: RUN_EXITS,
    load: () => import("./commands/weekly.ts"),
  },
  {
    name: "retry",
    summary: "scan what waits in the retry queue again; update what is clean now",
    example: "pratique retry --wait 10m",
    options: [WAIT],
    exitCodes: RUN_EXITS,
    load: () => import("./commands/retry.ts"),
  },
  {
    name: "update",
    arguments: "<container...>",
    summary: "the cycle for these containers now",
    example: "pratique update vaultwarden miniflux",
    options: [
      { flags: "--dry-run", description: "decide everything, put nothing in service" },
      WAIT,
    ],
    exitCodes: RUN_EXITS,
    load: () => import("./commands/update.ts"),
  },
  {
    name: "check",
    summary: "look for updates only; notifies once per digest",
    example: "pratique check",
    options: [WAIT],
    load: () => import("./commands/check.ts"),
  },
  {
    name: "scan",
    arguments: "<container|image...>",
    summary: "scan the candidate and show findings and the gate's decision; changes nothing",
    example: "pratique scan vaultwarden --running",
    options: [{ flags: "--running", description: "scan what runs now instead of the candidate" }],
    exitCodes: [EXIT.done, EXIT.refused, EXIT.environment],
    load: () => import("./commands/scan.ts"),
  },
  {
    name: "status",
    summary: "every container: what runs, what would come, why it waits, last update, backups",
    example: "pratique status",
    load: () => import("./commands/status.ts"),
  },
  {
    name: "explain",
    arguments: "<container>",
    summary: "every setting with its origin, and what an update would do, step by step",
    example: "pratique explain postgres",
    load: () => import("./commands/explain.ts"),
  },
  {
    name: "health",
    arguments: "<all|service...>",
    summary: "run the routine checks of services",
    example: "pratique health all",
    load: () => import("./commands/health.ts"),
  },
  {
    name: "rollback",
    summary: "list backups, or go back to one",
    example: "pratique rollback container vaultwarden 1",
    subcommands: [
      {
        name: "list-containers",
        alias: "list",
        arguments: "[container]",
        summary: "image backups, newest first",
        example: "pratique rollback list-containers vaultwarden",
        load: () => import("./commands/rollback-list.ts"),
      },
      {
        name: "container",
        arguments: "<container> [backup]",
        summary: "back to backup number n (1, the newest, without one) or to a named image",
        example: "pratique rollback container vaultwarden 1",
        options: [WAIT],
        load: () => import("./commands/rollback-container.ts"),
      },
      {
        name: "list-postgres",
        summary: "database dumps and cold copies, newest first",
        example: "pratique rollback list-postgres",
        options: [{ flags: "--verify", description: "read each file to its end and check it" }],
        load: () => import("./commands/rollback-list-postgres.ts"),
      },
      {
        name: "postgres",
        arguments: "<file|snapshot>",
        summary: "restore the whole cluster from a dump, or the data directory from a cold copy",
        example: "pratique rollback postgres daily/postgres-20261121T030000Z.sql.gz",
        options: [INTO, YES, WAIT],
        load: () => import("./commands/rollback-postgres.ts"),
      },
      {
        name: "database",
        arguments: "<db> <file>",
        summary: "restore one database, from a dump of it or out of a whole one",
        example: "pratique rollback database atuin daily/postgres-20261121T030000Z.sql.gz",
        options: [INTO, YES, WAIT],
        load: () => import("./commands/rollback-database.ts"),
      },
    ],
  },
  {
    name: "backup",
    summary: "make and check database dumps",
    example: "pratique backup postgres",
    subcommands: [
      {
        name: "postgres",
        summary: "dump every PostgreSQL server of this host; into manual/ unless --daily",
        example: "pratique backup postgres --per-database",
        options: [
          { flags: "--per-database", description: "also one custom-format dump of each database" },
          { flags: "--daily", description: "into daily/, and drop those beyond backups.keepDumps" },
          WAIT,
        ],
        load: () => import("./commands/backup-postgres.ts"),
      },
      {
        name: "verify",
        arguments: "<file>",
        summary: "read a dump to its end: checksum, closing line, databases, rows",
        example: "pratique backup verify daily/postgres-20261121T030000Z.sql.gz",
        load: () => import("./commands/backup-verify.ts"),
      },
      {
        name: "drill",
        arguments: "[file]",
        summary: "restore a dump (the newest) into a throwaway container and compare it",
        example: "pratique backup drill",
        options: [WAIT],
        load: () => import("./commands/backup-drill.ts"),
      },
    ],
  },
  {
    name: "queue",
    summary: "the retry queue: list, remove, approve, revoke",
    example: 'pratique queue approve miniflux --reason "not reachable from outside" --expires 30d',
    subcommands: [
      {
        name: "list",
        summary: "what waits, since when and why",
        example: "pratique queue list",
        load: () => import("./commands/queue-list.ts"),
      },
      {
        name: "remove",
        arguments: "<container>",
        summary: "take a container out of the queue",
        example: "pratique queue remove miniflux",
        load: () => import("./commands/queue-remove.ts"),
      },
      {
        name: "approve",
        arguments: "<container>",
        summary: "let the waiting digest, or these CVE ids, pass the gate",
        example:
          'pratique queue approve miniflux --reason "not reachable from outside" --expires 30d',
        options: [
          { flags: "--reason <text>", description: "why, for everybody who reads it later" },
          {
            flags: "--expires <duration>",
            description: "after this it no longer counts (30d)",
          },
          {
            flags: "--cve <id...>",
            description: "approve only these findings, for any digest of this container",
          },
        ],
        load: () => import("./commands/queue-approve.ts"),
      },
      {
        name: "revoke",
        arguments: "<container>",
        summary: "take back everything that was approved for a container",
        example: "pratique queue revoke miniflux",
        load: () => import("./commands/queue-revoke.ts"),
      },
    ],
  },
  {
    name: "history",
    arguments: "[container]",
    summary: "past updates with phases, durations, downtime, findings fixed and new",
    example: "pratique history vaultwarden --limit 5",
    options: [{ flags: "--limit <count>", description: "how many to show (50)" }],
    load: () => import("./commands/history.ts"),
  },
  {
    name: "recover",
    summary: "finish or roll back what a crash interrupted",
    example: "pratique recover",
    options: [
      {
        flags: "--settle",
        description: "also close failed roll backs that you have mended, where all is well",
      },
      WAIT,
    ],
    load: () => import("./commands/recover.ts"),
  },
  {
    name: "doctor",
    summary: "check everything that a run needs; one line each, with the fix",
    example: "pratique doctor",
    load: () => import("./commands/doctor.ts"),
  },
  {
    name: "notify",
    summary: "messages",
    example: "pratique notify test",
    subcommands: [
      {
        name: "test",
        summary: "send one message and prove that the server has it",
        example: "pratique notify test",
        load: () => import("./commands/notify-test.ts"),
      },
    ],
  },
  {
    name: "serve",
    summary:
      "the daemon: starts the runs by the schedule, delivers messages, answers health checks and diun",
    example: "pratique serve --config /etc/pratique/pratique.yaml",
    exitCodes: [EXIT.done, EXIT.usage, EXIT.environment, EXIT.locked],
    load: () => import("./commands/serve.ts"),
  },
  {
    name: "healthcheck",
    summary: "ask the daemon of this configuration whether it can do its work",
    example: "pratique healthcheck",
    exitCodes: [EXIT.done, EXIT.failed],
    load: () => import("./commands/healthcheck.ts"),
  },
  {
    name: "config",
    summary: "check or print the configuration",
    example: "pratique config check",
    subcommands: [
      {
        name: "check",
        summary: "report every problem with its line",
        example: "pratique config check --config pratique.yaml",
        load: () => import("./commands/config-check.ts"),
      },
      {
        name: "print",
        summary: "the effective configuration with origins; secrets are hidden",
        example: "pratique config print",
        load: () => import("./commands/config-print.ts"),
      },
      {
        name: "schema",
        summary: "the JSON schema of the configuration file, for editors",
        example: "pratique config schema > pratique.schema.json",
        load: () => import("./commands/config-schema.ts"),
      },
    ],
  },
];
