/** Closed lists of names that the configuration knows, in the order in which they are shown. */

/** Presets of `services.*.check`; the catalogue in src/services covers each. */
export const CHECKS = [
  "postgres",
  "ntfy",
  "pihole",
  "trivy",
  "diun",
  "vaultwarden",
  "beszel",
  "keepalived",
  "spendspentspent",
  "immich",
  "hedgedoc",
  "jellyfin",
  "transmission",
  "atuin",
  "miniflux",
  "generic",
] as const;

export type CheckName = (typeof CHECKS)[number];

/** Events of notifications, as `notify.events` names them. */
export const EVENTS = [
  "update-available",
  "update-blocked",
  "update-held",
  "update-success",
  "update-failed",
  "rollback-triggered",
  "rollback-failed",
  "postgres-started",
  "postgres-complete",
  "run-summary",
] as const;

export type EventName = (typeof EVENTS)[number];

export const WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;

export type Weekday = (typeof WEEKDAYS)[number];
